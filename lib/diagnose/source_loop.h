/*
 * Do the rounds of the loop around a line need each other, as far as the source text tells? By names: what a round
 * hands to the line, and what rounds leave behind.
 */
#ifndef KEISOKU_DIAGNOSE_SOURCE_LOOP_H
#define KEISOKU_DIAGNOSE_SOURCE_LOOP_H

#include "data/profile.h"

enum loop_rounds {
    ROUNDS_UNREAD,  /* no source text */
    ROUNDS_UNKNOWN, /* no loop, or nothing in it that tells rounds apart */
    ROUNDS_FREE,    /* each round works on an item of its own */
    ROUNDS_CHAINED  /* a round uses what the one before left */
};
/* The innermost loop around `line` of `function`. */
enum loop_rounds source_loop_rounds(const struct profile *profile, uint32_t function, uint32_t line);

#endif
