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
#include "capture/interner.h"
#include "capture/measure.h"
#include "capture/other_states.h"
#include "capture/pace.h"
#include "capture/proof.h"
#include "capture/schedule.h"
#include "capture/wait_state.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

enum {
    HOPS_MAX = 4,   /* core changes in a sweep */
    TRIES_MORE = 4, /* looks at a thread that ran meanwhile, or stood where its frames are not linked */
    LATE_NS = 1000 * 1000,
    STEP_NS = 50 * 1000 * 1000,
    PENDING_MAX_NS = 300 * 1000 * 1000, /* a sleeper is written at least that often: kill -9 loses no more */
    SLEEPERS_CLOCK_MIN = 3,
    JITTER_NS = 20 * 1000 * 1000,
    SWEEPS_HZ = 250 /* sleepers are looked at that often while the kernel samples what runs */
};

struct sampler {
    struct measurement *m;
    struct tracked_thread **list;
    size_t n, capacity;
    struct python_stack stack;
    struct tracked_thread **elsewhere; /* as long as list: run on another core than ours */
    size_t n_elsewhere;
    int busy_core; /* where a running thread was last read in this sweep; -1: none */
    int n_busy_cores;
    struct interner interner;
    struct pace pace;
    uint64_t read_ns;    /* when the stack was read */
    enum loss_kind lost; /* why the last read failed */
    bool exiting;        /* it failed because the process ends */
    bool moved;          /* it failed because the thread ran on another core, or we do */
    bool last_try;       /* a stack that cannot be had now is given up */
    bool late;
    uint64_t period_ns, period_from_ns; /* of the kernel sampler, since when */
    cpu_set_t allowed;
    int core;       /* pinned to; -1: none */
    bool contested; /* a runnable thread of the target was on our core in this sweep */
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
        .ip = t->ip,
        .user_ip = t->user_ip,
        .ticks = t->pending_ticks,
        .state = t->state,
        .marks = t->marks,
        .reader = t->reader_kind,
        .checked = t->checked,
        .last = last,
    };
    if (!sample_queue_push(&s->m->queue, &raw)) { /* its times go to the next one */
        measure_lose(s->m, LOSS_QUEUE_FULL, raw.ticks);
        t->pending = false;
        t->pending_ticks = 0;
        t->pending_since_ns = t->pending_ns;
        return;
    }
    t->written = t->last;
    t->ip = t->user_ip = 0;
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

/* ---- looking at a thread -------------------------------------------------------------------------------------------
 */

/* `watch`: the stack counts only if the thread's word of its core names ours behind everything that is read. */
static bool read_thread(struct sampler *s, struct tracked_thread *t, bool watch)
{
    s->exiting = s->moved = false;
    s->stack.depth = 0;
    s->stack.truncated = s->stack.gil_known = s->stack.holds_gil = s->stack.gc_running = false;
    s->stack.attached = s->stack.exception = false;
    s->stack.gil_address = 0;
    if (t->reader == NULL) {
        t->depth = 0;
        return true;
    }
    atomic_fetch_add_explicit(&s->m->counts.reads, 1, memory_order_relaxed);
    enum python_read_result result = other_states_read(t, &s->stack);
    s->moved = watch && s->stack.core != s->core;
    if (result == PYTHON_READ_OK && !s->moved && interner_intern(&s->interner, t, &s->stack, s->read_ns)) {
        s->moved = watch && s->interner.looked && python_read_core(t->reader) != s->core;
        return !s->moved;
    }
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
                         (s->stack.attached ? MARK_ATTACHED : 0) | (s->stack.exception ? MARK_EXCEPTION : 0) |
                         (s->stack.truncated ? MARK_TRUNCATED : 0) | (s->late ? MARK_LATE : 0));
    t->state =
        (uint8_t)(proof->runs ? STATE_ON_CPU
                              : wait_state(proof->stat.state, &proof->call, s->stack.gil_address, s->stack.gil_size));
    t->pending = true;
    t->pending_ticks = 1;
    t->pending_ns = s->read_ns;
    t->checked = s->interner.all_checked;
    atomic_fetch_add_explicit(&s->m->counts.samples, 1, memory_order_relaxed);
    if (!stack_good) {
        atomic_fetch_add_explicit(&s->m->counts.dropped, 1, memory_order_relaxed);
        measure_lose(s->m, s->lost, 1);
    }
    if (proof->runs)
        flush(s, t, false);
}

/* Lets the thread get out of the few instructions between which its frames are not linked. */
static void pause_briefly(void)
{
    struct timespec pause = {.tv_nsec = 10 * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

static bool tells_core(const struct tracked_thread *t)
{
    return t->reader != NULL && t->files.syscall_fd >= 0 && python_reader_knows_core(t->reader);
}

/* Step 2 of the proof. A thread whose memory tells its core is not looked up in `stat`: the word read behind its stack
 * is what counts (docs/design/001); the one read here only saves reading a stack in vain. */
static enum look begin(struct sampler *s, struct tracked_thread *t, struct proof *proof)
{
    if (!tells_core(t)) {
        enum look look = proof_begin(&t->files, s->core, t->asleep, proof);
        if (proof->runs)
            t->core = proof->stat.processor;
        return look;
    }
    enum look look = proof_asleep(&t->files, proof);
    if (look != LOOK_AGAIN)
        return look;
    proof->runs = true;
    if (t->core < 0 || t->core != s->core)
        t->core = python_read_core(t->reader);
    return t->core >= 0 && t->core == s->core ? LOOK_DONE : LOOK_ELSEWHERE;
}

/* States of several interpreters: which of them runs is for the reader from the core to find out. */
static bool has_others(struct tracked_thread *t)
{
    return atomic_load_explicit(&t->others, memory_order_relaxed) != NULL;
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
    enum look look = begin(s, t, &proof);
    s->contested = s->contested || (proof.runs && t->core == s->core);
    if (proof.runs && s->m->kernel != NULL && !has_others(t)) { /* the kernel samples it */
        t->asleep = false;
        return LOOK_DONE;
    }
    bool free_read = unproved && (proof.runs || look == LOOK_ELSEWHERE || look == LOOK_AGAIN);
    bool on_core = proof.runs && !free_read;
    if (look != LOOK_DONE && !free_read)
        return look;
    s->read_ns = clock_monotonic_ns();
    bool good = read_thread(s, t, on_core && tells_core(t));
    if (on_core && sched_getcpu() != s->core) { /* a cpuset that changes moves us without asking */
        s->core = -1;
        s->moved = true;
    }
    look = proof_end(&t->files, &proof);
    if (look == LOOK_GONE || (!good && s->exiting))
        return LOOK_GONE;
    if ((look == LOOK_AGAIN && !unproved) || s->moved) {
        t->asleep = false;
        t->depth = 0;
        t->core = -1;
        return LOOK_AGAIN;
    }
    if (!good && proof.runs && !unproved && !s->last_try && s->lost == LOSS_INVALID_STACK) {
        t->asleep = false;
        t->depth = 0;
        pause_briefly();
        return LOOK_AGAIN;
    }
    bool proved = look == LOOK_DONE && !free_read;
    take(s, t, &proof, good, !proved ? READER_FREE : proof.runs ? READER_CORE : READER_ASLEEP);
    return LOOK_DONE;
}

static enum look look_at(struct sampler *s, struct tracked_thread *t)
{
    s->last_try = false;
    enum look look = look_once(s, t, s->m->options.free_only);
    for (int tries = 1; look == LOOK_AGAIN && tries <= TRIES_MORE; tries++) {
        s->last_try = tries == TRIES_MORE;
        atomic_fetch_add_explicit(&s->m->counts.rereads, 1, memory_order_relaxed);
        look = look_once(s, t, false);
    }
    return look;
}

/* A sample whose stack could not be had: its time is kept, with no stack. */
static void give_up(struct sampler *s, struct tracked_thread *t, enum loss_kind why)
{
    struct proof proof = {0};
    if (!proc_thread_schedstat(&t->files, &proof.after) || !proc_thread_stat(&t->files, &proof.stat))
        return;
    proof.runs = proof.stat.state == 'R';
    proof.call.running = true; /* what it waits for is not known */
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
    else if (look == LOOK_AGAIN) /* without that file nothing proves that a thread sleeps */
        give_up(s, t, t->files.syscall_fd < 0 ? LOSS_UNREADABLE : LOSS_RAN_MEANWHILE);
    if (look == LOOK_DONE && !t->asleep && s->busy_core != s->core) {
        s->busy_core = s->core;
        s->n_busy_cores++;
    }
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
    s->n_busy_cores = 0;
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
    if (s->m->kernel == NULL)
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
    t->taken = true;
    if (s->m->options.delay_ns != 0) /* what it did before the sampling began is left out */
        proc_thread_schedstat(&t->files, &t->first);
    t->last = t->written = t->first;
    t->pending_since_ns = t->start_ns;
}

static void let_go(struct sampler *s, bool last)
{
    size_t left = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct tracked_thread *t = s->list[i];
        bool retired = atomic_load_explicit(&t->retire, memory_order_acquire);
        if (retired && !last && s->m->kernel != NULL && !t->retire_seen) { /* its last samples are still on their way */
            t->retire_seen = true;
            retired = false;
        }
        if (retired) {
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
    let_go(s, false);
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

/* ---- what the kernel sampler read ----------------------------------------------------------------------------------
 */

/* One sample of a running thread. */
static void take_interrupted(void *context, const struct wire_sample *sample, const struct wire_frame *frames)
{
    struct sampler *s = context;
    struct tracked_thread *t = (struct tracked_thread *)(uintptr_t)sample->owner;
    struct sampler_counts *counts = &s->m->counts;
    uint64_t cost_ns = sample->took_ns + (uint64_t)kernel_sampler_interrupt_ns(s->m->kernel);
    atomic_fetch_add_explicit(&counts->interrupts, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->interrupt_ns, cost_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->busy_cores, 1, memory_order_relaxed);
    if (!t->taken)
        hand_over(s, true);
    if (!t->taken || has_others(t) || atomic_load_explicit(&t->released, memory_order_relaxed) ||
        sample->time_ns < s->m->start_ns)
        return;
    struct proof proof = {.runs = true, .after = t->last};
    if (sample->run_ns > t->last.run_ns) /* else a look at the thread came between, with later counters */
        proof.after.run_ns = sample->run_ns;
    if (sample->delay_ns > t->last.delay_ns)
        proof.after.delay_ns = sample->delay_ns;
    s->read_ns = sample->time_ns;
    s->late = false;
    bool good = true;
    s->interner.all_checked = true;
    s->stack.depth = 0;
    s->stack.gc_running = s->stack.holds_gil = s->stack.truncated = false;
    if (t->reader != NULL) {
        enum python_read_result result = python_stack_recorded(t->reader, sample, frames, &s->stack);
        s->lost = result == PYTHON_READ_UNREADABLE ? LOSS_UNREADABLE : LOSS_INVALID_STACK;
        good = result == PYTHON_READ_OK && interner_intern_marked(&s->interner, t, &s->stack, s->read_ns);
        if (result == PYTHON_READ_OK && !good)
            s->lost = LOSS_CODE_GONE;
        /* a good stack needs no more of its frames: some are the interpreter's own, whose code has no name */
        for (uint32_t i = 0; good && (sample->flags & WIRE_NEW_CODE) != 0 && i < sample->depth; i++)
            kernel_sampler_know(s->m->kernel, frames[i].mark);
    }
    if (!good || t->reader == NULL)
        t->depth = 0;
    flush(s, t, false);
    t->ip = sample->ip;
    t->user_ip = sample->user_ip;
    take(s, t, &proof, good, READER_KERNEL);
}

/* A code object met for the first time. */
static void learn_code(void *context, const struct wire_code *code, const uint8_t *table)
{
    struct sampler *s = context;
    struct tracked_thread *t = (struct tracked_thread *)(uintptr_t)code->owner;
    if (t->reader != NULL && !atomic_load_explicit(&t->released, memory_order_relaxed) &&
        interner_learn(&s->interner, t->process, code, table, clock_monotonic_ns()))
        kernel_sampler_know(s->m->kernel, code->mark);
}

static void drain_kernel(struct sampler *s)
{
    struct kernel_taker taker = {.context = s, .sample = take_interrupted, .code = learn_code};
    uint64_t lost = kernel_sampler_drain(s->m->kernel, &taker);
    if (lost > 0)
        measure_lose(s->m, LOSS_QUEUE_FULL, lost);
}

/* Another interval around the mean now and then: a fixed one could keep step with the program. */
static void next_period(struct sampler *s)
{
    if (s->now_ns < s->period_from_ns + JITTER_NS)
        return;
    uint64_t instants = s->period_ns > 0 ? (s->now_ns - s->period_from_ns) / s->period_ns : 0;
    atomic_fetch_add_explicit(&s->m->counts.sweeps, instants, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->m->counts.planned, instants, memory_order_relaxed);
    s->period_from_ns = s->now_ns;
    s->period_ns = pace_period_ns(&s->pace);
    kernel_sampler_period(s->m->kernel, s->period_ns);
}

/* ---- the thread ----------------------------------------------------------------------------------------------------
 */

int sampler_prepare(struct measurement *m)
{
    struct sampler *s = mem_zalloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;
    s->m = m;
    s->core = -1;
    s->stack.frames = mem_alloc(PYTHON_DEPTH_MAX * sizeof *s->stack.frames);
    bool ready = s->stack.frames != NULL && interner_init(&s->interner) == 0;
    if (!ready || sched_getaffinity(0, sizeof s->allowed, &s->allowed) != 0) {
        mem_free(s->stack.frames);
        interner_release(&s->interner);
        mem_free(s);
        return ERR_NOMEM;
    }
    m->sampler_state = s;
    return 0;
}

static void sampler_release(struct sampler *s)
{
    mem_free(s->list);
    mem_free(s->elsewhere);
    mem_free(s->stack.frames);
    interner_release(&s->interner);
}

/* Sleeps to the instant, in steps where it is far, so that the end of the measurement is never waited for. */
static void sleep_until(const struct sampler *s, uint64_t time_ns)
{
    uint64_t now_ns = 0;
    while (!atomic_load_explicit(&s->m->stop_sampler, memory_order_relaxed) &&
           (now_ns = clock_monotonic_ns()) < time_ns) {
        uint64_t step_ns = time_ns - now_ns < STEP_NS ? time_ns : now_ns + STEP_NS;
        struct timespec when = {(time_t)(step_ns / 1000000000u), (long)(step_ns % 1000000000u)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
            ;
    }
}

/* The same with the kernel sampler, which samples what runs: sleepers are looked at now and then. */
static void tick_kernel(struct sampler *s)
{
    struct sampler_counts *counts = &s->m->counts;
    uint64_t due_ns = s->now_ns + NS_PER_S / SWEEPS_HZ, woke_ns = clock_monotonic_ns();
    while (woke_ns < due_ns && !atomic_load_explicit(&s->m->stop_sampler, memory_order_relaxed)) {
        kernel_sampler_wait(s->m->kernel, due_ns - woke_ns);
        woke_ns = clock_monotonic_ns();
        drain_kernel(s);
    }
    s->now_ns = woke_ns;
    s->late = false;
    next_period(s);
    sweep(s);
    uint64_t slept_ns = clock_monotonic_ns();
    atomic_fetch_add_explicit(&counts->awake_ns, slept_ns - woke_ns, memory_order_relaxed);
    if (s->contested)
        atomic_fetch_add_explicit(&counts->contested_ns, slept_ns - woke_ns, memory_order_relaxed);
    atomic_store_explicit(&counts->last_ns, slept_ns, memory_order_relaxed);
    hand_over(s, false);
    pace_govern(&s->pace, s->now_ns);
}

/* One planned instant: sleep, sweep, account. Returns the next instant. */
static uint64_t tick(struct sampler *s, uint64_t planned_ns)
{
    struct sampler_counts *counts = &s->m->counts;
    sleep_until(s, planned_ns);
    if (atomic_load_explicit(&s->m->stop_sampler, memory_order_relaxed))
        return planned_ns;
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
    atomic_store_explicit(&counts->last_ns, slept_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->busy_cores, (uint64_t)s->n_busy_cores, memory_order_relaxed);
    hand_over(s, false);
    pace_govern(&s->pace, s->now_ns);
    uint64_t next_ns = planned_ns;
    do { /* instants that are over are left out, and counted */
        next_ns += pace_interval_ns(&s->pace);
        atomic_fetch_add_explicit(&counts->planned, 1, memory_order_relaxed);
    } while (next_ns <= slept_ns && slept_ns - next_ns < 1000000000u && s->pace.rate_hz < 100000);
    /* the target keeps at least half of its core at any rate asked */
    uint64_t earliest_ns = slept_ns + (slept_ns - woke_ns);
    return next_ns > earliest_ns ? next_ns : earliest_ns;
}

void *sampler_main(void *measurement)
{
    struct measurement *m = measurement;
    struct sampler *s = m->sampler_state;
    prctl(PR_SET_NAME, "kei-sampler");
    prctl(PR_SET_TIMERSLACK, 1);
    schedule_short_slice();
    sleep_until(s, m->start_ns);
    uint64_t next_ns = clock_monotonic_ns();
    atomic_store(&m->counts.first_ns, next_ns);
    pace_init(&s->pace, m, next_ns);
    hand_over(s, true);
    while (!atomic_load_explicit(&m->stop_sampler, memory_order_relaxed)) {
        if (m->kernel != NULL)
            tick_kernel(s);
        else
            next_ns = tick(s, next_ns);
    }
    hand_over(s, true);
    if (m->kernel != NULL)
        drain_kernel(s);
    for (size_t i = 0; i < s->n; i++)
        atomic_store(&s->list[i]->retire, true);
    let_go(s, true);
    atomic_store(&m->counts.cpu_ns, clock_thread_cpu_ns());
    sampler_release(s);
    return NULL;
}
