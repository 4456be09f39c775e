/*
 * What of a comparison is a change and what is noise, once all runs of both sides are added up (compare.c): by the
 * samples' own noise, and by the spread between several runs of a side.
 */
#ifndef KEISOKU_DIAGNOSE_COMPARE_NOISE_H
#define KEISOKU_DIAGNOSE_COMPARE_NOISE_H

#include "diagnose/compare.h"

/* Gives every function, line, node and state its change, and the whole, whose seconds of each run are in `whole`. */
void compare_find_changes(struct comparison *comparison, const struct compare_sums states[STATE_COUNT],
                          const struct compare_sums *whole);

static inline double compare_ns(const struct compare_time *time)
{
    return time->on_ns + time->off_ns;
}

#endif
