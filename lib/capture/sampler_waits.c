/*
 * Waits as the kernel times them (kernel_sampler.h). A record comes where a thread leaves its core to wait, with its
 * stack and its system call, and another where it is waked. So a wait is a sample whose ticks are its length, however
 * short or long it is: rounded to instants of the rate by chance, it counts on the average for what it was.
 *
 * Of a thread that waits more often than the kernel tells, waits are left out by chance, and each that is told stands
 * for as many as the chance was against it. Not so long ones: they count for themselves, for their ends are always
 * told, and those whose beginning was left out are found by the sweeps over sleepers. These look twice: what is short
 * is left to the kernel.
 */
#include "capture/sampler_private.h"

void sampler_saw(struct tracked_thread *t, const struct proc_schedstat *counters, uint64_t time_ns)
{
    t->seen_switches = counters->switches;
    t->seen_run_ns = counters->run_ns;
    t->seen_still_ns = time_ns;
}

bool sampler_stood_still(const struct sampler *s, struct tracked_thread *t, const struct proc_schedstat *now)
{
    if (t->seen_switches == now->switches && t->seen_run_ns == now->run_ns)
        return true;
    sampler_saw(t, now, s->now_ns);
    t->unread = false;
    return false;
}

void sampler_begin_untold(struct tracked_thread *t, struct proof *proof)
{
    proof->wait_from_ns = t->seen_still_ns;
    t->unread = false;
}

uint32_t sampler_wait_ticks(struct sampler *s, struct tracked_thread *t)
{
    uint64_t length_ns = t->pending_ns > t->wait_from_ns ? t->pending_ns - t->wait_from_ns : 0;
    uint32_t waits = length_ns < WIRE_LONG_WAIT_NS && t->waits > 1 ? t->waits : 1;
    uint32_t ticks = pace_instants(&s->pace, (double)length_ns * waits);
    atomic_fetch_add_explicit(&s->m->counts.samples, ticks, memory_order_relaxed);
    t->wait_from_ns = t->pending_ns;
    t->waits = 1; /* what of it comes later is a part of a long one */
    return ticks;
}

/* The letter that /proc has for it. */
static char state_letter_of(uint8_t task_state)
{
    return task_state & 12 ? 'T' : task_state & 2 ? 'D' : 'S';
}

/* The next sweep reads its stack, if it waits still. */
static void leave_to_sweep(const struct sampler *s, struct tracked_thread *t, const struct wire_sample *sample)
{
    t->asleep = false;
    t->wait_from_ns = 0;
    sampler_saw(t, &(struct proc_schedstat){sample->run_ns, sample->delay_ns, sample->switches}, sample->time_ns);
    t->unread = true;
    t->unread_why = s->lost;
}

static void end_wait(struct sampler *s, struct tracked_thread *t, uint64_t waked_ns)
{
    t->pending = true;
    t->pending_ns = waked_ns;
    sampler_flush(s, t, false);
    t->asleep = false;
    t->wait_from_ns = 0;
}

void sampler_end_unseen_wait(struct sampler *s, struct tracked_thread *t, const struct proc_schedstat *now,
                             uint64_t now_ns)
{
    if (t->wait_from_ns == 0)
        return;
    uint64_t awake_ns = now->run_ns - t->last.run_ns + (now->delay_ns - t->last.delay_ns);
    uint64_t waked_ns = awake_ns < now_ns ? now_ns - awake_ns : 0;
    end_wait(s, t, waked_ns > t->pending_ns ? waked_ns : t->pending_ns);
}

void sampler_take_wait(struct sampler *s, const struct wire_sample *sample, const struct wire_frame *frames)
{
    struct tracked_thread *t = (struct tracked_thread *)(uintptr_t)sample->owner;
    atomic_fetch_add_explicit(&s->m->counts.interrupt_ns, sample->took_ns, memory_order_relaxed);
    if (!s->waits_told || !sampler_knows(s, t) || sampler_has_others(t) || sample->time_ns < s->m->start_ns ||
        sample->switches < t->last.switches)
        return;
    struct proof proof = {
        .after = {sample->run_ns, sample->delay_ns, sample->switches},
        .stat.state = state_letter_of(sample->task_state),
        .call = {.number = sample->call, .args = {sample->call_arguments[0], sample->call_arguments[1]}},
        .wait_from_ns = sample->time_ns,
        .waits = sample->stands_for,
    };
    if (t->asleep && sample->switches == t->last.switches) /* a look came between: it is known */
        return;
    if (proof.after.run_ns < t->last.run_ns)
        proof.after.run_ns = t->last.run_ns;
    if (proof.after.delay_ns < t->last.delay_ns)
        proof.after.delay_ns = t->last.delay_ns;
    sampler_end_unseen_wait(s, t, &proof.after, sample->time_ns);
    bool good = sampler_read_record(s, t, sample, frames);
    if (!good || t->reader == NULL)
        t->depth = 0;
    sampler_flush(s, t, false);
    if (!good) {
        leave_to_sweep(s, t, sample);
        return;
    }
    t->ip = t->user_ip = 0;
    t->ran_on = (int)sample->core;
    sampler_take(s, t, &proof, good, READER_KERNEL);
}

void sampler_end_wait(struct sampler *s, const struct wire_waited *waited)
{
    struct tracked_thread *t = (struct tracked_thread *)(uintptr_t)waited->owner;
    if (!s->waits_told || !sampler_knows(s, t))
        return;
    if (t->unread && t->seen_switches == waited->switches) {
        atomic_fetch_add_explicit(&s->m->counts.dropped, 1, memory_order_relaxed);
        measure_lose(s->m, t->unread_why, 1);
    }
    t->unread = false;
    if (t->wait_from_ns == 0 || t->last.switches != waited->switches)
        return;
    end_wait(s, t, waited->time_ns);
}
