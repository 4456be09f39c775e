/* Clocks. Every time of a recording is CLOCK_MONOTONIC nanoseconds since the recording's start. */
#ifndef KEISOKU_BASE_CLOCK_H
#define KEISOKU_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_monotonic_ns(void);
uint64_t clock_unix_ns(void);
uint64_t clock_thread_cpu_ns(void);  /* of the calling thread */
uint64_t clock_process_cpu_ns(void); /* of this process */

/* The time of day at an instant of CLOCK_MONOTONIC, by how far apart the two clocks are now. */
uint64_t clock_unix_at(uint64_t monotonic_ns);

/* What this process's CLOCK_MONOTONIC is ahead of the kernel's own, by which perf, BPF and the process connector tell
 * times: nothing, but in a time namespace. */
int64_t clock_ahead_of_kernel_ns(void);

#endif
