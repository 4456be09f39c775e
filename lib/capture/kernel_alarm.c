#include "capture/kernel_alarm.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { TIMERS = 2, RECORDS = TIMERS, NS_PER_S = 1000000000 };

/* Each is told of once, when it happens: records are drained then, and timers set anew. */
static int add(const struct kernel_alarm *alarm, int fd, uint32_t which)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = which};
    return epoll_ctl(alarm->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int kernel_alarm_open(struct kernel_alarm *alarm, int samples_fd)
{
    *alarm = KERNEL_ALARM_NONE;
    alarm->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int rc = alarm->epoll_fd >= 0 ? add(alarm, samples_fd, RECORDS) : -errno;
    for (uint32_t i = 0; i < TIMERS && rc == 0; i++) {
        alarm->timer_fds[i] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        rc = alarm->timer_fds[i] >= 0 ? add(alarm, alarm->timer_fds[i], i) : -errno;
    }
    return rc;
}

void kernel_alarm_close(struct kernel_alarm *alarm)
{
    for (int i = 0; i < TIMERS; i++) {
        if (alarm->timer_fds[i] >= 0)
            close(alarm->timer_fds[i]);
    }
    if (alarm->epoll_fd >= 0)
        close(alarm->epoll_fd);
    *alarm = KERNEL_ALARM_NONE;
}

/* That instant is set by one of the timers, not by `other`. Returns which. */
static int set(struct kernel_alarm *alarm, uint64_t at_ns, int other)
{
    for (int i = 0; i < TIMERS; i++) {
        if (alarm->set_ns[i] == at_ns)
            return i;
    }
    int which = other == 0 || (other < 0 && alarm->set_ns[1] < alarm->set_ns[0]) ? 1 : 0;
    struct itimerspec when = {.it_value = {(time_t)(at_ns / NS_PER_S), (long)(at_ns % NS_PER_S)}};
    timerfd_settime(alarm->timer_fds[which], TFD_TIMER_ABSTIME, &when, NULL);
    alarm->set_ns[which] = at_ns;
    return which;
}

bool kernel_alarm_wait(struct kernel_alarm *alarm, uint64_t until_ns, uint64_t behind_ns)
{
    struct epoll_event events[TIMERS + 1];
    bool records = false;
    int first = set(alarm, until_ns, -1);
    if (behind_ns > until_ns)
        set(alarm, behind_ns, first);
    int n = epoll_wait(alarm->epoll_fd, events, TIMERS + 1, -1);
    for (int i = 0; i < n; i++) {
        if (events[i].data.u32 < TIMERS)
            alarm->set_ns[events[i].data.u32] = 0;
        else
            records = true;
    }
    return records;
}
