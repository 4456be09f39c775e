/*
 * The process's segment (wire/agent.h): rows of functions in shared memory. It is there in full from the start, so that
 * no later write can fail; what finds no room counts in row 0.
 */
#ifndef KEISOKU_AGENT_SEGMENT_H
#define KEISOKU_AGENT_SEGMENT_H

#include "wire/agent.h"

#include <stddef.h>

/* In this thread, more than 0: the agent is at work, or the interpreter for it, or one allocator asks another one. What
 * is asked for meanwhile is no allocation of the program's, and has locks of ours that it must not wait for. */
extern __thread int segment_at_work __attribute__((tls_model("initial-exec")));
/* NULL: none yet. The same address in a process that was forked, but then another file. */
extern struct wire_segment *segment;

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
/* [hook] One thread at a time: the place of that line of that row, come to by `caller`; 0: there is no room. */
uint32_t segment_place(uint32_t caller, uint32_t row, uint32_t line);
/* [hook] Likewise. What is live at all places is the most that there was. */
void segment_keep_most(void);

#endif
