/* keisoku bench as keisoku-bench/1 (docs/bench.schema.json), which --check reads again, and as CSV. */
#include "export/bench.h"

#include "export/json_writer.h"

#include <math.h>
#include <string.h>

static const char *verdict_name(enum change_verdict verdict)
{
    static const char *const names[] = {"unknown", "no-difference", "less", "more"};
    return names[verdict];
}

static void write_estimate(struct json_writer *json, const char *key, const struct estimate *estimate)
{
    if (!estimate->known)
        return;
    json_open_flat(json, key, '{');
    json_number(json, "value", exp(estimate->log));
    json_number(json, "low", exp(estimate->low));
    json_number(json, "high", exp(estimate->high));
    json_close(json, '}');
}

static void write_measure(struct json_writer *json, const struct verdicts *verdicts, size_t i, int measure)
{
    const struct variant_verdict *verdict = &verdicts->variants[i];
    const struct bench_variant *variant = &verdicts->bench->variants[i];
    json_open(json, measure_rows[bench_measures[measure]].name, '{');
    json_number(json, "mean", verdict->summary[measure].mean);
    json_number(json, "sd", verdict->summary[measure].sd);
    json_number(json, "median", verdict->summary[measure].median);
    json_number(json, "least", verdict->summary[measure].least);
    json_number(json, "most", verdict->summary[measure].most);
    write_estimate(json, "middle", &verdict->value[measure]);
    if (verdicts->claims && verdicts_compared(verdicts->bench, i)) {
        write_estimate(json, "ratio", &verdict->ratio[measure]);
        json_text(json, "verdict", verdict_name(estimate_verdict(&verdict->ratio[measure])));
    }
    json_open_flat(json, "runs", '[');
    for (size_t run = 0; run < variant->n; run++)
        json_number(json, NULL, variant->trials[run].values[bench_measures[measure]]);
    json_close(json, ']');
    json_close(json, '}');
}

static void write_steadiness(struct json_writer *json, const struct steadiness *steadiness)
{
    json_open_flat(json, "steadiness", '{');
    json_integer(json, "outliers", (int64_t)steadiness->outliers);
    json_bool(json, "first_slow", steadiness->first_slow);
    json_number(json, "drift", steadiness->drift);
    json_number(json, "spread", steadiness->spread);
    if (steadiness->two_speeds) {
        json_open_flat(json, "two_speeds", '[');
        json_number(json, NULL, steadiness->low);
        json_number(json, NULL, steadiness->high);
        json_close(json, ']');
    }
    json_close(json, '}');
}

static void write_loops(struct json_writer *json, const struct bench_variant *variant, const struct summary *loops)
{
    json_open(json, "snippet", '{');
    json_integer(json, "loops", (int64_t)variant->loops);
    json_number(json, "best_s", loops->least);
    json_number(json, "mean_s", loops->mean);
    json_number(json, "sd_s", loops->sd);
    json_open_flat(json, "values", '[');
    for (size_t i = 0; i < variant->n_values; i++)
        json_number(json, NULL, variant->values[i]);
    json_close(json, ']');
    json_close(json, '}');
}

static void write_check(struct json_writer *json, const struct variant_verdict *verdict)
{
    json_open(json, "check", '{');
    json_text(json, "of", verdict->check_is_ratio ? "ratio" : "value");
    json_integer(json, "sessions", (int64_t)verdict->sessions);
    write_estimate(json, "change", &verdict->check);
    json_text(json, "verdict", verdict_name(estimate_verdict(&verdict->check)));
    json_close(json, '}');
}

static void write_variant(struct json_writer *json, const struct verdicts *verdicts, size_t i)
{
    const struct bench_variant *variant = &verdicts->bench->variants[i];
    const struct variant_verdict *verdict = &verdicts->variants[i];
    const char label[2] = {(char)('A' + i), '\0'};
    json_open(json, NULL, '{');
    json_text(json, "label", label);
    json_text(json, "command", variant->command);
    json_text(json, "parameters", variant->parameters);
    if (verdicts_compared(verdicts->bench, i))
        json_integer(json, "reference", (int64_t)variant->reference);
    json_integer(json, "failures", variant->failures);
    if (verdicts->bench->output_compared) {
        json_bool(json, "output_varies", variant->output_varies);
        if (verdicts_compared(verdicts->bench, i))
            json_bool(json, "output_differs", variant->output_differs);
    }
    json_open(json, "measures", '{');
    for (int measure = 0; measure < BENCH_MEASURES; measure++)
        write_measure(json, verdicts, i, measure);
    json_close(json, '}');
    write_steadiness(json, &verdict->steadiness);
    if (verdicts->bench->python)
        write_loops(json, variant, &verdict->loops);
    if (verdicts->claims && verdicts->baselines > 0 &&
        (verdicts->comparisons == 0 || verdicts_compared(verdicts->bench, i)))
        write_check(json, verdict);
    json_close(json, '}');
}

static void write_lines(struct json_writer *json, const char *key, struct buf *lines)
{
    json_open(json, key, '[');
    for (const char *at = buf_text(lines); *at != '\0';) {
        size_t length = strcspn(at, "\n");
        json_text_of(json, NULL, at, length);
        at += length + 1;
    }
    json_close(json, ']');
    json->buf->failed = json->buf->failed || lines->failed;
    buf_release(lines);
}

static void write_mean(struct json_writer *json, const struct verdicts *verdicts, const struct mean_verdict *mean)
{
    json_open(json, NULL, '{');
    json_open_flat(json, "variants", '[');
    for (size_t i = 0; i < verdicts->bench->n; i++)
        if (verdicts_in_mean(verdicts->bench, i, mean->number))
            json_integer(json, NULL, (int64_t)i);
    json_close(json, ']');
    json_open(json, "measures", '{');
    for (int measure = 0; measure < BENCH_MEASURES; measure++) {
        json_open(json, measure_rows[bench_measures[measure]].name, '{');
        write_estimate(json, "ratio", &mean->ratio[measure]);
        json_text(json, "verdict", verdict_name(estimate_verdict(&mean->ratio[measure])));
        json_close(json, '}');
    }
    json_close(json, '}');
    json_close(json, '}');
}

static void write_means(struct json_writer *json, const struct verdicts *verdicts)
{
    if (verdicts->n_means == 0)
        return;
    json_open(json, "means", '[');
    for (size_t i = 0; i < verdicts->n_means; i++)
        write_mean(json, verdicts, &verdicts->means[i]);
    json_close(json, ']');
}

static void write_gain(struct json_writer *json, const struct verdicts *verdicts)
{
    const char *word = bench_gain_word(verdicts);
    json_open(json, "gain", '{');
    json_text(json, "recording", verdicts->promise.recording);
    json_integer(json, "finding", verdicts->promise.rank);
    if (verdicts->promise.given) {
        json_open_flat(json, "predicted", '{');
        json_number(json, "low", verdicts->promise.low);
        json_number(json, "high", verdicts->promise.high);
        json_close(json, '}');
    }
    if (word != NULL) {
        const struct estimate *ratio = &verdicts->variants[1].ratio[verdicts->promise.measure];
        const struct estimate achieved = {true, -ratio->log, -ratio->high, -ratio->low, ratio->n};
        write_estimate(json, "achieved", &achieved);
        json_text(json, "verdict", word);
        json_bool(json, "kept", verdicts->promise.kept);
    }
    json_close(json, '}');
}

void bench_json(const struct verdicts *verdicts, struct buf *out)
{
    const struct bench *bench = verdicts->bench;
    struct json_writer json = {.buf = out};
    struct buf sentences = {0}, notes = {0};
    json_open(&json, NULL, '{');
    json_text(&json, "schema", "keisoku-bench/1");
    bench_sentences(verdicts, &sentences);
    write_lines(&json, "sentences", &sentences);
    bench_notes(verdicts, &notes);
    write_lines(&json, "notes", &notes);
    json_text(&json, "measure", measure_rows[bench_measures[verdicts->measure]].name);
    json_bool(&json, "claims", verdicts->claims);
    json_integer(&json, "rounds", bench->rounds);
    json_integer(&json, "warmups", bench->warmups);
    json_integer(&json, "seed", (int64_t)bench->seed);
    json_bool(&json, "python", bench->python);
    json_bool(&json, "output_compared", bench->output_compared);
    json_number(&json, "confidence", 0.95);
    if (verdicts->baselines > 0)
        json_bool(&json, "worse", verdicts->worse);
    json_open(&json, "variants", '[');
    for (size_t i = 0; i < bench->n; i++)
        write_variant(&json, verdicts, i);
    json_close(&json, ']');
    write_means(&json, verdicts);
    if (verdicts->promise.recording != NULL)
        write_gain(&json, verdicts);
    json_close(&json, '}');
    buf_add_byte(out, '\n');
}

void bench_csv(const struct verdicts *verdicts, struct buf *out)
{
    buf_add_text(out, "label,command,parameters,round,exit");
    for (int measure = 0; measure < BENCH_MEASURES; measure++)
        buf_printf(out, ",%s", measure_rows[bench_measures[measure]].name);
    buf_add_byte(out, '\n');
    for (size_t i = 0; i < verdicts->bench->n; i++) {
        const struct bench_variant *variant = &verdicts->bench->variants[i];
        for (size_t run = 0; run < variant->n; run++) {
            buf_printf(out, "%c,", (char)('A' + i));
            trials_csv_text(out, variant->command);
            buf_add_byte(out, ',');
            trials_csv_text(out, variant->parameters);
            buf_printf(out, ",%zu,%d", run + 1, trial_exit_status(variant->trials[run].wait_status));
            for (int measure = 0; measure < BENCH_MEASURES; measure++)
                buf_printf(out, ",%.9g", variant->trials[run].values[bench_measures[measure]]);
            buf_add_byte(out, '\n');
        }
    }
}
