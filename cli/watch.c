#include "watch.h"

#include "signals.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

/* A signal that was passed on and ends programs ends the series too: the next one would only get in its way. */
static volatile sig_atomic_t ending;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void pass(void *context, int signal)
{
    struct watch *watch = context;
    if (signal == SIGTERM || signal == SIGHUP || signal == SIGINT || signal == SIGQUIT)
        ending = 1;
    kill(watch->pid, signal);
}

static void started(void *context, pid_t pid, uint64_t born_ns)
{
    struct watch *watch = context;
    watch->pid = pid;
    signals_pass_to(pass, watch, born_ns);
}

static void ended(void *context, pid_t pid)
{
    (void)context;
    (void)pid;
    signals_pass_to(NULL, NULL, 0);
}

static bool stop(void *context)
{
    (void)context;
    return ending || signals_interrupts() > 0;
}

static void show(void *context, const char *what, uint32_t done, uint32_t of)
{
    struct watch *watch = context;
    char line[160];
    snprintf(line, sizeof line, "keisoku  %.0f s  %s %u of %u", now_s() - watch->start_s, what, done, of);
    progress_line(&watch->progress, now_s() - watch->start_s, line);
}

bool watch_start(struct watch *watch, const struct settings *settings)
{
    *watch = (struct watch){.start_s = now_s()};
    watch->hears = (struct kei_watch){watch, started, ended, stop, show};
    progress_start(&watch->progress, settings);
    return signals_start(true);
}

void watch_end(struct watch *watch)
{
    progress_erase(&watch->progress);
}
