/*
 * Allocations through the interpreter's allocators, of all three domains, sampled by the byte: of every 64 KiB one byte
 * on average, at distances that are drawn exponentially, so that a block is met with a chance that is known from its
 * size alone. What is met is counted for the places in the program that asked for it (wire/agent.h), with what it
 * stands for, and followed until it is given back.
 */
#ifndef KEISOKU_AGENT_ALLOCS_H
#define KEISOKU_AGENT_ALLOCS_H

/* [thread] With the GIL held, behind functions_begin. Puts itself before the interpreter's allocators, for good. */
void allocs_begin(void);
/* [thread] In the child of a fork, behind segment_follow_fork: what lives was asked for in the parent. Only system
 * calls. */
void allocs_follow_fork(void);

#endif
