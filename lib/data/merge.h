/*
 * Several recordings become one: of processes, runs and hosts, on one clock. Every sample keeps its thread, stack,
 * state and counters; every thread keeps its life, so that its times are the same as before. What each recorder lost
 * and used adds up.
 *
 * The clock is each recording's wall-clock start: the earliest begins at 0. Hosts' clocks are taken as they were set;
 * the merged recording's notes say so. Processes keep their host and the recording they were in (table `origin`).
 *
 * Memory: the tables of one recording and of the result; samples pass in chunks.
 */
#ifndef KEISOKU_DATA_MERGE_H
#define KEISOKU_DATA_MERGE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct merge_result {
    char path[4096]; /* the name taken */
    uint64_t samples;
    uint32_t processes, hosts;
};

/* Writes a new file (file_create); after an error there is none. */
int merge_recordings(const char *const *paths, size_t count, const char *output, struct merge_result *result,
                     struct err *err);

#endif
