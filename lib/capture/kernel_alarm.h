/*
 * How the thread that drains the kernel sampler sleeps: to an instant, or until a record comes that cannot wait. The
 * instant behind it is set already. So the kernel's interrupt sets its timer for that one when the first is due, and we
 * need not set it a second time, which takes 5 µs in a virtual machine, a third of what a wake-up takes.
 */
#ifndef KEISOKU_CAPTURE_KERNEL_ALARM_H
#define KEISOKU_CAPTURE_KERNEL_ALARM_H

#include <stdbool.h>
#include <stdint.h>

struct kernel_alarm {
    int epoll_fd;
    int timer_fds[2];
    uint64_t set_ns[2]; /* 0: not set */
};
#define KERNEL_ALARM_NONE ((struct kernel_alarm){.epoll_fd = -1, .timer_fds = {-1, -1}})

/* `samples_fd`: the ring buffer of the records. 0 or -errno; to be closed in any case. */
int kernel_alarm_open(struct kernel_alarm *alarm, int samples_fd);
void kernel_alarm_close(struct kernel_alarm *alarm);
/* Sleeps until `until_ns` of the monotonic clock, or until a record comes that cannot wait: true. `behind_ns`: the next
 * instant thereafter; 0: not known. */
bool kernel_alarm_wait(struct kernel_alarm *alarm, uint64_t until_ns, uint64_t behind_ns);

#endif
