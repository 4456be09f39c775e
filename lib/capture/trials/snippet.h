/* A Python statement that is timed in loops, as timeit does it: the program that does that, and what it answers. */
#ifndef KEISOKU_CAPTURE_SNIPPET_H
#define KEISOKU_CAPTURE_SNIPPET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { SNIPPET_VALUES = 3 }; /* of a process */

/* For `python -c`, with the words: statement, setup, loops (0: find how many take 0.1 s), values. Runs on 2.7 to 3.15.
 */
extern const char snippet_program[];

struct snippet_answer {
    uint64_t loops;
    double wall[SNIPPET_VALUES], cpu[SNIPPET_VALUES]; /* seconds of one loop */
    size_t n;
};

/* Reads the answer from its beginning: 0, or -1 when it is none. */
int snippet_read(FILE *file, struct snippet_answer *answer);

#endif
