#include "signals.h"

#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

struct event {
    int signal;
    bool from_process; /* kill(2), as opposed to the terminal */
};

static int pipe_fds[2] = {-1, -1};
static atomic_uint interrupts;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*pass_function)(void *context, int signal);
static void *pass_context;

/* Runs as a signal handler. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    struct event event = {signal, info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL};
    ssize_t written = write(pipe_fds[1], &event, sizeof event);
    (void)written;
    errno = saved;
}

/* Stops us as the terminal or another process asked, the program having been told already. */
static void stop_ourselves(void)
{
    kill(getpid(), SIGSTOP);
}

static void *read_events(void *unused)
{
    (void)unused;
    struct event event;
    for (;;) {
        ssize_t size = read(pipe_fds[0], &event, sizeof event);
        if (size < 0 && errno == EINTR)
            continue;
        if (size != sizeof event)
            return NULL;
        if (event.signal == SIGPIPE)
            continue;
        pthread_mutex_lock(&lock);
        bool passes = pass_function != NULL;
        if (event.from_process && passes)
            pass_function(pass_context, event.signal);
        pthread_mutex_unlock(&lock);
        bool ends =
            event.signal == SIGTERM || event.signal == SIGHUP; /* a program's own business, where there is one */
        if (event.signal == SIGINT || (ends && !passes))
            atomic_fetch_add(&interrupts, 1);
        if (event.signal == SIGTSTP)
            stop_ourselves();
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

bool signals_start(void)
{
    static const int caught[] = {SIGINT,  SIGQUIT,  SIGTERM, SIGHUP,  SIGUSR1,
                                 SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP, SIGPIPE};
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
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        install(caught[i]);
    return true;
}

void signals_pass_to(void (*pass)(void *context, int signal), void *context)
{
    pthread_mutex_lock(&lock);
    pass_function = pass;
    pass_context = context;
    pthread_mutex_unlock(&lock);
}

unsigned signals_interrupts(void)
{
    return atomic_load(&interrupts);
}
