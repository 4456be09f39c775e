/* The comparison as keisoku-diff/1 (docs/diff.schema.json), and its notes. */
#include "export/diff.h"

#include "export/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { FEW_RUNS = 8, LINES_MOST = 1000, STACKS_MOST = 1000, FRAMES_MOST = 1000 };

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool same_command(const struct profile *a, const struct profile *b)
{
    size_t i = 0;
    for (; a->command[i] != NULL && b->command[i] != NULL; i++) {
        if (!same_text(a->command[i], b->command[i]))
            return false;
    }
    return a->command[i] == b->command[i];
}

static const char *python_of(const struct profile *profile)
{
    for (size_t i = 1; i < profile->n_processes; i++) {
        if (profile->processes[i].python != 0)
            return profile->strings[profile->processes[i].python];
    }
    return "";
}

static void add_what(const struct comparison *comparison, struct buf *out)
{
    size_t a = comparison->runs[SIDE_A].count, b = comparison->runs[SIDE_B].count;
    if (comparison->per == PER_CPU_SECOND)
        buf_add_text(out, "each second of CPU time: the recordings need not be of the same length");
    else
        buf_add_text(out, comparison->cpu ? "CPU time of a whole run" : "wall time of the threads over a whole run");
    if (comparison->several)
        buf_printf(out, "; means of %zu run%s of A and %zu of B, intervals by how much these differ among themselves",
                   a, a == 1 ? "" : "s", b);
    else if (comparison->per == PER_RUN)
        buf_add_text(out, "; one run each, so how much runs differ by themselves is not known");
    buf_add_byte(out, '\n');
    if (comparison->several && a + b < FEW_RUNS)
        buf_add_text(out, "so few runs tell large differences only: five of each tell smaller ones\n");
}

/* What the runs of one side do not have in common. */
static void add_mixture(const struct comparison *comparison, int side, struct buf *out)
{
    const struct compare_runs *runs = &comparison->runs[side];
    const char *name = side == SIDE_A ? "A" : "B";
    bool commands = false, pythons = false;
    size_t cut_off = 0;
    for (size_t i = 0; i < runs->count; i++) {
        commands = commands || !same_command(runs->profiles[0], runs->profiles[i]);
        pythons = pythons || !same_text(python_of(runs->profiles[0]), python_of(runs->profiles[i]));
        cut_off += !runs->profiles[i]->complete;
    }
    if (commands)
        buf_printf(out, "the runs of %s are of different commands\n", name);
    if (pythons)
        buf_printf(out, "the runs of %s are of different versions of Python\n", name);
    if (cut_off > 0 && runs->count > 1)
        buf_printf(out, "%zu of the runs of %s %s cut off\n", cut_off, name, cut_off == 1 ? "was" : "were");
    else if (cut_off > 0)
        buf_printf(out, "%s was cut off\n", name);
}

void diff_add_notes(const struct comparison *comparison, struct buf *out)
{
    const struct profile *a = comparison->profile[SIDE_A], *b = comparison->profile[SIDE_B];
    add_what(comparison, out);
    if (!same_command(a, b))
        buf_add_text(out, "A and B are of different commands\n");
    if (!same_text(python_of(a), python_of(b))) {
        buf_add_text(out, "A ran Python ");
        buf_add_visible(out, python_of(a), strlen(python_of(a)));
        buf_add_text(out, ", B ");
        buf_add_visible(out, python_of(b), strlen(python_of(b)));
        buf_add_byte(out, '\n');
    }
    for (int side = 0; side < SIDES; side++) {
        const char *name = side == SIDE_A ? "A" : "B";
        add_mixture(comparison, side, out);
        if (comparison->states[STATE_RUNNABLE].value[side] > 0.1 * comparison->whole.value[side] &&
            comparison->per == PER_RUN)
            buf_printf(out, "%s waited for a core for a tenth of the time or more: other programs were in its way\n",
                       name);
    }
}

static void write_place(struct json_writer *json, const struct comparison *comparison, uint32_t function)
{
    struct compare_place place = compare_place(comparison, function);
    const struct profile *profile = place.profile;
    json_text_of(json, "function", profile->strings[place.name], profile->string_lengths[place.name]);
    json_text_of(json, "file", profile->strings[place.file], profile->string_lengths[place.file]);
    if (place.line > 0)
        json_integer(json, "line", place.line);
    json_bool(json, "own", place.own);
}

static void write_change(struct json_writer *json, const char *key, const struct change *change)
{
    json_open_flat(json, key, '{');
    json_number(json, "a", change->value[SIDE_A]);
    json_number(json, "b", change->value[SIDE_B]);
    json_number(json, "change", change->change);
    json_number(json, "low", change->low);
    json_number(json, "high", change->high);
    json_text(json, "kind", change_kind_name(change->kind));
    json_close(json, '}');
}

static bool is_complete(const struct compare_runs *runs)
{
    bool complete = true;
    for (size_t i = 0; i < runs->count; i++)
        complete = complete && runs->profiles[i]->complete;
    return complete;
}

static void write_side(struct json_writer *json, const struct comparison *comparison, int side)
{
    const struct profile *profile = comparison->profile[side];
    char started[32];
    time_t seconds = (time_t)(profile->start_unix_ns / 1000000000u);
    struct tm when;
    json_open(json, side == SIDE_A ? "a" : "b", '{');
    json_text(json, "file", profile->path);
    json_open_flat(json, "command", '[');
    for (size_t i = 0; profile->command[i] != NULL; i++)
        json_text(json, NULL, profile->command[i]);
    json_close(json, ']');
    json_text(json, "python", python_of(profile));
    if (profile->start_unix_ns != 0 && gmtime_r(&seconds, &when) != NULL &&
        strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &when) > 0)
        json_text(json, "started", started);
    json_number(json, "duration_s", comparison->duration_s[side]);
    json_number(json, "cpu_s", comparison->cpu_s[side]);
    json_integer(json, "samples", (int64_t)comparison->all[side].ticks);
    json_bool(json, "complete", is_complete(&comparison->runs[side]));
    json_open_flat(json, "runs", '[');
    for (size_t i = 0; i < comparison->runs[side].count; i++)
        json_text(json, NULL, comparison->runs[side].profiles[i]->path);
    json_close(json, ']');
    json_close(json, '}');
}

static void write_stack(struct json_writer *json, const struct comparison *comparison, uint32_t node)
{
    json_open(json, NULL, '{');
    json_open_flat(json, "frames", '[');
    size_t left = FRAMES_MOST;
    for (uint32_t at = node; at != 0 && left-- > 0; at = comparison->nodes[at].parent) {
        struct compare_place place = compare_place(comparison, comparison->nodes[at].function);
        json_text_of(json, NULL, place.profile->strings[place.name], place.profile->string_lengths[place.name]);
    }
    json_close(json, ']');
    write_change(json, "self", &comparison->nodes[node].self);
    json_close(json, '}');
}

static void write_line(struct json_writer *json, const struct comparison *comparison, const struct compare_line *line)
{
    struct compare_place place = compare_place(comparison, line->function);
    const struct profile *profile = place.profile;
    json_open(json, NULL, '{');
    json_text_of(json, "function", profile->strings[place.name], profile->string_lengths[place.name]);
    json_text_of(json, "file", profile->strings[place.file], profile->string_lengths[place.file]);
    if (line->line[SIDE_A] > 0)
        json_integer(json, "line_a", line->line[SIDE_A]);
    if (line->line[SIDE_B] > 0)
        json_integer(json, "line_b", line->line[SIDE_B]);
    if (line->text != NULL)
        json_text_of(json, "text", line->text, line->text_length);
    write_change(json, "self", &line->self);
    json_close(json, '}');
}

static void write_notes(struct json_writer *json, const struct comparison *comparison)
{
    struct buf notes = {0};
    diff_add_notes(comparison, &notes);
    json_open(json, "notes", '[');
    for (const char *at = buf_text(&notes); *at != '\0';) {
        size_t length = strcspn(at, "\n");
        json_text_of(json, NULL, at, length);
        at += length + 1;
    }
    json_close(json, ']');
    buf_release(&notes);
}

static void write_tables(struct json_writer *json, const struct diff_input *input)
{
    const struct comparison *comparison = input->comparison;
    size_t rows = input->top > 0 ? input->top : comparison->n_functions;
    json_open(json, "states", '{');
    for (int state = 0; state < STATE_COUNT; state++) {
        const struct change *change = &comparison->states[state];
        if (change->value[SIDE_A] > 0 || change->value[SIDE_B] > 0)
            write_change(json, state_name((enum state)state), change);
    }
    json_close(json, '}');
    json_open(json, "functions", '[');
    for (size_t i = 0; i + 1 < comparison->n_functions && i < rows; i++) {
        uint32_t index = comparison->order[i];
        json_open(json, NULL, '{');
        write_place(json, comparison, index);
        write_change(json, "self", &comparison->functions[index].self);
        write_change(json, "total", &comparison->functions[index].total);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_open(json, "lines", '[');
    for (size_t i = 0; i < comparison->n_lines && i < LINES_MOST && i < (input->top > 0 ? input->top : LINES_MOST); i++)
        write_line(json, comparison, &comparison->lines[i]);
    json_close(json, ']');
    json_open(json, "stacks", '[');
    for (size_t i = 0; i < comparison->n_stacks && i < STACKS_MOST && i < rows; i++)
        write_stack(json, comparison, comparison->stacks[i]);
    json_close(json, ']');
}

void diff_add_json(const struct diff_input *input, struct buf *out)
{
    const struct comparison *comparison = input->comparison;
    struct json_writer json = {.buf = out};
    json_open(&json, NULL, '{');
    json_text(&json, "schema", "keisoku-diff/1");
    json_open(&json, "verdict", '{');
    json_text(&json, "sentence", comparison->headline);
    json_text(&json, "detail", comparison->detail);
    json_close(&json, '}');
    json_open_flat(&json, "normalised", '{');
    json_text(&json, "per", comparison->per == PER_RUN ? "run" : "cpu-second");
    json_text(&json, "clock", comparison->cpu ? "cpu" : "wall");
    json_close(&json, '}');
    json_open_flat(&json, "noise", '{');
    json_number(&json, "confidence", 0.95);
    json_text(&json, "by", comparison->several ? "runs" : "samples");
    json_integer(&json, "compared", (int64_t)comparison->n_functions - 1);
    json_integer(&json, "changed", (int64_t)comparison->n_changed);
    json_number(&json, "floor_share", compare_floor);
    json_number(&json, "resolution", comparison->resolution);
    json_close(&json, '}');
    write_notes(&json, comparison);
    write_side(&json, comparison, SIDE_A);
    write_side(&json, comparison, SIDE_B);
    write_change(&json, "whole", &comparison->whole);
    write_tables(&json, input);
    json_close(&json, '}');
    buf_add_byte(out, '\n');
}

int diff_json(const struct diff_input *input, const struct sink *sink, struct err *err)
{
    struct buf out = {0};
    diff_add_json(input, &out);
    int rc =
        out.failed ? err_set(err, ERR_NOMEM, "cannot compare: out of memory") : sink_write(sink, out.data, out.size);
    buf_release(&out);
    return rc;
}
