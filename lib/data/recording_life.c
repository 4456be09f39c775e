/*
 * A recording's beginning and end: the file and its tables, what is known at the start, the final commit and the
 * folding of the write-ahead log.
 */
#include "base/file.h"
#include "base/mem.h"
#include "data/recording_private.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    STRING_BYTES_MAX = 16 * 1024 * 1024, /* no name is that long */
    BOUNDED_STRING_BYTES_MAX = 64 * 1024,
    MEMORY_BYTES_MAX = 24 * 1024 * 1024 /* of names, stacks and sums */
};

static int prepare(struct recording *recording, struct err *err)
{
    static const char *const sql[STATEMENT_COUNT] = {
#define X(name, text) [STATEMENT_##name] = (text),
        STATEMENT_LIST(X)
#undef X
    };
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(recording->store.db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &recording->statements[i],
                               NULL) != SQLITE_OK)
            return store_error(recording->store.db, err, "write", recording->path);
    }
    return 0;
}

static void write_names(struct recording *recording)
{
    for (int i = 0; i < STATE_COUNT; i++) {
        sqlite3_stmt *statement = recording_statement(recording, STATEMENT_STATE);
        if (statement == NULL)
            return;
        sqlite3_bind_int64(statement, 1, i);
        sqlite3_bind_text(statement, 2, state_name((enum state)i), -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 3, state_on_cpu((enum state)i));
        recording_step(recording, statement);
    }
    for (int i = 0; i < COUNTER_KIND_COUNT; i++) {
        sqlite3_stmt *statement = recording_statement(recording, STATEMENT_COUNTER_KIND);
        if (statement == NULL)
            return;
        sqlite3_bind_int64(statement, 1, i);
        sqlite3_bind_text(statement, 2, counter_name((enum counter_kind)i), -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 3, counter_unit((enum counter_kind)i), -1, SQLITE_STATIC);
        recording_step(recording, statement);
    }
}

static void put_text(struct recording *recording, const char *key, const char *text)
{
    if (text != NULL)
        recording_put_meta(recording, key, text, strlen(text));
}

void recording_set_evidence(struct recording *recording, const char *evidence)
{
    put_text(recording, "evidence", evidence);
}

static void write_info(struct recording *recording, const struct recording_info *info)
{
    struct buf command = {0};
    for (const char *const *arg = info->command; arg != NULL && *arg != NULL; arg++)
        buf_add(&command, *arg, strlen(*arg) + 1);
    if (command.failed)
        recording_out_of_memory(recording);
    else if (info->command != NULL)
        recording_put_meta(recording, "command", command.size > 0 ? command.data : "", command.size);
    buf_release(&command);
    put_text(recording, "directory", info->directory);
    put_text(recording, "host", info->host);
    put_text(recording, "mode", info->mode);
    put_text(recording, "evidence", info->evidence);
    put_text(recording, "keisoku_version", KEISOKU_VERSION);
    recording_put_meta_u64(recording, "start_unix_ns", info->start_unix_ns);
    recording_put_meta_u64(recording, "cores", info->cores);
    recording_put_meta_u64(recording, "cores_allowed", info->cores_allowed);
    recording_put_meta_number(recording, "cores_quota", info->cores_quota);
    recording_put_meta_number(recording, "rate_asked_hz", info->rate_hz);
    recording_put_meta_u64(recording, "complete", 0);
    if (info->dropped_ns > 0)
        recording_put_meta_u64(recording, "dropped_ns", info->dropped_ns);
    write_names(recording);
    if (!recording->store.wal)
        recording_add_note(recording, "no write-ahead log works where the recording lies: a rollback journal was used");
}

/* With what a journal may have left when the disk was full. */
static void remove_files(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    char name[4096 + 16];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        unlink(name);
    }
}

int recording_new(const char *path, const struct recording_info *info, struct recording **result, struct err *err)
{
    *result = NULL;
    struct recording *recording = mem_zalloc(1, sizeof *recording);
    if (recording == NULL)
        return err_set(err, ERR_NOMEM, "cannot record to %s: out of memory", path);
    int fd = file_create(path, recording->path, sizeof recording->path, err);
    if (fd < 0) {
        mem_free(recording);
        return fd;
    }
    /* Closed before SQLite opens it: closing it later would drop SQLite's own locks. */
    close(fd);
    recording->rows = mem_realloc(NULL, CHUNK_ROWS, sizeof *recording->rows);
    recording->counters = mem_realloc(NULL, CHUNK_ROWS, sizeof *recording->counters);
    recording->sample_chunk = recording->counter_chunk = 1;
    recording->whole_or_nothing = info->whole_or_nothing;
    recording->start_unix_ns = info->start_unix_ns;
    recording->max_bytes = info->max_bytes;
    recording->string_bytes_max = STRING_BYTES_MAX;
    if (!info->bounded) /* else its oldest part goes before that */
        recording->memory_max = info->memory_max != 0 ? info->memory_max : MEMORY_BYTES_MAX;
    if (info->bounded)
        recording->string_bytes_max = BOUNDED_STRING_BYTES_MAX;
    if (info->max_bytes > 0 && info->max_bytes / 64 < recording->string_bytes_max)
        recording->string_bytes_max = info->max_bytes / 64;
    struct store_bounds bounds = {.shrinks = info->bounded, .max_bytes = info->max_bytes};
    int rc = recording->rows != NULL && recording->counters != NULL
                 ? store_create(&recording->store, recording->path, &bounds, err)
                 : err_set(err, ERR_NOMEM, "cannot record to %s: out of memory", path);
    if (rc == 0)
        rc = prepare(recording, err);
    if (rc == 0) {
        write_info(recording, info);
        rc = recording_commit(recording, 0, err);
    }
    if (rc != 0) {
        recording->whole_or_nothing = true;
        recording_free(recording);
        return rc;
    }
    *result = recording;
    return 0;
}

int recording_finish(struct recording *recording, uint64_t duration_ns, struct err *err)
{
    uint64_t kept_ns = recording_kept_time(recording, duration_ns);
    recording_weigh_all(recording, kept_ns);
    recording_put_meta_number(recording, "complete", 1);
    recording_put_meta_u64(recording, "duration_ns", kept_ns);
    int rc = recording_commit(recording, duration_ns, err);
    if (rc != 0)
        return rc;
    if (recording->in_transaction)
        return err_set(err, ERR_IO, "cannot write %s: another program keeps it locked; its first %.1f s are kept",
                       recording->path, (double)recording->committed_ns / 1e9);
    /* A reader that is still there keeps the log; the last one to close the file folds it in. */
    int folded = recording->store.wal
                     ? sqlite3_wal_checkpoint_v2(recording->store.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL)
                     : SQLITE_OK;
    if (folded == SQLITE_FULL || folded == SQLITE_IOERR) { /* a quota or a size limit is the latter */
        rc = store_error(recording->store.db, err, "fold the log into", recording->path);
        if (err != NULL)
            snprintf(err->text + strlen(err->text), sizeof err->text - strlen(err->text),
                     "; keep %s-wal beside it: together they are whole", recording->path);
        return rc;
    }
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(recording->statements[i]);
        recording->statements[i] = NULL;
    }
    store_exec(recording->store.db, "PRAGMA journal_mode=DELETE");
    recording->finished = true;
    err_set(&recording->failure, ERR_BAD_INPUT, "%.900s is finished", recording->path);
    return 0;
}

void recording_free(struct recording *recording)
{
    if (recording == NULL)
        return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(recording->statements[i]);
    store_close(&recording->store);
    if (recording->whole_or_nothing && !recording->finished)
        remove_files(recording->path);
    recording_release_tables(recording);
    mem_free(recording->processes);
    mem_free(recording->threads);
    mem_free(recording->rows);
    mem_free(recording->counters);
    buf_release(&recording->packed);
    mem_free(recording);
}
