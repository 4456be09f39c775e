/*
 * A thread's time as nested slices, one for each function on its stack, for formats that show time from left to right.
 * A slice goes on while its function stays where it is on the stack. While the thread is off the CPU, a slice named
 * after the state ("io") lies innermost.
 *
 * Slices lie end to end by the weights of the samples, from the thread's start on, so that the outermost ones add up to
 * the thread's time exactly; an edge is off by less than the window in which samples are weighed (data/profile.h).
 */
#ifndef KEISOKU_EXPORT_TIMELINE_H
#define KEISOKU_EXPORT_TIMELINE_H

#include "export/selection.h"

struct slice {
    uint32_t function; /* 0: `state` counts, or, where that is on the CPU, there was no Python frame */
    uint8_t state;
};

struct timeline {
    const struct export_input *input;
    /* Called in order of time; `end` closes the innermost open slice. 0 or a negative code. */
    int (*begin)(void *context, const struct slice *slice, uint64_t at_ns);
    int (*end)(void *context, uint64_t at_ns);
    void *context;
    /* private */
    uint32_t *order;
    size_t *start;
    struct slice *open, *next;
    size_t depth, open_capacity, next_capacity, frame_capacity;
    uint32_t *frames;
};

/* Prepares to walk (input and the calls are set). 0 or ERR_NOMEM. */
int timeline_init(struct timeline *timeline);
/* Does any sample of the thread count? */
bool timeline_has(const struct timeline *timeline, uint32_t thread);
int timeline_walk(struct timeline *timeline, uint32_t thread);
void timeline_release(struct timeline *timeline);

#endif
