/* A measurement while it runs, and its end. */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/agent_counts.h"
#include "capture/control.h"
#include "capture/session_private.h"
#include "capture/target/unwind.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Measured time so far. */
static uint64_t elapsed_ns(struct measurement *m)
{
    uint64_t end_ns = atomic_load(&m->end_ns);
    return stopwatch_read(&m->watch, end_ns != 0 ? end_ns : clock_monotonic_ns());
}

/* Nanoseconds until the duration asked for is over; UINT64_MAX: none was. */
static uint64_t duration_left_ns(struct measurement *m)
{
    if (atomic_load(&m->end_ns) != 0)
        return 0;
    if (m->options.duration_ns == 0)
        return UINT64_MAX;
    uint64_t done_ns = elapsed_ns(m);
    if (stopwatch_paused(&m->watch))
        return UINT64_MAX;
    if (done_ns == 0) /* --delay */
        return m->options.duration_ns + (m->start_ns - clock_monotonic_ns());
    return m->options.duration_ns > done_ns ? m->options.duration_ns - done_ns : 0;
}

void measure_end(struct measurement *m, uint64_t now_ns, enum end_reason reason)
{
    uint64_t one = 1;
    uint_fast64_t none = 0;
    if (!atomic_compare_exchange_strong(&m->end_ns, &none, now_ns))
        return;
    atomic_store(&m->end_reason, reason);
    atomic_store(&m->stop_sampler, true);
    session_open_gate(m);
    if (write(m->end_fd, &one, sizeof one) < 0)
        errno = 0; /* full: it is readable anyway */
}

void session_wait(struct session *session, int timeout_ms, struct session_status *status)
{
    struct measurement *m = &session->m;
    uint64_t until_ns = clock_monotonic_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
    bool over = false;
    while (true) {
        uint64_t left_ns = duration_left_ns(m), now_ns = clock_monotonic_ns();
        over = left_ns == 0;
        if (over) /* a program that was started goes on, unmeasured */
            atomic_store(&m->stop_sampler, true);
        if (atomic_load(&m->ended) || over || now_ns >= until_ns)
            break;
        uint64_t nap_ns = until_ns - now_ns;
        if (!over && left_ns < nap_ns)
            nap_ns = left_ns;
        struct pollfd end = {m->end_fd, POLLIN, 0};
        struct timespec nap = {(time_t)(nap_ns / 1000000000u), (long)(nap_ns % 1000000000u)};
        ppoll(&end, 1, &nap, NULL); /* a signal ends it too: the caller has something to do */
        if (end.revents == 0 && clock_monotonic_ns() < now_ns + nap_ns)
            break;
    }
    *status = (struct session_status){
        .ended = atomic_load(&m->ended) || over,
        .paused = stopwatch_paused(&m->watch),
        .reason = (enum end_reason)atomic_load(&m->end_reason),
        .elapsed_s = (double)elapsed_ns(m) / 1e9,
        .samples = atomic_load(&m->counts.samples),
        .dropped = atomic_load(&m->counts.dropped),
        .processes = atomic_load(&m->live_processes),
        .pythons = atomic_load(&m->live_pythons),
        .threads = atomic_load(&m->live_threads),
    };
    pthread_mutex_lock(&m->failure_lock);
    status->failure = m->failure;
    pthread_mutex_unlock(&m->failure_lock);
    pthread_mutex_lock(&m->gate.lock);
    status->n_said = m->gate.n_said;
    memcpy(status->said, m->gate.said, sizeof status->said);
    pthread_mutex_unlock(&m->gate.lock);
}

void session_signal(struct session *session, int signal)
{
    struct measurement *m = &session->m;
    if (m->child_fd >= 0) /* never another process that got the same number */
        syscall(SYS_pidfd_send_signal, m->child_fd, signal, NULL, 0);
    else if (m->child != 0 && atomic_load(&m->wait_status) == -1)
        kill(m->child, signal);
}

uint64_t session_born_ns(const struct session *session)
{
    return session->born_ns;
}

/* Why there is nothing to show. */
static void explain(struct session *session, double elapsed_s, struct session_result *result)
{
    struct measurement *m = &session->m;
    char process[32];
    snprintf(process, sizeof process, "process %d", (int)session->root);
    const char *name = session->command != NULL ? session->command[0] : process;
    if (result->pythons == 0 && m->open_error.code != 0)
        snprintf(result->note, sizeof result->note, "nothing was measured: %.900s", m->open_error.text);
    else if (result->pythons == 0)
        snprintf(result->note, sizeof result->note,
                 "nothing was measured: no Python interpreter was seen in %.200s or under it in %.2f s; name a program "
                 "that runs Python",
                 name, elapsed_s);
    else if (result->samples == 0 && m->refusal.code != 0)
        snprintf(result->note, sizeof result->note, "nothing was measured: %.900s", m->refusal.text);
    else if (result->samples == 0)
        snprintf(
            result->note, sizeof result->note,
            "nothing was measured: Python in %.200s ended after %.0f ms, before the first sample; measure a longer "
            "run%s",
            name, elapsed_s * 1e3 + (double)m->options.delay_ns / 1e6,
            m->options.delay_ns != 0 ? ", or one longer than --delay" : "");
    if (result->note[0] != '\0')
        recording_add_note(m->recording, result->note);
}

static void note_refusal(struct measurement *m)
{
    char note[1024];
    if (m->refusal.code == 0 || atomic_load(&m->counts.samples) == 0)
        return;
    snprintf(note, sizeof note, "from %.1f s on a process was not measured any more: %.900s",
             (double)stopwatch_read(&m->watch, m->refused_ns) / 1e9, m->refusal.text);
    recording_add_note(m->recording, note);
}

static void note_end(struct measurement *m, uint64_t took_ns)
{
    char note[160];
    if (atomic_load(&m->end_reason) != END_MAX_SIZE)
        return;
    snprintf(note, sizeof note, "the recording ended after %.1f s, when it reached --max-size; the program went on",
             (double)took_ns / 1e9);
    recording_add_note(m->recording, note);
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void note_free(struct measurement *m)
{
    char note[320];
    struct sampler_counts *counts = &m->counts;
    uint64_t reads = atomic_load(&counts->reads), samples = atomic_load(&counts->samples);
    if (!m->options.free_only || samples == 0)
        return;
    snprintf(note, sizeof note,
             "read free: stacks count where an exact reading had found them before; %.1f %% of the readings were "
             "repeated, %.1f %% of the samples dropped; what is short or rare comes out too small",
             percent(atomic_load(&counts->rereads), reads), percent(atomic_load(&m->losses[LOSS_UNLEARNED]), samples));
    recording_add_note(m->recording, note);
}

static const double told_share = 0.9; /* of the instants that were planned */

static bool is_late(struct measurement *m)
{
    return (double)atomic_load(&m->counts.sweeps) < told_share * (double)atomic_load(&m->counts.planned);
}

/* Threads of the program that keep their cores from us. */
static bool note_real_time(struct measurement *m)
{
    uint64_t lost = atomic_load(&m->losses[LOSS_UNLEARNED]) + atomic_load(&m->losses[LOSS_OTHER_CORE]);
    bool befell =
        !m->options.free_only && !m->options.kernel_only && atomic_load(&m->real_time) && (is_late(m) || lost > 0);
    if (befell)
        recording_add_note(
            m->recording,
            "threads with a real-time priority let nobody else have their core: their samples were late, or lost; "
            "read them by the kernel (--reader kernel), or give keisoku a higher priority (chrt)");
    return befell;
}

/* Others that have them. */
static void note_others(struct measurement *m)
{
    char note[320];
    uint64_t sampled_ns = atomic_load(&m->counts.last_ns) - atomic_load(&m->counts.first_ns);
    uint64_t waited_ns = atomic_load(&m->counts.waited_ns);
    if (!is_late(m) || (double)waited_ns < WAITED_TOLD * (double)sampled_ns)
        return;
    snprintf(
        note, sizeof note,
        "keisoku waited for a core for %.0f %% of the time: samples were late, and fewer; see what goes before it (a "
        "real-time priority, a better nice value) or is too much for the cores, or give it a priority above that",
        percent(waited_ns, sampled_ns));
    recording_add_note(m->recording, note);
}

/* Threads that were read free although nobody asked for it. */
static void note_closed_cores(struct measurement *m)
{
    if (!m->options.free_only && atomic_load(&m->losses[LOSS_UNLEARNED]) > 0)
        recording_add_note(m->recording,
                           "threads ran on cores that keisoku may not run on: stacks that no exact reading had found "
                           "were dropped; let it run on all of their cores (taskset, cpuset)");
}

static void note_calls(struct measurement *m)
{
    if (m->agent == NULL)
        return;
    if (agent_counts_any(m->agent) && !m->options.calls)
        return;
    recording_add_note(
        m->recording,
        agent_counts_any(m->agent)
            ? "calls were counted in the program, which makes each of them some 0.1 µs longer: what is "
              "called very often looks larger than it is"
            : "nothing was counted in the program: it takes a Python from 3.8 on, that this command starts, linked to "
              "this machine's C library, and 4 MB of shared memory");
}

static void note_stops(struct measurement *m)
{
    char note[320];
    uint64_t stops = atomic_load(&m->counts.stops);
    if (stops == 0)
        return;
    snprintf(
        note, sizeof note,
        "threads were stopped %llu times to be read: waits may have ended early (EINTR) and large writes come back "
        "short, which they do not without us",
        (unsigned long long)stops);
    recording_add_note(m->recording, note);
}

/* What told the kinds of running apart was less than there could be. */
static void note_clock(struct measurement *m)
{
    bool sampled = m->kernel != NULL || m->kernel_loaded != NULL;
    if (!sampled && m->perf_error.code != 0 && m->perf_error.code != ERR_NOMEM)
        recording_add_note(m->recording, m->perf_error.text);
}

static void note_descriptors(struct measurement *m)
{
    if (atomic_load(&m->no_descriptors))
        recording_add_note(m->recording, "threads were left out for want of descriptors, three for each: their time is "
                                         "missing; raise the limit of open files (ulimit -n)");
}

/* Our own CPU time, from where on it is said: */
static const double own_core_told = 0.5;                   /* of a core */
static const double own_times_told = 1, own_least = 0.125; /* of the program's, and of a core */
static const double own_least_s = 1;                       /* a start and an end take some tenths */

static void note_own_cpu(struct measurement *m, uint64_t took_ns)
{
    char note[320];
    double own_s = (double)(clock_process_cpu_ns() - m->cpu_before_ns) / 1e9, took_s = (double)took_ns / 1e9;
    double program_s = (double)m->run_ns / 1e9;
    bool beyond = own_s > own_times_told * program_s && own_s > own_least * took_s;
    if (own_s < own_least_s || (!beyond && own_s <= own_core_told * took_s))
        return;
    snprintf(note, sizeof note,
             "keisoku itself used %.1f s of CPU time, %.0f %% of a core, where the program used %.1f s: that is for "
             "many samples, and more for each where stacks are deep; a lower --rate takes less",
             own_s, took_s > 0 ? 100 * own_s / took_s : 0, program_s);
    recording_add_note(m->recording, note);
}

pid_t session_program(const struct session *session, int *wait_status)
{
    *wait_status = atomic_load(&session->m.wait_status);
    return session->m.child;
}

int session_finish(struct session *session, struct session_result *result, struct err *err)
{
    struct measurement *m = &session->m;
    memset(result, 0, sizeof *result);
    session->finished = true;
    uint64_t took_ns = elapsed_ns(m), limit_ns = m->options.duration_ns;
    if (limit_ns != 0 && took_ns > limit_ns)
        took_ns = limit_ns;
    atomic_store(&m->took_ns, took_ns);
    control_free(m->control); /* first: a copy that is being made is finished */
    m->control = NULL;
    session_stop_threads(session); /* what that takes is not the program's */
    note_end(m, took_ns);
    /* The screen has room for two: first what is wrong, or was done to the program. */
    note_refusal(m);
    note_stops(m);
    note_calls(m);
    note_free(m);
    bool real_time = note_real_time(m);
    if (!real_time)
        note_closed_cores(m);
    note_descriptors(m);
    note_clock(m);
    if (!real_time)
        note_others(m);
    note_own_cpu(m, took_ns);
    snprintf(result->path, sizeof result->path, "%s", recording_path(m->recording));
    result->pid = session->root;
    result->wait_status = atomic_load(&m->wait_status);
    result->samples = atomic_load(&m->counts.samples);
    result->pythons = atomic_load(&m->pythons_seen);
    explain(session, (double)took_ns / 1e9, result);
    if (m->failure.code != 0) {
        *err = m->failure;
        recording_finish(m->recording, took_ns, NULL);
        return m->failure.code;
    }
    int rc = recording_finish(m->recording, took_ns, err);
    if (result->pythons == 0) { /* the note says why; an empty file would only puzzle */
        unlink(result->path);
        result->path[0] = '\0';
    }
    return rc;
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    struct measurement *m = &session->m;
    control_free(m->control);
    m->control = NULL;
    if (!session->finished)
        session_stop_threads(session);
    if (session->descriptors.rlim_cur != RLIM_INFINITY && session->descriptors.rlim_max != 0)
        setrlimit(RLIMIT_NOFILE, &session->descriptors);
    agent_counts_free(m->agent);
    recording_free(m->recording);
    perf_clock_free(m->perf);
    proc_events_free(m->events);
    kernel_sockets_free(m->sockets);
    kernel_sampler_free(m->kernel_loaded != NULL ? m->kernel_loaded : m->kernel);
    unwinder_free(m->unwinder);
    mem_free(m->sampler_state);
    mem_free(m->tracker_state);
    track_release(&m->track);
    mem_free(m->queue.records);
    if (m->child_fd >= 0)
        close(m->child_fd);
    if (m->wake_fd >= 0)
        close(m->wake_fd);
    if (m->end_fd >= 0)
        close(m->end_fd);
    pthread_mutex_destroy(&m->failure_lock);
    pthread_mutex_destroy(&m->queue_lock);
    pthread_mutex_destroy(&m->operands.lock);
    lock_queue_release(&m->locks);
    pthread_mutex_destroy(&m->gate.lock);
    pthread_cond_destroy(&m->gate.changed);
    if (m->start_ns != 0)
        stopwatch_release(&m->watch);
    for (size_t i = 0; session->command != NULL && session->command[i] != NULL; i++)
        mem_free(session->command[i]);
    mem_free(session->command);
    program_release(&session->program);
    mem_free(session);
}
