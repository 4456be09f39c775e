/* Decodes the chunks of a recording into rows ordered by thread, and the counters. The bytes may be anything. */
#include "data/profile_private.h"

#include <string.h>

/* Rows in the order of the chunks, before they are put in order. */
struct collected {
    struct chunk_row *rows, *chunk;
    size_t count, capacity, chunk_capacity;
    struct chunk_counter *counters;
    size_t counter_capacity;
};

/*
 * A few bytes can claim many samples; a real chunk spends a byte on about every hundredth at least. This bounds the
 * memory that a small hostile file can ask for.
 */
static size_t most_samples(const struct loader *loader)
{
    return ((size_t)1 << 20) + 128 * (size_t)loader->file_bytes;
}

static int check_rows(struct loader *loader, const struct chunk_row *rows, size_t count)
{
    const struct profile *profile = loader->profile;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].thread == 0 || rows[i].thread >= profile->n_threads || rows[i].stack >= profile->n_stacks ||
            (rows[i].task != 0 && rows[i].task >= profile->n_tasks))
            return loader_corrupt(loader, "a sample names a thread, stack or task that is not there");
    }
    return 0;
}

static int add_chunk(struct loader *loader, struct collected *all, sqlite3_stmt *statement)
{
    size_t count = 0;
    const void *data = sqlite3_column_blob(statement, 0);
    size_t size = (size_t)sqlite3_column_bytes(statement, 0);
    int rc = data != NULL ? chunk_decode(data, size, &all->chunk, &all->chunk_capacity, &count) : ERR_CORRUPT;
    if (rc == ERR_NOMEM)
        return loader_no_memory(loader);
    if (rc != 0 || count > most_samples(loader) - all->count)
        return loader_corrupt(loader, "a chunk of samples does not decode");
    if (mem_grow(&all->rows, &all->capacity, all->count + count, sizeof *all->rows) != 0)
        return loader_no_memory(loader);
    memcpy(all->rows + all->count, all->chunk, count * sizeof *all->chunk);
    all->count += count;
    return check_rows(loader, all->chunk, count);
}

static bool in_order(const struct collected *all)
{
    for (size_t i = 1; i < all->count; i++) {
        if (all->rows[i].thread < all->rows[i - 1].thread)
            return false;
    }
    return true;
}

/* A stable counting sort by thread; time order within a thread is the chunks' order. May take the rows. */
static int order(struct loader *loader, struct collected *all, struct raw_samples *raw)
{
    size_t n = loader->profile->n_threads;
    raw->count = all->count;
    raw->starts = mem_zalloc(n + 2, sizeof *raw->starts);
    if (raw->starts == NULL)
        return loader_no_memory(loader);
    for (size_t i = 0; i < all->count; i++)
        raw->starts[all->rows[i].thread + 1]++;
    for (size_t t = 1; t <= n; t++)
        raw->starts[t] += raw->starts[t - 1];
    if (in_order(all)) {
        raw->rows = all->rows;
        all->rows = NULL;
        return 0;
    }
    raw->rows = mem_realloc(NULL, all->count, sizeof *raw->rows);
    if (raw->rows == NULL)
        return loader_no_memory(loader);
    size_t *next = raw->starts + 1; /* next[t]: the first row of t, moving to its end, where t + 1 starts */
    memmove(next, raw->starts, n * sizeof *next);
    for (size_t i = 0; i < all->count; i++)
        raw->rows[next[all->rows[i].thread]++] = all->rows[i];
    raw->starts[0] = 0;
    return 0;
}

static int each_chunk(struct loader *loader, const char *sql, struct collected *all,
                      int (*add)(struct loader *, struct collected *, sqlite3_stmt *))
{
    sqlite3_stmt *statement = NULL;
    int rc = 0, step = sqlite3_prepare_v2(loader->db, sql, -1, &statement, NULL);
    if (step == SQLITE_OK) {
        while (rc == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
            rc = add(loader, all, statement);
    }
    sqlite3_finalize(statement);
    if (rc == 0 && step != SQLITE_DONE)
        rc = (step & 0xff) == SQLITE_NOMEM ? loader_no_memory(loader)
                                           : loader_corrupt(loader, "the table of chunks cannot be read");
    return rc;
}

int loader_samples(struct loader *loader, struct raw_samples *raw)
{
    struct collected all = {0};
    int rc = each_chunk(loader, "SELECT data FROM sample_chunk ORDER BY id", &all, add_chunk);
    if (rc == 0)
        rc = order(loader, &all, raw);
    mem_free(all.rows);
    mem_free(all.chunk);
    return rc;
}

static int add_counters(struct loader *loader, struct collected *all, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    size_t count = 0;
    const void *data = sqlite3_column_blob(statement, 0);
    size_t size = (size_t)sqlite3_column_bytes(statement, 0);
    int rc =
        data != NULL ? chunk_decode_counters(data, size, &all->counters, &all->counter_capacity, &count) : ERR_CORRUPT;
    if (rc == ERR_NOMEM)
        return loader_no_memory(loader);
    if (rc != 0 || count > most_samples(loader) - profile->n_counters)
        return loader_corrupt(loader, "a chunk of counters does not decode");
    if (mem_grow(&profile->counters, &all->capacity, profile->n_counters + count, sizeof *profile->counters) != 0)
        return loader_no_memory(loader);
    for (size_t i = 0; i < count; i++) {
        const struct chunk_counter *row = &all->counters[i];
        profile->counters[profile->n_counters++] = (struct counter){
            .time_ns = row->time * CHUNK_UNIT_NS, .subject = row->subject, .kind = row->kind, .value = row->value};
    }
    return 0;
}

int loader_counters(struct loader *loader)
{
    struct collected all = {0};
    int rc = each_chunk(loader, "SELECT data FROM counter_chunk ORDER BY id", &all, add_counters);
    mem_free(all.counters);
    return rc;
}
