/*
 * The tasks of one process as the sampler meets them: an append-only table in chunks that never move, filled by the
 * sampler thread alone and read by the writer without a lock, as stack_store.h does it. Of a program that makes more
 * tasks than there is room for, the rest is one entry.
 */
#ifndef KEISOKU_CAPTURE_TASK_STORE_H
#define KEISOKU_CAPTURE_TASK_STORE_H

#include "base/map.h"
#include "capture/cpython/tasks.h"

enum { TASKS_MAX = 1 << 16, TASK_CHUNK = 256, TASK_TYPES_MAX = 255, TASK_TYPE_BYTES = 48 };

struct task_entry {
    struct python_task task; /* address 0: all those that there was no room for */
    uint32_t code;           /* of its coroutine: index into the stack store's codes; 0: not known */
    uint32_t recorded;       /* the writer's: id of the recording */
    uint32_t function;       /* the writer's: that the recording has for its coroutine */
};

struct task_store {
    struct task_entry *chunks[TASKS_MAX / TASK_CHUNK];
    uint32_t count; /* entry 0 is "none", entry 1 "the rest" */
    uint32_t n_greenlets;
    struct map ids; /* key → id */
    struct map type_ids;
    char types[TASK_TYPES_MAX + 1][TASK_TYPE_BYTES]; /* what tasks wait for; 0: not known */
    uint32_t n_types;
};

/* NULL when memory is short. */
struct task_store *task_store_new(void);
void task_store_free(struct task_store *store);
/* Finds the task or adds it; 0 when memory is short. */
uint32_t task_store_add(struct task_store *store, const struct python_task *task, uint32_t code);
struct task_entry *task_store_entry(const struct task_store *store, uint32_t id);
/* Index of a type's name; 0 for "" and when there is no room. */
uint8_t task_store_type(struct task_store *store, const char *name);

#endif
