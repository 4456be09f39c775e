/*
 * A wall clock that is stepped all the time: loaded in front of a program (LD_PRELOAD), it answers every reading of
 * CLOCK_REALTIME with the true time plus years that are other ones each 20 ms. Other clocks are the kernel's own.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t step(void)
{
    static const int years[] = {10, -5, 3, 20, -9, 1, -2};
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    long slot = now.tv_sec * 50 + now.tv_nsec / 20000000;
    return years[slot % 7] * 365L * 24 * 3600;
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    int rc = (int)syscall(SYS_clock_gettime, id, time);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        time->tv_sec += step();
    return rc;
}

int timespec_get(struct timespec *time, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, time) == 0 ? base : 0;
}

int gettimeofday(struct timeval *restrict value, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *value = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *value)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (value != NULL)
        *value = now.tv_sec;
    return now.tv_sec;
}
