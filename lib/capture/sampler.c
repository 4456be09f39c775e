/*
 * The sampler thread. It sleeps to exponentially jittered instants *on the core where a thread of the target runs*: its
 * wake-up preempts that thread, so that while it reads there the thread cannot run. What was read counts only with
 * proof: the thread was off the CPU at one moment after the first reading of its scheduler counters, and they are the
 * same after the last read, so it was never switched in meanwhile. A running thread is off the CPU because we are on
 * its core; a sleeping one because /proc/…/syscall shows registers of descheduled tasks only. Runnable threads on
 * another core are visited there (hop), or lent to the sampler of that core (sampler_cores.c). The target is not
 * stopped, signalled or written to.
 *
 * A thread that sleeps on costs one small read a sweep, or none: a process's CPU clock tells for all its sleepers
 * together that none of them ran. No allocation but for stacks and code never seen before.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/sampler_private.h"
#include "capture/schedule.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    HOPS_MAX = 4, /* core changes in a sweep */
    LATE_NS = 1000 * 1000,
    STEP_NS = 50 * 1000 * 1000,
    SETTLE_NS = 500 * 1000,
    SPIN_NS = 60 * 1000,
    TOGETHER_MAX = 64 /* threads: running ones are not kept waiting for the counters of more sleepers */
};

/* ---- scheduling ourselves ------------------------------------------------------------------------------------------
 */

bool sampler_pin(struct sampler *s, int core)
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
    s->here_ns = clock_monotonic_ns();
    return true;
}

/* ---- a sweep -------------------------------------------------------------------------------------------------------
 */

void sampler_looked(struct sampler *s, struct tracked_thread *t, enum look look)
{
    t->lent_before = false;
    if (look == LOOK_ELSEWHERE)
        s->elsewhere[s->n_elsewhere++] = t;
    else if (look == LOOK_AGAIN) /* without that file nothing proves that a thread sleeps */
        sampler_give_up(s, t, t->files.syscall_fd < 0 ? LOSS_UNREADABLE : LOSS_RAN_MEANWHILE);
    if (look == LOOK_DONE && !t->asleep && s->busy_core != s->core) {
        s->busy_core = s->core;
        s->n_busy_cores++;
    }
}

/* We would wait for its core until the kernel gives us a share of it, and be late when the kernel sampler is there. */
static bool is_kept_off(const struct sampler *s, const struct tracked_thread *t)
{
    return sampler_is_kept_off(t) && s->kernel == NULL && kernel_start_awaited(s->m->kernel_start);
}

void sampler_look(struct sampler *s, struct tracked_thread *t)
{
    if (s->free)
        sampler_looked(s, t, sampler_look_free(s, t));
    else if (s->m->options.stop_only)
        sampler_looked(s, t, sampler_look_stopped(s, t));
    else if (is_kept_off(s, t))
        sampler_look_free(s, t);
    else
        sampler_batch_add(s, t);
}

/* The core of `t` is not open to us: read it free where that is allowed. */
static void look_from_outside(struct sampler *s, struct tracked_thread *t)
{
    if (t->core < 0) /* it ended as it was asked where it is */
        sampler_give_up(s, t, LOSS_RAN_MEANWHILE);
    else if (s->m->options.core_only || sampler_look_free(s, t) != LOOK_DONE)
        sampler_give_up(s, t, LOSS_OTHER_CORE);
}

/* Where a running thread was read here already, all that run elsewhere are lent; else we go to the first ourselves. */
static void lend_elsewhere(struct sampler *s)
{
    size_t left = 0;
    int core = s->busy_core < 0 && s->n_elsewhere > 0 ? s->elsewhere[0]->core : -1;
    for (size_t i = 0; i < s->n_elsewhere; i++) {
        struct tracked_thread *t = s->elsewhere[i];
        if (t->core == core || !sampler_lend(s, t))
            s->elsewhere[left++] = t;
    }
    s->n_elsewhere = left;
}

void sampler_visit(struct sampler *s)
{
    lend_elsewhere(s);
    for (int hop = 0; hop < HOPS_MAX && s->n_elsewhere > 0; hop++) {
        int core = s->elsewhere[0]->core;
        bool there = sampler_pin(s, core);
        size_t n = s->n_elsewhere;
        s->n_elsewhere = 0;
        for (size_t i = 0; i < n; i++) { /* put aside again: into a place already read */
            struct tracked_thread *t = s->elsewhere[i];
            if (t->core != core)
                s->elsewhere[s->n_elsewhere++] = t;
            else if (there)
                sampler_look(s, t);
            else
                look_from_outside(s, t);
        }
        sampler_batch_end(s);
    }
    for (size_t i = 0; i < s->n_elsewhere; i++)
        sampler_give_up(s, s->elsewhere[i], LOSS_RAN_MEANWHILE);
    s->n_elsewhere = 0;
}

/* It may have waited for a page of the target's memory: the writer, who goes on, has seen that. */
static void end_sweep(struct sampler *s)
{
    struct sampler_counts *counts = &s->m->counts;
    atomic_store_explicit(&counts->sweep_from_ns, 0, memory_order_relaxed);
    if (atomic_load_explicit(&counts->page_wait_from_ns, memory_order_relaxed) == s->now_ns)
        atomic_fetch_add(&counts->page_wait_ns, clock_monotonic_ns() - s->now_ns);
    if (s->kernel == NULL)
        atomic_fetch_add_explicit(&counts->sweeps, 1, memory_order_relaxed);
}

void sampler_sweep(struct sampler *s)
{
    atomic_store_explicit(&s->m->counts.sweep_from_ns, s->now_ns, memory_order_relaxed);
    for (size_t i = 0; i < s->n; i++) {
        struct tracked_thread *t = s->list[i];
        if (sampler_is_lent(t) || t->asleep || atomic_load_explicit(&t->retire, memory_order_relaxed))
            continue;
        bool elsewhere = t->lent_before && t->core != s->core; /* where it was read last, it will be found */
        if (elsewhere && !s->free && !is_kept_off(s, t))
            s->elsewhere[s->n_elsewhere++] = t;
        else
            sampler_look(s, t);
    }
    if (s->n > TOGETHER_MAX || s->n_elsewhere > 0) {
        sampler_batch_end(s);
        sampler_visit(s);
    }
    for (size_t from = 0, to; from < s->n; from = to) {
        for (to = from + 1; to < s->n && s->list[to]->process == s->list[from]->process;)
            to++;
        sampler_visit_sleepers(s, from, to);
    }
    sampler_batch_end(s);
    sampler_visit(s);
    sampler_watch_tasks(s);
    end_sweep(s);
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
    sampler_joined(t);
}

static void let_go(struct sampler *s, bool last)
{
    size_t left = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct tracked_thread *t = s->list[i];
        bool retired = atomic_load_explicit(&t->retire, memory_order_acquire);
        if (retired && !last && s->kernel != NULL && !t->retire_seen) { /* its last samples are still on their way */
            t->retire_seen = true;
            retired = false;
        }
        if (retired && !sampler_is_lent(t)) {
            sampler_flush(s, t, true);
            sampler_unwatch(t);
            sampler_left(t);
            atomic_store_explicit(&t->released, true, memory_order_release);
        } else {
            s->list[left++] = t;
        }
    }
    s->n = left;
}

void sampler_hand_over(struct sampler *s, bool wait)
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

/* ---- the thread ----------------------------------------------------------------------------------------------------
 */

void sampler_leave_core(struct measurement *m)
{
    struct sampler *s = m->sampler_state;
    pid_t tid = atomic_load(&s->tid);
    if (tid != 0) /* what it takes for its core then is no proof: look.c asks where it is */
        sched_setaffinity(tid, sizeof s->allowed_first, &s->allowed_first);
}

pid_t sampler_tid(struct measurement *m)
{
    struct sampler *s = m->sampler_state;
    return s != NULL ? atomic_load(&s->tid) : 0;
}

int sampler_init(struct sampler *s, struct measurement *m)
{
    s->m = m;
    s->core = -1;
    s->stack.frames = mem_alloc(PYTHON_DEPTH_MAX * sizeof *s->stack.frames);
    s->chain.frames = mem_alloc(PYTHON_DEPTH_MAX * sizeof *s->chain.frames);
    s->slot = mem_zalloc(1, sizeof *s->slot);
    s->batch = sampler_batch_new();
    bool ready = s->stack.frames != NULL && s->chain.frames != NULL && s->slot != NULL && s->batch != NULL &&
                 interner_init(&s->interner) == 0;
    ready = ready && sched_getaffinity(0, sizeof s->allowed, &s->allowed) == 0;
    s->allowed_first = s->allowed;
    return ready ? 0 : ERR_NOMEM;
}

void sampler_release(struct sampler *s)
{
    mem_free(s->list);
    mem_free(s->elsewhere);
    mem_free(s->stack.frames);
    mem_free(s->chain.frames);
    if (s->slot != NULL) {
        mem_free(s->slot->frames);
        mem_free(s->slot->nodes);
    }
    mem_free(s->slot);
    mem_free(s->batch);
    interner_release(&s->interner);
}

int sampler_prepare(struct measurement *m)
{
    struct sampler *s = mem_zalloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;
    if (sampler_init(s, m) != 0 || (!m->options.stop_only && CPU_COUNT(&s->allowed) > 1 && sampler_cores_new(s) != 0)) {
        sampler_release(s);
        mem_free(s);
        return ERR_NOMEM;
    }
    s->free = m->options.free_only && s->cores != NULL; /* on a single core every reading is from its own */
    m->sampler_state = s;
    return 0;
}

/* Reading free we are in nobody's way, and need not sleep to a moment that comes sooner than we would wake. */
static bool is_worth_a_sleep(const struct sampler *s, uint64_t for_ns)
{
    return !s->free || for_ns > SPIN_NS;
}

/* Sleeps to the instant, in steps where it is far, so that the end of the measurement is never waited for. */
static void sleep_until(struct sampler *s, uint64_t time_ns)
{
    uint64_t now_ns = 0;
    while (!atomic_load_explicit(&s->m->stop_sampler, memory_order_relaxed) &&
           (now_ns = clock_monotonic_ns()) < time_ns) {
        if (!is_worth_a_sleep(s, time_ns - now_ns))
            continue;
        uint64_t most_ns = s->n_traced > 0 ? SETTLE_NS : STEP_NS;
        uint64_t step_ns = time_ns - now_ns < most_ns ? time_ns : now_ns + most_ns;
        struct timespec when = {(time_t)(step_ns / 1000000000u), (long)(step_ns % 1000000000u)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
            ;
        sampler_settle(s);
    }
}

uint64_t sampler_count_awake(struct sampler *s, uint64_t woke_ns)
{
    struct sampler_counts *counts = &s->m->counts;
    uint64_t slept_ns = clock_monotonic_ns();
    atomic_fetch_add_explicit(&counts->awake_ns, slept_ns - woke_ns, memory_order_relaxed);
    if (s->contested)
        atomic_fetch_add_explicit(&counts->contested_ns, slept_ns - woke_ns, memory_order_relaxed);
    atomic_store_explicit(&counts->last_ns, slept_ns, memory_order_relaxed);
    return slept_ns;
}

void sampler_count_cpu(struct sampler *s)
{
    uint64_t cpu_ns = clock_thread_cpu_ns();
    if (s->kernel == NULL) /* else it is not on the target's core; what is counts by itself */
        atomic_fetch_add_explicit(&s->m->counts.cpu_ns, cpu_ns - s->cpu_counted_ns, memory_order_relaxed);
    s->cpu_counted_ns = cpu_ns;
}

void sampler_govern(struct sampler *s)
{
    if (!pace_is_due(&s->pace, s->now_ns))
        return;
    sampler_count_cpu(s);
    pace_govern(&s->pace, s->now_ns);
}

bool sampler_begin(struct sampler *s, uint64_t planned_ns, uint64_t woke_ns)
{
    s->now_ns = s->here_ns = woke_ns;
    s->contested = false;
    s->busy_core = -1;
    s->n_busy_cores = 0;
    bool late = woke_ns - planned_ns > LATE_NS;
    if (late)
        atomic_fetch_add_explicit(&s->m->counts.late, 1, memory_order_relaxed);
    return late;
}

/* One planned instant: sleep, sweep, account. Returns the next instant. */
static uint64_t tick(struct sampler *s, uint64_t planned_ns)
{
    struct sampler_counts *counts = &s->m->counts;
    sleep_until(s, planned_ns > s->pace.earliest_ns ? planned_ns : s->pace.earliest_ns);
    if (atomic_load_explicit(&s->m->stop_sampler, memory_order_relaxed))
        return planned_ns;
    uint64_t woke_ns = clock_monotonic_ns();
    s->late = sampler_begin(s, planned_ns, woke_ns);
    sampler_sweep(s);
    if (s->busy_core >= 0)
        sampler_pin(s, s->busy_core);
    uint64_t slept_ns = sampler_count_awake(s, woke_ns);
    atomic_fetch_add_explicit(&counts->busy_cores, (uint64_t)s->n_busy_cores, memory_order_relaxed);
    sampler_hand_over(s, false);
    sampler_turn_stores(s);
    sampler_govern(s);
    enum pace_core core = s->free ? PACE_CORE_OURS : s->contested ? PACE_CORE_WANTED : PACE_CORE_IDLE;
    return pace_next_ns(&s->pace, planned_ns, woke_ns, slept_ns, core);
}

/* What was seen before the pause says nothing of what is there now, and what ran in it does not count. */
static void start_afresh(struct sampler *s)
{
    sampler_hand_over(s, true);
    for (size_t i = 0; i < s->n; i++) {
        struct tracked_thread *t = s->list[i];
        proc_thread_schedstat(&t->files, &t->last);
        t->written = t->last;
        t->asleep = false;
        t->wait_from_ns = t->wanting_ns = t->last_here_ns = 0;
        t->depth = 0;
        t->core = -1;
        t->pending_since_ns = clock_monotonic_ns();
    }
}

static void rest(struct sampler *s)
{
    struct measurement *m = s->m;
    struct gate *gate = &m->gate;
    if (s->kernel != NULL)
        sampler_rest_kernel(s);
    sampler_recall(s);
    sampler_settle_all(s);
    for (size_t i = 0; i < s->n; i++)
        sampler_flush(s, s->list[i], false);
    stopwatch_pause(&m->watch, clock_monotonic_ns());
    pthread_mutex_lock(&gate->lock);
    gate->sampler_rests = true;
    pthread_cond_broadcast(&gate->changed);
    while (gate->pause_asked && !atomic_load(&m->stop_sampler))
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    if (!atomic_load(&m->stop_sampler)) { /* else the pause lasts to the end */
        if (s->kernel != NULL)
            sampler_drain_kernel(s);
        start_afresh(s);
        stopwatch_resume(&m->watch, clock_monotonic_ns());
        if (s->kernel != NULL)
            sampler_resume_kernel(s);
    }
    pthread_mutex_lock(&gate->lock);
    gate->sampler_rests = false;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void *sampler_main(void *measurement)
{
    struct measurement *m = measurement;
    struct sampler *s = m->sampler_state;
    prctl(PR_SET_NAME, "kei-sampler");
    atomic_store(&s->tid, (pid_t)syscall(SYS_gettid));
    prctl(PR_SET_TIMERSLACK, 1);
    schedule_short_slice();
    sleep_until(s, m->start_ns);
    uint64_t next_ns = clock_monotonic_ns();
    atomic_store(&m->counts.first_ns, next_ns);
    pace_init(&s->pace, m, next_ns);
    sampler_hand_over(s, true);
    while (!atomic_load_explicit(&m->stop_sampler, memory_order_relaxed)) {
        if (atomic_load_explicit(&m->pause, memory_order_relaxed)) {
            rest(s);
            next_ns = clock_monotonic_ns();
            pace_resume(&s->pace, next_ns);
        }
        if (s->kernel != m->kernel) {
            sampler_change_kernel(s, m->kernel);
            next_ns = clock_monotonic_ns();
        }
        if (s->kernel != NULL)
            sampler_tick_kernel(s);
        else
            next_ns = tick(s, next_ns);
    }
    measure_waited(m, schedule_delay_ns());
    atomic_store(&s->tid, 0);
    sampler_cores_free(s);
    sampler_settle_all(s);
    sampler_hand_over(s, true);
    if (s->kernel != NULL)
        sampler_drain_kernel(s);
    for (size_t i = 0; i < s->n; i++)
        atomic_store(&s->list[i]->retire, true);
    let_go(s, true);
    sampler_count_cpu(s);
    sampler_release(s);
    return NULL;
}
