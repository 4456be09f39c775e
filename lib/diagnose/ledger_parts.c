/* See ledger_parts.h. A thread's samples, each as long as its wall time, cover its life without a gap: the stretches of
 * time get what lies in them. */
#include "diagnose/ledger_parts.h"
#include "diagnose/ledger.h"

#include <math.h>
#include <string.h>

static const double window_min_ns = 1e9;

struct sums {
    double ns[STATE_COUNT], cpu_ns[STATE_COUNT], ticks[STATE_COUNT];
};

static void add(struct sums *sums, const struct profile_samples *samples, size_t i, double part)
{
    uint8_t state = samples->state[i];
    sums->ns[state] += samples->wall_ns[i] * part;
    sums->cpu_ns[state] += samples->cpu_ns[i] * part;
    sums->ticks[state] += samples->ticks[i] * part;
}

static void fill(const struct sums *sums, struct ledger_part *part)
{
    ledger_fill(sums->ns, sums->ticks, part->wall);
    ledger_fill(sums->cpu_ns, sums->ticks, part->cpu);
    for (int state = 0; state < STATE_COUNT; state++) {
        part->wall_ns += sums->ns[state];
        part->cpu_ns += sums->cpu_ns[state];
    }
}

static bool counts(const struct profile *profile, size_t i)
{
    uint32_t thread = profile->samples.thread[i];
    return thread != 0 && thread < profile->n_threads && profile->samples.state[i] < STATE_COUNT &&
           !profile->thread_idle[thread];
}

static int start(size_t room, struct sums **sums, struct ledger_part **parts, size_t *n)
{
    *n = 0;
    *sums = mem_zalloc(room + 1, sizeof **sums);
    *parts = mem_zalloc(room + 1, sizeof **parts);
    if (*sums != NULL && *parts != NULL)
        return 0;
    mem_free(*sums);
    mem_free(*parts);
    *sums = NULL;
    *parts = NULL;
    return ERR_NOMEM;
}

int ledger_of_processes(const struct profile *profile, struct ledger_part **parts, size_t *n)
{
    struct sums *sums;
    int rc = start(profile->n_processes, &sums, parts, n);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < profile->samples.count; i++) {
        if (counts(profile, i))
            add(&sums[profile->threads[profile->samples.thread[i]].process], &profile->samples, i, 1);
    }
    for (size_t i = 1; i < profile->n_processes; i++) {
        struct ledger_part *part = &(*parts)[*n];
        *part = (struct ledger_part){.process = (uint32_t)i};
        fill(&sums[i], part);
        *n += part->wall_ns > 0;
    }
    mem_free(sums);
    return 0;
}

/* The tile of sample `i` that begins at `from`. */
static void pour(struct sums *sums, size_t n, double window_ns, const struct profile_samples *samples, size_t i,
                 double from)
{
    double wall = samples->wall_ns[i];
    size_t last = n - 1, at = (size_t)fmin((double)last, fmax(0, from) / window_ns);
    if (!(wall > 0)) {
        add(&sums[at], samples, i, 1);
        return;
    }
    for (double done = 0; done < wall; at++) {
        double end = at == last ? wall : fmin(wall, (double)(at + 1) * window_ns - from);
        if (end > done)
            add(&sums[at], samples, i, (end - done) / wall);
        done = fmax(done, end);
    }
}

int ledger_of_windows(const struct profile *profile, struct ledger_part **parts, size_t *n)
{
    double duration = (double)profile->duration_ns, at = 0;
    size_t windows = (size_t)fmin(LEDGER_WINDOWS_MAX, fmax(1, floor(duration / window_min_ns)));
    const struct profile_samples *samples = &profile->samples;
    struct sums *sums;
    int rc = start(windows, &sums, parts, n);
    if (rc != 0 || !(duration > 0)) {
        mem_free(sums);
        return rc;
    }
    for (size_t i = 0; i < samples->count; i++) {
        if (i == 0 || samples->thread[i] != samples->thread[i - 1])
            at = (double)profile->threads[samples->thread[i]].start_ns;
        if (counts(profile, i))
            pour(sums, windows, duration / (double)windows, samples, i, at);
        at += samples->wall_ns[i];
    }
    for (; *n < windows; ++*n) {
        struct ledger_part *part = &(*parts)[*n];
        part->from_ns = (uint64_t)(duration / (double)windows * (double)*n);
        part->to_ns = (uint64_t)(duration / (double)windows * (double)(*n + 1));
        fill(&sums[*n], part);
    }
    mem_free(sums);
    return 0;
}

int ledger_of_cells(const struct profile *profile, const uint32_t *row_of, size_t rows, size_t columns,
                    double (**cells)[STATE_COUNT])
{
    const struct profile_samples *samples = &profile->samples;
    double width = (double)profile->duration_ns / (double)columns, at = 0;
    struct sums *sums = mem_zalloc(rows * columns + 1, sizeof *sums);
    *cells = mem_zalloc(rows * columns + 1, sizeof **cells);
    int rc = ERR_NOMEM;
    if (sums == NULL || *cells == NULL)
        goto out;
    for (size_t i = 0; i < samples->count && width > 0; i++) {
        if (i == 0 || samples->thread[i] != samples->thread[i - 1])
            at = (double)profile->threads[samples->thread[i]].start_ns;
        if (counts(profile, i) && row_of[samples->thread[i]] < rows)
            pour(&sums[row_of[samples->thread[i]] * columns], columns, width, samples, i, at);
        at += samples->wall_ns[i];
    }
    for (size_t i = 0; i < rows * columns; i++)
        memcpy((*cells)[i], sums[i].ns, sizeof sums[i].ns);
    rc = 0;
out:
    mem_free(sums);
    if (rc != 0) {
        mem_free(*cells);
        *cells = NULL;
    }
    return rc;
}

void ledger_of_own(const double state_ns[STATE_COUNT], const uint64_t state_ticks[STATE_COUNT],
                   struct share states[STATE_COUNT])
{
    double ticks[STATE_COUNT];
    for (int i = 0; i < STATE_COUNT; i++)
        ticks[i] = (double)state_ticks[i];
    ledger_fill(state_ns, ticks, states);
}

struct share ledger_own_share(const struct aggregate *aggregate, const double state_ns[STATE_COUNT])
{
    double ticks[STATE_COUNT], on = 0, off = 0;
    for (int i = 0; i < STATE_COUNT; i++) {
        ticks[i] = (double)aggregate->state_ticks[i];
        if (state_on_cpu((enum state)i))
            on += state_ns[i];
        else if (i != STATE_RUNNABLE)
            off += state_ns[i];
    }
    struct strata strata = strata_of(aggregate->state_wall_ns, ticks);
    return share_of(&strata, on, off, state_ns[STATE_RUNNABLE]);
}
