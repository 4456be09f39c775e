/*
 * Which line of one recording is which of the other, for compare.c: of one function, the one with the same text where
 * both recordings have it (alike lines of a function count as one), else the one as far below the definition.
 */
#ifndef KEISOKU_DIAGNOSE_COMPARE_LINES_H
#define KEISOKU_DIAGNOSE_COMPARE_LINES_H

#include "base/map.h"
#include "diagnose/compare.h"

struct line_matcher {
    struct map by_text, by_distance; /* (function, text), (function, lines below its definition) → line */
    struct map known;                /* (run, function, line) → line */
    size_t capacity;
    struct buf key;
};

/* A line of a run: its frame there, its function in the comparison. */
struct line_at {
    const struct profile *profile;
    uint32_t run; /* of all, counted from 1 */
    int side;
    uint32_t function, frame;
};

/* Adds time to `now` of the line. All of one run comes before the next, all of A before B. 0 or ERR_NOMEM. */
int compare_lines_add(struct line_matcher *matcher, struct comparison *comparison, const struct line_at *at,
                      const struct compare_time *time);
void compare_lines_release(struct line_matcher *matcher);

#endif
