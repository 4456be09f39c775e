/* The JSON and CSV of keisoku scale (docs/scale.schema.json). */
#include "export/json_writer.h"
#include "export/scale.h"

/* What a curve's numbers are: the ends of their keys. */
enum growth_unit { OF_SECONDS, OF_BYTES, OF_CALLS };
static const char *const constant_keys[] = {"constant_s", "constant_bytes", "constant_calls"};
static const char *const factor_keys[] = {"factor_s", "factor_bytes", "factor_calls"};
static const char *const bytes_keys[SCALING_BYTES] = {"peak_bytes", "read_bytes", "written_bytes"};

static void write_growth(struct json_writer *json, const char *key, const struct growth *growth, enum growth_unit unit)
{
    if (!growth->fitted)
        return;
    json_open(json, key, '{');
    json_open_flat(json, "exponent", '{');
    json_number(json, "value", growth->exponent);
    json_number(json, "low", growth->low);
    json_number(json, "high", growth->high);
    json_close(json, '}');
    json_text(json, "best", growth_name(growth->best));
    json_bool(json, "decided", growth->decided);
    json_open(json, "plausible", '[');
    for (int kind = 0; kind < GROWTH_KINDS; kind++) {
        const struct growth_curve *curve = &growth->curves[kind];
        if (!growth_plausible(growth, (enum growth_kind)kind))
            continue;
        json_open_flat(json, NULL, '{');
        json_text(json, "curve", growth_name((enum growth_kind)kind));
        json_number(json, constant_keys[unit], curve->constant);
        json_number(json, factor_keys[unit], curve->factor);
        if (kind == GROWTH_EXPONENTIAL)
            json_number(json, "rate", curve->rate);
        json_number(json, "score", curve->score);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void write_calls(struct json_writer *json, const struct scaling *scaling, const struct scaling_calls *calls)
{
    json_open(json, "calls", '{');
    json_open_flat(json, "counts", '[');
    for (size_t i = 0; i < scaling->n_runs; i++)
        json_integer(json, NULL, (int64_t)calls->counts[i]);
    json_close(json, ']');
    if (!calls->growth.fitted)
        json_text(json, "missing", scale_calls_missing);
    write_growth(json, "growth", &calls->growth, OF_CALLS);
    if (scaling->refusal[0] == '\0')
        write_growth(json, "time", &calls->time, OF_SECONDS);
    json_close(json, '}');
}

static void write_function(struct json_writer *json, const struct scaling *scaling,
                           const struct scaling_function *function)
{
    json_open(json, NULL, '{');
    json_text(json, "function", function->name);
    json_text(json, "file", function->file);
    if (function->line > 0)
        json_integer(json, "line", function->line);
    json_bool(json, "own", function->own);
    json_number(json, "share", function->share);
    json_open_flat(json, "cpu_s", '[');
    for (size_t i = 0; i < scaling->n_runs; i++)
        json_number(json, NULL, function->cpu_s[i]);
    json_close(json, ']');
    json_open_flat(json, "samples", '[');
    for (size_t i = 0; i < scaling->n_runs; i++)
        json_integer(json, NULL, (int64_t)function->samples[i]);
    json_close(json, ']');
    if (function->doubt != DOUBT_NONE)
        json_text(json, "missing", scale_doubt_text(function->doubt));
    else if (scaling->refusal[0] == '\0')
        write_growth(json, "growth", &function->growth, OF_SECONDS);
    if (scaling->counted)
        write_calls(json, scaling, &function->calls);
    json_close(json, '}');
}

static void write_prediction(struct json_writer *json, const char *key, const struct scaling_prediction *prediction)
{
    if (!prediction->known)
        return;
    json_open_flat(json, key, '{');
    json_number(json, "value", prediction->value);
    json_number(json, "low", prediction->low);
    json_number(json, "high", prediction->high);
    json_close(json, '}');
}

static void write_predictions(struct json_writer *json, const struct scale_input *input)
{
    json_open(json, "predictions", '[');
    for (size_t i = 0; i < input->n_predict && input->scaling->refusal[0] == '\0'; i++) {
        struct scaling_prediction cpu, wall, bytes;
        json_open(json, NULL, '{');
        json_number(json, "size", input->predict[i]);
        scaling_predict_times(input->scaling, input->predict[i], &cpu, &wall);
        write_prediction(json, "cpu_s", &cpu);
        write_prediction(json, "wall_s", &wall);
        for (int which = 0; which < SCALING_BYTES; which++) {
            scaling_predict_bytes(input->scaling, (enum scaling_bytes)which, input->predict[i], &bytes);
            write_prediction(json, bytes_keys[which], &bytes);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

void scale_json(const struct scale_input *input, struct buf *out)
{
    const struct scaling *scaling = input->scaling;
    struct json_writer json = {.buf = out};
    struct buf sentence = {0};
    json_open(&json, NULL, '{');
    json_text(&json, "schema", "keisoku-scale/1");
    scale_sentence(input, &sentence);
    json_text(&json, "sentence", buf_text(&sentence));
    out->failed = out->failed || sentence.failed;
    buf_release(&sentence);
    json_open_flat(&json, "command", '[');
    for (size_t i = 0; input->command[i] != NULL; i++)
        json_text(&json, NULL, input->command[i]);
    json_close(&json, ']');
    if (scaling->refusal[0] != '\0')
        json_text(&json, "refusal", scaling->refusal);
    json_open(&json, "runs", '[');
    for (size_t i = 0; i < scaling->n_runs; i++) {
        const struct scaling_run *run = &scaling->runs[i];
        json_open_flat(&json, NULL, '{');
        json_number(&json, "size", run->size);
        json_number(&json, "cpu_s", run->cpu_s);
        json_number(&json, "wall_s", run->wall_s);
        json_integer(&json, "samples", (int64_t)run->samples);
        for (int which = 0; which < SCALING_BYTES; which++)
            if (run->bytes[which] >= 0)
                json_number(&json, bytes_keys[which], run->bytes[which]);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    if (scaling->refusal[0] == '\0') {
        write_growth(&json, "cpu", &scaling->cpu, OF_SECONDS);
        write_growth(&json, "wall", &scaling->wall, OF_SECONDS);
        for (int which = 0; which < SCALING_BYTES; which++)
            write_growth(&json, bytes_keys[which], &scaling->bytes[which], OF_BYTES);
    }
    json_bool(&json, "mixed", scaling->mixed);
    write_predictions(&json, input);
    json_open_flat(&json, "not_measured", '[');
    if (!scaling->counted)
        json_text(&json, NULL, "calls");
    json_text(&json, NULL, "waiting by function");
    json_close(&json, ']');
    if (scaling->uncounted[0] != '\0')
        json_text(&json, "calls_refusal", scaling->uncounted);
    json_open(&json, "functions", '[');
    for (size_t i = 0; i < scaling->n_functions; i++)
        if (scale_asked_for(input, scaling->functions[i]))
            write_function(&json, scaling, scaling->functions[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    buf_add_byte(out, '\n');
}

void scale_csv(const struct scale_input *input, struct buf *out)
{
    const struct scaling *scaling = input->scaling;
    buf_printf(out, "function,file,size,cpu_s,samples%s\n", scaling->counted ? ",calls" : "");
    for (size_t i = 0; i < scaling->n_runs; i++)
        buf_printf(out, ",,%.15g,%.9g,%llu%s\n", scaling->runs[i].size, scaling->runs[i].cpu_s,
                   (unsigned long long)scaling->runs[i].samples, scaling->counted ? "," : "");
    for (size_t f = 0; f < scaling->n_functions; f++) {
        const struct scaling_function *function = scaling->functions[f];
        for (size_t i = 0; scale_asked_for(input, function) && i < scaling->n_runs; i++) {
            trials_csv_text(out, function->name);
            buf_add_byte(out, ',');
            trials_csv_text(out, function->file);
            buf_printf(out, ",%.15g,%.9g,%llu", scaling->runs[i].size, function->cpu_s[i],
                       (unsigned long long)function->samples[i]);
            if (scaling->counted)
                buf_printf(out, ",%llu", (unsigned long long)function->calls.counts[i]);
            buf_add_byte(out, '\n');
        }
    }
}
