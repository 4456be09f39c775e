/* The counters of a program's processes, as one number each. */
#ifndef KEISOKU_DATA_COUNTER_SUMS_H
#define KEISOKU_DATA_COUNTER_SUMS_H

#include "data/profile.h"

struct counter_sums {
    bool any[COUNTER_KIND_COUNT]; /* false: no process has that counter */
    double sum[COUNTER_KIND_COUNT];
};

/*
 * The last value of each process's counter (the highest for sizes), added up; of what the control group was throttled
 * the highest. The kernel adds what a child has read and written to its parent's once that has waited for it (wait4(2)
 * does, /proc/PID/io shows it): a child that ended before its parent's counters were read for the last time, or before
 * that parent ended and was waited for in its turn, is in the parent's number and is not added again.
 */
int counter_sums_of(const struct profile *profile, struct counter_sums *sums);

#endif
