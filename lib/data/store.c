#include "data/store.h"

#include "base/file.h"
#include "base/mem.h"
#include "data/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { BUSY_MS = 1000, PAGE_BYTES = 1024 };
#define PAGE_TEXT "1024"

bool store_wal_works_on(unsigned long file_system)
{
    /* NFS, SMB, CIFS, SMB2, AFS (two), CEPH, CODA, 9P, Lustre: see statfs(2) and linux/magic.h */
    static const unsigned long network[] = {0x6969,     0x517b,     0xff534d42, 0xfe534d42, 0x5346414f,
                                            0x6b414653, 0x00c36400, 0x73757245, 0x01021997, 0x0bd00bd0};
    for (size_t i = 0; i < sizeof network / sizeof *network; i++) {
        if (file_system == network[i])
            return false;
    }
    return true;
}

int store_exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int store_error(sqlite3 *db, struct err *err, const char *doing, const char *path)
{
    int last = errno;
    int code = db != NULL ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    int number = db != NULL ? sqlite3_system_errno(db) : 0;
    if (number == 0 && (code & 0xff) == SQLITE_IOERR)
        number = last; /* a failed step does not keep the system's reason; nothing has run since */
    if (code == SQLITE_ERROR && strcmp(doing, "read") == 0) /* what we ask is always the same: it is the file */
        code = SQLITE_CORRUPT;
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return err_set(err, ERR_NOMEM, "cannot %s %s: out of memory; %s", doing, path, err_hint(ERR_NOMEM));
    case SQLITE_FULL:
        return file_error(err, ENOSPC, doing, path);
    case SQLITE_ERROR: /* of a schema that is none ("unsupported file format"), where it is read */
        if (strcmp(doing, "read") != 0)
            break;
        __attribute__((fallthrough));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(err, ERR_CORRUPT, "cannot %s %s: the file is damaged or no recording; %s", doing, path,
                       err_hint(ERR_CORRUPT));
    case SQLITE_IOERR:
        /* SQLite tells a full disk only by ENOSPC; a quota and a size limit are the same to the user. */
        if (number == ENOSPC || number == EDQUOT || number == EFBIG)
            return file_error(err, ENOSPC, doing, path);
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_IO, "cannot %s %s: another program keeps it locked; end that program and try again",
                       doing, path);
    default:
        break;
    }
    if (number != 0)
        return file_error(err, number, doing, path);
    return err_set(err, ERR_IO, "cannot %s %s: %s", doing, path, db != NULL ? sqlite3_errmsg(db) : "out of memory");
}

/* Answers whether `sql` (a PRAGMA journal_mode) gave the mode `wanted`. */
static bool journal_is(sqlite3 *db, const char *sql, const char *wanted)
{
    sqlite3_stmt *statement = NULL;
    bool same = false;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        const unsigned char *mode = sqlite3_column_text(statement, 0);
        same = mode != NULL && strcmp((const char *)mode, wanted) == 0;
    }
    sqlite3_finalize(statement);
    return same;
}

static int create_tables(sqlite3 *db)
{
    char sql[160];
    snprintf(sql, sizeof sql, "BEGIN IMMEDIATE; PRAGMA application_id=%d; PRAGMA user_version=%d",
             SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
    int rc = store_exec(db, sql);
    for (const struct schema_item *item = schema_items; rc == SQLITE_OK && item->name != NULL; item++)
        rc = store_exec(db, item->sql);
    if (rc == SQLITE_OK)
        rc = store_exec(db, "COMMIT");
    return rc;
}

/*
 * SQLite is given the real path, since SQLITE_OPEN_NOFOLLOW refuses links anywhere in a path and only the last part
 * matters: the file was made by us a moment ago and must still be that file.
 */
static int open_same(struct store *store, const char *path, const struct stat *made, struct err *err)
{
    char *real = realpath(path, NULL);
    struct stat now;
    if (real == NULL || lstat(path, &now) != 0) {
        int number = errno;
        free(real);
        return file_error(err, number, "open", path);
    }
    bool same = S_ISREG(now.st_mode) && now.st_ino == made->st_ino && now.st_dev == made->st_dev;
    int rc = same ? sqlite3_open_v2(real, &store->db,
                                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX, NULL)
                  : SQLITE_OK;
    free(real);
    if (!same)
        return err_set(err, ERR_IO, "cannot open %s: it was replaced while it was made; try again", path);
    return rc == SQLITE_OK ? 0 : store_error(store->db, err, "open", path);
}

/* The log is folded in before it takes a sixteenth of what may be taken, and gives that back. */
static void set_bounds(struct store *store, const struct store_bounds *bounds)
{
    char sql[160];
    if (bounds->max_bytes == 0)
        return;
    uint64_t pages = bounds->max_bytes / PAGE_BYTES, log_pages = pages / 16;
    log_pages = log_pages < 32 ? 32 : log_pages > 1000 ? 1000 : log_pages;
    snprintf(sql, sizeof sql,
             "PRAGMA max_page_count=%llu; PRAGMA wal_autocheckpoint=%llu; PRAGMA journal_size_limit=%llu",
             (unsigned long long)pages, (unsigned long long)log_pages, (unsigned long long)log_pages * PAGE_BYTES);
    store_exec(store->db, sql);
}

static int set_up(struct store *store, const char *path, bool wal, const struct store_bounds *bounds, struct err *err)
{
    sqlite3_busy_timeout(store->db, BUSY_MS);
    /*
     * synchronous=OFF: what a commit wrote is in the kernel's page cache, so it outlives the death of this process at
     * any instant. Only a crash of the whole machine could lose or damage it, and fsync twice a second would disturb
     * the measured program for that. Small pages: there are many small tables, and a chunk leaves half a page unused.
     */
    store_exec(store->db, "PRAGMA page_size=" PAGE_TEXT
                          "; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4000");
    if (bounds->shrinks)
        store_exec(store->db, "PRAGMA auto_vacuum=INCREMENTAL");
    set_bounds(store, bounds);
    store->wal = wal && journal_is(store->db, "PRAGMA journal_mode=WAL", "wal");
    if (!store->wal)
        journal_is(store->db, "PRAGMA journal_mode=TRUNCATE", "truncate");
    return create_tables(store->db) == SQLITE_OK ? 0 : store_error(store->db, err, "write", path);
}

/* Empties the file for a second try. */
static int start_over(struct store *store, const char *path, const struct stat *made, struct err *err)
{
    store_close(store);
    if (truncate(path, 0) != 0)
        return file_error(err, errno, "write", path);
    return open_same(store, path, made, err);
}

int store_create(struct store *store, const char *path, const struct store_bounds *bounds, struct err *err)
{
    struct stat made;
    struct statfs file_system;
    if (lstat(path, &made) != 0 || statfs(path, &file_system) != 0)
        return file_error(err, errno, "open", path);
    bool wal = store_wal_works_on((unsigned long)file_system.f_type & 0xffffffff);
    int rc = open_same(store, path, &made, err);
    if (rc == 0)
        rc = set_up(store, path, wal, bounds, err);
    if (rc != 0 && rc != ERR_FULL && rc != ERR_NOMEM && store->wal) {
        rc = start_over(store, path, &made, err);
        if (rc == 0)
            rc = set_up(store, path, false, bounds, err);
    }
    if (rc != 0)
        store_close(store);
    return rc;
}

void store_close(struct store *store)
{
    sqlite3_close(store->db);
    *store = (struct store){0};
}
