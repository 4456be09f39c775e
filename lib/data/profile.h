/*
 * A recording in memory, read-only: what diagnose and export work on. Ids index the arrays directly; index 0 of
 * strings, functions, frames, stacks, processes and threads is the "none" entry.
 *
 * Samples are columns, ordered by thread, then time. `wall_ns` and `cpu_ns` are computed at load so that sums are
 * exact: in each window of a thread (25 samples, a second at most), its run time (scheduler's counters) is shared by
 * its on-CPU samples in proportion to their ticks, and the rest of the window less the run delay by its off-CPU
 * samples. The run delay becomes entries of state `runnable` with 0 ticks (one for each 4 ms, at most 64 a window) on
 * the stacks of that window's on-CPU samples in proportion, or goes to its sampled `runnable` ones. What a window has
 * no sample for goes to the next that has, at the end to entries with 0 ticks: where the thread waited last, or stack
 * 0. Per thread, the wall_ns of all samples therefore add up to the thread's lifetime, and the cpu_ns to its run time.
 *
 * Of more than 2 million samples, those of a second that are alike (one thread, stack, state, task, reader, marks and
 * place)
 * are one entry, at the time of the first.
 */
#ifndef KEISOKU_DATA_PROFILE_H
#define KEISOKU_DATA_PROFILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "data/types.h"

struct frame {
    uint32_t function, line;
};

struct stack {
    uint32_t parent, frame, depth; /* depth 1: outermost */
};

struct profile_source {
    uint32_t file, first_line; /* string id; number of the text's first line */
    const char *text;
    size_t length;
    const uint32_t *marks; /* where every SOURCE_MARK_LINES-th line begins; NULL: lines are counted from the first */
    size_t n_marks;
};
enum { SOURCE_MARK_LINES = 64 };

/* The recorder was told not to measure: the clock stood still. */
struct gap {
    uint64_t time_ns, length_ns;
};

struct profile_samples {
    size_t count;
    uint64_t *time_ns;
    uint32_t *thread, *stack, *ticks; /* ticks 0: an entry made from run delay */
    double *wall_ns, *cpu_ns;
    uint8_t *state, *marks, *reader, *place;
    uint32_t *task; /* NULL: no sample has one */
};

struct profile {
    const struct profile *whole; /* a part (part.h): the recording it is of; else NULL */
    struct arena arena;
    char *path;
    /* meta */
    const char **command; /* NULL-terminated; empty for attach */
    const char *directory, *host, *mode, *evidence, *keisoku_version;
    uint64_t start_unix_ns, duration_ns;
    uint32_t cores, cores_allowed;
    double cores_quota;
    uint64_t dropped_ns; /* measured before that, and no longer here: what is here is the last part of a longer one */
    bool complete;       /* false: the recorder was killed; everything up to its last commit is here */
    struct self_report self;
    uint64_t losses[LOSS_KIND_COUNT];
    const char **notes; /* NULL-terminated */
    /* tables */
    const char **strings;
    uint32_t *string_lengths;
    struct function *functions;
    bool *function_own; /* own code: the program's files, not the standard library nor site-packages */
    struct frame *frames;
    struct stack *stacks;
    struct process *processes;
    struct thread *threads;
    bool *thread_idle; /* an idle worker all along: left out of shares */
    size_t n_strings, n_functions, n_frames, n_stacks, n_processes, n_threads; /* entry 0 included */
    struct task *tasks;                                                        /* entry 0 included; none: no table */
    size_t n_tasks;
    struct task_wait *task_waits; /* none of a part: they are counted over the whole recording */
    size_t n_task_waits, task_wait_capacity;
    struct profile_samples samples;
    struct counter *counters;
    size_t n_counters;
    struct profile_source *sources;
    size_t n_sources;
    struct gap *gaps; /* in order; none of a part */
    size_t n_gaps;
    struct expression *expressions; /* by frame; none of a part */
    size_t n_expressions, expression_capacity;
    struct operand *operands; /* by frame; none of a part */
    size_t n_operands, operand_capacity;
    struct lock_holder *lock_holders; /* by frame, those that held most often first; none of a part */
    size_t n_lock_holders, lock_holder_capacity;
    struct call_count *call_counts; /* by function, then process; none of a part */
    size_t n_call_counts, call_count_capacity;
    struct allocation *allocations; /* by stack, then process; none of a part */
    size_t n_allocations, allocation_capacity;
};

/* Loads `path`. A damaged, truncated or foreign file is ERR_CORRUPT or ERR_VERSION with a message; a file still being
 * written is read up to its last commit. */
int profile_load(const char *path, struct profile **result, struct err *err);
void profile_free(struct profile *profile);

/* How often a function was called in all processes together (process 0 in it); all zero where calls were not counted.
 */
struct call_count profile_calls_of(const struct profile *profile, uint32_t function);

/* Is `file` the program's own code? Pure: by path (standard library, site-packages, dist-packages, frozen). */
bool profile_file_is_own(const char *file);
/* Last two parts of a path ("json/encoder.py"), a pointer into `file`. */
const char *profile_short_file(const char *file);
/* A process's number and, in a merged recording, what tells it from others of that number: "4127", "web1:4127",
 * "4127@second.kei". Safe for a terminal. */
void profile_process_name(const struct profile *profile, uint32_t process, struct buf *out);
/* The expression with most samples of those that begin on the line and were innermost; NULL when none is known. *ticks:
 * those of all of them together. */
const struct expression *profile_hot_expression(const struct profile *profile, uint32_t file, uint32_t line,
                                                uint64_t *ticks);
/* What an operation ("in", "+=", "call") of a line worked on, as the most frequent type has it. */
struct line_operand {
    const char *type;
    const char *shape;                  /* of the latest array, "1000 x 1000"; NULL: none */
    uint64_t looks, type_looks, sized;  /* all; of that type; of them with a number of items */
    int64_t least, most, first, latest; /* items */
    double mean;
};
/* slot 0: what was worked on; 1: what with. False: never seen. */
bool profile_line_operand(const struct profile *profile, uint32_t file, uint32_t line, const char *operation, int slot,
                          struct line_operand *found);
/* Who held the lock that a line waited for: the function that most looks saw, and where it mostly was. */
struct line_holder {
    uint32_t function, line;
    uint64_t looks, held; /* all; with that function */
};
/* False: nobody was seen to. */
bool profile_line_holder(const struct profile *profile, uint32_t file, uint32_t line, struct line_holder *found);
/* "kept the last 10 min of 3 h; paused 2 times, 41.2 s in all": what of the program's time is not in it, and why;
 * nothing where all of it is. */
void profile_left_out(const struct profile *profile, struct buf *out);
/* One source line without its newline; NULL when the recording does not have it. */
const char *profile_source_line(const struct profile *profile, uint32_t file, uint32_t line, size_t *length);

#endif
