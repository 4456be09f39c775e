/*
 * The tracker thread: finds the target's processes and threads while they live, and sees them end. Births, execs and
 * deaths come from the kernel's records where perf is permitted; listings of /proc every few milliseconds find what
 * those do not tell (and everything, where they are not permitted). It looks into a process for an interpreter until
 * one is there or the process is old enough to have none.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/doctor.h"
#include "capture/schedule.h"
#include "capture/tracker_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- processes -----------------------------------------------------------------------------------------------------
 */

static void describe(struct tracked_process *process)
{
    process->command_size = 0;
    ssize_t size = proc_cmdline(process->pid, process->command, sizeof process->command);
    if (size > 0)
        process->command_size = (size_t)size;
    if (!proc_exe(process->pid, process->executable, sizeof process->executable))
        process->executable[0] = '\0';
    proc_comm(process->pid, process->pid, process->comm);
    if (process->directory[0] == '\0' && !proc_directory(process->pid, process->directory, sizeof process->directory))
        process->directory[0] = '\0';
}

/* A child that did not exec yet. Its parent is there. */
static void describe_as_parent(struct tracked_process *process)
{
    if (process->parent == NULL)
        return;
    process->command_size = process->parent->command_size;
    memcpy(process->command, process->parent->command, sizeof process->command);
    memcpy(process->executable, process->parent->executable, sizeof process->executable);
    memcpy(process->directory, process->parent->directory, sizeof process->directory);
}

/* One that was seen to exec and can be asked no more. */
static void describe_by_comm(struct tracked_process *process)
{
    process->command_size = strlen(process->comm);
    memcpy(process->command, process->comm, process->command_size);
    process->executable[0] = '\0';
}

struct tracked_process *tracker_join(struct measurement *m, pid_t pid, pid_t parent, bool root, uint64_t start_ns)
{
    pid_t real_parent = 0;
    uint64_t start_ticks = proc_start_ticks(pid, &real_parent);
    if (start_ticks == 0)
        return NULL;
    struct tracked_process *known = track_process(&m->track, pid);
    if (known != NULL)
        return known;
    uint64_t now_ns = clock_monotonic_ns();
    struct tracked_process *process = track_add_process(&m->track, pid, parent != 0 ? parent : real_parent, start_ticks,
                                                        start_ns != 0 ? start_ns : now_ns);
    if (process == NULL)
        return NULL;
    kernel_sockets_watch(m->sockets, pid);
    process->root = root;
    process->counted_from_birth = start_ticks >= m->start_ticks || (pid == m->child && m->options.delay_ns == 0);
    process->open_retry_ns = root ? now_ns : now_ns + OPEN_FIRST_NS;
    pthread_mutex_lock(&m->track.lock);
    describe(process);
    if (process->command_size == 0)
        describe_as_parent(process);
    process->changed = true;
    pthread_mutex_unlock(&m->track.lock);
    atomic_fetch_add(&m->live_processes, 1);
    return process;
}

struct tracked_process *tracker_join_gone(struct measurement *m, pid_t pid, pid_t parent, uint64_t start_ns)
{
    struct tracked_process *process = track_add_process(&m->track, pid, parent, 0, start_ns);
    if (process == NULL)
        return NULL;
    pthread_mutex_lock(&m->track.lock);
    describe_as_parent(process);
    pthread_mutex_unlock(&m->track.lock);
    atomic_fetch_add(&m->live_processes, 1);
    return process;
}

/* A child that was seen between fork and exec looked like its parent; nothing was measured in it yet. */
static void forget_python(struct tracker *k, struct tracked_process *process)
{
    struct measurement *m = k->m;
    python_close(process->python);
    python_close(process->side);
    pthread_mutex_lock(&m->track.lock);
    process->python = process->side = NULL;
    process->python_known = false;
    pthread_mutex_unlock(&m->track.lock);
    atomic_fetch_sub(&m->live_pythons, 1);
    atomic_fetch_sub(&m->pythons_seen, 1);
}

/* The next program of one process: its parent is the same, its counters begin where those of this one ended. */
static void go_on_as(struct tracker *k, const struct tracked_process *process, struct tracked_process *next)
{
    pthread_mutex_lock(&k->m->track.lock);
    next->parent = process->parent;
    next->parent_id = process->parent_id;
    pthread_mutex_unlock(&k->m->track.lock);
    next->exec_ns = process->exec_ns;
    next->counted_from_birth = process->counted_from_birth && process->usage_last.known[COUNTER_USER_TIME];
    next->usage_before = process->usage_last;
}

/* The process runs another program now. What was Python before, and was measured, stays in the recording as a process
 * of its own. */
static void replace_program(struct tracker *k, struct tracked_process *process)
{
    process->exec_seen = process->not_python = false;
    if (process->python_known && process->any_thread) {
        pid_t pid = process->pid, parent = process->parent_pid;
        bool root = process->root;
        tracker_end_process(k, process, EXIT_STATUS_UNKNOWN);
        struct tracked_process *next = tracker_join(k->m, pid, parent, root, process->exec_ns);
        if (next != NULL)
            go_on_as(k, process, next);
        return;
    }
    if (process->python_known)
        forget_python(k, process);
    pthread_mutex_lock(&k->m->track.lock);
    process->directory[0] = '\0'; /* another program's */
    describe(process);
    if (process->command_size == 0 && process->comm[0] != '\0')
        describe_by_comm(process);
    process->changed = true;
    pthread_mutex_unlock(&k->m->track.lock);
    process->open_retry_ns = k->now_ns;
    process->open_tries = process->list_failures = 0;
}

void tracker_become_unseen(struct tracker *k, struct tracked_process *process)
{
    if (process->python_known)
        forget_python(k, process);
    pthread_mutex_lock(&k->m->track.lock);
    describe_by_comm(process);
    process->changed = true;
    pthread_mutex_unlock(&k->m->track.lock);
    process->not_python = false;
}

/* How long until the next look: a young process may map its interpreter any moment, and on a busy machine much later.
 */
static uint64_t open_pause_ns(uint32_t tries, bool maybe)
{
    if (tries < 20)
        return 1 * NS_PER_MS;
    if (tries < OPEN_TRIES_MAX)
        return 10 * NS_PER_MS;
    return (maybe ? 50u : 250u) * NS_PER_MS;
}

/* An interpreter of one program, not of two: the process may exec while it is looked at. What it runs at `opened_ns` is
 * what was opened: an exec that the kernel's records tell of is older, then the interpreter that was found is the new
 * program's, or younger, and there is another to open. */
static int open_python(struct tracked_process *process, struct python **python, struct python **side, bool *maybe,
                       struct err *err)
{
    char before[AUXV_BYTES], after[AUXV_BYTES];
    size_t size = proc_auxv(process->pid, before, sizeof before);
    int rc = python_open(process->pid, python, maybe, err);
    if (rc == 0)
        rc = python_open(process->pid, side, maybe, err);
    process->opened_ns = clock_monotonic_ns();
    if (rc != 0)
        return rc;
    size_t now = proc_auxv(process->pid, after, sizeof after);
    if (now == 0 || (now == size && memcmp(before, after, size) == 0))
        return 0;
    *maybe = true;
    return err_set(err, ERR_NOT_PYTHON, "process %d has just become another program; try again in a moment",
                   (int)process->pid);
}

/* An exec is told of before it has set the program's arguments. */
static void describe_again(struct tracker *k, struct tracked_process *process)
{
    if (process->command_size != 0)
        return;
    pthread_mutex_lock(&k->m->track.lock);
    describe(process);
    process->changed = process->changed || process->command_size != 0;
    pthread_mutex_unlock(&k->m->track.lock);
}

/* Looks for an interpreter; a young process may map it a moment later. */
static void try_open(struct tracker *k, struct tracked_process *process)
{
    struct measurement *m = k->m;
    struct python *python = NULL, *side = NULL;
    struct err err = {0};
    bool maybe = false;
    int rc = open_python(process, &python, &side, &maybe, &err);
    process->open_tries++;
    if (rc == 0) {
        pthread_mutex_lock(&m->track.lock);
        process->python = python;
        process->side = side;
        process->info = *python_info(python);
        process->python_known = true;
        process->changed = true;
        describe(process);
        pthread_mutex_unlock(&m->track.lock);
        process->list_due_ns = 0;
        atomic_fetch_add(&m->live_pythons, 1);
        atomic_fetch_add(&m->pythons_seen, 1);
        return;
    }
    python_close(python);
    python_close(side);
    track_looked_into(process, rc, maybe);
    describe_again(k, process);
    if (rc != ERR_NOT_PYTHON && rc != ERR_GONE) {
        struct err told;
        if (rc == ERR_PERMISSION && doctor_refusal(process->pid, m->child != 0 ? "run" : "attach", &told) == rc)
            err = told;
        pthread_mutex_lock(&m->track.lock);
        m->open_error = err;
        pthread_mutex_unlock(&m->track.lock);
    }
    process->open_retry_ns = k->now_ns + open_pause_ns(process->open_tries, maybe);
}

/* ---- children -----------------------------------------------------------------------------------------------------
 */

/* Children of a process from /proc; each of its threads has a list of its own. */
static void find_children(struct tracker *k, const struct tracked_process *process)
{
    bool told = k->m->perf != NULL || k->m->events != NULL;
    int n_tids = proc_threads(process->pid, &k->tids, &k->tids_capacity);
    for (int i = 0; i < n_tids; i++) {
        char path[64], text[4096];
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", process->pid, k->tids[i]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
        if (fd >= 0)
            close(fd);
        text[size > 0 ? size : 0] = '\0';
        for (char *at = text, *end; *at != '\0'; at = end) {
            long pid = strtol(at, &end, 10);
            if (end == at || *end != ' ') /* the last one may be cut: it is found again later */
                break;
            if (!told ||
                tracker_is_older((pid_t)pid, SETTLED_NS)) /* the kernel's records tell of young ones, in order */
                tracker_join(k->m, (pid_t)pid, process->pid, false, 0);
        }
    }
}

/* ---- the thread ----------------------------------------------------------------------------------------------------
 */

/* Its code is on a stack: where does it keep its tasks? Its module may not be loaded yet. */
static void find_asyncio(struct tracker *k, struct tracked_process *process)
{
    struct python_asyncio found;
    process->asyncio_due_ns = k->now_ns + ((uint64_t)LIST_NS << process->asyncio_tries);
    process->asyncio_tries++;
    if (atomic_load(&process->asyncio_known) || !python_find_asyncio(process->side, &found))
        return;
    process->asyncio = found;
    process->asyncio_tries = ASYNCIO_TRIES_MAX;
    atomic_store_explicit(&process->asyncio_known, true, memory_order_release);
    tracker_tell_tasks(k, process);
}

/* The kernel gives it another name and other arguments at once by an exec alone. They can be read of every process. */
static bool is_renamed(const struct tracked_process *process)
{
    char comm[sizeof process->comm], command[sizeof process->command];
    ssize_t size = proc_cmdline(process->pid, command, sizeof command);
    return size > 0 &&
           ((size_t)size != process->command_size || memcmp(command, process->command, (size_t)size) != 0) &&
           proc_comm(process->pid, process->pid, comm) && strcmp(comm, process->comm) != 0;
}

/* Reads of it fail: does it run another program, of which no record told? One with more rights than ours (set-user-ID),
 * or whose file we may not read, does not tell its file: that it is not measured is told with the reason. */
static bool is_another_program(struct tracker *k, const struct tracked_process *process)
{
    char now[4096];
    if (proc_exe(process->pid, now, sizeof now))
        return strcmp(now, process->executable) != 0;
    if (!is_renamed(process))
        return false;
    tracker_tell_refusal(k, process);
    return true;
}

static void visit(struct tracker *k, struct tracked_process *process)
{
    if (process->start_ticks == 0 || process->gone_ns != 0)
        return;
    bool failed = atomic_exchange(&process->read_failed, false);
    if (process->exec_seen || (failed && is_another_program(k, process))) {
        replace_program(k, process);
        return;
    }
    if (!process->python_known && k->now_ns >= process->open_retry_ns)
        try_open(k, process);
    if (process->python_known && k->now_ns >= process->asyncio_due_ns &&
        atomic_load_explicit(&process->asyncio_seen, memory_order_relaxed) &&
        process->asyncio_tries < ASYNCIO_TRIES_MAX)
        find_asyncio(k, process);
    if (process->python_known && k->now_ns >= process->greenlets_due_ns)
        tracker_find_greenlets(k, process);
    if (process->python_known && k->now_ns >= process->list_due_ns)
        tracker_list_threads(k, process);
}

/* While the recording is paused nothing is looked at, and the kernel does not interrupt the target for us. */
static bool tracker_rests(struct tracker *k)
{
    bool rests = atomic_load(&k->m->pause);
    if (rests != k->rests && k->m->perf != NULL)
        perf_clock_pause(k->m->perf, rests);
    k->rests = rests;
    return rests;
}

static void pass(struct tracker *k)
{
    struct measurement *m = k->m;
    k->now_ns = clock_monotonic_ns();
    tracker_reap_child(k);
    if (atomic_load(&m->stop_sampler) || tracker_rests(k))
        return; /* the duration is over: nothing new is measured, the program goes on to its end */
    tracker_drain(k);
    tracker_choose_reader(k);
    if (k->now_ns >= k->alive_due_ns) {
        tracker_check_alive(k, true);
        k->alive_due_ns = k->now_ns + ALIVE_NS;
    }
    if (!m->options.no_children && k->now_ns >= k->children_due_ns) {
        uint64_t start_ns = clock_thread_cpu_ns();
        for (size_t i = 0, n = m->track.n_processes; i < n; i++) { /* only this thread appends */
            if (!m->track.processes[i]->ended)
                find_children(k, m->track.processes[i]);
        }
        k->now_ns = clock_monotonic_ns();
        bool told = m->perf != NULL;
        k->children_due_ns = k->now_ns + tracker_later(told ? CHILDREN_SLOW_NS : CHILDREN_NS,
                                                       clock_thread_cpu_ns() - start_ns, told ? COSTS_TOLD : COSTS);
    }
    for (size_t i = 0, n = m->track.n_processes; i < n; i++) {
        if (!m->track.processes[i]->ended)
            visit(k, m->track.processes[i]);
    }
    if (k->now_ns >= m->start_ns && k->now_ns >= k->locks_due_ns)
        tracker_look_at_locks(k);
    if (k->now_ns >= k->reclaim_due_ns) {
        track_reclaim(&m->track, k->now_ns);
        k->reclaim_due_ns = k->now_ns + ALIVE_NS;
    }
}

/* Only ends, of what the measurement is of, end a pause's sleep. */
static void nap_paused(struct tracker *k)
{
    struct measurement *m = k->m;
    struct pollfd fds[2 + ROOTS_MAX] = {{m->wake_fd, POLLIN, 0}, {m->child_fd, POLLIN, 0}};
    size_t n = 2;
    uint64_t count;
    for (size_t i = 0; m->child == 0 && i < m->track.n_processes && n < 2 + ROOTS_MAX; i++)
        if (m->track.processes[i]->root && !m->track.processes[i]->ended)
            fds[n++] = (struct pollfd){(int)syscall(SYS_pidfd_open, m->track.processes[i]->pid, 0), POLLIN, 0};
    if (atomic_load(&m->wait_status) != -1)
        fds[1].fd = -1;
    poll(fds, n, -1);
    bool ended = false;
    for (size_t i = 2; i < n; i++) {
        ended = ended || fds[i].revents != 0;
        if (fds[i].fd >= 0)
            close(fds[i].fd);
    }
    k->now_ns = clock_monotonic_ns();
    if (ended)
        tracker_check_alive(k, false);
    if (fds[0].revents != 0 && !atomic_load(&m->stop_tracker) && read(m->wake_fd, &count, sizeof count) < 0)
        errno = 0; /* somebody else took it */
}

static struct timespec nap_time(const struct tracker *k)
{
    uint64_t nap_ns =
        NS_PER_MS * (uint64_t)(k->now_ns < k->busy_until_ns || k->m->perf == NULL ? PASS_BUSY_MS : PASS_MS);
    for (size_t i = 0; i < k->m->track.n_processes; i++) {
        const struct tracked_process *process = k->m->track.processes[i];
        if (process->soon_ns > k->now_ns && process->soon_ns - k->now_ns < nap_ns && !process->ended)
            nap_ns = process->soon_ns - k->now_ns;
    }
    return (struct timespec){.tv_nsec = (long)nap_ns};
}

/* Sleeps until the child ends, something is born, the measurement stops, or it is time for another look. */
static void nap(struct tracker *k)
{
    struct measurement *m = k->m;
    struct pollfd fds[2 + BIRTH_FDS_MAX] = {{m->wake_fd, POLLIN, 0}, {m->child_fd, POLLIN, 0}};
    int births[BIRTH_FDS_MAX];
    size_t n = m->perf != NULL ? perf_clock_wait_fds(m->perf, births, BIRTH_FDS_MAX) : 0;
    if (m->perf == NULL && m->events != NULL)
        births[n++] = proc_events_fd(m->events);
    for (size_t i = 0; i < n; i++)
        fds[2 + i] = (struct pollfd){births[i], POLLIN, 0};
    if (atomic_load(&m->wait_status) != -1)
        fds[1].fd = -1; /* a dead child's descriptor is always ready */
    struct timespec nap = nap_time(k);
    if (k->log.n == 0) /* what is left there is of this moment, and wakes nobody again */
        ppoll(fds, 2 + n, &nap, NULL);
}

int tracker_prepare(struct measurement *m)
{
    m->tracker_state = mem_zalloc(1, sizeof(struct tracker));
    return m->tracker_state != NULL ? 0 : ERR_NOMEM;
}

void *tracker_main(void *measurement)
{
    struct measurement *m = measurement;
    struct tracker *k = m->tracker_state;
    prctl(PR_SET_NAME, "kei-tracker");
    prctl(PR_SET_TIMERSLACK, 50000);
    schedule_short_slice(); /* what is born on a busy machine may be gone soon */
    k->m = m;
    k->busy_until_ns = clock_monotonic_ns() + BUSY_NS;
    k->random = k->busy_until_ns;
    while (!atomic_load(&m->stop_tracker)) {
        pass(k);
        if (k->rests && !atomic_load(&m->stop_sampler))
            nap_paused(k);
        else
            nap(k);
    }
    k->now_ns = clock_monotonic_ns();
    tracker_drain(k);
    tracker_check_alive(k, false);
    measure_waited(m, schedule_delay_ns());
    task_log_release(&k->log);
    mem_free(k->states);
    mem_free(k->tids);
    mem_free(k->frames);
    return NULL;
}
