/*
 * Time under given functions (reaches.def): how much, in which states, how often they were come to, and the own line
 * that leads there. Part of the facts.
 */
#ifndef KEISOKU_DIAGNOSE_REACH_H
#define KEISOKU_DIAGNOSE_REACH_H

#include "data/profile.h"

enum reach_id {
    REACH_DEEP_COPY,
    REACH_PATTERN,
    REACH_SPAWN,
    REACH_CHILD,
    REACH_CALLBACK,
    REACH_ROWS,
    REACH_TRANSFER,
    REACH_PICKLING,
    REACH_POOL,
    REACH_COUNT
};

struct reach {
    double on_ns, ticks; /* on the CPU under it, imports left out, and the instants that saw it */
    double wall_ns;      /* all states */
    double off_ns;       /* asleep, waiting for input, output or a lock */
    uint64_t visits;     /* how often a thread was seen to come to it */
    uint64_t waits;      /* separate waits under it */
    uint32_t caller;     /* the own place (frame) that leads there with most of the time; 0: none */
    uint32_t inner;      /* the own place below it that waits most; 0: none */
};

struct facts;
int reach_find(struct facts *facts);

#endif
