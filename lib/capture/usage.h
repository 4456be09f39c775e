/*
 * What a process has used since it was born, as /proc has it: one row of numbers a reading, taken while it lives or as
 * long as nobody has waited for it. The tracker takes the last one, the writer the others.
 */
#ifndef KEISOKU_CAPTURE_USAGE_H
#define KEISOKU_CAPTURE_USAGE_H

#include "data/types.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct usage {
    int64_t values[COUNTER_KIND_COUNT]; /* in the counter's unit */
    bool known[COUNTER_KIND_COUNT];
};

/* False when the process is gone, or its number was given to another. Switches are those of the first thread alone.
 * `quota`: also how long a quota held the process up, which takes as many files as all else together. */
bool usage_read(pid_t pid, uint64_t start_ticks, bool quota, struct usage *usage);
/* Switches of one thread: voluntary, involuntary. False when it is gone. */
bool usage_thread_switches(pid_t pid, pid_t tid, int64_t switches[2]);

/* What usage_read takes from the texts of status, io and stat; false: the number was given to another. For tests and
 * fuzzers. */
void usage_take_status(FILE *file, struct usage *usage);
void usage_take_io(FILE *file, struct usage *usage);
bool usage_take_stat(const char *text, uint64_t start_ticks, struct usage *usage);

#endif
