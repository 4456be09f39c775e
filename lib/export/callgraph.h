/*
 * Who calls whom, as formats of call graphs want it: the cost of every function, of each of its lines and of each call,
 * threads added up. A cost under recursion counts once a sample: for a function, and for a call, its outermost one.
 */
#ifndef KEISOKU_EXPORT_CALLGRAPH_H
#define KEISOKU_EXPORT_CALLGRAPH_H

#include "base/map.h"
#include "export/export.h"

struct cost {
    double wall_ns, cpu_ns;
    uint64_t samples;
};

struct call {
    uint32_t caller, line, callee; /* functions; the caller's line, 0 where lines are added up */
    struct cost self, total;       /* of the callee: on top of the stack, and anywhere under this call */
    uint32_t next;                 /* the next call with the same key (below), index + 1 */
};

struct callgraph {
    struct cost *self, *total; /* by function id; 0: time without a stack */
    struct cost *frame_self;   /* by frame id: on that line */
    struct call *calls;
    size_t n_calls, capacity;
    uint32_t *first; /* by function id: its first call, index + 1 */
    struct map index;
};

/* With `by_caller`, calls are listed at the caller and one for each of its lines; else at the callee, lines added up.
 * 0 or ERR_NOMEM. */
int callgraph_init(struct callgraph *graph, const struct export_input *input, bool by_caller);
void callgraph_release(struct callgraph *graph);

#endif
