/* See window.h: reading, what is needed, and the saved copy. window_write.c writes. */
#include "data/window_private.h"

#include <stdio.h>
#include <string.h>

/* ---- reading -------------------------------------------------------------------------------------------------------
 */

static int keep_chunk(struct loader *loader, sqlite3_stmt *statement)
{
    struct window *window = (struct window *)loader;
    const void *data = sqlite3_column_blob(statement, 0);
    size_t size = (size_t)sqlite3_column_bytes(statement, 0);
    if (mem_grow(&window->chunks, &window->chunks_capacity, window->n_chunks + 1, sizeof *window->chunks) != 0)
        return loader_no_memory(loader);
    char *copy = arena_strndup(&window->packed, data != NULL ? data : "", data != NULL ? size : 0);
    if (copy == NULL)
        return loader_no_memory(loader);
    window->chunks[window->n_chunks++] = (struct packed_chunk){copy, size};
    return 0;
}

static int take_counter(struct window *window, struct counter *counter)
{
    uint32_t key[] = {counter->kind, counter->subject}, index = 0;
    bool found = false;
    if (map_put(&window->base_index, key, sizeof key, (uint32_t)window->n_bases, &index, &found) != 0 ||
        mem_grow(&window->bases, &window->bases_capacity, window->n_bases + 1, sizeof *window->bases) != 0)
        return loader_no_memory(&window->loader);
    if (!found)
        window->bases[window->n_bases++] = 0;
    if (counter->time_ns < window->from_ns) {
        window->bases[index] = counter_cumulative(counter->kind) ? counter->value : 0;
        return 0;
    }
    counter->time_ns -= window->from_ns;
    if (__builtin_sub_overflow(counter->value, window->bases[index], &counter->value))
        return 0;
    if (mem_grow(&window->counters, &window->counters_capacity, window->n_counters + 1, sizeof *window->counters) != 0)
        return loader_no_memory(&window->loader);
    window->counters[window->n_counters++] = *counter;
    return 0;
}

static int read_counters(struct loader *loader, sqlite3_stmt *statement)
{
    struct window *window = (struct window *)loader;
    size_t count = 0, size = (size_t)sqlite3_column_bytes(statement, 0);
    const void *data = sqlite3_column_blob(statement, 0);
    int rc = data != NULL ? chunk_decode_counters(data, size, &window->packed_counters,
                                                  &window->packed_counters_capacity, &count)
                          : ERR_CORRUPT;
    if (rc != 0)
        return rc == ERR_NOMEM ? loader_no_memory(loader)
                               : loader_corrupt(loader, "a chunk of counters does not decode");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct chunk_counter *row = &window->packed_counters[i];
        struct counter counter = {row->time * CHUNK_UNIT_NS, row->subject, row->kind, row->value};
        rc = take_counter(window, &counter);
    }
    return rc;
}

/* ---- what is needed ------------------------------------------------------------------------------------------------
 */

int window_each_row(struct window *window, int (*take)(struct window *window, const struct chunk_row *row))
{
    struct loader *loader = &window->loader;
    const struct profile *profile = loader->profile;
    memset(window->last_units, 0, profile->n_threads * sizeof *window->last_units);
    for (size_t i = 0; i < window->n_chunks; i++) {
        size_t count = 0;
        int rc =
            chunk_decode(window->chunks[i].data, window->chunks[i].size, &window->rows, &window->rows_capacity, &count);
        if (rc != 0)
            return rc == ERR_NOMEM ? loader_no_memory(loader)
                                   : loader_corrupt(loader, "a chunk of samples does not decode");
        for (size_t j = 0; rc == 0 && j < count; j++) {
            const struct chunk_row *row = &window->rows[j];
            if (row->thread == 0 || row->thread >= profile->n_threads || row->stack >= profile->n_stacks ||
                (row->task != 0 && row->task >= profile->n_tasks))
                return loader_corrupt(loader, "a sample names a thread, stack or task that is not there");
            if (chunk_row_ns(row) > window->from_ns || window->from_ns == 0) /* it tells of what was before */
                rc = take(window, row);
            window->last_units[row->thread] = row->time;
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int mark_row(struct window *window, const struct chunk_row *row)
{
    window->stacks[row->stack] = window->threads[row->thread] = window->tasks[row->task] = 1;
    return 0;
}

static bool lives(const struct window *window, uint64_t end_ns)
{
    return end_ns == 0 || end_ns >= window->from_ns;
}

/* The first process is what the recording is of: it stays, and so do the parents of those that stay. */
static void mark_processes(struct window *window)
{
    const struct profile *profile = window->loader.profile;
    for (size_t i = 1; i < profile->n_threads; i++) {
        if (lives(window, profile->threads[i].end_ns))
            window->threads[i] = 1;
        if (window->threads[i] != 0)
            window->processes[profile->threads[i].process] = 1;
    }
    for (size_t i = 1; i < profile->n_processes; i++) {
        if (i != 1 && window->processes[i] == 0 && !lives(window, profile->processes[i].end_ns))
            continue;
        window->processes[i] = 1;
        for (uint32_t up = profile->processes[i].parent; up != 0 && window->processes[up] == 0;
             up = profile->processes[up].parent)
            window->processes[up] = 1;
    }
}

/* Tasks that ran, and who waits for them, with where they waited: that has no time. */
static void mark_tasks(struct window *window)
{
    const struct profile *profile = window->loader.profile;
    for (size_t i = 1; i < profile->n_tasks; i++) {
        if (window->tasks[i] == 0)
            continue;
        for (uint32_t up = profile->tasks[i].awaiter; up != 0 && window->tasks[up] == 0;
             up = profile->tasks[up].awaiter)
            window->tasks[up] = 1;
    }
    for (size_t i = 1; i < profile->n_tasks; i++) {
        if (window->tasks[i] == 0)
            continue;
        window->threads[profile->tasks[i].thread] = 1;
        window->strings[profile->tasks[i].name] = 1;
        window->functions[profile->tasks[i].coroutine] = 1;
    }
    for (size_t i = 0; i < profile->n_task_waits; i++)
        if (window->tasks[profile->task_waits[i].task] != 0)
            window->stacks[profile->task_waits[i].stack] = window->strings[profile->task_waits[i].on] = 1;
}

static void mark_names(struct window *window)
{
    const struct profile *profile = window->loader.profile;
    for (size_t i = 0; i < profile->n_allocations; i++) /* also where no sample was */
        if (window->processes[profile->allocations[i].process] != 0)
            window->stacks[profile->allocations[i].stack] = 1;
    for (size_t i = profile->n_stacks; i-- > 1;) { /* parents come before their stacks */
        if (window->stacks[i] == 0)
            continue;
        window->stacks[profile->stacks[i].parent] = 1;
        window->frames[profile->stacks[i].frame] = 1;
    }
    for (size_t i = 0; i < profile->n_lock_holders; i++) {
        const struct lock_holder *holder = &profile->lock_holders[i];
        if (window->frames[holder->frame] != 0)
            window->frames[holder->held] = window->strings[holder->thread] = 1;
    }
    for (size_t i = 1; i < profile->n_frames; i++)
        if (window->frames[i] != 0)
            window->functions[profile->frames[i].function] = 1;
    for (size_t i = 0; i < profile->n_call_counts; i++) /* also of functions that no sample met */
        if (window->processes[profile->call_counts[i].process] != 0)
            window->functions[profile->call_counts[i].function] = 1;
    for (size_t i = 1; i < profile->n_functions; i++)
        if (window->functions[i] != 0)
            window->strings[profile->functions[i].name] = window->strings[profile->functions[i].file] = 1;
    for (size_t i = 1; i < profile->n_threads; i++)
        if (window->threads[i] != 0)
            window->strings[profile->threads[i].name] = 1;
    for (size_t i = 1; i < profile->n_processes; i++) {
        const struct process *process = &profile->processes[i];
        if (window->processes[i] != 0)
            window->strings[process->command] = window->strings[process->executable] =
                window->strings[process->python] = window->strings[process->host] =
                    window->strings[process->recording] = 1;
    }
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *operand = &profile->operands[i];
        if (window->frames[operand->frame] != 0)
            window->strings[operand->operation] = window->strings[operand->type] = window->strings[operand->shape] = 1;
    }
    for (size_t i = 0; i < profile->n_sources; i++)
        window->strings[profile->sources[i].file] = 1;
}

static int make_room(struct window *window)
{
    const struct profile *profile = window->loader.profile;
    window->strings = mem_zalloc(profile->n_strings, sizeof *window->strings);
    window->functions = mem_zalloc(profile->n_functions, sizeof *window->functions);
    window->frames = mem_zalloc(profile->n_frames, sizeof *window->frames);
    window->stacks = mem_zalloc(profile->n_stacks, sizeof *window->stacks);
    window->processes = mem_zalloc(profile->n_processes, sizeof *window->processes);
    window->threads = mem_zalloc(profile->n_threads, sizeof *window->threads);
    window->tasks = mem_zalloc(profile->n_tasks, sizeof *window->tasks);
    window->last_units = mem_zalloc(profile->n_threads, sizeof *window->last_units);
    window->run_ns = mem_zalloc(profile->n_threads, sizeof *window->run_ns);
    window->delay_ns = mem_zalloc(profile->n_threads, sizeof *window->delay_ns);
    bool all = window->strings != NULL && window->functions != NULL && window->frames != NULL &&
               window->stacks != NULL && window->processes != NULL && window->threads != NULL &&
               window->tasks != NULL && window->last_units != NULL && window->run_ns != NULL &&
               window->delay_ns != NULL;
    return all ? 0 : loader_no_memory(&window->loader);
}

static int load(struct window *window, const char *path, uint64_t keep_ns, struct err *err)
{
    char sql[128];
    struct loader *loader = &window->loader;
    int rc = loader_begin(loader, path, err);
    if (rc != 0)
        return rc;
    uint64_t length_ns = loader->profile->duration_ns;
    window->from_ns = length_ns > keep_ns ? (length_ns - keep_ns) / CHUNK_UNIT_NS * CHUNK_UNIT_NS : 0;
    snprintf(sql, sizeof sql, "SELECT data FROM sample_chunk WHERE end_ns >= %llu ORDER BY id",
             (unsigned long long)window->from_ns);
    rc = make_room(window);
    if (rc == 0)
        rc = loader_each(loader, sql, keep_chunk);
    if (rc == 0)
        rc = loader_each(loader, "SELECT data FROM counter_chunk ORDER BY id", read_counters);
    sqlite3_close(loader->db); /* the file may be written to from here on */
    loader->db = NULL;
    if (rc == 0)
        rc = window_each_row(window, mark_row);
    if (rc == 0) {
        mark_tasks(window);
        mark_processes(window);
        mark_names(window);
    }
    return rc;
}

int window_load(const char *path, uint64_t keep_ns, struct window **result, struct err *err)
{
    struct window *window = mem_zalloc(1, sizeof *window);
    *result = NULL;
    if (window == NULL)
        return err_set(err, ERR_NOMEM, "cannot read %s: out of memory", path);
    int rc = load(window, path, keep_ns, err);
    if (rc == 0)
        *result = window;
    else
        window_free(window);
    return rc;
}

void window_free(struct window *window)
{
    if (window == NULL)
        return;
    loader_end(&window->loader);
    void *blocks[] = {window->tasks,  window->strings,   window->functions,       window->frames,
                      window->stacks, window->processes, window->threads,         window->chunks,
                      window->rows,   window->bases,     window->packed_counters, window->counters,
                      window->run_ns, window->delay_ns,  window->last_units};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        mem_free(blocks[i]);
    map_release(&window->base_index);
    arena_release(&window->packed);
    mem_free(window);
}

uint64_t window_from_ns(const struct window *window)
{
    return window->from_ns;
}

uint64_t window_length_ns(const struct window *window)
{
    return window->loader.profile->duration_ns - window->from_ns;
}

void window_thread_totals(const struct window *window, uint32_t thread, uint64_t *run_ns, uint64_t *delay_ns)
{
    *run_ns = window->run_ns[thread];
    *delay_ns = window->delay_ns[thread];
}

int64_t window_counter_base(const struct window *window, uint32_t kind, uint32_t subject)
{
    uint32_t key[] = {kind, subject}, index;
    return map_get(&window->base_index, key, sizeof key, &index) ? window->bases[index] : 0;
}

/* ---- a copy --------------------------------------------------------------------------------------------------------
 */

static int create(const struct profile *profile, const struct window *window, const char *output,
                  struct recording **result, struct err *err)
{
    struct recording_info info = {
        .command = profile->command[0] != NULL ? profile->command : NULL,
        .directory = profile->directory,
        .host = profile->host,
        .mode = profile->mode,
        .evidence = profile->evidence,
        .start_unix_ns = profile->start_unix_ns + window->from_ns,
        .cores = profile->cores,
        .cores_allowed = profile->cores_allowed,
        .cores_quota = profile->cores_quota,
        .rate_hz = profile->self.rate_asked_hz,
        .dropped_ns = profile->dropped_ns + window->from_ns,
        .whole_or_nothing = true,
    };
    return recording_new(output, &info, result, err);
}

static void add_trust(struct recording *recording, const struct profile *profile, const struct recording_trust *trust)
{
    recording_set_self(recording, &trust->self);
    for (int kind = 0; kind < LOSS_KIND_COUNT; kind++)
        recording_add_loss(recording, (enum loss_kind)kind, trust->losses[kind]);
    for (size_t i = 0; profile->notes[i] != NULL; i++)
        recording_add_note(recording, profile->notes[i]);
}

int window_save(const char *path, uint64_t keep_ns, const struct recording_trust *trust, const char *output,
                char taken[4096], uint64_t *length_ns, struct err *err)
{
    struct window *window = NULL;
    struct recording *recording = NULL;
    int rc = window_load(path, keep_ns, &window, err);
    if (rc != 0 || window == NULL)
        return rc;
    rc = create(window->loader.profile, window, output, &recording, err);
    if (rc == 0) {
        snprintf(taken, 4096, "%s", recording_path(recording));
        *length_ns = window_length_ns(window);
        rc = window_write(window, recording, NULL, err);
    }
    if (rc == 0) {
        add_trust(recording, window->loader.profile, trust);
        rc = recording_finish(recording, *length_ns, err);
    }
    recording_free(recording);
    window_free(window);
    return rc;
}
