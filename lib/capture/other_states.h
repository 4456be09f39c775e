/*
 * A thread that holds thread states in several interpreters runs in one of them at a time: the one that is attached,
 * or, while it waits, the one that was attached last. The tracker tells which states there are beside the oldest, the
 * sampler finds the one to read. Nothing of this is touched for a thread with one state.
 */
#ifndef KEISOKU_CAPTURE_OTHER_STATES_H
#define KEISOKU_CAPTURE_OTHER_STATES_H

#include "capture/cpython/python.h"

enum { OTHER_STATES_MAX = 8 };

struct other_states;
struct tracked_thread;

/* [T] `states` are newest first. More than OTHER_STATES_MAX are left out. */
void other_states_set(struct tracked_thread *thread, const struct python_thread *states, size_t count);
/* [S] As python_read_stack, of the state that is current. Allocates only when the states have changed. */
enum python_read_result other_states_read(struct tracked_thread *thread, struct python_stack *stack);
/* When the sampler let go of the thread. */
void other_states_free(struct tracked_thread *thread);

#endif
