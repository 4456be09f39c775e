/*
 * The recording's clock: time since its start, without the pauses. What happened in a pause happened when it began. Any
 * thread may read it; the sampler alone stops and starts it.
 */
#ifndef KEISOKU_CAPTURE_STOPWATCH_H
#define KEISOKU_CAPTURE_STOPWATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { STOPWATCH_GAPS = 16 }; /* nothing on its way is as old as so many pauses */

struct stopwatch {
    pthread_mutex_t lock;
    uint64_t start_ns; /* CLOCK_MONOTONIC */
    struct {
        uint64_t from_ns, to_ns; /* CLOCK_MONOTONIC; to UINT64_MAX: it lasts */
    } gaps[STOPWATCH_GAPS];
    unsigned n_gaps;
    uint64_t older_ns; /* all pauses before those */
};

void stopwatch_init(struct stopwatch *watch, uint64_t start_ns);
void stopwatch_release(struct stopwatch *watch);
/* 0 before its start. */
uint64_t stopwatch_read(struct stopwatch *watch, uint64_t monotonic_ns);
void stopwatch_pause(struct stopwatch *watch, uint64_t now_ns);
/* Returns how long the pause was. */
uint64_t stopwatch_resume(struct stopwatch *watch, uint64_t now_ns);
bool stopwatch_paused(struct stopwatch *watch);

#endif
