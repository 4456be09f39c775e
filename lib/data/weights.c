/*
 * Gives every sample of a recording its wall and CPU time (the rule is in profile.h): cuts each thread's rows into
 * windows and has weigher.c weigh them, all threads side by side, as the rows come. Per thread, wall adds up to its
 * lifetime and CPU to its run time.
 */
#include "data/profile_private.h"
#include "data/weigher.h"

#include <string.h>

enum { IDLE_RUN_NS = 1000000 }; /* a worker that ran for less had nothing to do */

/* A thread of which some rows have come and others will. */
struct live {
    struct weigher weigher; /* the first, so that its address is ours */
    struct sample_columns *columns;
    uint32_t thread;
    size_t last_on_cpu; /* entry; SIZE_MAX: none */
    uint64_t start_ns;  /* of the window */
    size_t count;
    struct chunk_row rows[WINDOW_SAMPLES]; /* of the window */
};

/* What all rows of a thread add up to. */
struct counted {
    size_t rows;         /* still to come, in the second pass */
    uint64_t run, delay; /* of those that came */
    struct live *live;
    bool timed;              /* the scheduler's counters are there: its totals say so, or a row */
    bool idled, ran, waited; /* was seen idle, on a core or wanting one, waiting for something */
};

struct weighing {
    struct profile *profile;
    struct sample_columns columns;
    struct counted *threads;
    size_t rows, each_max;
    bool begun; /* the second pass */
};

static int emit(struct weigher *weigher, const struct chunk_row *row, uint32_t ticks, double wall, double cpu)
{
    struct live *live = (struct live *)weigher;
    size_t i;
    int rc = columns_add(live->columns, live->thread, row, ticks, wall, cpu, &i);
    if (rc == 0 && ticks > 0 && state_on_cpu((enum state)row->state))
        live->last_on_cpu = i;
    return rc;
}

static bool add_cpu(struct weigher *weigher, double cpu)
{
    struct live *live = (struct live *)weigher;
    if (live->last_on_cpu == SIZE_MAX)
        return false;
    live->columns->samples->cpu_ns[live->last_on_cpu] += cpu;
    return true;
}

/* A recording of a program that goes on knows ends that lie behind its own: they are not part of it. */
static uint64_t within(const struct profile *profile, uint64_t time_ns)
{
    bool known = profile->complete && profile->duration_ns > 0;
    return known && time_ns > profile->duration_ns ? profile->duration_ns : time_ns;
}

static int begin_thread(struct weighing *weighing, uint32_t id)
{
    struct counted *counted = &weighing->threads[id];
    struct live *live = mem_alloc(sizeof *live);
    if (live == NULL)
        return ERR_NOMEM;
    live->weigher = (struct weigher){.emit = emit, .add_cpu = add_cpu};
    live->weigher.counted = counted->timed;
    live->columns = &weighing->columns;
    live->thread = id;
    live->last_on_cpu = SIZE_MAX;
    live->start_ns = within(weighing->profile, weighing->profile->threads[id].start_ns);
    live->count = 0;
    counted->live = live;
    return 0;
}

static int add_row(struct live *live, const struct chunk_row *row, bool first)
{
    if (first && chunk_row_ns(row) < live->start_ns)
        live->start_ns = chunk_row_ns(row);
    if (!weigher_holds(live->count, live->start_ns, row->time)) {
        int rc = weigher_window(&live->weigher, live->rows, live->count, live->start_ns, &live->start_ns);
        if (rc != 0)
            return rc;
        live->count = 0;
    }
    live->rows[live->count++] = *row;
    return 0;
}

static int end_thread(struct weighing *weighing, uint32_t id)
{
    const struct profile *profile = weighing->profile;
    const struct thread *thread = &profile->threads[id];
    struct counted *counted = &weighing->threads[id];
    struct live *live = counted->live;
    uint64_t last = live->count > 0 ? chunk_row_ns(&live->rows[live->count - 1]) : live->start_ns;
    struct weigher_end end = {
        .start_ns = live->start_ns,
        .end_ns = within(profile, thread->end_ns != 0 ? thread->end_ns : profile->duration_ns),
        .known_end_ns = thread->end_ns,
        .run_ns = thread->run_ns,
        .delay_ns = thread->delay_ns,
        .sampled_run_ns = counted->run * CHUNK_UNIT_NS,
        .sampled_delay_ns = counted->delay * CHUNK_UNIT_NS,
    };
    end.end_ns = end.end_ns < last ? last : end.end_ns;
    int rc = weigher_end(&live->weigher, live->rows, live->count, &end);
    mem_free(live);
    counted->live = NULL;
    return rc;
}

/* ---- the passes ---------------------------------------------------------------------------------------------------
 */

struct weighing *weighing_new(struct profile *profile, size_t each_max)
{
    struct weighing *weighing = mem_alloc(sizeof *weighing);
    if (weighing == NULL)
        return NULL;
    *weighing = (struct weighing){
        .profile = profile,
        .columns = {.samples = &profile->samples, .tasks = profile->n_tasks > 1},
        .threads = mem_zalloc(profile->n_threads, sizeof *weighing->threads),
        .each_max = each_max,
    };
    if (weighing->threads == NULL) {
        mem_free(weighing);
        return NULL;
    }
    for (size_t t = 1; t < profile->n_threads; t++)
        weighing->threads[t].timed = profile->threads[t].run_ns > 0 || profile->threads[t].delay_ns > 0;
    return weighing;
}

void weighing_free(struct weighing *weighing)
{
    if (weighing == NULL)
        return;
    for (size_t t = 1; t < weighing->profile->n_threads; t++)
        mem_free(weighing->threads[t].live);
    mem_free(weighing->threads);
    columns_release(&weighing->columns);
    mem_free(weighing);
}

void weighing_count(struct weighing *weighing, const struct chunk_group *group)
{
    weighing->rows += group->rows;
    weighing->threads[group->thread].rows += group->rows;
}

bool weighing_asks(const struct weighing *weighing, uint32_t thread)
{
    return !weighing->threads[thread].timed;
}

void weighing_look(struct weighing *weighing, const struct chunk_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].run > 0 || rows[i].delay > 0)
            weighing->threads[rows[i].thread].timed = true;
    }
}

bool weighing_sums(const struct weighing *weighing)
{
    return weighing->rows > weighing->each_max;
}

/* Idle all along: every sample says so, but for the moment that it took to begin. */
static bool was_idle(const struct weighing *weighing, uint32_t id)
{
    const struct counted *counted = &weighing->threads[id];
    uint64_t run_ns = weighing->profile->threads[id].run_ns, sampled_ns = counted->run * CHUNK_UNIT_NS;
    bool began = run_ns < IDLE_RUN_NS && sampled_ns < IDLE_RUN_NS && counted->timed;
    return counted->idled && !counted->waited && (!counted->ran || began);
}

/* Threads without rows are weighed here: idle is one that never ran. */
static int begin(struct weighing *weighing)
{
    struct profile *profile = weighing->profile;
    bool sums = weighing_sums(weighing);
    size_t expected = sums ? weighing->each_max / 4 : weighing->rows + weighing->rows / 32;
    int rc = sums ? columns_sum_alike(&weighing->columns) : 0;
    weighing->begun = true;
    profile->thread_idle = mem_zalloc(profile->n_threads, sizeof *profile->thread_idle);
    if (rc != 0 || profile->thread_idle == NULL || columns_reserve(&weighing->columns, expected + 64) != 0)
        return ERR_NOMEM;
    for (uint32_t t = 1; rc == 0 && t < profile->n_threads; t++) {
        const struct counted *counted = &weighing->threads[t];
        if (counted->rows > 0)
            continue;
        profile->thread_idle[t] = profile->threads[t].run_ns == 0;
        rc = begin_thread(weighing, t);
        rc = rc == 0 ? end_thread(weighing, t) : rc;
    }
    return rc;
}

/* The next row of its thread, which has so many. */
static int weigh_row(struct weighing *weighing, const struct chunk_row *row)
{
    struct counted *counted = &weighing->threads[row->thread];
    bool first = counted->live == NULL;
    if (counted->rows == 0)
        return ERR_CORRUPT;
    counted->run += row->run;
    counted->delay += row->delay;
    bool idle = row->state == STATE_IDLE, ran = state_on_cpu(row->state) || row->state == STATE_RUNNABLE;
    counted->idled = counted->idled || idle;
    counted->ran = counted->ran || ran;
    counted->waited = counted->waited || (!idle && !ran);
    int rc = first ? begin_thread(weighing, row->thread) : 0;
    rc = rc == 0 ? add_row(counted->live, row, first) : rc;
    if (rc != 0 || --counted->rows > 0)
        return rc;
    weighing->profile->thread_idle[row->thread] = was_idle(weighing, row->thread);
    return end_thread(weighing, row->thread);
}

int weighing_add(struct weighing *weighing, const struct chunk_row *rows, size_t count)
{
    int rc = weighing->begun ? 0 : begin(weighing);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = weigh_row(weighing, &rows[i]);
    return rc;
}

int weighing_end(struct weighing *weighing)
{
    int rc = weighing_add(weighing, NULL, 0);
    return rc == 0 ? columns_order(&weighing->columns, weighing->profile->n_threads) : rc;
}
