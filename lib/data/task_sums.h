/*
 * asyncio's tasks of a profile, and greenlets, added up for reports: a row for each task that has a name of its own,
 * and one for each function of those that are called after a number ("Task-7"). Rows are sorted by time on a core, then
 * by wait.
 */
#ifndef KEISOKU_DATA_TASK_SUMS_H
#define KEISOKU_DATA_TASK_SUMS_H

#include "data/profile.h"

struct task_sum {
    uint32_t task;                /* the first of the row, and every other one's `alike` */
    uint32_t count;               /* tasks of the row */
    uint32_t awaiter;             /* a task that waits for one of them; 0: none */
    uint32_t waits_on;            /* tasks that one of them waits for, by what those say */
    double wall_ns, cpu_ns;       /* of the samples in it */
    uint64_t wait_ns;             /* found waiting; 0 in a part of a recording */
    const struct task_wait *wait; /* the longest wait; NULL: none */
};

struct task_sums {
    struct task_sum *rows;
    size_t n_rows;
    uint32_t *row_of;       /* by task: the index of its row */
    size_t n_greenlets;     /* of the rows */
    double wall_ns, cpu_ns; /* of all samples that have a task */
    double all_cpu_ns;      /* of all samples */
};

/* 0 or ERR_NOMEM. No rows where no task is known. */
int task_sums_new(const struct profile *profile, struct task_sums *sums);
void task_sums_release(struct task_sums *sums);
/* Share of the threads' time (those that idle all along left out) in which a mark was on them. */
double mark_share(const struct profile *profile, enum sample_mark mark);
/* "Greenlet-7": none of asyncio's tasks, but a greenlet that was found waiting; what is called its coroutine is the
 * function that it began in. */
bool task_is_greenlet(const struct profile *profile, const struct task *task);
/* "Task-7", "Greenlet-7": a name that only numbers it. */
bool task_is_numbered(const struct profile *profile, const struct task *task);
/* What the rows of its like are called, a string id: its name, or its function's where it is only numbered. */
uint32_t task_label(const struct profile *profile, uint32_t task);
/* Sets `alike` of every task. 0 or ERR_NOMEM. For profile_load. */
int tasks_find_alike(struct profile *profile);

#endif
