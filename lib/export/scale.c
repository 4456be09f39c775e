/* The screen of keisoku scale: how a program and its functions grow with a size. */
#include "export/scale.h"

#include "export/cells.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    ROWS = 10,
    CALL_ROWS = 5,
    RANGE_COLUMNS = 13,
    CURVE_COLUMNS = 15,
    TIME_COLUMNS = 9,
    SHARE_COLUMNS = 6,
    NAME_COLUMNS = 15
};
static const double row_share = 0.01; /* of the CPU time at the largest size: less is no row */

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

/* Two places, and no minus before nothing. */
static double rounded(double exponent)
{
    return fabs(exponent) < 0.005 ? 0 : exponent;
}

/* Exponent, its range and the curve, or what is said in place of one; where there is no fit what is missing. */
static void add_growth(const struct growth *growth, const char *missing, const char *said, struct buf *out)
{
    char text[96], range[48];
    if (!growth->fitted) {
        cells_padded(out, missing, 5 + RANGE_COLUMNS + CURVE_COLUMNS, false);
        return;
    }
    snprintf(text, sizeof text, "%.2f", rounded(growth->exponent));
    cells_padded(out, text, 5, true);
    snprintf(range, sizeof range, "%.2f..%.2f", rounded(growth->low), rounded(growth->high));
    cells_padded(out, range, RANGE_COLUMNS, true);
    scale_curves(growth, text, sizeof text);
    if (said != NULL)
        snprintf(text, sizeof text, "%s", said);
    buf_add_text(out, "  ");
    if (cells_width(text, strlen(text)) >= CURVE_COLUMNS - 2)
        snprintf(text, sizeof text, "not decided");
    cells_padded(out, text, CURVE_COLUMNS - 2, false);
}

/* "6 400", "41 M". */
static void print_calls(char *out, size_t size, double calls)
{
    static const char units[] = "MGTPE";
    size_t unit = 0;
    if (calls < 999999.5) {
        trials_value(out, size, UNIT_COUNT, calls);
        return;
    }
    for (calls /= 1e6; calls >= 999.5 && units[unit + 1] != '\0'; calls /= 1e3)
        unit++;
    snprintf(out, size, "%.3g %c", calls, units[unit]);
}

/* Its name and place, on the first of its lines: behind them the others have none. */
static void add_name(const struct scaling_function *function, const struct trials_screen *screen, bool first,
                     struct buf *out)
{
    struct buf file = {0};
    size_t left =
        screen->width - 5 - RANGE_COLUMNS - CURVE_COLUMNS - SHARE_COLUMNS - TIME_COLUMNS - 2 - NAME_COLUMNS - 1;
    if (first) {
        buf_add_text(out, "  ");
        cells_add(out, function->name, strlen(function->name), NAME_COLUMNS, false, true);
        buf_add_text(&file, function->file);
        if (function->line > 0)
            buf_printf(&file, ":%u", function->line);
        buf_add_byte(out, ' ');
        cells_add_buf(out, &file, left, true, false);
    }
    buf_add_byte(out, '\n');
    out->failed = out->failed || file.failed;
    buf_release(&file);
}

static void add_function(const struct scaling_function *function, double cpu_s, const struct trials_screen *screen,
                         struct buf *out)
{
    char text[40];
    add_growth(&function->growth, scale_doubt_text(function->doubt), NULL, out);
    trials_value(text, sizeof text, UNIT_SECONDS, function->share * cpu_s);
    cells_padded(out, text, TIME_COLUMNS, true);
    cells_percent(text, sizeof text, function->share);
    cells_padded(out, text, SHARE_COLUMNS, true);
    add_name(function, screen, true, out);
}

/* Its calls, and what each takes. */
static void add_calls(const struct scaling *scaling, const struct scaling_function *function,
                      const struct trials_screen *screen, bool first, struct buf *out)
{
    const struct scaling_calls *calls = &function->calls;
    char text[40];
    add_growth(&calls->growth, scale_calls_missing, scale_falls(&calls->growth) ? "falls" : NULL, out);
    print_calls(text, sizeof text, calls->largest);
    cells_padded(out, text, TIME_COLUMNS, true);
    cells_padded(out, "calls", SHARE_COLUMNS, true);
    add_name(function, screen, first, out);
    if (scaling->refusal[0] != '\0' || !calls->time.fitted)
        return;
    add_growth(&calls->time, NULL, scale_falls(&calls->time) ? "falls" : NULL, out);
    trials_value(text, sizeof text, UNIT_SECONDS, calls->largest_s);
    cells_padded(out, text, TIME_COLUMNS, true);
    cells_padded(out, "each", SHARE_COLUMNS, true);
    add_name(function, screen, false, out);
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

static void add_program(const struct scaling *scaling, struct buf *out)
{
    char text[40];
    add_growth(&scaling->cpu, scale_doubt_text(DOUBT_NONE), scaling->mixed ? "a sum" : NULL, out);
    trials_value(text, sizeof text, UNIT_SECONDS, largest_cpu(scaling));
    cells_padded(out, text, TIME_COLUMNS, true);
    buf_add_text(out, " 100 %  the whole program\n");
}

/* Those that matter by their time, each with its calls; then by their calls alone those that hardly take any. */
static void add_rows(const struct scale_input *input, const struct trials_screen *screen, struct buf *out)
{
    const struct scaling *scaling = input->scaling;
    bool timed = scaling->refusal[0] == '\0';
    size_t rows = 0, of_calls = 0;
    for (size_t i = 0; i < scaling->n_functions; i++) {
        const struct scaling_function *function = scaling->functions[i];
        bool asked = input->function != NULL, matters = timed && (asked || function->share >= row_share);
        if (!scale_asked_for(input, function))
            continue;
        if (matters && rows < ROWS) {
            add_function(function, largest_cpu(scaling), screen, out);
            rows++;
            if (scaling->counted)
                add_calls(scaling, function, screen, false, out);
        } else if (!matters && scaling->counted && (asked || scale_calls_grow(function)) &&
                   of_calls < (timed ? CALL_ROWS : ROWS)) {
            add_calls(scaling, function, screen, true, out);
            of_calls++;
        }
    }
}

static void add_functions(const struct scale_input *input, const struct trials_screen *screen, struct buf *out)
{
    char text[96];
    trials_style(out, screen, "2");
    snprintf(text, sizeof text, "at %g", input->scaling->largest);
    cells_padded(out, "exponent    95 %", 5 + RANGE_COLUMNS, false);
    cells_padded(out, "  grows as", CURVE_COLUMNS, false);
    cells_padded(out, text, TIME_COLUMNS, true);
    cells_padded(out, "", SHARE_COLUMNS + 2, false);
    cells_padded(out, "function", NAME_COLUMNS + 1, false);
    buf_add_text(out, "file:line\n");
    trials_style(out, screen, "0");
    if (input->scaling->refusal[0] == '\0')
        add_program(input->scaling, out);
    add_rows(input, screen, out);
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
            add_growth(growth, NULL, NULL, out);
        if (largest->bytes[which] >= 0) {
            trials_value(text, sizeof text, UNIT_BYTES, largest->bytes[which]);
            cells_padded(out, text, TIME_COLUMNS, true);
        }
        cells_padded(out, "", SHARE_COLUMNS + 2, false);
        buf_printf(out, "%s\n", scaling_bytes_name((enum scaling_bytes)which));
    }
    trials_style(out, screen, "2");
    buf_printf(out, "\nnot measured: %swaiting by function\n", scaling->counted ? "" : "calls; ");
    trials_style(out, screen, "0");
}

/* Some runs have counts of calls, and some have none. */
static void add_uncounted(const struct scaling *scaling, struct buf *out)
{
    if (scaling->uncounted[0] != '\0')
        buf_printf(out, "calls are not fitted: %s\n", scaling->uncounted);
}

void scale_text(const struct scale_input *input, const struct trials_screen *screen, struct buf *out)
{
    const struct scaling *scaling = input->scaling;
    bool refused = scaling->refusal[0] != '\0';
    bool rows = scaling_tells_calls(scaling) && (input->function != NULL || scale_most_called(input) != NULL);
    add_head(input, screen, out);
    add_runs(scaling, screen, out);
    if (!refused || rows)
        add_functions(input, screen, out);
    if (!refused && input->function == NULL)
        add_bytes(scaling, screen, out);
    add_uncounted(scaling, out);
    if (!refused)
        add_predictions(input, out);
}
