/*
 * What the texts of /proc say. Each parser has one zero-terminated text, reads none of it twice and nothing behind it,
 * and allocates nothing but the table of maps. Hostile text: a name may hold blanks, brackets and line breaks. For
 * proc.c, tests and fuzzers.
 */
#ifndef KEISOKU_CAPTURE_PROC_TEXT_H
#define KEISOKU_CAPTURE_PROC_TEXT_H

#include "capture/target/proc.h"

/* schedstat, stat and syscall of a thread; false when a number is missing. Timed path. */
bool proc_text_schedstat(const char *text, struct proc_schedstat *result);
bool proc_text_stat(const char *text, struct proc_stat *result);
char proc_text_state(const char *text); /* of stat, alone; 0: not told */
bool proc_text_syscall(const char *text, struct proc_syscall *result);
/* maps: a line that is none is left out. Cuts the text, into which the paths point; result->text is the caller's.
 * ERR_NOMEM. */
int proc_text_maps(char *text, struct proc_maps *result);
/* stat of a process: when it started, and its parent (may be NULL); 0: that is not told. */
uint64_t proc_text_start_ticks(const char *text, pid_t *parent);
/* stat of a process: a zombie with no thread left, and its wait status as in proc_ended. */
bool proc_text_ended(const char *text, int *wait_status);
/* The name of a folder in task; false when it is no number. */
bool proc_text_tid(const char *name, pid_t *tid);
/* status of a thread: its id in its own PID namespace; `tid` where that is not told. `nested`: that one is not ours.
 * Cuts the text. */
pid_t proc_text_inner_id(char *text, pid_t tid, bool *nested);

#endif
