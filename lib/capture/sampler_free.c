/*
 * Reading free: `--reader free`, and threads whose core is not open to us. The thread runs on while it is read, from
 * whatever core we are on, and nobody takes its core. What comes of it is a claim: frames of different calls lie at the
 * same addresses within 100 ns. So a stack counts only where an exact reading (of the thread asleep, or from its own
 * core) has found that very stack before, instruction by instruction; the program is known to have it. Else it is read
 * again; then the thread is lent to the sampler of its core, as often as the lessons allow, whose exact reading takes
 * the sample's place and teaches the stack; else the sample is dropped, and counted as unlearned.
 *
 * That is true of each stack and unfair to some: those that change fast are dropped more often, those not learned yet
 * always. Hence the warning that goes with it (session_end.c).
 */
#include "base/clock.h"
#include "capture/other_states.h"
#include "capture/sampler_private.h"

#include <errno.h>

#define LESSONS_FIRST  1000.0 /* at once, when a measurement begins */
#define LESSONS_SHARE  0.4    /* of the samples; 25 µs of the thread's core each */
#define LESSONS_MAX_HZ 400.0

enum {
    READINGS_MAX = 4,
    COUNTERS_NS = 500 * 1000 /* the thread's own time is asked for so often: the kernel brings it up to date by ticks */
};

/* One reading of a thread that runs on. */
static bool read_claim(struct sampler *s, struct tracked_thread *t)
{
    sampler_clear_stack(s);
    s->read_ns = clock_monotonic_ns();
    atomic_fetch_add_explicit(&s->m->counts.reads, 1, memory_order_relaxed);
    python_reader_watch_core(t->reader, false);
    enum python_read_result result = other_states_read(t, &s->stack);
    python_reader_watch_core(t->reader, true);
    s->exiting = result == PYTHON_READ_UNREADABLE && errno == ESRCH;
    s->interner.same = false;
    s->stack.task.address = 0; /* read with it, and known by nothing else */
    if (result != PYTHON_READ_OK)
        return false;
    pthread_mutex_lock(&t->process->interning);
    bool known = interner_find(&s->interner, t, &s->stack, s->read_ns);
    pthread_mutex_unlock(&t->process->interning);
    return known;
}

static bool may_learn(struct sampler *s)
{
    double per_second = LESSONS_SHARE * s->pace.rate_hz;
    uint64_t now_ns = s->here_ns;
    per_second = per_second < LESSONS_MAX_HZ ? per_second : LESSONS_MAX_HZ;
    if (s->lessons_ns == 0)
        s->lessons = LESSONS_FIRST;
    else
        s->lessons += per_second * (double)(now_ns - s->lessons_ns) / 1e9;
    s->lessons = s->lessons < LESSONS_FIRST ? s->lessons : LESSONS_FIRST;
    s->lessons_ns = now_ns;
    return s->lessons >= 1;
}

/* Has it read exactly, on its core, by the sampler there. */
static bool learn(struct sampler *s, struct tracked_thread *t, struct proof *proof)
{
    if (sampler_is_kept_off(t) || !may_learn(s)) /* who reads it there would wait for the core */
        return false;
    if (sampler_tells_core(t))
        t->core = python_read_core(t->reader);
    else
        t->core = proc_thread_stat(&t->files, &proof->stat) ? proof->stat.processor : -1;
    if (!sampler_lend(s, t))
        return false;
    s->lessons--;
    return true;
}

/* Reads it until its stack is a learned one; false where that does not come, or the process is gone. */
static bool read_until_known(struct sampler *s, struct tracked_thread *t)
{
    for (int i = 0; i < READINGS_MAX; i++) {
        if (i > 0)
            atomic_fetch_add_explicit(&s->m->counts.rereads, 1, memory_order_relaxed);
        if (read_claim(s, t))
            return true;
        if (s->exiting)
            return false;
    }
    return false;
}

/* A look by proof, if it may be off the CPU: true where that was all. */
static bool look_asleep(struct sampler *s, struct tracked_thread *t, enum look *look)
{
    struct proof proof = {0};
    if (!sampler_may_sleep(t, &proof)) {
        *look = LOOK_ELSEWHERE;
        return false;
    }
    *look = sampler_look_once(s, t);
    return *look == LOOK_DONE || *look == LOOK_GONE;
}

/* A thread whose stack is another one than the last time has run since: it is not asked whether it sleeps now. */
enum look sampler_look_free(struct sampler *s, struct tracked_thread *t)
{
    struct proof proof = {.runs = true, .after = t->last};
    enum look look = LOOK_ELSEWHERE;
    bool ran = !t->asleep && t->reader != NULL && t->files.syscall_fd >= 0;
    s->here_ns = clock_monotonic_ns();
    if (!ran && look_asleep(s, t, &look))
        return look;
    bool known = t->reader == NULL || read_until_known(s, t);
    if (ran && (!known || s->interner.same)) {
        if (look_asleep(s, t, &look))
            return look;
        known = look == LOOK_AGAIN ? read_until_known(s, t) : known;
    }
    if (!known && s->exiting)
        return LOOK_GONE;
    uint64_t counted_ns = t->last_here_ns, wanting_ns = t->wanting_ns;
    bool count = s->here_ns - counted_ns > COUNTERS_NS;
    if (count && !proc_thread_schedstat(&t->files, &proof.after))
        return LOOK_GONE;
    if (!known && learn(s, t, &proof))
        return LOOK_DONE;
    if (count && sampler_tells_core(t))
        s->stack.core = python_read_core(t->reader);
    s->lost = LOSS_UNLEARNED;
    sampler_take(s, t, &proof, known, READER_FREE);
    if (!count) {
        t->last_here_ns = counted_ns;
        t->wanting_ns = wanting_ns;
    }
    return LOOK_DONE;
}
