/*
 * The writer's part in keeping a recording short, in pauses and in copies.
 *
 * A recording that is kept short is rewritten without its oldest part when it holds a quarter more than it should, so
 * that this is seldom; to be rewritten it needs room beside itself, so under a limit it is done at three fifths of it
 * and leaves three tenths at most. Without --keep a limit ends the recording.
 */
#include "base/clock.h"
#include "capture/writer_private.h"

#include <string.h>

#define S_NS UINT64_C(1000000000)

enum {
    TABLES_BYTES_MAX = 48 * 1024 * 1024, /* of names and stacks in memory, where it is kept short */
    TRIES_MAX = 6                        /* halvings of what is kept */
};

/* What a task is known by. The sampler adds behind the entries that are looked at here. */
static void move_tasks(struct tracked_process *process, const struct recording_moved *moved)
{
    uint32_t count = process->tasks != NULL ? process->tasks->count : 0;
    for (uint32_t id = 1; id < count; id++) {
        struct task_entry *entry = task_store_entry(process->tasks, id);
        uint32_t now = entry->recorded < moved->n_tasks ? moved->tasks[entry->recorded] : 0;
        entry->recorded = now != RECORDING_GONE ? now : 0;
        entry->function = 0;
    }
}

static void move_ids(struct writer *w, const struct recording_moved *moved)
{
    for (size_t i = 0; i < w->n_threads; i++) {
        uint32_t *id = &w->threads[i]->id;
        *id = *id < moved->n_threads ? moved->threads[*id] : *id;
    }
    for (size_t i = 0; i < w->n_processes; i++) {
        struct tracked_process *process = w->processes[i];
        process->id = process->id < moved->n_processes ? moved->processes[process->id] : process->id;
        uint32_t parent = process->parent_id;
        parent = parent < moved->n_processes ? moved->processes[parent] : parent;
        process->parent_id = parent != RECORDING_GONE ? parent : 0;
        move_tasks(process, moved);
    }
    counters_moved(w->counters, moved);
    names_restart(w->names);
    operands_restart(w->operands);
}

/* parent_id is read under the lock by nobody else than this thread. */
static int trim(struct writer *w, uint64_t keep_ns, uint64_t measured_ns)
{
    struct measurement *m = w->m;
    struct recording_moved moved;
    struct err err = {0};
    int rc = recording_trim(m->recording, keep_ns, measured_ns, &moved, &err);
    if (rc != 0)
        writer_keep_failure(m, &err);
    else if (moved.n_threads > 0) {
        pthread_mutex_lock(&m->track.lock);
        move_ids(w, &moved);
        pthread_mutex_unlock(&m->track.lock);
    }
    recording_moved_release(&moved);
    return rc;
}

/* Three fifths: the rest is for the rewriting. */
static bool is_too_large(const struct measurement *m)
{
    uint64_t max_bytes = m->options.max_bytes;
    return (max_bytes != 0 && recording_bytes(m->recording) > max_bytes / 5 * 3) ||
           recording_memory(m->recording) > TABLES_BYTES_MAX;
}

/* Too many names or bytes for the time asked: less is kept. */
static void shrink(struct writer *w, uint64_t now_ns)
{
    struct measurement *m = w->m;
    for (int i = 0; i < TRIES_MAX && is_too_large(m); i++) {
        uint64_t measured_ns = stopwatch_read(&m->watch, now_ns);
        uint64_t kept_ns = recording_kept_ns(m->recording, measured_ns);
        if (kept_ns < S_NS / 50 || trim(w, kept_ns / 2, measured_ns) != 0)
            break;
    }
    if (is_too_large(m) && m->options.max_bytes != 0)
        measure_end(m, now_ns, END_MAX_SIZE);
}

static void keep_short(struct writer *w, uint64_t now_ns)
{
    struct measurement *m = w->m;
    uint64_t keep_ns = m->options.keep_ns;
    uint64_t measured_ns = stopwatch_read(&m->watch, now_ns);
    uint64_t kept_ns = recording_kept_ns(m->recording, measured_ns);
    if (kept_ns > keep_ns + (keep_ns > 4 * S_NS ? keep_ns / 4 : S_NS) && trim(w, keep_ns, measured_ns) != 0)
        return;
    if (is_too_large(m))
        shrink(w, now_ns);
}

/* What is new in memory takes less in the file. */
bool writer_must_commit(const struct writer *w)
{
    uint64_t max_bytes = w->m->options.max_bytes;
    bool bounded = max_bytes != 0 || w->m->options.keep_ns != 0;
    uint64_t most = max_bytes != 0 && max_bytes / 16 < TABLES_BYTES_MAX / 4 ? max_bytes / 16 : TABLES_BYTES_MAX / 4;
    return bounded && atomic_load(&w->m->end_ns) == 0 && recording_memory(w->m->recording) > w->memory_before + most;
}

static void keep_bounds(struct writer *w, uint64_t now_ns)
{
    struct measurement *m = w->m;
    uint64_t max_bytes = m->options.max_bytes;
    if (m->failure.code != 0 || atomic_load(&m->saving))
        return;
    if (m->options.keep_ns != 0) {
        keep_short(w, now_ns);
    } else if (max_bytes != 0) { /* what comes until the next look, and the end of the recording, must fit too */
        uint64_t bytes = recording_bytes(m->recording);
        uint64_t grown = bytes > w->bytes_before ? bytes - w->bytes_before : 0, most = max_bytes / 8;
        grown = grown < most ? grown : most; /* a recording's start is more; writer_must_commit() sees to the rest */
        if (bytes + 2 * grown > max_bytes - max_bytes / 4)
            measure_end(m, now_ns, END_MAX_SIZE);
        w->bytes_before = bytes;
    }
}

void writer_keep_bounds(struct writer *w, uint64_t now_ns)
{
    keep_bounds(w, now_ns);
    w->memory_before = recording_memory(w->m->recording);
}

void writer_keep_last(struct writer *w, uint64_t now_ns)
{
    struct measurement *m = w->m;
    uint64_t took_ns = atomic_load(&m->took_ns);
    if (m->options.keep_ns != 0 && m->failure.code == 0)
        trim(w, m->options.keep_ns, took_ns != 0 ? took_ns : stopwatch_read(&m->watch, now_ns));
}

/* ---- pauses and copies ---------------------------------------------------------------------------------------------
 */

/* Makes everything up to now durable and tells what belongs to it: another thread copies it from the file. */
static void answer_save(struct writer *w)
{
    struct gate *gate = &w->m->gate;
    uint64_t now_ns = clock_monotonic_ns(), keep_ns = w->m->options.keep_ns;
    writer_commit(w, now_ns);
    pthread_mutex_lock(&gate->lock);
    recording_trust_of(w->m->recording, keep_ns != 0 ? keep_ns : UINT64_MAX, stopwatch_read(&w->m->watch, now_ns),
                       &gate->trust);
    gate->save_wanted = false;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* While the recording is paused nothing of ours wakes up. */
static void wait_for_resume(struct writer *w)
{
    struct measurement *m = w->m;
    struct gate *gate = &m->gate;
    uint64_t from_ns = clock_monotonic_ns();
    writer_read_counters(w, from_ns);
    writer_commit(w, UINT64_MAX);
    pthread_mutex_lock(&gate->lock);
    gate->writer_rests = true;
    pthread_cond_broadcast(&gate->changed);
    while (gate->pause_asked && !atomic_load(&m->stop_writer)) {
        if (!gate->save_wanted) {
            pthread_cond_wait(&gate->changed, &gate->lock);
            continue;
        }
        pthread_mutex_unlock(&gate->lock);
        answer_save(w);
        pthread_mutex_lock(&gate->lock);
    }
    gate->writer_rests = false;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
    uint64_t now_ns = clock_monotonic_ns();
    counters_skip(w->counters);
    recording_add_gap(m->recording, stopwatch_read(&m->watch, from_ns), now_ns - from_ns);
    trigger_forget(&w->trigger);
}

void writer_rest(struct writer *w, uint64_t nap_ns)
{
    struct measurement *m = w->m;
    struct gate *gate = &m->gate;
    uint64_t until_ns = clock_monotonic_ns() + nap_ns;
    struct timespec until = {(time_t)(until_ns / S_NS), (long)(until_ns % S_NS)};
    pthread_mutex_lock(&gate->lock);
    while (!gate->save_wanted && !atomic_load(&m->stop_writer) && clock_monotonic_ns() < until_ns &&
           pthread_cond_timedwait(&gate->changed, &gate->lock, &until) == 0)
        ;
    bool save = gate->save_wanted, paused = gate->pause_asked && gate->sampler_rests;
    pthread_mutex_unlock(&gate->lock);
    if (paused)
        wait_for_resume(w);
    else if (save)
        answer_save(w);
}
