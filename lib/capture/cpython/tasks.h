/*
 * asyncio's tasks of a live CPython, 3.8 to 3.15: which one a stack that was read belongs to, and those that wait: in
 * which coroutines, and who waits for them.
 *
 * The task of a stack is the one whose own coroutine is a frame of that stack: what the interpreter calls the current
 * task only says where to look. It is read with the stack, so that whatever proves the one proves the other. Tasks that
 * wait stand still while their loop's thread does; the caller proves that, too.
 */
#ifndef KEISOKU_CAPTURE_TASKS_H
#define KEISOKU_CAPTURE_TASKS_H

#include "base/buf.h"

struct python;
struct python_reader;
struct python_stack;

/* Where a process's asyncio keeps what is read here. Plain data: any reader of the process may be given a copy. */
struct python_asyncio {
    bool known;
    uint64_t interpreter;                                        /* its tasks are known in; 0: in all */
    uint32_t thread_task, thread_tasks;                          /* 3.14+: fields of the thread state */
    uint32_t task_node, task_awaited_by, task_awaited_by_is_set; /* 3.14+: fields of a task */
    uint32_t task_coro, task_name;                               /* fields of a task */
    uint64_t current_tasks;                                      /* before: dict of loop and task, */
    uint64_t all_tasks;                                          /* set of weak references */
};

/* A few hundred reads, off the timed path. False: asyncio is not loaded (yet), or is not as expected. */
bool python_find_asyncio(struct python *python, struct python_asyncio *asyncio);
/* From now on python_read_stack says the task of a stack. Cheap when it was told before. */
void python_reader_follow_tasks(struct python_reader *reader, const struct python_asyncio *asyncio);

/* For the kernel sampler: where the running task of a thread of that interpreter is told. */
struct wire_tasks;
void python_tasks_wire(const struct python *python, const struct python_asyncio *asyncio, uint64_t interpreter,
                       struct wire_tasks *wire);

enum { TASK_RAW_BYTES = 128, TASK_DEPTH_MAX = 512 };

/* A task, with its name as the target has it: what it takes to tell it from others. */
struct python_task {
    uint64_t address, coroutine; /* address 0: none */
    uint32_t root;               /* index of its outermost frame in the stack that it was read with */
    uint32_t length;             /* of the name, in characters */
    uint64_t number;             /* of a task or greenlet called after its number, else 0 */
    bool greenlet;               /* its `coroutine` is the code object of its outermost frame */
    uint8_t kind;                /* bytes a character; 0: called after its number, or has no name */
    uint8_t raw[TASK_RAW_BYTES]; /* the name's beginning */
};

/* What it read: false where the name is not whole. */
struct wire_task;
bool python_task_recorded(struct python_reader *reader, const struct wire_task *wire, struct python_task *task);
/* It is the task of the stack, if its coroutine's frame is on it. */
void python_stack_of_task(const struct python_task *task, uint64_t frame, struct python_stack *stack);

/* "Task-7", "fetch", "Greenlet-7". UTF-8, cut where it is very long. */
void python_task_name(const struct python *python, const struct python_task *task, struct buf *name);
/* The same for tasks that cannot be told apart. */
uint64_t python_task_key(const struct python_task *task);

/* Where a listing is. */
struct python_task_cursor {
    uint64_t next, first, table;
    uint32_t steps;
    uint64_t total; /* tasks there are, 0 where that is not told (3.14+) */
};

/* Listing the tasks of the reader's thread (before 3.14: of its interpreter), a slice at a time. Each slice is one
 * reading of the target's memory between begin and end. The cursor is zero at first and stays good as long as the loop
 * does not run. */
void python_tasks_begin(struct python_reader *reader);
/* The next task's address; 0: no more. */
uint64_t python_tasks_next(struct python_reader *reader, struct python_task_cursor *cursor);
void python_tasks_end(struct python_reader *reader);

/* Very many tasks, of which some are looked at, spread over all of them: stays good though the loop runs. Zero at
 * first. */
struct python_task_crowd {
    bool counted;
    uint64_t total;  /* tasks there are, once counted; later as many as there were the last time round */
    uint64_t node;   /* 3.14+: where it is in the ring of them, 0: at its head */
    uint64_t walked; /* so far from there */
    uint64_t step;   /* before: how many places of the table were tried */
};
/* Between begin and end, before all else: goes on from where it was, or begins anew where that is gone. False: they are
 * not counted yet, and it has gone on by `steps`. */
bool python_tasks_count(struct python_reader *reader, struct python_task_crowd *crowd, uint32_t steps);
/* One of them, `stride` behind the one before where they can only be had in their order; 0: none found. */
uint64_t python_tasks_pick(struct python_reader *reader, struct python_task_crowd *crowd, uint32_t stride);

enum python_task_state {
    TASK_WAITS,
    TASK_READY, /* it has not begun */
    TASK_RUNS,  /* its coroutine is being executed, or is about to end */
    TASK_OVER,
};

struct python_task_view {
    struct python_task task, awaiter; /* awaiter: a task that waits for this one; address 0: none */
    enum python_task_state state;
    uint64_t loop;
    uint64_t awaits; /* address of the task that it waits for itself, 0: something else */
    char on[48];     /* type of what is at the end of its chain: "Future", "Task"; "" not known */
};

/* Reads one task between begin and end: its coroutines as a stack, innermost first. False: it is no task, or it changed
 * meanwhile. No allocation. */
bool python_read_task(struct python_reader *reader, uint64_t address, struct python_task_view *view,
                      struct python_stack *stack);
/* The identifier of the thread that runs an event loop, 0: not known (it does not run, or is none of asyncio's own).
 * Off the timed path. */
uint64_t python_loop_thread(struct python *python, uint64_t loop);

#endif
