/* What sampler.c (sweeps), sampler_sleepers.c (those that sleep), look.c (one look), sampler_cores.c (other cores) and
 * sampler_kernel.c (records of interrupts) share. A struct sampler is one thread's own; what several of them share has
 * a lock (the interning of a process, the queue) or is lent (threads). */
#ifndef KEISOKU_CAPTURE_SAMPLER_PRIVATE_H
#define KEISOKU_CAPTURE_SAMPLER_PRIVATE_H

#include "capture/interner.h"
#include "capture/measure.h"
#include "capture/pace.h"
#include "capture/proof.h"

#include "wire/kernel_sample.h"

#include <sched.h>

struct sampler_cores;
struct sampler_batch;

/* The GIL that somebody was last found to wait for, and who held it in that sweep. */
struct sampler_gil {
    const struct tracked_process *process;
    uint64_t address, sweep_ns, holder;
};

struct sampler {
    struct measurement *m;
    struct sampler_cores *cores; /* NULL: none that it could lend threads to */
    struct tracked_thread **list;
    size_t n, capacity;
    size_t holder_at; /* of the list: the thread that held the GIL when somebody was last found to wait for it */
    struct sampler_gil gil;
    struct python_stack stack;
    struct python_loops loops;         /* of it, where native frames are wanted and the kernel read it */
    struct tracked_thread **elsewhere; /* as long as list: run on another core than ours */
    size_t n_elsewhere;
    int busy_core; /* where a running thread was last read in this sweep; -1: none */
    int n_busy_cores;
    struct sampler_batch *batch;
    bool reads_later; /* the look that begins is one of a batch's: the word of the thread's core comes with its stack */
    struct interner interner;
    struct pace pace;
    uint64_t read_ns;    /* when the stack was read */
    enum loss_kind lost; /* why the last read failed */
    bool exiting;        /* it failed because the process ends */
    bool moved;          /* it failed because the thread ran on another core, or we do */
    int tries;           /* of the present look, before this one; the last gives up a stack that cannot be had */
    bool for_kernel;     /* a running thread is looked at although the kernel samples it */
    uint32_t looks_left; /* of those, in this drain */
    bool late;
    bool free;                          /* --reader free: running threads are read from whatever core we are on */
    size_t n_traced;                    /* --reader stop: threads that have been stopped, or are about to */
    double lessons;                     /* exact readings that may be had now to learn stacks */
    uint64_t lessons_ns;                /* since when they were counted */
    struct kernel_sampler *kernel;      /* that is used now; NULL: none */
    uint64_t period_ns, period_from_ns; /* of it, since when, */
    uint64_t period_said_ns;            /* when it was told of it, and its instants were counted, */
    double mean_ns;                     /* and the mean around which it was drawn */
    struct wire_operands operands;      /* of the sample that comes next, or of an earlier one */
    double instants;                    /* of it that are not counted yet: a part of one */
    uint64_t cost_interrupts, cost_ns;  /* samples by interrupts, and what they took, up to it */
    double due, given_due;              /* samples that it should have given so far; by the last look at its rate, */
    uint64_t given_hits;                /* and those that it had given by then */
    uint64_t hits_from_ns;              /* when it last began */
    bool waits_told;                    /* and it times waits */
    cpu_set_t allowed, allowed_first;   /* less those that refused us; as it was at first, which stays */
    _Atomic pid_t tid;                  /* of the sampler thread while it runs; 0: no */
    int core;                           /* pinned to; -1: none */
    uint64_t here_ns;                   /* when we came there last: woke, or hopped */
    bool contested;                     /* a runnable thread of the target was on our core in this sweep */
    uint64_t now_ns;
    struct python_stack chain;   /* coroutines of one task that waits */
    struct tracked_thread *slot; /* stands for it where stacks are interned */
    uint64_t cpu_counted_ns;     /* of our CPU time, as far as it is in the counts */
    uint64_t turns_due_ns;       /* when to look at the stack stores again */
};

/* sampler_waits.c. Waits that the kernel times. */
void sampler_take_wait(struct sampler *s, const struct wire_sample *sample, const struct wire_frame *frames);
void sampler_end_wait(struct sampler *s, const struct wire_waited *waited);
/* A record of the thread's next run, with its counters: where the end of its wait was not told, it was waked as long
 * ago as it has run and wanted to run since. */
void sampler_end_unseen_wait(struct sampler *s, struct tracked_thread *t, const struct proc_schedstat *now,
                             uint64_t now_ns);
/* The pending sample of `t` is a wait: so many instants it has grown by. */
uint32_t sampler_wait_ticks(struct sampler *s, struct tracked_thread *t);
/* With these counters `t` stood still from that time on, as far as is known. */
void sampler_saw(struct tracked_thread *t, const struct proc_schedstat *counters, uint64_t time_ns);
/* Had `t`, of whose wait nothing was told if it is in one, these counters at the sweep before? */
bool sampler_stood_still(const struct sampler *s, struct tracked_thread *t, const struct proc_schedstat *now);
/* It had, and sleeps: its stack is read now. */
void sampler_begin_untold(struct tracked_thread *t, struct proof *proof);

/* look.c. A look as proof.h says; more of them while the thread runs meanwhile. */
enum look sampler_look_at(struct sampler *s, struct tracked_thread *t);
enum look sampler_look_once(struct sampler *s, struct tracked_thread *t);
/* Its two halves, before and from the reading of the stack. `over`: there is no second. */
enum look sampler_look_begin(struct sampler *s, struct tracked_thread *t, struct proof *proof, bool *over);
enum look sampler_look_end(struct sampler *s, struct tracked_thread *t, struct proof *proof, enum look look);
/* Reads its stack and interns it. `watch`: it counts only if the thread's word of its core names ours behind everything
 * that is read. */
bool sampler_read(struct sampler *s, struct tracked_thread *t, bool watch);
/* False where it is known to run, or to want to: for readers to which the core does not matter. */
bool sampler_may_sleep(const struct tracked_thread *t, struct proof *proof);
/* The thread's memory tells the core that it runs on. */
bool sampler_tells_core(const struct tracked_thread *t);
/* A sample whose stack could not be had: its time is kept, with no stack. */
void sampler_give_up(struct sampler *s, struct tracked_thread *t, enum loss_kind why);
/* The thread sleeps on: its last sample stands for this sweep too. */
void sampler_same_again(struct sampler *s, struct tracked_thread *t);
/* A sample of what is in `stack`, with the counters of `proof`. */
void sampler_take(struct sampler *s, struct tracked_thread *t, const struct proof *proof, bool stack_good,
                  enum reader_kind reader);
/* Hands the thread's pending sample to the writer; `last`: no other comes. */
void sampler_flush(struct sampler *s, struct tracked_thread *t, bool last);
void sampler_clear_stack(struct sampler *s);
/* Queues a sample; false when there is no room. */
bool sampler_push(struct sampler *s, const struct raw_sample *raw);

/* sampler_free.c. A look from whatever core we are on; see there. */
enum look sampler_look_free(struct sampler *s, struct tracked_thread *t);

/* sampler_stop.c. A look at a thread that is stopped for it. */
enum look sampler_look_stopped(struct sampler *s, struct tracked_thread *t);
/* Lets go of threads that have stopped later than they were waited for; all of them, at an end. */
void sampler_settle(struct sampler *s);
void sampler_settle_all(struct sampler *s);

/* sampler_sleepers.c. Looks at the sleepers of one process, list[from, to), or knows that they sleep on. Those that ran
 * come to the front of it. */
void sampler_visit_sleepers(struct sampler *s, size_t from, size_t to);
/* The thread came to the list; is about to leave it. */
void sampler_joined(struct tracked_thread *t);
void sampler_left(struct tracked_thread *t);

/* sampler_batch.c. A look at each thread that is added, the stacks of one process's in one remote read: when it is
 * full, and at the end. What comes of it goes to sampler_looked. */
struct sampler_batch *sampler_batch_new(void);
void sampler_batch_add(struct sampler *s, struct tracked_thread *t);
void sampler_batch_end(struct sampler *s);

/* sampler_tasks.c. The task of the stack that was just read and interned. */
uint32_t sampler_task(struct sampler *s, struct tracked_thread *t);
/* Looks at tasks that wait, some of them a sweep. */
void sampler_watch_tasks(struct sampler *s);
void sampler_unwatch(struct tracked_thread *t);
/* A record of a task or greenlet whose stack is in `chain`; false when there is nothing to record. */
bool sampler_take_task(struct sampler *s, struct tracked_thread *t, const struct python_task_view *view,
                       struct raw_sample *raw);

/* sampler_greenlets.c. The greenlets of a thread, looked at in turns over many looks. */
struct greenlet_watch {
    struct looked_greenlet {
        uint64_t address, looked_ns; /* looked_ns 0: never */
    } * entries;                     /* in order of addresses */
    size_t count, next;
    size_t left, slice; /* of the look; of the slice */
    uint32_t version;   /* of the list that they are from */
};
void sampler_begin_greenlets(struct greenlet_watch *watch, struct tracked_thread *t);
/* Reads the next one: a record, or none. */
bool sampler_read_greenlet(struct sampler *s, struct tracked_thread *t, struct python_reader *reader,
                           struct greenlet_watch *watch, struct raw_sample *raw);
/* Was the slice proved? */
void sampler_end_greenlets(struct greenlet_watch *watch, bool good, uint64_t now_ns);
void sampler_forget_greenlets(struct greenlet_watch *watch);
/* sampler_turns.c. Turns the stack stores that are full. */
void sampler_turn_stores(struct sampler *s);
/* sampler_cores.c. Lends a running thread to the sampler of the core it is on; false when there is none. */
int sampler_cores_new(struct sampler *s);
void sampler_cores_free(struct sampler *s);
bool sampler_lend(struct sampler *s, struct tracked_thread *t);
/* Waits until all that were lent are back. */
void sampler_recall(struct sampler *s);

/* sampler.c. */
int sampler_init(struct sampler *s, struct measurement *m);
void sampler_release(struct sampler *s);
/* Looks at one thread, at once or with others (sampler_batch_end). */
void sampler_look(struct sampler *s, struct tracked_thread *t);
/* After a look: those that run on another core are put aside for a visit there. */
void sampler_looked(struct sampler *s, struct tracked_thread *t, enum look look);
/* A round of looks begins, planned for that time: true when it is late. */
bool sampler_begin(struct sampler *s, uint64_t planned_ns, uint64_t woke_ns);
/* Looks at the threads put aside, each on its core. */
void sampler_visit(struct sampler *s);
/* Counts our CPU time since the last call. */
void sampler_count_cpu(struct sampler *s);
/* After each sweep: keeps to the budget. */
void sampler_govern(struct sampler *s);
void sampler_sweep(struct sampler *s);
/* Runs on that core from now on; false when it may not. */
bool sampler_pin(struct sampler *s, int core);
/* Takes over new threads and lets ended ones go; without `wait` never waits for the tracker. */
void sampler_hand_over(struct sampler *s, bool wait);
/* Counts the time since waking; returns the time now. */
uint64_t sampler_count_awake(struct sampler *s, uint64_t woke_ns);

/* sampler_kernel.c. Makes the stack in `stack` of a record; false when it is none that could be shown. */
bool sampler_read_record(struct sampler *s, struct tracked_thread *t, const struct wire_sample *sample,
                         const struct wire_frame *frames);
/* Records of the thread are taken: it is on our list, and was not let go. */
bool sampler_knows(struct sampler *s, struct tracked_thread *t);
/* Waits for records and takes them; sweeps over the sleepers when that is due. */
void sampler_tick_kernel(struct sampler *s);
void sampler_drain_kernel(struct sampler *s);
/* Before and behind a pause, in which the kernel samples nothing. */
void sampler_rest_kernel(struct sampler *s);
void sampler_resume_kernel(struct sampler *s);
/* Goes over to the kernel sampler, or (NULL) back from it. */
void sampler_change_kernel(struct sampler *s, struct kernel_sampler *kernel);

/* Another sampler has it at this moment: nothing but its end may be asked for. */
static inline bool sampler_is_lent(const struct tracked_thread *t)
{
    return atomic_load_explicit(&t->lent, memory_order_acquire);
}

/* Its core is hardly to be had while it runs. */
static inline bool sampler_is_kept_off(const struct tracked_thread *t)
{
    return atomic_load_explicit(&t->keeps_core, memory_order_relaxed);
}

/* States of several interpreters: which of them runs is for the reader from the core to find out. */
static inline bool sampler_has_others(struct tracked_thread *t)
{
    return atomic_load_explicit(&t->others, memory_order_relaxed) != NULL;
}

/* It runs an event loop whose tasks are known. */
static inline bool sampler_reads_tasks(struct tracked_thread *t)
{
    return atomic_load_explicit(&t->runs_loop, memory_order_relaxed) && t->reader != NULL &&
           atomic_load_explicit(&t->process->asyncio_known, memory_order_acquire);
}

/* Greenlets were found on its C stack, or may be. */
static inline bool sampler_has_greenlets(struct tracked_thread *t)
{
    return atomic_load_explicit(&t->stack_high, memory_order_relaxed) != 0 && t->reader != NULL;
}

/* Its reader finds the task of each stack as soon as the process's are known. */
static inline void sampler_follow_tasks(struct tracked_thread *t)
{
    if (atomic_load_explicit(&t->process->asyncio_known, memory_order_acquire))
        python_reader_follow_tasks(t->reader, &t->process->asyncio);
}

#endif
