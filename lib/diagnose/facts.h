/*
 * What the rules look at, computed once for all of them: how the elapsed time was spent (not the thread-seconds: a
 * program with one busy thread and nine waiting ones is busy all the time), what the cores did, the hottest function,
 * the loop that dominates, waits, delays.
 *
 * In parts of elapsed time, a thread that wants a core counts as active, so that a starved program does not look like a
 * waiting one. Parts of CPU time are of the time on the CPU.
 */
#ifndef KEISOKU_DIAGNOSE_FACTS_H
#define KEISOKU_DIAGNOSE_FACTS_H

#include "diagnose/calls.h"
#include "diagnose/crowd.h"
#include "diagnose/held.h"
#include "diagnose/ledger.h"
#include "diagnose/native_code.h"
#include "diagnose/reach.h"
#include "diagnose/trend.h"

/* A loop found by what comes back: the places at one depth of the dominating chain of calls, in time order. */
struct loop {
    uint32_t function;                 /* whose lines, or whose calls, come back; 0: none found */
    uint32_t caller_file, caller_line; /* the call that leads to it; 0: none */
    double share;                      /* of its thread's time on the CPU that it spans */
    uint64_t returns;                  /* how often a place was come back to: a lower bound of the rounds */
};

/* A loop whose rounds do not need each other, as far as its text tells. */
struct free_rounds {
    uint32_t frame; /* its line with most time; 0: none */
    double share;   /* of its thread's time on the CPU, under it */
    double round_s; /* a round takes, about; 0: not known */
    bool numbers;   /* each of them is for a number */
};

struct wait_facts {
    uint32_t thread;               /* the one that waits most for input or output; 0: none */
    double io_ns, longest_ns;      /* its time in that state; of its longest wait */
    double waits;                  /* separate waits of it, at least */
    uint32_t leaf;                 /* function it waits in most */
    uint32_t file, line, function; /* own place that waits most, else any */
    double place_ns;               /* wait time of that place */
    uint32_t stack;                /* with most wait time, of those that lead to that place */
};

struct facts {
    const struct profile *profile;
    const struct aggregate *aggregate;
    const struct diagnosis *diagnosis;
    double start_ns, elapsed_ns; /* from the first thread's start to the last one's end */
    struct strata strata;

    /* Parts of elapsed time; their sum is 1. */
    double active;                /* something was on the CPU (or wanted to be) */
    double io, lock, rest, other; /* nothing was: waits for I/O; locks; sleeps and idles; anything else */
    double serial;                /* of active: about one core's worth */
    double io_overlap;            /* threads that wait so at once (waits_beside), on average, while there were any */

    /* Parts of the time on the CPU; python, native, import and gc: of what was told apart. */
    struct share python, native, on_cpu, import, gc;
    bool told_apart; /* python, native and kernel could be told apart for most of it */

    double delay_ns, throttled_ns;
    double delay;     /* of run time and run delay: the run delay */
    bool cores_known; /* cores_free comes from the cores' own counters */
    double others;    /* cores' worth that other programs were busy for; known as cores_free is */
    uint32_t cores_allowed;
    double written; /* bytes that its calls wrote, to files, pipes and sockets; -1: not known */

    const struct function_sum *hot; /* most own time in the interpreter; NULL: none */
    bool hot_own;
    double hot_cpu_share;           /* of the time on the CPU, its own time in the interpreter */
    struct share hot_share;         /* the same with its interval */
    double hot_line_share;          /* of the function's own time, its hottest line */
    uint32_t line_first, line_last; /* lines that hold most of its own time */
    bool builtin;                   /* its time is in long calls of built-in functions */
    double loop_share; /* of its instruction pointers in the interpreter, those in the loop; -1: not known */
    char callee[48];   /* what its hottest line calls, as its text has it; "": not known */
    struct native_module native_top; /* with most of the native time; cpu_ns 0: none */
    uint32_t own_frame;              /* own code from which the hottest function is called most; 0: none */
    const struct line_sum *hottest;  /* the line with most time on the CPU; NULL: none */
    struct share hottest_share;      /* its part of that time */
    uint32_t busiest;                /* the thread with most time on the CPU; 0: none */
    double busiest_ns;
    struct loop loop; /* of that thread */
    struct free_rounds free_rounds;
    struct wait_facts wait;
    uint32_t gil_process;                         /* where the GIL is waited for most */
    double gil_wait_ns, gil_hold_ns, gil_wall_ns; /* of that process */
    uint32_t gil_threads;                         /* its threads that waited for it noticeably */
    struct reach reaches[REACH_COUNT];
    uint16_t *sets; /* of reaches.def, those that each stack leads through, a bit each: reach_leads() */
    bool *for_one;  /* by stack: a wait there is for one thing: waits_for_one() */
    struct held_up held_up;
    struct small_calls small;
    struct repeated_calls repeated;
    struct unused_imports imports;
    struct trend memory;
    struct held held, held_blocks; /* bytes of the process whose memory grew most; blocks of all */
    struct crowd crowd;
    uint32_t handed_frame; /* of the threads that wait for the GIL, what could be handed to processes; 0: not known */
    uint32_t collecting_frame; /* the own place that nearly all collections are under; 0: none */
    /* Evidence that most rules on better algorithms ask. Without it they say nothing, which is no sign of anything. */
    bool looked_at; /* a look fell on what the busiest process computes; true too where little is computed */
    bool text_kept; /* the source text of the hottest line, where that is own code; else any */
};

/* `profile` and `aggregate` (of it) are without the threads that nobody waits for; the cores' use is of all. */
int facts_make(const struct profile *profile, const struct aggregate *aggregate, struct diagnosis *diagnosis,
               struct facts *facts);

/* Also where that failed. */
void facts_release(struct facts *facts);

/* In timeline.c, used by facts.c: */
int timeline_measure(const struct profile *profile, struct facts *facts);
/* In builtin.c: sets `builtin`, `loop_share`, `callee`, `native_top` and `own_frame`. */
int builtin_find(struct facts *facts);
/* Was the function seen to work on much at once? Then a line of it may take long. */
bool works_on_much(const struct profile *profile, uint32_t function);
/* In collecting.c: sets `collecting_frame`. */
int collecting_find(struct facts *facts);
/* In evidence.c, behind all that it looks at: sets `looked_at` and `text_kept`. */
int evidence_find(struct facts *facts);
/* In handed.c, behind the GIL's facts: sets `handed_frame`. */
int handed_find(struct facts *facts);
/* In loop.c: the dominating loop of a thread, by its samples on the CPU. */
int loop_find(const struct profile *profile, uint32_t thread, struct loop *loop);

/* In free_rounds.c: the loop of a thread that could be shared with other processes. */
int free_rounds_find(const struct profile *profile, uint32_t thread, struct free_rounds *found);

/* In waits.c: the thread that waits most for input or output, and where. */
int waits_find(struct facts *facts);
/* Is this a wait for one thing? An event loop's wait for whatever comes first overlaps already. */
bool waits_for_one(const struct facts *facts, size_t sample);
/* Is this wait for input or output one of those beside `wait`'s thread? In the same function, and from the same own
 * one; or, in its process, from any own one. A server's wait for the next request, in the library, is another thing. */
bool waits_beside(const struct facts *facts, size_t sample);
/* The function that the sample is in; 0: none. */
uint32_t sample_function(const struct profile *profile, size_t sample);
/* The innermost own frame of the sample; else its innermost. */
uint32_t sample_own_frame(const struct profile *profile, size_t sample);

/* From so many entries on, a pass over them is worth a thread (base/beside.h). */
enum { BESIDE_SAMPLES = 200000 };

/* Is the sample part of the shares (a thread that matters)? */
static inline bool sample_counts(const struct profile *profile, size_t index)
{
    uint32_t thread = profile->samples.thread[index];
    return thread != 0 && thread < profile->n_threads && !profile->thread_idle[thread] &&
           profile->samples.state[index] < STATE_COUNT;
}

#endif
