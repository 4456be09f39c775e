/*
 * The task of asyncio that a thread that stands still runs, as far as its state says: the collector believes it where
 * the task's own coroutine is on the stack.
 */
#ifndef KEISOKU_BPF_TASK_BPF_H
#define KEISOKU_BPF_TASK_BPF_H

#include "bpf/stack.bpf.h"
#include "wire/kernel_sample.h"

/* Without room there is none: the sample comes all the same. */
static void send_task(const struct wire_thread *thread, const struct wire_sample *sample)
{
    __u64 address = 0;
    if (thread->tasks.running == 0 || sample->depth == 0 ||
        !read_u64(thread->state + thread->tasks.running, &address) || !plausible(address))
        return;
    struct wire_task *task = bpf_ringbuf_reserve(&samples, sizeof *task, 0);
    if (task == NULL)
        return;
    task->kind = WIRE_TASK;
    task->owner = sample->owner;
    task->time_ns = sample->time_ns;
    task->address = address;
    task->coroutine = task->name_address = 0;
    task->name_bytes = 0;
    if (!read_u64(address + thread->tasks.coroutine, &task->coroutine) ||
        !read_u64(address + thread->tasks.name, &task->name_address))
        task->coroutine = 0;
    if (bpf_probe_read_user(task->name, WIRE_NAME_BYTES, (const void *)task->name_address) == 0)
        task->name_bytes = WIRE_NAME_BYTES;
    else if (bpf_probe_read_user(task->name, WIRE_NAME_BYTES / 3, (const void *)task->name_address) == 0)
        task->name_bytes = WIRE_NAME_BYTES / 3; /* its page ends */
    bpf_ringbuf_submit(task, BPF_RB_NO_WAKEUP);
}

#endif
