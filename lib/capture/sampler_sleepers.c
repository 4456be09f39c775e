/*
 * The sleepers of a process, in a sweep. The process's CPU clock adds up the counters of all its threads, so one
 * reading of it tells that none of the sleepers has run since its last look, and stands for a look at each. Where many
 * sleep, one of them nearly always has: then they are looked at part by part, the likeliest first, until the clock
 * tells that of those that are left. Timed path: no allocation.
 */
#include "capture/sampler_private.h"

enum {
    CLOCK_MIN = 3, /* sleepers for which a reading of the clock is worth it */
    MANY = 128,    /* threads: a reading of the clock goes over all of them, as a part of a hundred looks takes */
    PART = 32,     /* from either end of the list, the first time */
    AWAKE_MAX = 128,
    RAN_MAX = 256
};

/* What is known of the CPU time of a process's threads, of many. */
struct known {
    struct tracked_process *process;
    struct tracked_thread **list;
    size_t n;
    uint64_t run_ns;                         /* of all of them together */
    struct tracked_thread *awake[AWAKE_MAX]; /* those that run, or did since the sweep before */
    size_t n_awake;
    bool whole; /* all of them are accounted for */
};

/* When its counters were last read: a look may still wait for its batch. */
static uint64_t run_ns(const struct tracked_thread *t)
{
    return t->run_seen_ns > t->last.run_ns ? t->run_seen_ns : t->last.run_ns;
}

static bool is_retired(const struct tracked_thread *t)
{
    return atomic_load_explicit(&t->retire, memory_order_relaxed);
}

/*
 * Few: the clock less the threads' times at their last looks stays the same as long as none of the sleepers ran. It is
 * read before the looks: what runs in between makes the difference grow, and they are looked at again next time.
 */
static void visit_few(struct sampler *s, struct tracked_thread **list, size_t n)
{
    struct tracked_process *process = list[0]->process;
    uint64_t clock = 0, known = 0;
    size_t sleepers = 0;
    bool all_here = true;
    for (size_t i = 0; i < n; i++) {
        if (sampler_is_lent(list[i])) {
            all_here = false;
            continue;
        }
        known += run_ns(list[i]);
        sleepers += list[i]->asleep ? 1 : 0;
    }
    if (sleepers == 0)
        return;
    bool cheap = all_here && sleepers >= CLOCK_MIN && proc_cpu_clock_ns(process->pid, &clock);
    bool unchanged = cheap && clock - known == process->cpu_others_ns;
    known = 0;
    for (size_t i = 0; i < n; i++) {
        struct tracked_thread *t = list[i];
        if (sampler_is_lent(t) || !t->asleep || is_retired(t))
            continue;
        if (unchanged)
            sampler_same_again(s, t);
        else
            sampler_look(s, t);
    }
    for (size_t i = 0; i < n && cheap; i++)
        known += sampler_is_lent(list[i]) ? 0 : run_ns(list[i]);
    if (cheap)
        process->cpu_others_ns = clock - known;
}

/* ---- many ----------------------------------------------------------------------------------------------------------
 */

/* It runs, or waits to be looked at where it does. */
static bool is_awake(const struct tracked_thread *t)
{
    return !t->asleep || t->last.run_ns < t->run_seen_ns;
}

static void add_awake(struct known *known, struct tracked_thread *t)
{
    if (known->n_awake == AWAKE_MAX)
        known->whole = false;
    else
        known->awake[known->n_awake++] = t;
}

static void begin(struct known *known, struct tracked_thread **list, size_t n)
{
    *known = (struct known){.process = list[0]->process, .list = list, .n = n, .whole = true};
    for (size_t i = 0; i < n && known->whole; i++) {
        if (sampler_is_lent(list[i]) || is_retired(list[i])) {
            known->whole = false;
            break;
        }
        known->run_ns += run_ns(list[i]);
        if (is_awake(list[i]))
            add_awake(known, list[i]);
    }
}

/* They were looked at a while ago. */
static void read_awake(struct known *known)
{
    for (size_t i = 0; i < known->n_awake; i++) {
        struct tracked_thread *t = known->awake[i];
        struct proc_schedstat now;
        if (sampler_is_lent(t) || !proc_thread_schedstat(&t->files, &now)) {
            known->whole = false;
            return;
        }
        uint64_t before_ns = run_ns(t);
        if (now.run_ns > before_ns) {
            t->run_seen_ns = now.run_ns;
            known->run_ns += now.run_ns - before_ns;
        }
    }
}

/*
 * Has none run since it was last looked at, but for those that are awake? The clock is read behind all counters, and
 * none of these ever falls: it is no less than what is known of them and what others had, of which cpu_others_ns is a
 * lower bound. Where it is no more than that, each counter is what is known of it.
 */
static bool accounts_for_all(struct known *known, uint64_t *clock)
{
    if (known->whole)
        read_awake(known);
    known->whole = known->whole && proc_cpu_clock_ns(known->process->pid, clock);
    return known->whole && *clock - known->run_ns == known->process->cpu_others_ns;
}

static void look_at_part(struct sampler *s, struct tracked_thread **list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tracked_thread *t = list[i];
        t->ran = false;
        if (sampler_is_lent(t) || !t->asleep || is_retired(t))
            continue;
        t->run_before_ns = run_ns(t);
        t->ran = true; /* until it is known better */
        sampler_look(s, t);
    }
}

/* Behind the looks. */
static void count_part(struct known *known, struct tracked_thread **list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct tracked_thread *t = list[i];
        if (sampler_is_lent(t)) {
            known->whole = false;
            continue;
        }
        t->ran = t->ran && run_ns(t) != t->run_before_ns;
        if (!t->ran)
            continue;
        known->run_ns += run_ns(t) - t->run_before_ns;
        add_awake(known, t); /* it sleeps again, perhaps, and wakes again at once: a turn at the GIL is several runs */
    }
}

/* Those that ran come to the front: behind them stand the others, the one that has slept longest at the end. Which of
 * them run next is nothing that counts for more than speed: threads that serve, or those whose timeout comes. */
static void put_in_order(struct tracked_thread **list, size_t n)
{
    struct tracked_thread *ran[RAN_MAX];
    size_t n_ran = 0, at = n;
    for (size_t i = n; i-- > 0;) {
        if (list[i]->ran && n_ran < RAN_MAX)
            ran[n_ran++] = list[i];
        else
            list[--at] = list[i];
    }
    for (size_t i = 0; i < n_ran; i++) {
        ran[i]->ran = false;
        list[--at] = ran[i];
    }
}

/* All were looked at: the clock before that less what is known of them is no more than what others had by then. */
static void bound_others(struct known *known, uint64_t first)
{
    if (known->whole)
        read_awake(known);
    if (known->whole && first > known->run_ns && first - known->run_ns > known->process->cpu_others_ns)
        known->process->cpu_others_ns = first - known->run_ns;
}

static void visit_many(struct sampler *s, struct tracked_thread **list, size_t n)
{
    struct known known;
    uint64_t first = 0, clock;
    size_t front = 0, back = n;
    begin(&known, list, n);
    bool told = accounts_for_all(&known, &first);
    for (size_t part = PART; front < back && !told; part *= 2) {
        size_t left = back - front, ahead = part < left ? part : left;
        size_t behind = part < left - ahead ? part : left - ahead;
        look_at_part(s, list + front, ahead);
        look_at_part(s, list + back - behind, behind);
        sampler_batch_end(s);
        count_part(&known, list + front, ahead);
        count_part(&known, list + back - behind, behind);
        front += ahead;
        back -= behind;
        told = front < back && accounts_for_all(&known, &clock);
    }
    if (front == back)
        bound_others(&known, first);
    for (size_t i = front; i < back; i++) {
        list[i]->ran = false;
        if (list[i]->asleep)
            sampler_same_again(s, list[i]);
    }
    if (front > 0)
        put_in_order(list, n);
}

void sampler_visit_sleepers(struct sampler *s, size_t from, size_t to)
{
    if (to - from >= MANY)
        visit_many(s, &s->list[from], to - from);
    else
        visit_few(s, &s->list[from], to - from);
}

void sampler_joined(struct tracked_thread *t)
{
    t->process->cpu_others_ns = 0; /* its time was others' */
}

void sampler_left(struct tracked_thread *t)
{
    t->process->cpu_others_ns += run_ns(t); /* its time is others' */
}
