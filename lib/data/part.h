/*
 * A part of a recording as a profile of its own: some process or thread, some stretch of time. Everything that is made
 * of it (shares, tables, verdict, page, exports) is then of that part, without having to know.
 *
 * Times count from the part's start, its duration is the stretch's, cumulative counters start at 0, and the totals of
 * the threads are those of their samples in it. An entry that stands for many ticks is split where the part cuts it.
 * A thread asked for by name counts, also where it was an idle worker. Losses and what the recorder used itself are
 * known for the whole recording only and stay as they are; `profile.whole` leads there. Counters of processes are left
 * out where one thread is wanted, and the peak of memory where a stretch is: they cannot be cut.
 */
#ifndef KEISOKU_DATA_PART_H
#define KEISOKU_DATA_PART_H

#include "data/profile.h"

/* What of it. */
struct part_of {
    uint32_t process, thread; /* ids; 0: all */
    uint64_t from_ns, to_ns;  /* to 0: the end */
};

/* Does it leave anything out? */
bool part_wanted(const struct part_of *of);
/* The part shares the tables of `whole`, which must outlive it. 0 or ERR_NOMEM. */
int part_new(const struct profile *whole, const struct part_of *of, struct profile **result);
void part_free(struct profile *part);

#endif
