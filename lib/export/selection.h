/*
 * What foreign formats are made of: the samples that count (threads that were not idle workers, inside the filter),
 * their weights, and the names of threads and frames.
 */
#ifndef KEISOKU_EXPORT_SELECTION_H
#define KEISOKU_EXPORT_SELECTION_H

#include "export/export.h"

/* Does sample `index` count? */
bool selection_holds(const struct export_input *input, size_t index);

/* The weight of a sample by the clock of the options. */
double selection_weight(const struct export_input *input, size_t index);

/* All samples of one thread with one stack in tasks that are shown as one, added up. */
struct weighted_stack {
    uint32_t thread, stack, task; /* task: 0: none */
    double wall_ns, cpu_ns;
    uint64_t ticks;
};
struct selection {
    struct weighted_stack *stacks; /* by thread, then in order of first appearance */
    size_t count, capacity;
    bool many_processes; /* more than one process has samples that count */
};
int selection_new(const struct export_input *input, struct selection *selection);
void selection_release(struct selection *selection);

/* The frames of a stack, outermost first, into `*frames` (grown). Their number, or a negative code. */
int64_t selection_frames(const struct profile *profile, uint32_t stack, uint32_t **frames, size_t *capacity);

/* "worker-3", or "4127/worker-3" when `with_process`; a thread without a name is "thread 4130". Control characters are
 * escaped. */
void selection_thread_name(const struct profile *profile, uint32_t thread, bool with_process, struct buf *name);
/* The file of a function as the recording has it, or "". */
const char *selection_file(const struct profile *profile, uint32_t function);
/* Sample indexes grouped by thread: those of thread t are order[start[t]] to order[start[t + 1] - 1], in time order. */
int selection_by_thread(const struct profile *profile, uint32_t **order, size_t **start);

#endif
