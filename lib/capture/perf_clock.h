/*
 * The kernel's software clock (perf_event_open): instruction pointers of the target's threads while they run, and
 * births, execs and deaths of its processes and threads. Two events and ring buffers per core, inherited by children;
 * needs no privilege where perf_event_paranoid permits measuring one's own processes. Without it everything still
 * works, with less evidence. The target is not touched.
 *
 * perf_clock_follow before the program runs (launch) or for each thread found (attach); perf_clock_drain from one
 * thread, often enough that the rings do not fill: every 50 ms is plenty.
 */
#ifndef KEISOKU_CAPTURE_PERF_CLOCK_H
#define KEISOKU_CAPTURE_PERF_CLOCK_H

#include "base/err.h"
#include "capture/perf_ring.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_clock;

/* `period_ns`: CPU time of a thread between two instruction pointers; 0: none, births and deaths only. ERR_PERMISSION,
 * ERR_NOT_SUPPORTED. */
int perf_clock_new(uint64_t period_ns, struct perf_clock **result, struct err *err);
/* Follows thread `tid` and all that it starts from now on. ERR_FULL: a limit is reached; those followed before stay. */
int perf_clock_follow(struct perf_clock *clock, pid_t tid, struct err *err);
/* No instruction pointers from now on, because another source has them; or again. */
void perf_clock_give_pointers(struct perf_clock *clock, bool give);
/* Descriptors that become readable as soon as something is born, executed or ends; at most `capacity`. */
size_t perf_clock_wait_fds(const struct perf_clock *clock, int *fds, size_t capacity);
/* Hands every new record to `take`; returns how many records the kernel lost since the last call. */
uint64_t perf_clock_drain(struct perf_clock *clock, void (*take)(void *context, const struct perf_record *record),
                          void *context);
/* While it is paused the target is not interrupted, and nothing is told. */
void perf_clock_pause(struct perf_clock *clock, bool pause);
void perf_clock_free(struct perf_clock *clock);

#endif
