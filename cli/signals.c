#include "signals.h"

#include "message.h"
#include "witness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 64 };

struct event {
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    int signal;
    bool to_group;  /* may have been sent, later: was sent, to the group: the program got it too, if it was there */
    bool by_kernel; /* the terminal's: to the group for certain */
};

static int pipe_fds[2] = {-1, -1};
static atomic_uint interrupts;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool keeps; /* there will be a program */
static struct event kept[EVENTS_MAX];
static size_t n_kept;
static void (*pass_function)(void *context, int signal);
static void *pass_context;
static uint64_t program_born_ns;

/* Runs as a signal handler. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct event event = {
        .time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
        .signal = signal,
        .to_group = info->si_code == SI_USER || info->si_code == SI_KERNEL,
        .by_kernel = info->si_code == SI_KERNEL,
    };
    ssize_t written = write(pipe_fds[1], &event, sizeof event);
    (void)written;
    errno = saved;
}

/* Stops us as the terminal or another process asked, the program having been told already. */
static void stop_ourselves(void)
{
    kill(getpid(), SIGSTOP);
}

/* With the lock held. */
static void pass_on(const struct event *event)
{
    if (!event->to_group || event->time_ns < program_born_ns)
        pass_function(pass_context, event->signal);
}

static void take(struct event *event)
{
    bool passes = true;
    if (event->signal == SIGPIPE)
        return; /* our own: a reader of the screen went away */
    pthread_mutex_lock(&lock);
    if (pass_function != NULL)
        pass_on(event);
    else if (keeps && n_kept < EVENTS_MAX)
        kept[n_kept++] = *event;
    else
        passes = false;
    pthread_mutex_unlock(&lock);
    bool ends = event->signal == SIGTERM || event->signal == SIGHUP; /* a program's own business, where there is one */
    if (event->signal == SIGINT || (ends && !passes))
        atomic_fetch_add(&interrupts, 1);
    if (event->signal == SIGTSTP)
        stop_ourselves();
}

/* A stop that was taken back is none, as in the kernel. */
static void take_all(struct event *events, size_t n)
{
    size_t last_continue = 0;
    for (size_t i = 0; i < n; i++) {
        if (events[i].signal == SIGCONT)
            last_continue = i;
    }
    for (size_t i = 0; i < n; i++) {
        bool to_group = events[i].to_group && witness_saw(events[i].signal);
        events[i].to_group = to_group || events[i].by_kernel;
        if (events[i].signal != SIGTSTP || i >= last_continue)
            take(&events[i]);
    }
}

static void *read_events(void *unused)
{
    (void)unused;
    struct event events[EVENTS_MAX];
    for (;;) {
        ssize_t size = read(pipe_fds[0], events, sizeof events);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return NULL;
        take_all(events, (size_t)size / sizeof *events);
    }
}

static void install(int signal)
{
    struct sigaction old, action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    if (sigaction(signal, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
        return;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

static bool start_reading(void)
{
    pthread_t thread;
    sigset_t all, old;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        message("cannot watch signals: %s", strerror(errno));
        return false;
    }
    /* Handlers run in the main thread, so that the reader's lock is never taken inside itself. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&thread, NULL, read_events, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        message("cannot watch signals: %s", strerror(rc));
        return false;
    }
    pthread_detach(thread);
    return true;
}

bool signals_start(bool for_program)
{
    static const int caught[] = {SIGINT,  SIGQUIT, SIGTERM,   SIGHUP,  SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT,
                                 SIGTSTP, SIGALRM, SIGVTALRM, SIGPROF, SIGIO,   SIGURG,  SIGPIPE};
    keeps = for_program;
    if (for_program)
        witness_start(); /* without it every signal is taken for ours alone */
    if (!start_reading())
        return false;
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        install(caught[i]);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        install(number);
    return true;
}

void signals_pass_to(void (*pass)(void *context, int signal), void *context, uint64_t born_ns)
{
    pthread_mutex_lock(&lock);
    pass_function = pass;
    pass_context = context;
    program_born_ns = born_ns;
    for (size_t i = 0; i < n_kept && pass != NULL; i++)
        pass_on(&kept[i]);
    n_kept = 0;
    keeps = false;
    pthread_mutex_unlock(&lock);
}

unsigned signals_interrupts(void)
{
    return atomic_load(&interrupts);
}
