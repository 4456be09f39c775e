/*
 * The kernel sampler: runs in the interrupt of each core's clock, and where the scheduler takes a thread off its core
 * to wait. The thread stands still meanwhile, so the frames that are read are a true stack by construction. Memory that
 * is not there at this moment (a page fault would be needed) fails the read, and the sample says so.
 *
 * Runs with interrupts off and may not sleep, loop without a bound, or touch what it was not shown: the verifier checks
 * that. Whatever the target's memory holds, the walk ends after WIRE_FRAMES_MAX frames or at a cycle.
 */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "wire/kernel_sample.h"

char _license[] SEC("license") = "Dual MIT/GPL";

/* The parts of the kernel's structures that are read; found in the running kernel by its own type information. */
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
    int pid;
    struct pid *thread_pid;
    struct sched_entity se;
    struct sched_info sched_info;
} __attribute__((preserve_access_index));

#if defined(__TARGET_ARCH_arm64)
struct pt_regs___here {
    __u64 regs[31];
    __u64 orig_x0;
    __s32 syscallno;
} __attribute__((preserve_access_index));
#define CALL(of)       BPF_CORE_READ(of, syscallno)
#define CALL_FIRST(of) BPF_CORE_READ(of, orig_x0)
#define CALL_NEXT(of)  BPF_CORE_READ(of, regs[1])
#else
struct pt_regs___here {
    unsigned long di, si, orig_ax;
} __attribute__((preserve_access_index));
#define CALL(of)       BPF_CORE_READ(of, orig_ax)
#define CALL_FIRST(of) BPF_CORE_READ(of, di)
#define CALL_NEXT(of)  BPF_CORE_READ(of, si)
#endif

const volatile __u32 pid_namespace;  /* the collector's; 0: the first one, where ids are the kernel's own */
const volatile __u64 clock_ahead_ns; /* the collector's clock, of the kernel's; modulo 2^64 */

enum { CHUNK_BYTES = 4096 }; /* read at once: the frames of a page of the data stack */

struct scratch {
    struct wire_sample sample;
    struct wire_frame frames[WIRE_FRAMES_MAX];
    uint64_t chunk_from, chunk_to; /* addresses whose bytes are in the chunk; here the verifier does not follow them */
    uint8_t chunk[CHUNK_BYTES + WIRE_BYTES];
    uint8_t code[WIRE_BYTES];
    __u64 new_codes[WIRE_NEW_CODES];
    __u32 new_marks[WIRE_NEW_CODES];
    struct wire_code copy;
    uint8_t table[WIRE_TABLE_BYTES];
};

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

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 22);
} samples SEC(".maps");

/* Marks of code objects that the collector has names for. A sample with another one wakes it at once: the code may be
 * gone soon. */
__u32 known[WIRE_KNOWN_SLOTS] = {0};

/* Where the watched threads are. */
struct wire_core cores[WIRE_CORES] = {0};

/* What did not reach the collector. */
__u64 lost_interrupts = 0;

/* So long from one wait of a thread that is told of to the next, on average, where there are many; 0: none is. */
__u64 wait_interval_ns = 0;

enum { NAMESPACE_LEVELS = 33 };

/* The thread's id as the collector sees it; 0: it does not. */
static __u32 own_id(struct task_struct *task)
{
    if (pid_namespace == 0)
        return BPF_CORE_READ(task, pid);
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

static bool plausible(__u64 address)
{
    return address >= 4096 && address < 1ull << 56 && (address & 7) == 0;
}

static bool read_u64(__u64 address, void *value)
{
    return bpf_probe_read_user(value, sizeof(__u64), (const void *)address) == 0;
}

struct walk {
    struct wire_thread *thread;
    struct scratch *out;
    __u64 frame, mark; /* mark: a frame remembered for twice as long each time (Brent's cycle detection) */
    __u32 power, since, depth;
    __u32 result;
    __u64 code; /* of the last frame */
    __u32 code_mark, n_new;
};

static __u64 load(const __u8 *bytes, __u32 offset)
{
    return *(const __u64 *)(bytes + (offset & (WIRE_FIELDS_BYTES - 1)));
}

/* Where the frame's instructions begin; 0 when it cannot be told. Free-threaded builds give each thread a copy. */
static __u64 instructions_of(const struct wire_layout *row, const __u8 *bytes, __u64 code)
{
    __u64 array, start;
    __u32 index = row->frame_tlbc_index == WIRE_NONE ? 0 : (__u32)load(bytes, row->frame_tlbc_index);
    if (row->code_tlbc == WIRE_NONE || index == 0)
        return code + row->code_instructions;
    if (index > 65536 || !read_u64(code + row->code_tlbc, &array) || !plausible(array) ||
        !read_u64(array + 8 + (__u64)index * 8, &start))
        return 0;
    return start;
}

static __s32 offset_of(const struct wire_layout *row, const __u8 *bytes, __u64 code)
{
    __u64 ip = load(bytes, row->frame_ip);
    __s64 offset;
    if (row->ip_scale != 0) {
        offset = (__s64)(__s32)ip * row->ip_scale;
    } else {
        __u64 start = instructions_of(row, bytes, code);
        if (start == 0)
            return INT32_MIN;
        offset = (__s64)(ip - start);
    }
    return offset < -2 || offset > INT32_MAX ? INT32_MIN : (__s32)offset;
}

/*
 * The bytes of a frame, whose first stands at `low`. Since 3.11 the callers' frames lie below it on one data stack:
 * what is there of its page comes with it. NULL when it cannot be read.
 */
static __u8 *frame_bytes(struct walk *walk, __u64 low, __u32 size)
{
    __u64 end = low + size;
    if (size > WIRE_FIELDS_BYTES)
        return NULL;
    if (low < walk->out->chunk_from || end > walk->out->chunk_to) {
        __u64 from = walk->thread->layout.frame_owner == WIRE_NONE ? low : (end - 1) & ~(__u64)(CHUNK_BYTES - 1);
        if (from > low) /* across two pages */
            from = low;
        __u64 length = end - from;
        if (length > CHUNK_BYTES)
            return NULL;
        if (bpf_probe_read_user(walk->out->chunk, length, (const void *)from) != 0)
            return NULL;
        walk->out->chunk_from = from;
        walk->out->chunk_to = end;
    }
    return walk->out->chunk + ((low - walk->out->chunk_from) & (CHUNK_BYTES - 1));
}

/* One frame; 1 ends the loop. */
static long step(__u32 index, struct walk *walk)
{
    const struct wire_layout *row = &walk->thread->layout;
    if (walk->frame == 0)
        return 1;
    if (!plausible(walk->frame) || walk->frame == walk->mark) {
        walk->result = WIRE_INVALID;
        return 1;
    }
    if (walk->since++ == walk->power) {
        walk->mark = walk->frame;
        walk->power *= 2;
        walk->since = 0;
    }
    const __u8 *bytes = frame_bytes(walk, walk->frame + row->frame_low, row->frame_bytes);
    if (bytes == NULL) {
        walk->result = WIRE_UNREADABLE;
        return 1;
    }
    struct wire_frame *frame = &walk->out->frames[index & (WIRE_FRAMES_MAX - 1)];
    __u64 code = load(bytes, row->frame_code) & ~(__u64)row->code_tag_mask;
    __u32 owner = row->frame_owner;
    frame->address = walk->frame;
    frame->code = code;
    frame->owner = owner == WIRE_NONE ? 0 : bytes[owner & (WIRE_FIELDS_BYTES - 1)];
    frame->entry = owner == WIRE_NONE ? 0 : bytes[(owner - 1) & (WIRE_FIELDS_BYTES - 1)];
    frame->offset = INT32_MIN;
    frame->mark = 0;
    if (plausible(code)) {
        frame->offset = offset_of(row, bytes, code);
        __u32 code_bytes = row->code_bytes;
        if (code == walk->code)
            frame->mark = walk->code_mark; /* recursion */
        else if (code_bytes <= WIRE_FIELDS_BYTES &&
                 bpf_probe_read_user(walk->out->code, code_bytes, (const void *)(code + row->code_low)) == 0)
            frame->mark = wire_mark(row, walk->out->code, code, walk->thread->process);
        walk->code = code;
        walk->code_mark = frame->mark;
        __u32 slot = (frame->mark << 1) & (WIRE_KNOWN_SLOTS - 2);
        if (known[slot] != frame->mark && known[slot + 1] != frame->mark && walk->n_new < WIRE_NEW_CODES) {
            __u32 at = walk->n_new++ & (WIRE_NEW_CODES - 1);
            walk->out->new_codes[at] = code;
            walk->out->new_marks[at] = frame->mark;
        }
    }
    walk->frame = load(bytes, row->frame_previous);
    walk->depth = index + 1;
    return 0;
}

struct cframes {
    const struct wire_layout *row;
    __u64 at, outermost;
};

static long step_cframe(__u32 index, struct cframes *chain)
{
    __u64 frame = 0, previous = 0;
    (void)index;
    if (!plausible(chain->at) || !read_u64(chain->at + chain->row->cframe_frame, &frame) ||
        !read_u64(chain->at + chain->row->cframe_previous, &previous))
        return 1;
    chain->outermost = frame != 0 ? frame : chain->outermost;
    chain->at = previous;
    return previous == 0;
}

/* The innermost frame's address; 0: none. */
static bool innermost(const struct wire_thread *thread, struct wire_sample *sample, __u64 *frame)
{
    const struct wire_layout *row = &thread->layout;
    __u64 cframe = 0;
    *frame = 0;
    if (row->thread_cframe == WIRE_NONE)
        return read_u64(thread->state + row->thread_frame, frame);
    if (!read_u64(thread->state + row->thread_cframe, &cframe))
        return false;
    if (cframe == 0)
        return true;
    if (row->cframe_previous != WIRE_NONE && row->status_holds == 0) {
        struct cframes chain = {.row = row, .at = cframe};
        bpf_loop(WIRE_FRAMES_MAX, step_cframe, &chain, 0);
        sample->entry_frame = chain.outermost;
    }
    return read_u64(cframe + row->cframe_frame, frame);
}

static bool say_state(const struct wire_thread *thread, struct wire_sample *sample)
{
    __u64 interpreter = 0, value = 0;
    if (!read_u64(thread->state + thread->layout.thread_interpreter, &interpreter) ||
        interpreter != thread->interpreter)
        return false;
    if (thread->gc != 0 && read_u64(thread->gc, &value) && (__u32)value != 0)
        sample->flags |= WIRE_GC_RUNNING;
    value = 0;
    if (thread->layout.status_holds != 0) {
        if (read_u64(thread->state + thread->layout.thread_status, &value) &&
            ((__u32)value & thread->layout.status_holds) != 0)
            sample->flags |= WIRE_HOLDS_GIL;
    } else if (thread->holder != 0 && read_u64(thread->holder, &value) && value == thread->state) {
        sample->flags |= WIRE_HOLDS_GIL;
    }
    return true;
}

/* The first bytes of the object at `address`, fewer where its page ends. */
static __u32 read_image(void *image, __u64 address)
{
    __u32 size = WIRE_TEXT_BYTES;
    for (int i = 0; i < 4; i++, size /= 2) {
        if (bpf_probe_read_user(image, size, (const void *)address) == 0)
            return size;
    }
    return 0;
}

struct copying {
    const struct wire_thread *thread;
    struct scratch *out;
    __u32 count;
};

static long copy_code(__u32 index, struct copying *copying)
{
    const struct wire_layout *row = &copying->thread->layout;
    struct scratch *out = copying->out;
    struct wire_code *copy = &out->copy;
    __u64 table = 0, bytes = 0;
    if (index >= copying->count)
        return 1;
    copy->kind = WIRE_CODE;
    copy->owner = copying->thread->owner;
    copy->address = out->new_codes[index & (WIRE_NEW_CODES - 1)];
    copy->mark = out->new_marks[index & (WIRE_NEW_CODES - 1)];
    __u32 size = row->code_size;
    if (size > WIRE_FIELDS_BYTES || bpf_probe_read_user(copy->head, size, (const void *)copy->address) != 0)
        return 0;
    for (int i = 0; i < WIRE_TEXTS; i++) {
        copy->text_bytes[i] = 0;
        copy->text_addresses[i] = 0;
        if (row->code_texts[i] != WIRE_NONE && read_u64(copy->address + row->code_texts[i], &copy->text_addresses[i]))
            copy->text_bytes[i] = read_image(copy->texts[i], copy->text_addresses[i]);
    }
    copy->table_bytes = 0;
    if (read_u64(copy->address + row->code_table, &table) && read_u64(table + row->table_size, &bytes)) {
        bytes += row->table_head;
        if (bytes <= WIRE_TABLE_BYTES && bpf_probe_read_user(out->table, bytes, (const void *)table) == 0)
            copy->table_bytes = (__u32)bytes;
    }
    __u64 total = copy->table_bytes;
    if (total <= WIRE_TABLE_BYTES)
        bpf_ringbuf_output(&samples, copy, sizeof *copy + total, BPF_RB_NO_WAKEUP);
    return 0;
}

/* Does the stack end where none does, or does it hold a link that may be an old one? The collector judges; here it is
 * only told to be quick. */
static bool in_doubt(const struct walk *walk)
{
    const struct wire_layout *row = &walk->thread->layout;
    const struct wire_frame *frames = walk->out->frames;
    if (walk->result != WIRE_OK)
        return true;
    if (row->frame_owner == WIRE_NONE || walk->depth == 0)
        return false;
    const struct wire_frame *last = &frames[(walk->depth - 1) & (WIRE_FRAMES_MAX - 1)];
    if (row->end_owner != 0 ? last->owner < row->end_owner : last->entry == 0 || last->owner == WIRE_OWNED_BY_GENERATOR)
        return true;
    return walk->depth > 1 && frames[0].offset < 0 && frames[0].owner != WIRE_OWNED_BY_GENERATOR &&
           frames[1].owner == WIRE_OWNED_BY_GENERATOR;
}

static void read_stack(struct wire_thread *thread, struct scratch *out)
{
    struct walk walk = {.thread = thread, .out = out, .power = 1};
    struct wire_sample *sample = &out->sample;
    if (!say_state(thread, sample)) {
        sample->result = WIRE_INVALID;
        return;
    }
    if (!innermost(thread, sample, &walk.frame)) {
        sample->result = WIRE_UNREADABLE;
        return;
    }
    out->chunk_from = out->chunk_to = 0;
    bpf_loop(WIRE_FRAMES_MAX, step, &walk, 0);
    struct copying copying = {.thread = thread, .out = out, .count = walk.n_new};
    if (walk.n_new > 0) {
        bpf_loop(WIRE_NEW_CODES, copy_code, &copying, 0);
        sample->flags |= WIRE_NEW_CODE;
    }
    if (in_doubt(&walk))
        sample->flags |= WIRE_IN_DOUBT;
    sample->result = (__u8)walk.result;
    sample->depth = walk.depth;
    if (walk.depth == WIRE_FRAMES_MAX && walk.frame != 0)
        sample->flags |= WIRE_TRUNCATED;
}

static void begin_sample(struct task_struct *task, struct wire_thread *thread, struct wire_sample *sample, __u64 now_ns)
{
    sample->kind = WIRE_SAMPLE;
    sample->owner = thread->owner;
    sample->time_ns = now_ns + clock_ahead_ns;
    sample->run_ns = BPF_CORE_READ(task, se.sum_exec_runtime);
    sample->delay_ns = BPF_CORE_READ(task, sched_info.run_delay);
    sample->switches = BPF_CORE_READ(task, sched_info.pcount);
    sample->ip = sample->user_ip = 0;
    sample->entry_frame = 0;
    sample->call = -1;
    sample->stands_for = 1;
    sample->task_state = 0;
    sample->result = WIRE_OK;
    sample->flags = 0;
    sample->depth = 0;
}

/* Reads the stack and hands the sample over. */
static void end_sample(struct wire_thread *thread, struct scratch *out)
{
    struct wire_sample *sample = &out->sample;
    if (thread->state != 0)
        read_stack(thread, out);
    sample->took_ns = (__u32)(bpf_ktime_get_ns() + clock_ahead_ns - sample->time_ns + thread->switches.spent_ns);
    thread->switches.spent_ns = 0;
    __u32 depth = sample->depth;
    if (depth > WIRE_FRAMES_MAX)
        return;
    __u64 size = sizeof *sample + (__u64)depth * sizeof(struct wire_frame);
    if (bpf_ringbuf_output(&samples, out, size,
                           sample->flags & (WIRE_NEW_CODE | WIRE_IN_DOUBT) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP) !=
        0)
        __sync_fetch_and_add(&lost_interrupts, 1);
}

SEC("perf_event")
int on_clock(struct bpf_perf_event_data *context)
{
    __u64 now_ns = bpf_ktime_get_ns();
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    __u32 id = own_id(task), core = bpf_get_smp_processor_id();
    struct wire_thread *thread = bpf_map_lookup_elem(&threads, &id);
    struct scratch *out = bpf_map_lookup_elem(&scratches, &core);
    if (thread == NULL || out == NULL)
        return 0;
    cores[core & (WIRE_CORES - 1)].seen_ns = now_ns + clock_ahead_ns;
    begin_sample(task, thread, &out->sample, now_ns);
    out->sample.ip = PT_REGS_IP(&context->regs);
    end_sample(thread, out);
    return 0;
}

/* ---- switches -----------------------------------------------------------------------------------------------------
 */

enum { TASK_WAITS = 1 | 2 | 4 | 8, CREDIT_INTERVALS = 48 };

static struct wire_thread *watched(struct task_struct *task)
{
    __u32 id = task->pid;
    if (id == 0)
        return NULL;
    if (pid_namespace != 0)
        id = own_id(task);
    return bpf_map_lookup_elem(&threads, &id);
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

/* False: it was left out. */
static bool leaves(struct task_struct *task, struct wire_thread *thread, __u32 state, __u64 now_ns)
{
    struct wire_switches *of = &thread->switches;
    __u32 core = bpf_get_smp_processor_id(), each = stands_for(of, now_ns);
    of->left_ns = now_ns;
    of->delay_ns = task->sched_info.run_delay;
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
    const struct pt_regs___here *registers = (const void *)bpf_task_pt_regs(bpf_get_current_task_btf());
    sample->call = (__s64)CALL(registers);
    sample->call_arguments[0] = CALL_FIRST(registers);
    sample->call_arguments[1] = CALL_NEXT(registers);
    end_sample(thread, out);
    return true;
}

/* How long it has wanted a core since it left: in the queues of other cores, which is counted already, and in that of
 * this one, which the scheduler is about to count. Without the latter where groups of tasks are not scheduled: nothing
 * leads from the task to the scheduler's clock then. */
static __u64 delay_of(struct task_struct *task, const struct wire_switches *of)
{
    __u64 queued = task->sched_info.last_queued, before = task->sched_info.run_delay - of->delay_ns;
    if (queued == 0 || !bpf_core_field_exists(task->se.cfs_rq))
        return before;
    __u64 clock = BPF_CORE_READ(task, se.cfs_rq, rq, clock);
    return before + (clock > queued ? clock - queued : 0);
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
    if (of->left_ns == 0)
        return;
    of->left_ns = 0;
    if (!of->told && away_ns < WIRE_LONG_WAIT_NS)
        return;
    __u64 delay_ns = delay_of(task, of);
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
