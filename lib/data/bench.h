/*
 * Commands that were run turn by turn: what each of them used in each round. Made by capture/trials/bench_run.h, judged
 * by diagnose/verdicts.h.
 */
#ifndef KEISOKU_DATA_BENCH_H
#define KEISOKU_DATA_BENCH_H

#include "data/trial.h"

enum { BENCH_VARIANTS_MAX = 26 };

/* A command with the parameters of one combination filled in. */
struct bench_variant {
    char *command;    /* text, as run; of a snippet the statement */
    char *parameters; /* "n=10, k=2"; "" */
    size_t reference; /* index of the variant that it is compared with; its own: with none */
    size_t number;    /* of its command among those that were asked for: the same for every combination */
    struct trial *trials;
    size_t n, capacity;
    uint32_t failures; /* runs that did not end with status 0 */
    int failure;       /* wait status of the first of them */
    /* equal output */
    bool output_varies;                  /* from run to run */
    bool output_differs;                 /* from the reference's */
    uint64_t differs_byte, differs_line; /* where, from 1 on */
    /* a Python snippet: wall and CPU of its trials are those of one loop */
    uint64_t loops;
    double *values; /* seconds of one loop, of all processes */
    size_t n_values, values_capacity;
};

struct bench {
    struct bench_variant variants[BENCH_VARIANTS_MAX];
    size_t n;
    uint32_t rounds, asked, warmups; /* done; wanted */
    uint64_t seed;
    bool python, output_compared, failures_ignored;
};

void bench_release(struct bench *bench);
/* The measures that are compared. */
enum { BENCH_MEASURES = 4 };
extern const enum measure bench_measures[BENCH_MEASURES];

#endif
