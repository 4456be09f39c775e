#include "base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_unix_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t clock_thread_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clock_process_cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

enum { PAIRS = 8 }; /* readings of both clocks: between those of one pair the core may be taken from us */

uint64_t clock_unix_at(uint64_t monotonic_ns)
{
    uint64_t apart_ns = 0, least_ns = UINT64_MAX;
    for (int i = 0; i < PAIRS; i++) {
        uint64_t from_ns = clock_monotonic_ns(), unix_ns = clock_unix_ns(), took_ns = clock_monotonic_ns() - from_ns;
        if (took_ns >= least_ns)
            continue;
        least_ns = took_ns;
        apart_ns = unix_ns - from_ns - took_ns / 2;
    }
    return monotonic_ns + apart_ns;
}

static int64_t ahead_ns;

static void read_ahead(void)
{
    char line[128];
    long long seconds, rest;
    FILE *file = fopen("/proc/self/timens_offsets", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "monotonic %lld %lld", &seconds, &rest) == 2)
            ahead_ns = seconds * 1000000000 + rest;
    }
    if (file != NULL)
        fclose(file);
}

int64_t clock_ahead_of_kernel_ns(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_ahead);
    return ahead_ns;
}
