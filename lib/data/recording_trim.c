/*
 * A recording that is kept short: its size, the recorder's figures over time, and dropping its oldest part. The part
 * that stays is read from the last commit and added again to the emptied tables, in one transaction: there is one way
 * to fill a recording, and whoever looks at the file sees the one or the other.
 */
#include "base/mem.h"
#include "data/recording_private.h"
#include "data/window.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- size ----------------------------------------------------------------------------------------------------------
 */

static uint64_t file_bytes(const char *path, const char *ending)
{
    char name[4096 + 8];
    struct stat status;
    snprintf(name, sizeof name, "%s%s", path, ending);
    return stat(name, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static uint64_t pragma_number(const struct recording *recording, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    uint64_t value = 0;
    if (sqlite3_prepare_v2(recording->store.db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

uint64_t recording_bytes(const struct recording *recording)
{
    uint64_t file = file_bytes(recording->path, "");
    uint64_t pages = pragma_number(recording, "PRAGMA page_count") * pragma_number(recording, "PRAGMA page_size");
    return (file > pages ? file : pages) + file_bytes(recording->path, "-wal") +
           file_bytes(recording->path, "-journal");
}

size_t recording_memory(const struct recording *recording)
{
    return recording_row_bytes(recording) + recording->n_tasks * sizeof *recording->tasks +
           recording->n_threads * sizeof *recording->threads + recording->n_processes * sizeof *recording->processes;
}

uint64_t recording_kept_time(const struct recording *recording, uint64_t time_ns)
{
    return time_ns > recording->dropped_ns ? time_ns - recording->dropped_ns : 0;
}

uint64_t recording_kept_ns(const struct recording *recording, uint64_t now_ns)
{
    return recording_kept_time(recording, now_ns);
}

/* ---- the recorder's own figures ------------------------------------------------------------------------------------
 */

void recording_set_self(struct recording *recording, const struct self_report *self)
{
    recording->trust.self = *self;
    recording->self_set = true;
}

void recording_add_loss(struct recording *recording, enum loss_kind kind, uint64_t count)
{
    if ((unsigned)kind < LOSS_KIND_COUNT) {
        recording->trust.losses[kind] += count;
        recording->losses_dirty = recording->self_set = true;
    }
}

void recording_mark_trust(struct recording *recording, uint64_t now_ns)
{
    struct trust_mark *marks = recording->marks;
    if (recording->n_marks > 0 && now_ns < marks[recording->n_marks - 1].time_ns + recording->mark_every_ns)
        return;
    if (recording->n_marks == TRUST_MARKS) { /* every other one goes, and fewer come */
        for (size_t i = 0; i < TRUST_MARKS / 2; i++)
            marks[i] = marks[2 * i];
        recording->n_marks = TRUST_MARKS / 2;
        recording->mark_every_ns = recording->mark_every_ns > 0 ? 2 * recording->mark_every_ns : 1000000000u;
    }
    marks[recording->n_marks++] = (struct trust_mark){now_ns, recording->trust};
}

/* The last mark at or before that time; what was dropped already, where there is none. */
static const struct trust_mark *mark_at(const struct recording *recording, uint64_t time_ns)
{
    const struct trust_mark *at = &recording->dropped;
    for (size_t i = 0; i < recording->n_marks && recording->marks[i].time_ns <= time_ns; i++)
        at = &recording->marks[i];
    return at;
}

static uint64_t less(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static void subtract(struct recording_trust *trust, const struct trust_mark *before, uint64_t now_ns)
{
    struct self_report *self = &trust->self;
    const struct self_report *was = &before->trust.self;
    self->own_cpu_ns = less(self->own_cpu_ns, was->own_cpu_ns);
    self->core_taken_ns = less(self->core_taken_ns, was->core_taken_ns);
    self->core_awake_ns = less(self->core_awake_ns, was->core_awake_ns);
    self->sweeps = less(self->sweeps, was->sweeps);
    self->sweeps_planned = less(self->sweeps_planned, was->sweeps_planned);
    self->late = less(self->late, was->late);
    self->reads = less(self->reads, was->reads);
    self->rereads = less(self->rereads, was->rereads);
    self->stops = less(self->stops, was->stops);
    self->native_whole = less(self->native_whole, was->native_whole);
    self->native_cut = less(self->native_cut, was->native_cut);
    self->page_wait_ns = less(self->page_wait_ns, was->page_wait_ns);
    if (before->time_ns > 0 && now_ns > before->time_ns) /* known at the end only: taken as spread evenly */
        self->waited_ns = (uint64_t)((double)self->waited_ns * (double)(now_ns - before->time_ns) / (double)now_ns);
    if (was->sweeps > 0 && now_ns > before->time_ns)
        self->rate_hz = (double)self->sweeps / ((double)(now_ns - before->time_ns) / 1e9);
    for (int kind = 0; kind < LOSS_KIND_COUNT; kind++)
        trust->losses[kind] = less(trust->losses[kind], before->trust.losses[kind]);
}

void recording_trust_of(const struct recording *recording, uint64_t keep_ns, uint64_t now_ns,
                        struct recording_trust *trust)
{
    uint64_t kept_ns = recording_kept_time(recording, now_ns), length_ns = keep_ns < kept_ns ? keep_ns : kept_ns;
    *trust = recording->trust;
    subtract(trust, mark_at(recording, now_ns - length_ns), now_ns);
}

/* ---- dropping the oldest part --------------------------------------------------------------------------------------
 */

void recording_release_tables(struct recording *recording)
{
    recording_release_rows(recording);
    map_release(&recording->counter_index);
    recording->counter_index = (struct map){0};
    for (size_t i = 0; i < recording->n_threads; i++)
        mem_free(recording->threads[i].window);
    recording->n_strings = recording->n_functions = recording->n_frames = recording->n_stacks = 0;
    recording->n_processes = recording->n_threads = recording->n_counter_sums = 0;
    mem_free(recording->counter_sums);
    recording->counter_sums = NULL;
    recording->counter_sum_capacity = 0;
    recording->depths_from = 0;
    recording_release_tasks(recording);
}

/* Empties everything that is filled again; the caller holds what the threads and processes were. */
static void clear(struct recording *recording)
{
    static const char *const tables[] = {"string",      "function",    "frame",        "stack",         "process",
                                         "origin",      "thread",      "sample_chunk", "counter_chunk", "stack_sum",
                                         "stack_time",  "counter_sum", "expression",   "operand",       "task",
                                         "task_wait",   "source",      "gap",          "loss",          "shape",
                                         "lock_holder", "call_count",  "allocation"};
    if (recording_statement(recording, STATEMENT_COMMIT) == NULL) /* begins the transaction */
        return;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "DELETE FROM %s", tables[i]);
        if (store_exec(recording->store.db, sql) != SQLITE_OK) {
            recording_fail(recording);
            return;
        }
    }
    recording_release_tables(recording);
    recording->n_rows = recording->rows_written = 0;
    recording->n_counters = recording->counters_written = 0;
    recording->sample_chunk = recording->counter_chunk = 1;
    recording->samples = 0;
    recording->losses_dirty = true;
}

/* What comes from outside goes on counting from the true start. */
static void rebase_threads(struct recording *recording, const struct window *window,
                           const struct recording_moved *moved, const struct recorded_thread *before)
{
    for (uint32_t i = 1; before != NULL && i < moved->n_threads; i++) {
        uint64_t run_ns, delay_ns;
        if (moved->threads[i] == RECORDING_GONE || moved->threads[i] > recording->n_threads)
            continue;
        struct recorded_thread *now = &recording->threads[moved->threads[i] - 1];
        window_thread_totals(window, i, &run_ns, &delay_ns);
        now->dropped_run_ns = before[i - 1].dropped_run_ns + less(before[i - 1].thread.run_ns, run_ns);
        now->dropped_delay_ns = before[i - 1].dropped_delay_ns + less(before[i - 1].thread.delay_ns, delay_ns);
    }
}

static void rebase_counters(struct recording *recording, const struct window *window,
                            const struct recording_moved *moved, const struct counter_sum *before, size_t n_before)
{
    for (size_t i = 0; i < n_before; i++) {
        const struct counter *last = &before[i].last;
        bool core = counter_of_core(last->kind);
        if (!counter_cumulative(last->kind) || (!core && last->subject >= moved->n_processes))
            continue;
        uint32_t subject = core ? last->subject : moved->processes[last->subject];
        int64_t base = window_counter_base(window, last->kind, last->subject);
        if (subject != RECORDING_GONE)
            recording_rebase_counter(recording, last->kind, subject, before[i].dropped + base);
    }
}

static void drop_marks(struct recording *recording)
{
    recording->dropped = *mark_at(recording, recording->dropped_ns);
    size_t left = 0;
    for (size_t i = 0; i < recording->n_marks; i++)
        if (recording->marks[i].time_ns > recording->dropped_ns)
            recording->marks[left++] = recording->marks[i];
    recording->n_marks = left;
}

static int rewrite(struct recording *recording, struct window *window, struct recording_moved *moved, struct err *err)
{
    size_t n_counter_sums = recording->n_counter_sums,
           threads_bytes = recording->n_threads * sizeof *recording->threads;
    struct recorded_thread *threads = mem_alloc(threads_bytes + 1);
    struct counter_sum *counters = mem_alloc(n_counter_sums * sizeof *counters + 1);
    int rc =
        threads == NULL || counters == NULL ? err_set(err, ERR_NOMEM, "cannot drop the oldest part: out of memory") : 0;
    if (rc == 0) {
        uint64_t dropped_ns = recording->dropped_ns + window_from_ns(window);
        if (threads_bytes > 0)
            memcpy(threads, recording->threads, threads_bytes);
        if (n_counter_sums > 0)
            memcpy(counters, recording->counter_sums, n_counter_sums * sizeof *counters);
        recording->dropped_ns = 0; /* what the window has is counted from its start */
        clear(recording);
        rc = window_write(window, recording, moved, err);
        recording->dropped_ns = dropped_ns;
    }
    if (rc == 0) {
        rebase_threads(recording, window, moved, threads);
        rebase_counters(recording, window, moved, counters, n_counter_sums);
        drop_marks(recording);
        recording_write_trust(recording);
        recording_put_meta_u64(recording, "start_unix_ns", recording->start_unix_ns + recording->dropped_ns);
        recording_put_meta_u64(recording, "dropped_ns", recording->dropped_ns);
    }
    mem_free(threads);
    mem_free(counters);
    return rc;
}

int recording_trim(struct recording *recording, uint64_t keep_ns, uint64_t now_ns, struct recording_moved *moved,
                   struct err *err)
{
    struct window *window = NULL;
    *moved = (struct recording_moved){0};
    int rc = recording_commit(recording, now_ns, err);
    if (rc == 0 && recording->in_transaction) /* somebody reads it where there is no log: at the next commit */
        return 0;
    if (rc == 0)
        rc = window_load(recording->path, keep_ns, &window, err);
    if (rc != 0)
        return rc;
    if (window_from_ns(window) > 0) {
        rc = rewrite(recording, window, moved, err);
        if (rc != 0)
            recording_fail(recording); /* what was committed stays */
        else
            rc = recording_commit(recording, now_ns, err);
    }
    window_free(window);
    if (rc == 0 && moved->n_threads > 0) { /* pages that are free go back to the file system */
        store_exec(recording->store.db, "PRAGMA incremental_vacuum");
        if (recording->store.wal)
            sqlite3_wal_checkpoint_v2(recording->store.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    return rc;
}

void recording_moved_release(struct recording_moved *moved)
{
    mem_free(moved->processes);
    mem_free(moved->threads);
    mem_free(moved->tasks);
    *moved = (struct recording_moved){0};
}
