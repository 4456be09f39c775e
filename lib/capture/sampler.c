/*
 * The sampler thread. It sleeps to exponentially jittered instants *on the core where a thread of the target runs*: its
 * wake-up preempts that thread, so that while it reads there the thread cannot run. What was read counts only with
 * proof: the thread was off the CPU at one moment after the first reading of its scheduler counters, and they are the
 * same after the last read, so it was never switched in meanwhile. A running thread is off the CPU because we are on
 * its core; a sleeping one because /proc/…/syscall shows registers of descheduled tasks only. Runnable threads on
 * another core are visited there (hop). The target is not stopped, signalled or written to.
 *
 * A thread that sleeps on costs one small read a sweep, or none: a process's CPU clock tells for all its sleepers
 * together that none of them ran. No allocation but for stacks and code never seen before.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/measure.h"
#include "capture/proof.h"
#include "capture/schedule.h"
#include "capture/wait_state.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REPAY_NS 3e9 /* an overdraft of the budget is repaid over that time */

enum {
    NEIGHBOURS = 64,                 /* a code object is listed once among so many in a stack */
    FRESH_NS = 30 * 1000 * 1000,     /* a code object seen in place is trusted that long: less than the writer waits */
    CAREFUL_NS = 1000 * 1000 * 1000, /* after one was replaced, all are looked at every time for that long */
    HOPS_MAX = 4,                    /* core changes in a sweep */
    LATE_NS = 1000 * 1000,
    PENDING_MAX_NS = 400 * 1000 * 1000, /* a sleeper is written at least that often: kill -9 loses no more */
    GOVERN_NS = 100 * 1000 * 1000,
    RATE_MIN_HZ = 20,
    SLEEPERS_CLOCK_MIN = 3
};

struct sampler {
    struct measurement *m;
    struct tracked_thread **list;
    size_t n, capacity;
    struct python_stack stack;
    struct tracked_thread **elsewhere; /* as long as list: run on another core than ours */
    size_t n_elsewhere;
    int busy_core;               /* where a running thread was last read in this sweep; -1: none */
    uint64_t *codes, *checksums; /* of one stack, each PYTHON_DEPTH_MAX + 1 */
    uint32_t *code_of;           /* index into them of each frame */
    uint64_t read_ns;            /* when the stack was read */
    bool all_checked;            /* every code object of it was looked at then */
    enum loss_kind lost;         /* why the last read failed */
    bool exiting;                /* it failed because the process ends */
    bool late;
    cpu_set_t allowed;
    int core;       /* pinned to; -1: none */
    bool contested; /* a runnable thread of the target was on our core in this sweep */
    uint64_t random;
    double rate_hz; /* after the budget */
    uint64_t govern_at_ns, govern_cpu_ns, govern_contested_ns, govern_awake_ns;
    double overdraft_ns; /* taken beyond the budget so far */
    uint64_t now_ns;
};

/* ---- scheduling ourselves ------------------------------------------------------------------------------------------
 */

static bool pin(struct sampler *s, int core)
{
    if (core == s->core)
        return true;
    if (core < 0 || core >= CPU_SETSIZE || !CPU_ISSET(core, &s->allowed))
        return false;
    if (!schedule_pin(core)) {
        CPU_CLR(core, &s->allowed);
        return false;
    }
    s->core = core;
    return true;
}

static double uniform(struct sampler *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return ((double)(s->random >> 11) + 0.5) / 9007199254740992.0;
}

static uint64_t next_interval_ns(struct sampler *s)
{
    double mean = 1e9 / s->rate_hz;
    double interval = -log(uniform(s)) * mean;
    return (uint64_t)(interval < 20 * mean ? interval : 20 * mean);
}

/* Lowers the rate when more than the budget is taken of the target's cores, and raises it again. What was taken too
 * much at first (a start is measured at the full rate) is made up for over the next seconds. */
static void govern(struct sampler *s)
{
    struct measurement *m = s->m;
    if (s->now_ns < s->govern_at_ns + GOVERN_NS)
        return;
    uint64_t cpu = clock_thread_cpu_ns();
    uint64_t contested = atomic_load_explicit(&m->counts.contested_ns, memory_order_relaxed);
    uint64_t awake = atomic_load_explicit(&m->counts.awake_ns, memory_order_relaxed);
    double taken = 0, elapsed = (double)(s->now_ns - s->govern_at_ns);
    if (awake > s->govern_awake_ns)
        taken = (double)(cpu - s->govern_cpu_ns) * (double)(contested - s->govern_contested_ns) /
                (double)(awake - s->govern_awake_ns);
    s->overdraft_ns += taken - m->options.budget * elapsed;
    if (s->overdraft_ns < 0)
        s->overdraft_ns = 0;
    if (!m->options.rate_asked && taken > 0) {
        double repay = s->overdraft_ns / REPAY_NS, most = m->options.budget / 2;
        double allowed = elapsed * (m->options.budget - (repay < most ? repay : most));
        double fit = s->rate_hz * allowed / taken;
        double smooth = (s->rate_hz + fit) / 2;
        s->rate_hz = smooth > m->options.rate_hz ? m->options.rate_hz : smooth < RATE_MIN_HZ ? RATE_MIN_HZ : smooth;
    }
    atomic_store_explicit(&m->counts.cpu_ns, cpu, memory_order_relaxed);
    s->govern_at_ns = s->now_ns;
    s->govern_cpu_ns = cpu;
    s->govern_contested_ns = contested;
    s->govern_awake_ns = awake;
}

/* ---- writing samples -----------------------------------------------------------------------------------------------
 */

static void flush(struct sampler *s, struct tracked_thread *t, bool last)
{
    if (!t->pending && !last)
        return;
    struct raw_sample raw = {
        .thread = t,
        .time_ns = t->pending_ns,
        .run_ns = t->last.run_ns - t->written.run_ns,
        .delay_ns = t->last.delay_ns - t->written.delay_ns,
        .node = t->stack,
        .ticks = t->pending_ticks,
        .state = t->state,
        .marks = t->marks,
        .reader = t->reader_kind,
        .checked = t->checked,
        .last = last,
    };
    if (!sample_queue_push(&s->m->queue, &raw)) {
        measure_lose(s->m, LOSS_QUEUE_FULL, raw.ticks);
        return; /* its times go to the next one */
    }
    t->written = t->last;
    t->pending = false;
    t->pending_ticks = 0;
    t->pending_since_ns = t->pending_ns;
}

static void same_again(struct sampler *s, struct tracked_thread *t)
{
    t->pending = true;
    t->pending_ticks++;
    t->pending_ns = s->now_ns;
    atomic_fetch_add_explicit(&s->m->counts.samples, 1, memory_order_relaxed);
    if (s->now_ns - t->pending_since_ns > PENDING_MAX_NS)
        flush(s, t, false);
}

/* ---- stacks --------------------------------------------------------------------------------------------------------
 */

static bool same_frame(const struct python_frame *a, const struct python_frame *b)
{
    return a->code == b->code && a->address == b->address && a->offset == b->offset;
}

/* How many outermost frames are the same as in the thread's last stack (which is kept outermost first). */
static uint32_t common_frames(const struct tracked_thread *t, const struct python_stack *stack)
{
    uint32_t limit = t->depth < stack->depth ? t->depth : stack->depth;
    uint32_t common = 0;
    while (common < limit && same_frame(&t->frames[common], &stack->frames[stack->depth - 1 - common]))
        common++;
    return common;
}

/* An address holds another code object than before. The writer drops what was queued with the old one since it was last
 * seen in place, and for a while every code object of the process is checked in every sample. */
static void code_was_replaced(struct sampler *s, struct tracked_process *process, uint32_t old)
{
    struct code_entry *entry = stack_store_code(&s->m->store, old);
    process->code_reused_ns = s->read_ns;
    if (entry->stale_to_ns == 0)
        entry->stale_from_ns = entry->verified_ns;
    __atomic_store_n(&entry->stale_to_ns, s->read_ns, __ATOMIC_RELEASE);
}

static bool reserve_frames(struct tracked_thread *t, uint32_t depth)
{
    if (depth <= t->frames_capacity)
        return true;
    size_t frames = t->frames_capacity, nodes = t->frames_capacity;
    if (mem_grow(&t->frames, &frames, depth, sizeof *t->frames) != 0 ||
        mem_grow(&t->nodes, &nodes, depth, sizeof *t->nodes) != 0)
        return false;
    t->frames_capacity = (uint32_t)nodes;
    return true;
}

/* Is the code known at its address, and was it seen in place a moment ago? The writer waits longer than that. */
static bool is_fresh(const struct sampler *s, const struct tracked_process *process, uint32_t code)
{
    bool careful = s->read_ns - process->code_reused_ns < CAREFUL_NS;
    return code != 0 && !careful && s->read_ns - stack_store_code(&s->m->store, code)->verified_ns < FRESH_NS;
}

/* Collects the addresses of the stack whose code is to be looked at, each once among neighbours. */
static uint32_t codes_to_check(struct sampler *s, const struct tracked_thread *t, uint32_t common)
{
    const struct python_stack *stack = &s->stack;
    uint32_t n = 0;
    s->all_checked = true;
    for (uint32_t k = 0; k < stack->depth; k++) {
        uint64_t address = stack->frames[stack->depth - 1 - k].code;
        uint32_t code = k < common ? stack_store_node(&s->m->store, t->nodes[k])->code
                                   : stack_store_latest_code(&s->m->store, t->process, address);
        s->code_of[k] = code;
        if (is_fresh(s, t->process, code)) {
            s->all_checked = false;
            continue;
        }
        bool listed = false;
        for (uint32_t i = n, steps = 0; i > 0 && steps < NEIGHBOURS && !listed; i--, steps++)
            listed = s->codes[i - 1] == address;
        if (!listed)
            s->codes[n++] = address;
    }
    return n;
}

/* Looks at the code objects; new ones are copied while their frames are alive. False when one is no code object. */
static bool check_codes(struct sampler *s, struct tracked_process *process, uint32_t n, bool *changed)
{
    if (!python_code_checksums(process->python, s->codes, n, s->checksums))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        bool fresh;
        uint32_t replaced;
        uint32_t id = s->checksums[i] == 0 ? 0
                                           : stack_store_add_code(&s->m->store, process, s->codes[i], s->checksums[i],
                                                                  &fresh, &replaced);
        if (id == 0)
            return false;
        struct code_entry *entry = stack_store_code(&s->m->store, id);
        if (fresh && python_code_copy(process->python, s->codes[i], &entry->copy) != 0)
            measure_lose(s->m, LOSS_UNRESOLVED, 1);
        if (replaced != 0)
            code_was_replaced(s, process, replaced);
        *changed = *changed || fresh || replaced != 0;
        entry->verified_ns = s->read_ns;
    }
    return true;
}

/* Turns the raw stack into nodes. Frames that are where they were at the thread's last sample keep theirs. */
static bool intern(struct sampler *s, struct tracked_thread *t)
{
    const struct python_stack *stack = &s->stack;
    bool changed = false;
    uint32_t common = common_frames(t, stack);
    if (!reserve_frames(t, stack->depth))
        return false;
    uint32_t n = codes_to_check(s, t, common);
    if (n > 0 && !check_codes(s, t->process, n, &changed))
        return false;
    if (changed) { /* some address holds a code object that was not there when the list was made */
        for (uint32_t k = 0; k < stack->depth; k++)
            s->code_of[k] = stack_store_latest_code(&s->m->store, t->process, stack->frames[stack->depth - 1 - k].code);
        common = 0;
    }
    uint32_t node = common > 0 ? t->nodes[common - 1] : 0;
    t->depth = common;
    for (uint32_t k = common; k < stack->depth; k++) {
        const struct python_frame *frame = &stack->frames[stack->depth - 1 - k];
        node = s->code_of[k] != 0 ? stack_store_add_node(&s->m->store, node, s->code_of[k], frame->offset) : 0;
        if (node == 0)
            return false;
        t->frames[k] = *frame;
        t->nodes[k] = node;
        t->depth = k + 1;
    }
    return true;
}

/* ---- looking at a thread -------------------------------------------------------------------------------------------
 */

static bool read_thread(struct sampler *s, struct tracked_thread *t)
{
    s->stack.depth = 0;
    s->stack.truncated = s->stack.gil_known = s->stack.holds_gil = s->stack.gc_running = false;
    s->stack.gil_address = 0;
    if (t->reader == NULL) {
        t->depth = 0;
        return true;
    }
    atomic_fetch_add_explicit(&s->m->counts.reads, 1, memory_order_relaxed);
    enum python_read_result result = python_read_stack(t->reader, &s->stack);
    if (result == PYTHON_READ_OK && intern(s, t))
        return true;
    s->exiting = result == PYTHON_READ_UNREADABLE && errno == ESRCH; /* its memory is given back already */
    if (result == PYTHON_READ_UNREADABLE)
        atomic_store_explicit(&t->process->read_failed, true, memory_order_relaxed);
    s->lost = result == PYTHON_READ_UNREADABLE ? LOSS_UNREADABLE : LOSS_INVALID_STACK;
    t->depth = 0;
    return false;
}

static void take(struct sampler *s, struct tracked_thread *t, const struct proof *proof, bool stack_good,
                 enum reader_kind reader)
{
    flush(s, t, false);
    t->last = proof->after;
    t->asleep = !proof->runs;
    t->stack = stack_good && t->depth > 0 ? t->nodes[t->depth - 1] : 0;
    t->reader_kind = (uint8_t)(stack_good ? reader : READER_NONE);
    t->marks = (uint8_t)((s->stack.gc_running ? MARK_GC : 0) | (s->stack.holds_gil ? MARK_GIL : 0) |
                         (s->stack.truncated ? MARK_TRUNCATED : 0) | (s->late ? MARK_LATE : 0));
    t->state =
        (uint8_t)(proof->runs ? STATE_ON_CPU : wait_state(proof->stat.state, &proof->call, s->stack.gil_address));
    t->pending = true;
    t->pending_ticks = 1;
    t->pending_ns = s->read_ns;
    t->checked = s->all_checked;
    atomic_fetch_add_explicit(&s->m->counts.samples, 1, memory_order_relaxed);
    if (!stack_good) {
        atomic_fetch_add_explicit(&s->m->counts.dropped, 1, memory_order_relaxed);
        measure_lose(s->m, s->lost, 1);
    }
    if (proof->runs)
        flush(s, t, false);
}

/* One look at a thread. `unproved`: take what can be read of a thread that may run meanwhile, and say so. */
static enum look look_once(struct sampler *s, struct tracked_thread *t, bool unproved)
{
    struct proof proof = {0};
    if (proof_counters(&t->files, &proof) == LOOK_GONE)
        return LOOK_GONE;
    if (t->asleep && proof.before.switches == t->last.switches) {
        t->last = proof.before;
        same_again(s, t);
        return LOOK_DONE;
    }
    enum look look = proof_begin(&t->files, s->core, t->asleep, &proof);
    if (proof.runs) {
        t->core = proof.stat.processor;
        s->contested = s->contested || t->core == s->core;
    }
    bool free_read = unproved && (look == LOOK_ELSEWHERE || look == LOOK_AGAIN);
    if (look != LOOK_DONE && !free_read)
        return look;
    s->read_ns = clock_monotonic_ns();
    bool good = read_thread(s, t);
    look = proof_end(&t->files, &proof);
    if (look == LOOK_GONE || (!good && s->exiting))
        return LOOK_GONE;
    if (look == LOOK_AGAIN && !unproved) {
        t->asleep = false;
        t->depth = 0;
        return look;
    }
    bool proved = look == LOOK_DONE && !free_read;
    take(s, t, &proof, good, !proved ? READER_FREE : proof.runs ? READER_CORE : READER_ASLEEP);
    return LOOK_DONE;
}

static enum look look_at(struct sampler *s, struct tracked_thread *t)
{
    enum look look = look_once(s, t, s->m->options.free_only);
    for (int tries = 0; look == LOOK_AGAIN && tries < 2; tries++) {
        atomic_fetch_add_explicit(&s->m->counts.rereads, 1, memory_order_relaxed);
        look = look_once(s, t, false);
    }
    return look;
}

/* A sample whose stack could not be had: its time is kept, with no stack. */
static void give_up(struct sampler *s, struct tracked_thread *t, enum loss_kind why)
{
    struct proof proof = {.runs = true};
    if (!proc_thread_schedstat(&t->files, &proof.after))
        return;
    s->lost = why;
    s->read_ns = clock_monotonic_ns();
    s->stack.holds_gil = s->stack.gc_running = s->stack.truncated = false;
    t->depth = 0;
    take(s, t, &proof, false, READER_NONE);
}

/* ---- a sweep -------------------------------------------------------------------------------------------------------
 */

/* Looks at one thread; those that run on another core are put aside for a visit there. */
static void look_or_put_aside(struct sampler *s, struct tracked_thread *t)
{
    enum look look = look_at(s, t);
    if (look == LOOK_ELSEWHERE)
        s->elsewhere[s->n_elsewhere++] = t;
    else if (look == LOOK_AGAIN)
        give_up(s, t, LOSS_RAN_MEANWHILE);
    if (look == LOOK_DONE && !t->asleep)
        s->busy_core = s->core;
}

/* The core of `t` is not open to us: read it free where that is allowed, and say so. */
static void look_from_outside(struct sampler *s, struct tracked_thread *t)
{
    if (s->m->options.core_only || look_once(s, t, true) != LOOK_DONE)
        give_up(s, t, LOSS_OTHER_CORE);
}

static void visit_elsewhere(struct sampler *s)
{
    for (int hop = 0; hop < HOPS_MAX && s->n_elsewhere > 0; hop++) {
        int core = s->elsewhere[0]->core;
        bool there = pin(s, core);
        size_t n = s->n_elsewhere;
        s->n_elsewhere = 0;
        for (size_t i = 0; i < n; i++) { /* put aside again: into a place already read */
            struct tracked_thread *t = s->elsewhere[i];
            if (t->core != core)
                s->elsewhere[s->n_elsewhere++] = t;
            else if (there)
                look_or_put_aside(s, t);
            else
                look_from_outside(s, t);
        }
    }
    for (size_t i = 0; i < s->n_elsewhere; i++)
        give_up(s, s->elsewhere[i], LOSS_RAN_MEANWHILE);
    s->n_elsewhere = 0;
}

static bool process_clock_ns(pid_t pid, uint64_t *ns)
{
    struct timespec now;
    clockid_t clock =
        (clockid_t)(~(unsigned)pid << 3 | 2); /* CPUCLOCK_SCHED of the whole process, linux/posix-timers.h */
    if (clock_gettime(clock, &now) != 0)
        return false;
    *ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return true;
}

/*
 * The sleepers of one process: list[from, to). The process's CPU time less that of its threads at their last looks
 * stays the same as long as none of the sleepers ran; then one clock reading stands for a look at each. The clock is
 * read before the looks: what runs in between makes the difference grow, and they are looked at again next time.
 */
static void visit_sleepers(struct sampler *s, size_t from, size_t to)
{
    struct tracked_process *process = s->list[from]->process;
    uint64_t clock = 0, known = 0;
    size_t sleepers = 0;
    for (size_t i = from; i < to; i++) {
        known += s->list[i]->last.run_ns;
        sleepers += s->list[i]->asleep ? 1 : 0;
    }
    if (sleepers == 0)
        return;
    bool cheap = sleepers >= SLEEPERS_CLOCK_MIN && process_clock_ns(process->pid, &clock);
    bool unchanged = cheap && clock - known == process->cpu_others_ns;
    known = 0;
    for (size_t i = from; i < to; i++) {
        struct tracked_thread *t = s->list[i];
        if (t->asleep && !atomic_load_explicit(&t->retire, memory_order_relaxed)) {
            if (unchanged)
                same_again(s, t);
            else
                look_or_put_aside(s, t);
        }
        known += t->last.run_ns;
    }
    if (cheap)
        process->cpu_others_ns = clock - known;
}

static void sweep(struct sampler *s)
{
    s->contested = false;
    s->busy_core = -1;
    for (size_t i = 0; i < s->n; i++) {
        if (!s->list[i]->asleep && !atomic_load_explicit(&s->list[i]->retire, memory_order_relaxed))
            look_or_put_aside(s, s->list[i]);
    }
    visit_elsewhere(s);
    for (size_t from = 0, to; from < s->n; from = to) {
        for (to = from + 1; to < s->n && s->list[to]->process == s->list[from]->process;)
            to++;
        visit_sleepers(s, from, to);
    }
    visit_elsewhere(s);
    atomic_fetch_add_explicit(&s->m->counts.sweeps, 1, memory_order_relaxed);
}

/* ---- the list ------------------------------------------------------------------------------------------------------
 */

/* Threads of one process stand side by side. */
static void insert(struct sampler *s, struct tracked_thread *t)
{
    size_t at = s->n;
    while (at > 0 && s->list[at - 1]->process != t->process)
        at--;
    if (at == 0)
        at = s->n;
    memmove(&s->list[at + 1], &s->list[at], (s->n - at) * sizeof *s->list);
    s->list[at] = t;
    s->n++;
    t->last = t->written = t->first;
    t->pending_since_ns = t->start_ns;
}

static void let_go(struct sampler *s)
{
    size_t left = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct tracked_thread *t = s->list[i];
        if (atomic_load_explicit(&t->retire, memory_order_acquire)) {
            flush(s, t, true);
            atomic_store_explicit(&t->released, true, memory_order_release);
        } else {
            s->list[left++] = t;
        }
    }
    s->n = left;
}

/* Takes over new threads and lets ended ones go; never waits for the tracker while the target is being timed. */
static void hand_over(struct sampler *s, bool wait)
{
    struct track *track = &s->m->track;
    let_go(s);
    if (wait)
        pthread_mutex_lock(&track->lock);
    else if (pthread_mutex_trylock(&track->lock) != 0)
        return;
    if (track->n_incoming > 0) {
        size_t need = s->n + track->n_incoming, capacity = s->capacity;
        if (mem_grow(&s->elsewhere, &capacity, need + 1, sizeof *s->elsewhere) == 0 &&
            mem_grow(&s->list, &s->capacity, need + 1, sizeof *s->list) == 0) {
            for (size_t i = 0; i < track->n_incoming; i++)
                insert(s, track->incoming[i]);
            track->n_incoming = 0;
        }
    }
    pthread_mutex_unlock(&track->lock);
}

/* ---- the thread ----------------------------------------------------------------------------------------------------
 */

static int sampler_init(struct sampler *s, struct measurement *m)
{
    memset(s, 0, sizeof *s);
    s->m = m;
    s->core = -1;
    s->rate_hz = m->options.rate_hz;
    s->random = clock_monotonic_ns() | 1;
    s->stack.frames = mem_alloc(PYTHON_DEPTH_MAX * sizeof *s->stack.frames);
    s->codes = mem_alloc((PYTHON_DEPTH_MAX + 1) * sizeof *s->codes);
    s->checksums = mem_alloc((PYTHON_DEPTH_MAX + 1) * sizeof *s->checksums);
    s->code_of = mem_alloc((PYTHON_DEPTH_MAX + 1) * sizeof *s->code_of);
    bool ready = s->stack.frames != NULL && s->codes != NULL && s->checksums != NULL && s->code_of != NULL;
    return ready && sched_getaffinity(0, sizeof s->allowed, &s->allowed) == 0 ? 0 : ERR_NOMEM;
}

static void sampler_release(struct sampler *s)
{
    mem_free(s->list);
    mem_free(s->elsewhere);
    mem_free(s->stack.frames);
    mem_free(s->codes);
    mem_free(s->checksums);
    mem_free(s->code_of);
}

static void sleep_until(uint64_t time_ns)
{
    struct timespec when = {(time_t)(time_ns / 1000000000u), (long)(time_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
        ;
}

/* One planned instant: sleep, sweep, account. Returns the next instant. */
static uint64_t tick(struct sampler *s, uint64_t planned_ns)
{
    struct sampler_counts *counts = &s->m->counts;
    sleep_until(planned_ns);
    uint64_t woke_ns = s->now_ns = clock_monotonic_ns();
    s->late = woke_ns - planned_ns > LATE_NS;
    if (s->late)
        atomic_fetch_add_explicit(&counts->late, 1, memory_order_relaxed);
    sweep(s);
    if (s->busy_core >= 0)
        pin(s, s->busy_core);
    uint64_t slept_ns = clock_monotonic_ns();
    atomic_fetch_add_explicit(&counts->awake_ns, slept_ns - woke_ns, memory_order_relaxed);
    if (s->contested)
        atomic_fetch_add_explicit(&counts->contested_ns, slept_ns - woke_ns, memory_order_relaxed);
    hand_over(s, false);
    govern(s);
    uint64_t next_ns = planned_ns;
    do { /* instants that are over are left out, and counted */
        next_ns += next_interval_ns(s);
        atomic_fetch_add_explicit(&counts->planned, 1, memory_order_relaxed);
    } while (next_ns <= slept_ns && slept_ns - next_ns < 1000000000u && s->rate_hz < 100000);
    /* the target keeps at least half of its core at any rate asked */
    uint64_t earliest_ns = slept_ns + (slept_ns - woke_ns);
    return next_ns > earliest_ns ? next_ns : earliest_ns;
}

void *sampler_main(void *measurement)
{
    struct measurement *m = measurement;
    struct sampler s;
    prctl(PR_SET_NAME, "kei-sampler");
    prctl(PR_SET_TIMERSLACK, 1);
    schedule_short_slice();
    if (sampler_init(&s, m) == 0) {
        uint64_t next_ns = m->start_ns + m->options.delay_ns;
        while (next_ns > clock_monotonic_ns() && !atomic_load(&m->stop_sampler))
            sleep_until(clock_monotonic_ns() + 1000000);
        s.govern_at_ns = s.now_ns = next_ns = clock_monotonic_ns();
        hand_over(&s, true);
        while (!atomic_load_explicit(&m->stop_sampler, memory_order_relaxed))
            next_ns = tick(&s, next_ns);
        hand_over(&s, true);
        for (size_t i = 0; i < s.n; i++)
            atomic_store(&s.list[i]->retire, true);
        let_go(&s);
    }
    atomic_store(&m->counts.cpu_ns, clock_thread_cpu_ns());
    sampler_release(&s);
    return NULL;
}
