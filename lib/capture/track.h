/*
 * The processes and threads of a measurement, shared by its three threads: the tracker finds them and sees them end,
 * the sampler reads them, the writer records them. Open files, readers and instruction pointers of a thread are given
 * back when it has ended and the sampler let go of it; the object itself, and that of a process, when the writer has
 * written the last of it and forgotten it too.
 *
 * Who may touch what is said beside each field: [T]racker, [S]ampler, [W]riter, [L] under `lock`, [C] constant once the
 * object is published.
 */
#ifndef KEISOKU_CAPTURE_TRACK_H
#define KEISOKU_CAPTURE_TRACK_H

#include "base/err.h"
#include "capture/cpython/python.h"
#include "capture/greenlets.h"
#include "capture/stack_store.h"
#include "capture/target/proc.h"
#include "capture/task_store.h"
#include "capture/usage.h"

#include <pthread.h>
#include <stdatomic.h>

/* An instruction pointer of a thread, from the kernel's software clock. */
struct ip_point {
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint64_t ip;
    bool kernel;
};
enum { IP_POINTS = 256 };
struct ip_history {
    struct ip_point points[IP_POINTS]; /* a ring, in time order */
    uint32_t count, next;
};

enum {
    PROCESS_TEXT_BYTES = 4096,
    USUAL_WAITS = 8,
    PYTHON_STARTS_NS = 5000000 /* no interpreter reaches a program's first line in less */
};

struct tracked_process {
    pid_t pid, parent_pid; /* [C] */
    uint64_t start_ticks;  /* [C] with the pid it names the process for good; 0: gone before it was looked at */
    uint64_t start_ns;     /* [C] when it was joined, or was born and is gone, CLOCK_MONOTONIC */
    struct tracked_process *parent; /* [W] may be gone after its first write */
    struct tracked_process *next;   /* [T] bucket of the pid table */
    struct python *python;          /* [S] reads stacks through it; set by T before its threads are published */
    struct python *side;            /* [T] a handle of its own for lists and names */
    struct python_info info;        /* [C] once python_known */
    uint64_t open_retry_ns;         /* [T] when to look for an interpreter again */
    uint32_t open_tries;            /* [T] */
    bool root;                      /* [C] named by the user */
    bool several;                   /* [T] it has more than one interpreter */
    uint32_t missed;                /* [T] threads that could not be followed, at the last listing */
    uint32_t list_failures;         /* [T] in a row */
    uint32_t live_threads;          /* [T] */
    uint64_t list_due_ns;           /* [T] */
    uint64_t born_ns, soon_ns;      /* [T] its last thread's birth; the list that looks for its state again, or 0 */

    bool python_known;                   /* [L] */
    bool ended;                          /* [L] */
    bool changed;                        /* [L] the writer has not seen its present state */
    bool due;                            /* [W] to be written */
    bool exec_seen;                      /* [T] its memory was replaced: open it anew */
    uint64_t opened_ns;                  /* [T] it ran the program then that was looked into */
    uint64_t exec_ns;                    /* [T] when; 0: it was not seen to */
    char comm[16];                       /* [T] its name as the kernel has it, as last seen or told */
    bool parent_python, not_python;      /* [T] its parent runs Python; it was looked at, and does not */
    uint64_t exited_ns;                  /* [T] its last exit since its first thread ended, as told; 0: not told */
    int exited_status;                   /* [T] with it, as waitpid(2) gives it; -1: not told */
    uint64_t gone_ns;                    /* [T] when it was first found to be gone */
    bool any_thread;                     /* [T] one of its threads was handed to the sampler */
    atomic_bool read_failed;             /* S sets, T clears: reads fail, its memory may have been replaced */
    uint64_t careful_to_ns;              /* [S] every code object is looked at every time until then */
    uint64_t end_ns;                     /* [L] */
    int exit_status;                     /* [L] */
    bool counted_from_birth;             /* [C] once python_known: its counters are those of the recording */
    struct usage usage_before;           /* [C] likewise: of programs that it ran before the present one */
    struct usage usage_last;             /* [L] when it ended, with end_ns */
    bool usage_last_known;               /* [L] */
    char executable[PROCESS_TEXT_BYTES]; /* [L] */
    char directory[PROCESS_TEXT_BYTES];  /* [L] where it was when its program began; "": not known */
    char command[PROCESS_TEXT_BYTES];    /* [L] arguments joined by NUL */
    size_t command_size;                 /* [L] */

    atomic_bool asyncio_seen;                /* W sets: its code, or a coroutine, is on a stack */
    atomic_bool asyncio_known;               /* T sets: `asyncio` holds */
    struct python_asyncio asyncio;           /* [C] then */
    uint64_t asyncio_due_ns;                 /* [T] when to look for it (again) */
    uint32_t asyncio_tries;                  /* [T] */
    struct greenlet_list *_Atomic greenlets; /* T publishes it once; NULL: none yet */
    uint64_t greenlets_due_ns;               /* [T] when to look for them (again) */
    uint32_t greenlet_tries;                 /* [T] without the module */
    uint64_t untold_lock;                    /* [T] the last lock that nobody was found to hold */
    uint32_t untold_tries;                   /* [T] so often in a row */
    struct task_store *tasks;                /* [S] makes and fills it, W names what is in it; NULL: none yet */

    pthread_mutex_t interning;  /* of several samplers: of store, tasks and careful_to_ns */
    struct stack_store store;   /* [S] fills it, W names what is in it */
    uint32_t root_number;       /* [W] source_text.c: of where its paths begin; 0: not known */
    uint32_t id;                /* [W] of the recording */
    uint32_t parent_id;         /* [L] of the recording */
    uint64_t moved_ns;          /* [W] when one of its threads was last seen to get on */
    uint32_t held_threads;      /* [W] not forgotten yet */
    bool over;                  /* [W] it has ended, and that was written */
    atomic_bool forgotten;      /* W sets: T may free it */
    uint64_t free_ns;           /* [T] when that is safe */
    bool dying;                 /* [T] */
    struct module_map *modules; /* [W] for instruction pointers */
    int64_t ended_switches[2];  /* [W] of threads that are forgotten */
    uint64_t quota_due_ns;      /* [W] when to look for a quota (again) */
    bool usage_written;         /* [W] the last one */
    uint64_t cpu_others_ns;     /* [S] process CPU time less that of the threads on our list */
};

struct tracked_thread {
    struct tracked_process *process;    /* [C] */
    pid_t tid;                          /* [C] */
    uint64_t state_address;             /* [C] of the thread state; 0: no Python in it */
    struct python_thread python_thread; /* [C] */
    uint64_t start_ns;                  /* [C] */
    struct tracked_thread *next;        /* [T] bucket of the tid table */
    bool seen;                          /* [T] in the present listing */
    uint64_t unseen_ns;                 /* [T] since when it is in none */
    uint64_t name_due_ns;               /* [T] when to read its name (again) */
    uint32_t name_tries;                /* [T] */

    struct proc_thread files;            /* [S] */
    struct python_reader *reader;        /* [S] NULL without Python */
    struct other_states *_Atomic others; /* T publishes them once; NULL: one state, as nearly always */
    atomic_bool retire;                  /* T sets: read it no more */
    atomic_bool released;                /* S sets: no longer touched by it */
    atomic_bool keeps_core;              /* T sets: we do not get its core while it runs (schedule.h) */

    /* the sampler's own [S] */
    struct proc_schedstat last;    /* counters at its last sample */
    uint64_t run_seen_ns;          /* its run time when they were last read */
    uint64_t run_before_ns;        /* the same, before the look that was just had at it among many sleepers */
    bool ran;                      /* since then it has grown */
    uint64_t last_here_ns;         /* when the sampler had come to its core for that */
    uint64_t wanting_ns;           /* it has waited for a core so long up to then, which they do not have yet */
    struct proc_schedstat written; /* counters at its last written sample */
    uint64_t pending_ns;           /* time of the last sweep that saw the same again */
    uint64_t pending_since_ns;
    uint32_t pending_ticks;
    uint32_t stack;                  /* node of its last stack */
    uint64_t stack_ns;               /* when that was read, or known to be still the same */
    uint64_t wait_at, wait_known_ns; /* the descriptor of its last wait for input or output; when it was looked at */
    uint8_t wait_what;               /* what that is, as far as it is known */
    pid_t holder_tid;                /* its last sample waits for the GIL that this thread holds; 0: not known */
    uint32_t holder_node;            /* and there that was, at the last look at it */
    uint8_t state, marks, reader_kind;
    bool asleep;            /* slept at its last sample */
    uint64_t wait_from_ns;  /* its last sample is a wait that the kernel times; from here on it is not written */
    uint32_t waits;         /* which stands for so many */
    uint64_t seen_still_ns; /* first seen with these counters; if it sleeps with them, in a wait not told of */
    uint64_t seen_switches, seen_run_ns;
    bool unread; /* that wait was told of, but its stack could not be read; why: */
    enum loss_kind unread_why;
    bool pending;                              /* its last sample is not written yet: it may stand for more sweeps */
    bool checked;                              /* every code object of its stack was looked at */
    int core;                                  /* of the next look: where it was runnable at the last one */
    int ran_on;                                /* where it ran last, or wanted to: its times' core; -1: not known */
    atomic_bool lent;                          /* another sampler has it: it comes back by itself */
    bool lent_before;                          /* ran where that one looked at it last */
    bool taken, retire_seen;                   /* is on the sampler's list; was found retired one look ago */
    uint64_t ip, user_ip;                      /* of a sample by the kernel */
    struct native_piece *native, *native_next; /* held: of its last sample; of a record that has not come yet */
    struct python_frame *frames;               /* last raw stack, innermost first */
    uint32_t *nodes;                           /* node of each frame */
    uint32_t depth, frames_capacity;
    uint64_t trusted_to_ns;         /* their code objects need no look until then */
    uint32_t task;                  /* of its last stack, in the process's store; 0: none */
    uint64_t task_address;          /* where the target has it */
    struct python_task kernel_task; /* of a record that the kernel sampler made then */
    uint64_t kernel_task_ns, kernel_task_frame;
    uint64_t hit_ns, hit_run_ns;            /* its last record of an interrupt: when, its CPU time by then */
    struct task_watch *watch;               /* of the tasks that wait in its event loop; NULL: none */
    _Atomic uint64_t stack_low, stack_high; /* T sets: its C stack; 0: it has no greenlets */
    atomic_bool runs_loop;                  /* W sets: asyncio's code, or a coroutine, is on its stack */

    struct ip_history *ips;      /* [L] */
    char name[128];              /* [L] */
    bool ended, changed;         /* [L] */
    uint64_t end_ns;             /* [L] */
    struct proc_schedstat first; /* [C] counters when it was joined */

    uint32_t id;                           /* [W] of the recording */
    uint64_t run_total_ns, delay_total_ns; /* [W] of the samples written */
    uint64_t written_to_ns;                /* [W] time of the last of them, of the recording */
    uint32_t still_node;                   /* [W] trigger.c: where it is since still_since_ns */
    bool still_waits, still_told;          /* [W] */
    uint64_t still_since_ns;               /* [W] */
    uint32_t usual[USUAL_WAITS], n_usual;  /* [W] nodes where it waited and went on */
    bool due;                              /* [W] to be written */
    bool over;                             /* [W] it has ended, and that was written */
    uint64_t drained_at;                   /* [W] its last sample lies before that place of the queue; 0: not known */
    atomic_bool forgotten;                 /* W sets: T may free it */
    uint64_t free_ns;                      /* [T] when that is safe */
    uint64_t run_written_ns;               /* [W] as the recording has it */
    int64_t switches[2];                   /* [W] voluntary, involuntary; not of a process's first thread */
    _Atomic uint64_t left[2];              /* S sets: the same, by the kernel's last record; 0: there was none */
    uint64_t switches_due_ns;              /* [W] */
};

enum { TRACK_BUCKETS = 4096 };
struct track {
    pthread_mutex_t lock;
    struct tracked_process **processes; /* [T] */
    size_t n_processes, processes_capacity;
    struct tracked_thread **threads; /* [T] */
    size_t n_threads, threads_capacity;
    struct tracked_thread **incoming; /* [L] for the sampler */
    size_t n_incoming, incoming_capacity;
    struct tracked_process **fresh_processes; /* [L] for the writer */
    size_t n_fresh_processes, fresh_processes_capacity;
    struct tracked_thread **fresh_threads; /* [L] for the writer */
    size_t n_fresh_threads, fresh_threads_capacity;
    struct tracked_process *by_pid[TRACK_BUCKETS]; /* [T] */
    struct tracked_thread *by_tid[TRACK_BUCKETS];  /* [T] */
};

int track_init(struct track *track);
void track_release(struct track *track);
/* [T] Alive objects only. */
struct tracked_process *track_process(const struct track *track, pid_t pid);
struct tracked_thread *track_thread(const struct track *track, pid_t tid);
struct tracked_process *track_add_process(struct track *track, pid_t pid, pid_t parent, uint64_t start_ticks,
                                          uint64_t start_ns);
/* [T] It was looked into for an interpreter: `rc` of python_open and its `maybe`. A look after the end tells nothing.
 */
void track_looked_into(struct tracked_process *process, int rc, bool maybe);
/* [T] Nobody looked into it while that could be, and it may have run Python. */
bool track_may_have_been_python(const struct tracked_process *process, uint64_t end_ns);
/* Publishes the thread to sampler and writer. */
struct tracked_thread *track_add_thread(struct track *track, struct tracked_process *process, pid_t tid,
                                        const struct python_thread *state, uint64_t now_ns);
void track_end_process(struct track *track, struct tracked_process *process, uint64_t now_ns, int exit_status);
void track_end_thread(struct track *track, struct tracked_thread *thread, uint64_t now_ns);
/* Frees what ended threads hold once the sampler let go of them, and what the writer has forgotten. [T] */
void track_reclaim(struct track *track, uint64_t now_ns);
/* Its last sample is written: nothing asks for them any more. [W] */
void track_forget_ips(struct track *track, struct tracked_thread *thread);
void track_add_ip(struct track *track, struct tracked_thread *thread, const struct ip_point *point);
/* The instruction pointer of the thread nearest to `time_ns`, at most `within_ns` away. [W] */
bool track_nearest_ip(struct track *track, struct tracked_thread *thread, uint64_t time_ns, uint64_t within_ns,
                      struct ip_point *point);

#endif
