/* keisoku scale: how a program and its functions grow with a size. */
#include "export/scale.h"

#include "export/cells.h"
#include "export/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 10, RANGE_COLUMNS = 13, CURVE_COLUMNS = 15, TIME_COLUMNS = 9, SHARE_COLUMNS = 6, NAME_COLUMNS = 15 };
static const double row_share = 0.01;                       /* of the CPU time at the largest size: less is no row */
static const double told_share = 0.05, told_exponent = 1.3; /* what the sentence is about */

static bool asked_for(const struct scale_input *input, const struct scaling_function *function)
{
    return input->function == NULL || strcmp(input->function, function->name) == 0;
}

/* "n²", "n or n log n: not decided". */
static void print_curves(const struct growth *growth, char *out, size_t size)
{
    size_t taken = 0;
    out[0] = '\0';
    if (growth->decided) {
        snprintf(out, size, "%s", growth_name(growth->best));
        return;
    }
    for (int kind = 0; kind < GROWTH_KINDS; kind++) {
        if (!growth_plausible(growth, (enum growth_kind)kind) || taken >= size)
            continue;
        taken += (size_t)snprintf(out + taken, size - taken, "%s%s", taken > 0 ? " or " : "",
                                  growth_name((enum growth_kind)kind));
    }
}

static const char *doubt_text(enum scaling_doubt doubt)
{
    return doubt == DOUBT_FEW_SAMPLES ? "too few samples" : "seen at too few sizes";
}

/* The function that grows fastest among those that matter. */
static const struct scaling_function *fastest(const struct scale_input *input)
{
    const struct scaling_function *found = NULL;
    for (size_t i = 0; i < input->scaling->n_functions; i++) {
        const struct scaling_function *function = input->scaling->functions[i];
        if (function->doubt != DOUBT_NONE || function->share < told_share || !asked_for(input, function))
            continue;
        if (found == NULL || function->growth.low > found->growth.low)
            found = function;
    }
    return found;
}

void scale_sentence(const struct scale_input *input, struct buf *out)
{
    const struct scaling *scaling = input->scaling;
    const struct scaling_function *function = fastest(input);
    char curves[96];
    if (scaling->refusal[0] != '\0') {
        buf_printf(out, "nothing is claimed: %s", scaling->refusal);
    } else if (function == NULL) {
        buf_add_text(out, "no function has enough samples at four sizes to tell how it grows");
    } else if (function->growth.low > told_exponent || input->function != NULL) {
        print_curves(&function->growth, curves, sizeof curves);
        buf_printf(out, "%s grows as %s%s (exponent %.2f, %.2f to %.2f): %.0f %% of the CPU time at %g", function->name,
                   curves, function->growth.decided ? "" : ", not decided", function->growth.exponent,
                   function->growth.low, function->growth.high, 100 * function->share, scaling->largest);
    } else {
        buf_printf(
            out, "nothing that matters grows faster than n^%.1f: the fastest, %s, has exponent %.2f (%.2f to %.2f)",
            told_exponent, function->name, function->growth.exponent, function->growth.low, function->growth.high);
    }
}

/* ---- the screen ----------------------------------------------------------------------------------------------------
 */

static void add_head(const struct scale_input *input, const struct trials_screen *screen, struct buf *out)
{
    struct buf command = {0}, sentence = {0};
    trials_command(&command, input->command);
    if (input->command[0] == NULL)
        buf_add_text(&command, "recordings");
    trials_style(out, screen, "1");
    buf_add_text(out, "keisoku scale  ");
    cells_add_buf(out, &command, screen->width - 15, false, false);
    trials_style(out, screen, "0");
    buf_add_text(out, "\n\n");
    scale_sentence(input, &sentence);
    trials_style(out, screen, "1");
    cells_wrap(out, "  ", "  ", buf_text(&sentence), screen->width);
    trials_style(out, screen, "0");
    buf_add_byte(out, '\n');
    out->failed = out->failed || command.failed || sentence.failed;
    buf_release(&command);
    buf_release(&sentence);
}

static void add_runs(const struct scaling *scaling, const struct trials_screen *screen, struct buf *out)
{
    char text[40];
    trials_style(out, screen, "2");
    buf_add_text(out, "        size       CPU      wall   samples\n");
    trials_style(out, screen, "0");
    for (size_t i = 0; i < scaling->n_runs; i++) {
        const struct scaling_run *run = &scaling->runs[i];
        snprintf(text, sizeof text, "%.15g", run->size);
        cells_padded(out, text, 12, true);
        trials_value(text, sizeof text, UNIT_SECONDS, run->cpu_s);
        cells_padded(out, text, 10, true);
        trials_value(text, sizeof text, UNIT_SECONDS, run->wall_s);
        cells_padded(out, text, 10, true);
        cells_count(text, sizeof text, run->samples);
        cells_padded(out, text, 10, true);
        buf_add_byte(out, '\n');
    }
    buf_add_byte(out, '\n');
}

/* Exponent, its range and the curve; of a function that tells nothing the reason. */
static void add_growth(const struct growth *growth, enum scaling_doubt doubt, struct buf *out)
{
    char text[96], range[48];
    if (doubt != DOUBT_NONE || !growth->fitted) {
        cells_padded(out, doubt_text(doubt), 5 + RANGE_COLUMNS + CURVE_COLUMNS, false);
        return;
    }
    snprintf(text, sizeof text, "%.2f", growth->exponent);
    cells_padded(out, text, 5, true);
    snprintf(range, sizeof range, "%.2f..%.2f", growth->low, growth->high);
    cells_padded(out, range, RANGE_COLUMNS, true);
    print_curves(growth, text, sizeof text);
    buf_add_text(out, "  ");
    if (cells_width(text, strlen(text)) >= CURVE_COLUMNS - 2)
        snprintf(text, sizeof text, "not decided");
    cells_padded(out, text, CURVE_COLUMNS - 2, false);
}

static void add_function(const struct scaling_function *function, double cpu_s, const struct trials_screen *screen,
                         struct buf *out)
{
    char text[40];
    struct buf file = {0};
    size_t left =
        screen->width - 5 - RANGE_COLUMNS - CURVE_COLUMNS - SHARE_COLUMNS - TIME_COLUMNS - 2 - NAME_COLUMNS - 1;
    add_growth(&function->growth, function->doubt, out);
    trials_value(text, sizeof text, UNIT_SECONDS, function->share * cpu_s);
    cells_padded(out, text, TIME_COLUMNS, true);
    cells_percent(text, sizeof text, function->share);
    cells_padded(out, text, SHARE_COLUMNS, true);
    buf_add_text(out, "  ");
    cells_add(out, function->name, strlen(function->name), NAME_COLUMNS, false, true);
    buf_add_text(&file, function->file);
    if (function->line > 0)
        buf_printf(&file, ":%u", function->line);
    buf_add_byte(out, ' ');
    cells_add_buf(out, &file, left, true, false);
    buf_add_byte(out, '\n');
    out->failed = out->failed || file.failed;
    buf_release(&file);
}

/* The mean of the runs at the largest size. */
static double largest_cpu(const struct scaling *scaling)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < scaling->n_runs; i++) {
        if (scaling->runs[i].size == scaling->largest) {
            sum += scaling->runs[i].cpu_s;
            n++;
        }
    }
    return n > 0 ? sum / n : 0;
}

static void add_functions(const struct scale_input *input, const struct trials_screen *screen, struct buf *out)
{
    const struct scaling *scaling = input->scaling;
    double cpu_s = largest_cpu(scaling);
    char text[96];
    trials_style(out, screen, "2");
    snprintf(text, sizeof text, "at %g", scaling->largest);
    cells_padded(out, "exponent    95 %", 5 + RANGE_COLUMNS, false);
    cells_padded(out, "  grows as", CURVE_COLUMNS, false);
    cells_padded(out, text, TIME_COLUMNS, true);
    cells_padded(out, "", SHARE_COLUMNS + 2, false);
    cells_padded(out, "function", NAME_COLUMNS + 1, false);
    buf_add_text(out, "file:line\n");
    trials_style(out, screen, "0");
    add_growth(&scaling->cpu, DOUBT_NONE, out);
    trials_value(text, sizeof text, UNIT_SECONDS, cpu_s);
    cells_padded(out, text, TIME_COLUMNS, true);
    buf_add_text(out, " 100 %  the whole program\n");
    size_t rows = 0;
    for (size_t i = 0; i < scaling->n_functions && rows < ROWS; i++) {
        const struct scaling_function *function = scaling->functions[i];
        if (!asked_for(input, function) || (input->function == NULL && function->share < row_share))
            continue;
        add_function(function, cpu_s, screen, out);
        rows++;
    }
}

static void add_predictions(const struct scale_input *input, struct buf *out)
{
    for (size_t i = 0; i < input->n_predict; i++) {
        const struct growth *growths[] = {&input->scaling->cpu, &input->scaling->wall};
        buf_printf(out, "%sat %g: ", i == 0 ? "\n" : "", input->predict[i]);
        for (int which = 0; which < 2; which++) {
            double value, low, high;
            char text[3][40];
            growth_predict(growths[which], input->predict[i], &value, &low, &high);
            trials_value(text[0], sizeof text[0], UNIT_SECONDS, value);
            trials_value(text[1], sizeof text[1], UNIT_SECONDS, low);
            trials_value(text[2], sizeof text[2], UNIT_SECONDS, high);
            buf_printf(out, "%s%s %s (%s to %s)", which > 0 ? ", " : "", text[0], which > 0 ? "wall" : "CPU", text[1],
                       text[2]);
        }
        buf_add_byte(out, '\n');
    }
}

void scale_text(const struct scale_input *input, const struct trials_screen *screen, struct buf *out)
{
    add_head(input, screen, out);
    add_runs(input->scaling, screen, out);
    if (input->scaling->refusal[0] != '\0')
        return;
    add_functions(input, screen, out);
    add_predictions(input, out);
}

/* ---- JSON and CSV --------------------------------------------------------------------------------------------------
 */

static void write_growth(struct json_writer *json, const char *key, const struct growth *growth)
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
        json_number(json, "constant_s", curve->constant);
        json_number(json, "factor_s", curve->factor);
        if (kind == GROWTH_EXPONENTIAL)
            json_number(json, "rate", curve->rate);
        json_number(json, "score", curve->score);
        json_close(json, '}');
    }
    json_close(json, ']');
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
        json_text(json, "missing", doubt_text(function->doubt));
    else if (scaling->refusal[0] == '\0')
        write_growth(json, "growth", &function->growth);
    json_close(json, '}');
}

static void write_predictions(struct json_writer *json, const struct scale_input *input)
{
    const struct growth *growths[] = {&input->scaling->cpu, &input->scaling->wall};
    static const char *const names[] = {"cpu_s", "wall_s"};
    json_open(json, "predictions", '[');
    for (size_t i = 0; i < input->n_predict && input->scaling->refusal[0] == '\0'; i++) {
        json_open(json, NULL, '{');
        json_number(json, "size", input->predict[i]);
        for (int which = 0; which < 2; which++) {
            double value, low, high;
            growth_predict(growths[which], input->predict[i], &value, &low, &high);
            json_open_flat(json, names[which], '{');
            json_number(json, "value", value);
            json_number(json, "low", low);
            json_number(json, "high", high);
            json_close(json, '}');
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
        json_close(&json, '}');
    }
    json_close(&json, ']');
    if (scaling->refusal[0] == '\0') {
        write_growth(&json, "cpu", &scaling->cpu);
        write_growth(&json, "wall", &scaling->wall);
    }
    write_predictions(&json, input);
    json_open(&json, "functions", '[');
    for (size_t i = 0; i < scaling->n_functions; i++)
        if (asked_for(input, scaling->functions[i]))
            write_function(&json, scaling, scaling->functions[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    buf_add_byte(out, '\n');
}

void scale_csv(const struct scale_input *input, struct buf *out)
{
    const struct scaling *scaling = input->scaling;
    buf_add_text(out, "function,file,size,cpu_s,samples\n");
    for (size_t i = 0; i < scaling->n_runs; i++)
        buf_printf(out, ",,%.15g,%.9g,%llu\n", scaling->runs[i].size, scaling->runs[i].cpu_s,
                   (unsigned long long)scaling->runs[i].samples);
    for (size_t f = 0; f < scaling->n_functions; f++) {
        const struct scaling_function *function = scaling->functions[f];
        for (size_t i = 0; asked_for(input, function) && i < scaling->n_runs; i++) {
            trials_csv_text(out, function->name);
            buf_add_byte(out, ',');
            trials_csv_text(out, function->file);
            buf_printf(out, ",%.15g,%.9g,%llu\n", scaling->runs[i].size, function->cpu_s[i],
                       (unsigned long long)function->samples[i]);
        }
    }
}
