/*
 * Samples that are called for. A clock that interrupts a core costs it more than an interrupt from another core does,
 * nearly twice as much in a virtual machine, which each setting of a timer leaves. So where a core is free of the
 * target, the sampler thread runs there, and calls the program of the kernel sampler on the cores where watched
 * threads are at that moment. That costs us a wake-up for each, so one in CALLS_CLOCKED is left to the clock: then
 * neither takes more of its core than it may (docs/design/018-called-for.md). Where the target uses all cores, or ours
 * comes late, the clocks serve (kernel_sampler.c).
 */
#ifndef KEISOKU_CAPTURE_KERNEL_CALLS_H
#define KEISOKU_CAPTURE_KERNEL_CALLS_H

#include "wire/kernel_sample.h"

#include <sched.h>
#include <stdbool.h>

enum { CALLS_CLOCKED = 8 };

struct kernel_calls {
    int program;             /* -1: none can be made */
    struct wire_core *cores; /* what the program knows of them */
    uint32_t n_cores;
    cpu_set_t allowed; /* to the calling thread */
    bool on;
    double bad;         /* share of the last instants in which we were in the way, or late */
    uint64_t resume_ns; /* not before, after there were too many */
    uint64_t rest_ns;   /* so long then; longer each time, for each may have left a gap between samples */
    uint64_t on_ns;     /* since when they are */
    uint64_t made_ns;   /* the last call */
    uint64_t tried_ns;  /* since when we keep to the free cores to see whether they are, the clocks still on; 0: not */
    uint64_t delay_ns;  /* for which the scheduler had let us wait by then */
};

/* Says whether samples are called for from now on (`on`). Some times a second, by the thread that calls: it is kept on
 * cores where no watched thread is. */
void kernel_calls_choose(struct kernel_calls *calls, uint64_t now_ns);
void kernel_calls_end(struct kernel_calls *calls);
/* One instant, at which we come `late_periods` mean intervals late. False: we had pushed a watched thread from this
 * core, so our time was taken from it. */
bool kernel_calls_make(struct kernel_calls *calls, uint64_t late_periods);
/* Calls for a sample of one core. False: the kernel does not do that. */
bool kernel_calls_one(const struct kernel_calls *calls, uint32_t core);

#endif
