/* The writer's copies of the tables of processes and threads: new ones and what changed in known ones are written, and
 * what has ended is given back. */
#include "base/mem.h"
#include "capture/modules.h"
#include "capture/writer_private.h"

#include <stdio.h>
#include <string.h>

/* 0 would mean that it is still there. */
static uint64_t end_of(struct measurement *m, uint64_t time_ns)
{
    uint64_t end_ns = stopwatch_read(&m->watch, time_ns);
    return end_ns > 0 ? end_ns : 1;
}

uint32_t writer_add_text(struct measurement *m, const char *text)
{
    return text[0] != '\0' ? recording_add_string(m->recording, text, strlen(text)) : 0;
}

static void note_version(struct measurement *m, const struct tracked_process *process)
{
    char text[256];
    snprintf(text, sizeof text,
             "Python %s is newer than this keisoku knows: it is read by its own table of offsets, and every frame was "
             "checked; a newer keisoku may know more of it",
             process->info.version);
    recording_add_note(m->recording, text);
}

static void write_process(struct writer *w, struct tracked_process *process)
{
    struct measurement *m = w->m;
    pthread_mutex_lock(&m->track.lock); /* the recording may wait for a disk: never with the lock held */
    struct process record = {
        .pid = process->pid,
        .start_ns = stopwatch_read(&m->watch, process->start_ns),
        .end_ns = process->ended ? end_of(m, process->end_ns) : 0,
        .exit_status = process->exit_status,
    };
    if (process->parent != NULL) /* it was written before, and is there until the writer forgets it */
        process->parent_id = process->parent->id;
    process->parent = NULL;
    record.parent = process->parent_id;
    bool known = process->python_known;
    size_t size = process->command_size;
    memcpy(w->command, process->command, sizeof w->command);
    memcpy(w->executable, process->executable, sizeof w->executable);
    pthread_mutex_unlock(&m->track.lock);
    while (size > 0 && w->command[size - 1] == '\0')
        size--;
    if (m->options.redact_args)
        size = strnlen(w->command, size);
    record.command = size > 0 ? recording_add_string(m->recording, w->command, size) : 0;
    record.executable = writer_add_text(m, w->executable);
    record.python = known ? writer_add_text(m, process->info.version) : 0;
    if (process->id == 0)
        process->id = recording_add_process(m->recording, &record);
    else
        recording_set_process(m->recording, process->id, &record);
    if (known && process->info.unknown_version && !w->version_noted) {
        note_version(m, process);
        w->version_noted = true;
    }
}

static void write_thread(struct writer *w, struct tracked_thread *thread)
{
    struct measurement *m = w->m;
    char name[sizeof thread->name];
    pthread_mutex_lock(&m->track.lock);
    struct thread record = {
        .process = thread->process->id,
        .tid = thread->tid,
        .start_ns = stopwatch_read(&m->watch, thread->start_ns),
        .end_ns = thread->ended ? end_of(m, thread->end_ns) : 0,
        .run_ns = thread->run_total_ns,
        .delay_ns = thread->delay_total_ns,
    };
    memcpy(name, thread->name, sizeof name);
    pthread_mutex_unlock(&m->track.lock);
    record.name = writer_add_text(m, name);
    if (thread->id == 0)
        thread->id = recording_add_thread(m->recording, &record);
    else
        recording_set_thread(m->recording, thread->id, &record);
}

/* Takes over new objects and what changed in known ones: marks them `due`. */
static int copy_tables(struct writer *w)
{
    struct track *track = &w->m->track;
    if (mem_grow(&w->processes, &w->processes_capacity, w->n_processes + track->n_fresh_processes, sizeof(void *)) !=
            0 ||
        mem_grow(&w->threads, &w->threads_capacity, w->n_threads + track->n_fresh_threads, sizeof(void *)) != 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < track->n_fresh_processes; i++)
        w->processes[w->n_processes++] = track->fresh_processes[i];
    for (size_t i = 0; i < track->n_fresh_threads; i++) {
        w->threads[w->n_threads++] = track->fresh_threads[i];
        track->fresh_threads[i]->process->held_threads++;
    }
    track->n_fresh_processes = track->n_fresh_threads = 0;
    for (size_t i = 0; i < w->n_processes; i++) {
        w->processes[i]->due = w->processes[i]->changed;
        w->processes[i]->over = w->processes[i]->ended;
        w->processes[i]->changed = false;
    }
    for (size_t i = 0; i < w->n_threads; i++) {
        w->threads[i]->due = w->threads[i]->changed;
        w->threads[i]->over = w->threads[i]->ended;
        w->threads[i]->changed = false;
    }
    return 0;
}

/* What the tracker read when the process ended. */
static void write_last_usage(struct writer *w, struct tracked_process *process)
{
    pthread_mutex_lock(&w->m->track.lock);
    bool known = process->usage_last_known && process->python_known;
    struct usage usage = process->usage_last;
    uint64_t end_ns = process->end_ns;
    pthread_mutex_unlock(&w->m->track.lock);
    if (!known || process->usage_written || end_ns < w->m->start_ns)
        return;
    process->usage_written = true;
    counters_add_process(w->counters, process, w->threads, w->n_threads, &usage, end_ns);
}

bool writer_write_tables(struct writer *w, bool all)
{
    pthread_mutex_lock(&w->m->track.lock);
    int rc = copy_tables(w);
    pthread_mutex_unlock(&w->m->track.lock);
    for (size_t i = 0; rc == 0 && i < w->n_processes; i++) {
        if (!w->processes[i]->due && !all)
            continue;
        write_process(w, w->processes[i]);
        write_last_usage(w, w->processes[i]);
    }
    for (size_t i = 0; rc == 0 && i < w->n_threads; i++) {
        if (w->threads[i]->due || all)
            write_thread(w, w->threads[i]);
    }
    return rc == 0;
}

void writer_write_totals(struct writer *w)
{
    for (size_t i = 0; i < w->n_threads; i++) {
        struct tracked_thread *thread = w->threads[i];
        if (thread->id == 0 || thread->run_written_ns == thread->run_total_ns)
            continue;
        thread->run_written_ns = thread->run_total_ns;
        write_thread(w, thread);
    }
}

/* The sampler let go of it, and what it had queued before that is written. */
static bool is_drained(struct writer *w, struct tracked_thread *thread)
{
    struct sample_queue *queue = &w->m->queue;
    if (!thread->over || !atomic_load_explicit(&thread->released, memory_order_acquire))
        return false;
    if (thread->drained_at == 0)
        thread->drained_at = atomic_load_explicit(&queue->head, memory_order_acquire) + 1;
    return atomic_load_explicit(&queue->tail, memory_order_relaxed) + 1 >= thread->drained_at;
}

static void forget_thread(struct writer *w, struct tracked_thread *thread)
{
    if (thread->run_written_ns != thread->run_total_ns)
        write_thread(w, thread);
    counters_take_told(thread);
    thread->process->ended_switches[0] += thread->switches[0];
    thread->process->ended_switches[1] += thread->switches[1];
    thread->process->held_threads--;
    atomic_store(&thread->forgotten, true); /* from here on the tracker's */
}

void writer_forget_ended(struct writer *w)
{
    size_t left = 0;
    for (size_t i = 0; i < w->n_threads; i++) {
        if (is_drained(w, w->threads[i]))
            forget_thread(w, w->threads[i]);
        else
            w->threads[left++] = w->threads[i];
    }
    w->n_threads = left;
    left = 0;
    for (size_t i = 0; i < w->n_processes; i++) {
        struct tracked_process *process = w->processes[i];
        if (process->over && process->held_threads == 0 && !process->root) {
            names_forget(&process->store, 0);
            names_forget(&process->store, 1);
            module_map_free(process->modules);
            process->modules = NULL;
            atomic_store(&process->forgotten, true);
        } else {
            w->processes[left++] = process;
        }
    }
    w->n_processes = left;
}
