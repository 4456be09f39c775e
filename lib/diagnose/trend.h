/*
 * How the memory of a process went with time: a slope that a few odd readings do not change (Theil and Sen's, the
 * median of the slopes between any two), with the interval of its rank (Kendall's), and whether it levels off. Pure.
 */
#ifndef KEISOKU_DIAGNOSE_TREND_H
#define KEISOKU_DIAGNOSE_TREND_H

#include "data/profile.h"

struct trend {
    uint32_t process;        /* 0: none was read often enough */
    size_t points;           /* readings after the warm-up */
    double seconds;          /* that they span */
    double slope, low, high; /* bytes a second; 95 % */
    double first, latest;    /* bytes: at the process's first reading, by the slope; at the last reading */
    double late;             /* of what it grew by, the second half of that time (of CPU time, where it computes): 0.5
                                where it grows evenly */
};

/* Of the process whose memory grew by most. 0 or ERR_NOMEM. */
int trend_of_memory(const struct profile *profile, struct trend *trend);

struct trend_point {
    double time_s, value;
    double cpu_s; /* that the process had used by then, but for collections; 0: not known */
};
/* Points in order of time; false: too few. Sorts nothing in place. 0 or ERR_NOMEM. */
int trend_fit(const struct trend_point *points, size_t n, struct trend *trend);

#endif
