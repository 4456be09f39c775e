/*
 * Recordings of one program at several sizes, function by function: how each one's CPU time grows (diagnose/growth.h).
 * A function's CPU time is the scheduler's, shared out by samples, so its error is that of its count of samples, with
 * what runs differ by themselves (4 %) on top. Calls, where all recordings have their counts, are exact.
 */
#ifndef KEISOKU_DIAGNOSE_SCALING_H
#define KEISOKU_DIAGNOSE_SCALING_H

#include "base/map.h"
#include "data/profile.h"
#include "diagnose/growth.h"

/* What is counted of the whole program beside its time. */
enum scaling_bytes {
    SCALING_PEAK,    /* of its largest process */
    SCALING_READ,    /* by system calls, from whatever */
    SCALING_WRITTEN, /* so too */
    SCALING_BYTES
};
const char *scaling_bytes_name(enum scaling_bytes which); /* "peak memory" */

struct scaling_run {
    double size, cpu_s, wall_s;
    double bytes[SCALING_BYTES]; /* -1: the recording does not have it */
    uint64_t samples;
    double seen;  /* share of the CPU time that the kernel counted of its processes which the samples account for */
    bool counted; /* the calls of its functions */
};

enum scaling_doubt {
    DOUBT_NONE,
    DOUBT_FEW_SAMPLES, /* fewer than 50 even where it has most */
    DOUBT_FEW_SIZES    /* seen at fewer than four sizes with ten samples or more */
};

struct scaling_calls {
    uint64_t counts[GROWTH_POINTS_MAX]; /* of each run */
    double largest, largest_s;          /* of a run at the largest size; CPU time of a call there */
    struct growth growth, time;         /* of calls; of the CPU time of a call, seconds */
};

struct scaling_function {
    char *name, *file; /* file: its last two parts */
    uint32_t line;
    bool own;
    double cpu_s[GROWTH_POINTS_MAX]; /* of each run */
    uint64_t samples[GROWTH_POINTS_MAX];
    double share; /* of the CPU time at the largest size */
    enum scaling_doubt doubt;
    struct growth growth;
    struct scaling_calls calls; /* where they were counted in all runs */
};

struct scaling {
    struct scaling_run runs[GROWTH_POINTS_MAX];
    size_t n_runs, n_sizes;
    struct scaling_function **functions; /* by share, then calls, descending, once judged */
    size_t n_functions, capacity;
    struct map names;
    struct growth cpu, wall;            /* of the whole program */
    struct growth bytes[SCALING_BYTES]; /* not fitted: not recorded, or the sizes do not change it */
    struct growth rest, waiting;        /* of the CPU time: what the fitted functions leave; of the wall time: that */
    bool waits;                         /* the wall time is longer than the CPU time at each size */
    bool mixed;                         /* functions that matter grow differently: their sum is no curve */
    bool counted;                       /* calls, in all runs */
    double largest;                     /* size */
    char refusal[256];                  /* why nothing is claimed of its time; "" */
    char uncounted[96];                 /* why counts of calls are not fitted, where some runs have them; "" */
};

/* At a size that was not run. */
struct scaling_prediction {
    bool known;
    double value, low, high; /* low and high: of all curves that are likely, and their own 95 % */
};

/* 0, ERR_NOMEM, ERR_FULL (more runs than fit). */
int scaling_add(struct scaling *scaling, const struct profile *profile, double size);
/* Did the sampler miss much of the last run (on a machine that was too busy)? Then it can be taken back. */
bool scaling_missed(const struct scaling *scaling);
void scaling_take_back(struct scaling *scaling);
/* Fits, and finds out whether anything may be said: `refusal`. `function`: the one that was asked for, or NULL. */
void scaling_judge(struct scaling *scaling, const char *function);
/* The CPU time is the sum of what each function's curve foretells and of the rest's: a sum of curves is none of them.
 * The wall time is that and the time that it waits. */
void scaling_predict_times(const struct scaling *scaling, double size, struct scaling_prediction *cpu,
                           struct scaling_prediction *wall);
void scaling_predict_bytes(const struct scaling *scaling, enum scaling_bytes which, double size,
                           struct scaling_prediction *prediction);
/* Is how often functions are called told, whatever is refused of their time? */
bool scaling_tells_calls(const struct scaling *scaling);
void scaling_release(struct scaling *scaling);

/* ---- between its files ---------------------------------------------------------------------------------------------
 */

/* Found or made, by name and file; NULL: short memory. */
struct scaling_function *scaling_function_of(struct scaling *scaling, const struct profile *profile, uint32_t id);
void scaling_function_free(struct scaling_function *function);
/* Its CPU time of one run; false: of too few samples. */
bool scaling_cpu_point(const struct scaling *scaling, const struct scaling_function *function, size_t run,
                       struct growth_point *point);
int scaling_count_calls(struct scaling *scaling, const struct profile *profile, size_t run);
void scaling_judge_calls(struct scaling *scaling);
int scaling_count_bytes(const struct profile *profile, struct scaling_run *run);
/* Fits bytes, and what the prediction of times is made of. */
void scaling_judge_rest(struct scaling *scaling);

#endif
