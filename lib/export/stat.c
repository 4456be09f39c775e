/* keisoku stat: what a program used, over its runs. */
#include "export/trials.h"

#include "base/err.h"
#include "base/mem.h"
#include "diagnose/summary.h"
#include "export/cells.h"
#include "export/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_COLUMNS = 22, VALUE_COLUMNS = 14 };

/* The values of one measure, those runs left out that have none. The status is that of the last run without. */
static enum measure_status collect(const struct stat_input *input, enum measure measure, struct summary *summary,
                                   struct buf *out)
{
    enum measure_status status = MEASURE_KNOWN;
    size_t n = 0;
    double *values = mem_alloc((input->n + 1) * sizeof *values);
    *summary = (struct summary){0};
    for (size_t i = 0; values != NULL && i < input->n; i++) {
        if (input->trials[i].status[measure] == MEASURE_KNOWN)
            values[n++] = input->trials[i].values[measure];
        else
            status = (enum measure_status)input->trials[i].status[measure];
    }
    if (values == NULL || summarise(values, n, summary) != 0)
        out->failed = true;
    mem_free(values);
    return n > 0 ? MEASURE_KNOWN : status;
}

/* The least share of the time that a hardware counter ran in any run. */
static double least_counted(const struct stat_input *input, enum measure measure)
{
    double least = 1;
    for (size_t i = 0; i < input->n; i++)
        if (input->trials[i].status[measure] == MEASURE_KNOWN)
            least = fmin(least, input->trials[i].counted[measure]);
    return least;
}

static void add_value(struct buf *out, enum measure_unit unit, const char *sign, double value)
{
    char text[40], cell[48];
    trials_value(text, sizeof text, unit, value);
    snprintf(cell, sizeof cell, "%s%s", sign, text);
    cells_padded(out, cell, VALUE_COLUMNS + (*sign != '\0' ? 1 : 0), true);
}

/* What the kernel's or the processor's counters counted, for each second of the task clock. False: not known. */
static bool per_second(const struct stat_input *input, enum measure measure, double mean, double *rate, struct buf *out)
{
    const struct measure_row *row = &measure_rows[measure];
    struct summary clock;
    if (row->unit != UNIT_COUNT || (row->source != SOURCE_SOFTWARE && row->source != SOURCE_HARDWARE) ||
        collect(input, MEASURE_TASK_CLOCK, &clock, out) != MEASURE_KNOWN || !(clock.mean > 0))
        return false;
    *rate = mean / clock.mean;
    return true;
}

/* "1.23 M a second", "0.0031 a second": what is rare is not shown as never. */
static void add_rate(struct buf *out, double rate)
{
    static const struct {
        double from;
        const char *unit;
    } scales[] = {{1e9, "G "}, {1e6, "M "}, {1e3, "k "}, {0, ""}};
    size_t i = 0;
    while (rate < scales[i].from * 0.9995)
        i++;
    double shown = rate / fmax(1, scales[i].from);
    if (shown < 0.0995)
        buf_printf(out, "%.2g a second", shown);
    else
        buf_printf(out, "%.*f %sa second", shown >= 99.95 ? 0 : shown >= 9.995 ? 1 : 2, shown, scales[i].unit);
}

/* "0.82 a cycle" and the like: what two counts say together. */
static void add_ratio(const struct stat_input *input, enum measure measure, double mean, struct buf *out)
{
    static const struct {
        enum measure measure, of;
        const char *format;
        double factor;
    } ratios[] = {{MEASURE_INSTRUCTIONS, MEASURE_CYCLES, "%.2f a cycle", 1},
                  {MEASURE_CYCLES, MEASURE_TASK_CLOCK, "%.2f GHz", 1e-9},
                  {MEASURE_BRANCH_MISSES, MEASURE_BRANCHES, "%.1f %% of branches", 100},
                  {MEASURE_CACHE_MISSES, MEASURE_CACHE_REFERENCES, "%.1f %% of references", 100},
                  {MEASURE_STALLED_FRONT, MEASURE_CYCLES, "%.1f %% of cycles", 100},
                  {MEASURE_STALLED_BACK, MEASURE_CYCLES, "%.1f %% of cycles", 100}};
    struct summary of;
    double rate;
    for (size_t i = 0; i < sizeof ratios / sizeof ratios[0]; i++) {
        if (ratios[i].measure == measure && collect(input, ratios[i].of, &of, out) == MEASURE_KNOWN && of.mean > 0) {
            buf_printf(out, ratios[i].format, mean / of.mean * ratios[i].factor);
            return;
        }
    }
    if (per_second(input, measure, mean, &rate, out) && rate > 0)
        add_rate(out, rate);
}

/* What else there is to say of a counter. */
static void add_remarks(const struct stat_input *input, enum measure measure, double mean, struct buf *out)
{
    double counted = least_counted(input, measure);
    add_ratio(input, measure, mean, out);
    if (measure_rows[measure].source != SOURCE_HARDWARE)
        return;
    if (counted < 0.995)
        buf_printf(out, "%sscaled from %.0f %% of the time", out->size > 0 ? ", " : "", counted * 100);
    if (input->trials[0].user_only[measure])
        buf_printf(out, "%suser only", out->size > 0 ? ", " : "");
}

/* Behind a row that ends in that column; on their own lines, from where its value begins, where it has no room. */
static void add_right_or_below(struct buf *out, struct buf *remarks, size_t column, size_t width)
{
    char indent[LABEL_COLUMNS + 3];
    snprintf(indent, sizeof indent, "%*s", LABEL_COLUMNS + 2, "");
    bool room = column + 2 + cells_width_of(remarks) <= width;
    if (room && remarks->size > 0)
        buf_printf(out, "  %s", buf_text(remarks));
    buf_add_byte(out, '\n');
    if (!room && remarks->size > 0)
        cells_wrap(out, indent, indent, buf_text(remarks), width);
}

static void add_row(const struct stat_input *input, const struct trials_screen *screen, enum measure measure,
                    struct buf *out)
{
    const struct measure_row *row = &measure_rows[measure];
    struct summary summary;
    struct buf remarks = {0};
    enum measure_status status = collect(input, measure, &summary, out);
    cells_padded(out, row->label, LABEL_COLUMNS, false);
    if (status != MEASURE_KNOWN) {
        cells_padded(out, measure_status_text(status), VALUE_COLUMNS + 6, true);
        buf_add_byte(out, '\n');
        return;
    }
    add_value(out, row->unit, "", summary.mean);
    if (summary.n > 1) {
        add_value(out, row->unit, "±", summary.half);
        add_value(out, row->unit, "", summary.least);
        add_value(out, row->unit, "", summary.most);
    }
    add_remarks(input, measure, summary.mean, &remarks);
    add_right_or_below(out, &remarks, LABEL_COLUMNS + (summary.n > 1 ? 4 : 1) * VALUE_COLUMNS, screen->width);
    out->failed = out->failed || remarks.failed;
    buf_release(&remarks);
}

/* How the runs ended: "exit status 0", or each way with how often. */
static void add_ends(const struct stat_input *input, struct buf *out)
{
    enum { WAYS_MAX = 8 };
    int ways[WAYS_MAX];
    size_t counts[WAYS_MAX] = {0}, n = 0;
    for (size_t i = 0; i < input->n; i++) {
        size_t way = 0;
        while (way < n && ways[way] != input->trials[i].wait_status)
            way++;
        if (way == WAYS_MAX)
            continue;
        if (way == n)
            ways[n++] = input->trials[i].wait_status;
        counts[way]++;
    }
    for (size_t way = 0; way < n; way++) {
        char text[96];
        trials_end(text, sizeof text, ways[way]);
        buf_add_text(out, way > 0 ? ", " : "");
        if (n > 1)
            buf_printf(out, "%zu with ", counts[way]);
        buf_add_text(out, text);
    }
}

static void add_head(const struct stat_input *input, const struct trials_screen *screen, struct buf *out)
{
    struct buf command = {0};
    trials_command(&command, input->command);
    trials_style(out, screen, "1");
    buf_add_text(out, "keisoku stat  ");
    cells_add_buf(out, &command, screen->width - 14, false, false);
    trials_style(out, screen, "0");
    out->failed = out->failed || command.failed;
    buf_release(&command);
    if (input->asked > 1)
        buf_printf(out, "\n%zu run%s%s, ", input->n, input->n == 1 ? "" : "s",
                   input->n < input->asked ? " of those asked for" : "");
    else
        buf_add_text(out, "\n1 run, ");
    add_ends(input, out);
    buf_printf(out, ", pages of %llu bytes\n\n", (unsigned long long)input->page_bytes);
    if (input->n > 1) {
        trials_style(out, screen, "2");
        cells_padded(out, "", LABEL_COLUMNS, false);
        cells_padded(out, "mean", VALUE_COLUMNS, true);
        cells_padded(out, "±95 %", VALUE_COLUMNS, true);
        cells_padded(out, "least", VALUE_COLUMNS, true);
        cells_padded(out, "most", VALUE_COLUMNS, true);
        trials_style(out, screen, "0");
        buf_add_byte(out, '\n');
    }
}

void stat_text(const struct stat_input *input, const struct trials_screen *screen, struct buf *out)
{
    bool denied = false;
    add_head(input, screen, out);
    for (int measure = 0; measure < MEASURE_COUNT; measure++) {
        add_row(input, screen, (enum measure)measure, out);
        denied = denied || input->trials[0].status[measure] == MEASURE_NOT_PERMITTED;
    }
    if (denied)
        buf_add_text(out, "\nnot permitted: sudo sysctl kernel.perf_event_paranoid=1 lets you count them\n");
}

/* ---- JSON and CSV --------------------------------------------------------------------------------------------------
 */

static void write_measure(const struct stat_input *input, enum measure measure, struct json_writer *json)
{
    const struct measure_row *row = &measure_rows[measure];
    struct summary summary;
    double rate;
    enum measure_status status = collect(input, measure, &summary, json->buf);
    json_open(json, row->name, '{');
    if (status != MEASURE_KNOWN) {
        json_text(json, "missing", measure_status_text(status));
        json_close(json, '}');
        return;
    }
    json_number(json, "mean", summary.mean);
    if (summary.n > 1) {
        json_number(json, "low", summary.mean - summary.half);
        json_number(json, "high", summary.mean + summary.half);
        json_number(json, "sd", summary.sd);
    }
    json_number(json, "median", summary.median);
    json_number(json, "least", summary.least);
    json_number(json, "most", summary.most);
    if (per_second(input, measure, summary.mean, &rate, json->buf))
        json_number(json, "per_second", rate);
    if (row->source == SOURCE_HARDWARE) {
        json_number(json, "counted_share", least_counted(input, measure));
        json_bool(json, "user_only", input->trials[0].user_only[measure]);
    }
    json_open_flat(json, "runs", '[');
    for (size_t i = 0; i < input->n; i++)
        if (input->trials[i].status[measure] == MEASURE_KNOWN)
            json_number(json, NULL, input->trials[i].values[measure]);
    json_close(json, ']');
    json_close(json, '}');
}

void stat_json(const struct stat_input *input, struct buf *out)
{
    struct json_writer json = {.buf = out};
    json_open(&json, NULL, '{');
    json_text(&json, "schema", "keisoku-stat/1");
    json_open_flat(&json, "command", '[');
    for (size_t i = 0; input->command[i] != NULL; i++)
        json_text(&json, NULL, input->command[i]);
    json_close(&json, ']');
    json_integer(&json, "runs", (int64_t)input->n);
    json_integer(&json, "page_bytes", (int64_t)input->page_bytes);
    json_open_flat(&json, "exit", '[');
    for (size_t i = 0; i < input->n; i++)
        json_integer(&json, NULL, trial_exit_status(input->trials[i].wait_status));
    json_close(&json, ']');
    json_open(&json, "measures", '{');
    for (int measure = 0; measure < MEASURE_COUNT; measure++)
        write_measure(input, (enum measure)measure, &json);
    json_close(&json, '}');
    json_close(&json, '}');
    buf_add_byte(out, '\n');
}

void stat_csv(const struct stat_input *input, struct buf *out)
{
    buf_add_text(out, "run,exit");
    for (int measure = 0; measure < MEASURE_COUNT; measure++)
        buf_printf(out, ",%s", measure_rows[measure].name);
    buf_add_byte(out, '\n');
    for (size_t i = 0; i < input->n; i++) {
        const struct trial *trial = &input->trials[i];
        buf_printf(out, "%zu,%d", i + 1, trial_exit_status(trial->wait_status));
        for (int measure = 0; measure < MEASURE_COUNT; measure++) {
            buf_add_byte(out, ',');
            if (trial->status[measure] == MEASURE_KNOWN) /* else empty: no value is not zero */
                buf_printf(out, "%.9g", trial->values[measure]);
        }
        buf_add_byte(out, '\n');
    }
}
