/*
 * What the kernel sampler knows of the kernel: the parts of its structures that are read, found in the running kernel
 * by its own type information, and a thread's id as the collector sees it. Pointers that the kernel gave with their
 * type are read through as they are: a call for each field costs more than the field.
 */
#ifndef KEISOKU_BPF_KERNEL_BPF_H
#define KEISOKU_BPF_KERNEL_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct rq {
    __u64 clock;
} __attribute__((preserve_access_index));
struct cfs_rq {
    struct rq *rq;
} __attribute__((preserve_access_index));
struct sched_entity {
    __u64 sum_exec_runtime;
    struct cfs_rq *cfs_rq;
} __attribute__((preserve_access_index));
struct sched_info {
    unsigned long pcount;
    unsigned long long run_delay, last_queued;
} __attribute__((preserve_access_index));
struct ns_common {
    unsigned int inum;
} __attribute__((preserve_access_index));
struct pid_namespace {
    struct ns_common ns;
} __attribute__((preserve_access_index));
struct upid {
    int nr;
    struct pid_namespace *ns;
} __attribute__((preserve_access_index));
struct pid {
    unsigned int level;
    struct upid numbers[1];
} __attribute__((preserve_access_index));
struct task_struct {
    int pid, tgid;
    void *mm;
    struct task_struct *real_parent, *group_leader;
    struct pid *thread_pid;
    struct sched_entity se;
    struct sched_info sched_info;
    unsigned long nvcsw, nivcsw;
} __attribute__((preserve_access_index));

#if defined(__TARGET_ARCH_arm64)
struct pt_regs___here {
    __u64 regs[31];
    __u64 sp, pc;
    __u64 orig_x0;
    __s32 syscallno;
} __attribute__((preserve_access_index));
#define PLACE(of)      ((of)->pc)
#define CALL(of)       ((of)->syscallno)
#define CALL_FIRST(of) ((of)->orig_x0)
#define CALL_NEXT(of)  ((of)->regs[1])
#else
struct pt_regs___here {
    unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, sp;
} __attribute__((preserve_access_index));
#define PLACE(of)      ((of)->ip)
#define CALL(of)       ((of)->orig_ax)
#define CALL_FIRST(of) ((of)->di)
#define CALL_NEXT(of)  ((of)->si)
#endif

const volatile __u32 pid_namespace; /* the collector's; 0: the first one, where ids are the kernel's own */

enum { NAMESPACE_LEVELS = 33 };

/* The thread's id as the collector sees it; 0: it does not. */
static inline __u32 own_id(struct task_struct *task)
{
    if (pid_namespace == 0)
        return (__u32)task->pid;
    struct pid *pid = BPF_CORE_READ(task, thread_pid);
    __u32 level = BPF_CORE_READ(pid, level);
    const char *at = (const char *)pid + bpf_core_field_offset(struct pid, numbers);
    for (__u32 i = 0; i < NAMESPACE_LEVELS && i <= level; i++, at += bpf_core_type_size(struct upid)) {
        const struct upid *number = (const void *)at;
        if (BPF_CORE_READ(number, ns, ns.inum) == pid_namespace)
            return BPF_CORE_READ(number, nr);
    }
    return 0;
}

#endif
