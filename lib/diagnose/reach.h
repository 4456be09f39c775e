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
    REACH_ITEMS,
    REACH_TRANSFER,
    REACH_PICKLING,
    REACH_POOL,
    REACH_PROXY,
    REACH_MACHINERY,
    REACH_LAZY_LOAD,
    REACH_COUNT
};

struct reach {
    double on_ns, ticks; /* on the CPU under it, imports and own code that it calls left out; instants that saw it */
    double direct_ns;    /* of on_ns: own code called it, with nothing between but functions of its own file */
    double self_ns;      /* of on_ns: in its functions themselves */
    double apart_ns;     /* on the CPU, not under it, of the thread that has most of that: it stays whatever goes */
    double wall_ns;      /* all states */
    double off_ns;       /* asleep, waiting for input, output or a lock */
    uint64_t visits;     /* how often a thread was seen to come to it */
    uint64_t waits;      /* separate waits under it */
    uint32_t caller;     /* the own place (frame) that leads there with most of the time; 0: none */
    uint32_t inner;      /* the own place below it that waits most, of a callback the coroutine's; 0: none */
};

/* Waits in callbacks of event loops, by task: can somebody else go on meanwhile? */
struct held_up {
    uint32_t tasks;      /* that waited so */
    uint64_t returns;    /* such a wait of a task after one of another that came after its own: both were there */
    double not_begun_ns; /* tasks of these loops were ready to begin, and had not */
};

struct facts;
int reach_find(struct facts *facts);
/* Does the stack lead through a function of the set? */
bool reach_leads(const struct facts *facts, uint32_t stack, enum reach_id set);

#endif
