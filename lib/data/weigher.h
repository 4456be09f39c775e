/*
 * The rule by which samples get their time (data/profile.h), for one thread, window by window: weights.c applies it to
 * a recording that is read, sums.c of a recording to one that is written. Both give the same numbers.
 *
 * Order: weigher_window for each window but the last, which weigher_end takes with what the thread's end adds.
 */
#ifndef KEISOKU_DATA_WEIGHER_H
#define KEISOKU_DATA_WEIGHER_H

#include "data/chunk.h"

struct weigher {
    /* An entry: ticks 0 where it was made from run delay or from what no sample took. 0 or a negative code. */
    int (*emit)(struct weigher *weigher, const struct chunk_row *row, uint32_t ticks, double wall, double cpu);
    /* Adds CPU time to the last on-CPU entry; false when there was none. */
    bool (*add_cpu)(struct weigher *weigher, double cpu);
    bool counted;                       /* the scheduler's counters are there */
    double on, off, delay;              /* carried: time without a sample to give it to */
    double late_run, late_delay;        /* carried: counter growth that was more than the window */
    struct chunk_row last_on, last_off; /* rows on the CPU and off it, its last ones; ticks 0: none yet */
    double phase; /* in [0, 1): where delay entries fall between samples; changes with each window */
};

/* A window holds at most so many samples: the rate falls and rises with the recorder's budget, and within a window each
 * instant counts the same. With so many, weighing by the counters adds 1/25 to the sampling noise. */
enum { WINDOW_SAMPLES = 25 };
/* Entries of one window beside its samples. */
enum { DELAY_ENTRIES_MAX = 64 };

/* Does a row at `time` (units) still belong to the window of `count` rows that began at `start_ns`? */
bool weigher_holds(size_t count, uint64_t start_ns, uint64_t time);
/* A window that began at `start_ns`; returns its end in *end_ns. */
int weigher_window(struct weigher *weigher, const struct chunk_row *rows, size_t count, uint64_t start_ns,
                   uint64_t *end_ns);

/* How a thread ends. */
struct weigher_end {
    uint64_t start_ns;         /* of the last window */
    uint64_t end_ns;           /* of the thread, at its last sample or later */
    uint64_t known_end_ns;     /* as it was recorded, perhaps behind the recording's end; 0: it goes on */
    uint64_t run_ns, delay_ns; /* totals of the counters */
    uint64_t sampled_run_ns, sampled_delay_ns; /* what the samples had of them */
};
int weigher_end(struct weigher *weigher, const struct chunk_row *rows, size_t count, const struct weigher_end *end);

#endif
