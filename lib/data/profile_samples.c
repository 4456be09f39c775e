/* Decodes the chunks of a recording: rows for the weighing, and the counters. The bytes may be anything. */
#include "data/chunk_pool.h"
#include "data/profile_private.h"

/* What a pass over the chunks keeps. */
struct pass {
    struct weighing *weighing;
    struct chunk_pool *pool; /* of the samples' */
    struct chunk_group *groups;
    size_t count; /* of all rows */
    struct chunk_counter *counters;
    size_t groups_capacity, capacity, counter_capacity;
    bool again; /* the second: rows have been counted */
};

/*
 * A few bytes can claim many samples; a real chunk spends a byte on about every hundredth at least. This bounds the
 * memory that a small hostile file can ask for.
 */
static size_t most_samples(const struct loader *loader)
{
    return ((size_t)1 << 20) + 128 * (size_t)loader->file_bytes;
}

static const char missing[] = "a sample names a thread, stack or task that is not there";

static int check_rows(struct loader *loader, const struct chunk_row *rows, size_t count)
{
    const struct profile *profile = loader->profile;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].thread == 0 || rows[i].thread >= profile->n_threads || rows[i].stack >= profile->n_stacks ||
            (rows[i].task != 0 && rows[i].task >= profile->n_tasks))
            return loader_corrupt(loader, missing);
    }
    return 0;
}

static int bad_samples(struct loader *loader, int rc)
{
    return rc == ERR_NOMEM ? loader_no_memory(loader) : loader_corrupt(loader, "a chunk of samples does not decode");
}

/* The oldest chunk that was given. */
static int add_chunk(struct loader *loader, struct pass *pass)
{
    struct chunk_taken chunk;
    if (!chunk_pool_take(pass->pool, &chunk))
        return 0;
    if (chunk.rc != 0)
        return bad_samples(loader, chunk.rc);
    int rc = check_rows(loader, chunk.rows, chunk.count);
    if (rc != 0)
        return rc;
    if (!pass->again)
        weighing_look(pass->weighing, chunk.rows, chunk.count);
    else
        rc = weighing_add(pass->weighing, chunk.rows, chunk.count);
    if (rc == ERR_CORRUPT)
        return loader_corrupt(loader, "it changed while it was read");
    return rc == 0 ? 0 : loader_no_memory(loader);
}

static int give_chunk(struct loader *loader, struct pass *pass, sqlite3_stmt *statement)
{
    const void *data = sqlite3_column_blob(statement, 0);
    size_t size = data != NULL ? (size_t)sqlite3_column_bytes(statement, 0) : 0;
    int rc = 0;
    while (rc == 0 && chunk_pool_full(pass->pool))
        rc = add_chunk(loader, pass);
    if (rc == 0 && chunk_pool_give(pass->pool, data, size) != 0)
        rc = loader_no_memory(loader);
    return rc;
}

/* Says how many rows there are; most chunks need not be decoded for that. */
static int count_chunk(struct loader *loader, struct pass *pass, sqlite3_stmt *statement)
{
    const void *data = sqlite3_column_blob(statement, 0);
    size_t size = (size_t)sqlite3_column_bytes(statement, 0), n = 0;
    int rc = data != NULL ? chunk_groups(data, size, &pass->groups, &pass->groups_capacity, &n) : ERR_CORRUPT;
    bool asks = false;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct chunk_group *group = &pass->groups[i];
        if (group->thread == 0 || group->thread >= loader->profile->n_threads)
            return loader_corrupt(loader, missing);
        if (group->rows > most_samples(loader) - pass->count)
            return bad_samples(loader, ERR_CORRUPT);
        pass->count += group->rows;
        weighing_count(pass->weighing, group);
        asks = asks || weighing_asks(pass->weighing, group->thread);
    }
    if (rc != 0)
        return bad_samples(loader, rc);
    return asks ? give_chunk(loader, pass, statement) : 0;
}

static int each_chunk(struct loader *loader, const char *sql, struct pass *pass,
                      int (*add)(struct loader *, struct pass *, sqlite3_stmt *))
{
    sqlite3_stmt *statement = NULL;
    int rc = 0, step = sqlite3_prepare_v2(loader->db, sql, -1, &statement, NULL);
    if (step == SQLITE_OK) {
        while (rc == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
            rc = add(loader, pass, statement);
    }
    sqlite3_finalize(statement);
    if (rc == 0 && step != SQLITE_DONE)
        rc = (step & 0xff) == SQLITE_NOMEM ? loader_no_memory(loader)
                                           : loader_corrupt(loader, "the table of chunks cannot be read");
    return rc;
}

static int each_sample_chunk(struct loader *loader, struct pass *pass,
                             int (*add)(struct loader *, struct pass *, sqlite3_stmt *))
{
    pass->pool = chunk_pool_new();
    int rc = pass->pool != NULL ? each_chunk(loader, "SELECT data FROM sample_chunk ORDER BY id", pass, add)
                                : loader_no_memory(loader);
    while (rc == 0 && !chunk_pool_empty(pass->pool))
        rc = add_chunk(loader, pass);
    chunk_pool_free(pass->pool);
    return rc;
}

/* Twice over the chunks: how many rows there are says whether they are kept, and they are too many to be so. */
int loader_samples(struct loader *loader)
{
    struct pass pass = {.weighing = weighing_new(loader->profile, SAMPLES_EACH_MAX)};
    int rc = pass.weighing != NULL ? each_sample_chunk(loader, &pass, count_chunk) : loader_no_memory(loader);
    pass.again = true;
    if (rc == 0)
        rc = each_sample_chunk(loader, &pass, give_chunk);
    if (rc == 0 && weighing_end(pass.weighing) != 0)
        rc = loader_no_memory(loader);
    if (rc == 0 && weighing_sums(pass.weighing))
        rc = loader_add_note(loader, "over 2 million samples: alike ones of a second are summed");
    weighing_free(pass.weighing);
    mem_free(pass.groups);
    return rc;
}

static int add_counters(struct loader *loader, struct pass *pass, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    size_t count = 0;
    const void *data = sqlite3_column_blob(statement, 0);
    size_t size = (size_t)sqlite3_column_bytes(statement, 0);
    int rc = data != NULL ? chunk_decode_counters(data, size, &pass->counters, &pass->counter_capacity, &count)
                          : ERR_CORRUPT;
    if (rc == ERR_NOMEM)
        return loader_no_memory(loader);
    if (rc != 0 || count > most_samples(loader) - profile->n_counters)
        return loader_corrupt(loader, "a chunk of counters does not decode");
    if (mem_grow(&profile->counters, &pass->capacity, profile->n_counters + count, sizeof *profile->counters) != 0)
        return loader_no_memory(loader);
    for (size_t i = 0; i < count; i++) {
        const struct chunk_counter *row = &pass->counters[i];
        profile->counters[profile->n_counters++] = (struct counter){
            .time_ns = row->time * CHUNK_UNIT_NS, .subject = row->subject, .kind = row->kind, .value = row->value};
    }
    return 0;
}

int loader_counters(struct loader *loader)
{
    struct pass pass = {0};
    int rc = each_chunk(loader, "SELECT data FROM counter_chunk ORDER BY id", &pass, add_counters);
    mem_free(pass.counters);
    return rc;
}
