/*
 * keisoku report --gains: what was promised beside what came of it, one bench after the other, and the score of all.
 * The score is the median distance from the promised range, a factor of two being 1.
 */
#include "export/gains.h"

#include "base/mem.h"
#include "diagnose/summary.h"
#include "export/cells.h"
#include "export/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static size_t count(const struct gains_input *input)
{
    size_t n = 0;
    for (size_t i = 0; i < input->n; i++)
        n += input->gains[i].n;
    return n;
}

/* The median distance; NaN where memory is short. */
static double score(const struct gains_input *input, size_t *inside)
{
    size_t n = count(input), at = 0;
    double *distances = mem_alloc((n + 1) * sizeof *distances), median = NAN;
    *inside = 0;
    for (size_t i = 0; distances != NULL && i < input->n; i++)
        for (size_t j = 0; j < input->gains[i].n; j++) {
            distances[at] = fabs(gain_distance(&input->gains[i].rows[j]));
            *inside += distances[at++] == 0;
        }
    if (distances != NULL && n > 0) {
        sort_numbers(distances, n);
        median = quantile(distances, n, 0.5);
    }
    mem_free(distances);
    return median;
}

static void print_day(const struct gain *gain, char *out, size_t size)
{
    time_t seconds = (time_t)(gain->unix_ns / 1000000000);
    struct tm when;
    if (gmtime_r(&seconds, &when) == NULL || strftime(out, size, "%Y-%m-%d %H:%M", &when) == 0)
        snprintf(out, size, "?");
}

static void print_range(char *out, size_t size, double low, double high)
{
    char from[24], to[24];
    cells_gain(from, sizeof from, low);
    cells_gain(to, sizeof to, high);
    if (strcmp(from, to) == 0)
        snprintf(out, size, "%s", to);
    else
        snprintf(out, size, "%s to %s", from, to);
}

static void print_distance(const struct gain *gain, char *out, size_t size)
{
    double distance = gain_distance(gain);
    if (distance == 0)
        snprintf(out, size, "inside");
    else
        snprintf(out, size, "%+.2f", distance);
}

static void add_command(struct buf *out, char label, const char *command, size_t width)
{
    buf_printf(out, "  %c  ", label);
    cells_add(out, command, strlen(command), width - 5, false, false);
    buf_add_byte(out, '\n');
}

static void add_row(const struct gain *gain, size_t width, struct buf *out)
{
    char day[32], predicted[56], achieved[64], distance[24], value[24];
    print_day(gain, day, sizeof day);
    print_range(predicted, sizeof predicted, gain->low, gain->high);
    print_distance(gain, distance, sizeof distance);
    snprintf(value, sizeof value, "%.2fx", gain->achieved);
    snprintf(achieved, sizeof achieved, "%s (%.2f-%.2f)", value, gain->achieved_low, gain->achieved_high);
    cells_padded(out, predicted, 15, false);
    cells_padded(out, achieved, 21, false);
    cells_padded(out, distance, 8, false);
    cells_add(out, gain->tag, strlen(gain->tag), 18, false, true);
    buf_printf(out, "%s\n", day);
    if (gain->place[0] != '\0') {
        buf_add_text(out, "  at ");
        cells_add(out, gain->place, strlen(gain->place), width - 5, true, false);
        buf_add_byte(out, '\n');
    }
    add_command(out, 'A', gain->before, width);
    add_command(out, 'B', gain->after, width);
}

static void add_score(const struct gains_input *input, size_t width, struct buf *out)
{
    size_t inside, n = count(input);
    double median = score(input, &inside);
    struct buf text = {0};
    if (!isfinite(median)) {
        out->failed = true;
        return;
    }
    buf_printf(&text, "%zu of %zu inside the predicted range; median distance %.2f (0: inside, 1: a factor of two)",
               inside, n, median);
    buf_add_byte(out, '\n');
    cells_wrap(out, "score  ", "       ", buf_text(&text), width);
    out->failed = out->failed || text.failed;
    buf_release(&text);
}

void gains_text(const struct gains_input *input, const struct trials_screen *screen, struct buf *out)
{
    if (count(input) == 0) {
        buf_add_text(out, "No prediction was held to a measurement yet. After a change:\n"
                          "keisoku bench 'BEFORE' 'AFTER' --from ");
        buf_add_visible(out, input->paths[0], strlen(input->paths[0]));
        buf_add_byte(out, '\n');
        return;
    }
    trials_style(out, screen, "2");
    buf_add_text(out, "predicted      achieved (95 %)      distance finding           measured (UTC)\n");
    trials_style(out, screen, "0");
    for (size_t i = 0; i < input->n; i++) {
        if (input->n > 1 && input->gains[i].n > 0) {
            cells_add(out, input->paths[i], strlen(input->paths[i]), screen->width, true, false);
            buf_add_byte(out, '\n');
        }
        for (size_t j = 0; j < input->gains[i].n; j++)
            add_row(&input->gains[i].rows[j], screen->width, out);
    }
    add_score(input, screen->width, out);
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------
 */

static void write_interval(struct json_writer *json, const char *key, double value, double low, double high)
{
    json_open_flat(json, key, '{');
    if (value > 0)
        json_number(json, "value", value);
    json_number(json, "low", low);
    json_number(json, "high", high);
    json_close(json, '}');
}

static void write_gain(struct json_writer *json, const char *path, const struct gain *gain)
{
    json_open(json, NULL, '{');
    json_text(json, "recording", path);
    json_integer(json, "measured_unix_s", gain->unix_ns / 1000000000);
    json_text(json, "tag", gain->tag);
    if (gain->place[0] != '\0')
        json_text(json, "place", gain->place);
    write_interval(json, "predicted", 0, gain->low, gain->high);
    if (gain->most > 0)
        json_number(json, "max_gain", gain->most);
    write_interval(json, "achieved", gain->achieved, gain->achieved_low, gain->achieved_high);
    json_number(json, "distance", gain_distance(gain));
    json_text(json, "before", gain->before);
    json_text(json, "after", gain->after);
    json_close(json, '}');
}

void gains_json(const struct gains_input *input, struct buf *out)
{
    struct json_writer json = {.buf = out};
    size_t inside;
    double median = score(input, &inside);
    json_open(&json, NULL, '{');
    json_text(&json, "schema", "keisoku-gains/1");
    json_open(&json, "gains", '[');
    for (size_t i = 0; i < input->n; i++)
        for (size_t j = 0; j < input->gains[i].n; j++)
            write_gain(&json, input->paths[i], &input->gains[i].rows[j]);
    json_close(&json, ']');
    json_integer(&json, "inside", (int64_t)inside);
    json_number(&json, "median_distance", median);
    json_close(&json, '}');
    buf_add_byte(out, '\n');
}
