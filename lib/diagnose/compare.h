/*
 * Two recordings, before (A) and after (B), function by function and stack by stack, with the noise of both.
 *
 * Samples are counts: a function's share of the sampled instants is known to Wilson's interval, a difference of two to
 * Newcombe's (the two intervals combined). Many functions are compared at once, so the intervals are as wide as makes
 * all of them hold together in 95 of 100 comparisons (Bonferroni). What is not outside its interval is noise and no
 * change. Nor is what is less than a hundredth of the whole: runs differ by themselves, and one run each does not tell
 * by how much.
 *
 * Several runs of a side tell: values are means of the runs then, and an interval is Student's of the difference of two
 * means, with the spread between the runs of both sides together, but never narrower than that of the samples. It holds
 * for all at once that are a hundredth of the whole or more, since others are not told as changes.
 *
 * Functions are the same when name and file are; a file is named from the recording's working directory, or from
 * site-packages or the standard library on, so that another checkout or another Python compares.
 */
#ifndef KEISOKU_DIAGNOSE_COMPARE_H
#define KEISOKU_DIAGNOSE_COMPARE_H

#include "data/profile.h"

enum { SIDE_A, SIDE_B, SIDES };

enum compare_per {
    PER_CHOSEN_BY_US, /* per run where both are whole runs of a program, else per CPU second */
    PER_RUN,          /* seconds of each run */
    PER_CPU_SECOND    /* seconds of each second of CPU time */
};

enum change_kind { CHANGE_NOISE, CHANGE_MORE, CHANGE_LESS, CHANGE_NEW, CHANGE_VANISHED };
const char *change_kind_name(enum change_kind kind); /* "vanished" */

struct change {
    double value[SIDES];      /* seconds, as normalised */
    double change, low, high; /* B less A, with its interval */
    enum change_kind kind;
};

/* Time on and off the CPU, and sampled instants with it. */
struct compare_time {
    double on_ns, off_ns;
    uint64_t ticks;
};

/* Time of one function, line, call path or state. */
struct compare_sums {
    struct compare_time time[SIDES];   /* of all runs together */
    double sum[SIDES], squares[SIDES]; /* of the seconds of each run, as normalised */
    struct compare_time now;           /* of the run that is being added */
};

struct compare_function {
    uint32_t function[SIDES]; /* ids; 0: in no run of this side */
    uint32_t run[SIDES];      /* of which the id is one */
    struct compare_sums self_sums, total_sums;
    struct change self, total;
};

/* A line of a function that was innermost (compare_lines.h says which are the same). */
struct compare_line {
    uint32_t function;    /* index of functions */
    uint32_t line[SIDES]; /* 0: in no run of this side */
    uint32_t last_run;    /* that had it, of all counted from 1 */
    const char *text;     /* of B, where it has it; NULL: no recording does. Not terminated */
    size_t text_length;
    struct compare_sums self_sums;
    struct change self;
};

/* A call path of either recording: node 0 is the root. Parents come before their children. */
struct compare_node {
    uint32_t parent, function; /* indexes of nodes, functions (before they are put in order: `order`) */
    uint32_t first_child, next_sibling;
    struct compare_sums self_sums, total_sums;
    struct change self, total;
};

/* The recordings of one side, one or more. */
struct compare_runs {
    const struct profile *const *profiles;
    size_t count;
};

struct comparison {
    struct compare_runs runs[SIDES];
    const struct profile *profile[SIDES]; /* the first of each */
    enum compare_per per;                 /* PER_RUN or PER_CPU_SECOND */
    bool cpu;                             /* CPU time; else wall time of the threads that were not idle workers */
    bool several;                         /* there are more runs than two, so their spread is known */
    double cpu_s[SIDES];                  /* CPU time, mean of the runs */
    double duration_s[SIDES];
    struct compare_time all[SIDES]; /* of all runs together */
    struct change whole;            /* duration or CPU time: exact, so of one run each the interval is itself */
    struct change states[STATE_COUNT];
    struct compare_function *functions; /* [0]: time without a function */
    uint32_t *order;                    /* of the functions from 1 on: changes first, the largest first */
    size_t n_functions, n_changed;
    struct compare_node *nodes;
    uint32_t *stacks; /* nodes whose own time is a change: the largest first */
    size_t n_nodes, n_stacks;
    struct compare_line *lines; /* changes first, the largest first */
    size_t n_lines, n_changed_lines;
    double resolution; /* what a function with a hundredth of the time or more must change by to be told, at most */
    char headline[256], detail[768];
};

extern const double compare_floor; /* of the whole: less is no change */

/* The profiles must outlive the comparison. */
int compare_new(const struct compare_runs runs[SIDES], enum compare_per per, bool cpu, struct comparison **result);
void compare_free(struct comparison *comparison);

/* Name, file and line of a compared function, from the recording that has it (B before A). */
struct compare_place {
    const struct profile *profile;
    uint32_t name, file, line, kind; /* strings of the profile; line: of the definition */
    bool own;
};
struct compare_place compare_place(const struct comparison *comparison, uint32_t function);

/* Fills headline and detail. */
void compare_verdict(struct comparison *comparison);

#endif
