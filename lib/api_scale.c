/* kei_scale: a program at several sizes, each run recorded by the ordinary sampler, or recordings that there are. */
#include "api_outcome.h"
#include "base/buf.h"
#include "base/mem.h"
#include "capture/session.h"
#include "data/scan.h"
#include "export/scale.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 100, STOP_WAITS = 30, REPEATS_MAX = 3 };

struct scale_result {
    struct scaling scaling;
    char **command;
    char *function;
    struct scale_input input;
};

static void free_words(char **words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        mem_free(words[i]);
    mem_free(words);
}

static void free_result(void *context)
{
    struct scale_result *result = context;
    if (result == NULL)
        return;
    scaling_release(&result->scaling);
    free_words(result->command);
    mem_free(result->function);
    mem_free(result);
}

static const struct scale_input *input_in(const struct kei_outcome *outcome)
{
    return &((const struct scale_result *)outcome->result)->input;
}

static void write_text(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    scale_text(input_in(outcome), screen, out);
}

static void write_json(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    (void)screen;
    scale_json(input_in(outcome), out);
}

static void write_csv(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    (void)screen;
    scale_csv(input_in(outcome), out);
}

static const struct outcome_format formats[] = {{"text", write_text}, {"json", write_json}, {"csv", write_csv}, {0}};

/* ---- sizes ---------------------------------------------------------------------------------------------------------
 */

/* Every word of the program with the size in place of {n}. NULL: short memory. *filled: it was in one. */
static char **fill_in(char *const argv[], const char *size, size_t length, bool *filled)
{
    size_t n = 0;
    while (argv[n] != NULL)
        n++;
    char **words = mem_zalloc(n + 1, sizeof *words);
    for (size_t i = 0; words != NULL && i < n; i++) {
        struct buf word = {0};
        for (const char *at = argv[i]; *at != '\0';) {
            if (strncmp(at, "{n}", 3) == 0) {
                buf_add(&word, size, length);
                *filled = true;
                at += 3;
            } else {
                buf_add_byte(&word, (uint8_t)*at++);
            }
        }
        words[i] = word.failed ? NULL : mem_strdup(buf_text(&word));
        buf_release(&word);
        if (words[i] == NULL) {
            free_words(words);
            return NULL;
        }
    }
    return words;
}

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "cannot measure: out of memory; free some memory");
}

/* ---- one run -------------------------------------------------------------------------------------------------------
 */

static int add_recording(struct scale_result *result, const char *path, double size, struct err *err)
{
    struct profile *profile = NULL;
    int rc = profile_load(path, &profile, err);
    if (rc == 0)
        rc = scaling_add(&result->scaling, profile, size);
    if (rc == ERR_FULL)
        err_set(err, ERR_BAD_INPUT, "scale: more than %d runs; ask for fewer", GROWTH_POINTS_MAX);
    else if (rc == ERR_NOMEM)
        no_memory(err);
    profile_free(profile);
    return rc == ERR_FULL ? ERR_BAD_INPUT : rc;
}

/* Until the program ends, or whoever watches wants no more: it is asked to end, then made to. */
static bool await(struct session *session, const struct kei_watch *watch)
{
    struct session_status status = {0};
    unsigned waits = 0;
    while (!status.ended) {
        session_wait(session, WAIT_MS, &status);
        if (status.ended || !outcome_stop(watch))
            continue;
        if (waits++ == 0)
            session_signal(session, SIGTERM);
        else if (waits == STOP_WAITS)
            session_signal(session, SIGKILL);
    }
    return !outcome_stop(watch);
}

static int record_once(struct scale_result *result, const struct kei_scale_options *options, char *const argv[],
                       const char *path, double size, const struct kei_watch *watch, struct err *err)
{
    struct measure_options measure = {.rate_hz = options->rate_hz > 0 ? options->rate_hz : 1000,
                                      .rate_asked = options->rate_hz > 0,
                                      .budget = 0.01,
                                      .discard_output = true,
                                      .calls = options->calls};
    struct session *session = NULL;
    struct session_result end;
    int rc = session_run(&measure, path, argv, &session, err);
    if (rc != 0)
        return rc;
    bool whole = await(session, watch);
    rc = session_finish(session, &end, err);
    session_free(session);
    if (rc == 0 && !whole)
        rc = err_set(err, ERR_GONE, "scale: stopped at size %g: nothing is claimed", size);
    else if (rc == 0 && end.wait_status != 0)
        rc = err_set(err, ERR_GONE, "scale: at size %g the program ended with exit status %d: nothing is claimed", size,
                     trial_exit_status(end.wait_status));
    else if (rc == 0 && end.pythons == 0)
        rc = err_set(err, ERR_GONE, "scale: at size %g no Python was seen: %s", size,
                     end.note[0] != '\0' ? end.note : "it ended too soon, or runs none");
    if (rc == 0)
        rc = add_recording(result, end.path, size, err);
    if (options->output == NULL && end.path[0] != '\0')
        unlink(end.path);
    return rc;
}

/* A run of which the sampler missed much is done again. */
static int record_run(struct scale_result *result, const struct kei_scale_options *options, char *const argv[],
                      const char *path, double size, const struct kei_watch *watch, struct err *err)
{
    int rc = record_once(result, options, argv, path, size, watch, err);
    for (int i = 0; rc == 0 && i < REPEATS_MAX && scaling_missed(&result->scaling); i++) {
        scaling_take_back(&result->scaling);
        rc = record_once(result, options, argv, path, size, watch, err);
    }
    return rc;
}

/* ---- all runs ------------------------------------------------------------------------------------------------------
 */

struct series {
    const struct kei_scale_options *options;
    char *const *argv;
    const struct kei_watch *watch;
    char folder[64]; /* of recordings that are not kept; "" */
    uint32_t done, of;
};

static int run_size(struct series *series, struct scale_result *result, const char *text, size_t length,
                    struct err *err)
{
    double size;
    bool filled = false;
    struct buf path = {0};
    int rc = scan_size(text, length, &size, err);
    if (rc != 0)
        return rc;
    char **argv = fill_in(series->argv, text, length, &filled);
    buf_printf(&path, "%s%.*s.kei", series->options->output != NULL ? series->options->output : series->folder,
               (int)length, text);
    if (argv == NULL || path.failed)
        rc = no_memory(err);
    else if (!filled)
        rc = err_set(err, ERR_BAD_INPUT, "scale: no argument of the program has {n}: the size does not reach it");
    else
        rc = record_run(result, series->options, argv, buf_text(&path), size, series->watch, err);
    outcome_progress(series->watch, "run", ++series->done, series->of);
    free_words(argv);
    buf_release(&path);
    return rc;
}

static int run_series(const struct kei_scale_options *options, char *const argv[], const struct kei_watch *watch,
                      struct scale_result *result, struct err *err)
{
    struct series series = {.options = options, .argv = argv, .watch = watch};
    uint32_t repeat = options->repeat > 0 ? options->repeat : 1;
    int rc = 0;
    series.of = repeat;
    for (const char *at = options->sizes; *at != '\0'; at++)
        series.of += *at == ',' ? repeat : 0;
    if (options->output == NULL) {
        const char *parent = getenv("TMPDIR");
        snprintf(series.folder, sizeof series.folder - 1, "%s/keisoku-XXXXXX",
                 parent != NULL && strlen(parent) < 40 ? parent : "/tmp");
        if (mkdtemp(series.folder) == NULL)
            return err_set(err, ERR_IO, "cannot make %s: %s; set TMPDIR to a folder that can be written", series.folder,
                           strerror(errno));
        strcat(series.folder, "/");
    }
    for (uint32_t i = 0; rc == 0 && i < repeat; i++) {
        for (const char *at = options->sizes; rc == 0; at++) {
            size_t length = strcspn(at, ",");
            rc = run_size(&series, result, at, length, err);
            at += length;
            if (*at == '\0')
                break;
        }
    }
    if (series.folder[0] != '\0')
        rmdir(series.folder);
    return rc;
}

/* "FILE=SIZE" */
static int read_recordings(const struct kei_scale_options *options, struct scale_result *result, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < options->recordings.count; i++) {
        const char *text = options->recordings.items[i], *equals = strrchr(text, '=');
        double size;
        if (equals == NULL || equals == text)
            return err_set(err, ERR_BAD_INPUT, "scale: %.100s is not usable: give FILE=SIZE, as app.kei=1000", text);
        rc = scan_size(equals + 1, strlen(equals + 1), &size, err);
        char *path = rc == 0 ? mem_strndup(text, (size_t)(equals - text)) : NULL;
        if (rc == 0)
            rc = path != NULL ? add_recording(result, path, size, err) : no_memory(err);
        mem_free(path);
    }
    return rc;
}

static int keep_input(const struct kei_scale_options *options, char *const argv[], struct scale_result *result,
                      struct err *err)
{
    bool filled;
    int rc = 0;
    if (options->predict.count > SCALE_PREDICT_MAX)
        return err_set(err, ERR_BAD_INPUT, "scale: more than %d sizes to predict", SCALE_PREDICT_MAX);
    for (size_t i = 0; rc == 0 && i < options->predict.count; i++)
        rc = scan_size(options->predict.items[i], strlen(options->predict.items[i]), &result->input.predict[i], err);
    if (rc != 0)
        return rc;
    result->command = fill_in(argv, "{n}", 3, &filled);
    result->function = options->function != NULL ? mem_strdup(options->function) : NULL;
    result->input.scaling = &result->scaling;
    result->input.command = result->command;
    result->input.function = result->function;
    result->input.n_predict = options->predict.count;
    return result->command == NULL || (options->function != NULL && result->function == NULL) ? no_memory(err) : 0;
}

int kei_scale(const struct kei_scale_options *options, char *const argv[], const struct kei_watch *watch,
              struct kei_outcome **outcome, struct kei_error *error)
{
    static char *const none[] = {NULL};
    struct err err = {0};
    struct scale_result *result = mem_zalloc(1, sizeof *result);
    char *const *words = argv != NULL ? argv : none;
    int rc = result != NULL ? keep_input(options, words, result, &err) : ERR_NOMEM;
    if (rc == 0)
        rc = options->recordings.count > 0 ? read_recordings(options, result, &err)
                                           : run_series(options, words, watch, result, &err);
    if (rc == 0) {
        scaling_judge(&result->scaling, options->function);
        rc = outcome_new(formats, result, free_result, outcome, &err);
    }
    if (rc != 0)
        free_result(result);
    else if (result->scaling.refusal[0] != '\0' && !scaling_tells_calls(&result->scaling))
        (*outcome)->status = 1;
    return api_error(error, &err, rc);
}
