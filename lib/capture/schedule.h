/* How the calling thread is scheduled. */
#ifndef KEISOKU_CAPTURE_SCHEDULE_H
#define KEISOKU_CAPTURE_SCHEDULE_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A short slice lets our wake-up preempt a thread that has just got its own (kernel 6.12+; without effect before). */
void schedule_short_slice(void);
/* Runs on that core alone from now on; false when it may not. */
bool schedule_pin(int core);
void schedule_unpin(const cpu_set_t *allowed);
/* For how long the calling thread has wanted a core and had none; 0 where the kernel does not tell. */
uint64_t schedule_delay_ns(void);
/* Does that thread, where it runs, give its core to one of ours that wakes there? A real-time one does not, unless ours
 * have a higher such priority. */
bool schedule_gives_way(pid_t tid);

#endif
