/*
 * The process's segment (wire/calls.h): rows of functions in shared memory. It is there in full from the start, so that
 * no later write can fail; what finds no room counts in row 0.
 */
#ifndef KEISOKU_AGENT_SEGMENT_H
#define KEISOKU_AGENT_SEGMENT_H

#include "wire/calls.h"

#include <stddef.h>

/* NULL: none yet. The same address in a process that was forked, but then another file. */
extern struct wire_calls *segment;

/* [thread] 0 or -1. `directory` stays. `only`: forked children are not counted. */
int segment_open(const char *directory, int hashes, int only);
/* [hook] Around segment_add, where no GIL is held. */
void segment_lock(void);
void segment_unlock(void);
/* [thread] In the child of a fork: a file of its own, all counts zero. Only system calls. */
void segment_follow_fork(void);
/* [hook] The row of a function; row 0 where there is no room. Texts need not end in a 0. */
struct wire_call_row *segment_add(const char *file, size_t file_length, const char *name, size_t name_length,
                                  uint32_t first_line);

#endif
