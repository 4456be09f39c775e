/*
 * The SQLite side of a recording: opening for writing with the journal that works here, prepared statements, and
 * SQLite's codes as ours. Used by recording.c and profile.c alone.
 */
#ifndef KEISOKU_DATA_STORE_H
#define KEISOKU_DATA_STORE_H

#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct store {
    sqlite3 *db;
    bool wal; /* a write-ahead log is in use */
};

struct store_bounds {
    bool shrinks;       /* pages that are free can be given back (PRAGMA incremental_vacuum) */
    uint64_t max_bytes; /* of the file, without its log; 0: no limit */
};

/* Opens the empty file `path` (just made, and ours) and creates the tables in it. Where no write-ahead log works
 * (network file systems, a -shm that cannot be mapped) a rollback journal is used and *wal is false. */
int store_create(struct store *store, const char *path, const struct store_bounds *bounds, struct err *err);
void store_close(struct store *store);

/* The message and code for the last failure on the database of `path`: "cannot <doing> <path>: …". */
int store_error(sqlite3 *db, struct err *err, const char *doing, const char *path);

/* Runs statements that give no rows. A SQLite code. */
int store_exec(sqlite3 *db, const char *sql);

/* Does this file system (f_type of statfs) hold a write-ahead log? Network file systems share no memory. */
bool store_wal_works_on(unsigned long file_system);

#endif
