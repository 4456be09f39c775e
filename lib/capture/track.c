#include "capture/track.h"

#include "base/mem.h"
#include "capture/native_stack.h"
#include "capture/other_states.h"
#include "capture/schedule.h"
#include "data/types.h"

#include <errno.h>
#include <string.h>

enum { KEEP_NS = 1000 * 1000 * 1000 };

int track_init(struct track *track)
{
    memset(track, 0, sizeof *track);
    return pthread_mutex_init(&track->lock, NULL) == 0 ? 0 : ERR_NOMEM;
}

static void release_thread(struct tracked_thread *thread)
{
    proc_thread_close(&thread->files);
    other_states_free(thread);
    python_reader_free(thread->reader);
    thread->reader = NULL;
    mem_free(thread->frames);
    native_piece_drop(thread->native);
    native_piece_drop(thread->native_next);
    mem_free(thread->nodes);
    thread->native = thread->native_next = NULL;
    thread->frames = NULL;
    thread->nodes = NULL;
}

static void free_thread(struct tracked_thread *thread)
{
    release_thread(thread);
    mem_free(thread->ips);
    mem_free(thread);
}

static void free_process(struct tracked_process *process)
{
    python_close(process->python);
    python_close(process->side);
    stack_store_release(&process->store);
    task_store_free(process->tasks);
    greenlet_list_free(atomic_load(&process->greenlets));
    pthread_mutex_destroy(&process->interning);
    mem_free(process);
}

void track_release(struct track *track)
{
    for (size_t i = 0; i < track->n_threads; i++)
        free_thread(track->threads[i]);
    for (size_t i = 0; i < track->n_processes; i++)
        free_process(track->processes[i]);
    mem_free(track->threads);
    mem_free(track->processes);
    mem_free(track->incoming);
    mem_free(track->fresh_processes);
    mem_free(track->fresh_threads);
    pthread_mutex_destroy(&track->lock);
}

struct tracked_process *track_process(const struct track *track, pid_t pid)
{
    struct tracked_process *process = track->by_pid[(unsigned)pid % TRACK_BUCKETS];
    while (process != NULL && process->pid != pid)
        process = process->next;
    return process;
}

struct tracked_thread *track_thread(const struct track *track, pid_t tid)
{
    struct tracked_thread *thread = track->by_tid[(unsigned)tid % TRACK_BUCKETS];
    while (thread != NULL && thread->tid != tid)
        thread = thread->next;
    return thread;
}

struct tracked_process *track_add_process(struct track *track, pid_t pid, pid_t parent, uint64_t start_ticks,
                                          uint64_t start_ns)
{
    struct tracked_process *process = mem_zalloc(1, sizeof *process);
    if (process == NULL || stack_store_init(&process->store) != 0) {
        mem_free(process);
        return NULL;
    }
    pthread_mutex_init(&process->interning, NULL);
    process->pid = pid;
    process->parent_pid = parent;
    process->start_ticks = start_ticks;
    process->start_ns = start_ns;
    process->exited_status = -1;
    process->exit_status = EXIT_STATUS_RUNNING;
    process->changed = true;
    process->parent = track_process(track, parent);
    process->parent_python = process->parent != NULL && process->parent->python_known;
    pthread_mutex_lock(&track->lock);
    int rc = mem_grow(&track->processes, &track->processes_capacity, track->n_processes + 1, sizeof(void *));
    if (rc == 0)
        rc = mem_grow(&track->fresh_processes, &track->fresh_processes_capacity, track->n_fresh_processes + 1,
                      sizeof(void *));
    if (rc == 0) {
        track->processes[track->n_processes++] = process;
        track->fresh_processes[track->n_fresh_processes++] = process;
    }
    pthread_mutex_unlock(&track->lock);
    if (rc != 0) {
        mem_free(process);
        return NULL;
    }
    struct tracked_process **bucket = &track->by_pid[(unsigned)pid % TRACK_BUCKETS];
    process->next = *bucket;
    *bucket = process;
    return process;
}

void track_looked_into(struct tracked_process *process, int rc, bool maybe)
{
    if (rc != ERR_GONE) /* the next look may come too late: it takes back nothing */
        process->not_python = rc == ERR_NOT_PYTHON && !maybe;
}

bool track_may_have_been_python(const struct tracked_process *process, uint64_t end_ns)
{
    if (process->python_known || process->not_python)
        return false;
    if (process->exec_ns != 0)
        return end_ns > process->exec_ns + PYTHON_STARTS_NS;
    return process->parent_python;
}

static int publish(struct track *track, struct tracked_thread *thread)
{
    pthread_mutex_lock(&track->lock);
    int rc = mem_grow(&track->threads, &track->threads_capacity, track->n_threads + 1, sizeof(void *));
    if (rc == 0)
        rc = mem_grow(&track->incoming, &track->incoming_capacity, track->n_incoming + 1, sizeof(void *));
    if (rc == 0)
        rc =
            mem_grow(&track->fresh_threads, &track->fresh_threads_capacity, track->n_fresh_threads + 1, sizeof(void *));
    if (rc == 0) {
        track->fresh_threads[track->n_fresh_threads++] = thread;
        track->threads[track->n_threads++] = thread;
        track->incoming[track->n_incoming++] = thread;
    }
    pthread_mutex_unlock(&track->lock);
    return rc;
}

struct tracked_thread *track_add_thread(struct track *track, struct tracked_process *process, pid_t tid,
                                        const struct python_thread *state, uint64_t now_ns)
{
    struct tracked_thread *thread = mem_zalloc(1, sizeof *thread);
    if (thread == NULL)
        return NULL;
    thread->process = process;
    thread->tid = tid;
    thread->start_ns = now_ns;
    thread->changed = true;
    thread->files = (struct proc_thread){-1, -1, -1};
    thread->ran_on = -1;
    atomic_store(&thread->keeps_core, !schedule_gives_way(tid));
    if (state != NULL) {
        thread->state_address = state->address;
        thread->python_thread = *state;
        thread->reader = python_reader_new(process->python, state);
    }
    bool ready = (state == NULL || thread->reader != NULL) && proc_thread_open(&thread->files, process->pid, tid) &&
                 proc_thread_schedstat(&thread->files, &thread->first);
    if (!ready || publish(track, thread) != 0) {
        int saved = errno;
        release_thread(thread);
        mem_free(thread);
        errno = saved;
        return NULL;
    }
    struct tracked_thread **bucket = &track->by_tid[(unsigned)tid % TRACK_BUCKETS];
    thread->next = *bucket;
    *bucket = thread;
    process->live_threads++;
    return thread;
}

void track_end_process(struct track *track, struct tracked_process *process, uint64_t now_ns, int exit_status)
{
    struct tracked_process **link = &track->by_pid[(unsigned)process->pid % TRACK_BUCKETS];
    while (*link != NULL && *link != process)
        link = &(*link)->next;
    if (*link != NULL)
        *link = process->next;
    pthread_mutex_lock(&track->lock);
    process->ended = true;
    process->end_ns = now_ns;
    process->exit_status = exit_status;
    process->changed = true;
    pthread_mutex_unlock(&track->lock);
}

void track_end_thread(struct track *track, struct tracked_thread *thread, uint64_t now_ns)
{
    struct tracked_thread **link = &track->by_tid[(unsigned)thread->tid % TRACK_BUCKETS];
    while (*link != NULL && *link != thread)
        link = &(*link)->next;
    if (*link != NULL)
        *link = thread->next;
    thread->process->live_threads--;
    atomic_store(&thread->retire, true);
    pthread_mutex_lock(&track->lock);
    thread->ended = true;
    thread->end_ns = now_ns;
    thread->changed = true;
    pthread_mutex_unlock(&track->lock);
}

/* A ring of the kernel sampler may still hold a record that names the object when the writer forgets it. */
static bool is_due(const atomic_bool *forgotten, uint64_t *free_ns, uint64_t now_ns)
{
    if (!atomic_load(forgotten))
        return false;
    if (*free_ns == 0)
        *free_ns = now_ns + KEEP_NS;
    return now_ns >= *free_ns;
}

void track_reclaim(struct track *track, uint64_t now_ns)
{
    size_t left = 0;
    for (size_t i = 0; i < track->n_processes; i++) /* its threads were forgotten before: they go first */
        track->processes[i]->dying = is_due(&track->processes[i]->forgotten, &track->processes[i]->free_ns, now_ns);
    for (size_t i = 0; i < track->n_threads; i++) {
        struct tracked_thread *thread = track->threads[i];
        if (thread->files.schedstat_fd >= 0 && atomic_load(&thread->released))
            release_thread(thread);
        if (is_due(&thread->forgotten, &thread->free_ns, now_ns))
            free_thread(thread);
        else
            track->threads[left++] = thread;
    }
    track->n_threads = left;
    left = 0;
    for (size_t i = 0; i < track->n_processes; i++) {
        if (track->processes[i]->dying)
            free_process(track->processes[i]);
        else
            track->processes[left++] = track->processes[i];
    }
    track->n_processes = left;
}

void track_forget_ips(struct track *track, struct tracked_thread *thread)
{
    pthread_mutex_lock(&track->lock);
    mem_free(thread->ips);
    thread->ips = NULL;
    pthread_mutex_unlock(&track->lock);
}

void track_add_ip(struct track *track, struct tracked_thread *thread, const struct ip_point *point)
{
    if (thread->ips == NULL) {
        struct ip_history *fresh = mem_zalloc(1, sizeof *fresh);
        if (fresh == NULL)
            return;
        pthread_mutex_lock(&track->lock);
        thread->ips = fresh;
        pthread_mutex_unlock(&track->lock);
    }
    struct ip_history *history = thread->ips;
    pthread_mutex_lock(&track->lock);
    uint32_t at = history->next;
    /* rings of several cores are drained one after the other: sink the point to its place */
    for (uint32_t i = 0; i < history->count; i++) {
        uint32_t before = (at + IP_POINTS - 1) % IP_POINTS;
        if (history->points[before].time_ns <= point->time_ns)
            break;
        history->points[at] = history->points[before];
        at = before;
    }
    history->points[at] = *point;
    history->next = (history->next + 1) % IP_POINTS;
    if (history->count < IP_POINTS)
        history->count++;
    pthread_mutex_unlock(&track->lock);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

bool track_nearest_ip(struct track *track, struct tracked_thread *thread, uint64_t time_ns, uint64_t within_ns,
                      struct ip_point *point)
{
    bool found = false;
    pthread_mutex_lock(&track->lock);
    struct ip_history *history = thread->ips;
    if (history != NULL && history->count > 0) {
        uint32_t oldest = (history->next + IP_POINTS - history->count) % IP_POINTS;
        uint32_t low = 0, high = history->count; /* first point at or after time_ns */
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (history->points[(oldest + middle) % IP_POINTS].time_ns < time_ns)
                low = middle + 1;
            else
                high = middle;
        }
        for (uint32_t i = low > 0 ? low - 1 : 0; i <= low && i < history->count; i++) {
            const struct ip_point *candidate = &history->points[(oldest + i) % IP_POINTS];
            uint64_t away = distance(candidate->time_ns, time_ns);
            if (away <= within_ns && (!found || away < distance(point->time_ns, time_ns))) {
                *point = *candidate;
                found = true;
            }
        }
    }
    pthread_mutex_unlock(&track->lock);
    return found;
}
