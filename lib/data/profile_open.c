/*
 * Opens a recording for reading and checks that it is one: the header's numbers, and every table's definition to the
 * letter, so that no view, virtual table or computed column runs in the place of a table.
 */
#include "data/profile_private.h"

#include "base/buf.h"
#include "base/file.h"
#include "data/schema.h"
#include "data/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VALUE_BYTES_MAX = 64 * 1024 * 1024, /* of one value in the file */
    BUSY_MS = 2000
};

static int open_with(struct loader *loader, const char *name, int flags)
{
    sqlite3_close(loader->db);
    loader->db = NULL;
    int rc = sqlite3_open_v2(name, &loader->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(loader->db, BUSY_MS);
        sqlite3_limit(loader->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
        sqlite3_db_config(loader->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(loader->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        rc = store_exec(loader->db, "PRAGMA cell_size_check=ON; BEGIN; SELECT count(*) FROM sqlite_schema");
    }
    return rc;
}

static bool wants_writer(int rc)
{
    int plain = rc & 0xff;
    return plain == SQLITE_READONLY || plain == SQLITE_CANTOPEN || plain == SQLITE_IOERR;
}

static bool has_beside(const char *path, const char *ending, off_t bytes_min)
{
    struct buf name = {0};
    struct stat status;
    buf_printf(&name, "%s%s", path, ending);
    bool has = stat(buf_text(&name), &status) == 0 && status.st_size >= bytes_min;
    buf_release(&name);
    return has;
}

static bool has_log(const char *path)
{
    return has_beside(path, "-wal", 1);
}

/* SQLite's name for a file that nobody writes: no lock, log or journal is looked for. */
static int open_unchanging(struct loader *loader, const char *path)
{
    struct buf name = {0};
    buf_add_text(&name, "file:");
    for (const char *at = path; *at != '\0'; at++) {
        if (strchr("%?#", *at) != NULL)
            buf_printf(&name, "%%%02x", (unsigned)*at);
        else
            buf_add_byte(&name, (uint8_t)*at);
    }
    buf_add_text(&name, "?immutable=1");
    int rc = name.failed ? SQLITE_NOMEM : open_with(loader, buf_text(&name), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    buf_release(&name);
    return rc;
}

/*
 * Read-only first. A log or journal that a killed recorder left may need a writer to be read; a directory that cannot
 * be written to has neither shared memory nor, once folded in, a log.
 */
static int open_file(struct loader *loader, const char *path)
{
    int rc = open_with(loader, path, SQLITE_OPEN_READONLY);
    if (wants_writer(rc))
        rc = open_with(loader, path, SQLITE_OPEN_READWRITE);
    if (wants_writer(rc) && has_log(path))
        return err_set(loader->err, ERR_PERMISSION,
                       "cannot read %s: it was not finished and its log (%s-wal) can only be read where the directory "
                       "may be written to; copy both to such a place",
                       loader->path, loader->path);
    if (wants_writer(rc))
        rc = open_unchanging(loader, path);
    return rc == SQLITE_OK ? 0 : store_error(loader->db, loader->err, "read", loader->path);
}

static int open_database(struct loader *loader)
{
    struct stat status;
    char *real = realpath(loader->path, NULL);
    if (real == NULL || stat(real, &status) != 0) {
        int number = errno;
        free(real);
        return file_error(loader->err, number, "open", loader->path);
    }
    int rc;
    loader->file_bytes = (uint64_t)status.st_size;
    if (!S_ISREG(status.st_mode))
        rc = err_set(loader->err, ERR_BAD_INPUT, "cannot read %s: it is no regular file; name a recording (.kei)",
                     loader->path);
    else if (access(real, R_OK) != 0)
        rc = file_error(loader->err, errno, "read", loader->path);
    else if (status.st_size == 0)
        rc = loader_corrupt(loader, "the file is empty");
    else
        rc = open_file(loader, real);
    free(real);
    return rc;
}

static int read_number(struct loader *loader, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    int step = sqlite3_prepare_v2(loader->db, sql, -1, &statement, NULL);
    if (step == SQLITE_OK)
        step = sqlite3_step(statement);
    if (step == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return step == SQLITE_ROW ? 0 : store_error(loader->db, loader->err, "read", loader->path);
}

static int check_version(struct loader *loader)
{
    int64_t application = 0, version = 0;
    int rc = read_number(loader, "PRAGMA application_id", &application);
    if (rc == 0)
        rc = read_number(loader, "PRAGMA user_version", &version);
    if (rc != 0)
        return rc;
    if (application != SCHEMA_APPLICATION_ID)
        return loader_corrupt(loader, "a database, but no recording of keisoku");
    if (version > SCHEMA_VERSION)
        return err_set(loader->err, ERR_VERSION,
                       "cannot read %s: its format is version %lld and this keisoku reads up to %d; %s", loader->path,
                       (long long)version, SCHEMA_VERSION, err_hint(ERR_VERSION));
    return version == SCHEMA_VERSION ? 0 : loader_corrupt(loader, "its format version is none");
}

/* Is the table of the schema there to the letter? 1, 0 (another thing is, or nothing), or a negative code. */
static int has_table(struct loader *loader, const struct schema_item *item)
{
    sqlite3_stmt *statement = NULL;
    static const char sql[] = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ? AND sql = ?";
    int step = sqlite3_prepare_v2(loader->db, sql, -1, &statement, NULL);
    if (step == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, item->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, item->sql, -1, SQLITE_STATIC);
        step = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return store_error(loader->db, loader->err, "read", loader->path);
    return step == SQLITE_ROW;
}

static int has_nothing_named(struct loader *loader, const char *name)
{
    sqlite3_stmt *statement = NULL;
    int step = sqlite3_prepare_v2(loader->db, "SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE", -1,
                                  &statement, NULL);
    if (step == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        step = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return store_error(loader->db, loader->err, "read", loader->path);
    return step == SQLITE_DONE;
}

/* Every table must be the one of the schema to the letter: no view, virtual table or computed column in its place. */
static int check_tables(struct loader *loader)
{
    for (const struct schema_item *item = schema_items; item->name != NULL; item++) {
        if (strcmp(item->type, "table") != 0)
            continue;
        int there = has_table(loader, item);
        bool missing = there == 0 && item->later;
        if (missing)
            there = has_nothing_named(loader, item->name);
        if (there < 0)
            return there;
        if (there == 0)
            return loader_corrupt(loader, "a table is missing or not what it should be");
        if (strcmp(item->name, "origin") == 0)
            loader->has_origin = !missing;
        if (strcmp(item->name, "expression") == 0)
            loader->has_expressions = !missing;
        if (strcmp(item->name, "operand") == 0)
            loader->has_operands = !missing;
        if (strcmp(item->name, "shape") == 0)
            loader->has_shapes = !missing;
        if (strcmp(item->name, "lock_holder") == 0)
            loader->has_lock_holders = !missing;
        if (strcmp(item->name, "call_count") == 0)
            loader->has_call_counts = !missing;
        if (strcmp(item->name, "allocation") == 0)
            loader->has_allocations = !missing;
        if (strcmp(item->name, "task") == 0)
            loader->has_tasks = !missing;
        if (strcmp(item->name, "task_wait") == 0)
            loader->has_task_waits = !missing;
        if (strcmp(item->name, "gap") == 0)
            loader->has_gaps = !missing;
        if (strcmp(item->name, "gain") == 0)
            loader->has_gains = !missing;
    }
    return 0;
}

/* Any file may be named; what does not begin as SQLite's files do was never a recording. Not for a file that we may
 * have open: closing it drops SQLite's locks. */
static bool begins_as_store(const char *path)
{
    static const char magic[16] = "SQLite format 3";
    char head[sizeof magic];
    FILE *file = fopen(path, "rbe");
    bool begins = file != NULL && fread(head, sizeof head, 1, file) == 1 && memcmp(head, magic, sizeof magic) == 0;
    if (file != NULL)
        fclose(file);
    return begins;
}

int loader_open(struct loader *loader)
{
    int rc = open_database(loader);
    if (rc == 0)
        rc = check_version(loader);
    if (rc == ERR_CORRUPT && loader->file_bytes > 0 && !begins_as_store(loader->path))
        rc = err_set(loader->err, ERR_CORRUPT,
                     "cannot read %s: it is no recording; name one (.kei) that run or attach wrote", loader->path);
    if (rc == 0)
        rc = check_tables(loader);
    loader->is_recording = rc == 0;
    return rc;
}

void loader_fold(const char *path)
{
    struct stat status;
    sqlite3 *db = NULL;
    char *real = realpath(path, NULL);
    bool has = real != NULL && (has_beside(real, "-wal", 0) || has_beside(real, "-shm", 0));
    if (has && stat(real, &status) == 0 && status.st_uid == geteuid() &&
        sqlite3_open_v2(real, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX, NULL) ==
            SQLITE_OK) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        store_exec(db, "PRAGMA journal_mode=DELETE");
    }
    sqlite3_close(db);
    free(real);
}
