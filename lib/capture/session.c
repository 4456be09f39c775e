/* Making a measurement: its recording, its threads, the program that it starts or joins. */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/agent_counts.h"
#include "capture/control.h"
#include "capture/doctor.h"
#include "capture/launch.h"
#include "capture/quota.h"
#include "capture/session_private.h"
#include "capture/target/unwind.h"
#include "capture/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* CPU time between two instruction pointers: each costs the target an interrupt (12 µs on a virtual machine, so 0.3 %
 * of its time), and is nobody's to lower when the budget is short. A little off any round period. */
enum { IP_PERIOD_NS = 3970 * 1000 };

/* ---- making ---------------------------------------------------------------------------------------------------------
 */

/* Three files a thread stay open: as many as we may have. */
static void raise_descriptors(struct rlimit *before)
{
    if (getrlimit(RLIMIT_NOFILE, before) != 0) {
        before->rlim_cur = RLIM_INFINITY;
        return;
    }
    struct rlimit most = {before->rlim_max, before->rlim_max};
    setrlimit(RLIMIT_NOFILE, &most);
}

static void make_gate(struct gate *gate)
{
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, &clock);
    pthread_condattr_destroy(&clock);
}

void session_open_gate(struct measurement *m)
{
    pthread_mutex_lock(&m->gate.lock);
    pthread_cond_broadcast(&m->gate.changed);
    pthread_mutex_unlock(&m->gate.lock);
}

static struct session *make(const struct measure_options *options, struct err *err)
{
    if (doctor_has_proc(err) != 0)
        return NULL;
    struct session *session = mem_zalloc(1, sizeof *session);
    if (session == NULL || track_init(&session->m.track) != 0) {
        mem_free(session);
        err_set(err, ERR_NOMEM, "cannot measure: out of memory; free some memory");
        return NULL;
    }
    struct measurement *m = &session->m;
    if (!options->no_children)
        proc_events_new(&m->events, NULL); /* without it some exit statuses are not known */
    raise_descriptors(&session->descriptors);
    m->options = *options;
    m->child_fd = -1;
    m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    m->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    m->wait_status = -1;
    pthread_mutex_init(&m->failure_lock, NULL);
    pthread_mutex_init(&m->queue_lock, NULL);
    operand_queue_init(&m->operands);
    lock_queue_init(&m->locks);
    make_gate(&m->gate);
    m->queue.records = mem_alloc(SAMPLE_QUEUE_RECORDS * sizeof *m->queue.records);
    if (m->queue.records == NULL || m->wake_fd < 0 || m->end_fd < 0) {
        err_set(err, ERR_NOMEM, "cannot measure: out of memory or descriptors; free some");
        session_free(session);
        return NULL;
    }
    return session;
}

/* For tests: bytes of code, names and stacks that stay in memory. What only a long run comes to is had at once. */
static size_t memory_asked(void)
{
    const char *text = getenv("KEISOKU_MEMORY");
    return text != NULL ? strtoul(text, NULL, 10) : 0;
}

static int make_recording(struct session *session, const char *output, const char *name, struct err *err)
{
    struct measurement *m = &session->m;
    char path[4096], directory[4096] = "", evidence[96];
    struct utsname host = {0};
    cpu_set_t allowed;
    if (output != NULL && (size_t)snprintf(path, sizeof path, "%s", output) >= sizeof path)
        return err_set(err, ERR_BAD_INPUT, "the name behind -o is too long; choose a shorter one");
    if (output == NULL)
        snprintf(path, sizeof path, "%s.%d.kei", name, (int)session->root);
    if (getcwd(directory, sizeof directory) == NULL)
        directory[0] = '\0';
    uname(&host);
    measure_evidence(m, m->kernel != NULL, evidence, sizeof evidence);
    m->start_ns = clock_monotonic_ns() + m->options.delay_ns; /* time zero is where the sampling begins */
    stopwatch_init(&m->watch, m->start_ns);
    m->start_ticks = proc_now_ticks() + m->options.delay_ns / (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
    m->cpu_before_ns = clock_process_cpu_ns();
    struct recording_info info = {
        .command = (const char *const *)session->command,
        .directory = directory,
        .host = host.nodename,
        .mode = m->child != 0 ? "run" : "attach",
        .evidence = evidence,
        .start_unix_ns = clock_unix_at(m->start_ns),
        .cores = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
        .cores_quota = quota_cores("", session->root),
        .rate_hz = m->options.rate_hz,
        .bounded = m->options.keep_ns != 0,
        .max_bytes = m->options.max_bytes,
        .memory_max = memory_asked(),
    };
    m->store_side_bytes = info.memory_max != 0 ? info.memory_max : STORE_SIDE_BYTES;
    info.cores_allowed =
        sched_getaffinity(session->root, sizeof allowed, &allowed) == 0 ? (uint32_t)CPU_COUNT(&allowed) : info.cores;
    int rc = recording_new(path, &info, &m->recording, err);
    return rc == ERR_NOT_FOUND ? ERR_IO : rc; /* "not found" is said of the program alone */
}

/* Where nobody chose a reader: at any rate a sample costs least so. */
static bool may_use_kernel(const struct measure_options *options)
{
    return !options->kernel_only && !options->native && !options->core_only && !options->free_only &&
           !options->stop_only;
}

static int start_threads(struct session *session, struct err *err)
{
    struct measurement *m = &session->m;
    sigset_t all, before;
    if (sampler_prepare(m) != 0 || tracker_prepare(m) != 0)
        return err_set(err, ERR_NOMEM, "cannot measure: out of memory or descriptors; free some");
    sigfillset(&all);
    sigdelset(&all, SIGBUS);                     /* of the thread that it befell */
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the caller's thread's business */
    m->kernel_start =
        may_use_kernel(&m->options) ? kernel_start_new(m->options.rate_asked, !m->options.no_children) : NULL;
    m->writer_runs = pthread_create(&m->writer, NULL, writer_main, m) == 0;
    m->tracker_runs = m->writer_runs && pthread_create(&m->tracker, NULL, tracker_main, m) == 0;
    m->sampler_runs = m->tracker_runs && pthread_create(&m->sampler, NULL, sampler_main, m) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (m->sampler_runs) {
        control_new(m); /* without it the recording goes on as well */
        return 0;
    }
    return err_set(err, ERR_NOMEM, "cannot measure: no thread could be started; raise the limit of processes");
}

void session_stop_threads(struct session *session)
{
    struct measurement *m = &session->m;
    uint64_t one = 1;
    atomic_store(&m->stop_sampler, true);
    session_open_gate(m);
    if (m->sampler_runs)
        pthread_join(m->sampler, NULL);
    atomic_store(&m->stop_tracker, true);
    if (write(m->wake_fd, &one, sizeof one) < 0)
        errno = 0; /* full: it wakes anyway */
    if (m->tracker_runs)
        pthread_join(m->tracker, NULL);
    atomic_store(&m->stop_writer, true);
    session_open_gate(m);
    if (m->writer_runs)
        pthread_join(m->writer, NULL);
    kernel_start_free(m->kernel_start);
    m->kernel_start = NULL;
    m->sampler_runs = m->tracker_runs = m->writer_runs = false;
}

/* Nothing was measured: no file is left behind. */
static void give_up(struct session *session)
{
    char path[4096 + 8] = "";
    session_stop_threads(session);
    if (session->m.recording != NULL)
        snprintf(path, sizeof path, "%s", recording_path(session->m.recording));
    recording_free(session->m.recording);
    session->m.recording = NULL;
    if (path[0] != '\0')
        unlink(path);
    session_free(session);
}

/* The kernel sampler, where it was asked for; native frames come with it alone. */
static int use_kernel(struct measurement *m, struct err *err)
{
    struct kernel_sampler *kernel = NULL;
    struct err why;
    const char *what = m->options.native ? "--native" : "--reader kernel";
    if (!m->options.kernel_only && !m->options.native)
        return 0;
    if (m->options.native && (m->options.core_only || m->options.free_only || m->options.stop_only))
        return err_set(err, ERR_BAD_INPUT, "--native needs the kernel sampler; leave --reader out");
    int rc = m->options.native ? unwinder_new(&m->unwinder, &why) : 0;
    if (rc == 0)
        rc = kernel_sampler_new(m->options.native, &kernel, &why);
    m->kernel = kernel;
    return rc == 0 ? 0 : err_set(err, rc, "%s cannot be used: %.900s", what, why.text);
}

/* Bytes on sockets from the first one on, where the kernel sampler was waited for too; else they come with it. */
static void count_sockets(struct measurement *m)
{
    struct kernel_sockets *sockets = NULL;
    if (m->kernel != NULL && kernel_sockets_new(!m->options.no_children, &sockets, NULL) == 0)
        m->sockets = sockets;
}

/* Follows threads with the kernel's clock; a refusal leaves the measurement with less evidence, and the report says
 * why. */
static void follow(struct measurement *m, pid_t pid)
{
    pid_t *tids = NULL;
    size_t capacity = 0;
    struct err err;
    uint64_t period_ns = m->kernel == NULL ? IP_PERIOD_NS : 0;
    if (m->perf == NULL && (m->perf_error.code != 0 || perf_clock_new(period_ns, &m->perf, &m->perf_error) != 0))
        return;
    int n = proc_threads(pid, &tids, &capacity);
    for (int i = 0; i < n && m->perf != NULL; i++) {
        int rc = perf_clock_follow(m->perf, tids[i], &err);
        if (rc == 0 || rc == ERR_GONE)
            continue;
        m->perf_error = err;
        if (rc == ERR_FULL) /* those followed so far stay */
            break;
        perf_clock_free(m->perf);
        m->perf = NULL;
    }
    mem_free(tids);
}

/* ---- run ------------------------------------------------------------------------------------------------------------
 */

/* What is recorded as the command: all arguments, or the first alone when they are to be left out. */
static int keep_command(struct session *session, char *const argv[])
{
    size_t n = 0;
    while (argv[n] != NULL)
        n++;
    if (session->m.options.redact_args && n > 1)
        n = 1;
    session->command = mem_zalloc(n + 1, sizeof *session->command);
    if (session->command == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        session->command[i] = mem_strdup(argv[i]);
        if (session->command[i] == NULL)
            return ERR_NOMEM;
    }
    return 0;
}

static int64_t own_bytes(void)
{
    struct usage own;
    bool read = usage_read(getpid(), proc_start_ticks(getpid(), NULL), false, &own);
    return read && own.known[COUNTER_RSS] ? own.values[COUNTER_RSS] : 0;
}

static int run_gated(struct session *session, const char *output, struct launch *launch, struct err *err)
{
    struct measurement *m = &session->m;
    m->child = session->root = launch->pid;
    session->born_ns = launch->born_ns;
    m->fork_bytes = own_bytes();
    m->child_fd = (int)syscall(SYS_pidfd_open, launch->pid, 0);
    follow(m, launch->pid);
    int rc = m->options.stop_only ? sampler_stop_check(launch->pid, err) : 0;
    if (rc == 0)
        rc = make_recording(session, output, session->program.name, err);
    if (rc == 0 && (session->root_process = tracker_join(m, launch->pid, getpid(), true, 0)) == NULL)
        rc = err_set(err, ERR_NOMEM, "cannot measure: out of memory; free some memory");
    return rc;
}

static int send_agent(struct session *session, struct err *err)
{
    const struct measure_options *options = &session->m.options;
    if (!options->calls && !options->allocations)
        return 0;
    int rc = agent_counts_new(options, &session->m.agent, err);
    if (rc == 0)
        session->program.environment = agent_counts_environment(session->m.agent);
    return rc;
}

static int prepare_launch(struct session *session, struct launch *launch, struct err *err)
{
    if (!session->m.options.discard_output)
        return launch_prepare(&session->program, &session->descriptors, launch, err);
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0)
        return err_set(err, ERR_IO, "cannot open /dev/null: %s", strerror(errno));
    const int streams[3] = {nowhere, nowhere, -1};
    int rc = launch_prepare_streams(&session->program, &session->descriptors, streams, launch, err);
    close(nowhere);
    return rc;
}

int session_run(const struct measure_options *options, const char *output, char *const argv[], struct session **result,
                struct err *err)
{
    struct launch launch = {0};
    struct session *session = make(options, err);
    if (session == NULL)
        return ERR_NOMEM;
    int rc = program_resolve(argv, &session->program, err);
    if (rc == 0)
        rc = keep_command(session, argv);
    if (rc == 0)
        rc = use_kernel(&session->m, err);
    if (rc == 0)
        rc = send_agent(session, err);
    if (rc == 0) {
        count_sockets(&session->m);
        rc = prepare_launch(session, &launch, err);
    }
    if (rc != 0) {
        session_free(session);
        return rc;
    }
    rc = run_gated(session, output, &launch, err);
    if (rc == 0)
        rc = start_threads(session, err); /* before the program runs: what fails from here on is its own */
    if (rc != 0)
        launch_cancel(&launch);
    else
        rc = launch_release(&launch, &session->program, err);
    if (rc != 0) {
        give_up(session);
        return rc;
    }
    atomic_store(&session->root_process->read_failed, true); /* look again: it is another program now */
    *result = session;
    return 0;
}

/* ---- attach ---------------------------------------------------------------------------------------------------------
 */

static bool has_children(pid_t pid)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)proc_living_thread(pid));
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool any = fscanf(file, "%d", &child) == 1;
    fclose(file);
    return any;
}

static int check_target(pid_t pid, struct err *err)
{
    struct python *python = NULL;
    bool maybe = false;
    errno = 0;
    bool there = proc_start_ticks(pid, NULL) != 0;
    if (!there && (errno == EMFILE || errno == ENFILE))
        return err_set(err, ERR_IO, "cannot attach to %d: too many open files; raise their limit (ulimit -n)",
                       (int)pid);
    if (!there)
        return doctor_refusal(pid, "attach", err); /* gone, or hidden from us */
    int rc = python_open(pid, &python, &maybe, err);
    python_close(python);
    if (rc == ERR_NOT_PYTHON && (maybe || has_children(pid)))
        return 0;
    return rc == ERR_PERMISSION || rc == ERR_GONE ? doctor_refusal(pid, "attach", err) : rc;
}

int session_attach(const struct measure_options *options, const char *output, const pid_t *pids, size_t count,
                   struct session **result, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = check_target(pids[i], err);
        if (rc == 0 && options->stop_only)
            rc = sampler_stop_check(pids[i], err);
    }
    if (rc != 0)
        return rc;
    struct session *session = make(options, err);
    if (session == NULL)
        return ERR_NOMEM;
    session->root = pids[0];
    rc = use_kernel(&session->m, err);
    if (rc != 0) {
        session_free(session);
        return rc;
    }
    count_sockets(&session->m);
    for (size_t i = 0; i < count; i++)
        follow(&session->m, pids[i]);
    char command[4096], name[PROGRAM_NAME_BYTES];
    ssize_t size = proc_cmdline(pids[0], command, sizeof command);
    program_name_of(command, size > 0 ? (size_t)size : 0, name);
    rc = make_recording(session, output, name, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (tracker_join(&session->m, pids[i], 0, true, 0) == NULL)
            rc = err_set(err, ERR_GONE, "cannot attach to %d: it has ended", (int)pids[i]);
    }
    if (rc == 0)
        rc = start_threads(session, err);
    if (rc != 0) {
        give_up(session);
        return rc;
    }
    *result = session;
    return 0;
}
