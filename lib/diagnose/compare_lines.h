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
    struct map known;                /* (side, function, line) → line */
    size_t capacity;
    struct buf key;
};

/* Adds time of `side` to the line of the frame, whose function is `function` of the comparison. All of A comes before
 * all of B. 0 or ERR_NOMEM. */
int compare_lines_add(struct line_matcher *matcher, struct comparison *comparison, int side, uint32_t function,
                      uint32_t frame, const struct compare_time *time);
void compare_lines_release(struct line_matcher *matcher);

#endif
