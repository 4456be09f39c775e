/*
 * What Python's allocators were asked for, by the own lines that it was for (run --allocs), and what of it was in use
 * when the process had most. Estimates from sampled bytes.
 */
#ifndef KEISOKU_DIAGNOSE_HELD_H
#define KEISOKU_DIAGNOSE_HELD_H

#include "data/profile.h"

enum held_by { HELD_BYTES, HELD_BLOCKS };

struct held_line {
    uint32_t frame; /* innermost own one; 0: all of them and what was for none */
    double bytes, blocks;
    double most_bytes, most_blocks; /* of these, in use when the process had most */
};

/* Own lines of a process, 0: of all, those with most in use first; `all` together. Nothing where it was not sampled. 0
 * or ERR_NOMEM. */
int held_lines(const struct profile *profile, uint32_t process, enum held_by by, struct held_line **lines, size_t *n,
               struct held_line *all);
double held_most(const struct held_line *line, enum held_by by);
/* Of how many processes these are: what each had at its most is added up. */
size_t held_processes(const struct profile *profile);

enum { HELD_LINES = 3 };

struct held {
    double all; /* in use at the most; 0: it was not sampled */
    struct held_line lines[HELD_LINES];
    size_t n;
};

/* The first of these. 0 or ERR_NOMEM. */
int held_find(const struct profile *profile, uint32_t process, enum held_by by, struct held *held);
/* Of it, what was asked for in the function or what it calls. */
double held_under(const struct profile *profile, uint32_t process, enum held_by by, uint32_t function);

#endif
