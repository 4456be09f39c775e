/*
 * The tables of a recording but its chunks. Ids must count from 1 without gaps, every reference must lead to a row, and
 * parents of stacks must come before them, so that there is no cycle.
 */
#include "data/profile_private.h"
#include "data/task_sums.h"

#include <math.h>
#include <string.h>
#include <zstd.h>

enum { SOURCE_BYTES_MAX = 16 * 1024 * 1024, SOURCES_BYTES_MAX = 64 * 1024 * 1024, NOTES_MAX = 10000, GAPS_MAX = 10000 };

static uint64_t column_u64(sqlite3_stmt *statement, int column)
{
    sqlite3_int64 value = sqlite3_column_int64(statement, column);
    return value > 0 ? (uint64_t)value : 0;
}

/* The value as bytes that live in the profile's arena, with a zero behind. */
static int copy_text(struct loader *loader, sqlite3_stmt *statement, int column, const char **text, uint32_t *length)
{
    const void *bytes = sqlite3_column_blob(statement, column);
    size_t size = (size_t)sqlite3_column_bytes(statement, column);
    char *copy = arena_strndup(&loader->profile->arena, bytes != NULL ? bytes : "", size);
    if (copy == NULL)
        return loader_no_memory(loader);
    *text = copy;
    if (length != NULL)
        *length = (uint32_t)size;
    return 0;
}

/* Room for the next row of an id table, whose id must be the next number. Entry 0 is there from the start. */
static int next_row(struct loader *loader, sqlite3_stmt *statement, void *array, size_t *count, size_t size)
{
    if (sqlite3_column_int64(statement, 0) != (sqlite3_int64)*count || *count >= UINT32_MAX)
        return loader_corrupt(loader, "ids of a table have gaps");
    void *rows;
    memcpy(&rows, array, sizeof rows);
    /* Room is always a power of two, so the count alone tells when more is needed. */
    if ((*count & (*count - 1)) == 0) {
        rows = mem_realloc(rows, *count * 2, size);
        if (rows == NULL)
            return loader_no_memory(loader);
        memcpy(array, &rows, sizeof rows);
    }
    memset((char *)rows + *count * size, 0, size);
    ++*count;
    return 0;
}

static int reference(struct loader *loader, sqlite3_stmt *statement, int column, size_t below, uint32_t *id)
{
    sqlite3_int64 value = sqlite3_column_int64(statement, column);
    if (value < 0 || (uint64_t)value >= below)
        return loader_corrupt(loader, "a row refers to one that is not there");
    *id = (uint32_t)value;
    return 0;
}

static int read_string(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    size_t id = profile->n_strings, lengths = profile->n_strings;
    int rc = next_row(loader, statement, &profile->strings, &profile->n_strings, sizeof *profile->strings);
    if (rc != 0)
        return rc;
    profile->strings[id] = "";
    rc = next_row(loader, statement, &profile->string_lengths, &lengths, sizeof *profile->string_lengths);
    return rc == 0 ? copy_text(loader, statement, 1, &profile->strings[id], &profile->string_lengths[id]) : rc;
}

static int read_function(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    int rc = next_row(loader, statement, &profile->functions, &profile->n_functions, sizeof *profile->functions);
    if (rc != 0)
        return rc;
    struct function *function = &profile->functions[profile->n_functions - 1];
    sqlite3_int64 kind = sqlite3_column_int64(statement, 4);
    rc = reference(loader, statement, 1, profile->n_strings, &function->name);
    if (rc == 0)
        rc = reference(loader, statement, 2, profile->n_strings, &function->file);
    if (rc == 0)
        rc = reference(loader, statement, 3, (size_t)UINT32_MAX + 1, &function->first_line);
    if (rc == 0 && (kind < 0 || kind > FUNCTION_KERNEL))
        rc = loader_corrupt(loader, "a function is of no known kind");
    function->kind = rc == 0 ? (uint8_t)kind : 0;
    return rc;
}

static int read_frame(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    int rc = next_row(loader, statement, &profile->frames, &profile->n_frames, sizeof *profile->frames);
    if (rc != 0)
        return rc;
    struct frame *frame = &profile->frames[profile->n_frames - 1];
    rc = reference(loader, statement, 1, profile->n_functions, &frame->function);
    return rc == 0 ? reference(loader, statement, 2, (size_t)UINT32_MAX + 1, &frame->line) : rc;
}

static int read_stack(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    int rc = next_row(loader, statement, &profile->stacks, &profile->n_stacks, sizeof *profile->stacks);
    if (rc != 0)
        return rc;
    struct stack *stack = &profile->stacks[profile->n_stacks - 1];
    rc = reference(loader, statement, 1, profile->n_stacks - 1, &stack->parent);
    if (rc == 0)
        rc = reference(loader, statement, 2, profile->n_frames, &stack->frame);
    if (rc == 0 && stack->frame == 0)
        rc = loader_corrupt(loader, "a stack has no frame");
    stack->depth = rc == 0 ? profile->stacks[stack->parent].depth + 1 : 0;
    if (stack->depth > STACK_DEPTH_MAX)
        rc = loader_corrupt(loader, "a stack is deeper than any interpreter's");
    return rc;
}

static int read_process(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    int rc = next_row(loader, statement, &profile->processes, &profile->n_processes, sizeof *profile->processes);
    if (rc != 0)
        return rc;
    struct process *process = &profile->processes[profile->n_processes - 1];
    process->pid = (int32_t)sqlite3_column_int(statement, 1);
    rc = reference(loader, statement, 2, (size_t)UINT32_MAX + 1, &process->parent); /* checked when all are there */
    if (rc == 0)
        rc = reference(loader, statement, 3, profile->n_strings, &process->command);
    if (rc == 0)
        rc = reference(loader, statement, 4, profile->n_strings, &process->executable);
    if (rc == 0)
        rc = reference(loader, statement, 5, profile->n_strings, &process->python);
    process->start_ns = column_u64(statement, 6);
    process->end_ns = column_u64(statement, 7);
    process->exit_status = (int32_t)sqlite3_column_int(statement, 8);
    return rc;
}

static int read_origin(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    uint32_t process = 0;
    int rc = reference(loader, statement, 0, profile->n_processes, &process);
    if (rc == 0)
        rc = reference(loader, statement, 1, profile->n_strings, &profile->processes[process].host);
    return rc == 0 ? reference(loader, statement, 2, profile->n_strings, &profile->processes[process].recording) : rc;
}

static int read_thread(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    int rc = next_row(loader, statement, &profile->threads, &profile->n_threads, sizeof *profile->threads);
    if (rc != 0)
        return rc;
    struct thread *thread = &profile->threads[profile->n_threads - 1];
    rc = reference(loader, statement, 1, profile->n_processes, &thread->process);
    thread->tid = (int32_t)sqlite3_column_int(statement, 2);
    if (rc == 0)
        rc = reference(loader, statement, 3, profile->n_strings, &thread->name);
    thread->start_ns = column_u64(statement, 4);
    thread->end_ns = column_u64(statement, 5);
    thread->run_ns = column_u64(statement, 6);
    thread->delay_ns = column_u64(statement, 7);
    return rc;
}

static int read_loss(struct loader *loader, sqlite3_stmt *statement)
{
    sqlite3_int64 kind = sqlite3_column_int64(statement, 0);
    if (kind >= 0 && kind < LOSS_KIND_COUNT) /* kinds are only ever added: one that is not known here is newer */
        loader->profile->losses[kind] = column_u64(statement, 1);
    return 0;
}

int loader_add_note(struct loader *loader, const char *text)
{
    struct profile *profile = loader->profile;
    size_t n = loader->notes;
    const char **notes = mem_realloc(profile->notes, n + 2, sizeof *notes);
    if (notes == NULL)
        return loader_no_memory(loader);
    profile->notes = notes;
    notes[n] = text;
    notes[n + 1] = NULL;
    loader->notes++;
    return 0;
}

static int read_note(struct loader *loader, sqlite3_stmt *statement)
{
    const char *text = NULL;
    if (loader->notes >= NOTES_MAX)
        return 0;
    int rc = copy_text(loader, statement, 0, &text, NULL);
    return rc == 0 ? loader_add_note(loader, text) : rc;
}

/* Lines are asked for one by one: counted from the first each time, a long file would take the square of its length. */
static bool mark_lines(struct arena *arena, struct profile_source *source)
{
    const char *at = source->text, *end = at + source->length;
    size_t lines = 1, n = 0;
    for (const char *next = at; (next = memchr(next, '\n', (size_t)(end - next))) != NULL; next++)
        lines++;
    uint32_t *marks = arena_alloc(arena, (lines / SOURCE_MARK_LINES + 1) * sizeof *marks);
    if (marks == NULL)
        return false;
    for (size_t line = 0; line < lines; line++) {
        if (line % SOURCE_MARK_LINES == 0)
            marks[n++] = (uint32_t)(at - source->text);
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        at = stop != NULL ? stop + 1 : end;
    }
    source->marks = marks;
    source->n_marks = n;
    return true;
}

static int read_source(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    size_t n = profile->n_sources;
    const void *data = sqlite3_column_blob(statement, 3);
    size_t size = (size_t)sqlite3_column_bytes(statement, 3);
    uint64_t length = column_u64(statement, 2);
    if (length > SOURCE_BYTES_MAX)
        return loader_corrupt(loader, "a source text is too long");
    loader->source_bytes += length;
    if (loader->source_bytes > SOURCES_BYTES_MAX)
        return loader_corrupt(loader, "source texts are too long");
    struct profile_source *sources = mem_realloc(profile->sources, n + 1, sizeof *sources);
    char *text = sources != NULL ? arena_alloc(&profile->arena, length + 1) : NULL;
    profile->sources = sources != NULL ? sources : profile->sources;
    if (text == NULL)
        return loader_no_memory(loader);
    struct profile_source *source = &sources[n];
    *source = (struct profile_source){.text = text, .length = length};
    int rc = reference(loader, statement, 0, profile->n_strings, &source->file);
    if (rc == 0)
        rc = reference(loader, statement, 1, (size_t)UINT32_MAX + 1, &source->first_line);
    if (rc != 0)
        return rc;
    if (data == NULL || ZSTD_decompress(text, length, data, size) != length)
        return loader_corrupt(loader, "a source text does not decompress");
    text[length] = '\0';
    if (!mark_lines(&profile->arena, source))
        return loader_no_memory(loader);
    profile->n_sources++;
    return 0;
}

static int read_expression(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    struct expression row = {.ticks = column_u64(statement, 4)};
    int rc = reference(loader, statement, 0, profile->n_frames, &row.frame);
    if (rc == 0)
        rc = reference(loader, statement, 1, (size_t)UINT32_MAX + 1, &row.end_line);
    if (rc == 0)
        rc = reference(loader, statement, 2, (size_t)UINT32_MAX + 1, &row.column);
    if (rc == 0)
        rc = reference(loader, statement, 3, (size_t)UINT32_MAX + 1, &row.end_column);
    if (rc != 0)
        return rc;
    if (mem_grow(&profile->expressions, &profile->expression_capacity, profile->n_expressions + 1, sizeof row) != 0)
        return loader_no_memory(loader);
    profile->expressions[profile->n_expressions++] = row;
    return 0;
}

static int read_task(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    int rc = next_row(loader, statement, &profile->tasks, &profile->n_tasks, sizeof *profile->tasks);
    if (rc != 0)
        return rc;
    struct task *task = &profile->tasks[profile->n_tasks - 1];
    rc = reference(loader, statement, 1, profile->n_threads, &task->thread);
    if (rc == 0)
        rc = reference(loader, statement, 2, profile->n_strings, &task->name);
    if (rc == 0)
        rc = reference(loader, statement, 3, profile->n_functions, &task->coroutine);
    return rc == 0 ? reference(loader, statement, 4, (size_t)UINT32_MAX + 1, &task->awaiter) : rc;
}

static int read_task_wait(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    struct task_wait row = {.looks = column_u64(statement, 3), .wait_ns = column_u64(statement, 4)};
    int rc = reference(loader, statement, 0, profile->n_tasks, &row.task);
    if (rc == 0)
        rc = reference(loader, statement, 1, profile->n_stacks, &row.stack);
    if (rc == 0)
        rc = reference(loader, statement, 2, profile->n_strings, &row.on);
    if (rc == 0 &&
        mem_grow(&profile->task_waits, &profile->task_wait_capacity, profile->n_task_waits + 1, sizeof row) != 0)
        rc = loader_no_memory(loader);
    if (rc == 0)
        profile->task_waits[profile->n_task_waits++] = row;
    return rc;
}

/* A task that no other waits for has awaiter 0; one that waits for it may come behind it. */
static int read_tasks(struct loader *loader)
{
    struct profile *profile = loader->profile;
    profile->tasks = mem_zalloc(1, sizeof *profile->tasks);
    profile->n_tasks = 1;
    if (profile->tasks == NULL)
        return loader_no_memory(loader);
    int rc = !loader->has_tasks
                 ? 0
                 : loader_each(loader, "SELECT id, thread, name, coroutine, awaiter FROM task ORDER BY id", read_task);
    for (size_t i = 1; rc == 0 && i < profile->n_tasks; i++) {
        if (profile->tasks[i].awaiter >= profile->n_tasks)
            rc = loader_corrupt(loader, "a task has an awaiter that is not there");
    }
    if (rc == 0 && tasks_find_alike(profile) != 0)
        rc = loader_no_memory(loader);
    if (rc == 0 && loader->has_task_waits)
        rc = loader_each(loader, "SELECT task, stack, awaited, looks, wait_ns FROM task_wait ORDER BY task, stack",
                         read_task_wait);
    return rc;
}

static int read_gap(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    if (profile->n_gaps >= GAPS_MAX)
        return 0;
    struct gap *gaps = mem_realloc(profile->gaps, profile->n_gaps + 1, sizeof *gaps);
    if (gaps == NULL)
        return loader_no_memory(loader);
    profile->gaps = gaps;
    gaps[profile->n_gaps++] = (struct gap){column_u64(statement, 0), column_u64(statement, 1)};
    return 0;
}

/* ---- key and value ------------------------------------------------------------------------------------------------
 */

static int read_command(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    const char *text = "";
    uint32_t length = 0;
    int rc = copy_text(loader, statement, 1, &text, &length);
    if (rc != 0)
        return rc;
    size_t n = 0, count = 0;
    for (uint32_t i = 0; i < length; i++)
        count += text[i] == '\0';
    const char **command = mem_zalloc(count + 2, sizeof *command);
    if (command == NULL)
        return loader_no_memory(loader);
    for (const char *at = text; at < text + length; at += strlen(at) + 1)
        command[n++] = at;
    mem_free(profile->command);
    profile->command = command;
    return 0;
}

static int read_meta(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    const struct {
        const char *key, **text;
    } texts[] = {{"directory", &profile->directory},
                 {"host", &profile->host},
                 {"mode", &profile->mode},
                 {"evidence", &profile->evidence},
                 {"keisoku_version", &profile->keisoku_version}};
    const char *key = (const char *)sqlite3_column_text(statement, 0);
    if (key == NULL)
        return 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(key, texts[i].key) == 0)
            return copy_text(loader, statement, 1, texts[i].text, NULL);
    }
    if (strcmp(key, "command") == 0)
        return read_command(loader, statement);
    uint64_t value = column_u64(statement, 1);
    double number = sqlite3_column_double(statement, 1);
    if (strcmp(key, "start_unix_ns") == 0)
        profile->start_unix_ns = value;
    else if (strcmp(key, "duration_ns") == 0)
        profile->duration_ns = value;
    else if (strcmp(key, "dropped_ns") == 0)
        profile->dropped_ns = value;
    else if (strcmp(key, "committed_ns") == 0)
        loader->committed_ns = value;
    else if (strcmp(key, "complete") == 0)
        profile->complete = value != 0;
    else if (strcmp(key, "cores") == 0)
        profile->cores = (uint32_t)(value & UINT32_MAX);
    else if (strcmp(key, "cores_allowed") == 0)
        profile->cores_allowed = (uint32_t)(value & UINT32_MAX);
    else if (strcmp(key, "cores_quota") == 0)
        profile->cores_quota = isfinite(number) && number > 0 ? number : 0;
    else if (strcmp(key, "rate_asked_hz") == 0)
        profile->self.rate_asked_hz = isfinite(number) && number > 0 ? number : 0;
    return 0;
}

static int read_self(struct loader *loader, sqlite3_stmt *statement)
{
    struct self_report *self = &loader->profile->self;
    const struct {
        const char *key;
        uint64_t *value;
    } counts[] = {{"own_cpu_ns", &self->own_cpu_ns},
                  {"core_taken_ns", &self->core_taken_ns},
                  {"core_awake_ns", &self->core_awake_ns},
                  {"own_rss_bytes", &self->own_rss_bytes},
                  {"sweeps", &self->sweeps},
                  {"sweeps_planned", &self->sweeps_planned},
                  {"late", &self->late},
                  {"reads", &self->reads},
                  {"rereads", &self->rereads},
                  {"stops", &self->stops},
                  {"native_whole", &self->native_whole},
                  {"native_cut", &self->native_cut},
                  {"waited_ns", &self->waited_ns},
                  {"page_wait_ns", &self->page_wait_ns}};
    const char *key = (const char *)sqlite3_column_text(statement, 0);
    double number = sqlite3_column_double(statement, 1);
    for (size_t i = 0; key != NULL && i < sizeof counts / sizeof *counts; i++) {
        if (strcmp(key, counts[i].key) == 0)
            *counts[i].value = column_u64(statement, 1);
    }
    if (key != NULL && isfinite(number) && strcmp(key, "rate_asked_hz") == 0)
        self->rate_asked_hz = number;
    if (key != NULL && isfinite(number) && strcmp(key, "rate_hz") == 0)
        self->rate_hz = number;
    return 0;
}

int loader_tables(struct loader *loader)
{
    static const struct {
        const char *sql;
        int (*row)(struct loader *, sqlite3_stmt *);
    } tables[] = {
        {"SELECT key, value FROM meta", read_meta},
        {"SELECT key, value FROM self", read_self},
        {"SELECT id, text FROM string ORDER BY id", read_string},
        {"SELECT id, name, file, first_line, kind FROM function ORDER BY id", read_function},
        {"SELECT id, function, line FROM frame ORDER BY id", read_frame},
        {"SELECT id, parent, frame FROM stack ORDER BY id", read_stack},
        {"SELECT id, pid, parent, command, executable, python, start_ns, end_ns, exit_status FROM process ORDER BY id",
         read_process},
        {"SELECT id, process, tid, name, start_ns, end_ns, run_ns, delay_ns FROM thread ORDER BY id", read_thread},
        {"SELECT kind, count FROM loss", read_loss},
        {"SELECT text FROM note ORDER BY id", read_note},
        {"SELECT file, first_line, length, data FROM source ORDER BY id", read_source},
    };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof tables / sizeof *tables; i++)
        rc = loader_each(loader, tables[i].sql, tables[i].row);
    if (rc == 0 && loader->has_origin)
        rc = loader_each(loader, "SELECT process, host, recording FROM origin", read_origin);
    if (rc == 0 && loader->has_origin)
        rc = loader_mark_origins(loader);
    if (rc == 0 && loader->has_expressions)
        rc = loader_each(loader,
                         "SELECT frame, end_line, first_column, end_column, ticks FROM expression ORDER BY frame",
                         read_expression);
    if (rc == 0 && loader->has_operands)
        rc = loader_each(loader,
                         "SELECT frame, operation, slot, type, looks, sized, least, most, first, latest,"
                         " total FROM operand"
                         " ORDER BY frame",
                         profile_read_operand);
    if (rc == 0 && loader->has_shapes)
        rc = loader_each(loader, "SELECT frame, operation, slot, type, shape FROM shape", profile_read_shape);
    if (rc == 0 && loader->has_lock_holders)
        rc = loader_each(
            loader,
            "SELECT frame, held, thread, looks FROM (SELECT * FROM lock_holder ORDER BY looks DESC LIMIT 65536)"
            " ORDER BY frame, looks DESC",
            profile_read_lock_holder);
    if (rc == 0 && loader->has_call_counts)
        rc = profile_read_call_counts(loader);
    if (rc == 0 && loader->has_allocations)
        rc = profile_read_allocations(loader);
    if (rc == 0)
        rc = read_tasks(loader);
    if (rc == 0 && loader->has_gaps)
        rc = loader_each(loader, "SELECT time_ns, length_ns FROM gap ORDER BY time_ns", read_gap);
    struct profile *profile = loader->profile;
    if (!profile->complete)
        profile->duration_ns = loader->committed_ns;
    for (size_t i = 1; rc == 0 && i < profile->n_processes; i++) {
        if (profile->processes[i].parent >= profile->n_processes)
            rc = loader_corrupt(loader, "a process has a parent that is not there");
    }
    return rc;
}
