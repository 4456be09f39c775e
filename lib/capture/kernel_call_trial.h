/* The part of the kernel sampler's trial that calls for samples from another core (kernel_calls.h). */
#ifndef KEISOKU_CAPTURE_KERNEL_CALL_TRIAL_H
#define KEISOKU_CAPTURE_KERNEL_CALL_TRIAL_H

#include "capture/kernel_sampler.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct call_trial {
    struct kernel_sampler *sampler;
    cpu_set_t allowed;
    uint32_t core; /* of the thread that started it, which stays there until the end */
    pthread_t thread;
    atomic_bool stop, calls, refused;
    atomic_uint made;
};

/* Begins: a thread on another core is ready to call the calling thread's core each 50 µs. False: that cannot be. */
bool call_trial_start(struct call_trial *trial, struct kernel_sampler *sampler);
/* Has learned what calls look like in user space, where the calling thread has to be as long as this takes. */
bool call_trial_learn(struct call_trial *trial);
/* Calls, or does not. How many were made so far is in `made`. */
void call_trial_turn(struct call_trial *trial, bool calls);
void call_trial_end(struct call_trial *trial);

#endif
