/*
 * Writing a recording (.kei; docs/recording.md): an SQLite database, write-ahead log while recording, high-volume
 * streams as zstd-compressed columnar chunks. Every source of lib/capture ends in the recording_add_* calls below. All
 * calls on one recording come from one thread.
 *
 * Order: recording_new, then adds in any order (a referred-to id must exist), recording_commit at least twice a second
 * (what is committed survives a kill -9 of the recorder), recording_finish, recording_free.
 *
 * Ids are u32 counting from 1; 0 means none, and is also returned when memory is short. After a failed write (full
 * disk) adds do nothing and recording_commit returns the same error again; what was committed stays readable.
 */
#ifndef KEISOKU_DATA_RECORDING_H
#define KEISOKU_DATA_RECORDING_H

#include "base/err.h"
#include "data/types.h"

#include <stddef.h>

struct recording;

struct recording_info {
    const char *const *command; /* argv of the program, NULL-terminated; NULL for attach */
    const char *directory;      /* working directory */
    const char *host;
    const char *mode;     /* "run" or "attach" */
    const char *evidence; /* comma-separated names: "perf clock,/proc" */
    uint64_t start_unix_ns;
    uint32_t cores;         /* online */
    uint32_t cores_allowed; /* by affinity of the program */
    double cores_quota;     /* control group's quota in cores; 0: none */
    double rate_hz;         /* asked */
    bool bounded;           /* its oldest part is dropped as it goes (recording_trim) */
    uint64_t max_bytes;     /* the file and its log never take more; 0: no limit */
    uint64_t dropped_ns;    /* of a copy: how much of what was measured before it is not in it */
    bool whole_or_nothing;  /* what is not finished is worth nothing: recording_free removes it */
    size_t memory_max; /* of names, stacks and sums in memory; what is over it is in the file alone. 0: the usual */
};

/* Creates `path` (file_create: 0600, never through a link, numbered when taken). The name taken: recording_path. */
int recording_new(const char *path, const struct recording_info *info, struct recording **result, struct err *err);
const char *recording_path(const struct recording *recording);
/* Samples that were taken in. */
uint64_t recording_samples(const struct recording *recording);

uint32_t recording_add_string(struct recording *recording, const char *text, size_t length);
uint32_t recording_add_function(struct recording *recording, const struct function *function);
/* A place in a function. line 0: not known. */
uint32_t recording_add_frame(struct recording *recording, uint32_t function, uint32_t line);
/* Adds its ticks to those that the place has. */
void recording_add_expression(struct recording *recording, const struct expression *expression);
/* Adds its looks. */
void recording_add_lock_holder(struct recording *recording, const struct lock_holder *holder);
/* To what was counted of that process and function before. */
void recording_add_allocation(struct recording *recording, const struct allocation *allocation);
void recording_add_call_count(struct recording *recording, const struct call_count *count);
/* Adds its looks, which saw an operand of `length` items (-1: none known). Its sizes are not looked at. */
void recording_add_operand(struct recording *recording, const struct operand *operand, int64_t length);
/* The same with the sums of another recording. */
void recording_merge_operand(struct recording *recording, const struct operand *operand);
/* parent: the stack of the caller, 0 for the outermost frame. At STACK_DEPTH_MAX frames the answer is `parent`. */
uint32_t recording_add_stack(struct recording *recording, uint32_t parent, uint32_t frame);
uint32_t recording_add_process(struct recording *recording, const struct process *process);
uint32_t recording_add_thread(struct recording *recording, const struct thread *thread);
uint32_t recording_add_task(struct recording *recording, const struct task *task);
void recording_set_awaiter(struct recording *recording, uint32_t task, uint32_t awaiter);
void recording_set_coroutine(struct recording *recording, uint32_t task, uint32_t function);
/* Adds to what is known of the task waiting there. */
void recording_add_task_wait(struct recording *recording, const struct task_wait *wait);
/* Later knowledge about a process or thread (name, end, exit status, totals) replaces the earlier. */
void recording_set_process(struct recording *recording, uint32_t id, const struct process *process);
void recording_set_thread(struct recording *recording, uint32_t id, const struct thread *thread);
/* Samples of one thread come in time order; those of different threads may interleave freely. */
void recording_add_sample(struct recording *recording, const struct sample *sample);
void recording_add_counter(struct recording *recording, const struct counter *counter);
void recording_add_loss(struct recording *recording, enum loss_kind kind, uint64_t count);
/* What was used of info.evidence has changed. */
void recording_set_evidence(struct recording *recording, const char *evidence);
/* A sentence for the report's trust line or the page ("reads of 3.16 use its own offset table"). */
void recording_add_note(struct recording *recording, const char *text);
/* Source text of `file` (string id), whole or only the lines that matter (lines from `first_line` on). */
void recording_add_source(struct recording *recording, uint32_t file, uint32_t first_line, const char *text,
                          size_t length);
void recording_set_self(struct recording *recording, const struct self_report *self);

/* The recorder did not measure for `length_ns`; the recording's clock stood still for that long at `time_ns`. */
void recording_add_gap(struct recording *recording, uint64_t time_ns, uint64_t length_ns);

/*
 * Drops what lies more than `keep_ns` before now, so that a recording that goes on for days stays as large as its last
 * minutes (docs/recording.md, "A recording that is kept short"): in one transaction, so that a kill at any moment
 * leaves it as it was before or after. What is no longer named goes too, and every id is given out anew: `moved` tells
 * the new ones of processes and threads; strings, functions, frames and stacks are to be added again. Times and totals
 * that come from outside still count from the true start.
 */
struct recording_moved {
    uint32_t *processes, *threads, *tasks; /* by their ids before: those now; RECORDING_GONE: dropped */
    size_t n_processes, n_threads, n_tasks;
};
#define RECORDING_GONE UINT32_MAX /* as an id: what is said of it is ignored */
int recording_trim(struct recording *recording, uint64_t keep_ns, uint64_t now_ns, struct recording_moved *moved,
                   struct err *err);
void recording_moved_release(struct recording_moved *moved);
/* Nanoseconds that are kept, of those since the true start. */
uint64_t recording_kept_ns(const struct recording *recording, uint64_t now_ns);
/* Bytes that the file and its log take, those of the next checkpoint included. */
uint64_t recording_bytes(const struct recording *recording);
/* Bytes of memory that grow with what is recorded, about. */
size_t recording_memory(const struct recording *recording);
/* What the recorder said of itself and lost in the last `keep_ns`. */
struct recording_trust {
    struct self_report self;
    uint64_t losses[LOSS_KIND_COUNT];
};
void recording_trust_of(const struct recording *recording, uint64_t keep_ns, uint64_t now_ns,
                        struct recording_trust *trust);

/* Makes everything added so far durable against a kill of this process. */
int recording_commit(struct recording *recording, uint64_t now_ns, struct err *err);
/* Final commit; folds the write-ahead log into the one file. The recording stays valid after a failure here. */
int recording_finish(struct recording *recording, uint64_t duration_ns, struct err *err);
void recording_free(struct recording *recording);

#endif
