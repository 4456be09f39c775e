/* What the parts of the tracker thread share: tracker.c looks after processes, tracker_ends.c after their ends,
 * tracker_threads.c after the threads of one, tracker_greenlets.c after their greenlets, tracker_locks.c after who
 * holds their locks, tracker_kernel.c takes the kernel's word. */
#ifndef KEISOKU_CAPTURE_TRACKER_PRIVATE_H
#define KEISOKU_CAPTURE_TRACKER_PRIVATE_H

#include "capture/measure.h"

enum {
    NS_PER_MS = 1000000,
    PASS_MS = 50,
    PASS_BUSY_MS = 3, /* for a while after something was born */
    BUSY_NS = 500 * NS_PER_MS,
    BUSY_THREAD_NS = 20 * NS_PER_MS, /* of a thread: look_again_soon finds its state */
    LIST_NS = 10 * NS_PER_MS,        /* threads of a process are listed that often */
    LIST_SLOW_NS = 100 * NS_PER_MS,  /* with the kernel's records, which tell of new ones at once */
    STATE_FIRST_NS = 250 * 1000,     /* a thread born just now has no state yet: looked for again, each time later */
    STATE_LATE_NS = 5 * NS_PER_MS,
    SOON_COSTS = 8,                     /* and so many times what a list takes */
    COSTS = 100,                        /* of a repeated look pass between two, at least */
    COSTS_TOLD = 400,                   /* the same, of one that checks what the kernel's records tell */
    CHILDREN_NS = 3 * NS_PER_MS,        /* children, without the kernel's records */
    CHILDREN_SLOW_NS = 100 * NS_PER_MS, /* with them */
    ALIVE_NS = 50 * NS_PER_MS,
    OPEN_FIRST_NS = 2 * NS_PER_MS, /* a fork that is about to exec is not worth opening */
    OPEN_TRIES_MAX = 100,
    NATIVE_AGE_NS = 200 * NS_PER_MS, /* a thread that has had no Python for that long is a native one */
    NAME_TRIES_MAX = 8,
    ASYNCIO_TRIES_MAX = 10,
    LIST_FAILURES_MAX = 8,
    REFUSALS_TOLD = 3,               /* in a row: records of the kernel, if any, tell of an exec by then */
    STATUS_WAIT_NS = 60 * NS_PER_MS, /* the kernel tells a status a little after the end */
    SETTLED_NS = 100 * NS_PER_MS,
    TOGETHER_NS = 100 * NS_PER_MS, /* threads of a process that ends end within that */
    SAME_TICKS = 3,                /* two tellings of one start differ by so much at most */
    BIRTH_FDS_MAX = 256,           /* cores */
    AUXV_BYTES = 1024,
    ROOTS_MAX = 256
};

struct tracker {
    struct measurement *m;
    uint64_t now_ns, busy_until_ns, children_due_ns, alive_due_ns, reclaim_due_ns;
    struct python_thread *states; /* scratch of a listing */
    size_t states_capacity;
    pid_t *tids;
    size_t tids_capacity;
    struct task_log log;         /* of the kernel's records */
    bool rests;                  /* the recording is paused */
    struct python_frame *frames; /* scratch of a look at locks; NULL: none yet */
    uint64_t locks_due_ns, random;
    uint32_t missed; /* threads of the present listing that could not be followed */
};

/* The process has ended, or goes on as another program. */
void tracker_end_process(struct tracker *k, struct tracked_process *process, int exit_status);
/* Joins one that is gone already: all that is known of it is what the kernel's records say. */
struct tracked_process *tracker_join_gone(struct measurement *m, pid_t pid, pid_t parent, uint64_t start_ns);
/* A thread ended, or is read as another one from now on. */
void tracker_end_thread(struct measurement *m, struct tracked_thread *thread, uint64_t end_ns);
/* Takes the status of the child that keisoku began, where it has ended. */
void tracker_reap_child(struct tracker *k);
/* Ends the processes that are gone, and with the last root the measurement. `wait_for_status`: the kernel's records may
 * still tell it. */
void tracker_check_alive(struct tracker *k, bool wait_for_status);
/* It became another program and was gone before that could be looked at. */
void tracker_become_unseen(struct tracker *k, struct tracked_process *process);
/* Lists the threads of a process: new ones are followed, those that are gone end. */
void tracker_list_threads(struct tracker *k, struct tracked_process *process);
/* Has the kernel sampler tell the tasks of the process, which are known now. */
void tracker_tell_tasks(struct tracker *k, const struct tracked_process *process);
/* Why the process cannot be read any more: it took that away, by PR_SET_DUMPABLE, another user, or an exec. */
void tracker_tell_refusal(struct tracker *k, const struct tracked_process *process);
/* tracker_greenlets.c. Looks for the greenlets of a process, where it may have any. */
void tracker_find_greenlets(struct tracker *k, struct tracked_process *process);
/* tracker_locks.c. Looks who holds the lock that some thread waits for, if it does. */
void tracker_look_at_locks(struct tracker *k);
/* Where nobody chose: the kernel sampler once it is loaded, unless a thread is there that only the reader from the core
 * does justice to. */
void tracker_choose_reader(struct tracker *k);
/* Time since a thread started, by /proc's clock of 10 ms ticks. */
bool tracker_is_older(pid_t tid, uint64_t age_ns);
/* A repeated look is put off until it takes one part in so many of a core's time at most. `cost_ns`: of this thread's
 * CPU time, for a machine that stands still is no cost. */
uint64_t tracker_later(uint64_t interval_ns, uint64_t cost_ns, unsigned costs);
/* Takes what the kernel's clock and the process connector have told. */
void tracker_drain(struct tracker *k);

#endif
