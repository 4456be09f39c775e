#include "record.h"

#include "held.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 200, WAIT_PAUSED_MS = 1000, WAITS_AFTER_END = 15 };

/* The two halves of "FMT=OUT". */
static bool split_export(const char *text, char format[32], const char **out)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0' || equals - text >= 32)
        return false;
    snprintf(format, 32, "%.*s", (int)(equals - text), text);
    *out = equals + 1;
    return true;
}

/* "cpu>90%", "rss>2G", "stuck>10s" */
static bool take_trigger(const struct command *command, const char *text, struct kei_options *options)
{
    static const struct {
        const char *name;
        enum option_kind kind;
    } triggers[] = {{"cpu>", OPTION_CPU}, {"rss>", OPTION_SIZE}, {"stuck>", OPTION_DURATION}};
    const char *why = "give cpu>90%, rss>2G or stuck>10s, in quotes";
    for (size_t i = 0; i < sizeof triggers / sizeof *triggers; i++) {
        size_t length = strlen(triggers[i].name);
        double value;
        if (strncmp(text, triggers[i].name, length) != 0)
            continue;
        if (!option_number(triggers[i].kind, text + length, &value, &why))
            break;
        if (triggers[i].kind == OPTION_CPU)
            options->when_cpu = value;
        else if (triggers[i].kind == OPTION_SIZE)
            options->when_rss_bytes = (uint64_t)value;
        else
            options->when_stuck_s = value;
        return true;
    }
    message("%s: --save-when %s is not usable: %s", command->name, text, why);
    return false;
}

bool record_options(const struct command *command, const struct settings *settings, struct kei_options *options)
{
    for (size_t i = 0; i < settings->exports.count; i++) {
        char format[32];
        const char *out;
        if (!split_export(settings->exports.items[i], format, &out)) {
            message("%s: --export %s is not usable: give FMT=OUT, as speedscope=app.json", command->name,
                    settings->exports.items[i]);
            return false;
        }
        if (output_format(command->name, format) == NULL)
            return false;
    }
    static const enum kei_reader readers[] = {KEI_READER_AUTO, KEI_READER_CORE, KEI_READER_KERNEL, KEI_READER_FREE,
                                              KEI_READER_STOP};
    *options = (struct kei_options){
        .output = settings->output,
        .rate_hz = settings->rate_hz,
        .rate_asked = settings->rate_hz > 0,
        .budget = settings->budget,
        .duration_s = settings->duration_s,
        .delay_s = settings->delay_s,
        .keep_s = settings->keep_s,
        .max_bytes = (uint64_t)settings->max_bytes,
        .no_children = settings->no_children,
        .no_source = settings->no_source,
        .no_operands = settings->no_operands,
        .redact_args = settings->redact_args,
        .native = settings->native,
        .calls = settings->calls || settings->argument_hashes,
        .argument_hashes = settings->argument_hashes,
        .allocations = settings->allocations,
        .reader = readers[settings->reader],
    };
    if (options->reader == KEI_READER_STOP && !settings->quiet)
        message("--reader stop halts threads of the program to read them: calls that wait can end early (EINTR), large "
                "writes come back short, and debuggers are kept out; a program that minds is better read by core");
    for (size_t i = 0; i < settings->save_when.count; i++)
        if (!take_trigger(command, settings->save_when.items[i], options))
            return false;
    return true;
}

/* ---- after the recording -------------------------------------------------------------------------------------------
 */

/* The page beside the recording: NAME.PID.kei → NAME.PID.html. */
static void page_path(const char *recording, char path[OUTPUT_PATH_BYTES])
{
    const char *slash = strrchr(recording, '/'), *dot = strrchr(recording, '.');
    size_t stem = dot != NULL && (slash == NULL || dot > slash + 1) ? (size_t)(dot - recording) : strlen(recording);
    snprintf(path, OUTPUT_PATH_BYTES, "%.*s.html", (int)(stem < OUTPUT_PATH_BYTES - 6 ? stem : OUTPUT_PATH_BYTES - 6),
             recording);
}

/* One file of those asked for. A failure is a warning: the program's exit status stands. That the disk is full is told
 * once: not of a file behind a recording that ended for it (`ended`, an error or 0). */
static void write_extra(struct kei_recording *recording, const char *format, const char *path, int ended,
                        const struct settings *settings, char taken[OUTPUT_PATH_BYTES])
{
    struct kei_error error;
    struct kei_export_options options = {0};
    int rc = output_export(recording, format, &options, path, taken, &error);
    if (rc == KEI_ERR_FULL && ended == KEI_ERR_FULL)
        return;
    if (rc != 0)
        message("%s; the recording is %s without it", error.text, ended == 0 ? "complete" : "kept");
    else if (settings->verbose && taken[0] != '\0')
        message("wrote %s", taken);
}

static void write_outputs(struct kei_recording *recording, const struct settings *settings, const char *path, int ended)
{
    char page[OUTPUT_PATH_BYTES] = "", taken[OUTPUT_PATH_BYTES], beside[OUTPUT_PATH_BYTES], format[32];
    const char *out;
    page_path(path, beside);
    if (!settings->no_html)
        write_extra(recording, "html", settings->html != NULL ? settings->html : beside, ended, settings, page);
    if (settings->json != NULL)
        write_extra(recording, "json", settings->json, ended, settings, taken);
    for (size_t i = 0; i < settings->exports.count; i++)
        if (split_export(settings->exports.items[i], format, &out))
            write_extra(recording, format, out, ended, settings, taken);
    if (settings->quiet)
        return;
    struct kei_error error;
    struct kei_export_options options = {.color = color_wanted(settings->color, STDERR_FILENO),
                                         .width = screen_width(STDERR_FILENO),
                                         .height = screen_height(STDERR_FILENO),
                                         .page_path = page[0] != '\0' ? page : NULL};
    if (output_export_fd(recording, "text", &options, STDERR_FILENO, "standard error", &error) != 0)
        message("%s; keisoku report %s prints the report again", error.text, path);
}

/* `ended`: the error that ended the recording, or 0. */
static void write_everything(const struct settings *settings, const struct kei_result *result, int ended)
{
    struct kei_error error;
    struct kei_recording *recording = NULL;
    if (result->note[0] != '\0')
        message("%s", result->note);
    if (result->path[0] == '\0' || (result->samples == 0 && result->note[0] != '\0'))
        return;
    if (kei_open(result->path, &recording, &error) != 0)
        message("%s", error.text);
    else
        write_outputs(recording, settings, result->path, ended);
    kei_close(recording);
}

/* ---- the wait ------------------------------------------------------------------------------------------------------
 */

/* Until everything measured has ended, the duration is over, or Ctrl-C came often enough (twice for a program that we
 * started: the first one is the program's). True when the user was told that the recording stopped. */
/* The session tells of the end of the program, but not while a page of some process's memory holds it up. */
static bool has_ended_for_long(const struct kei_session *session, uint32_t *waits)
{
    siginfo_t info = {0};
    int wait_status;
    pid_t pid = kei_session_program(session, &wait_status);
    bool ended = pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid &&
                 info.si_code != CLD_TRAPPED;
    *waits = ended ? *waits + 1 : 0;
    return *waits > WAITS_AFTER_END;
}

static bool wait_for_end(struct kei_session *session, const struct settings *settings, unsigned enough)
{
    struct progress progress;
    struct kei_status status = {0};
    bool told = false;
    uint32_t n_said = 0, waits = 0;
    progress_start(&progress, settings);
    while (!status.ended && signals_interrupts() < enough && !has_ended_for_long(session, &waits)) {
        if (kei_session_wait(session, status.paused ? WAIT_PAUSED_MS : WAIT_MS, &status) < 0)
            break;
        if (status.n_said != n_said) {
            progress_erase(&progress);
            message("%s", status.said);
            n_said = status.n_said;
        }
        if (status.error != 0 && !told) {
            progress_erase(&progress);
            message("the recording stopped: %s; the program goes on", status.error_text);
            told = true;
        }
        progress_show(&progress, &status);
    }
    progress_erase(&progress);
    if (status.full)
        message("the recording reached --max-size after %.1f s and ended; the program goes on", status.elapsed_s);
    return told;
}

static void pass_to_session(void *session, int signal)
{
    kei_session_signal(session, signal);
}

static void pass_to_process(void *pid, int signal)
{
    kill(*(const pid_t *)pid, signal);
}

/* The recording is done and the program still runs: its exit status is ours, so wait for it, unless Ctrl-C comes once
 * more than the `before` times that ended the recording. */
static int wait_for_program(pid_t pid, unsigned before)
{
    int wait_status = -1;
    for (;;) {
        siginfo_t info = {0}; /* not reaped before nobody passes signals to its number any more */
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno != EINTR)
            break;
        if (info.si_pid == pid)
            break;
        if (before >= 2 && signals_interrupts() > before)
            return -1;
        usleep(20000);
    }
    signals_pass_to(NULL, NULL, 0);
    return waitpid(pid, &wait_status, WNOHANG) == pid ? wait_status : -1;
}

static int exit_status(int wait_status)
{
    if (wait_status < 0)
        return 128 + SIGINT;
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static struct kei_session *finishing;

/* The program's, which is waited for, though the recording cannot be ended. */
static int status_of_program(int otherwise)
{
    int wait_status;
    pid_t pid = kei_session_program(finishing, &wait_status);
    while (wait_status < 0 && pid > 0 && waitpid(pid, &wait_status, WNOHANG) == 0) {
        wait_status = -1;
        usleep(20000);
    }
    if (wait_status < 0) /* waited for by the session meanwhile */
        kei_session_program(finishing, &wait_status);
    return wait_status < 0 ? otherwise : exit_status(wait_status);
}

/* Ends the recording. A program that goes on gets its signals all the time: through the session, then by its number,
 * which stays its own until we wait for it. */
static int finish(struct kei_session *session, bool started, int failure_status, struct kei_result *result,
                  struct kei_error *error)
{
    static pid_t pid;
    finishing = session;
    held_watch(failure_status,
               "the recording ends where reading that page began; see what was measured with keisoku report",
               started ? status_of_program : NULL);
    int rc = kei_session_finish(session, result, error);
    held_watch_end();
    pid = result->pid;
    if (started && result->wait_status < 0 && pid > 0)
        signals_pass_to(pass_to_process, &pid, 0);
    else
        signals_pass_to(NULL, NULL, 0);
    kei_session_free(session);
    return rc;
}

int record(const struct command *command, const struct settings *settings, struct kei_session *session)
{
    struct kei_error error = {0};
    struct kei_result result = {.wait_status = -1};
    bool started = command->bit == COMMAND_RUN;
    if (started)
        signals_pass_to(pass_to_session, session, kei_session_born_ns(session));
    bool told = wait_for_end(session, settings, started ? 2 : 1);
    unsigned interrupts = signals_interrupts();
    int rc = finish(session, started, command->failure_status, &result, &error);
    if (rc != 0 && !told)
        message("%s", error.text);
    write_everything(settings, &result, rc);
    if (!started)
        return rc != 0 || result.path[0] == '\0' ? command->failure_status : 0;
    if (result.wait_status < 0 && result.pid > 0) {
        if (!settings->quiet)
            message("the recording has ended; the program (%d) goes on", (int)result.pid);
        result.wait_status = wait_for_program(result.pid, interrupts);
    }
    return exit_status(result.wait_status);
}
