#include "data/baseline.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES_MAX = 16 << 20, RUNS_MAX = 1000000 };

/* SQLite reads JSON for us: a row for each run of each measure of each variant. */
static const char query_text[] =
    "SELECT v.key, json_extract(v.value, '$.command'), json_extract(v.value, '$.parameters'),"
    " coalesce(json_extract(v.value, '$.reference'), v.key), m.key, r.value"
    " FROM json_each(?1, '$.variants') v, json_each(v.value, '$.measures') m, json_each(m.value, '$.runs') r"
    " WHERE json_extract(?1, '$.schema') = 'keisoku-bench/1' AND v.key < ?2 AND r.type IN ('integer', 'real')"
    " ORDER BY v.key";

static int read_file(const char *path, struct buf *out, struct err *err)
{
    char block[65536];
    ssize_t size;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
    if (fd < 0)
        return file_error(err, errno, "read", path);
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        rc = err_set(err, ERR_BAD_INPUT, "cannot read %s: it is no file; name what bench --save wrote", path);
    while (rc == 0 && (size = read(fd, block, sizeof block)) != 0) {
        if (size < 0 && errno != EINTR)
            rc = file_error(err, errno, "read", path);
        else if (size > 0)
            buf_add(out, block, (size_t)size);
        if (out->size > BYTES_MAX)
            rc = err_set(err, ERR_BAD_INPUT, "cannot read %s: it is too large; name what bench --save wrote", path);
    }
    close(fd);
    return rc;
}

static int measure_by_name(const char *name)
{
    for (int i = 0; i < BENCH_MEASURES; i++)
        if (strcmp(measure_rows[bench_measures[i]].name, name) == 0)
            return i;
    return -1;
}

static const char *column_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text != NULL ? (const char *)text : "";
}

static int take_row(struct baseline *baseline, sqlite3_stmt *statement)
{
    size_t index = (size_t)sqlite3_column_int64(statement, 0), reference = (size_t)sqlite3_column_int64(statement, 3);
    int measure = measure_by_name(column_text(statement, 4));
    double value = sqlite3_column_double(statement, 5);
    if (index >= BENCH_VARIANTS_MAX || measure < 0 || !isfinite(value))
        return 0;
    struct baseline_variant *variant = &baseline->variants[index];
    if (variant->command == NULL) {
        variant->command = mem_strdup(column_text(statement, 1));
        variant->parameters = mem_strdup(column_text(statement, 2));
        variant->reference = reference < BENCH_VARIANTS_MAX ? reference : index;
        if (variant->command == NULL || variant->parameters == NULL)
            return ERR_NOMEM;
        baseline->n = index + 1 > baseline->n ? index + 1 : baseline->n;
    }
    if (variant->n[measure] >= RUNS_MAX)
        return 0;
    if (mem_grow(&variant->runs[measure], &variant->capacity[measure], variant->n[measure] + 1, sizeof value) != 0)
        return ERR_NOMEM;
    variant->runs[measure][variant->n[measure]++] = value;
    return 0;
}

static int take_rows(struct baseline *baseline, sqlite3 *database, struct buf *text)
{
    sqlite3_stmt *statement = NULL;
    int rc = ERR_CORRUPT, step = SQLITE_DONE;
    if (sqlite3_prepare_v2(database, query_text, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_bind_text(statement, 1, buf_text(text), (int)text->size, SQLITE_STATIC) == SQLITE_OK &&
        sqlite3_bind_int(statement, 2, BENCH_VARIANTS_MAX) == SQLITE_OK) {
        rc = 0;
        while (rc == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
            rc = take_row(baseline, statement);
        if (rc == 0 && (step != SQLITE_DONE || baseline->n == 0))
            rc = step == SQLITE_NOMEM ? ERR_NOMEM : ERR_CORRUPT;
    }
    sqlite3_finalize(statement);
    return rc;
}

int baseline_parse(struct buf *text, const char *path, struct baseline *baseline, struct err *err)
{
    sqlite3 *database = NULL;
    *baseline = (struct baseline){0};
    int rc = text->failed || sqlite3_open(":memory:", &database) != SQLITE_OK ? ERR_NOMEM
                                                                              : take_rows(baseline, database, text);
    if (rc == ERR_NOMEM)
        err_set(err, rc, "cannot read %s: out of memory; free some memory", path);
    else if (rc != 0)
        err_set(err, rc, "%s is no result of keisoku bench; name what bench --save wrote", path);
    sqlite3_close(database);
    if (rc != 0)
        baseline_release(baseline);
    return rc;
}

int baseline_read(const char *path, struct baseline *baseline, struct err *err)
{
    struct buf text = {0};
    *baseline = (struct baseline){0};
    int rc = read_file(path, &text, err);
    if (rc == 0)
        rc = baseline_parse(&text, path, baseline, err);
    buf_release(&text);
    return rc;
}

void baseline_release(struct baseline *baseline)
{
    for (size_t i = 0; i < BENCH_VARIANTS_MAX; i++) {
        struct baseline_variant *variant = &baseline->variants[i];
        mem_free(variant->command);
        mem_free(variant->parameters);
        for (int measure = 0; measure < BENCH_MEASURES; measure++)
            mem_free(variant->runs[measure]);
    }
    *baseline = (struct baseline){0};
}

const struct baseline_variant *baseline_find(const struct baseline *baseline, const char *command,
                                             const char *parameters)
{
    for (size_t i = 0; i < baseline->n; i++) {
        const struct baseline_variant *variant = &baseline->variants[i];
        if (variant->command != NULL && strcmp(variant->command, command) == 0 &&
            strcmp(variant->parameters, parameters) == 0)
            return variant;
    }
    return NULL;
}
