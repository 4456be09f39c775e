/* The threads of one process: listed, met, named, missed. Part of the tracker thread. */
#include "base/clock.h"
#include "capture/doctor.h"
#include "capture/other_states.h"
#include "capture/schedule.h"
#include "capture/tracker_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void read_name(struct tracker *k, struct tracked_thread *thread)
{
    if (thread->name_tries >= NAME_TRIES_MAX || k->now_ns < thread->name_due_ns)
        return;
    char name[sizeof thread->name];
    bool known = thread->state_address != 0 &&
                 python_thread_name(thread->process->side, &thread->python_thread, name, sizeof name);
    thread->name_tries++;
    thread->name_due_ns = k->now_ns + ((uint64_t)LIST_NS << thread->name_tries);
    if (!known && thread->name_tries >= 3 && thread->state_address == 0) {
        char comm[16];
        known = proc_comm(thread->process->pid, thread->tid, comm);
        snprintf(name, sizeof name, "%s", known ? comm : "");
    }
    if (!known && thread->tid == thread->process->pid && thread->state_address != 0) {
        known = true; /* a program that never imported threading */
        snprintf(name, sizeof name, "MainThread");
    }
    if (!known)
        return;
    pthread_mutex_lock(&k->m->track.lock);
    if (strcmp(thread->name, name) != 0) {
        snprintf(thread->name, sizeof thread->name, "%s", name);
        thread->changed = true;
    }
    pthread_mutex_unlock(&k->m->track.lock);
}

/* The thread state of a thread. Up to 3.11 a new one bears its creator's tid until its own thread runs: the one known
 * already counts, else the oldest, which is the last of the list. */
static const struct python_thread *state_of(const struct tracker *k, int n_states, pid_t tid, uint64_t known)
{
    const struct python_thread *found = NULL;
    for (int i = 0; i < n_states; i++) {
        if (k->states[i].tid == tid && (found == NULL || found->address != known))
            found = &k->states[i];
    }
    return found;
}

bool tracker_is_older(pid_t tid, uint64_t age_ns)
{
    uint64_t ticks = proc_start_ticks(tid, NULL), now = proc_now_ticks();
    return ticks != 0 && now > ticks && (now - ticks) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK)) > age_ns;
}

static bool out_of_descriptors(void)
{
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
}

/* Those of the thread beside the one that it is read by. */
static void tell_other_states(const struct tracker *k, int n_states, struct tracked_thread *thread)
{
    struct python_thread others[OTHER_STATES_MAX];
    size_t n = 0;
    for (int i = 0; i < n_states && n < OTHER_STATES_MAX; i++) {
        if (k->states[i].tid == thread->tid && k->states[i].address != thread->state_address)
            others[n++] = k->states[i];
    }
    other_states_set(thread, others, n);
}

/* Lets the kernel sampler read it. */
static void watch(struct measurement *m, struct kernel_sampler *kernel, struct tracked_thread *thread)
{
    struct wire_thread wire = {.owner = (uintptr_t)thread, .process = (uint32_t)thread->process->pid};
    if (kernel == NULL)
        return;
    if (atomic_load(&thread->process->asyncio_known))
        python_tasks_wire(thread->process->side, &thread->process->asyncio, thread->python_thread.interpreter,
                          &wire.tasks);
    if ((thread->reader != NULL && !python_reader_wire(thread->reader, &wire)) ||
        !kernel_sampler_watch(kernel, thread->tid, &wire))
        measure_lose(m, LOSS_THREAD_MISSED, 1);
    struct proc_stat stat;
    if (proc_thread_stat(&thread->files, &stat))
        kernel_sampler_want_core(kernel, stat.processor);
}

void tracker_tell_tasks(struct tracker *k, const struct tracked_process *process)
{
    for (size_t i = 0; i < k->m->track.n_threads; i++) {
        struct tracked_thread *thread = k->m->track.threads[i];
        if (thread->process == process && !thread->ended)
            watch(k->m, k->m->kernel, thread);
    }
}

/* Which of several interpreters a thread runs is told by the reader from the core alone. */
static bool needs_core(const struct track *track)
{
    for (size_t i = 0; i < track->n_threads; i++) {
        const struct tracked_thread *thread = track->threads[i];
        if (!thread->ended && thread->process->several)
            return true;
    }
    return false;
}

/* Processes that are there count from now on, later ones from their birth. */
static void take_sockets(struct measurement *m)
{
    struct kernel_sockets *sockets = kernel_start_take_sockets(m->kernel_start);
    if (sockets == NULL)
        return;
    for (size_t i = 0; i < m->track.n_processes; i++) {
        if (!m->track.processes[i]->ended)
            kernel_sockets_watch(sockets, m->track.processes[i]->pid);
    }
    m->sockets = sockets;
}

void tracker_choose_reader(struct tracker *k)
{
    struct measurement *m = k->m;
    take_sockets(m);
    struct kernel_sampler *loaded = kernel_start_take(m->kernel_start);
    if (loaded != NULL)
        m->kernel_loaded = loaded;
    bool used = m->kernel_loaded != NULL && m->kernel != NULL;
    if ((loaded == NULL && !used) || needs_core(&m->track) != used)
        return;
    for (size_t i = 0; i < m->track.n_threads; i++) {
        if (!m->track.threads[i]->ended && !used)
            watch(m, m->kernel_loaded, m->track.threads[i]);
    }
    m->kernel = used ? NULL : m->kernel_loaded; /* the sampler thread goes over */
    if (m->perf != NULL)
        perf_clock_give_pointers(m->perf, used);
}

/* A program may change that at any time. Where it has, our sampler may be waiting for the core. */
static void tell_class(struct tracker *k, struct tracked_thread *thread)
{
    bool keeps = !schedule_gives_way(thread->tid);
    atomic_store(&thread->keeps_core, keeps);
    if (!keeps)
        return;
    atomic_store(&k->m->real_time, true);
    if (kernel_start_awaited(k->m->kernel_start) || k->m->kernel != NULL)
        sampler_leave_core(k->m);
}

static void meet_thread(struct tracker *k, struct tracked_process *process, pid_t tid, int n_states)
{
    struct track *track = &k->m->track;
    struct tracked_thread *thread = track_thread(track, tid);
    const struct python_thread *state = state_of(k, n_states, tid, thread != NULL ? thread->state_address : 0);
    if (thread != NULL && state != NULL && thread->state_address != state->address) {
        tracker_end_thread(k->m, thread, k->now_ns); /* the same thread, another thread state */
        thread = NULL;
    }
    errno = 0;
    /* which are native is not to be told without a list */
    if (thread == NULL && (state != NULL || (n_states >= 0 && tracker_is_older(tid, NATIVE_AGE_NS)))) {
        thread = track_add_thread(track, process, tid, state, k->now_ns);
        if (thread != NULL) {
            atomic_fetch_add(&k->m->live_threads, 1);
            watch(k->m, k->m->kernel, thread);
            process->any_thread = true;
        } else if (out_of_descriptors()) {
            if (errno != ENOMEM)
                atomic_store(&k->m->no_descriptors, true);
            k->missed++;
        }
    }
    if (thread != NULL) {
        thread->seen = true;
        tell_class(k, thread);
        if (state != NULL && process->several)
            tell_other_states(k, n_states, thread);
        read_name(k, thread);
    }
}

/* Threads that could not be followed count once. */
static void miss_threads(struct tracker *k, struct tracked_process *process, uint32_t missed)
{
    if (missed > process->missed)
        measure_lose(k->m, LOSS_THREAD_MISSED, missed - process->missed);
    process->missed = missed;
}

/* The birth of a thread is told before it has its state, which comes with its first steps: the next list is soon. */
static void look_again_soon(struct tracker *k, struct tracked_process *process, int n_tids, uint64_t cost_ns)
{
    uint64_t age_ns = k->now_ns - process->born_ns, least_ns = SOON_COSTS * cost_ns;
    least_ns = least_ns > STATE_FIRST_NS ? least_ns : STATE_FIRST_NS;
    process->soon_ns = 0;
    if (process->born_ns == 0 || age_ns > STATE_LATE_NS)
        return;
    for (int i = 0; i < n_tids && process->soon_ns == 0; i++)
        if (track_thread(&k->m->track, k->tids[i]) == NULL)
            process->soon_ns = k->now_ns + (age_ns > least_ns ? age_ns : least_ns);
    if (process->soon_ns != 0 && process->soon_ns < process->list_due_ns)
        process->list_due_ns = process->soon_ns;
}

uint64_t tracker_later(uint64_t interval_ns, uint64_t cost_ns, unsigned costs)
{
    return interval_ns > costs * cost_ns ? interval_ns : costs * cost_ns;
}

/* A first thread that has ended stays listed until the others have, too. What is left of their number. */
static int leave_out_ended(struct tracker *k, const struct tracked_process *process, int n_tids)
{
    for (int i = 0; i < n_tids && n_tids > 1; i++) {
        if (k->tids[i] != process->pid)
            continue;
        if (proc_thread_ended(process->pid, process->pid))
            k->tids[i] = k->tids[--n_tids];
        break;
    }
    return n_tids;
}

void tracker_tell_refusal(struct tracker *k, const struct tracked_process *process)
{
    struct measurement *m = k->m;
    struct err refusal;
    if (m->refusal.code != 0 ||
        doctor_refusal(process->pid, m->child != 0 ? "run" : "attach", &refusal) != ERR_PERMISSION)
        return;
    pthread_mutex_lock(&m->track.lock);
    m->refusal = refusal;
    m->refused_ns = k->now_ns;
    pthread_mutex_unlock(&m->track.lock);
}

void tracker_list_threads(struct tracker *k, struct tracked_process *process)
{
    struct track *track = &k->m->track;
    uint64_t start_ns = clock_thread_cpu_ns();
    errno = 0;
    int n_tids = proc_threads(process->pid, &k->tids, &k->tids_capacity);
    if (n_tids < 0) {
        miss_threads(k, process, out_of_descriptors() ? process->missed + 1 : process->missed);
        process->list_due_ns = k->now_ns + LIST_SLOW_NS;
        return;
    }
    n_tids = leave_out_ended(k, process, n_tids);
    int n_states = python_threads(process->side, &k->states, &k->states_capacity);
    uint64_t cost_ns = clock_thread_cpu_ns() - start_ns;
    for (int i = 1; i < n_states && !process->several; i++) /* their states come and go with each call into them */
        process->several = k->states[i].interpreter != k->states[0].interpreter;
    bool told = k->m->perf != NULL && !process->several, slow = told && k->now_ns > k->busy_until_ns;
    process->list_due_ns = k->now_ns + tracker_later(slow ? LIST_SLOW_NS : LIST_NS, cost_ns, told ? COSTS_TOLD : COSTS);
    process->list_failures = n_states < 0 ? process->list_failures + 1 : 0;
    if (process->list_failures == REFUSALS_TOLD && n_states == ERR_PERMISSION)
        tracker_tell_refusal(k, process);
    /* Changed under us each time, or its memory was replaced. A refusal says neither: after PR_SET_DUMPABLE it is the
     * same program, after an exec of one with more rights (set-user-ID) another, which its name tells (tracker.c). */
    if (process->list_failures >= LIST_FAILURES_MAX && n_states != ERR_PERMISSION)
        process->exec_seen = true;
    k->missed = 0;
    for (int i = 0; i < n_tids; i++)
        meet_thread(k, process, k->tids[i], n_states);
    miss_threads(k, process, k->missed);
    look_again_soon(k, process, n_tids, cost_ns);
    if (process->live_threads == 0)
        return;
    for (size_t i = 0; i < track->n_threads; i++) {
        struct tracked_thread *thread = track->threads[i];
        if (thread->process != process || thread->ended)
            continue;
        if (thread->seen)
            thread->unseen_ns = 0;
        else if (thread->unseen_ns == 0)
            thread->unseen_ns = k->now_ns;
        /* the kernel's record of its end comes in a moment and says when it was */
        if (!thread->seen && (k->m->perf == NULL || k->now_ns - thread->unseen_ns > SETTLED_NS)) {
            tracker_end_thread(k->m, thread, thread->unseen_ns);
        }
        thread->seen = false;
    }
}
