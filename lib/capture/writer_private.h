/* What writer.c (passes and commits), writer_tables.c (processes, threads), writer_samples.c and writer_bounds.c (size,
 * pauses, copies, triggers) share. All of it is the writer thread's own. */
#ifndef KEISOKU_CAPTURE_WRITER_PRIVATE_H
#define KEISOKU_CAPTURE_WRITER_PRIVATE_H

#include "capture/counters.h"
#include "capture/measure.h"
#include "capture/modules.h"
#include "capture/names.h"
#include "capture/native_stack.h"
#include "capture/trigger.h"

struct writer {
    struct measurement *m;
    struct names *names;
    struct module_files files;
    struct native_reader natives;
    struct native_stack native;        /* of the sample being written */
    uint64_t native_whole, native_cut; /* samples on the CPU */
    struct counters *counters;
    struct operand_writer *operands;
    struct tracked_process **processes; /* the writer's copies of the tables */
    struct tracked_thread **threads;
    size_t n_processes, n_threads, processes_capacity, threads_capacity;
    uint64_t commit_due_ns, counters_due_ns;
    bool version_noted, kernel_noted;
    char command[PROCESS_TEXT_BYTES], executable[PROCESS_TEXT_BYTES]; /* of the process being written */
    uint64_t losses_written[LOSS_KIND_COUNT];
    struct trigger trigger;
    uint64_t bytes_before; /* size of the recording at the last commit */
    size_t memory_before;  /* of its tables in memory then */
    struct buf text;
};

/* writer.c. Writes everything up to that time and commits. */
void writer_commit(struct writer *w, uint64_t until_ns);
void writer_read_counters(struct writer *w, uint64_t now_ns);
void writer_keep_failure(struct measurement *m, const struct err *err);

/* writer_tables.c. New processes and threads, and what changed in known ones; `all`: each. False when memory is short.
 */
bool writer_write_tables(struct writer *w, bool all);
/* Totals of threads that ran since the last commit: a recording that is cut off has them too. */
void writer_write_totals(struct writer *w);
/* Gives back what has ended, so that a program that starts a hundred thousand processes is measured in the memory that
 * its living ones take. */
void writer_forget_ended(struct writer *w);
uint32_t writer_add_text(struct measurement *m, const char *text);

/* writer_samples.c */
void writer_write_sample(struct writer *w, const struct raw_sample *raw);
/* writer_native.c. Puts the native frames of the sample's own instant on its Python stack and between its frames. False
 * where there are none to be had: the stack stays as it is. */
bool writer_join_native(struct writer *w, const struct raw_sample *raw, struct sample *sample);
/* A task that was found waiting. */
void writer_write_wait(struct writer *w, const struct raw_sample *raw);

/* writer_turns.c. Empties the sides of stack stores that the sampler has turned from. */
void writer_empty_turned(struct writer *w);

/* writer_bounds.c. After a commit: the oldest part goes, or the recording ends, where it is too large. */
void writer_keep_bounds(struct writer *w, uint64_t now_ns);
/* So much is new since the last commit that a limit could be passed before the next one is due. */
bool writer_must_commit(const struct writer *w);
/* At the end: no more than what is to be kept. */
void writer_keep_last(struct writer *w, uint64_t now_ns);
/* Between two passes: sleeps, answers who wants a copy, waits for the end of a pause. */
void writer_rest(struct writer *w, uint64_t nap_ns);

#endif
