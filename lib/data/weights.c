/*
 * Gives every sample of a recording its wall and CPU time (the rule is in profile.h): cuts each thread's rows into
 * windows and has weigher.c weigh them. Per thread, wall adds up to its lifetime and CPU to its run time.
 */
#include "data/profile_private.h"
#include "data/weigher.h"

#include <string.h>

struct loading {
    struct weigher weigher; /* the first, so that its address is ours */
    struct profile_samples *out;
    size_t capacity;
    uint32_t thread;
    size_t last_on_cpu; /* entry; SIZE_MAX: none */
    bool tasks;         /* the recording knows some */
};

static int grow_columns(struct profile_samples *out, size_t capacity, bool tasks)
{
    struct {
        void *column; /* address of the pointer */
        size_t size;
    } columns[] = {{&out->time_ns, sizeof *out->time_ns}, {&out->thread, sizeof *out->thread},
                   {&out->stack, sizeof *out->stack},     {&out->ticks, sizeof *out->ticks},
                   {&out->wall_ns, sizeof *out->wall_ns}, {&out->cpu_ns, sizeof *out->cpu_ns},
                   {&out->state, sizeof *out->state},     {&out->marks, sizeof *out->marks},
                   {&out->reader, sizeof *out->reader},   {&out->task, sizeof *out->task}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns - !tasks; i++) {
        void *block;
        memcpy(&block, columns[i].column, sizeof block);
        block = mem_realloc(block, capacity, columns[i].size);
        if (block == NULL)
            return ERR_NOMEM;
        memcpy(columns[i].column, &block, sizeof block);
    }
    return 0;
}

/* Room for `more` entries. */
static int reserve(struct loading *loading, size_t more)
{
    size_t need = loading->out->count + more;
    if (need <= loading->capacity)
        return 0;
    size_t capacity = need + need / 4;
    int rc = grow_columns(loading->out, capacity, loading->tasks);
    if (rc == 0)
        loading->capacity = capacity;
    return rc;
}

static int emit(struct weigher *weigher, const struct chunk_row *row, uint32_t ticks, double wall, double cpu)
{
    struct loading *loading = (struct loading *)weigher;
    struct profile_samples *out = loading->out;
    if (out->count == loading->capacity && reserve(loading, 1) != 0)
        return ERR_NOMEM;
    size_t i = out->count++;
    if (ticks > 0 && state_on_cpu((enum state)row->state))
        loading->last_on_cpu = i;
    out->time_ns[i] = row->time * CHUNK_UNIT_NS;
    out->thread[i] = loading->thread;
    out->stack[i] = row->stack;
    out->ticks[i] = ticks;
    out->wall_ns[i] = wall;
    out->cpu_ns[i] = cpu;
    out->state[i] = row->state;
    out->marks[i] = row->marks;
    out->reader[i] = row->reader;
    if (loading->tasks)
        out->task[i] = row->task;
    return 0;
}

static bool add_cpu(struct weigher *weigher, double cpu)
{
    struct loading *loading = (struct loading *)weigher;
    if (loading->last_on_cpu == SIZE_MAX)
        return false;
    loading->out->cpu_ns[loading->last_on_cpu] += cpu;
    return true;
}

/* A recording of a program that goes on knows ends that lie behind its own: they are not part of it. */
static uint64_t within(const struct profile *profile, uint64_t time_ns)
{
    bool known = profile->complete && profile->duration_ns > 0;
    return known && time_ns > profile->duration_ns ? profile->duration_ns : time_ns;
}

static int weigh_thread(struct loading *loading, const struct profile *profile, const struct chunk_row *rows,
                        size_t count)
{
    const struct thread *thread = &profile->threads[loading->thread];
    struct weigher_end end = {.run_ns = thread->run_ns, .delay_ns = thread->delay_ns, .known_end_ns = thread->end_ns};
    for (size_t i = 0; i < count; i++) {
        end.sampled_run_ns += rows[i].run * CHUNK_UNIT_NS;
        end.sampled_delay_ns += rows[i].delay * CHUNK_UNIT_NS;
    }
    loading->weigher.counted =
        end.sampled_run_ns > 0 || end.sampled_delay_ns > 0 || thread->run_ns > 0 || thread->delay_ns > 0;
    uint64_t start = within(profile, thread->start_ns);
    uint64_t last = count > 0 ? rows[count - 1].time * CHUNK_UNIT_NS : start;
    end.end_ns = within(profile, thread->end_ns != 0 ? thread->end_ns : profile->duration_ns);
    end.end_ns = end.end_ns < last ? last : end.end_ns;
    if (count > 0 && rows[0].time * CHUNK_UNIT_NS < start)
        start = rows[0].time * CHUNK_UNIT_NS;
    size_t first = 0; /* of the window */
    for (size_t i = 0; i < count; i++) {
        if (weigher_holds(i - first, start, rows[i].time))
            continue;
        int rc = weigher_window(&loading->weigher, rows + first, i - first, start, &start);
        if (rc != 0)
            return rc;
        first = i;
    }
    end.start_ns = start;
    return weigher_end(&loading->weigher, rows + first, count - first, &end);
}

/* Idle all along: every sample says so; or it was never seen and never ran. */
static bool is_idle(const struct thread *thread, const struct chunk_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].state != STATE_IDLE)
            return false;
    }
    return count > 0 || thread->run_ns == 0;
}

int weigh_samples(struct profile *profile, const struct raw_samples *raw)
{
    struct loading loading = {.out = &profile->samples, .tasks = profile->n_tasks > 1};
    profile->thread_idle = mem_zalloc(profile->n_threads, sizeof *profile->thread_idle);
    if (profile->thread_idle == NULL || reserve(&loading, raw->count + raw->count / 32 + 64) != 0)
        return ERR_NOMEM;
    for (size_t t = 1; t < profile->n_threads; t++) {
        const struct chunk_row *rows = raw->rows + raw->starts[t];
        size_t count = raw->starts[t + 1] - raw->starts[t];
        profile->thread_idle[t] = is_idle(&profile->threads[t], rows, count);
        loading.weigher = (struct weigher){.emit = emit, .add_cpu = add_cpu};
        loading.thread = (uint32_t)t;
        loading.last_on_cpu = SIZE_MAX;
        int rc = weigh_thread(&loading, profile, rows, count);
        if (rc != 0)
            return rc;
    }
    return 0;
}
