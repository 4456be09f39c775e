/*
 * Could the rounds of a loop be handed to other processes, as far as the source text tells? Each calls a function with
 * an item of its own, uses what comes back, and hands nothing to it that another round may have changed.
 */
#ifndef KEISOKU_DIAGNOSE_SOURCE_SHARE_H
#define KEISOKU_DIAGNOSE_SOURCE_SHARE_H

#include "diagnose/source_rounds.h"

/* The loop around `line` of `function`, whose rounds call `callee` there. */
bool source_rounds_shareable(const struct profile *profile, uint32_t function, uint32_t line, uint32_t callee);

/* Which argument of which call. */
struct argument {
    struct text call;    /* its name; empty: no call but a tuple, a list, an index, or nothing */
    const char *open;    /* the bracket around it; NULL: none */
    unsigned index;      /* by its place */
    struct text keyword; /* by its name, where that is given */
};
/* In source_keep.c. What is around `at`? False: not understood. */
bool source_enclosing_call(struct text text, const char *at, struct argument *found);
/* Is the argument only read, by the function and by those it hands it to? */
bool source_keeps_argument(const struct profile *profile, uint32_t function, const struct argument *argument);
/* The function of that name, the last part of it, in that file (0: in any); 0: none that was seen. */
uint32_t source_function_named(const struct profile *profile, uint32_t file, struct text name);

#endif
