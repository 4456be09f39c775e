/*
 * Copies one recording into another: names and stacks are interned anew, processes and threads numbered on, times moved
 * by the recording's offset, samples and counters taken chunk by chunk.
 */
#include "data/merge_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNKS_A_COMMIT = 64,
    SOURCES_BYTES_MAX = 60 * 1024 * 1024, /* a reader takes 64 MiB */
    NAME_MAX_SHOWN = 200
};

/* The samples of one thread, as far as its end needs them. */
struct thread_sums {
    uint64_t run_ns, delay_ns, last_ns;
};

/* One recording on its way. The loader is first: its callbacks get nothing else. */
struct source {
    struct loader loader;
    struct merger *merger;
    uint64_t offset_ns;
    uint32_t *strings, *functions, *frames, *stacks;  /* id there → id here */
    uint32_t first_process, first_thread, first_task; /* what their ids grow by */
    struct thread_sums *sums;
    struct chunk_row *rows;
    struct chunk_counter *counters;
    size_t rows_capacity, counters_capacity;
    uint32_t host;
    unsigned chunks;
    struct core_counters cores;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The failure that the recording has kept, at its next commit. */
static int commit(struct source *source)
{
    return recording_commit(source->merger->recording, source->merger->end_ns, source->merger->err);
}

/* ---- names and stacks ----------------------------------------------------------------------------------------------
 */

static int make_maps(struct source *source)
{
    const struct profile *profile = source->loader.profile;
    source->strings = mem_zalloc(profile->n_strings, sizeof *source->strings);
    source->functions = mem_zalloc(profile->n_functions, sizeof *source->functions);
    source->frames = mem_zalloc(profile->n_frames, sizeof *source->frames);
    source->stacks = mem_zalloc(profile->n_stacks, sizeof *source->stacks);
    source->sums = mem_zalloc(profile->n_threads, sizeof *source->sums);
    bool all = source->strings != NULL && source->functions != NULL && source->frames != NULL &&
               source->stacks != NULL && source->sums != NULL;
    return all ? 0 : loader_no_memory(&source->loader);
}

static void copy_names(struct source *source)
{
    const struct profile *profile = source->loader.profile;
    struct recording *to = source->merger->recording;
    for (size_t i = 1; i < profile->n_strings; i++)
        source->strings[i] = recording_add_string(to, profile->strings[i], profile->string_lengths[i]);
    for (size_t i = 1; i < profile->n_functions; i++) {
        struct function function = profile->functions[i];
        function.name = source->strings[function.name];
        function.file = source->strings[function.file];
        source->functions[i] = recording_add_function(to, &function);
    }
    for (size_t i = 1; i < profile->n_frames; i++)
        source->frames[i] =
            recording_add_frame(to, source->functions[profile->frames[i].function], profile->frames[i].line);
    for (size_t i = 1; i < profile->n_stacks; i++)
        source->stacks[i] = recording_add_stack(to, source->stacks[profile->stacks[i].parent],
                                                source->frames[profile->stacks[i].frame]);
    for (size_t i = 0; i < profile->n_expressions; i++) {
        struct expression expression = profile->expressions[i];
        expression.frame = source->frames[expression.frame];
        recording_add_expression(to, &expression);
    }
    for (size_t i = 0; i < profile->n_operands; i++) {
        struct operand operand = profile->operands[i];
        operand.frame = source->frames[operand.frame];
        operand.operation = source->strings[operand.operation];
        operand.type = source->strings[operand.type];
        operand.shape = source->strings[operand.shape];
        recording_merge_operand(to, &operand);
    }
    for (size_t i = 0; i < profile->n_lock_holders; i++) {
        struct lock_holder holder = profile->lock_holders[i];
        holder.frame = source->frames[holder.frame];
        holder.held = source->frames[holder.held];
        holder.thread = source->strings[holder.thread];
        recording_add_lock_holder(to, &holder);
    }
}

/* Everything of a recording ends when it does. */
static uint64_t moved_end(const struct source *source, uint64_t end_ns)
{
    uint64_t duration_ns = source->loader.profile->duration_ns;
    return source->offset_ns + (end_ns == 0 || end_ns > duration_ns ? duration_ns : end_ns);
}

static uint64_t moved_start(const struct source *source, uint64_t start_ns)
{
    uint64_t duration_ns = source->loader.profile->duration_ns;
    return source->offset_ns + (start_ns > duration_ns ? duration_ns : start_ns);
}

static void copy_processes(struct source *source)
{
    const struct profile *profile = source->loader.profile;
    struct recording *to = source->merger->recording;
    const char *file = base_name(source->loader.path);
    uint32_t from = recording_add_string(to, file, strlen(file));
    uint32_t host = recording_add_string(to, profile->host, strlen(profile->host));
    for (size_t i = 1; i < profile->n_processes; i++) {
        struct process process = profile->processes[i];
        process.parent = process.parent != 0 ? source->first_process + process.parent : 0;
        process.command = source->strings[process.command];
        process.executable = source->strings[process.executable];
        process.python = source->strings[process.python];
        process.host = process.host != 0 ? source->strings[process.host] : host;
        process.recording = process.recording != 0 ? source->strings[process.recording] : from;
        process.start_ns = moved_start(source, process.start_ns);
        process.end_ns = moved_end(source, process.end_ns);
        recording_add_process(to, &process);
    }
    for (size_t i = 0; i < profile->n_call_counts; i++) {
        struct call_count count = profile->call_counts[i];
        count.process += source->first_process;
        count.function = source->functions[count.function];
        recording_add_call_count(to, &count);
    }
    for (size_t i = 0; i < profile->n_allocations; i++) {
        struct allocation allocation = profile->allocations[i];
        allocation.process += source->first_process;
        allocation.stack = source->stacks[allocation.stack];
        recording_add_allocation(to, &allocation);
    }
    source->merger->n_processes += (uint32_t)profile->n_processes - 1;
}

static void copy_threads(struct source *source)
{
    const struct profile *profile = source->loader.profile;
    for (size_t i = 1; i < profile->n_threads; i++) {
        struct thread thread = profile->threads[i];
        thread.process = thread.process != 0 ? source->first_process + thread.process : 0;
        thread.name = source->strings[thread.name];
        thread.start_ns = moved_start(source, thread.start_ns);
        thread.end_ns = moved_end(source, thread.end_ns);
        recording_add_thread(source->merger->recording, &thread);
    }
    source->merger->n_threads += (uint32_t)profile->n_threads - 1;
}

static void copy_tasks(struct source *source)
{
    const struct profile *profile = source->loader.profile;
    struct recording *to = source->merger->recording;
    for (size_t i = 1; i < profile->n_tasks; i++) {
        struct task task = profile->tasks[i];
        task.thread = task.thread != 0 ? source->first_thread + task.thread : 0;
        task.name = source->strings[task.name];
        task.coroutine = source->functions[task.coroutine];
        task.awaiter = 0;
        recording_add_task(to, &task);
    }
    for (size_t i = 1; i < profile->n_tasks; i++) {
        uint32_t awaiter = profile->tasks[i].awaiter;
        if (awaiter != 0)
            recording_set_awaiter(to, source->first_task + (uint32_t)i, source->first_task + awaiter);
    }
    for (size_t i = 0; i < profile->n_task_waits; i++) {
        struct task_wait wait = profile->task_waits[i];
        wait.task = wait.task != 0 ? source->first_task + wait.task : 0;
        wait.stack = source->stacks[wait.stack];
        wait.on = source->strings[wait.on];
        recording_add_task_wait(to, &wait);
    }
    source->merger->n_tasks += (uint32_t)profile->n_tasks - 1;
}

/* ---- samples and counters ------------------------------------------------------------------------------------------
 */

static int copy_sample(struct source *source, const struct chunk_row *row)
{
    const struct profile *profile = source->loader.profile;
    if (row->thread == 0 || row->thread >= profile->n_threads || row->stack >= profile->n_stacks ||
        (row->task != 0 && row->task >= profile->n_tasks))
        return loader_corrupt(&source->loader, "a sample names a thread, stack or task that is not there");
    struct thread_sums *sums = &source->sums[row->thread];
    struct sample sample = {.time_ns = chunk_row_ns(row) + source->offset_ns,
                            .thread = source->first_thread + row->thread,
                            .stack = source->stacks[row->stack],
                            .ticks = row->ticks,
                            .task = row->task != 0 ? source->first_task + row->task : 0,
                            .run_ns = row->run * CHUNK_UNIT_NS,
                            .delay_ns = row->delay * CHUNK_UNIT_NS,
                            .state = row->state,
                            .marks = row->marks,
                            .reader = row->reader,
                            .place = row->place};
    sums->run_ns += sample.run_ns;
    sums->delay_ns += sample.delay_ns;
    sums->last_ns = chunk_row_ns(row);
    recording_add_sample(source->merger->recording, &sample);
    source->merger->samples++;
    source->merger->ticks += sample.ticks;
    return 0;
}

static int decoded(struct source *source, int rc, const char *what)
{
    if (rc == ERR_NOMEM)
        return loader_no_memory(&source->loader);
    return rc == 0 ? 0 : loader_corrupt(&source->loader, what);
}

static int copy_chunk(struct loader *loader, sqlite3_stmt *statement)
{
    struct source *source = (struct source *)loader;
    size_t count = 0, size = (size_t)sqlite3_column_bytes(statement, 0);
    const void *data = sqlite3_column_blob(statement, 0);
    int rc = data != NULL ? chunk_decode(data, size, &source->rows, &source->rows_capacity, &count) : ERR_CORRUPT;
    rc = decoded(source, rc, "a chunk of samples does not decode");
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = copy_sample(source, &source->rows[i]);
    return rc == 0 && ++source->chunks % CHUNKS_A_COMMIT == 0 ? commit(source) : rc;
}

static int copy_counter(struct source *source, const struct chunk_counter *row)
{
    struct counter counter = {.time_ns = row->time * CHUNK_UNIT_NS + source->offset_ns,
                              .subject = row->subject,
                              .kind = row->kind,
                              .value = row->value};
    if (counter_of_core(row->kind))
        return merge_core(source->merger, &source->cores, source->host, &counter) == 0
                   ? 0
                   : loader_no_memory(&source->loader);
    if (row->subject == 0 || row->subject >= source->loader.profile->n_processes)
        return 0;
    counter.subject += source->first_process;
    recording_add_counter(source->merger->recording, &counter);
    return 0;
}

static int copy_counters(struct loader *loader, sqlite3_stmt *statement)
{
    struct source *source = (struct source *)loader;
    size_t count = 0, size = (size_t)sqlite3_column_bytes(statement, 0);
    const void *data = sqlite3_column_blob(statement, 0);
    int rc = data != NULL ? chunk_decode_counters(data, size, &source->counters, &source->counters_capacity, &count)
                          : ERR_CORRUPT;
    rc = decoded(source, rc, "a chunk of counters does not decode");
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = copy_counter(source, &source->counters[i]);
    return rc;
}

/* A thread that outlived its recording has counters that go on behind it: only what fits is its own here. */
static void bound_totals(struct source *source)
{
    const struct profile *profile = source->loader.profile;
    for (size_t i = 1; i < profile->n_threads; i++) {
        struct thread thread = profile->threads[i];
        const struct thread_sums *sums = &source->sums[i];
        if (!profile->complete || thread.end_ns <= profile->duration_ns)
            continue;
        uint64_t left = profile->duration_ns > sums->last_ns ? profile->duration_ns - sums->last_ns : 0;
        uint64_t run = thread.run_ns > sums->run_ns ? thread.run_ns - sums->run_ns : 0;
        uint64_t delay = thread.delay_ns > sums->delay_ns ? thread.delay_ns - sums->delay_ns : 0;
        run = run < left ? run : left;
        delay = delay < left - run ? delay : left - run;
        thread.process = thread.process != 0 ? source->first_process + thread.process : 0;
        thread.name = source->strings[thread.name];
        thread.start_ns = moved_start(source, thread.start_ns);
        thread.end_ns = moved_end(source, thread.end_ns);
        thread.run_ns = sums->run_ns + run;
        thread.delay_ns = sums->delay_ns + delay;
        recording_set_thread(source->merger->recording, source->first_thread + (uint32_t)i, &thread);
    }
}

/* ---- the rest ------------------------------------------------------------------------------------------------------
 */

/* Of a place in a file the first text is kept, and only as much as a reader takes. */
static int copy_sources(struct source *source)
{
    const struct profile *profile = source->loader.profile;
    struct merger *merger = source->merger;
    for (size_t i = 0; i < profile->n_sources; i++) {
        const struct profile_source *text = &profile->sources[i];
        uint32_t key[] = {source->strings[text->file], text->first_line}, index;
        bool found;
        if (map_put(&merger->sources, key, sizeof key, merger->n_sources, &index, &found) != 0)
            return loader_no_memory(&source->loader);
        if (found)
            continue;
        merger->n_sources++;
        if (merger->source_bytes + text->length > SOURCES_BYTES_MAX) {
            merger->sources_left_out = true;
            continue;
        }
        merger->source_bytes += text->length;
        recording_add_source(merger->recording, key[0], key[1], text->text, text->length);
    }
    return 0;
}

static int copy_notes(struct source *source)
{
    const struct profile *profile = source->loader.profile;
    struct buf note = {0};
    for (size_t i = 0; profile->notes[i] != NULL; i++) {
        buf_clear(&note);
        buf_printf(&note, "%.*s: ", NAME_MAX_SHOWN, base_name(source->loader.path));
        buf_add_text(&note, profile->notes[i]);
        recording_add_note(source->merger->recording, buf_text(&note));
    }
    if (!profile->complete) {
        buf_clear(&note);
        buf_printf(&note, "%.*s was cut off: what is here is what it had at its last commit", NAME_MAX_SHOWN,
                   base_name(source->loader.path));
        recording_add_note(source->merger->recording, buf_text(&note));
    }
    buf_clear(&note);
    profile_left_out(profile, &note);
    if (note.size > 0) {
        struct buf whole = {0};
        buf_printf(&whole, "%.*s: %s%s", NAME_MAX_SHOWN, base_name(source->loader.path), buf_text(&note),
                   profile->n_gaps > 0 ? "; what is behind a pause is as much earlier here" : "");
        recording_add_note(source->merger->recording, buf_text(&whole));
        note.failed = note.failed || whole.failed;
        buf_release(&whole);
    }
    for (size_t i = 0; i < profile->n_gaps; i++)
        recording_add_gap(source->merger->recording, profile->gaps[i].time_ns + source->offset_ns,
                          profile->gaps[i].length_ns);
    int rc = note.failed ? loader_no_memory(&source->loader) : 0;
    buf_release(&note);
    return rc;
}

static void add_trust(struct source *source)
{
    const struct profile *profile = source->loader.profile;
    struct merger *merger = source->merger;
    const struct self_report *from = &profile->self;
    struct self_report *to = &merger->self;
    double seconds = (double)profile->duration_ns / 1e9;
    for (int kind = 0; kind < LOSS_KIND_COUNT; kind++)
        recording_add_loss(merger->recording, (enum loss_kind)kind, profile->losses[kind]);
    to->own_cpu_ns += from->own_cpu_ns;
    to->core_taken_ns += from->core_taken_ns;
    to->core_awake_ns += from->core_awake_ns;
    to->own_rss_bytes = from->own_rss_bytes > to->own_rss_bytes ? from->own_rss_bytes : to->own_rss_bytes;
    to->sweeps += from->sweeps;
    to->sweeps_planned += from->sweeps_planned;
    to->late += from->late;
    to->reads += from->reads;
    to->rereads += from->rereads;
    to->stops += from->stops;
    to->native_whole += from->native_whole;
    to->native_cut += from->native_cut;
    to->waited_ns += from->waited_ns; /* made a share of the whole at the end */
    to->page_wait_ns += from->page_wait_ns;
    to->rate_asked_hz = from->rate_asked_hz > to->rate_asked_hz ? from->rate_asked_hz : to->rate_asked_hz;
    to->rate_hz += from->rate_hz * seconds; /* made a mean at the end */
    merger->rate_seconds += seconds;
}

static int copy_all(struct source *source)
{
    struct merger *merger = source->merger;
    const struct profile *profile = source->loader.profile;
    uint32_t host = 0;
    int rc = make_maps(source);
    if (rc != 0)
        return rc;
    if (profile->n_processes - 1 > UINT32_MAX - merger->n_processes ||
        profile->n_threads - 1 > UINT32_MAX - merger->n_threads || profile->n_tasks - 1 > UINT32_MAX - merger->n_tasks)
        return err_set(merger->err, ERR_BAD_INPUT, "cannot merge: there are too many processes, threads or tasks");
    source->first_process = merger->n_processes;
    source->first_thread = merger->n_threads;
    source->first_task = merger->n_tasks;
    source->host = map_get(&merger->hosts, profile->host, strlen(profile->host), &host) ? host : 0;
    copy_names(source);
    copy_processes(source);
    copy_threads(source);
    copy_tasks(source);
    uint64_t end = source->offset_ns + profile->duration_ns;
    merger->end_ns = end > merger->end_ns ? end : merger->end_ns;
    rc = loader_each(&source->loader, "SELECT data FROM sample_chunk ORDER BY id", copy_chunk);
    if (rc == 0)
        rc = loader_each(&source->loader, "SELECT data FROM counter_chunk ORDER BY id", copy_counters);
    if (rc != 0)
        return rc;
    bound_totals(source);
    add_trust(source);
    rc = copy_notes(source);
    if (rc == 0)
        rc = copy_sources(source);
    return rc == 0 ? commit(source) : rc;
}

int merge_rows(struct merger *merger, const struct merge_input *input)
{
    struct source source = {.merger = merger, .offset_ns = input->offset_ns};
    int rc = loader_begin(&source.loader, input->path, merger->err);
    if (rc == 0)
        rc = copy_all(&source);
    loader_end(&source.loader);
    mem_free(source.strings);
    mem_free(source.functions);
    mem_free(source.frames);
    mem_free(source.stacks);
    mem_free(source.sums);
    mem_free(source.rows);
    mem_free(source.counters);
    merge_cores_end(&source.cores);
    return rc;
}
