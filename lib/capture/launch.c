#include "capture/launch.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { FORKS_MAX = 8 };

static void run_child(const struct program *program, int gate, int report, const sigset_t *mask,
                      const struct rlimit *descriptors, const int streams[3]) __attribute__((noreturn));

/* Our handlers must not run in the child; what is ignored stays ignored. Signals are blocked meanwhile: one that comes
 * now is the program's, after exec. */
static void default_handlers(void)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN && action.sa_handler != SIG_DFL) {
            action = (struct sigaction){.sa_handler = SIG_DFL};
            sigaction(number, &action, NULL);
        }
    }
}

/* Between fork and exec: only calls that are safe there. */
static void run_child(const struct program *program, int gate, int report, const sigset_t *mask,
                      const struct rlimit *descriptors, const int streams[3])
{
    char go = 0;
    ssize_t n;
    default_handlers();
    for (int stream = 0; streams != NULL && stream < 3; stream++)
        if (streams[stream] >= 0)
            dup2(streams[stream], stream);
    if (descriptors->rlim_cur != RLIM_INFINITY)
        setrlimit(RLIMIT_NOFILE, descriptors);
    do
        n = read(gate, &go, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1) {
        sigprocmask(SIG_SETMASK, mask, NULL);
        execve(program->executable, program->argv, program->environment != NULL ? program->environment : environ);
        int number = errno;
        n = write(report, &number, sizeof number);
    }
    _exit(127);
}

/* A signal that came since they were blocked: before the fork, and then the child has not got it, or behind it. */
static bool signal_waits(const sigset_t *mask)
{
    sigset_t pending;
    sigpending(&pending);
    for (int number = 1; number < NSIG; number++)
        if (sigismember(&pending, number) == 1 && sigismember(mask, number) == 0)
            return true;
    return false;
}

/* Gives back errno. Handlers have run then for all signals that came before `born_ns`, unless `disturbed`. */
static int fork_once(const struct program *program, const struct rlimit *descriptors, const int streams[3],
                     const int gate[2], const int report[2], struct launch *launch)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &launch->mask);
    launch->born_ns = clock_monotonic_ns();
    launch->pid = fork();
    if (launch->pid == 0) {
        close(gate[1]); /* else the child would hold its own gate open */
        close(report[0]);
        run_child(program, gate[0], report[1], &launch->mask, descriptors, streams);
    }
    int number = errno;
    launch->disturbed = signal_waits(&launch->mask);
    pthread_sigmask(SIG_SETMASK, &launch->mask, NULL);
    return number;
}

/* Our handlers run meanwhile. */
static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

int launch_prepare_streams(const struct program *program, const struct rlimit *descriptors, const int streams[3],
                           struct launch *launch, struct err *err)
{
    int gate[2] = {-1, -1}, report[2] = {-1, -1};
    if (pipe2(gate, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) {
        err_set(err, ERR_IO, "cannot start %s: %s; close some files (ulimit -n)", program->argv[0], strerror(errno));
        if (gate[0] >= 0) {
            close(gate[0]);
            close(gate[1]);
        }
        return ERR_IO;
    }
    int number = fork_once(program, descriptors, streams, gate, report, launch);
    for (int tries = 1; tries < FORKS_MAX && launch->pid > 0 && launch->disturbed; tries++) {
        kill(launch->pid, SIGKILL);
        reap(launch->pid);
        number = fork_once(program, descriptors, streams, gate, report, launch);
    }
    close(gate[0]);
    close(report[1]);
    launch->gate = gate[1];
    launch->report = report[0];
    if (launch->pid > 0)
        return 0;
    close(launch->gate);
    close(launch->report);
    return err_set(err, ERR_IO, "cannot start %s: %s; end some processes", program->argv[0], strerror(number));
}

int launch_prepare(const struct program *program, const struct rlimit *descriptors, struct launch *launch,
                   struct err *err)
{
    return launch_prepare_streams(program, descriptors, NULL, launch, err);
}

static int exec_error(int number, const struct program *program, struct err *err)
{
    const char *name = program->executable;
    switch (number) {
    case ENOENT: /* the file was there: its interpreter is not */
        return err_set(err, ERR_NOT_FOUND, "cannot run %s: it, or the interpreter in its first line, was not found",
                       name);
    case ENOEXEC:
        return err_set(err, ERR_NOT_EXECUTABLE,
                       "cannot run %s: no program of this machine; name an executable, or a script that starts with "
                       "#! and its interpreter",
                       name);
    case E2BIG:
        return err_set(err, ERR_NOT_EXECUTABLE, "cannot run %s: its arguments or environment are too long", name);
    default:
        return err_set(err, ERR_NOT_EXECUTABLE, "cannot run %s: %s; check its permissions", name, strerror(number));
    }
}

int launch_release(struct launch *launch, const struct program *program, struct err *err)
{
    int number = 0;
    ssize_t n;
    do
        n = write(launch->gate, "g", 1);
    while (n < 0 && errno == EINTR);
    close(launch->gate);
    do /* ends at once when exec closes the other end */
        n = read(launch->report, &number, sizeof number);
    while (n < 0 && errno == EINTR);
    close(launch->report);
    launch->gate = launch->report = -1;
    if (n != (ssize_t)sizeof number)
        return 0;
    reap(launch->pid);
    return exec_error(number, program, err);
}

void launch_cancel(struct launch *launch)
{
    close(launch->gate);
    close(launch->report);
    reap(launch->pid);
}
