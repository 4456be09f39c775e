/*
 * Tells the registers that a thread has in user space while it sleeps in the kernel, which nothing else tells without
 * stopping it. Run by a read of ours, for one thread; the thread itself is not touched.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/kernel.bpf.h"
#include "bpf/user_registers.bpf.h"
#include "wire/kernel_sample.h"

char _license[] SEC("license") = "Dual MIT/GPL";

struct seq_file;
struct bpf_iter_meta {
    struct seq_file *seq;
} __attribute__((preserve_access_index));
struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
} __attribute__((preserve_access_index));

SEC("iter/task")
int on_task(struct bpf_iter__task *context)
{
    struct task_struct *task = context->task;
    struct wire_registers registers = {0};
    if (task == NULL)
        return 0;
    copy_registers(&registers, (const void *)bpf_task_pt_regs(task));
    bpf_seq_write(context->meta->seq, &registers, sizeof registers);
    return 0;
}
