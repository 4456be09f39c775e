/*
 * The last stretch of a recording, on its way into another file (a copy that is saved) or into itself (its older part
 * is dropped). It is read whole before anything is written, so the file may be the one that is being written.
 *
 * Kept are the samples and counters of the stretch, the processes and threads that lived in it with their parents, and
 * the names and stacks that those need; notes and source texts are kept all. Times count from the stretch's start.
 * A sample that stands for instants on both sides is cut; expressions keep their counts, which have no time.
 *
 * Memory: the tables of the recording, and the stretch's chunks as they are packed.
 */
#ifndef KEISOKU_DATA_WINDOW_H
#define KEISOKU_DATA_WINDOW_H

#include "data/recording.h"

struct window;

/* Reads the last `keep_ns` before the last commit; UINT64_MAX: all there is. */
int window_load(const char *path, uint64_t keep_ns, struct window **result, struct err *err);
void window_free(struct window *window);
/* Where it begins, since the start of the recording as it was read; a multiple of CHUNK_UNIT_NS. */
uint64_t window_from_ns(const struct window *window);
uint64_t window_length_ns(const struct window *window);
/* Adds everything but notes, losses and what the recorder said of itself. `moved` (or NULL) tells the new ids. A
 * failure of the recording shows at its next commit. */
int window_write(struct window *window, struct recording *to, struct recording_moved *moved, struct err *err);
/* Run time and run delay of the samples of a thread (its id there) that are in the window, after window_write. */
void window_thread_totals(const struct window *window, uint32_t thread, uint64_t *run_ns, uint64_t *delay_ns);
/* What a cumulative counter (subject as there) had before the window, or 0. */
int64_t window_counter_base(const struct window *window, uint32_t kind, uint32_t subject);

/* Makes a recording of its own of the last `keep_ns` of one that is being written; `trust` is of that stretch. An
 * incomplete file is left only by a kill. The name taken goes to `taken`. */
int window_save(const char *path, uint64_t keep_ns, const struct recording_trust *trust, const char *output,
                char taken[4096], uint64_t *length_ns, struct err *err);

#endif
