/*
 * The floor of any sampler that wakes a thread on the program's core: sleeps to instants a millisecond apart on a core
 * that a child of it keeps busy, reads nothing, and prints its own CPU time for each wake-up in microseconds.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAKES = 1000, SECOND_NS = 1000000000, APART_NS = 1000000 };

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int main(void)
{
    cpu_set_t set;
    int core = sched_getcpu();
    CPU_ZERO(&set);
    CPU_SET(core >= 0 ? core : 0, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        return 1;
    pid_t child = fork();
    if (child < 0)
        return 1;
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            ;
    }
    prctl(PR_SET_TIMERSLACK, 1);
    struct timespec when;
    clock_gettime(CLOCK_MONOTONIC, &when);
    double before = cpu_us();
    for (int i = 0; i < WAKES; i++) {
        when.tv_nsec += APART_NS;
        if (when.tv_nsec >= SECOND_NS) {
            when.tv_nsec -= SECOND_NS;
            when.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
    }
    printf("%.2f\n", (cpu_us() - before) / WAKES);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
