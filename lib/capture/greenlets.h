/*
 * Which greenlets the threads of a process have, for dump and for recordings: they are found off the timed path,
 * because that takes a walk through all that the collector tracks.
 */
#ifndef KEISOKU_CAPTURE_GREENLETS_H
#define KEISOKU_CAPTURE_GREENLETS_H

#include "capture/target/proc.h"

#include <pthread.h>

/* The C stack of a thread. */
struct stack_range {
    uint64_t low, high;
};

/* What the tracker found, in order of addresses. The sampler takes what is its thread's. */
struct greenlet_list {
    pthread_mutex_t lock; /* of what follows */
    struct listed_greenlet {
        uint64_t address;
        pid_t tid; /* of the thread on whose stack it was left; 0: not known yet */
    } * entries;
    size_t count;
    uint32_t version; /* counts the changes */
};

/* NULL when memory is short. */
struct greenlet_list *greenlet_list_new(void);
void greenlet_list_free(struct greenlet_list *list);
/* Is the module loaded? */
bool greenlets_loaded(const struct proc_maps *maps);
/* False where the thread's stack is not told by the maps. `pthread`: its identifier of the C library. */
bool greenlets_stack_of(const struct proc_maps *maps, bool first_thread, uint64_t pthread, struct stack_range *range);

#endif
