/*
 * The ends of what is followed: a thread's, a process's, the child's that keisoku began, with the last that can be read
 * of them and the kernel's last word. Called by the tracker thread alone, in each of its passes.
 */
#include "capture/tracker_private.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

void tracker_end_thread(struct measurement *m, struct tracked_thread *thread, uint64_t end_ns)
{
    if (m->kernel != NULL)
        kernel_sampler_unwatch(m->kernel, thread->tid);
    track_end_thread(&m->track, thread, end_ns);
    atomic_fetch_sub(&m->live_threads, 1);
}

static void end_threads(struct tracker *k, const struct tracked_process *process, uint64_t end_ns)
{
    struct track *track = &k->m->track;
    for (size_t i = 0; i < track->n_threads; i++) {
        struct tracked_thread *thread = track->threads[i];
        if (thread->process == process && !thread->ended)
            tracker_end_thread(k->m, thread, end_ns);
    }
}

/* It lives on as another program, or nobody has waited for it yet; else only what it did on sockets is still known. */
static void read_last_usage(struct tracker *k, struct tracked_process *process)
{
    struct usage last;
    if (!process->python_known)
        return;
    bool read = usage_read(process->pid, process->start_ticks, true, &last);
    if (!read)
        memset(&last, 0, sizeof last); /* another's, in part */
    if (!kernel_sockets_read(k->m->sockets, process->pid, &last) && !read)
        return;
    pthread_mutex_lock(&k->m->track.lock);
    process->usage_last = last;
    process->usage_last_known = true;
    pthread_mutex_unlock(&k->m->track.lock);
}

/* As told; but where other threads lived on behind the first one's exit, theirs have not been told yet: just now. */
static uint64_t end_of(struct tracker *k, const struct tracked_process *process)
{
    const struct tracked_thread *first = track_thread(&k->m->track, process->pid);
    uint32_t own = first != NULL && first->process == process && !first->ended ? 1 : 0;
    bool others = process->live_threads > own && k->now_ns > process->exited_ns + TOGETHER_NS;
    return process->exited_ns == 0 || others ? k->now_ns : process->exited_ns;
}

void tracker_end_process(struct tracker *k, struct tracked_process *process, int exit_status)
{
    uint64_t end_ns = end_of(k, process);
    if (process->live_threads > 0)
        end_threads(k, process, end_ns);
    if (!process->usage_last_known)
        read_last_usage(k, process);
    if (track_may_have_been_python(process, end_ns))
        measure_lose(k->m, LOSS_PROCESS_MISSED, 1);
    track_end_process(&k->m->track, process, end_ns, exit_status);
    atomic_fetch_sub(&k->m->live_processes, 1);
    if (process->python_known)
        atomic_fetch_sub(&k->m->live_pythons, 1);
}

static void tell_end(struct measurement *m)
{
    uint64_t one = 1;
    atomic_store(&m->ended, true);
    if (write(m->end_fd, &one, sizeof one) < 0)
        errno = 0; /* full: it is readable anyway */
}

static void keep_last(struct tracked_process *process, enum counter_kind kind, int64_t value)
{
    process->usage_last.values[kind] = value;
    process->usage_last.known[kind] = true;
}

/* What nobody can read any more once it has ended. The kernel's word is of its descendants too: their peak is not its
 * own, unless it was alone. And of the time before it executed the program, when it was a copy of us. */
static void keep_last_word(struct tracker *k, struct tracked_process *process, const struct rusage *last)
{
    const struct track *track = &k->m->track;
    const struct timeval *user = &last->ru_utime, *system = &last->ru_stime;
    bool alone = true;
    for (size_t i = 0; i < track->n_processes; i++)
        alone = alone && track->processes[i]->pid == process->pid;
    if (!process->usage_last_known)
        return;
    pthread_mutex_lock(&k->m->track.lock);
    if (alone && (int64_t)last->ru_maxrss * 1024 > k->m->fork_bytes)
        keep_last(process, COUNTER_PEAK_RSS, (int64_t)last->ru_maxrss * 1024);
    if (k->m->options.delay_ns == 0) /* else it is of what was before, too */
        keep_last(process, COUNTER_TREE_TIME,
                  (user->tv_sec + system->tv_sec) * 1000000000 + (user->tv_usec + system->tv_usec) * 1000);
    pthread_mutex_unlock(&k->m->track.lock);
}

void tracker_reap_child(struct tracker *k)
{
    struct measurement *m = k->m;
    int status;
    struct rusage last;
    siginfo_t info = {0};
    if (m->child == 0 || atomic_load(&m->wait_status) != -1 ||
        waitid(P_PID, (id_t)m->child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != m->child ||
        info.si_code == CLD_TRAPPED) /* stopped by our sampler */
        return;
    struct tracked_process *process = track_process(&m->track, m->child);
    if (process != NULL)
        read_last_usage(k, process);
    if (wait4(m->child, &status, 0, &last) != m->child)
        return;
    if (process != NULL) {
        keep_last_word(k, process, &last);
        tracker_end_process(k, process, status);
        kernel_sockets_drop(m->sockets, m->child);
    }
    atomic_store(&m->wait_status, status);
    tell_end(m);
}

/* Ends the process if it is gone. Its status is known while nobody has waited for it, and from the connector. */
static bool end_if_gone(struct tracker *k, struct tracked_process *process, bool wait_for_status)
{
    int status = -1;
    uint64_t start_ticks = proc_start_ticks(process->pid, NULL); /* 0: gone, or not to be told now */
    bool reused = start_ticks != process->start_ticks && start_ticks != 0;
    bool gone = process->start_ticks == 0 ? process->exited_ns != 0 : reused || proc_ended(process->pid, &status);
    if (!gone)
        return false;
    if (process->gone_ns == 0)
        process->gone_ns = k->now_ns;
    if (status == -1 || reused)
        status = process->exited_status;
    if (status == -1 && wait_for_status && k->m->events != NULL && k->now_ns - process->gone_ns < STATUS_WAIT_NS)
        return false;
    if (process->exec_seen && !process->any_thread)
        tracker_become_unseen(k, process);
    tracker_end_process(k, process, status != -1 ? status : EXIT_STATUS_UNKNOWN);
    kernel_sockets_drop(k->m->sockets, process->pid);
    return true;
}

void tracker_check_alive(struct tracker *k, bool wait_for_status)
{
    struct measurement *m = k->m;
    bool any_root = false;
    for (size_t i = 0; i < m->track.n_processes; i++) {
        struct tracked_process *process = m->track.processes[i];
        if (process->ended)
            continue;
        bool ended = process->pid != m->child && end_if_gone(k, process, wait_for_status);
        any_root = any_root || (process->root && !ended);
    }
    if (m->child == 0 && !any_root)
        tell_end(m);
}
