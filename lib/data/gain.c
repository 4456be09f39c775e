/* See gain.h. A file is hostile input: it is opened and checked as any reader does before a row is added. */
#include "data/gain.h"

#include "base/file.h"
#include "base/mem.h"
#include "data/profile_private.h"
#include "data/schema.h"
#include "data/store.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GAINS_MAX = 1000, TEXT_MAX = 4096, BUSY_MS = 2000 };

static const char *table_sql(void)
{
    const struct schema_item *item = schema_items;
    while (strcmp(item->name, "gain") != 0)
        item++;
    return item->sql;
}

/* ---- writing -------------------------------------------------------------------------------------------------------
 */

static void bind_text(sqlite3_stmt *statement, int column, const char *text)
{
    sqlite3_bind_text(statement, column, text, (int)strnlen(text, TEXT_MAX), SQLITE_STATIC);
}

static int insert(sqlite3 *db, const struct gain *gain)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "INSERT INTO gain VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", -1, &statement, NULL);
    if (rc != SQLITE_OK)
        return rc;
    const double numbers[] = {gain->low,      gain->high,         gain->most,
                              gain->achieved, gain->achieved_low, gain->achieved_high};
    sqlite3_bind_int64(statement, 1, gain->unix_ns);
    bind_text(statement, 2, gain->tag);
    bind_text(statement, 3, gain->place);
    for (int i = 0; i < 6; i++)
        sqlite3_bind_double(statement, 4 + i, numbers[i]);
    bind_text(statement, 10, gain->before);
    bind_text(statement, 11, gain->after);
    sqlite3_step(statement);
    return sqlite3_finalize(statement);
}

static int add_row(sqlite3 *db, bool has_table, const struct gain *gain)
{
    sqlite3_busy_timeout(db, BUSY_MS);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL); /* a file may bring some */
    int rc = store_exec(db, "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK && !has_table)
        rc = store_exec(db, table_sql());
    if (rc == SQLITE_OK)
        rc = insert(db, gain);
    return rc == SQLITE_OK ? store_exec(db, "COMMIT") : rc;
}

static int read_flag(struct loader *loader, sqlite3_stmt *statement)
{
    loader->committed_ns = sqlite3_column_int64(statement, 0) == 1;
    return 0;
}

/* A recording that is still written belongs to its recorder. */
static int check_complete(struct loader *loader)
{
    int rc = loader_open(loader);
    if (rc == 0)
        rc = loader_each(loader, "SELECT value FROM meta WHERE key = 'complete'", read_flag);
    if (rc == 0 && loader->committed_ns != 1)
        rc = err_set(loader->err, ERR_BAD_INPUT, "cannot add to %s: it was not ended properly", loader->path);
    return rc;
}

int gain_keep(const char *path, const struct gain *gain, struct err *err)
{
    struct loader loader = {.path = path, .err = err};
    sqlite3 *db = NULL;
    char *real = NULL;
    int rc = check_complete(&loader);
    sqlite3_close(loader.db);
    if (rc != 0)
        return rc;
    real = realpath(path, NULL);
    if (real == NULL)
        return file_error(err, errno, "open", path);
    int code = sqlite3_open_v2(real, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = add_row(db, loader.has_gains, gain);
    if (code != SQLITE_OK)
        rc = store_error(db, err, "add to", path);
    sqlite3_close(db);
    free(real);
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------------------------------
 */

static const char *copy_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return mem_strndup(text != NULL ? text : "", text != NULL ? strnlen(text, TEXT_MAX) : 0);
}

/* A number of times faster; 0 where the file has none. */
static double column_gain(sqlite3_stmt *statement, int column)
{
    double value = sqlite3_column_double(statement, column);
    return isfinite(value) && value > 0 ? value : 0;
}

static void read_row(sqlite3_stmt *statement, struct gain *gain)
{
    *gain = (struct gain){.unix_ns = sqlite3_column_int64(statement, 0),
                          .tag = copy_text(statement, 1),
                          .place = copy_text(statement, 2),
                          .low = column_gain(statement, 3),
                          .high = column_gain(statement, 4),
                          .most = column_gain(statement, 5),
                          .achieved = column_gain(statement, 6),
                          .achieved_low = column_gain(statement, 7),
                          .achieved_high = column_gain(statement, 8),
                          .before = copy_text(statement, 9),
                          .after = copy_text(statement, 10)};
}

static bool whole(const struct gain *gain)
{
    return gain->tag != NULL && gain->place != NULL && gain->before != NULL && gain->after != NULL;
}

static int read_rows(struct loader *loader, struct gains *gains)
{
    sqlite3_stmt *statement = NULL;
    int rc = 0;
    gains->rows = mem_zalloc(GAINS_MAX, sizeof *gains->rows);
    if (gains->rows == NULL)
        return loader_no_memory(loader);
    int step = sqlite3_prepare_v2(loader->db,
                                  "SELECT * FROM (SELECT * FROM gain ORDER BY unix_ns DESC LIMIT 1000)"
                                  " ORDER BY unix_ns",
                                  -1, &statement, NULL);
    if (step != SQLITE_OK)
        rc = store_error(loader->db, loader->err, "read", loader->path);
    while (rc == 0 && gains->n < GAINS_MAX && sqlite3_step(statement) == SQLITE_ROW) {
        struct gain *gain = &gains->rows[gains->n++];
        read_row(statement, gain);
        if (!whole(gain))
            rc = loader_no_memory(loader);
        else if (!(gain->low > 0 && gain->high >= gain->low && gain->achieved > 0))
            rc = loader_corrupt(loader, "a gain is none");
    }
    if (sqlite3_finalize(statement) != SQLITE_OK && rc == 0)
        rc = store_error(loader->db, loader->err, "read", loader->path);
    return rc;
}

int gains_read(const char *path, struct gains *gains, struct err *err)
{
    struct loader loader = {.path = path, .err = err};
    *gains = (struct gains){0};
    int rc = loader_open(&loader);
    if (rc == 0 && loader.has_gains)
        rc = read_rows(&loader, gains);
    sqlite3_close(loader.db);
    if (rc != 0)
        gains_release(gains);
    return rc;
}

void gains_release(struct gains *gains)
{
    for (size_t i = 0; i < gains->n; i++) {
        const struct gain *gain = &gains->rows[i];
        const char *texts[] = {gain->tag, gain->place, gain->before, gain->after};
        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++)
            mem_free((void *)texts[j]);
    }
    mem_free(gains->rows);
    *gains = (struct gains){0};
}

double gain_distance(const struct gain *gain)
{
    return log2(gain->achieved / fmin(fmax(gain->achieved, gain->low), gain->high));
}
