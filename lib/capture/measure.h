/*
 * A measurement in progress: three threads and what they share.
 *
 *   tracker  finds processes and threads, sees them end, drains the kernel's clock       (tracker.c)
 *   sampler  wakes on the target's core, reads stacks, proves them, interns, queues      (sampler.c); with
 *            assistants on further cores that run threads of it                          (sampler_cores.c)
 *   writer   names, states, recording, commit twice a second                            (writer.c)
 *
 * session.c starts and ends them. Stopping goes in that order: sampler, tracker, writer.
 */
#ifndef KEISOKU_CAPTURE_MEASURE_H
#define KEISOKU_CAPTURE_MEASURE_H

#include "capture/kernel_noise.h"
#include "capture/kernel_sampler.h"
#include "capture/kernel_sockets.h"
#include "capture/kernel_start.h"
#include "capture/lock_looks.h"
#include "capture/operands.h"
#include "capture/perf_clock.h"
#include "capture/proc_events.h"
#include "capture/sample_queue.h"
#include "capture/stopwatch.h"
#include "data/recording.h"

#include <stdio.h>

struct measure_options {
    double rate_hz;
    bool rate_asked;
    double budget;
    uint64_t delay_ns, duration_ns;
    uint64_t keep_ns, max_bytes; /* 0: everything, as large as it gets */
    double when_cpu;             /* --save-when; 0: no such trigger */
    uint64_t when_rss_bytes, when_stuck_ns;
    bool no_children, no_source, no_operands, redact_args;
    bool native;
    bool free_only, core_only, kernel_only, stop_only; /* --reader */
    bool calls, argument_hashes, allocations;          /* in the program, by the agent */
    bool discard_output;                               /* of the program; its standard input is empty then */
};

/* Counted by the sampler, read by the writer. */
struct sampler_counts {
    atomic_uint_fast64_t sweeps, planned, late, reads, rereads, samples, dropped;
    atomic_uint_fast64_t stops;                    /* of threads, by ptrace */
    atomic_uint_fast64_t awake_ns, contested_ns;   /* from waking to sleeping; of that with a runnable target there */
    atomic_uint_fast64_t cpu_ns;                   /* the sampler thread's own */
    atomic_uint_fast64_t interrupts, interrupt_ns; /* of the kernel sampler in the target's threads */
    atomic_uint_fast64_t kernel_sweeps;            /* of `sweeps`, instants of the kernel sampler */
    atomic_uint_fast64_t due, hits;                /* of these in threads that ran: by their CPU time; that came */
    atomic_uint_fast64_t first_ns, last_ns;        /* of the sweeps, CLOCK_MONOTONIC */
    atomic_uint_fast64_t waited_ns;     /* for a core, by sampler or tracker, whichever did longer; at their ends */
    atomic_uint_fast64_t busy_cores;    /* cores with a running thread, added up over the sweeps */
    atomic_uint_fast64_t sweep_from_ns; /* since when one is being made; 0: none */
    /* Of that one, the same, once the writer has found that it waits for a page of the target's memory; of those that
     * have ended, how long they took. */
    atomic_uint_fast64_t page_wait_from_ns, page_wait_ns;
};

enum trigger_kind { TRIGGER_CPU, TRIGGER_RSS, TRIGGER_STUCK, TRIGGER_COUNT };
const char *trigger_name(enum trigger_kind kind);

/* Why the recording ended before the program. */
enum end_reason { END_NONE, END_MAX_SIZE, END_STOPPED };

/* Where the threads meet for a pause or a copy. Everything is under `lock`. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* by CLOCK_MONOTONIC */
    bool pause_asked, sampler_rests, writer_rests;
    bool save_wanted; /* the writer is to commit and fill `trust` */
    struct recording_trust trust;
    bool trigger_fired[TRIGGER_COUNT]; /* the control thread is to make a copy */
    char trigger_what[TRIGGER_COUNT][64];
    char said[4096 + 256]; /* the last copy that was made by itself, as a line for the user */
    uint32_t n_said;
};

struct agent_counts;
struct unwinder;
struct measurement {
    struct measure_options options;
    struct track track;
    size_t store_side_bytes; /* of stack stores */
    struct sample_queue queue;
    pthread_mutex_t queue_lock; /* of the samplers that fill it */
    struct operand_queue operands;
    struct lock_queue locks;
    struct agent_counts *agent;             /* NULL: nothing is counted in the program */
    struct perf_clock *perf;                /* NULL: not permitted */
    struct err perf_error;                  /* why it was not */
    struct proc_events *events;             /* NULL: not permitted */
    struct kernel_sockets *_Atomic sockets; /* NULL: not permitted; the tracker sets those that come later */
    struct kernel_start *kernel_start;      /* NULL: none is on its way */
    struct kernel_sampler *kernel_loaded;   /* the tracker's: that came so; NULL: none */
    struct kernel_sampler *_Atomic kernel;  /* NULL: not used; the tracker sets one that comes later */
    struct recording *recording;
    uint64_t start_ns;      /* CLOCK_MONOTONIC of the recording's start */
    struct stopwatch watch; /* time since then that is measured */
    struct gate gate;
    struct control *control;      /* control.h */
    atomic_bool pause;            /* as gate.pause_asked, for the timed path */
    atomic_bool saving;           /* a copy is read from the recording */
    atomic_uint_fast64_t end_ns;  /* CLOCK_MONOTONIC: the recording ended there; 0: it goes on */
    atomic_uint_fast64_t took_ns; /* measured time when the recording ended; 0: it goes on */
    atomic_int end_reason;        /* enum end_reason */
    uint64_t start_ticks;         /* the same as /proc tells the starts of processes */
    uint64_t cpu_before_ns;       /* this process's CPU time then */
    struct sampler_counts counts;
    atomic_uint native_pieces; /* alive */
    struct unwinder *unwinder; /* the writer's; NULL: no native frames */
    atomic_uint_fast64_t losses[LOSS_KIND_COUNT];
    atomic_bool stop_sampler, stop_tracker, stop_writer;
    pthread_t sampler, tracker, writer;
    bool sampler_runs, tracker_runs, writer_runs;

    void *sampler_state, *tracker_state;

    /* the tracker's */
    pid_t child;                /* started by us; 0 for attach */
    int child_fd, wake_fd;      /* pidfd of it; eventfd that ends the tracker's sleep */
    int end_fd;                 /* eventfd: `ended` was set */
    atomic_int wait_status;     /* of the child, -1 while it runs */
    int64_t fork_bytes;         /* our resident size at the fork: the child's until it executed the program */
    atomic_bool no_descriptors; /* were left for some of the threads */
    atomic_bool real_time;      /* threads were met that keep their cores from us */
    atomic_bool ended;          /* the child, or everything attached to, has ended */
    atomic_uint live_processes, live_pythons, live_threads, pythons_seen;
    struct err open_error; /* [L] why the last process was not readable */
    struct err refusal;    /* [L] why the first that was readable is not any more */
    uint64_t refused_ns;   /* [L] when that was seen, CLOCK_MONOTONIC */

    /* the writer's */
    struct kernel_noise noise; /* read by the tracker once it is known */
    atomic_bool noise_known;
    atomic_uint_fast64_t points, kernel_points; /* instruction pointers until then; those in the kernel */
    uint64_t run_ns;                            /* CPU time of all threads, as written */
    pthread_mutex_t failure_lock;
    struct err failure; /* the recording cannot be written any more */
};

/* Memory of the two threads, so that they cannot fail once the program runs. */
int sampler_prepare(struct measurement *m);
int tracker_prepare(struct measurement *m);
/* sampler_stop.c. An error where another program traces the process, so that we cannot. */
int sampler_stop_check(pid_t pid, struct err *err);
/* sampler.c. Lets the sampler thread run on another core than the one that it waits for. */
void sampler_leave_core(struct measurement *m);
/* The sampler thread's id; 0: it does not run. */
pid_t sampler_tid(struct measurement *m);
void *sampler_main(void *measurement);
void *tracker_main(void *measurement);
void *writer_main(void *measurement);

/* session.c. Ends the recording there: the program goes on. Any thread. */
void measure_end(struct measurement *m, uint64_t now_ns, enum end_reason reason);
/* control.c. Has a copy made in the background. */
void measure_ask_copy(struct measurement *m, enum trigger_kind kind, const char *what);

/* The calling thread ends: so long it waited for a core. The tracker ends behind the sampler. */
static inline void measure_waited(struct measurement *m, uint64_t waited_ns)
{
    if (waited_ns > atomic_load(&m->counts.waited_ns))
        atomic_store(&m->counts.waited_ns, waited_ns);
}

static inline void measure_lose(struct measurement *m, enum loss_kind kind, uint64_t count)
{
    atomic_fetch_add_explicit(&m->losses[kind], count, memory_order_relaxed);
}

/* Did the interrupt find the thread in the kernel without its being at work there (kernel_noise.h)? */
static inline bool measure_is_noise(struct measurement *m, uint64_t ip, bool kernel)
{
    if (atomic_load_explicit(&m->noise_known, memory_order_acquire))
        return kernel && kernel_noise_at(&m->noise, ip);
    atomic_fetch_add_explicit(&m->points, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->kernel_points, kernel, memory_order_relaxed);
    return false;
}

/* What the recording says that it knows from. */
static inline void measure_evidence(const struct measurement *m, bool kernel, char *text, size_t size)
{
    snprintf(text, size, "%s%s/proc%s%s%s", kernel ? "kernel sampler," : "", m->perf != NULL ? "perf clock," : "",
             m->options.calls ? ",calls" : "", m->options.argument_hashes ? ",argument hashes" : "",
             m->options.allocations ? ",allocations" : "");
}

/* Joins a process (tracker.c) that was born at `start_ns`, 0: not known; used before the tracker runs too. NULL when it
 * is gone. */
struct tracked_process *tracker_join(struct measurement *m, pid_t pid, pid_t parent, bool root, uint64_t start_ns);

#endif
