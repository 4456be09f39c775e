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
/* What a wait of state `io` is for, or what tells it: a descriptor, a set of them. */
enum wait_what {
    WAIT_FOR_NONE, /* not known, or anything (an event loop) */
    WAIT_FOR_DISK,
    WAIT_FOR_NETWORK, /* a socket, of this machine too */
    WAIT_FOR_PIPE,
    WAIT_FOR_SUBPROCESS,
    WAIT_FOR_FD,
    WAIT_FOR_POLL,  /* the first of those that it polls */
    WAIT_FOR_SELECT /* the highest of those that it selects */
};
struct wait_for {
    enum wait_what what;
    uint64_t at; /* the descriptor, or where the target has it */
};
struct wait_for wait_for(const struct proc_syscall *call);
/* WAIT_FOR_POLL while it lasts, by one read of the thread's memory: its first descriptor. */
struct wait_for wait_polled(pid_t tid, struct wait_for wait);
/* Looks at the descriptor in the thread that waits (its process's first one may have ended, and has none); it may be
 * another by now. */
enum wait_what wait_what(pid_t tid, struct wait_for wait);
/* "disk", "network", "pipe", "subprocess"; NULL for the others. */
const char *wait_what_name(enum wait_what what);
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
