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

#endif
