/*
 * A profile whose stacks tell tasks of asyncio apart: right above the frame of the task's coroutine stands one of kind
 * FUNCTION_TASK with its name ("task fetch-1"), or at the root where that frame is not known. Tasks that reports show
 * as one ("Task-7" and "Task-8" of one function) share it. Exporters for tools that know stacks only start from this
 * (export.def).
 */
#ifndef KEISOKU_DATA_TASK_STACKS_H
#define KEISOKU_DATA_TASK_STACKS_H

#include "data/profile.h"

struct task_stacks;

/* NULL where no sample has a task. 0 or ERR_NOMEM. */
int task_stacks_new(const struct profile *profile, struct task_stacks **result);
void task_stacks_free(struct task_stacks *stacks);
/* Ids of the first profile mean the same here. Lives as long as both. */
const struct profile *task_stacks_profile(const struct task_stacks *stacks);

#endif
