/*
 * The tables and views of a recording, schema version 1 (docs/recording.md). The writer creates them; the reader
 * compares them with what it finds, so that a file cannot put a view or a computed column where a table is expected.
 */
#ifndef KEISOKU_DATA_SCHEMA_H
#define KEISOKU_DATA_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

enum {
    SCHEMA_APPLICATION_ID = 0x4b454953, /* "KEIS" in the database header */
    SCHEMA_VERSION = 1                  /* user_version in the database header */
};

struct schema_item {
    const char *type; /* "table" or "view" */
    const char *name;
    const char *sql; /* as sqlite_schema holds it */
    bool later;      /* a table that recordings of an earlier keisoku lack: then it counts as empty */
};

/* The rows; a NULL name ends them. */
extern const struct schema_item schema_items[];

#endif
