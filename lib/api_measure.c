/* The measuring half of include/keisoku.h over lib/capture. */
#include "api_error.h"
#include "base/mem.h"
#include "capture/control.h"
#include "capture/dump.h"
#include "capture/session.h"

#include "keisoku.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct kei_session {
    struct session *session;
};

static struct measure_options translate(const struct kei_options *options)
{
    return (struct measure_options){
        .rate_hz = options->rate_hz > 0 ? options->rate_hz : 1000,
        .rate_asked = options->rate_asked,
        .budget = options->budget > 0 ? options->budget : 0.01,
        .delay_ns = (uint64_t)(options->delay_s * 1e9),
        .duration_ns = (uint64_t)(options->duration_s * 1e9),
        .keep_ns = (uint64_t)(options->keep_s * 1e9),
        .max_bytes = options->max_bytes,
        .when_cpu = options->when_cpu,
        .when_rss_bytes = options->when_rss_bytes,
        .when_stuck_ns = (uint64_t)(options->when_stuck_s * 1e9),
        .no_children = options->no_children,
        .no_source = options->no_source,
        .no_operands = options->no_operands,
        .redact_args = options->redact_args,
        .native = options->native,
        .calls = options->calls || options->argument_hashes,
        .argument_hashes = options->argument_hashes,
        .allocations = options->allocations,
        .free_only = options->reader == KEI_READER_FREE,
        .core_only = options->reader == KEI_READER_CORE,
        .stop_only = options->reader == KEI_READER_STOP,
        .kernel_only = options->reader == KEI_READER_KERNEL,
    };
}

static int wrap(struct session *session, struct kei_session **result, struct kei_error *error)
{
    struct err err = {ERR_NOMEM, "out of memory"};
    *result = mem_alloc(sizeof **result);
    if (*result == NULL) {
        session_free(session);
        return api_error(error, &err, ERR_NOMEM);
    }
    (*result)->session = session;
    return 0;
}

int kei_run(const struct kei_options *options, char *const argv[], struct kei_session **session,
            struct kei_error *error)
{
    struct err err = {0};
    struct session *started = NULL;
    struct measure_options measure = translate(options);
    int rc = session_run(&measure, options->output, argv, &started, &err);
    return rc != 0 ? api_error(error, &err, rc) : wrap(started, session, error);
}

int kei_attach(const struct kei_options *options, const pid_t *pids, size_t count, struct kei_session **session,
               struct kei_error *error)
{
    struct err err = {0};
    struct session *started = NULL;
    struct measure_options measure = translate(options);
    int rc = session_attach(&measure, options->output, pids, count, &started, &err);
    return rc != 0 ? api_error(error, &err, rc) : wrap(started, session, error);
}

int kei_session_wait(struct kei_session *session, int timeout_ms, struct kei_status *status)
{
    struct session_status now;
    session_wait(session->session, timeout_ms, &now);
    *status = (struct kei_status){
        .ended = now.ended,
        .elapsed_s = now.elapsed_s,
        .samples = now.samples,
        .dropped = now.dropped,
        .processes = now.processes,
        .pythons = now.pythons,
        .threads = now.threads,
        .error = now.failure.code,
        .paused = now.paused,
        .stopped = now.reason != END_NONE,
        .full = now.reason == END_MAX_SIZE,
        .n_said = now.n_said,
    };
    memcpy(status->said, now.said, sizeof status->said);
    memcpy(status->error_text, now.failure.text, sizeof status->error_text);
    return 0;
}

pid_t kei_session_program(const struct kei_session *session, int *wait_status)
{
    return session_program(session->session, wait_status);
}

void kei_session_signal(struct kei_session *session, int signal)
{
    session_signal(session->session, signal);
}

uint64_t kei_session_born_ns(const struct kei_session *session)
{
    return session_born_ns(session->session);
}

int kei_session_finish(struct kei_session *session, struct kei_result *result, struct kei_error *error)
{
    struct err err = {0};
    struct session_result end;
    int rc = session_finish(session->session, &end, &err);
    *result = (struct kei_result){
        .pid = end.pid, .wait_status = end.wait_status, .samples = end.samples, .pythons = end.pythons};
    memcpy(result->path, end.path, sizeof result->path);
    memcpy(result->note, end.note, sizeof result->note);
    return rc != 0 ? api_error(error, &err, rc) : 0;
}

void kei_session_free(struct kei_session *session)
{
    if (session == NULL)
        return;
    session_free(session->session);
    mem_free(session);
}

/* ---- a recording in progress ----------------------------------------------------------------------------------------
 */

_Static_assert(sizeof(((struct kei_status *)0)->said) == sizeof(((struct session_status *)0)->said), "said");
_Static_assert((int)KEI_CONTROL_REPLY_BYTES == (int)CONTROL_REPLY_BYTES, "reply");

const char *const *kei_control_commands(void)
{
    return control_names;
}

/* The recorder has a directory of its own: a name here becomes one from the root. */
static int absolute(const char *path, char full[4096], struct err *err)
{
    char directory[4096] = "";
    if (path[0] != '/' && getcwd(directory, sizeof directory) == NULL)
        return err_set(err, ERR_IO, "cannot tell the current directory: %s", strerror(errno));
    int n = snprintf(full, 4096, "%s%s%s", directory, path[0] != '/' ? "/" : "", path);
    return n < 4096 ? 0 : err_set(err, ERR_BAD_INPUT, "the name behind -o is too long; choose a shorter one");
}

int kei_control(const char *path, const char *command, const char *output, char reply[KEI_CONTROL_REPLY_BYTES],
                struct kei_error *error)
{
    struct err err = {0};
    char full[4096];
    int number = 0, rc = 0;
    while (number < CONTROL_COUNT && strcmp(control_names[number], command) != 0)
        number++;
    if (number == CONTROL_COUNT)
        rc = err_set(&err, ERR_BAD_INPUT,
                     "ctl: a recorder does not know %.100s; it knows save, pause, resume, stop and status", command);
    if (rc == 0 && output != NULL)
        rc = absolute(output, full, &err);
    if (rc == 0)
        rc = control_ask(path, (enum control_command)number, output != NULL ? full : NULL, reply, &err);
    return rc != 0 ? api_error(error, &err, rc) : 0;
}

/* ---- dump -----------------------------------------------------------------------------------------------------------
 */

struct outer_dump {
    struct kei_dump shown; /* first: what the caller holds */
    struct dump *dump;
};

static const struct kei_dump_frame *show_frames(struct dump *dump, const struct dump_frame *frames, size_t n)
{
    struct kei_dump_frame *shown = arena_alloc(&dump->arena, (n + 1) * sizeof *shown);
    for (size_t i = 0; shown != NULL && i < n; i++)
        shown[i] = (struct kei_dump_frame){frames[i].function, frames[i].file, frames[i].line, frames[i].native};
    return shown;
}

static int show_thread(struct dump *dump, const struct dump_thread *thread, bool native, struct kei_dump_thread *shown)
{
    static const char *const natives[] = {
        [DUMP_NATIVE_NONE] = "none", [DUMP_NATIVE_CUT] = "cut", [DUMP_NATIVE_WHOLE] = "whole"};
    struct kei_dump_task *tasks = arena_alloc(&dump->arena, (thread->n_tasks + 1) * sizeof *tasks);
    for (size_t i = 0; tasks != NULL && i < thread->n_tasks; i++) {
        const struct dump_task *task = &thread->tasks[i];
        const struct kei_dump_frame *frames = show_frames(dump, task->frames, task->n_frames);
        tasks[i] = (struct kei_dump_task){task->name, task->state,    task->on,      task->awaiter,
                                          frames,     task->n_frames, task->greenlet};
        if (frames == NULL)
            return ERR_NOMEM;
    }
    *shown = (struct kei_dump_thread){
        .tid = thread->tid,
        .name = thread->name,
        .state = state_name(thread->state),
        .detail = thread->detail,
        .holds_gil = thread->holds_gil,
        .proved = thread->proved,
        .frames = show_frames(dump, thread->frames, thread->n_frames),
        .n_frames = thread->n_frames,
        .tasks = tasks,
        .n_tasks = thread->n_tasks,
        .tasks_left_out = thread->tasks_left_out,
        .tasks_proved = thread->tasks_proved,
        .native = native ? natives[thread->native] : "",
        .native_why = thread->native_why,
    };
    return shown->frames != NULL && tasks != NULL ? 0 : ERR_NOMEM;
}

int kei_dump(pid_t pid, bool native, struct kei_dump **result, struct kei_error *error)
{
    struct err err = {0};
    struct dump *dump = NULL;
    int rc = dump_new(pid, native, &dump, &err);
    if (rc != 0)
        return api_error(error, &err, rc);
    struct outer_dump *outer = arena_alloc(&dump->arena, sizeof *outer);
    struct kei_dump_thread *threads = arena_alloc(&dump->arena, dump->n_threads * sizeof *threads);
    rc = outer == NULL || threads == NULL ? ERR_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < dump->n_threads; i++)
        rc = show_thread(dump, &dump->threads[i], native, &threads[i]);
    if (rc != 0) {
        dump_free(dump);
        err_set(&err, rc, "cannot dump %d: out of memory", (int)pid);
        return api_error(error, &err, rc);
    }
    outer->dump = dump;
    outer->shown = (struct kei_dump){
        .pid = pid,
        .command = dump->command,
        .python = dump->python,
        .threads = threads,
        .n_threads = dump->n_threads,
    };
    *result = &outer->shown;
    return 0;
}

void kei_dump_free(struct kei_dump *shown)
{
    if (shown != NULL)
        dump_free(((struct outer_dump *)shown)->dump);
}
