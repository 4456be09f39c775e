/*
 * The proof that a thread stood still while it was read (design section 3, step 4).
 *
 * 1. proof_counters reads the thread's scheduler counters.
 * 2. proof_begin finds it off the CPU at a later moment: a runnable thread because we run on the core whose queue it is
 *    in; a sleeping one because /proc/…/syscall shows registers only of tasks that are descheduled.
 * 3. The caller reads the thread's memory.
 * 4. proof_end reads the counters again: each time a thread is switched in, one of them grows. Unchanged, it has not
 * run since before step 2. No allocation, no lock, nothing that the target could notice.
 */
#ifndef KEISOKU_CAPTURE_PROOF_H
#define KEISOKU_CAPTURE_PROOF_H

#include "capture/target/proc.h"

enum { NAP_NS = 8 * 1000 }; /* a shorter sleep cannot be told from our own coming and going */

enum look {
    LOOK_DONE,
    LOOK_ELSEWHERE, /* runs on another core */
    LOOK_AGAIN,     /* ran meanwhile */
    LOOK_GONE
};

struct proof {
    struct proc_schedstat before, after;
    struct proc_stat stat;
    struct proc_syscall call; /* of a sleeping thread */
    bool runs;                /* runnable: was on the CPU until we came */
    bool ended;               /* `after` is known: holds for what had been read by then */
    uint64_t read_ns;         /* when its memory was read, where that was together with others'; else 0 */
    uint64_t wait_from_ns;    /* of a sleeping one, where the kernel times its waits: when it began; else 0 */
    uint32_t waits;           /* so many of its waits it stands for, if it is a short one; 0: one */
};

static inline enum look proof_counters(const struct proc_thread *files, struct proof *proof)
{
    return proc_thread_schedstat(files, &proof->before) ? LOOK_DONE : LOOK_GONE;
}

/* The thread's time on a core and its waiting for one account for all the time since `last` was read: it has not slept,
 * nor does it now, but for the length of a nap. */
static inline bool proof_awake(const struct proc_schedstat *last, const struct proc_schedstat *now, uint64_t elapsed_ns)
{
    return now->run_ns - last->run_ns + (now->delay_ns - last->delay_ns) + NAP_NS >= elapsed_ns;
}

/* Sleeping, as /proc/…/syscall shows it; `stat` is read only where it adds something. */
static inline enum look proof_asleep(const struct proc_thread *files, struct proof *proof)
{
    if (!proc_thread_syscall(files, &proof->call) || proof->call.running)
        return LOOK_AGAIN;
    proof->runs = false;
    proof->stat.state = 'S';
    if (proof->call.number == -1 && !proc_thread_stat(files, &proof->stat)) /* a fault, stopped, or ended */
        return LOOK_GONE;
    return proof->stat.state == 'Z' || proof->stat.state == 'X' ? LOOK_GONE : LOOK_DONE;
}

/* `core`: the one that the calling thread is pinned to. `slept`: a hint of which file to look at first. */
static inline enum look proof_begin(const struct proc_thread *files, int core, bool slept, struct proof *proof)
{
    if (slept && proof_asleep(files, proof) == LOOK_DONE)
        return LOOK_DONE;
    if (!proc_thread_stat(files, &proof->stat) || proof->stat.state == 'Z' || proof->stat.state == 'X')
        return LOOK_GONE;
    proof->runs = proof->stat.state == 'R';
    if (proof->runs)
        return proof->stat.processor == core ? LOOK_DONE : LOOK_ELSEWHERE;
    return proof_asleep(files, proof);
}

static inline enum look proof_end(const struct proc_thread *files, struct proof *proof)
{
    proof->ended = true;
    if (!proc_thread_schedstat(files, &proof->after))
        return LOOK_GONE;
    return proof->after.switches == proof->before.switches ? LOOK_DONE : LOOK_AGAIN;
}

#endif
