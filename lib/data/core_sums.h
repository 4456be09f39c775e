/* What the program did on each core, as one number each. */
#ifndef KEISOKU_DATA_CORE_SUMS_H
#define KEISOKU_DATA_CORE_SUMS_H

#include "data/profile.h"

/*
 * A thread's CPU time and run delay count for the core that it was found on at the next sample: one that changed its
 * core in between has a part of both at the wrong one. Threads that were never found on any are in none.
 */
struct core_sum {
    uint32_t core;
    double used_ns, delay_ns; /* CPU time of the program's threads; how long they wanted it and did not have it */
    double busy_ns;           /* everybody's; 0: not known */
};

/* Those that its threads were found on, by number; none in recordings of an earlier keisoku, and of a part that is one
 * process or thread. The caller frees *sums. 0 or ERR_NOMEM. */
int core_sums_of(const struct profile *profile, struct core_sum **sums, size_t *n);

#endif
