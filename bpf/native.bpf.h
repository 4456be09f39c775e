/*
 * What the native frames of a thread that stands still are found by, later and elsewhere: its registers in user space
 * and the innermost piece of its stack.
 */
#ifndef KEISOKU_BPF_NATIVE_BPF_H
#define KEISOKU_BPF_NATIVE_BPF_H

#include "bpf/kernel.bpf.h"
#include "bpf/stack.bpf.h"
#include "bpf/user_registers.bpf.h"
#include "wire/kernel_sample.h"

__u32 native_room = 0; /* bytes of the ring that these may fill: the rest is for samples. 0: none are wanted */

/* Without room there is none: the sample comes all the same. */
static void send_native(const struct wire_sample *sample)
{
    if (native_room == 0 || bpf_ringbuf_query(&samples, BPF_RB_AVAIL_DATA) > native_room)
        return;
    struct wire_native *native = bpf_ringbuf_reserve(&samples, sizeof *native, 0);
    if (native == NULL)
        return;
    native->kind = WIRE_NATIVE;
    native->owner = sample->owner;
    native->time_ns = sample->time_ns;
    copy_registers(&native->user, (const void *)bpf_task_pt_regs(bpf_get_current_task_btf()));
    native->start = native->user.registers[STACK_REGISTER] & ~(__u64)(WIRE_STACK_PAGE - 1);
    native->pages = 0;
    for (__u32 page = 0; page < WIRE_STACK_PAGES; page++) {
        __u64 at = (__u64)page * WIRE_STACK_PAGE;
        if (bpf_probe_read_user(native->bytes + at, WIRE_STACK_PAGE, (const void *)(native->start + at)) != 0)
            break;
        native->pages = page + 1;
    }
    bpf_ringbuf_submit(native, BPF_RB_NO_WAKEUP);
}

#endif
