/* kei_bench: commands with their parameters become variants, which are run and judged. */
#include "api_outcome.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "capture/trials/bench_run.h"
#include "data/gain.h"
#include "data/profile.h"
#include "data/scan.h"
#include "diagnose/diagnose.h"
#include "export/bench.h"

#include <math.h>
#include <string.h>

enum { SCANS_MAX = 8, BASELINES_MAX = 16, EXIT_WORSE = 1, EXIT_NOTHING_CLAIMED = 3 };

struct bench_result {
    struct bench bench;
    struct verdicts verdicts;
    char *recording, *tag, *place;
    struct err keeping;
};

static void free_result(void *context)
{
    struct bench_result *result = context;
    if (result == NULL)
        return;
    bench_release(&result->bench);
    mem_free(result->recording);
    mem_free(result->tag);
    mem_free(result->place);
    mem_free(result);
}

static const struct verdicts *verdicts_in(const struct kei_outcome *outcome)
{
    return &((const struct bench_result *)outcome->result)->verdicts;
}

static void write_text(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    bench_text(verdicts_in(outcome), screen, out);
}

static void write_json(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    (void)screen;
    bench_json(verdicts_in(outcome), out);
}

static void write_csv(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    (void)screen;
    bench_csv(verdicts_in(outcome), out);
}

static void write_markdown(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    (void)screen;
    bench_markdown(verdicts_in(outcome), out);
}

static const struct outcome_format formats[] = {
    {"text", write_text}, {"json", write_json}, {"csv", write_csv}, {"markdown", write_markdown}, {0}};

/* ---- parameters ----------------------------------------------------------------------------------------------------
 */

static char *take_text(struct buf *buf)
{
    char *text = buf->failed ? NULL : mem_strdup(buf_text(buf));
    buf_release(buf);
    return text;
}

static int add_variant(struct bench *bench, const struct kei_bench_options *options, size_t number, size_t reference,
                       const struct scan *scans, struct err *err)
{
    struct buf text = {0}, parameters = {0};
    size_t n = options->scans.count;
    if (bench->n == BENCH_VARIANTS_MAX)
        return err_set(err, ERR_BAD_INPUT, "bench: more than %d commands; ask for fewer, or scan fewer values",
                       BENCH_VARIANTS_MAX);
    struct bench_variant *variant = &bench->variants[bench->n++];
    scan_fill(options->commands.items[number], scans, n, &text);
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *value = scan_value(&scans[i], &length);
        buf_printf(&parameters, "%s%.*s=%.*s", i > 0 ? ", " : "", (int)scans[i].name_length, scans[i].name, (int)length,
                   value);
    }
    variant->number = number;
    variant->reference = reference;
    variant->command = take_text(&text);
    variant->parameters = take_text(&parameters);
    if (variant->command == NULL || variant->parameters == NULL)
        return err_set(err, ERR_NOMEM, "bench: out of memory; free some memory");
    return 0;
}

/* Every combination of values, the last parameter fastest. With several commands each is compared with the first of its
 * own combination, with one with that of the first combination. */
static int add_variants(const struct kei_bench_options *options, struct bench *bench, struct err *err)
{
    struct scan scans[SCANS_MAX] = {{0}};
    size_t n = options->scans.count;
    int rc = 0;
    if (options->commands.count == 0)
        return err_set(err, ERR_BAD_INPUT, "bench: a command is missing");
    if (n > SCANS_MAX)
        return err_set(err, ERR_BAD_INPUT, "bench: more than %d parameters", SCANS_MAX);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = scan_read(options->scans.items[i], &scans[i], err);
    for (bool more = true; rc == 0 && more;) {
        size_t first = options->commands.count > 1 ? bench->n : 0;
        for (size_t i = 0; rc == 0 && i < options->commands.count; i++)
            rc = add_variant(bench, options, i, first, scans, err);
        more = scan_next(scans, n);
    }
    return rc;
}

/* ---- what it is held to --------------------------------------------------------------------------------------------
 */

static int copy_finding(const struct profile *profile, const struct finding *finding, struct bench_result *result)
{
    struct buf place = {0};
    if (finding->file != 0)
        buf_printf(&place, "%s:%u", diagnosis_file(profile, finding->file), finding->line);
    result->tag = mem_strdup(finding->tag);
    result->place = take_text(&place);
    struct promise *promise = &result->verdicts.promise;
    promise->given = finding->predicted_low > 0 && finding->predicted_high > 0;
    for (int i = 0; finding_gains_memory(finding) && i < BENCH_MEASURES; i++)
        promise->measure = bench_measures[i] == MEASURE_PEAK ? i : promise->measure;
    promise->low = finding->predicted_low;
    promise->high = finding->predicted_high;
    promise->most = finding->max_gain;
    return result->tag != NULL && result->place != NULL ? 0 : ERR_NOMEM;
}

/* The gain that a finding of a recording promises. */
static int read_promise(const char *path, struct bench_result *result, struct err *err)
{
    struct profile *profile = NULL;
    struct diagnosis *diagnosis = NULL;
    size_t rank = result->verdicts.promise.rank;
    int rc = profile_load(path, &profile, err);
    if (rc == 0 && (rc = diagnose(profile, &diagnosis)) == 0) {
        if (rank > diagnosis->n_findings)
            rc = err_set(err, ERR_BAD_INPUT, "bench: %s has %zu finding%s; --finding %zu is none of them", path,
                         diagnosis->n_findings, diagnosis->n_findings == 1 ? "" : "s", rank);
        else
            rc = copy_finding(profile, &diagnosis->findings[rank - 1], result);
    }
    if (rc == ERR_NOMEM)
        err_set(err, rc, "cannot read %s: out of memory; free some memory", path);
    diagnosis_free(diagnosis);
    profile_free(profile);
    return rc == ERR_NOT_FOUND ? ERR_BAD_INPUT : rc;
}

/* The score is kept where the promise stands. That it cannot be is no failure of the bench: it is said. */
static void keep_gain(struct bench_result *result)
{
    struct promise *promise = &result->verdicts.promise;
    const struct estimate *ratio = &result->verdicts.variants[1].ratio[promise->measure];
    if (!promise->given || !result->verdicts.claims || !ratio->known)
        return;
    const struct gain gain = {.unix_ns = (int64_t)clock_unix_ns(),
                              .tag = result->tag,
                              .place = result->place,
                              .low = promise->low,
                              .high = promise->high,
                              .most = promise->most,
                              .achieved = exp(-ratio->log),
                              .achieved_low = exp(-ratio->high),
                              .achieved_high = exp(-ratio->low),
                              .before = result->bench.variants[0].command,
                              .after = result->bench.variants[1].command};
    promise->kept = gain_keep(result->recording, &gain, &result->keeping) == 0;
    promise->lost = promise->kept ? NULL : result->keeping.text;
}

static int judge(const struct kei_bench_options *options, struct bench_result *result, const struct baseline *baselines,
                 struct err *err)
{
    struct promise promise = result->verdicts.promise;
    int rc = verdicts_of(&result->bench, (int)options->measure, baselines, options->baselines.count, &result->verdicts);
    if (rc != 0)
        return err_set(err, rc, "cannot compare: out of memory; ask for fewer rounds");
    result->verdicts.promise = promise;
    if (promise.recording != NULL)
        keep_gain(result);
    return 0;
}

/* What can be wrong is looked at before anything runs. */
static int prepare(const struct kei_bench_options *options, struct bench_result *result, struct baseline *baselines,
                   struct err *err)
{
    int rc = add_variants(options, &result->bench, err);
    if (rc == 0 && options->python && options->equal_output)
        rc =
            err_set(err, ERR_BAD_INPUT, "bench: --equal-output compares what commands print; statements print nothing");
    if (rc == 0 && options->recording != NULL && result->bench.n != 2)
        rc = err_set(err, ERR_BAD_INPUT, "bench: --from needs two commands, the program before and after");
    if (rc == 0 && options->baselines.count > BASELINES_MAX)
        rc = err_set(err, ERR_BAD_INPUT, "bench: more than %d results to check against", BASELINES_MAX);
    for (size_t i = 0; rc == 0 && i < options->baselines.count; i++)
        rc = baseline_read(options->baselines.items[i], &baselines[i], err);
    if (rc == ERR_NOT_FOUND)
        rc = ERR_BAD_INPUT; /* not found means a command that is not: 127 */
    if (rc == 0 && options->recording != NULL) {
        result->recording = mem_strdup(options->recording);
        result->verdicts.promise.recording = result->recording;
        result->verdicts.promise.rank = options->finding > 0 ? options->finding : 1;
        rc = result->recording == NULL ? ERR_NOMEM : read_promise(options->recording, result, err);
    }
    return rc;
}

static int bench(const struct kei_bench_options *options, const struct kei_watch *watch, struct bench_result *result,
                 struct err *err)
{
    struct baseline baselines[BASELINES_MAX] = {0};
    struct bench_plan plan = {.rounds = options->rounds,
                              .warmups = options->python && options->warmups == 0 ? 1 : options->warmups,
                              .prepare = options->prepare,
                              .conclude = options->conclude,
                              .interpreter = options->interpreter,
                              .setup = options->setup};
    result->bench.seed = options->seed != 0 ? options->seed : clock_unix_ns() % 1000000000 + 1;
    result->bench.python = options->python;
    result->bench.output_compared = options->equal_output;
    result->bench.failures_ignored = options->ignore_failure;
    int rc = prepare(options, result, baselines, err);
    if (rc == 0)
        rc = bench_run(&result->bench, &plan, watch, err);
    if (rc == 0)
        rc = judge(options, result, baselines, err);
    for (size_t i = 0; i < BASELINES_MAX; i++)
        baseline_release(&baselines[i]);
    return rc;
}

int kei_bench(const struct kei_bench_options *options, const struct kei_watch *watch, struct kei_outcome **outcome,
              struct kei_error *error)
{
    struct err err = {0};
    struct bench_result *result = mem_zalloc(1, sizeof *result);
    int rc = result != NULL ? bench(options, watch, result, &err) : ERR_NOMEM;
    if (rc == 0)
        rc = outcome_new(formats, result, free_result, outcome, &err);
    if (rc != 0)
        free_result(result);
    else if (result->verdicts.failed)
        (*outcome)->status = EXIT_NOTHING_CLAIMED;
    else if (result->verdicts.worse)
        (*outcome)->status = EXIT_WORSE;
    return api_error(error, &err, rc);
}
