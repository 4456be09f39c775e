/*
 * What a sleeping thread waits for, from its system call as /proc shows it. No privilege beyond that of reading the
 * process is needed.
 */
#ifndef KEISOKU_CAPTURE_WAIT_STATE_H
#define KEISOKU_CAPTURE_WAIT_STATE_H

#include "capture/target/proc.h"
#include "data/types.h"

/* `proc_state`: the letter of /proc/…/stat. `gil_address`, `gil_size`: of the GIL, 0 when not known. */
enum state wait_state(char proc_state, const struct proc_syscall *call, uint64_t gil_address, uint32_t gil_size);
/* The system call's name where it is one that threads wait in ("epoll_wait"); "" otherwise. */
const char *wait_call_name(int64_t number);

/* Waits that are a worker's rest where its stack says so. */
static inline bool wait_state_may_be_idle(enum state state)
{
    return state == STATE_LOCK || state == STATE_IO || state == STATE_SLEEP;
}
/* Is a frame a place of idle.def? Anywhere on the stack, or as its innermost frame only. Functions without the class or
 * function they are defined in; `caller_file` NULL: outermost. */
enum idle { IDLE_NO, IDLE_CALL, IDLE_LEAF };
enum idle wait_idle_at(const char *file, const char *function, const char *caller_file, const char *caller_function);
/* Does `path` end in the path `tail`? */
bool wait_path_ends(const char *path, const char *tail);

#endif
