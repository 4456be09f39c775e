/*
 * The task of asyncio that a thread runs which stands still: one that the interpreter calls running, and whose own
 * coroutine is on the stack that was read.
 */
#ifndef KEISOKU_BPF_TASK_BPF_H
#define KEISOKU_BPF_TASK_BPF_H

#include "bpf/stack.bpf.h"
#include "wire/kernel_sample.h"

enum { LOOPS_MAX = 8, TABLE_MAX = 255, ENTRY_BYTES = 24 /* of a dict: hash, key, value */ };

struct search {
    const struct wire_tasks *tasks;
    const struct scratch *out;
    __u64 entries, count; /* of the dict */
    __u64 task, coroutine, frame;
    __u32 found;
};

static long is_frame(__u32 index, struct search *search)
{
    search->found = search->out->frames[index & (WIRE_FRAMES_MAX - 1)].address == search->frame;
    return search->found;
}

/* Ends the search where it is. */
static long runs(struct search *search)
{
    const struct wire_tasks *tasks = search->tasks;
    if (!plausible(search->task) || !read_u64(search->task + tasks->coroutine, &search->coroutine) ||
        !plausible(search->coroutine))
        return 0;
    search->frame = search->coroutine + tasks->frame;
    if (!tasks->frame_inside && !read_u64(search->frame, &search->frame))
        return 0;
    bpf_loop(search->out->sample.depth, is_frame, search, 0);
    return search->found;
}

/* The newest entry is the last. */
static long try_entry(__u32 index, struct search *search)
{
    if (index >= search->count)
        return 1;
    __u64 at = search->entries + (search->count - 1 - index) * ENTRY_BYTES;
    return read_u64(at + 16, &search->task) && runs(search);
}

static void search_dict(struct search *search)
{
    const struct wire_tasks *tasks = search->tasks;
    __u64 keys = 0, slots = 0;
    __u8 log2_size = 0;
    if (!read_u64(tasks->current + tasks->dict_keys, &keys) || !plausible(keys) ||
        !read_u64(keys + tasks->keys_count, &search->count))
        return;
    if (tasks->keys_log2_size == WIRE_NONE)
        read_u64(keys + tasks->keys_table_size, &slots);
    else if (bpf_probe_read_user(&log2_size, 1, (const void *)(keys + tasks->keys_log2_size)) == 0)
        slots = 1ull << (log2_size & 31);
    if (slots == 0 || slots > TABLE_MAX || search->count > slots)
        return; /* more loops than anybody has */
    search->entries = keys + tasks->keys_entries + slots;
    bpf_loop(LOOPS_MAX, try_entry, search, 0);
}

/* Without room there is none: the sample comes all the same. */
static void send_task(const struct wire_thread *thread, const struct scratch *out)
{
    const struct wire_tasks *tasks = &thread->tasks;
    struct search search = {.tasks = tasks, .out = out};
    if (out->sample.depth == 0 || out->sample.result != WIRE_OK)
        return;
    if (tasks->current != 0)
        search_dict(&search);
    else if (tasks->running != 0 && read_u64(thread->state + tasks->running, &search.task))
        runs(&search);
    if (!search.found)
        return;
    struct wire_task *task = bpf_ringbuf_reserve(&samples, sizeof *task, 0);
    if (task == NULL)
        return;
    task->kind = WIRE_TASK;
    task->owner = out->sample.owner;
    task->time_ns = out->sample.time_ns;
    task->address = search.task;
    task->coroutine = search.coroutine;
    task->frame = search.frame;
    task->name_address = 0;
    task->name_bytes = 0;
    read_u64(search.task + tasks->name, &task->name_address);
    if (bpf_probe_read_user(task->name, WIRE_NAME_BYTES, (const void *)task->name_address) == 0)
        task->name_bytes = WIRE_NAME_BYTES;
    else if (bpf_probe_read_user(task->name, WIRE_NAME_BYTES / 3, (const void *)task->name_address) == 0)
        task->name_bytes = WIRE_NAME_BYTES / 3; /* its page ends */
    bpf_ringbuf_submit(task, BPF_RB_NO_WAKEUP);
}

#endif
