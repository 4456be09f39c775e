/*
 * Runs commands turn by turn: some rounds to warm up, then the measured ones, in each round every command once, in an
 * order that is drawn anew. Standard input is empty, what they print goes nowhere (or is compared).
 */
#ifndef KEISOKU_CAPTURE_BENCH_RUN_H
#define KEISOKU_CAPTURE_BENCH_RUN_H

#include "base/err.h"
#include "data/bench.h"

#include "keisoku.h"

struct bench_plan {
    uint32_t rounds; /* 0: 20, or as many as go into a minute, but 8 at least */
    uint32_t warmups;
    const char *prepare, *conclude; /* before and behind each run, not measured; NULL: nothing */
    const char *interpreter;        /* of snippets; NULL: python3 of PATH */
    const char *setup;              /* of snippets */
};

/* `bench` has its variants with command and reference; their trials are added here. An error where nothing can be
 * measured: a command that cannot be started or that fails at its first run, a prepare that fails, short memory. */
int bench_run(struct bench *bench, const struct bench_plan *plan, const struct kei_watch *watch, struct err *err);

#endif
