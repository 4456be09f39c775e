#include "capture/schedule.h"

#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SLICE_NS = 100 * 1000,
    POLICY_DEADLINE = 6,        /* linux/sched.h; not every C library has it */
    RESET_ON_FORK = 0x40000000, /* likewise */
    DEADLINE_PRIORITY = 100     /* the highest one of the others is 99 */
};

struct sched_attr_v1 { /* linux/sched/types.h; glibc 2.36 has no declaration */
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

void schedule_short_slice(void)
{
    struct sched_attr_v1 attr = {.size = sizeof attr};
    if (syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0) != 0 || attr.policy != SCHED_OTHER)
        return;
    attr.size = sizeof attr;
    attr.runtime = SLICE_NS;
    syscall(SYS_sched_setattr, 0, &attr, 0);
}

bool schedule_pin(int core)
{
    cpu_set_t set;
    if (core < 0 || core >= CPU_SETSIZE)
        return false;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

void schedule_unpin(const cpu_set_t *allowed)
{
    sched_setaffinity(0, sizeof *allowed, allowed);
}

uint64_t schedule_delay_ns(void)
{
    unsigned long long delay_ns = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "re");
    if (file == NULL || fscanf(file, "%*u %llu", &delay_ns) != 1)
        delay_ns = 0;
    if (file != NULL)
        fclose(file);
    return delay_ns;
}

/* 0: of no real-time class; DEADLINE_PRIORITY: goes before all priorities. */
static int priority_of(pid_t tid)
{
    struct sched_param param;
    int policy = sched_getscheduler(tid);
    if (policy >= 0)
        policy &= ~RESET_ON_FORK;
    if (policy == POLICY_DEADLINE)
        return DEADLINE_PRIORITY;
    if ((policy != SCHED_FIFO && policy != SCHED_RR) || sched_getparam(tid, &param) != 0)
        return 0;
    return param.sched_priority;
}

bool schedule_gives_way(pid_t tid)
{
    int priority = priority_of(tid);
    return priority == 0 || priority_of(0) > priority;
}
