/*
 * Chunks: some thousands of samples or counters as delta-coded, compressed columns (docs/recording.md, "Chunks").
 * Rows are grouped by thread (or counter), which makes neighbours alike; the order within a group is kept.
 * Times, run and delay are in units of 10 µs here; whoever fills a chunk carries the remainders.
 */
#ifndef KEISOKU_DATA_CHUNK_H
#define KEISOKU_DATA_CHUNK_H

#include "base/buf.h"
#include "data/types.h"

#include <stddef.h>

enum {
    CHUNK_UNIT_NS = 10000,
    CHUNK_ROWS = 8192,        /* a full chunk of the writer */
    CHUNK_ROWS_MAX = 65536,   /* the most that a reader takes */
    CHUNK_BYTES_MAX = 1 << 24 /* no encoded one is longer: columns have 131 bytes a row at most */
};

/* Times above this (35 years) are damage, not measurement; sums of a chunk of them fit 64 bits. */
#define CHUNK_UNITS_MAX (UINT64_C(1) << 46)

/* Of the bits that a time has in a row. */
#define CHUNK_TIME_MASK ((UINT64_C(1) << 47) - 1)

struct chunk_row {
    uint64_t run, delay; /* units */
    uint64_t time : 47;  /* likewise; there may be ten million rows */
    uint64_t state : 5, reader : 3, marks : 7, place : 2;
    uint32_t thread, stack, ticks, task;
};
_Static_assert(CHUNK_UNITS_MAX <= CHUNK_TIME_MASK && STATE_COUNT <= 32 && READER_KIND_COUNT <= 8 && PLACE_COUNT <= 4 &&
                   MARKS_ALL <= 127,
               "fields too narrow");

/* Nanoseconds. In an arithmetic of 47 bits, in which a compiler may take the field, they would end after 39 hours. */
static inline uint64_t chunk_row_ns(const struct chunk_row *row)
{
    return (uint64_t)row->time * CHUNK_UNIT_NS;
}

/* The rows of one thread in a chunk lie together. */
struct chunk_group {
    uint32_t thread, rows;
};

struct chunk_counter {
    uint64_t time; /* units */
    int64_t value;
    uint32_t subject;
    uint8_t kind;
};

/* Appends the encoded form of `count` rows (1 to CHUNK_ROWS_MAX) to `out`. 0 or ERR_NOMEM. */
int chunk_encode(struct buf *out, const struct chunk_row *rows, size_t count);
int chunk_encode_counters(struct buf *out, const struct chunk_counter *rows, size_t count);

/* Decodes into `*rows` (grown as needed, *capacity as in mem_grow). 0, ERR_CORRUPT or ERR_NOMEM. Thread, stack and
 * subject are whatever the bytes say: the caller checks them. State, marks, reader, place, kind, ticks and times are
 * valid. */
int chunk_decode(const void *data, size_t size, struct chunk_row **rows, size_t *capacity, size_t *count);
int chunk_decode_counters(const void *data, size_t size, struct chunk_counter **rows, size_t *capacity, size_t *count);

/* Of which threads a chunk of samples has how many rows: without decoding these, which nothing else of it is checked
 * for. Grown and returned as by chunk_decode. */
int chunk_groups(const void *data, size_t size, struct chunk_group **groups, size_t *capacity, size_t *count);

#endif
