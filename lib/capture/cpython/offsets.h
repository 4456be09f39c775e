/*
 * The debug-offset table that CPython 3.13 and later keep at the start of _PyRuntime: cookie, version, then unsigned
 * 64-bit words whose order differs from minor to minor. It comes from the target and is hostile: every offset is
 * bounded by the size of its structure, every size by a sane limit.
 */
#ifndef KEISOKU_CAPTURE_OFFSETS_H
#define KEISOKU_CAPTURE_OFFSETS_H

#include "capture/cpython/layout.h"

#define OFFSETS_COOKIE "xdebugpy"

enum { OFFSETS_HEAD_BYTES = 24, OFFSETS_BYTES_MAX = 2048, OFFSET_ENTRIES_MAX = 64 };

struct offset_entry {
    size_t field;   /* of struct layout */
    uint32_t word;  /* of the table */
    uint32_t add;   /* a second word to add, 0: none */
    uint32_t bound; /* word that holds the structure's size, 0: the field is itself a size */
};

struct offset_table {
    int minor;
    uint32_t words;
    struct offset_entry entries[OFFSET_ENTRIES_MAX]; /* ends at the first entry of field 0 */
};

/* The first words of the table. */
struct offset_head {
    int major, minor, micro;
    int level; /* 0xA alpha, 0xB beta, 0xC candidate, 0xF final */
    int serial;
    bool free_threaded;
};

/* The order of a minor's table, NULL when not known. */
const struct offset_table *offset_table_find(int minor);

/* False when these bytes are no table's head. */
bool offsets_parse_head(const uint8_t *bytes, size_t size, struct offset_head *head);
/* Fills `layout` from the row of the minor (or the newest row, for a newer minor) and the table's words. False when a
 * word is out of bounds or the table is too short. */
bool offsets_parse(const uint8_t *bytes, size_t size, const struct offset_head *head, struct layout *layout);

#endif
