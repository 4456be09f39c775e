/* CPU time that the kernel counted for a process and that no followed thread used: that of threads which ended before
 * they could be looked into, or between the last look at them and their end. */
#ifndef KEISOKU_DIAGNOSE_UNFOLLOWED_H
#define KEISOKU_DIAGNOSE_UNFOLLOWED_H

#include "data/profile.h"

/* Of the CPU time of all Python processes; 0 where it is not known or less than the kernel's ticks tell. */
int unfollowed_part(const struct profile *profile, double *part);

#endif
