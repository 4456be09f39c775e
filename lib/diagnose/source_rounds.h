/* What source_loop.c reads of a loop, for those that ask more of it: names, as far as statements tell. */
#ifndef KEISOKU_DIAGNOSE_SOURCE_ROUNDS_H
#define KEISOKU_DIAGNOSE_SOURCE_ROUNDS_H

#include "diagnose/source_words.h"

struct round_name {
    struct text name;
    uint32_t line; /* where it gets its value */
    struct text from;
    bool mutated;  /* something was added to it */
    bool sum;      /* `total += …` */
    bool followed; /* its value's names were asked for: each once, or few lines would take for ever */
};

enum { ROUNDS_NAMES_MAX = 48 };

struct rounds {
    const struct profile *profile;
    uint32_t file, line; /* the one asked for */
    struct round_name names[ROUNDS_NAMES_MAX];
    size_t n_names;
    struct text items[ROUNDS_NAMES_MAX]; /* what the loop itself sets: `for item, other in` */
    size_t n_items;
    struct text over;     /* `in` what */
    bool varies, chained; /* what was followed leads to an item of the round; to what a round before left, or unclear */
    bool counted, summed; /* to a number that counts rounds; to a sum of rounds */
    uint32_t first, last; /* lines of the loop */
    struct text_work work;
    bool inner; /* another loop is in it */
};

/* The innermost loop around the line, which is indented so far. False: there is none. */
bool rounds_read(struct rounds *rounds, uint32_t function, size_t indent);
/* The items of a comprehension. Its first ` for `; NULL: it is none. */
const char *rounds_read_comprehension(struct rounds *rounds, struct text text);
/* Follows the names that a text of the line uses: sets varies, chained, counted and summed. */
void rounds_follow(struct rounds *rounds, struct text text, uint32_t line);
bool rounds_chained(const struct rounds *rounds);

#endif
