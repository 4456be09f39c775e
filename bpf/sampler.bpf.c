/*
 * The kernel sampler: runs in the interrupt of each core's clock, and where the scheduler takes a thread off its core
 * to wait. The thread stands still meanwhile, so the frames that are read (stack.bpf.h) are a true stack by
 * construction. Memory that is not there at this moment (a page fault would be needed) fails the read, and the sample
 * says so.
 *
 * Runs with interrupts off and may not sleep, loop without a bound, or touch what it was not shown: the verifier checks
 * that.
 */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/kernel.bpf.h"
#include "bpf/native.bpf.h"
#include "bpf/operands.bpf.h"
#include "bpf/stack.bpf.h"
#include "bpf/task.bpf.h"
#include "wire/kernel_sample.h"

char _license[] SEC("license") = "Dual MIT/GPL";

const volatile __u64 clock_ahead_ns; /* the collector's clock, of the kernel's; modulo 2^64 */

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, WIRE_THREADS_MAX);
    __type(key, __u32);
    __type(value, struct wire_thread);
} threads SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1); /* one a core, set before loading */
    __type(key, __u32);
    __type(value, struct scratch);
} scratches SEC(".maps");

/* Where the watched threads are. */
struct wire_core cores[WIRE_CORES] = {0};

/* What did not reach the collector. */
__u64 lost_interrupts = 0;

/* So long from one wait of a thread that is told of to the next, on average, where there are many; 0: none is. */
__u64 wait_interval_ns = 0;

/* Registers of user space, as they were when the thread came to the kernel; this interrupt may be what it came for. */
static const struct pt_regs___here *user_registers(void)
{
    return (const void *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

static void begin_sample(struct task_struct *task, struct wire_thread *thread, struct wire_sample *sample, __u64 now_ns)
{
    sample->kind = WIRE_SAMPLE;
    sample->owner = thread->owner;
    sample->time_ns = now_ns + clock_ahead_ns;
    sample->run_ns = task->se.sum_exec_runtime;
    sample->delay_ns = thread->switches.known_ns = task->sched_info.run_delay;
    sample->switches = task->sched_info.pcount;
    sample->left[0] = task->nvcsw;
    sample->left[1] = task->nivcsw;
    sample->ip = sample->user_ip = 0;
    sample->entry_frame = 0;
    sample->stays_ns = 0;
    sample->call = -1;
    sample->stands_for = 1;
    sample->task_state = 0;
    sample->result = WIRE_OK;
    sample->flags = 0;
    sample->depth = 0;
    sample->core = bpf_get_smp_processor_id();
}

/* Reads the stack and hands the sample over; false: it is lost. */
static bool end_sample(struct wire_thread *thread, struct scratch *out)
{
    struct wire_sample *sample = &out->sample;
    send_native(sample);
    if ((sample->flags & WIRE_STAYS) != 0) {
        say_collecting(thread, sample);
    } else if (thread->state != 0) {
        read_stack(thread, out);
        send_task(thread, out);
        if ((sample->flags & WIRE_WAITS) == 0)
            send_operands(thread, out);
    }
    sample->took_ns = (__u32)(bpf_ktime_get_ns() + clock_ahead_ns - sample->time_ns + thread->switches.spent_ns);
    thread->switches.spent_ns = 0;
    __u32 depth = sample->depth;
    if (depth > WIRE_FRAMES_MAX)
        return false;
    __u64 size = sizeof *sample + (__u64)depth * sizeof(struct wire_frame);
    if (bpf_ringbuf_output(&samples, out, size,
                           sample->flags & (WIRE_NEW_CODE | WIRE_IN_DOUBT) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP) ==
        0)
        return true;
    __sync_fetch_and_add(&lost_interrupts, 1);
    return false;
}

SEC("perf_event")
int on_clock(struct bpf_perf_event_data *context)
{
    __u64 now_ns = bpf_ktime_get_ns();
    struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
    __u32 id = own_id(task), core = bpf_get_smp_processor_id();
    struct wire_thread *thread = bpf_map_lookup_elem(&threads, &id);
    struct scratch *out = bpf_map_lookup_elem(&scratches, &core);
    if (thread == NULL || out == NULL)
        return 0;
    cores[core & (WIRE_CORES - 1)].seen_ns = now_ns + clock_ahead_ns;
    begin_sample(task, thread, &out->sample, now_ns);
    out->sample.ip = PT_REGS_IP(&context->regs);
    out->sample.user_ip = PLACE(user_registers());
    end_sample(thread, out);
    return 0;
}

/* ---- switches -----------------------------------------------------------------------------------------------------
 */

enum { TASK_WAITS = 1 | 2 | 4 | 8, CREDIT_INTERVALS = 48 };

static struct wire_thread *watched(struct task_struct *task)
{
    __u32 id = task->pid == 0 ? 0 : own_id(task);
    return id == 0 ? NULL : bpf_map_lookup_elem(&threads, &id);
}

/*
 * How many waits the one that begins now would stand for, if it were told of; by chance it is one in so many. Decided
 * before anything is known of it, so that none is favoured: by a credit that grows with time and that each one told of
 * takes an interval from.
 */
static __u32 stands_for(struct wire_switches *of, __u64 now_ns)
{
    __u64 most_ns = CREDIT_INTERVALS * wait_interval_ns;
    __u64 credit_ns = of->seen_ns == 0 ? most_ns : of->credit_ns + (now_ns - of->seen_ns);
    of->credit_ns = credit_ns < most_ns ? credit_ns : most_ns;
    of->seen_ns = now_ns;
    __u64 intervals = of->credit_ns / wait_interval_ns;
    if (intervals >= CREDIT_INTERVALS / 2)
        return 1;
    return 1u << (((__u32)(CREDIT_INTERVALS / 2 - intervals) + 1) / 2 & 15);
}

static bool is_told(struct wire_switches *of, __u32 each)
{
    if (each > 1 && (bpf_get_prandom_u32() & (each - 1)) != 0)
        return false;
    of->credit_ns -= of->credit_ns > wait_interval_ns ? wait_interval_ns : of->credit_ns;
    of->told = 1;
    return true;
}

/* Of each GIL, the newest count of its changes of hands that was seen: no more than it is by now. */
struct gil_key {
    __u64 gil, process;
};
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, WIRE_GILS_MAX);
    __type(key, struct gil_key);
    __type(value, __u64);
} gil_counts SEC(".maps");

static bool see_gil(const struct wire_thread *thread, struct wire_gil *gil)
{
    struct gil_key key = {.gil = thread->gil, .process = thread->process};
    if (thread->gil == 0 || bpf_probe_read_user(gil, sizeof *gil, (const void *)thread->gil) != 0)
        return false;
    __u64 *count = bpf_map_lookup_elem(&gil_counts, &key);
    if (count != NULL)
        *count = gil->count;
    return count != NULL || bpf_map_update_elem(&gil_counts, &key, &gil->count, BPF_ANY) == 0;
}

/*
 * Frames change only while their thread has the GIL. Taking it after another thread writes the holder and counts one
 * up; and what a thread wrote itself it sees. So where another one is the holder as the thread leaves its core
 * (may_stay), it counts one up when it takes it. And where the count, as it leaves again, is one that was seen before
 * it came there, it did not: it only tried, as those do that wait for it, 200 times a second each, and its stack is
 * still that of its last wait.
 */
static void note_gil(struct wire_thread *thread)
{
    struct wire_switches *of = &thread->switches;
    struct gil_key key = {.gil = thread->gil, .process = thread->process};
    const __u64 *count = of->stays_ns != 0 ? bpf_map_lookup_elem(&gil_counts, &key) : NULL;
    of->gil_count = count != NULL ? *count : 0;
    if (count == NULL)
        of->stays_ns = 0;
}

/* As the thread leaves its core. Where it was not seen to come, nothing was noted. */
static bool stays(struct wire_thread *thread)
{
    struct wire_switches *of = &thread->switches;
    struct wire_gil gil = {0};
    if (of->stays_ns != 0 && (of->left_ns != 0 || !see_gil(thread, &gil) || gil.count != of->gil_count))
        of->stays_ns = 0;
    return of->stays_ns != 0;
}

/* The next wait of the thread may be one with the stack of this one. Not of one that waits with the GIL: it may have it
 * by the state of another interpreter, whose name is the holder's then. Nor of one that had it last: it may take it
 * again without counting. */
static bool may_stay(const struct wire_thread *thread, const struct wire_sample *sample, bool sent)
{
    __u8 against = WIRE_STAYS | WIRE_NEW_CODE | WIRE_IN_DOUBT | WIRE_TRUNCATED | WIRE_HOLDS_GIL;
    struct wire_gil gil;
    return sent && thread->tasks.running == 0 && native_room == 0 && sample->result == WIRE_OK &&
           (sample->flags & against) == 0 && sample->depth > 0 && see_gil(thread, &gil) && gil.holder != thread->state;
}

/* False: it was left out. */
static bool leaves(struct task_struct *task, struct wire_thread *thread, __u32 state, __u64 now_ns)
{
    struct wire_switches *of = &thread->switches;
    __u32 core = bpf_get_smp_processor_id(), each = stands_for(of, now_ns);
    bool same = stays(thread);
    of->left_ns = now_ns;
    of->delay_ns = task->sched_info.run_delay;
    of->switches = task->sched_info.pcount;
    of->told = 0;
    if (!is_told(of, each))
        return false;
    struct scratch *out = bpf_map_lookup_elem(&scratches, &core);
    if (out == NULL)
        return false;
    struct wire_sample *sample = &out->sample;
    begin_sample(task, thread, sample, now_ns);
    sample->flags = WIRE_WAITS;
    sample->task_state = (__u8)state;
    sample->stands_for = each;
    const struct pt_regs___here *registers = user_registers();
    sample->call = (__s64)CALL(registers);
    sample->call_arguments[0] = CALL_FIRST(registers);
    sample->call_arguments[1] = CALL_NEXT(registers);
    if (same) {
        sample->flags |= WIRE_STAYS;
        sample->stays_ns = of->stays_ns;
    }
    bool sent = end_sample(thread, out);
    if (!same)
        of->stays_ns = may_stay(thread, sample, sent) ? sample->time_ns : 0;
    return true;
}

/* How long it has wanted this core, which the scheduler is about to count. 0 where groups of tasks are not scheduled:
 * nothing leads from the task to the scheduler's clock then. */
static __u64 queued_ns(struct task_struct *task)
{
    __u64 queued = task->sched_info.last_queued;
    if (queued == 0 || !bpf_core_field_exists(task->se.cfs_rq))
        return 0;
    __u64 clock = BPF_CORE_READ(task, se.cfs_rq, rq, clock);
    return clock > queued ? clock - queued : 0;
}

/* Preempted, or held up by a quota, it comes back. What it wanted other cores for is counted already. */
static void tell_delay(struct task_struct *task, struct wire_thread *thread, __u64 now_ns)
{
    __u64 delay_ns = task->sched_info.run_delay + queued_ns(task);
    if (delay_ns - thread->switches.known_ns < WIRE_LONG_WAIT_NS)
        return;
    thread->switches.known_ns = delay_ns;
    struct wire_delayed delayed = {
        .kind = WIRE_DELAYED, .owner = thread->owner, .time_ns = now_ns + clock_ahead_ns, .delay_ns = delay_ns};
    bpf_ringbuf_output(&samples, &delayed, sizeof delayed, BPF_RB_NO_WAKEUP);
}

/* The clock runs on cores where watched threads do, and nowhere else: here is one, who has it started. */
static void see_core(__u64 now_ns)
{
    __u32 core = bpf_get_smp_processor_id();
    struct wire_core *here = &cores[core & (WIRE_CORES - 1)];
    here->seen_ns = now_ns + clock_ahead_ns;
    if (here->on || here->asked)
        return;
    struct wire_core_wanted wanted = {.kind = WIRE_CORE, .core = core};
    here->asked = 1;
    bpf_ringbuf_output(&samples, &wanted, sizeof wanted, BPF_RB_FORCE_WAKEUP);
}

static void comes(struct task_struct *task, struct wire_thread *thread, __u64 now_ns)
{
    struct wire_switches *of = &thread->switches;
    __u64 away_ns = now_ns - of->left_ns;
    if (of->left_ns != 0 && of->switches != task->sched_info.pcount) /* it came, and was preempted, unseen */
        of->left_ns = of->stays_ns = 0;
    if (of->left_ns == 0) {
        tell_delay(task, thread, now_ns);
        return;
    }
    of->left_ns = 0;
    note_gil(thread);
    if (!of->told && away_ns < WIRE_LONG_WAIT_NS)
        return;
    /* in the queues of other cores, which is counted already, and in that of this one */
    __u64 delay_ns = task->sched_info.run_delay - of->delay_ns + queued_ns(task);
    struct wire_waited waited = {.kind = WIRE_WAITED,
                                 .owner = thread->owner,
                                 .time_ns = now_ns + clock_ahead_ns - (delay_ns < away_ns ? delay_ns : away_ns),
                                 .switches = task->sched_info.pcount};
    bpf_ringbuf_output(&samples, &waited, sizeof waited, BPF_RB_NO_WAKEUP);
}

/* The thread before goes off the core, the next one comes. A thread that is preempted wants to run on: the scheduler's
 * counters say for how long it could not. */
SEC("tp_btf/sched_switch")
int on_switch(const __u64 *arguments)
{
    bool waits = arguments[0] == 0 && (arguments[3] & TASK_WAITS) != 0; /* and is not preempted */
    struct task_struct *before = (struct task_struct *)arguments[1], *next = (struct task_struct *)arguments[2];
    if (wait_interval_ns == 0)
        return 0;
    __u64 start_ns = 0;
    struct wire_thread *thread = watched(next);
    if (thread != NULL) {
        start_ns = bpf_ktime_get_ns();
        see_core(start_ns);
        comes(next, thread, start_ns);
        if (!waits)
            thread->switches.spent_ns += bpf_ktime_get_ns() - start_ns;
    }
    thread = waits ? watched(before) : NULL;
    if (thread == NULL)
        return 0;
    if (start_ns == 0)
        start_ns = bpf_ktime_get_ns();
    if (!leaves(before, thread, (__u32)arguments[3], start_ns)) /* else it is told with it */
        thread->switches.spent_ns += bpf_ktime_get_ns() - start_ns;
    return 0;
}
