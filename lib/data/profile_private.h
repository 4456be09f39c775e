/* What profile.c, profile_samples.c, profile_columns.c and weights.c share. */
#ifndef KEISOKU_DATA_PROFILE_PRIVATE_H
#define KEISOKU_DATA_PROFILE_PRIVATE_H

#include "base/map.h"
#include "data/chunk.h"
#include "data/profile.h"

#include <sqlite3.h>

/* A load in progress. */
struct loader {
    sqlite3 *db;
    const char *path;
    struct profile *profile;
    struct err *err;
    uint64_t committed_ns;
    uint64_t file_bytes;
    bool is_recording; /* it was checked */
    bool has_origin, has_expressions, has_tasks, has_task_waits, has_operands, has_shapes, has_lock_holders,
        has_call_counts, has_allocations, has_gaps, has_gains;
    size_t n_shapes;       /* read so far */
    size_t notes;          /* rows read */
    uint64_t source_bytes; /* of all source texts */
};

/* Runs `row` for each row of the query. 0 or a negative code with its message set. */
int loader_each(struct loader *loader, const char *sql, int (*row)(struct loader *loader, sqlite3_stmt *statement));
int loader_corrupt(struct loader *loader, const char *what);
int loader_no_memory(struct loader *loader);

/* Opens the file and reads its tables into a profile without samples; a read transaction is left open. Also after an
 * error: loader_end. */
int loader_begin(struct loader *loader, const char *path, struct err *err);
void loader_end(struct loader *loader);
/* Sees which processes need their host or recording to be told apart. */
int loader_mark_origins(struct loader *loader);
/* Opens and checks the file; a read transaction is left open. */
int loader_open(struct loader *loader);
/* After a recording was read and closed, not by its recorder: folds in the log of a recorder that was killed or found
 * the disk full, where it is our file and nobody has it open. It stays beside it where that does not go. */
void loader_fold(const char *path);
/* Everything but samples and counters. */
int loader_tables(struct loader *loader);

/* operands.c. */
int profile_read_operand(struct loader *loader, sqlite3_stmt *statement);
int profile_read_shape(struct loader *loader, sqlite3_stmt *statement);
/* allocations.c. */
int profile_read_allocations(struct loader *loader);
/* call_counts.c. */
int profile_read_call_counts(struct loader *loader);
/* lock_holders.c. */
int profile_read_lock_holder(struct loader *loader, sqlite3_stmt *statement);

int loader_samples(struct loader *loader);
int loader_counters(struct loader *loader);
/* `text` must outlive the profile. */
int loader_add_note(struct loader *loader, const char *text);

/* profile_columns.c. The samples as columns, while they are filled. */
struct sample_columns {
    struct profile_samples *samples;
    size_t capacity;
    bool tasks;          /* the recording knows some */
    struct alike *alike; /* by the hash of what makes samples alike: the last such; NULL: none are summed */
};

/* A recording of more samples than this has those of a second that are alike (one thread, stack, state, task, reader,
 * marks and place) summed into the first of them: ten million fit 200 MB so. */
enum { SAMPLES_EACH_MAX = 2000000 };

/* Room for `more` entries. */
int columns_reserve(struct sample_columns *columns, size_t more);
/* From here on, alike samples are summed. */
int columns_sum_alike(struct sample_columns *columns);
/* Adds an entry, or to one; its index in *at. */
int columns_add(struct sample_columns *columns, uint32_t thread, const struct chunk_row *row, uint32_t ticks,
                double wall, double cpu, size_t *at);
/* Puts the entries in order of their threads, those of a thread as they were added. */
int columns_order(struct sample_columns *columns, size_t n_threads);
void columns_release(struct sample_columns *columns);

/*
 * weights.c. Fills profile->samples from rows in any order of threads, those of a thread in order of time. First all of
 * them are counted, and looked at where the weighing asks for it; then they are weighed. Pure.
 */
struct weighing;
/* More than `each_max` rows: alike ones are summed. NULL: no memory. */
struct weighing *weighing_new(struct profile *profile, size_t each_max);
void weighing_free(struct weighing *weighing);
void weighing_count(struct weighing *weighing, const struct chunk_group *group);
/* Nothing yet says whether the scheduler counted for the thread: its rows must be looked at, those of others may be. */
bool weighing_asks(const struct weighing *weighing, uint32_t thread);
void weighing_look(struct weighing *weighing, const struct chunk_row *rows, size_t count);
bool weighing_sums(const struct weighing *weighing);
/* 0, ERR_NOMEM, or ERR_CORRUPT for a row that was not counted. */
int weighing_add(struct weighing *weighing, const struct chunk_row *rows, size_t count);
int weighing_end(struct weighing *weighing);

#endif
