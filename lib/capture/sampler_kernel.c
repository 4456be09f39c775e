/*
 * The sampler thread where the kernel samples what runs (kernel_sampler.h): it takes over the records of interrupts as
 * they come, and sweeps over the sleepers now and then.
 */
#include "base/clock.h"
#include "capture/native_stack.h"
#include "capture/operands.h"
#include "capture/sampler_private.h"
#include "capture/schedule.h"

#define NS_PER_S UINT64_C(1000000000)

enum {
    PERIOD_NS = 20 * 1000 * 1000, /* an interval is kept for that long, */
    PERIODS = 16,                 /* and for so many on average */
    GIVEN = 10000,                /* samples, to say whether the rate is what was asked for */
    SWEEPS_HZ = 250,              /* of the sleepers */
    SWEEPS_TOLD_HZ = 50,          /* where waits are told of: of those whose wait began before */
    WAITS_NS = 1000 * 1000,
    WAITERS_A_CORE = 4, /* each is told of as if it were alone */
    COST_SAMPLES = 50,  /* of a period, to say what one takes */
    HOPS_MAX = 6,       /* tries for one look, on as many cores */
    LOOKS_MAX = 32      /* instead of interrupts, in a drain: one that fails takes longer than to the next one */
};

/* A look at the thread from its own core, wherever that is. What it takes of that core counts as taken. */
static enum look look_on_core(struct sampler *s, struct tracked_thread *t)
{
    enum look look = LOOK_ELSEWHERE;
    uint64_t start_ns = clock_thread_cpu_ns();
    int core = s->core;
    for (int hop = 0; hop < HOPS_MAX && (look == LOOK_ELSEWHERE || look == LOOK_AGAIN); hop++) {
        if (hop > 0 && t->core >= 0 && !sampler_pin(s, t->core))
            break;
        look = sampler_look_at(s, t);
    }
    if (core < 0 && s->core >= 0) {
        schedule_unpin(&s->allowed);
        s->core = -1;
    }
    atomic_fetch_add_explicit(&s->m->counts.interrupt_ns, clock_thread_cpu_ns() - start_ns, memory_order_relaxed);
    return look;
}

/*
 * An interrupt found the thread where its frames are not linked (3.11 and 3.12 around generators: a few instructions),
 * or memory that was not there at that moment: the stack is read from the thread's own core instead, a moment later.
 * False when that gave no sample at all. One that has gone to sleep by then is a sample of its sleep; the other counts
 * as lost.
 */
static bool look_instead(struct sampler *s, struct tracked_thread *t)
{
    enum loss_kind why = s->lost;
    if (s->looks_left == 0 || sampler_is_kept_off(t))
        return false;
    s->looks_left--;
    s->for_kernel = true;
    enum look look = look_on_core(s, t);
    s->for_kernel = false;
    s->lost = why;
    if (look != LOOK_DONE)
        return false;
    if (t->asleep) {
        atomic_fetch_add_explicit(&s->m->counts.dropped, 1, memory_order_relaxed);
        measure_lose(s->m, why, 1);
    }
    return true;
}

bool sampler_knows(struct sampler *s, struct tracked_thread *t)
{
    if (!t->taken)
        sampler_hand_over(s, true);
    return t->taken && !atomic_load_explicit(&t->released, memory_order_relaxed);
}

/* The stack is what it was, if it was read since it is. */
static bool keep_stack(struct sampler *s, const struct tracked_thread *t, const struct wire_sample *sample)
{
    python_stack_stays(t->reader, sample, &s->stack);
    s->stack.exception = (t->marks & MARK_EXCEPTION) != 0;
    s->lost = LOSS_UNREADABLE;
    return t->depth > 0 && t->stack != 0 && t->stack_ns >= sample->stays_ns;
}

bool sampler_read_record(struct sampler *s, struct tracked_thread *t, const struct wire_sample *sample,
                         const struct wire_frame *frames)
{
    s->read_ns = sample->time_ns;
    s->late = false;
    s->interner.all_checked = true;
    sampler_clear_stack(s);
    if (t->reader == NULL)
        return true;
    if ((sample->flags & WIRE_STAYS) != 0)
        return keep_stack(s, t, sample);
    s->stack.loops = s->m->options.native ? &s->loops : NULL;
    enum python_read_result result = python_stack_recorded(t->reader, sample, frames, &s->stack);
    if (result == PYTHON_READ_OK && t->kernel_task_ns == sample->time_ns)
        python_stack_of_task(&t->kernel_task, t->kernel_task_frame, &s->stack);
    s->lost = result == PYTHON_READ_UNREADABLE ? LOSS_UNREADABLE : LOSS_INVALID_STACK;
    bool good = result == PYTHON_READ_OK && interner_intern_marked(&s->interner, t, &s->stack, s->read_ns);
    if (result == PYTHON_READ_OK && !good)
        s->lost = LOSS_CODE_GONE;
    /* a good stack needs no more of its frames: some are the interpreter's own, whose code has no name */
    for (uint32_t i = 0; good && (sample->flags & WIRE_NEW_CODE) != 0 && i < sample->depth; i++)
        kernel_sampler_know(s->kernel, frames[i].mark);
    return good;
}

/*
 * What the clocks gave of what they should have: one record for each interval of CPU time that a thread used.
 * Those that the kernel left out (it throttles, an interrupt came while one was served) have no record of their own.
 * The kernel brings that time up to date at its ticks and switches: most records add none, the next one more.
 */
static void count_hit(struct sampler *s, struct tracked_thread *t, const struct wire_sample *sample)
{
    if (t->hit_ns > s->hits_from_ns && sample->run_ns >= t->hit_run_ns) {
        s->due += (double)(sample->run_ns - t->hit_run_ns) / pace_mean_ns(&s->pace);
        atomic_store_explicit(&s->m->counts.due, (uint64_t)s->due, memory_order_relaxed);
        atomic_fetch_add_explicit(&s->m->counts.hits, 1, memory_order_relaxed);
    }
    t->hit_ns = sample->time_ns;
    t->hit_run_ns = sample->run_ns;
}

/* One sample of a running thread. */
static void take_interrupted(struct sampler *s, const struct wire_sample *sample, const struct wire_frame *frames)
{
    struct tracked_thread *t = (struct tracked_thread *)(uintptr_t)sample->owner;
    struct sampler_counts *counts = &s->m->counts;
    uint64_t cost_ns = sample->took_ns + (uint64_t)kernel_sampler_interrupt_ns(s->kernel);
    atomic_fetch_add_explicit(&counts->interrupts, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->interrupt_ns, cost_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->busy_cores, 1, memory_order_relaxed);
    if (!sampler_knows(s, t) || sampler_has_others(t) || sample->time_ns < s->m->start_ns)
        return;
    count_hit(s, t, sample);
    struct proof proof = {.runs = true, .after = t->last};
    if (sample->run_ns > t->last.run_ns) /* else a look at the thread came between, with later counters */
        proof.after.run_ns = sample->run_ns;
    if (sample->delay_ns > t->last.delay_ns)
        proof.after.delay_ns = sample->delay_ns;
    if (sample->switches > t->last.switches)
        proof.after.switches = sample->switches;
    sampler_end_unseen_wait(s, t, &proof.after, sample->time_ns);
    bool good = sampler_read_record(s, t, sample, frames);
    if (!good && look_instead(s, t))
        return;
    if (!good)
        sampler_clear_stack(s);
    if (!good || t->reader == NULL)
        t->depth = 0;
    sampler_flush(s, t, false);
    t->ip = sample->ip;
    t->user_ip = sample->user_ip;
    t->ran_on = (int)sample->core;
    sampler_take(s, t, &proof, good, READER_KERNEL);
    if (!good || t->depth == 0 || sample->depth == 0)
        return;
    if (s->operands.owner == sample->owner && s->operands.time_ns == sample->time_ns)
        operands_take(s, t, &s->operands);
    operands_want(s, t, frames);
}

static void take_record(void *context, const struct wire_sample *sample, const struct wire_frame *frames)
{
    struct sampler *s = context;
    struct tracked_thread *t = (struct tracked_thread *)(uintptr_t)sample->owner;
    for (int i = 0; i < 2; i++)
        atomic_store_explicit(&t->left[i], sample->left[i], memory_order_relaxed);
    if ((sample->flags & WIRE_WAITS) != 0)
        sampler_take_wait(s, sample, frames);
    else
        take_interrupted(s, sample, frames);
}

static void take_native(void *context, const struct wire_native *native)
{
    struct sampler *s = context;
    struct tracked_thread *t = (struct tracked_thread *)(uintptr_t)native->owner;
    if (!sampler_knows(s, t))
        return;
    native_piece_drop(t->native_next);
    t->native_next = native_piece_new(native, &s->m->native_pieces);
}

static void take_task(void *context, const struct wire_task *task)
{
    struct sampler *s = context;
    struct tracked_thread *t = (struct tracked_thread *)(uintptr_t)task->owner;
    if (!sampler_knows(s, t) || t->reader == NULL)
        return;
    t->kernel_task_frame = task->frame;
    t->kernel_task_ns = python_task_recorded(t->reader, task, &t->kernel_task) ? task->time_ns : 0;
}

static void take_operands(void *context, const struct wire_operands *operands)
{
    struct sampler *s = context;
    s->operands = *operands;
}

static void take_end(void *context, const struct wire_waited *waited)
{
    sampler_end_wait(context, waited);
}

/* Where no other record of the thread follows, its end has that delay. */
static void take_delay(void *context, const struct wire_delayed *delayed)
{
    struct tracked_thread *t = (struct tracked_thread *)(uintptr_t)delayed->owner;
    if (!sampler_knows(context, t) || t->pending || delayed->delay_ns <= t->last.delay_ns)
        return;
    t->last.delay_ns = delayed->delay_ns;
    t->wanting_ns = 0; /* it is in that */
    t->pending_ns = delayed->time_ns;
}

/* A code object met for the first time. */
static void learn_code(void *context, const struct wire_code *code, const uint8_t *table)
{
    struct sampler *s = context;
    struct tracked_thread *t = (struct tracked_thread *)(uintptr_t)code->owner;
    if (t->reader != NULL && !atomic_load_explicit(&t->released, memory_order_relaxed) &&
        interner_learn(&s->interner, t->process, code, table, clock_monotonic_ns()))
        kernel_sampler_know(s->kernel, code->mark);
}

void sampler_drain_kernel(struct sampler *s)
{
    struct kernel_taker taker = {.context = s,
                                 .sample = take_record,
                                 .waited = take_end,
                                 .delayed = take_delay,
                                 .code = learn_code,
                                 .native = take_native,
                                 .task = take_task,
                                 .operands = take_operands};
    s->looks_left = LOOKS_MAX;
    uint64_t lost = kernel_sampler_drain(s->kernel, &taker);
    if (lost > 0)
        measure_lose(s->m, LOSS_QUEUE_FULL, lost);
}

/* A thousand waits of a thread are told of in a second, or as many as it has samples; where there are many threads, as
 * many of all that share a core. */
static uint64_t wait_interval_ns(const struct sampler *s)
{
    uint64_t threads = s->n / (size_t)CPU_COUNT(&s->allowed);
    uint64_t interval_ns = s->period_ns < WAITS_NS ? s->period_ns : WAITS_NS;
    return interval_ns * (threads > WAITERS_A_CORE ? threads : 1);
}

/* Counts the instants up to now. */
static void count_period(struct sampler *s)
{
    if (s->period_ns == 0)
        return;
    s->instants += (double)(s->now_ns - s->period_said_ns) / pace_mean_ns(&s->pace);
    uint64_t instants = (uint64_t)s->instants;
    s->instants -= (double)instants;
    atomic_fetch_add_explicit(&s->m->counts.sweeps, instants, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->m->counts.kernel_sweeps, instants, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->m->counts.planned, instants, memory_order_relaxed);
}

/* What a sample took of its thread in the last period, by the mean. */
static void count_cost(struct sampler *s)
{
    const struct sampler_counts *counts = &s->m->counts;
    uint64_t interrupts = atomic_load_explicit(&counts->interrupts, memory_order_relaxed);
    uint64_t taken_ns = atomic_load_explicit(&counts->interrupt_ns, memory_order_relaxed);
    if (s->pace.sample_ns == 0)
        s->pace.sample_ns = kernel_sampler_interrupt_ns(s->kernel);
    else if (interrupts >= s->cost_interrupts + COST_SAMPLES)
        s->pace.sample_ns = (double)(taken_ns - s->cost_ns) / (double)(interrupts - s->cost_interrupts);
    s->cost_interrupts = interrupts;
    s->cost_ns = taken_ns;
}

/* Do the clocks give what they should? */
static void look_at_rate(struct sampler *s)
{
    uint64_t hits = atomic_load_explicit(&s->m->counts.hits, memory_order_relaxed);
    if (s->due < s->given_due + GIVEN)
        return;
    pace_given(&s->pace, s->due - s->given_due, (double)(hits - s->given_hits));
    s->given_due = s->due;
    s->given_hits = hits;
}

/*
 * Another interval around the mean now and then: a fixed one could keep step with the program. Each is kept for as long
 * as any other, so that their rates have the mean.
 */
static bool keeps_period(const struct sampler *s)
{
    double mean_ns = pace_mean_ns(&s->pace);
    double kept_ns = PERIODS * s->mean_ns > PERIOD_NS ? PERIODS * s->mean_ns : PERIOD_NS;
    return s->period_ns != 0 && (double)(s->now_ns - s->period_from_ns) < kept_ns && mean_ns < 2 * s->mean_ns &&
           s->mean_ns < 2 * mean_ns;
}

static void next_period(struct sampler *s)
{
    bool first = s->period_ns == 0;
    if (!first && s->now_ns < s->period_said_ns + PERIOD_NS)
        return;
    count_period(s);
    s->period_said_ns = s->now_ns;
    if (first)
        s->hits_from_ns = s->now_ns;
    if (!keeps_period(s)) {
        count_cost(s);
        look_at_rate(s);
        s->period_from_ns = s->now_ns;
        s->mean_ns = pace_mean_ns(&s->pace);
        s->period_ns = pace_period_ns(&s->pace);
    }
    kernel_sampler_period(s->kernel, s->period_ns);
    s->waits_told = kernel_sampler_waits(s->kernel, wait_interval_ns(s));
}

void sampler_rest_kernel(struct sampler *s)
{
    s->now_ns = clock_monotonic_ns();
    count_period(s);
    kernel_sampler_period(s->kernel, KERNEL_NEVER_NS);
    s->period_from_ns = s->period_ns = 0;
    sampler_drain_kernel(s);
}

void sampler_resume_kernel(struct sampler *s)
{
    s->now_ns = clock_monotonic_ns();
    next_period(s);
}

void sampler_change_kernel(struct sampler *s, struct kernel_sampler *kernel)
{
    if (s->kernel != NULL)
        sampler_rest_kernel(s);
    else
        s->now_ns = clock_monotonic_ns();
    if (kernel != NULL)
        sampler_recall(s);
    sampler_count_cpu(s);
    s->kernel = kernel;
    s->waits_told = false;
    if (kernel != NULL && s->core >= 0) { /* any core serves from here on */
        schedule_unpin(&s->allowed);
        s->core = -1;
    }
}

void sampler_tick_kernel(struct sampler *s)
{
    uint64_t interval_ns = NS_PER_S / (s->waits_told ? SWEEPS_TOLD_HZ : SWEEPS_HZ);
    uint64_t due_ns = s->now_ns + interval_ns, woke_ns = clock_monotonic_ns();
    while (woke_ns < due_ns && !atomic_load_explicit(&s->m->stop_sampler, memory_order_relaxed)) {
        if (kernel_sampler_wait(s->kernel, due_ns - woke_ns))
            sampler_drain_kernel(s);
        woke_ns = clock_monotonic_ns();
    }
    sampler_drain_kernel(s);
    s->late = sampler_begin(s, woke_ns, woke_ns);
    next_period(s);
    sampler_sweep(s);
    atomic_store_explicit(&s->m->counts.last_ns, clock_monotonic_ns(), memory_order_relaxed);
    sampler_hand_over(s, false);
    sampler_turn_stores(s);
    sampler_govern(s);
}
