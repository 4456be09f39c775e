/*
 * Births, execs and deaths of processes and threads in the order in which they happened. The kernel hands them out core
 * by core, so a death may be read before the birth: they are collected here, and taken out up to a moment before which
 * nothing can come any more. The tracker's alone.
 */
#ifndef KEISOKU_CAPTURE_TASK_LOG_H
#define KEISOKU_CAPTURE_TASK_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum task_kind { TASK_FORK, TASK_EXEC, TASK_EXIT };

struct task_record {
    enum task_kind kind;
    pid_t pid, tid;
    pid_t parent;     /* FORK: pid of the parent; the same as pid for a thread */
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    int wait_status;  /* EXIT of a process, as waitpid(2) gives it; -1: not known */
    char comm[16];    /* EXEC: "" not known */
};

struct task_log {
    struct task_record *records;
    size_t n, capacity;
};

void task_log_release(struct task_log *log);
/* ERR_NOMEM: the record is lost. */
int task_log_add(struct task_log *log, const struct task_record *record);
/* Puts what happened before `until_ns` in order; its number. task_log_drop takes so many off. */
size_t task_log_ready(struct task_log *log, uint64_t until_ns);
void task_log_drop(struct task_log *log, size_t n);

#endif
