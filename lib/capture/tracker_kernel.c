/*
 * Births, execs and deaths as the kernel tells them: from the software clock's records where perf is permitted, else
 * from the process connector, and from that the exit statuses. Instruction pointers go to their threads. Nothing is
 * missed here that the kernel did not lose; whether a short life was long enough to look into is another question.
 */
#include "capture/tracker_private.h"

#include <string.h>
#include <unistd.h>

static void keep_record(struct tracker *k, const struct task_record *record)
{
    if (task_log_add(&k->log, record) != 0)
        k->children_due_ns = k->alive_due_ns = 0;
}

static void take_record(void *context, const struct perf_record *record)
{
    struct tracker *k = context;
    if (record->kind == PERF_IP) {
        struct tracked_thread *thread = track_thread(&k->m->track, record->tid);
        struct ip_point point = {record->time_ns, record->ip, record->kernel};
        if (thread != NULL && !measure_is_noise(k->m, record->ip, record->kernel))
            track_add_ip(&k->m->track, thread, &point);
        return;
    }
    struct task_record task = {
        .kind = record->kind == PERF_FORK   ? TASK_FORK
                : record->kind == PERF_EXEC ? TASK_EXEC
                                            : TASK_EXIT,
        .pid = record->pid,
        .tid = record->tid,
        .parent = record->parent,
        .time_ns = record->time_ns,
        .wait_status = -1,
    };
    memcpy(task.comm, record->comm, sizeof task.comm);
    keep_record(k, &task);
}

/* The connector tells of the whole machine, where somebody may build a kernel. A child of ours that is not known yet
 * stands in the log: its parent's records came before its own. */
static bool is_of_ours(const struct tracker *k, const struct task_record *record)
{
    pid_t pid = record->kind == TASK_FORK ? record->parent : record->pid;
    if (track_process(&k->m->track, pid) != NULL)
        return true;
    for (size_t i = 0; i < k->log.n; i++)
        if (k->log.records[i].pid == pid)
            return true;
    return false;
}

/* Of the connector's events, those that perf does not tell as well; births of processes from both: perf's rings lose
 * one in a thousand. */
static void take_event(void *context, const struct task_record *record)
{
    struct tracker *k = context;
    if ((k->m->perf == NULL || (record->kind != TASK_EXEC && record->pid == record->tid)) && is_of_ours(k, record))
        keep_record(k, record);
}

/* Is the process that has this number now the one that was born at `time_ns`? */
static bool is_born_at(const struct tracker *k, uint64_t start_ticks, uint64_t time_ns)
{
    uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t ago = k->now_ns > time_ns ? (k->now_ns - time_ns) / tick_ns : 0;
    uint64_t born = proc_now_ticks() - ago;
    return start_ticks != 0 && start_ticks + SAME_TICKS >= born && start_ticks <= born + SAME_TICKS;
}

/* It begins or ends, and its process does not. */
static bool is_of_thread(const struct task_record *record)
{
    return (record->kind == TASK_FORK && record->pid == record->parent) ||
           (record->kind == TASK_EXIT && record->pid != record->tid);
}

static void take_birth(struct tracker *k, const struct task_record *record)
{
    struct track *track = &k->m->track;
    struct tracked_process *process = track_process(track, record->pid);
    if (is_of_thread(record)) {
        if (process != NULL) {
            process->list_due_ns = 0;
            process->born_ns = k->now_ns;
        }
        return;
    }
    if (k->m->options.no_children || track_process(track, record->parent) == NULL)
        return;
    if (process != NULL && (process->exited_ns == 0 || record->time_ns < process->exited_ns))
        return;            /* known already */
    if (process != NULL) { /* its number was given to another */
        tracker_end_process(k, process, process->exited_status != -1 ? process->exited_status : EXIT_STATUS_UNKNOWN);
        kernel_sockets_drop(k->m->sockets, record->pid);
    }
    if (is_born_at(k, proc_start_ticks(record->pid, NULL), record->time_ns))
        process = tracker_join(k->m, record->pid, record->parent, false, record->time_ns);
    else
        process = tracker_join_gone(k->m, record->pid, record->parent, record->time_ns);
    if (process == NULL)
        measure_lose(k->m, LOSS_PROCESS_MISSED, 1);
}

/* Behind that of its first thread: the process ends with its last one. Where that was so long before, its status was
 * its own. */
static void take_later_exit(struct tracked_process *process, const struct task_record *record)
{
    if (record->wait_status != -1 || record->time_ns - process->exited_ns > TOGETHER_NS)
        process->exited_status = record->wait_status;
    process->exited_ns = record->time_ns;
}

static void take_exit(struct tracker *k, const struct task_record *record)
{
    struct tracked_process *process = track_process(&k->m->track, record->pid);
    if (process == NULL && record->pid == record->tid)
        kernel_sockets_drop(k->m->sockets, record->pid); /* a child that was never looked into */
    if (process == NULL)
        return;
    if (record->pid == record->tid) {
        process->exited_ns = record->time_ns;
        if (record->wait_status != -1)
            process->exited_status = record->wait_status;
        k->alive_due_ns = 0;
        return;
    }
    if (process->exited_ns != 0 && record->time_ns > process->exited_ns)
        take_later_exit(process, record);
    struct tracked_thread *thread = track_thread(&k->m->track, record->tid);
    if (thread != NULL) {
        tracker_end_thread(k->m, thread, record->time_ns);
    } else if (process->python_known && process->missed == 0) {
        measure_lose(k->m, LOSS_THREAD_MISSED, 1); /* what it was is not known; it may have run Python */
    }
}

static void take_task(struct tracker *k, const struct task_record *record)
{
    struct tracked_process *process = track_process(&k->m->track, record->pid);
    bool born = record->kind == TASK_FORK && track_process(&k->m->track, record->parent) != NULL;
    if (process != NULL || born) {
        uint64_t until_ns = k->now_ns + (is_of_thread(record) ? BUSY_THREAD_NS : BUSY_NS);
        k->busy_until_ns = until_ns > k->busy_until_ns ? until_ns : k->busy_until_ns;
    }
    if (record->kind == TASK_FORK) {
        take_birth(k, record);
    } else if (record->kind == TASK_EXIT) {
        take_exit(k, record);
    } else if (process != NULL) {
        if (!process->python_known ||
            record->time_ns > process->opened_ns) /* else what was opened is the new program */
            process->exec_seen = true;
        process->exec_ns = record->time_ns;
        memcpy(process->comm, record->comm, sizeof process->comm);
    }
}

void tracker_drain(struct tracker *k)
{
    struct measurement *m = k->m;
    uint64_t lost = m->perf != NULL ? perf_clock_drain(m->perf, take_record, k) : 0;
    if (lost > 0) {
        measure_lose(m, LOSS_IP_LOST, lost);
        k->children_due_ns = 0;
    }
    if (m->events != NULL && proc_events_drain(m->events, take_event, k))
        k->children_due_ns = k->alive_due_ns = 0;
    size_t ready = task_log_ready(&k->log, k->now_ns); /* what happened since may still lie in a ring read before */
    for (size_t i = 0; i < ready; i++)
        take_task(k, &k->log.records[i]);
    task_log_drop(&k->log, ready);
}
