/*
 * Do the rounds of the loop around a line need each other, as far as the source text tells? By names: what a round
 * hands to the line, and what rounds leave behind.
 */
#ifndef KEISOKU_DIAGNOSE_SOURCE_LOOP_H
#define KEISOKU_DIAGNOSE_SOURCE_LOOP_H

#include "diagnose/source_words.h"

enum loop_rounds {
    ROUNDS_UNREAD,  /* no source text */
    ROUNDS_UNKNOWN, /* no loop, or nothing in it that tells rounds apart */
    ROUNDS_FREE,    /* each round works on an item of its own */
    ROUNDS_CHAINED  /* a round uses what the one before left */
};
/* Is the line one that a loop of the function goes round, in the loop or its `for`, or has it one in itself? A `while`
 * may be asked once. `known`: there is text. */
bool source_line_goes_round(const struct profile *profile, uint32_t function, uint32_t line, bool *known);
/* The innermost loop around `line` of `function`. */
enum loop_rounds source_loop_rounds(const struct profile *profile, uint32_t function, uint32_t line);

/* The lines of that loop, and what one round takes there, beside what it calls. */
struct loop_round {
    uint32_t first, last;
    struct text_work work;
    bool numbers; /* its item is one: of a range, or what counts the rounds */
    bool mapped;  /* `map` goes round, whose steps are no instructions of Python */
};
/* False: there is no loop, it is not understood, or another one in it makes a round as long as that. */
bool source_loop_round(const struct profile *profile, uint32_t function, uint32_t line, struct loop_round *found);

#endif
