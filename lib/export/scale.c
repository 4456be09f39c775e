/* The screen of keisoku scale: how a program and its functions grow with a size. */
#include "export/scale.h"

#include "export/cells.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 10, RANGE_COLUMNS = 13, CURVE_COLUMNS = 15, TIME_COLUMNS = 9, SHARE_COLUMNS = 6, NAME_COLUMNS = 15 };
static const double row_share = 0.01;                       /* of the CPU time at the largest size: less is no row */
static const double told_share = 0.05, told_exponent = 1.3; /* what the sentence is about */

bool scale_asked_for(const struct scale_input *input, const struct scaling_function *function)
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

const char *scale_doubt_text(enum scaling_doubt doubt)
{
    return doubt == DOUBT_FEW_SAMPLES ? "too few samples" : "seen at too few sizes";
}

/* The function that grows fastest among those that matter. */
static const struct scaling_function *fastest(const struct scale_input *input)
{
    const struct scaling_function *found = NULL;
    for (size_t i = 0; i < input->scaling->n_functions; i++) {
        const struct scaling_function *function = input->scaling->functions[i];
        if (function->doubt != DOUBT_NONE || function->share < told_share || !scale_asked_for(input, function))
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
    } else if (function->growth.exponent > told_exponent) {
        buf_printf(
            out,
            "not decided: the fastest, %s, has exponent %.2f, but that may be %.2f to %.2f; larger sizes tell more",
            function->name, function->growth.exponent, function->growth.low, function->growth.high);
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
    buf_add_text(out, "        size       CPU      wall   samples      peak      read   written\n");
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
        for (int which = 0; which < SCALING_BYTES; which++) {
            if (run->bytes[which] >= 0)
                trials_value(text, sizeof text, UNIT_BYTES, run->bytes[which]);
            else
                snprintf(text, sizeof text, "-");
            cells_padded(out, text, 10, true);
        }
        buf_add_byte(out, '\n');
    }
    buf_add_byte(out, '\n');
}

/* Exponent, its range and the curve, or what is said in place of one; of a function that tells nothing the reason. */
static void add_growth(const struct growth *growth, enum scaling_doubt doubt, const char *said, struct buf *out)
{
    char text[96], range[48];
    if (doubt != DOUBT_NONE || !growth->fitted) {
        cells_padded(out, scale_doubt_text(doubt), 5 + RANGE_COLUMNS + CURVE_COLUMNS, false);
        return;
    }
    snprintf(text, sizeof text, "%.2f", growth->exponent);
    cells_padded(out, text, 5, true);
    snprintf(range, sizeof range, "%.2f..%.2f", growth->low, growth->high);
    cells_padded(out, range, RANGE_COLUMNS, true);
    print_curves(growth, text, sizeof text);
    if (said != NULL)
        snprintf(text, sizeof text, "%s", said);
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
    add_growth(&function->growth, function->doubt, NULL, out);
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
    add_growth(&scaling->cpu, DOUBT_NONE, scaling->mixed ? "a sum" : NULL, out);
    trials_value(text, sizeof text, UNIT_SECONDS, cpu_s);
    cells_padded(out, text, TIME_COLUMNS, true);
    buf_add_text(out, " 100 %  the whole program\n");
    size_t rows = 0;
    for (size_t i = 0; i < scaling->n_functions && rows < ROWS; i++) {
        const struct scaling_function *function = scaling->functions[i];
        if (!scale_asked_for(input, function) || (input->function == NULL && function->share < row_share))
            continue;
        add_function(function, cpu_s, screen, out);
        rows++;
    }
}

static void add_prediction(const struct scaling_prediction *prediction, enum measure_unit unit, const char *name,
                           struct buf *out)
{
    char text[3][40];
    trials_value(text[0], sizeof text[0], unit, prediction->value);
    trials_value(text[1], sizeof text[1], unit, prediction->low);
    trials_value(text[2], sizeof text[2], unit, prediction->high);
    buf_printf(out, "%s %s (%s to %s)", text[0], name, text[1], text[2]);
}

static void add_predictions(const struct scale_input *input, struct buf *out)
{
    for (size_t i = 0; i < input->n_predict; i++) {
        double size = input->predict[i];
        struct scaling_prediction cpu, wall, peak;
        scaling_predict_times(input->scaling, size, &cpu, &wall);
        scaling_predict_bytes(input->scaling, SCALING_PEAK, size, &peak);
        buf_printf(out, "%sat %g: ", i == 0 ? "\n" : "", size);
        add_prediction(&cpu, UNIT_SECONDS, "CPU", out);
        buf_add_text(out, ", ");
        add_prediction(&wall, UNIT_SECONDS, "wall", out);
        if (peak.known) {
            buf_printf(out, ",\n%*s", (int)snprintf(NULL, 0, "at %g: ", size), "");
            add_prediction(&peak, UNIT_BYTES, "peak memory", out);
        }
        buf_add_byte(out, '\n');
    }
}

/* What the program reads, writes and holds: which curve, and what it comes to. */
static void add_bytes(const struct scaling *scaling, const struct trials_screen *screen, struct buf *out)
{
    const struct scaling_run *largest = &scaling->runs[0];
    char text[40];
    for (size_t i = 0; i < scaling->n_runs; i++)
        largest = scaling->runs[i].size == scaling->largest ? &scaling->runs[i] : largest;
    for (int which = 0; which < SCALING_BYTES; which++) {
        const struct growth *growth = &scaling->bytes[which];
        if (largest->bytes[which] < 0)
            cells_padded(out, "not recorded", 5 + RANGE_COLUMNS + CURVE_COLUMNS + TIME_COLUMNS, false);
        else if (!growth->fitted)
            cells_padded(out, "the sizes do not change it", 5 + RANGE_COLUMNS + CURVE_COLUMNS, false);
        else
            add_growth(growth, DOUBT_NONE, NULL, out);
        if (largest->bytes[which] >= 0) {
            trials_value(text, sizeof text, UNIT_BYTES, largest->bytes[which]);
            cells_padded(out, text, TIME_COLUMNS, true);
        }
        cells_padded(out, "", SHARE_COLUMNS + 2, false);
        buf_printf(out, "%s\n", scaling_bytes_name((enum scaling_bytes)which));
    }
    trials_style(out, screen, "2");
    buf_add_text(out, "\nnot measured: calls; waiting by function\n");
    trials_style(out, screen, "0");
}

void scale_text(const struct scale_input *input, const struct trials_screen *screen, struct buf *out)
{
    add_head(input, screen, out);
    add_runs(input->scaling, screen, out);
    if (input->scaling->refusal[0] != '\0')
        return;
    add_functions(input, screen, out);
    if (input->function == NULL)
        add_bytes(input->scaling, screen, out);
    add_predictions(input, out);
}
