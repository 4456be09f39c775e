/* What window.c (reading) and window_write.c (writing) share. */
#ifndef KEISOKU_DATA_WINDOW_PRIVATE_H
#define KEISOKU_DATA_WINDOW_PRIVATE_H

#include "data/profile_private.h"
#include "data/window.h"

struct packed_chunk {
    const char *data;
    size_t size;
};

/* The loader is first: its callbacks get nothing else. */
struct window {
    struct loader loader;
    uint64_t from_ns;
    struct arena packed;
    struct packed_chunk *chunks;
    size_t n_chunks, chunks_capacity;
    /* By the ids there. While it is read: 1 where it is needed; once written: the id it has now. */
    uint32_t *strings, *functions, *frames, *stacks, *processes, *threads, *tasks;
    uint64_t *last_units;        /* time of each thread's sample before */
    uint64_t *run_ns, *delay_ns; /* of each thread's samples in the window */
    struct chunk_row *rows;      /* of the chunk at hand */
    size_t rows_capacity;
    struct chunk_counter *packed_counters;
    size_t packed_counters_capacity;
    struct counter *counters; /* those in the window, cumulative ones from 0 on */
    size_t n_counters, counters_capacity;
    struct map base_index; /* (kind, subject) → index of bases */
    int64_t *bases;
    size_t n_bases, bases_capacity;
    struct recording *to;
};

/* Every sample in the window, in the order of the chunks; last_units tells where its thread's sample before was. */
int window_each_row(struct window *window, int (*take)(struct window *window, const struct chunk_row *row));

#endif
