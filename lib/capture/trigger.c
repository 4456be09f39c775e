#include "capture/trigger.h"

#include <stdio.h>

#define S_NS UINT64_C(1000000000)

enum {
    CPU_OVER_NS = 1000 * 1000 * 1000, /* a share of a core is one of that time */
    FIRED_MAX = 16                    /* copies by one trigger, for the disk's sake */
};
static const uint64_t again_after_ns = 60 * S_NS;

const char *trigger_name(enum trigger_kind kind)
{
    static const char *const names[TRIGGER_COUNT] = {"cpu", "rss", "stuck"};
    return names[kind];
}

/* Fires when the condition begins to hold, once a minute at most. */
static void look(struct trigger *trigger, struct measurement *m, enum trigger_kind kind, bool holds, uint64_t now_ns,
                 const char *what)
{
    bool began = holds && !trigger->held[kind];
    trigger->held[kind] = holds;
    if (!began || now_ns < trigger->again_ns[kind] || trigger->fired[kind] >= FIRED_MAX)
        return;
    trigger->again_ns[kind] = now_ns + again_after_ns;
    trigger->fired[kind]++;
    measure_ask_copy(m, kind, what);
}

void trigger_usage(struct trigger *trigger, struct measurement *m, uint64_t now_ns, int64_t cpu_ns, int64_t rss_bytes)
{
    char what[64];
    const struct measure_options *options = &m->options;
    if (options->when_rss_bytes > 0) {
        snprintf(what, sizeof what, "rss is %.1f MiB", (double)rss_bytes / 1048576);
        look(trigger, m, TRIGGER_RSS, (uint64_t)rss_bytes > options->when_rss_bytes, now_ns, what);
    }
    if (options->when_cpu <= 0 || now_ns < trigger->cpu_at_ns + CPU_OVER_NS)
        return;
    double share = trigger->cpu_at_ns != 0 && cpu_ns > trigger->cpu_ns
                       ? (double)(cpu_ns - trigger->cpu_ns) / (double)(now_ns - trigger->cpu_at_ns)
                       : 0;
    snprintf(what, sizeof what, "cpu is %.0f%%", share * 100);
    look(trigger, m, TRIGGER_CPU, share > options->when_cpu, now_ns, what);
    trigger->cpu_at_ns = now_ns;
    trigger->cpu_ns = cpu_ns;
}

static bool is_usual(const struct tracked_thread *thread, uint32_t node)
{
    for (int i = 0; i < USUAL_WAITS; i++)
        if (thread->usual[i] == node)
            return true;
    return false;
}

/* A place where the thread waited and that it left again is one where it usually waits. */
static void leave(struct tracked_thread *thread)
{
    if (thread->still_node != 0 && thread->still_waits && !is_usual(thread, thread->still_node))
        thread->usual[thread->n_usual++ % USUAL_WAITS] = thread->still_node;
}

void trigger_sample(struct trigger *trigger, struct measurement *m, const struct raw_sample *raw, bool idle)
{
    struct tracked_thread *thread = raw->thread;
    uint64_t limit_ns = m->options.when_stuck_ns;
    bool waits = !state_on_cpu((enum state)raw->state) && raw->state != STATE_RUNNABLE;
    char what[64];
    if (limit_ns == 0)
        return;
    if (raw->node == 0 || raw->node != thread->still_node || waits != thread->still_waits) {
        leave(thread);
        thread->still_node = raw->node;
        thread->still_waits = waits;
        thread->still_since_ns = raw->time_ns;
        thread->process->moved_ns = raw->time_ns;
        thread->still_told = false;
        return;
    }
    bool fine = raw->node == 0 || idle || raw->state == STATE_SLEEP || (waits && is_usual(thread, raw->node));
    uint64_t since_ns = thread->still_since_ns;
    if (waits && thread->process->moved_ns > since_ns) /* it may wait for one that gets on */
        since_ns = thread->process->moved_ns;
    if (fine || thread->still_told || raw->time_ns < since_ns + limit_ns)
        return;
    thread->still_told = true;
    trigger->held[TRIGGER_STUCK] = false;
    snprintf(what, sizeof what, "thread %d is stuck for %.0f s", (int)thread->tid,
             (double)(raw->time_ns - thread->still_since_ns) / 1e9);
    look(trigger, m, TRIGGER_STUCK, true, raw->time_ns, what);
}

void trigger_forget(struct trigger *trigger)
{
    trigger->cpu_at_ns = 0;
}
