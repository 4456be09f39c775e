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

/* Rows of equally long stretches of time; every thread has a row. */
struct tiles {
    struct sums *sums;            /* by row and column; or, if NULL, */
    double (*cells)[STATE_COUNT]; /* the wall time alone */
    const uint32_t *row_of;       /* by thread; NULL: one row for all */
    size_t rows, columns;
    double width_ns;
};

static void take(struct tiles *tiles, size_t tile, const struct profile_samples *samples, size_t i, double part)
{
    if (tiles->sums != NULL)
        add(&tiles->sums[tile], samples, i, part);
    else
        tiles->cells[tile][samples->state[i]] += samples->wall_ns[i] * part;
}

/* Sample `i`, which begins at `from`. */
static void pour(struct tiles *tiles, size_t row, const struct profile_samples *samples, size_t i, double from)
{
    double wall = samples->wall_ns[i];
    size_t last = tiles->columns - 1, at = (size_t)fmin((double)last, fmax(0, from) / tiles->width_ns);
    if (!(wall > 0)) {
        take(tiles, row * tiles->columns + at, samples, i, 1);
        return;
    }
    for (double done = 0; done < wall; at++) {
        double end = at == last ? wall : fmin(wall, (double)(at + 1) * tiles->width_ns - from);
        if (end > done)
            take(tiles, row * tiles->columns + at, samples, i, (end - done) / wall);
        done = fmax(done, end);
    }
}

static void pour_all(const struct profile *profile, struct tiles *tiles)
{
    const struct profile_samples *samples = &profile->samples;
    double at = 0;
    for (size_t i = 0; i < samples->count; i++) {
        uint32_t thread = samples->thread[i];
        if (i == 0 || thread != samples->thread[i - 1])
            at = (double)profile->threads[thread].start_ns;
        size_t row = tiles->row_of == NULL || thread >= profile->n_threads ? 0 : tiles->row_of[thread];
        if (counts(profile, i) && row < tiles->rows)
            pour(tiles, row, samples, i, at);
        at += samples->wall_ns[i];
    }
}

int ledger_of_windows(const struct profile *profile, struct ledger_part **parts, size_t *n)
{
    double duration = (double)profile->duration_ns;
    struct tiles tiles = {.rows = 1,
                          .columns = (size_t)fmin(LEDGER_WINDOWS_MAX, fmax(1, floor(duration / window_min_ns)))};
    int rc = start(tiles.columns, &tiles.sums, parts, n);
    tiles.width_ns = duration / (double)tiles.columns;
    if (rc == 0 && duration > 0) {
        pour_all(profile, &tiles);
        for (; *n < tiles.columns; ++*n) {
            struct ledger_part *part = &(*parts)[*n];
            part->from_ns = (uint64_t)(tiles.width_ns * (double)*n);
            part->to_ns = (uint64_t)(tiles.width_ns * (double)(*n + 1));
            fill(&tiles.sums[*n], part);
        }
    }
    mem_free(tiles.sums);
    return rc;
}

int ledger_of_cells(const struct profile *profile, const uint32_t *row_of, size_t rows, size_t columns,
                    double (**cells)[STATE_COUNT])
{
    struct tiles tiles = {.row_of = row_of, .rows = rows, .columns = columns};
    tiles.width_ns = (double)profile->duration_ns / (double)columns;
    tiles.cells = mem_zalloc(rows * columns + 1, sizeof *tiles.cells);
    *cells = tiles.cells;
    if (tiles.cells == NULL)
        return ERR_NOMEM;
    if (tiles.width_ns > 0)
        pour_all(profile, &tiles);
    return 0;
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
