/*
 * A recording's writing: statements, commits, failure. A commit writes what changed since the last one:
 * new rows are in the transaction already; dirty processes, threads and sums, losses, and the open chunks follow here,
 * so that its work is bounded by what was added. The open chunks are rewritten at each commit until they hold
 * CHUNK_ROWS rows: small chunks compress badly, and a kill must not cost what an open chunk holds.
 */
#include "data/recording_private.h"

#include <math.h>
#include <string.h>

/* The failure, kept for every later commit, says what is kept. */
static void fail(struct recording *recording, int rc)
{
    if (recording->failure.code != 0)
        return;
    struct err reason = {0};
    if (rc == 0)
        rc = store_error(recording->store.db, &reason, "write", recording->path);
    else
        err_set(&reason, rc, "cannot write %s: %s; %s", recording->path, err_sentence(rc), err_hint(rc));
    if (recording->whole_or_nothing)
        recording->failure = reason;
    else
        err_set(&recording->failure, rc, "%.900s; its first %.1f s (%llu samples) are kept%s", reason.text,
                (double)recording->committed_ns / 1e9, (unsigned long long)recording->committed_samples,
                recording->store.wal ? ", with its log (-wal) beside it" : "");
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_reset(recording->statements[i]);
    if (sqlite3_get_autocommit(recording->store.db) == 0)
        store_exec(recording->store.db, "ROLLBACK");
    recording->in_transaction = false;
}

void recording_fail(struct recording *recording)
{
    fail(recording, 0);
}

void recording_out_of_memory(struct recording *recording)
{
    fail(recording, ERR_NOMEM);
}

sqlite3_stmt *recording_statement(struct recording *recording, enum statement which)
{
    if (recording->failure.code != 0)
        return NULL;
    if (!recording->in_transaction) {
        if (!recording_step(recording, recording->statements[STATEMENT_BEGIN]))
            return NULL;
        recording->in_transaction = true;
    }
    return recording->statements[which];
}

bool recording_step(struct recording *recording, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE) {
        fail(recording, 0);
        return false;
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return true;
}

void recording_bind_text(sqlite3_stmt *statement, int index, const char *text, size_t length)
{
    /* What is no UTF-8 or holds a NUL would not come back from TEXT as it went in. */
    if (memchr(text, 0, length) == NULL && utf8_valid(text, length))
        sqlite3_bind_text64(statement, index, text, length, SQLITE_TRANSIENT, SQLITE_UTF8);
    else
        sqlite3_bind_blob64(statement, index, text, length, SQLITE_TRANSIENT);
}

void recording_bind_u64(sqlite3_stmt *statement, int index, uint64_t value)
{
    sqlite3_bind_int64(statement, index, value > INT64_MAX ? INT64_MAX : (sqlite3_int64)value);
}

static void put_value(struct recording *recording, enum statement table, const char *key, double value)
{
    sqlite3_stmt *statement = recording_statement(recording, table);
    if (statement == NULL)
        return;
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    if (fabs(value) < 9e18 && value == (double)(int64_t)value)
        sqlite3_bind_int64(statement, 2, (int64_t)value);
    else
        sqlite3_bind_double(statement, 2, value);
    recording_step(recording, statement);
}

void recording_put_meta_number(struct recording *recording, const char *key, double value)
{
    put_value(recording, STATEMENT_META, key, value);
}

void recording_put_meta(struct recording *recording, const char *key, const char *text, size_t length)
{
    sqlite3_stmt *statement = recording_statement(recording, STATEMENT_META);
    if (statement == NULL || text == NULL)
        return;
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    recording_bind_text(statement, 2, text, length);
    recording_step(recording, statement);
}

void recording_put_meta_u64(struct recording *recording, const char *key, uint64_t value)
{
    sqlite3_stmt *statement = recording_statement(recording, STATEMENT_META);
    if (statement == NULL)
        return;
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    recording_bind_u64(statement, 2, value);
    recording_step(recording, statement);
}

static void write_self(struct recording *recording, const struct self_report *self)
{
    put_value(recording, STATEMENT_SELF, "own_cpu_ns", (double)self->own_cpu_ns);
    put_value(recording, STATEMENT_SELF, "core_taken_ns", (double)self->core_taken_ns);
    put_value(recording, STATEMENT_SELF, "core_awake_ns", (double)self->core_awake_ns);
    put_value(recording, STATEMENT_SELF, "own_rss_bytes", (double)self->own_rss_bytes);
    put_value(recording, STATEMENT_SELF, "sweeps", (double)self->sweeps);
    put_value(recording, STATEMENT_SELF, "sweeps_planned", (double)self->sweeps_planned);
    put_value(recording, STATEMENT_SELF, "late", (double)self->late);
    put_value(recording, STATEMENT_SELF, "reads", (double)self->reads);
    put_value(recording, STATEMENT_SELF, "rereads", (double)self->rereads);
    put_value(recording, STATEMENT_SELF, "stops", (double)self->stops);
    put_value(recording, STATEMENT_SELF, "native_whole", (double)self->native_whole);
    put_value(recording, STATEMENT_SELF, "native_cut", (double)self->native_cut);
    put_value(recording, STATEMENT_SELF, "waited_ns", (double)self->waited_ns);
    put_value(recording, STATEMENT_SELF, "page_wait_ns", (double)self->page_wait_ns);
    put_value(recording, STATEMENT_SELF, "rate_asked_hz", self->rate_asked_hz);
    put_value(recording, STATEMENT_SELF, "rate_hz", self->rate_hz);
}

void recording_write_trust(struct recording *recording)
{
    struct recording_trust trust;
    recording_trust_of(recording, UINT64_MAX, recording->trust_ns, &trust);
    if (recording->self_set)
        write_self(recording, &trust.self);
    for (int kind = 0; recording->losses_dirty && kind < LOSS_KIND_COUNT; kind++) {
        sqlite3_stmt *statement = trust.losses[kind] > 0 ? recording_statement(recording, STATEMENT_LOSS) : NULL;
        if (statement == NULL)
            continue;
        sqlite3_bind_int64(statement, 1, kind);
        sqlite3_bind_text(statement, 2, loss_name((enum loss_kind)kind), -1, SQLITE_STATIC);
        recording_bind_u64(statement, 3, trust.losses[kind]);
        recording_step(recording, statement);
    }
    recording->losses_dirty = recording->self_set = false;
}

/* ---- writing what changed -----------------------------------------------------------------------------------------
 */

static void write_chunk(struct recording *recording, enum statement which, int64_t id, uint64_t from, uint64_t to,
                        size_t rows)
{
    sqlite3_stmt *statement = recording_statement(recording, which);
    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, id);
    recording_bind_u64(statement, 2, from * CHUNK_UNIT_NS);
    recording_bind_u64(statement, 3, to * CHUNK_UNIT_NS);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)rows);
    sqlite3_bind_blob64(statement, 5, recording->packed.data, recording->packed.size, SQLITE_STATIC);
    recording_step(recording, statement);
}

static void write_samples(struct recording *recording)
{
    if (recording->n_rows == recording->rows_written || recording->failure.code != 0)
        return;
    uint64_t from = UINT64_MAX, to = 0;
    for (size_t i = 0; i < recording->n_rows; i++) {
        from = recording->rows[i].time < from ? recording->rows[i].time : from;
        to = recording->rows[i].time > to ? recording->rows[i].time : to;
    }
    buf_clear(&recording->packed);
    if (chunk_encode(&recording->packed, recording->rows, recording->n_rows) != 0)
        recording_out_of_memory(recording);
    else
        write_chunk(recording, STATEMENT_SAMPLES, recording->sample_chunk, from, to, recording->n_rows);
    recording->rows_written = recording->n_rows;
}

static void write_counters(struct recording *recording)
{
    if (recording->n_counters == recording->counters_written || recording->failure.code != 0)
        return;
    uint64_t from = UINT64_MAX, to = 0;
    for (size_t i = 0; i < recording->n_counters; i++) {
        from = recording->counters[i].time < from ? recording->counters[i].time : from;
        to = recording->counters[i].time > to ? recording->counters[i].time : to;
    }
    buf_clear(&recording->packed);
    if (chunk_encode_counters(&recording->packed, recording->counters, recording->n_counters) != 0)
        recording_out_of_memory(recording);
    else
        write_chunk(recording, STATEMENT_COUNTERS, recording->counter_chunk, from, to, recording->n_counters);
    recording->counters_written = recording->n_counters;
}

void recording_close_samples(struct recording *recording)
{
    write_samples(recording);
    recording->n_rows = recording->rows_written = 0;
    recording->sample_chunk++;
}

void recording_close_counters(struct recording *recording)
{
    write_counters(recording);
    recording->n_counters = recording->counters_written = 0;
    recording->counter_chunk++;
}

/* The arguments as one line for people: NULs become spaces. */
static void bind_command(struct recording *recording, sqlite3_stmt *statement, uint32_t command)
{
    struct buf *text = &recording->packed;
    sqlite3_stmt *string = recording->statements[STATEMENT_TEXT];
    buf_clear(text);
    sqlite3_bind_int64(string, 1, command);
    if (command != 0 && sqlite3_step(string) == SQLITE_ROW) {
        const char *key = sqlite3_column_blob(string, 0);
        size_t length = (size_t)sqlite3_column_bytes(string, 0);
        for (size_t i = 0, size; i < length; i += size + 1) {
            size = strnlen(key + i, length - i);
            buf_add_text(text, i > 0 ? " " : "");
            buf_add_visible(text, key + i, size);
        }
    }
    sqlite3_reset(string);
    sqlite3_bind_text(statement, 10, buf_text(text), -1, SQLITE_TRANSIENT);
}

static void write_processes(struct recording *recording)
{
    for (size_t i = 0; i < recording->n_processes; i++) {
        struct recorded_process *row = &recording->processes[i];
        sqlite3_stmt *statement = row->dirty ? recording_statement(recording, STATEMENT_PROCESS) : NULL;
        if (statement == NULL)
            continue;
        const struct process *process = &row->process;
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)i + 1);
        sqlite3_bind_int64(statement, 2, process->pid);
        sqlite3_bind_int64(statement, 3, process->parent);
        sqlite3_bind_int64(statement, 4, process->command);
        sqlite3_bind_int64(statement, 5, process->executable);
        sqlite3_bind_int64(statement, 6, process->python);
        recording_bind_u64(statement, 7, process->start_ns);
        recording_bind_u64(statement, 8, process->end_ns);
        sqlite3_bind_int64(statement, 9, process->exit_status);
        bind_command(recording, statement, process->command);
        row->dirty = !recording_step(recording, statement);
        if (process->host == 0 && process->recording == 0)
            continue;
        statement = recording_statement(recording, STATEMENT_ORIGIN);
        if (statement == NULL)
            return;
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)i + 1);
        sqlite3_bind_int64(statement, 2, process->host);
        sqlite3_bind_int64(statement, 3, process->recording);
        recording_step(recording, statement);
    }
}

static void write_threads(struct recording *recording)
{
    for (size_t i = 0; i < recording->n_threads; i++) {
        struct recorded_thread *row = &recording->threads[i];
        sqlite3_stmt *statement = row->dirty ? recording_statement(recording, STATEMENT_THREAD) : NULL;
        if (statement == NULL)
            continue;
        const struct thread *thread = &row->thread;
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)i + 1);
        sqlite3_bind_int64(statement, 2, thread->process);
        sqlite3_bind_int64(statement, 3, thread->tid);
        sqlite3_bind_int64(statement, 4, thread->name);
        recording_bind_u64(statement, 5, thread->start_ns);
        recording_bind_u64(statement, 6, thread->end_ns);
        recording_bind_u64(statement, 7, thread->run_ns);
        recording_bind_u64(statement, 8, thread->delay_ns);
        row->dirty = !recording_step(recording, statement);
    }
}

static void write_time(struct recording *recording, const struct stack_sum *sum)
{
    sqlite3_stmt *statement = recording_statement(recording, STATEMENT_STACK_TIME);
    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, sum->thread);
    sqlite3_bind_int64(statement, 2, sum->stack);
    sqlite3_bind_int64(statement, 3, sum->state);
    sqlite3_bind_int64(statement, 4, llround(sum->wall_ns));
    sqlite3_bind_int64(statement, 5, llround(sum->cpu_ns));
    recording_bind_u64(statement, 6, sum->open_ticks);
    recording_step(recording, statement);
}

static void write_sums(struct recording *recording)
{
    for (size_t i = 0; i < recording->n_dirty; i++) {
        struct stack_sum *sum = &recording->sums[recording->dirty_sums[i]];
        write_time(recording, sum);
        sum->dirty = false;
        if (sum->ticks == 0)
            continue;
        sqlite3_stmt *statement = recording_statement(recording, STATEMENT_STACK_SUM);
        if (statement == NULL)
            return;
        sqlite3_bind_int64(statement, 1, sum->thread);
        sqlite3_bind_int64(statement, 2, sum->stack);
        sqlite3_bind_int64(statement, 3, sum->state);
        recording_bind_u64(statement, 4, sum->ticks);
        recording_bind_u64(statement, 5, sum->run_ns);
        recording_step(recording, statement);
    }
    recording->n_dirty = 0;
}

static void write_expressions(struct recording *recording)
{
    for (size_t i = 0; i < recording->n_expressions; i++) {
        struct recorded_expression *row = &recording->expressions[i];
        sqlite3_stmt *statement = row->dirty ? recording_statement(recording, STATEMENT_EXPRESSION) : NULL;
        if (statement == NULL)
            continue;
        sqlite3_bind_int64(statement, 1, row->expression.frame);
        sqlite3_bind_int64(statement, 2, row->expression.end_line);
        sqlite3_bind_int64(statement, 3, row->expression.column);
        sqlite3_bind_int64(statement, 4, row->expression.end_column);
        recording_bind_u64(statement, 5, row->expression.ticks);
        row->dirty = !recording_step(recording, statement);
    }
}

static void write_counter_sums(struct recording *recording)
{
    for (size_t i = 0; i < recording->n_counter_sums; i++) {
        struct counter_sum *sum = &recording->counter_sums[i];
        sqlite3_stmt *statement = sum->dirty ? recording_statement(recording, STATEMENT_COUNTER_SUM) : NULL;
        if (statement == NULL)
            continue;
        sqlite3_bind_int64(statement, 1, sum->last.kind);
        sqlite3_bind_int64(statement, 2, sum->last.subject);
        recording_bind_u64(statement, 3, sum->count);
        recording_bind_u64(statement, 4, sum->last.time_ns);
        sqlite3_bind_int64(statement, 5, sum->last.value);
        sqlite3_bind_int64(statement, 6, sum->least);
        sqlite3_bind_int64(statement, 7, sum->most);
        sum->dirty = !recording_step(recording, statement);
    }
}

static int failure(const struct recording *recording, struct err *err)
{
    return err_set(err, recording->failure.code, "%s", recording->failure.text);
}

int recording_commit(struct recording *recording, uint64_t now_ns, struct err *err)
{
    if (recording->failure.code != 0)
        return failure(recording, err);
    recording->trust_ns = now_ns;
    uint64_t kept_ns = recording_kept_time(recording, now_ns);
    recording_weigh_ended(recording, kept_ns);
    write_processes(recording);
    write_threads(recording);
    write_samples(recording);
    write_counters(recording);
    write_sums(recording);
    write_counter_sums(recording);
    write_expressions(recording);
    recording_write_operands(recording);
    recording_write_tasks(recording);
    recording_mark_trust(recording, now_ns);
    recording_write_trust(recording);
    recording_put_meta_u64(recording, "committed_ns", kept_ns);
    if (recording->failure.code != 0)
        return failure(recording, err);
    sqlite3_stmt *commit = recording->statements[STATEMENT_COMMIT];
    int rc = sqlite3_step(commit);
    sqlite3_reset(commit);
    if (rc == SQLITE_BUSY)
        return 0; /* a reader holds the file (no write-ahead log): the transaction goes on until the next commit */
    if (rc != SQLITE_DONE) {
        fail(recording, 0);
        return failure(recording, err);
    }
    recording->in_transaction = false;
    recording->committed_ns = kept_ns;
    recording->committed_samples = recording->samples;
    if (recording->memory_max != 0 && recording_row_bytes(recording) > recording->memory_max)
        recording_forget(recording);
    return 0;
}
