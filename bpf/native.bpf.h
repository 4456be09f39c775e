/*
 * What the native frames of a thread that stands still are found by, later and elsewhere: its registers in user space
 * and the innermost piece of its stack.
 */
#ifndef KEISOKU_BPF_NATIVE_BPF_H
#define KEISOKU_BPF_NATIVE_BPF_H

#include "bpf/kernel.bpf.h"
#include "bpf/stack.bpf.h"
#include "wire/kernel_sample.h"

__u32 native_room = 0; /* bytes of the ring that these may fill: the rest is for samples. 0: none are wanted */

#if defined(__TARGET_ARCH_arm64)
static void copy_registers(struct wire_native *native, const struct pt_regs___here *of)
{
    for (int i = 0; i < 31; i++)
        native->registers[i] = BPF_CORE_READ(of, regs[i]);
    native->registers[31] = BPF_CORE_READ(of, sp);
    native->ip = BPF_CORE_READ(of, pc);
}
enum { STACK_REGISTER = 31 };
#else
static void copy_registers(struct wire_native *native, const struct pt_regs___here *of)
{
    native->registers[0] = BPF_CORE_READ(of, ax);
    native->registers[1] = BPF_CORE_READ(of, dx);
    native->registers[2] = BPF_CORE_READ(of, cx);
    native->registers[3] = BPF_CORE_READ(of, bx);
    native->registers[4] = BPF_CORE_READ(of, si);
    native->registers[5] = BPF_CORE_READ(of, di);
    native->registers[6] = BPF_CORE_READ(of, bp);
    native->registers[7] = BPF_CORE_READ(of, sp);
    native->registers[8] = BPF_CORE_READ(of, r8);
    native->registers[9] = BPF_CORE_READ(of, r9);
    native->registers[10] = BPF_CORE_READ(of, r10);
    native->registers[11] = BPF_CORE_READ(of, r11);
    native->registers[12] = BPF_CORE_READ(of, r12);
    native->registers[13] = BPF_CORE_READ(of, r13);
    native->registers[14] = BPF_CORE_READ(of, r14);
    native->registers[15] = BPF_CORE_READ(of, r15);
    native->ip = BPF_CORE_READ(of, ip);
}
enum { STACK_REGISTER = 7 };
#endif

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
    copy_registers(native, (const void *)bpf_task_pt_regs(bpf_get_current_task_btf()));
    native->start = native->registers[STACK_REGISTER] & ~(__u64)(WIRE_STACK_PAGE - 1);
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
