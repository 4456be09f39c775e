/* What profile.c, profile_samples.c and weights.c share. */
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
    bool has_origin, has_expressions, has_tasks, has_task_waits, has_operands, has_gaps;
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
/* Everything but samples and counters. */
int loader_tables(struct loader *loader);

/* operands.c. */
int profile_read_operand(struct loader *loader, sqlite3_stmt *statement);

/* Samples as they were recorded: rows ordered by thread, then time. starts[t] .. starts[t + 1] are those of thread t.
 */
struct raw_samples {
    struct chunk_row *rows;
    size_t count;
    size_t *starts; /* n_threads + 1 of them */
};
int loader_samples(struct loader *loader, struct raw_samples *raw);
int loader_counters(struct loader *loader);

/* Fills profile->samples from the raw ones. 0 or ERR_NOMEM. Pure. */
int weigh_samples(struct profile *profile, const struct raw_samples *raw);

#endif
