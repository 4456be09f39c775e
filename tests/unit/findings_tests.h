/* Shared by the files of the findings' test program. Each *_tests runs one group and returns how many failed. */
#ifndef KEISOKU_TESTS_FINDINGS_TESTS_H
#define KEISOKU_TESTS_FINDINGS_TESTS_H

#include "unit.h"

#include "diagnose/findings.h"

#include <stdio.h>
#include <stdlib.h>

#include "profile_builder.h"

enum { MS = 1000000, WHOLE = 4000 }; /* samples of a whole recording: 4 s at 1 kHz */

int wait_tests(void);
int line_tests(void);
int operand_tests(void);
int thread_tests(void);
int function_tests(void);
int call_tests(void);
int again_tests(void);
int memory_tests(void);
int share_tests(void);
int order_tests(void);
int source_tests(void);
int evidence_tests(void);

/* `count` samples, 1 ms apart, going round the stacks `each` samples at a time. */
void rounds(struct built *built, uint64_t from_ms, uint32_t thread, const uint32_t *stacks, size_t n, size_t each,
            enum state state, size_t count);
/* <module> calls work, whose lines 10 and 11 alternate. */
void two_lines(struct built *built, uint32_t stacks[2]);
struct built *loop_over_ten(enum state state);
/* Source text for the function's file. */
void built_text(struct built *built, uint32_t function, uint32_t first_line, const char *text);
/* A function of a file that begins with its text. */
struct built *written(const char *text, const char *name, uint32_t *function);
/* The one operand that was seen, 40 times: its length at first and at last; 0: it has none. */
struct operand *built_operand(struct built *built, uint32_t frame, const char *operation, const char *type, int slot,
                              int64_t first, int64_t latest);
/* Line 2 of work, which says `text`, has `share` percent of its time. */
struct built *searching(const char *text, size_t share);
/* `waits` waits of `ms` each, with 1 ms of work between them, over `threads` threads at once. */
struct built *waiting(size_t waits, size_t ms, size_t threads);

/* `small` percent of the time in a function of one line, which is `body`, called from a loop. */
struct built *calling_small(const char *body, size_t small);
/* Does it say that this was not measured? */
bool is_not_measured(const struct finding *finding, const char *what);

/* Every finding of it is whole. */
struct diagnosis *diagnosed(struct built *built);
/* Checks the tags in their order; frees everything. */
void expect(struct built *built, const char *const *tags);
/* Checks whether the tag is among them; frees everything. */
void expect_tag(struct built *built, const char *tag, bool there);
#define TAGS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
