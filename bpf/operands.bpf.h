/*
 * What the innermost instruction works on, where the collector wants to know of that instruction: the first bytes of
 * its operands, which say their types and sizes.
 */
#ifndef KEISOKU_BPF_OPERANDS_BPF_H
#define KEISOKU_BPF_OPERANDS_BPF_H

#include "bpf/stack.bpf.h"
#include "wire/kernel_sample.h"

struct wire_wanted wanted[WIRE_WANTED] = {0};
__u32 wanted_count = 0; /* that may be there */

static void copy_operands(const struct wire_thread *thread, const struct scratch *out, const struct wire_wanted *what)
{
    struct wire_operands *copy = bpf_ringbuf_reserve(&samples, sizeof *copy, 0);
    if (copy == NULL)
        return;
    copy->kind = WIRE_OPERANDS_OF;
    copy->owner = thread->owner;
    copy->time_ns = out->sample.time_ns;
    copy->read = 0;
    for (__u32 i = 0; i < WIRE_SLOTS; i++) {
        copy->values[i] = 0;
        if (what->slots[i] != WIRE_NONE)
            read_u64(out->frames[0].address + what->slots[i], &copy->values[i]);
    }
    for (__u32 i = 0; i < WIRE_OPERANDS; i++) {
        __u64 object = copy->values[i] & ~(__u64)thread->layout.code_tag_mask;
        if (plausible(object) && bpf_probe_read_user(copy->bytes[i], WIRE_HEAD_BYTES, (const void *)object) == 0)
            copy->read |= 1u << i;
    }
    bpf_ringbuf_submit(copy, BPF_RB_NO_WAKEUP);
}

/* Once for each that is wanted. */
static void send_operands(const struct wire_thread *thread, const struct scratch *out)
{
    const struct wire_frame *innermost = &out->frames[0];
    if (wanted_count == 0 || out->sample.depth == 0 || out->sample.result != WIRE_OK)
        return;
    for (__u32 i = 0; i < WIRE_WANTED; i++) {
        if (wanted[i].mark == 0 || wanted[i].mark != innermost->mark || wanted[i].offset != innermost->offset)
            continue;
        copy_operands(thread, out, &wanted[i]);
        wanted[i].mark = 0;
        return;
    }
}

#endif
