/*
 * The kernel's counters of a program that is about to start (perf_event_open): of it and all that it starts, from its
 * exec on. Opened while the child waits behind its gate, read when it has ended.
 */
#ifndef KEISOKU_CAPTURE_TRIAL_COUNTERS_H
#define KEISOKU_CAPTURE_TRIAL_COUNTERS_H

#include "data/trial.h"

#include <sys/types.h>

struct trial_counters {
    int fds[MEASURE_COUNT]; /* -1: none */
    uint8_t status[MEASURE_COUNT];
    bool user_only[MEASURE_COUNT];
};

void trial_counters_open(struct trial_counters *counters, pid_t pid);
/* Reads and closes. */
void trial_counters_close(struct trial_counters *counters, struct trial *trial);

/* What a counter that ran `running` of `enabled` nanoseconds would have counted in all of them; the share it ran goes
 * to *counted. False when it never ran though it was to. */
bool trial_counter_scale(uint64_t value, uint64_t enabled, uint64_t running, double *scaled, double *counted);

#endif
