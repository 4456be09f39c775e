/*
 * The adds of a recording. Rows go into SQLite at once, in a transaction that recording_commit (recording_commit.c)
 * ends; samples and counters collect in open chunks. Everything here runs in the one thread that owns the recording.
 * A failure (full disk, short memory) is kept and ends all later work: adds return 0 and do nothing.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/recording_private.h"

#include <string.h>
#include <unistd.h>
#include <zstd.h>

const char *recording_path(const struct recording *recording)
{
    return recording->path;
}

uint64_t recording_samples(const struct recording *recording)
{
    return recording->samples;
}

uint32_t recording_add_string(struct recording *recording, const char *text, size_t length)
{
    uint32_t id;
    bool found;
    if (length > recording->string_bytes_max)
        length = recording->string_bytes_max;
    if (recording->failure.code != 0)
        return 0;
    if (map_get(&recording->strings, text, length, &id))
        return id;
    uint32_t stored = recording_find_string(recording, text, length);
    if (map_put(&recording->strings, text, length, stored != 0 ? stored : recording->n_strings + 1, &id, &found) != 0) {
        recording_out_of_memory(recording);
        return 0;
    }
    recording->interned_bytes += length;
    if (stored != 0)
        return id;
    recording->n_strings = id;
    sqlite3_stmt *statement = recording_statement(recording, STATEMENT_STRING);
    if (statement == NULL)
        return 0;
    sqlite3_bind_int64(statement, 1, id);
    recording_bind_text(statement, 2, text, length);
    return recording_step(recording, statement) ? id : 0;
}

/* A table of rows (id, numbers) that are interned. */
struct interned {
    struct map *map;
    uint32_t *last;
    enum statement add, find;
};

/* Interns a key of `n` numbers and writes the row when it is new. */
static uint32_t intern(struct recording *recording, const struct interned *table, const uint32_t *key, int n)
{
    uint32_t id;
    bool found;
    size_t size = (size_t)n * sizeof *key;
    if (recording->failure.code != 0)
        return 0;
    if (map_get(table->map, key, size, &id))
        return id;
    sqlite3_stmt *stored = recording_find(recording, table->find, key, n);
    uint32_t fresh = *table->last + 1;
    if (map_put(table->map, key, size, stored != NULL ? (uint32_t)sqlite3_column_int64(stored, 0) : fresh, &id,
                &found) != 0) {
        recording_out_of_memory(recording);
        return 0;
    }
    sqlite3_reset(stored);
    if (stored != NULL)
        return id;
    *table->last = id;
    sqlite3_stmt *statement = recording_statement(recording, table->add);
    if (statement == NULL)
        return 0;
    sqlite3_bind_int64(statement, 1, id);
    for (int i = 0; i < n; i++)
        sqlite3_bind_int64(statement, i + 2, key[i]);
    return recording_step(recording, statement) ? id : 0;
}

uint32_t recording_add_function(struct recording *recording, const struct function *function)
{
    uint32_t key[] = {function->name, function->file, function->first_line, function->kind};
    if (function->name > recording->n_strings || function->file > recording->n_strings)
        return 0;
    const struct interned table = {&recording->functions, &recording->n_functions, STATEMENT_FUNCTION,
                                   STATEMENT_FIND_FUNCTION};
    return intern(recording, &table, key, 4);
}

uint32_t recording_add_frame(struct recording *recording, uint32_t function, uint32_t line)
{
    uint32_t key[] = {function, line};
    if (function > recording->n_functions)
        return 0;
    const struct interned table = {&recording->frames, &recording->n_frames, STATEMENT_FRAME, STATEMENT_FIND_FRAME};
    return intern(recording, &table, key, 2);
}

void recording_add_expression(struct recording *recording, const struct expression *expression)
{
    uint32_t key[] = {expression->frame, expression->end_line, expression->column, expression->end_column}, index = 0;
    bool found = false;
    if (recording->failure.code != 0 || expression->frame == 0 || expression->frame > recording->n_frames)
        return;
    if (map_put(&recording->expression_index, key, sizeof key, (uint32_t)recording->n_expressions, &index, &found) !=
            0 ||
        mem_grow(&recording->expressions, &recording->expression_capacity, recording->n_expressions + 1,
                 sizeof *recording->expressions) != 0) {
        recording_out_of_memory(recording);
        return;
    }
    struct recorded_expression *row = &recording->expressions[index];
    if (!found) {
        *row = (struct recorded_expression){.expression = *expression};
        row->expression.ticks = 0;
        sqlite3_stmt *stored = recording_find(recording, STATEMENT_FIND_EXPRESSION, key, 4);
        if (stored != NULL)
            row->expression.ticks = (uint64_t)sqlite3_column_int64(stored, 0);
        sqlite3_reset(stored);
        recording->n_expressions++;
    }
    row->expression.ticks += expression->ticks;
    row->dirty = true;
}

uint32_t recording_add_stack(struct recording *recording, uint32_t parent, uint32_t frame)
{
    uint32_t key[] = {parent, frame};
    if (parent > recording->n_stacks || frame == 0 || frame > recording->n_frames)
        return 0;
    const struct interned table = {&recording->stacks, &recording->n_stacks, STATEMENT_STACK, STATEMENT_FIND_STACK};
    uint32_t depth = recording_depth(recording, parent) + 1;
    if (depth > STACK_DEPTH_MAX)
        return parent;
    if (mem_grow(&recording->depths, &recording->depth_capacity,
                 (size_t)recording->n_stacks + 2 - recording->depths_from, sizeof *recording->depths) != 0) {
        recording_out_of_memory(recording);
        return 0;
    }
    uint32_t id = intern(recording, &table, key, 2);
    if (id >= recording->depths_from && id != 0)
        recording->depths[id - recording->depths_from] = depth;
    return id;
}

/* An end before what is kept is its beginning: 0 would say that it goes on. */
static uint64_t kept_end(const struct recording *recording, uint64_t end_ns)
{
    uint64_t kept_ns = recording_kept_time(recording, end_ns);
    return end_ns != 0 && kept_ns == 0 ? 1 : kept_ns;
}

static struct process kept_process(const struct recording *recording, const struct process *process)
{
    struct process kept = *process;
    kept.start_ns = recording_kept_time(recording, process->start_ns);
    kept.end_ns = kept_end(recording, process->end_ns);
    return kept;
}

static struct thread kept_thread(const struct recording *recording, const struct thread *thread, uint64_t run_ns,
                                 uint64_t delay_ns)
{
    struct thread kept = *thread;
    kept.start_ns = recording_kept_time(recording, thread->start_ns);
    kept.end_ns = kept_end(recording, thread->end_ns);
    kept.run_ns = thread->run_ns > run_ns ? thread->run_ns - run_ns : 0;
    kept.delay_ns = thread->delay_ns > delay_ns ? thread->delay_ns - delay_ns : 0;
    return kept;
}

uint32_t recording_add_process(struct recording *recording, const struct process *process)
{
    if (recording->failure.code != 0)
        return 0;
    if (mem_grow(&recording->processes, &recording->process_capacity, recording->n_processes + 1,
                 sizeof *recording->processes) != 0) {
        recording_out_of_memory(recording);
        return 0;
    }
    recording->processes[recording->n_processes++] = (struct recorded_process){kept_process(recording, process), true};
    return (uint32_t)recording->n_processes;
}

uint32_t recording_add_thread(struct recording *recording, const struct thread *thread)
{
    if (recording->failure.code != 0)
        return 0;
    if (mem_grow(&recording->threads, &recording->thread_capacity, recording->n_threads + 1,
                 sizeof *recording->threads) != 0) {
        recording_out_of_memory(recording);
        return 0;
    }
    recording->threads[recording->n_threads++] =
        (struct recorded_thread){.thread = kept_thread(recording, thread, 0, 0), .dirty = true};
    return (uint32_t)recording->n_threads;
}

void recording_set_process(struct recording *recording, uint32_t id, const struct process *process)
{
    if (id > 0 && id <= recording->n_processes)
        recording->processes[id - 1] = (struct recorded_process){kept_process(recording, process), true};
}

void recording_set_thread(struct recording *recording, uint32_t id, const struct thread *thread)
{
    if (id > 0 && id <= recording->n_threads) {
        struct recorded_thread *row = &recording->threads[id - 1];
        row->thread = kept_thread(recording, thread, row->dropped_run_ns, row->dropped_delay_ns);
        row->dirty = true;
    }
}

/* What `total` grew by, in whole units: the remainder stays in the total and counts next time. */
static uint64_t grown_units(uint64_t *total, uint64_t by)
{
    uint64_t before = *total / CHUNK_UNIT_NS;
    *total += by;
    return *total / CHUNK_UNIT_NS - before;
}

void recording_add_sample(struct recording *recording, const struct sample *sample)
{
    if (recording->failure.code != 0 || sample->thread == 0 || sample->thread > recording->n_threads ||
        sample->stack > recording->n_stacks || sample->task > recording->n_tasks || sample->ticks == 0 ||
        sample->state >= STATE_COUNT || sample->reader >= READER_KIND_COUNT || sample->place >= PLACE_COUNT)
        return;
    struct recorded_thread *thread = &recording->threads[sample->thread - 1];
    uint64_t time = recording_kept_time(recording, sample->time_ns) / CHUNK_UNIT_NS;
    if (time < thread->last_units)
        time = thread->last_units;
    if (time > CHUNK_UNITS_MAX / 4 || sample->run_ns > CHUNK_UNITS_MAX || sample->delay_ns > CHUNK_UNITS_MAX)
        return;
    thread->last_units = time;
    struct chunk_row row = {
        .time = time & CHUNK_TIME_MASK,
        .run = grown_units(&thread->run_ns, sample->run_ns),
        .delay = grown_units(&thread->delay_ns, sample->delay_ns),
        .thread = sample->thread,
        .stack = sample->stack,
        .ticks = sample->ticks,
        .task = sample->task,
        .state = sample->state & 31u,
        .marks = sample->marks & (unsigned)MARKS_ALL,
        .reader = sample->reader & 7u,
        .place = sample->place & 3u,
    };
    recording->rows[recording->n_rows++] = row;
    recording->samples += 1;
    recording_count_task(recording, sample);
    recording_sum_sample(recording, sample, &row);
    if (recording->n_rows == CHUNK_ROWS)
        recording_close_samples(recording);
}

/* The row of a counter, made where there is none yet; NULL when memory is short. */
static struct counter_sum *counter_sum_of(struct recording *recording, uint32_t kind, uint32_t subject)
{
    uint32_t key[] = {kind, subject}, index = 0;
    bool found = false;
    if (map_put(&recording->counter_index, key, sizeof key, (uint32_t)recording->n_counter_sums, &index, &found) != 0 ||
        mem_grow(&recording->counter_sums, &recording->counter_sum_capacity, recording->n_counter_sums + 1,
                 sizeof *recording->counter_sums) != 0) {
        recording_out_of_memory(recording);
        return NULL;
    }
    struct counter_sum *sum = &recording->counter_sums[index];
    if (!found) {
        *sum = (struct counter_sum){.last = {.kind = (uint8_t)kind, .subject = subject}};
        recording->n_counter_sums++;
    }
    return sum;
}

static void add_to_counter_sum(struct counter_sum *sum, const struct counter *counter)
{
    sum->least = sum->count == 0 || counter->value < sum->least ? counter->value : sum->least;
    sum->most = sum->count == 0 || counter->value > sum->most ? counter->value : sum->most;
    sum->last = *counter;
    sum->count++;
    sum->dirty = true;
}

void recording_rebase_counter(struct recording *recording, uint32_t kind, uint32_t subject, int64_t dropped)
{
    struct counter_sum *sum = counter_sum_of(recording, kind, subject);
    if (sum != NULL)
        sum->dropped = dropped;
}

void recording_add_counter(struct recording *recording, const struct counter *counter)
{
    struct counter kept = *counter;
    kept.time_ns = recording_kept_time(recording, counter->time_ns);
    uint64_t time = kept.time_ns / CHUNK_UNIT_NS;
    if (recording->failure.code != 0 || counter->kind >= COUNTER_KIND_COUNT || time > CHUNK_UNITS_MAX / 4 ||
        counter->subject == RECORDING_GONE)
        return;
    struct counter_sum *sum = counter_sum_of(recording, counter->kind, counter->subject);
    if (sum == NULL || __builtin_sub_overflow(counter->value, sum->dropped, &kept.value))
        return;
    recording->counters[recording->n_counters++] =
        (struct chunk_counter){time, kept.value, counter->subject, counter->kind};
    add_to_counter_sum(sum, &kept);
    if (recording->n_counters == CHUNK_ROWS)
        recording_close_counters(recording);
}

void recording_add_note(struct recording *recording, const char *text)
{
    sqlite3_stmt *statement = recording_statement(recording, STATEMENT_NOTE);
    if (statement == NULL)
        return;
    recording_bind_text(statement, 1, text, strlen(text));
    recording_step(recording, statement);
}

void recording_add_gap(struct recording *recording, uint64_t time_ns, uint64_t length_ns)
{
    sqlite3_stmt *statement = recording_statement(recording, STATEMENT_GAP);
    if (statement == NULL)
        return;
    recording_bind_u64(statement, 1, recording_kept_time(recording, time_ns));
    recording_bind_u64(statement, 2, length_ns);
    recording_step(recording, statement);
}

void recording_add_source(struct recording *recording, uint32_t file, uint32_t first_line, const char *text,
                          size_t length)
{
    if (recording->failure.code != 0 || file == 0 || file > recording->n_strings ||
        length > recording->string_bytes_max)
        return;
    size_t bound = ZSTD_compressBound(length);
    char *packed = mem_alloc(bound);
    sqlite3_stmt *statement = packed != NULL ? recording_statement(recording, STATEMENT_SOURCE) : NULL;
    if (packed == NULL)
        recording_out_of_memory(recording);
    if (statement != NULL) {
        size_t size = ZSTD_compress(packed, bound, text, length, 9);
        sqlite3_bind_int64(statement, 1, file);
        sqlite3_bind_int64(statement, 2, first_line);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)length);
        sqlite3_bind_blob64(statement, 4, packed, ZSTD_isError(size) ? 0 : size, SQLITE_STATIC);
        recording_step(recording, statement);
    }
    mem_free(packed);
}
