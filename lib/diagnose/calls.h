/*
 * What samples and source text tell of calls: small functions that are called all the time, functions whose calls of
 * themselves must come again, imports of what is never used. Part of the facts.
 */
#ifndef KEISOKU_DIAGNOSE_CALLS_H
#define KEISOKU_DIAGNOSE_CALLS_H

#include "diagnose/source_words.h"

struct small_calls {
    uint32_t frame;   /* the own place that most of them are called from; 0: none */
    uint32_t callee;  /* the one with most of the time */
    double ns;        /* on the CPU in small functions called from that function */
    double callee_ns; /* of it in `callee` */
    double caller_ns; /* on the CPU in the caller itself */
    double hands_ns;  /* of that, on the lines that call them */
    double calls;     /* of the time in them and on those lines, that of calling and returning; -1: not known */
};

struct repeated_calls {
    uint32_t function, line;  /* 0: none; line: where it calls itself, or its definition */
    uint32_t depth;           /* how often it was on the stack at once, at most */
    double ns;                /* on the CPU in it and what it calls */
    double saved_ns;          /* of it, about, in calls that came again */
    struct call_count counts; /* of it; all zero: calls were not counted */
    bool counted;             /* its counts say that its calls come again; else its text does */
    bool text_read;           /* its text does not speak against keeping its results */
};

struct unused_imports {
    double ns;       /* elapsed, importing modules of which nothing was seen to run later */
    double frame_ns; /* of it, from the own place that imports most */
    uint32_t frame;
    uint32_t module;  /* a file of the package imported there that took most of it: string id */
    double import_ns; /* of all modules, used or not */
};

struct facts;
/* In calls.c */
int calls_find(struct facts *facts);
/* In calls_again.c */
void calls_again_find(const struct facts *facts, struct repeated_calls *found);
/* In imports.c */
int imports_find(struct facts *facts);

/* In source_function.c: does it do nothing but keep what it is given, `self.east = east`, in a few lines? */
bool source_function_only_keeps(const struct profile *profile, uint32_t function);
/* A body of a line or two that loops over nothing, and calls nothing but classes whose `__init__` is one of `keeps` (by
 * function)? */
bool source_function_is_small(const struct profile *profile, uint32_t function, const bool *keeps);
/* `Vector` of `Vector.__init__`, where that is the function's name; empty: it is not. */
struct text source_class_made(const struct profile *profile, uint32_t function);
/* Operators, attributes and indices in its body; what puts strings together counts as some. */
unsigned source_function_steps(const struct profile *profile, uint32_t function);
/* Has its body a loop of its own? Also where that is not known. */
bool source_function_loops(const struct profile *profile, uint32_t function);
/* Does it call nothing but itself, ask for no attribute or item, and loop over nothing: is calling most of what it
 * does? `kept`: something keeps its results. */
bool source_function_only_recurses(const struct profile *profile, uint32_t function, bool *kept);
/* Does it call itself twice or more, each time with arguments that are its own or those less or more by a number, do
 * nothing else that lasts, and combine the results? Then there are few different calls, and ever more of them. The line
 * of the first; 0: no. */
uint32_t source_function_repeats(const struct profile *profile, uint32_t function);

#endif
