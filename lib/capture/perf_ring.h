/*
 * A ring of the kernel's software clock (perf_clock.h), and what its records say. The kernel writes it; its numbers are
 * bounded all the same, for a ring that makes no sense must not be followed out of its pages.
 */
#ifndef KEISOKU_CAPTURE_PERF_RING_H
#define KEISOKU_CAPTURE_PERF_RING_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum perf_kind { PERF_IP, PERF_FORK, PERF_EXEC, PERF_EXIT };

struct perf_record {
    enum perf_kind kind;
    pid_t pid, tid;
    pid_t parent;     /* FORK: pid of the parent */
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint64_t ip;
    bool kernel;   /* IP: in the kernel */
    char comm[16]; /* EXEC */
};

/* Hands every new record to `take` and gives its place back; returns how many records the kernel says it lost. `data`:
 * `size` bytes, a power of two. */
uint64_t perf_ring_drain(struct perf_event_mmap_page *page, const char *data, size_t size,
                         void (*take)(void *context, const struct perf_record *record), void *context);

#endif
