/*
 * Loads a recording. One read transaction sees one commit, so a file that is still being written loads too. Nothing in
 * the file is trusted: see profile_open.c (is it a recording?), profile_tables.c (ids and texts), profile_samples.c
 * (chunks); weights.c then gives the samples their times.
 */
#include "data/profile.h"

#include "data/profile_private.h"
#include "data/store.h"

#include <string.h>

int loader_corrupt(struct loader *loader, const char *what)
{
    return err_set(loader->err, ERR_CORRUPT, "cannot read %s: %s; %s", loader->path, what, err_hint(ERR_CORRUPT));
}

int loader_no_memory(struct loader *loader)
{
    return err_set(loader->err, ERR_NOMEM, "cannot read %s: out of memory", loader->path);
}

int loader_each(struct loader *loader, const char *sql, int (*row)(struct loader *loader, sqlite3_stmt *statement))
{
    sqlite3_stmt *statement = NULL;
    int rc = 0, step = sqlite3_prepare_v2(loader->db, sql, -1, &statement, NULL);
    if (step == SQLITE_OK) {
        while (rc == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW)
            rc = row(loader, statement);
    }
    if (rc == 0 && step != SQLITE_DONE)
        rc = store_error(loader->db, loader->err, "read", loader->path);
    sqlite3_finalize(statement);
    return rc;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

/* Entry 0 of every table, and texts that are never NULL. */
static int make_empty(struct loader *loader)
{
    struct profile *profile = loader->profile;
    profile->directory = profile->host = profile->mode = profile->evidence = profile->keisoku_version = "";
    profile->path = mem_strdup(loader->path);
    profile->command = mem_zalloc(1, sizeof *profile->command);
    profile->notes = mem_zalloc(1, sizeof *profile->notes);
    profile->strings = mem_zalloc(1, sizeof *profile->strings);
    profile->string_lengths = mem_zalloc(1, sizeof *profile->string_lengths);
    profile->functions = mem_zalloc(1, sizeof *profile->functions);
    profile->frames = mem_zalloc(1, sizeof *profile->frames);
    profile->stacks = mem_zalloc(1, sizeof *profile->stacks);
    profile->processes = mem_zalloc(1, sizeof *profile->processes);
    profile->threads = mem_zalloc(1, sizeof *profile->threads);
    if (profile->path == NULL || profile->command == NULL || profile->notes == NULL || profile->strings == NULL ||
        profile->string_lengths == NULL || profile->functions == NULL || profile->frames == NULL ||
        profile->stacks == NULL || profile->processes == NULL || profile->threads == NULL)
        return loader_no_memory(loader);
    profile->strings[0] = "";
    profile->n_strings = profile->n_functions = profile->n_frames = profile->n_stacks = 1;
    profile->n_processes = profile->n_threads = 1;
    return 0;
}

/* Was the program given as `-c CODE`? Else `<string>` is what libraries generate: namedtuples, dataclasses. */
static bool is_code(const struct profile *profile)
{
    for (const char *const *word = profile->command; *word != NULL; word++) {
        if (strcmp(*word, "-c") == 0)
            return true;
    }
    if (profile->n_processes < 2)
        return false;
    uint32_t id = profile->processes[1].command;
    const char *command = profile->strings[id];
    for (size_t i = 0; i < profile->string_lengths[id]; i += strlen(command + i) + 1) {
        if (strcmp(command + i, "-c") == 0)
            return true;
    }
    return false;
}

static int mark_own(struct loader *loader)
{
    struct profile *profile = loader->profile;
    uint8_t *files = mem_zalloc(profile->n_strings, 1); /* 0: not asked yet, 1: foreign, 2: own */
    profile->function_own = mem_zalloc(profile->n_functions, sizeof *profile->function_own);
    if (files == NULL || profile->function_own == NULL) {
        mem_free(files);
        return loader_no_memory(loader);
    }
    bool code = is_code(profile);
    for (size_t i = 1; i < profile->n_functions; i++) {
        uint32_t file = profile->functions[i].file;
        const char *name = profile->strings[file];
        if (files[file] == 0)
            files[file] = profile_file_is_own(name) && (code || strcmp(name, "<string>") != 0) ? 2 : 1;
        profile->function_own[i] = profile->functions[i].kind == FUNCTION_PYTHON && files[file] == 2;
    }
    mem_free(files);
    return 0;
}

static int read_all(struct loader *loader)
{
    int rc = loader_counters(loader);
    if (rc == 0)
        rc = loader_samples(loader);
    return rc == 0 ? mark_own(loader) : rc;
}

int loader_begin(struct loader *loader, const char *path, struct err *err)
{
    *loader = (struct loader){.path = path, .err = err, .profile = mem_zalloc(1, sizeof *loader->profile)};
    if (loader->profile == NULL)
        return loader_no_memory(loader);
    int rc = make_empty(loader);
    if (rc == 0)
        rc = loader_open(loader);
    return rc == 0 ? loader_tables(loader) : rc;
}

void loader_end(struct loader *loader)
{
    sqlite3_close(loader->db);
    profile_free(loader->profile);
    *loader = (struct loader){0};
}

int profile_load(const char *path, struct profile **result, struct err *err)
{
    struct loader loader;
    *result = NULL;
    int rc = loader_begin(&loader, path, err);
    if (rc == 0)
        rc = read_all(&loader);
    if (rc == 0) {
        *result = loader.profile;
        loader.profile = NULL;
    }
    bool recording = loader.is_recording;
    loader_end(&loader);
    if (recording)
        loader_fold(path);
    return rc;
}

void profile_free(struct profile *profile)
{
    if (profile == NULL)
        return;
    struct profile_samples *samples = &profile->samples;
    void *blocks[] = {
        profile->path,         profile->command,      profile->notes,       profile->strings,  profile->string_lengths,
        profile->functions,    profile->function_own, profile->frames,      profile->stacks,   profile->processes,
        profile->threads,      profile->thread_idle,  samples->time_ns,     samples->thread,   samples->stack,
        samples->ticks,        samples->wall_ns,      samples->cpu_ns,      samples->state,    samples->marks,
        samples->reader,       samples->place,        samples->task,        profile->tasks,    profile->task_waits,
        profile->counters,     profile->sources,      profile->expressions, profile->operands, profile->gaps,
        profile->lock_holders, profile->call_counts,  profile->allocations};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        mem_free(blocks[i]);
    arena_release(&profile->arena);
    mem_free(profile);
}

const struct expression *profile_hot_expression(const struct profile *profile, uint32_t file, uint32_t line,
                                                uint64_t *ticks)
{
    const struct expression *hottest = NULL;
    *ticks = 0;
    for (size_t i = 0; i < profile->n_expressions; i++) {
        const struct expression *one = &profile->expressions[i];
        const struct frame *frame = &profile->frames[one->frame];
        if (frame->line != line || profile->functions[frame->function].file != file)
            continue;
        *ticks += one->ticks;
        if (hottest == NULL || one->ticks > hottest->ticks)
            hottest = one;
    }
    return hottest;
}

/* A time as one says it. */
static void add_time(struct buf *out, double seconds)
{
    if (seconds < 120)
        buf_printf(out, "%.1f s", seconds);
    else if (seconds < 7200)
        buf_printf(out, "%.1f min", seconds / 60);
    else
        buf_printf(out, "%.1f h", seconds / 3600);
}

void profile_left_out(const struct profile *profile, struct buf *out)
{
    const struct profile *whole = profile->whole != NULL ? profile->whole : profile;
    double paused_ns = 0;
    if (whole->dropped_ns > 0) {
        buf_add_text(out, "kept the last ");
        add_time(out, (double)whole->duration_ns / 1e9);
        buf_add_text(out, " of ");
        add_time(out, ((double)whole->duration_ns + (double)whole->dropped_ns) / 1e9);
    }
    if (whole->self.page_wait_ns > 0) {
        buf_printf(out, "%snothing could be read for ", out->size > 0 ? "; " : "");
        add_time(out, (double)whole->self.page_wait_ns / 1e9);
        buf_add_text(out, ", as a page of the program's memory did not come (userfaultfd, a file system that did not "
                          "answer)");
    }
    if (whole->n_gaps == 0)
        return;
    for (size_t i = 0; i < whole->n_gaps; i++)
        paused_ns += (double)whole->gaps[i].length_ns;
    buf_printf(out, "%spaused %zu time%s, ", out->size > 0 ? "; " : "", whole->n_gaps, whole->n_gaps == 1 ? "" : "s");
    add_time(out, paused_ns / 1e9);
    buf_add_text(out, " in all, not measured");
}

const char *profile_source_line(const struct profile *profile, uint32_t file, uint32_t line, size_t *length)
{
    for (size_t i = 0; i < profile->n_sources; i++) {
        const struct profile_source *source = &profile->sources[i];
        if (source->file != file || line < source->first_line)
            continue;
        const char *at = source->text, *end = at + source->length;
        uint32_t left = line - source->first_line;
        if (source->marks != NULL && left / SOURCE_MARK_LINES >= source->n_marks)
            continue;
        if (source->marks != NULL) {
            at += source->marks[left / SOURCE_MARK_LINES];
            left %= SOURCE_MARK_LINES;
        }
        for (; left > 0 && at != NULL; left--) {
            at = memchr(at, '\n', (size_t)(end - at));
            at = at != NULL ? at + 1 : NULL;
        }
        if (at == NULL || at == end)
            continue;
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        *length = (size_t)((stop != NULL ? stop : end) - at);
        if (*length > 0 && at[*length - 1] == '\r')
            --*length;
        return at;
    }
    return NULL;
}
