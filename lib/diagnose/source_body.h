/* Statements of a function's body, one after the other, as far as the recording has its source. In source_function.c.
 */
#ifndef KEISOKU_DIAGNOSE_SOURCE_BODY_H
#define KEISOKU_DIAGNOSE_SOURCE_BODY_H

#include "diagnose/source_words.h"

struct source_body {
    const struct profile *profile;
    uint32_t file, line; /* line: the next one */
    uint32_t at;         /* line of the statement read last */
    struct text head;    /* its `def` */
    size_t indent;       /* of that */
    bool cached;         /* a decorator, or a parameter, keeps its results */
    bool unlimited;      /* all of them, for ever */
    bool unclear;        /* not all of it was read, or understood */
    unsigned read;
};

/* Past decorators and the `def` up to its colon. False: not understood. */
bool source_body_begin(const struct profile *profile, uint32_t function, struct source_body *body);
/* The next statement with its indent, docstrings left out; NULL: the end, or `unclear`. */
const char *source_body_next(struct source_body *body, size_t *length);

enum { STORE_NAME_BYTES = 64, SOURCE_BODY_MAX = 200 /* statements; more are not read */ };

/* Where a function puts something into a dict, list or set that is there before and after the call. */
struct source_store {
    char name[STORE_NAME_BYTES]; /* "self.pages" */
    uint32_t line;
    bool cache; /* it looks there first, and returns what it has put in */
};
/* In source_store.c. Of several, the first; a cache before others. */
bool source_function_stores(const struct profile *profile, uint32_t function, struct source_store *found);
/* Does a built-in function go over all of something there that the line itself, or another of its function, makes
 * longer?
 */
bool source_takes_all_it_grows(const struct profile *profile, uint32_t function, uint32_t line);
/* In source_walk.c. Does the line loop over all of something that the function is given, or that lasts, only to look at
 * it? `last`: of the loop's lines.
 */
bool source_walks_all(const struct profile *profile, uint32_t function, uint32_t line, uint32_t *last);
/* Does the line run once in a process, as far as its text tells? Under `if not TABLE:` or `if TABLE is None:`, where
 * the name lasts as long as the module; or in a function without parameters whose decorator keeps its result.
 */
bool source_runs_once(const struct profile *profile, uint32_t function, uint32_t line);
/* Does the line name it, as a whole word? */
bool source_mentions(const char *text, size_t length, const char *name);

#endif
