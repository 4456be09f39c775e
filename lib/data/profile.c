/*
 * Loads a recording. One read transaction sees one commit, so a file that is still being written loads too. Nothing
 * in the file is trusted: its tables must be exactly those of the schema, ids must count from 1 without gaps, every
 * reference is checked, parents of stacks must come before them (so there is no cycle), and every size is bounded.
 */
#include "data/profile.h"

#include "base/buf.h"
#include "base/file.h"
#include "data/profile_private.h"
#include "data/schema.h"
#include "data/store.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum {
    VALUE_BYTES_MAX = 64 * 1024 * 1024, /* of one value in the file */
    SOURCE_BYTES_MAX = 16 * 1024 * 1024,
    BUSY_MS = 2000
};

int loader_corrupt(struct loader *loader, const char *what)
{
    return err_set(loader->err, ERR_CORRUPT, "cannot read %s: %s; %s", loader->path, what, err_hint(ERR_CORRUPT));
}

int loader_no_memory(struct loader *loader)
{
    return err_set(loader->err, ERR_NOMEM, "cannot read %s: out of memory", loader->path);
}

uint64_t loader_u64(sqlite3_stmt *statement, int column)
{
    sqlite3_int64 value = sqlite3_column_int64(statement, column);
    return value > 0 ? (uint64_t)value : 0;
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

/* ---- opening ------------------------------------------------------------------------------------------------------
 */

static int open_with(struct loader *loader, const char *name, int flags)
{
    sqlite3_close(loader->db);
    loader->db = NULL;
    int rc = sqlite3_open_v2(name, &loader->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(loader->db, BUSY_MS);
        sqlite3_limit(loader->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
        sqlite3_db_config(loader->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(loader->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        rc = store_exec(loader->db, "PRAGMA cell_size_check=ON; BEGIN; SELECT count(*) FROM sqlite_schema");
    }
    return rc;
}

static bool wants_writer(int rc)
{
    int plain = rc & 0xff;
    return plain == SQLITE_READONLY || plain == SQLITE_CANTOPEN || plain == SQLITE_IOERR;
}

static bool has_log(const char *path)
{
    struct buf name = {0};
    struct stat status;
    buf_printf(&name, "%s-wal", path);
    bool has = stat(buf_text(&name), &status) == 0 && status.st_size > 0;
    buf_release(&name);
    return has;
}

/* SQLite's name for a file that nobody writes: no lock, log or journal is looked for. */
static int open_unchanging(struct loader *loader, const char *path)
{
    struct buf name = {0};
    buf_add_text(&name, "file:");
    for (const char *at = path; *at != '\0'; at++) {
        if (strchr("%?#", *at) != NULL)
            buf_printf(&name, "%%%02x", (unsigned)*at);
        else
            buf_add_byte(&name, (uint8_t)*at);
    }
    buf_add_text(&name, "?immutable=1");
    int rc = name.failed ? SQLITE_NOMEM : open_with(loader, buf_text(&name), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    buf_release(&name);
    return rc;
}

/*
 * Read-only first. A log or journal that a killed recorder left may need a writer to be read; a directory that cannot
 * be written to has neither shared memory nor, once folded in, a log.
 */
static int open_file(struct loader *loader, const char *path)
{
    int rc = open_with(loader, path, SQLITE_OPEN_READONLY);
    if (wants_writer(rc))
        rc = open_with(loader, path, SQLITE_OPEN_READWRITE);
    if (wants_writer(rc) && has_log(path))
        return err_set(loader->err, ERR_PERMISSION,
                       "cannot read %s: it was not finished and its log (%s-wal) can only be read where the directory "
                       "may be written to; copy both to such a place",
                       loader->path, loader->path);
    if (wants_writer(rc))
        rc = open_unchanging(loader, path);
    return rc == SQLITE_OK ? 0 : store_error(loader->db, loader->err, "read", loader->path);
}

static int open_database(struct loader *loader)
{
    struct stat status;
    char *real = realpath(loader->path, NULL);
    if (real == NULL || stat(real, &status) != 0) {
        int number = errno;
        free(real);
        return file_error(loader->err, number, "open", loader->path);
    }
    int rc;
    loader->file_bytes = (uint64_t)status.st_size;
    if (!S_ISREG(status.st_mode))
        rc = err_set(loader->err, ERR_BAD_INPUT, "cannot read %s: it is no regular file; name a recording (.kei)",
                     loader->path);
    else if (access(real, R_OK) != 0)
        rc = file_error(loader->err, errno, "read", loader->path);
    else if (status.st_size == 0)
        rc = loader_corrupt(loader, "the file is empty");
    else
        rc = open_file(loader, real);
    free(real);
    return rc;
}

static int read_number(struct loader *loader, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    int step = sqlite3_prepare_v2(loader->db, sql, -1, &statement, NULL);
    if (step == SQLITE_OK)
        step = sqlite3_step(statement);
    if (step == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return step == SQLITE_ROW ? 0 : store_error(loader->db, loader->err, "read", loader->path);
}

static int check_version(struct loader *loader)
{
    int64_t application = 0, version = 0;
    int rc = read_number(loader, "PRAGMA application_id", &application);
    if (rc == 0)
        rc = read_number(loader, "PRAGMA user_version", &version);
    if (rc != 0)
        return rc;
    if (application != SCHEMA_APPLICATION_ID)
        return loader_corrupt(loader, "a database, but no recording of keisoku");
    if (version > SCHEMA_VERSION)
        return err_set(loader->err, ERR_VERSION,
                       "cannot read %s: its format is version %lld and this keisoku reads up to %d; %s", loader->path,
                       (long long)version, SCHEMA_VERSION, err_hint(ERR_VERSION));
    return version == SCHEMA_VERSION ? 0 : loader_corrupt(loader, "its format version is none");
}

/* Every table must be the one of the schema to the letter: no view, virtual table or computed column in its place. */
static int check_tables(struct loader *loader)
{
    sqlite3_stmt *statement = NULL;
    static const char sql[] = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ? AND sql = ?";
    int rc = 0, step = sqlite3_prepare_v2(loader->db, sql, -1, &statement, NULL);
    if (step != SQLITE_OK)
        rc = store_error(loader->db, loader->err, "read", loader->path);
    for (const struct schema_item *item = schema_items; rc == 0 && item->name != NULL; item++) {
        if (strcmp(item->type, "table") != 0)
            continue;
        sqlite3_bind_text(statement, 1, item->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, item->sql, -1, SQLITE_STATIC);
        step = sqlite3_step(statement);
        if (step == SQLITE_DONE)
            rc = loader_corrupt(loader, "a table is missing or not what it should be");
        else if (step != SQLITE_ROW)
            rc = store_error(loader->db, loader->err, "read", loader->path);
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    return rc;
}

/* ---- tables -------------------------------------------------------------------------------------------------------
 */

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
    process->start_ns = loader_u64(statement, 6);
    process->end_ns = loader_u64(statement, 7);
    process->exit_status = (int32_t)sqlite3_column_int(statement, 8);
    return rc;
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
    thread->start_ns = loader_u64(statement, 4);
    thread->end_ns = loader_u64(statement, 5);
    thread->run_ns = loader_u64(statement, 6);
    thread->delay_ns = loader_u64(statement, 7);
    return rc;
}

static int read_loss(struct loader *loader, sqlite3_stmt *statement)
{
    sqlite3_int64 kind = sqlite3_column_int64(statement, 0);
    if (kind >= 0 && kind < LOSS_KIND_COUNT) /* kinds are only ever added: one that is not known here is newer */
        loader->profile->losses[kind] = loader_u64(statement, 1);
    return 0;
}

static int read_note(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    size_t n = 0;
    while (profile->notes[n] != NULL)
        n++;
    const char **notes = mem_realloc(profile->notes, n + 2, sizeof *notes);
    if (notes == NULL)
        return loader_no_memory(loader);
    profile->notes = notes;
    notes[n] = notes[n + 1] = NULL;
    return n < 10000 ? copy_text(loader, statement, 0, &notes[n], NULL) : 0;
}

static int read_source(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    size_t n = profile->n_sources;
    const void *data = sqlite3_column_blob(statement, 3);
    size_t size = (size_t)sqlite3_column_bytes(statement, 3);
    uint64_t length = loader_u64(statement, 2);
    if (length > SOURCE_BYTES_MAX)
        return loader_corrupt(loader, "a source text is too long");
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
    profile->n_sources++;
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
    uint64_t value = loader_u64(statement, 1);
    double number = sqlite3_column_double(statement, 1);
    if (strcmp(key, "start_unix_ns") == 0)
        profile->start_unix_ns = value;
    else if (strcmp(key, "duration_ns") == 0)
        profile->duration_ns = value;
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
                  {"own_rss_bytes", &self->own_rss_bytes},
                  {"sweeps", &self->sweeps},
                  {"sweeps_planned", &self->sweeps_planned},
                  {"late", &self->late},
                  {"reads", &self->reads},
                  {"rereads", &self->rereads},
                  {"stops", &self->stops}};
    const char *key = (const char *)sqlite3_column_text(statement, 0);
    double number = sqlite3_column_double(statement, 1);
    for (size_t i = 0; key != NULL && i < sizeof counts / sizeof *counts; i++) {
        if (strcmp(key, counts[i].key) == 0)
            *counts[i].value = loader_u64(statement, 1);
    }
    if (key != NULL && isfinite(number) && strcmp(key, "rate_asked_hz") == 0)
        self->rate_asked_hz = number;
    if (key != NULL && isfinite(number) && strcmp(key, "rate_hz") == 0)
        self->rate_hz = number;
    return 0;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static int read_tables(struct loader *loader)
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
    const struct profile *profile = loader->profile;
    for (size_t i = 1; rc == 0 && i < profile->n_processes; i++) {
        if (profile->processes[i].parent >= profile->n_processes)
            rc = loader_corrupt(loader, "a process has a parent that is not there");
    }
    return rc;
}

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

static int mark_own(struct loader *loader)
{
    struct profile *profile = loader->profile;
    uint8_t *files = mem_zalloc(profile->n_strings, 1); /* 0: not asked yet, 1: foreign, 2: own */
    profile->function_own = mem_zalloc(profile->n_functions, sizeof *profile->function_own);
    if (files == NULL || profile->function_own == NULL) {
        mem_free(files);
        return loader_no_memory(loader);
    }
    for (size_t i = 1; i < profile->n_functions; i++) {
        uint32_t file = profile->functions[i].file;
        if (files[file] == 0)
            files[file] = profile_file_is_own(profile->strings[file]) ? 2 : 1;
        profile->function_own[i] = profile->functions[i].kind == FUNCTION_PYTHON && files[file] == 2;
    }
    mem_free(files);
    return 0;
}

static int read_all(struct loader *loader)
{
    struct raw_samples raw = {0};
    int rc = read_tables(loader);
    if (rc == 0)
        rc = loader_counters(loader);
    if (rc == 0)
        rc = loader_samples(loader, &raw);
    if (rc == 0 && !loader->profile->complete)
        loader->profile->duration_ns = loader->committed_ns;
    if (rc == 0)
        rc = mark_own(loader);
    if (rc == 0 && weigh_samples(loader->profile, &raw) != 0)
        rc = loader_no_memory(loader);
    mem_free(raw.rows);
    mem_free(raw.starts);
    return rc;
}

int profile_load(const char *path, struct profile **result, struct err *err)
{
    *result = NULL;
    struct loader loader = {.path = path, .err = err, .profile = mem_zalloc(1, sizeof *loader.profile)};
    if (loader.profile == NULL)
        return loader_no_memory(&loader);
    int rc = make_empty(&loader);
    if (rc == 0)
        rc = open_database(&loader);
    if (rc == 0)
        rc = check_version(&loader);
    if (rc == 0)
        rc = check_tables(&loader);
    if (rc == 0)
        rc = read_all(&loader);
    sqlite3_close(loader.db);
    if (rc != 0) {
        profile_free(loader.profile);
        return rc;
    }
    *result = loader.profile;
    return 0;
}

void profile_free(struct profile *profile)
{
    if (profile == NULL)
        return;
    struct profile_samples *samples = &profile->samples;
    void *blocks[] = {profile->path,           profile->command,   profile->notes,        profile->strings,
                      profile->string_lengths, profile->functions, profile->function_own, profile->frames,
                      profile->stacks,         profile->processes, profile->threads,      profile->thread_idle,
                      samples->time_ns,        samples->thread,    samples->stack,        samples->ticks,
                      samples->wall_ns,        samples->cpu_ns,    samples->state,        samples->marks,
                      samples->reader,         profile->counters,  profile->sources};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        mem_free(blocks[i]);
    arena_release(&profile->arena);
    mem_free(profile);
}

const char *profile_source_line(const struct profile *profile, uint32_t file, uint32_t line, size_t *length)
{
    for (size_t i = 0; i < profile->n_sources; i++) {
        const struct profile_source *source = &profile->sources[i];
        if (source->file != file || line < source->first_line)
            continue;
        const char *at = source->text, *end = at + source->length;
        for (uint32_t left = line - source->first_line; left > 0 && at != NULL; left--) {
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
