/*
 * Elapsed time by what the program as a whole did: each thread's time is tiled by its samples, each as long as its wall
 * time (these add up to the thread's lifetime, and to the window's length in every window of about a second); the tiles
 * are poured into bins, and a bin tells how many cores' worth of work there was in it.
 */
#include "diagnose/rules.h"

#include <math.h>

enum { BINS_MAX = 2000 };
static const double bin_min_ns = 5e6;

struct bin {
    double on, io, lock, rest; /* thread-nanoseconds */
    double same;               /* of io: those of facts->io_overlap */
};

struct timeline {
    struct bin *bins;
    size_t n;
    double bin_ns;
};

static double *bin_part(struct bin *bin, enum state state)
{
    if (state_on_cpu(state) || state == STATE_RUNNABLE)
        return &bin->on;
    switch (state) {
    case STATE_IO:
        return &bin->io;
    case STATE_LOCK:
    case STATE_GIL_WAIT:
        return &bin->lock;
    case STATE_SLEEP:
    case STATE_IDLE:
        return &bin->rest;
    default:
        return NULL;
    }
}

static void pour(struct timeline *timeline, double from, double to, enum state state, bool same)
{
    double end = timeline->bin_ns * (double)timeline->n;
    from = fmax(0, from);
    to = fmin(end, to);
    if (!(from < to))
        return;
    for (size_t index = (size_t)(from / timeline->bin_ns); index < timeline->n; index++) {
        double left = fmax(from, timeline->bin_ns * (double)index);
        double right = fmin(to, timeline->bin_ns * (double)(index + 1));
        if (left >= to)
            break;
        double *part = bin_part(&timeline->bins[index], state);
        if (part != NULL && right > left)
            *part += right - left;
        if (same && right > left)
            timeline->bins[index].same += right - left;
    }
}

static void sum_bins(const struct timeline *timeline, struct facts *facts)
{
    double active = 0, serial = 0, io = 0, lock = 0, rest = 0, io_any = 0, io_all = 0;
    for (size_t i = 0; i < timeline->n; i++) {
        const struct bin *bin = &timeline->bins[i];
        double on = bin->on / timeline->bin_ns;
        double part = fmin(1, on);
        active += part;
        if (on < LIMIT_OF(ONE_CORE, USED_MAX))
            serial += part;
        double waits = bin->io / timeline->bin_ns;
        io_all += bin->same / timeline->bin_ns;
        io_any += fmin(1, bin->same / timeline->bin_ns);
        double left = 1 - part, take = fmin(left, waits);
        io += take;
        left -= take;
        take = fmin(left, bin->lock / timeline->bin_ns);
        lock += take;
        left -= take;
        rest += fmin(left, bin->rest / timeline->bin_ns);
    }
    double n = (double)timeline->n;
    facts->active = active / n;
    facts->serial = serial / n;
    facts->io = io / n;
    facts->lock = lock / n;
    facts->rest = rest / n;
    facts->other = fmax(0, 1 - facts->active - facts->io - facts->lock - facts->rest);
    facts->io_overlap = io_any > 0 ? io_all / io_any : 0;
}

/*
 * The scheduler's counters bound what was sampled: something ran or wanted to for at least as long as the busiest
 * thread did, and at most as long as all together.
 */
static void bound_active(const struct profile *profile, struct facts *facts)
{
    double most = 0, all = 0;
    for (size_t i = 1; i < profile->n_threads; i++) {
        double demand = (double)profile->threads[i].run_ns + (double)profile->threads[i].delay_ns;
        if (profile->thread_idle[i])
            continue;
        most = fmax(most, demand);
        all += demand;
    }
    double active = fmin(1, fmax(facts->active, most / facts->elapsed_ns));
    active = fmin(active, all / facts->elapsed_ns);
    double before = 1 - facts->active, after = 1 - active;
    if (facts->active > 0)
        facts->serial *= active / facts->active;
    else if (all < LIMIT_OF(ONE_CORE, USED_MAX) * facts->elapsed_ns)
        facts->serial = active;
    facts->active = active;
    if (before > 0 && after < before) {
        /* What was not seen at all goes first. */
        facts->other = fmax(0, facts->other - (before - after));
        double waits = facts->io + facts->lock + facts->rest;
        double scale = waits > 0 ? fmin(1, fmax(0, after - facts->other) / waits) : 0;
        facts->io *= scale;
        facts->lock *= scale;
        facts->rest *= scale;
    } else {
        facts->other += after - before;
    }
}

int timeline_measure(const struct profile *profile, struct facts *facts)
{
    const struct profile_samples *samples = &profile->samples;
    if (!(facts->elapsed_ns > 0))
        return 0;
    double wanted = facts->elapsed_ns / bin_min_ns;
    struct timeline timeline = {.n = wanted < 1 ? 1 : wanted > BINS_MAX ? BINS_MAX : (size_t)wanted};
    timeline.bin_ns = facts->elapsed_ns / (double)timeline.n;
    double *cursor = mem_zalloc(profile->n_threads + 1, sizeof *cursor);
    timeline.bins = mem_zalloc(timeline.n, sizeof *timeline.bins);
    int rc = ERR_NOMEM;
    if (cursor == NULL || timeline.bins == NULL)
        goto out;
    for (size_t i = 1; i < profile->n_threads; i++)
        cursor[i] = (double)profile->threads[i].start_ns - facts->start_ns;
    for (size_t i = 0; i < samples->count; i++) {
        uint32_t thread = samples->thread[i];
        if (!sample_counts(profile, i))
            continue;
        enum state one = samples->state[i];
        bool io = one == STATE_IO && waits_for_one(facts, i);
        if (one == STATE_IO && !io)
            one = STATE_IDLE;
        double from = cursor[thread], to = from + samples->wall_ns[i];
        pour(&timeline, from, to, one, io && waits_beside(facts, i));
        cursor[thread] = to;
    }
    sum_bins(&timeline, facts);
    bound_active(profile, facts);
    rc = 0;
out:
    mem_free(cursor);
    mem_free(timeline.bins);
    return rc;
}
