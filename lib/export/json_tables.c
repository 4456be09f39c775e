/* The tables and sums of the JSON report. Tables hold every row of 0.01 % or more, at most `top` or 1000. */
#include "data/core_sums.h"
#include "data/counter_sums.h"
#include "diagnose/held.h"
#include "diagnose/ledger_parts.h"
#include "export/json.h"

#include <math.h>

enum { ROWS_MAX = 1000 };
static const double share_min = 1e-4;
static const double states_share_min = 0.01; /* rows with less own time, wall and CPU, have no states of it */

static void written_string(struct json_writer *json, const char *key, const struct profile *profile, uint32_t id)
{
    json_text_of(json, key, profile->strings[id], profile->string_lengths[id]);
}

static void write_states(struct json_writer *json, const char *key, const double ns[STATE_COUNT],
                         const uint64_t ticks[STATE_COUNT])
{
    struct share states[STATE_COUNT];
    ledger_of_own(ns, ticks, states);
    json_open(json, key, '{');
    for (int i = 0; i < STATE_COUNT; i++)
        if (states[i].share > 0)
            json_share(json, state_name((enum state)i), &states[i]);
    json_close(json, '}');
}

/* Of a function's or a line's own time, where it is worth telling. */
static void write_ledger(struct json_writer *json, const struct aggregate *aggregate,
                         const double state_ns[STATE_COUNT], const double state_cpu_ns[STATE_COUNT],
                         const uint64_t state_ticks[STATE_COUNT])
{
    double wall_ns = 0, cpu_ns = 0;
    for (int i = 0; i < STATE_COUNT; i++) {
        wall_ns += state_ns[i];
        cpu_ns += state_cpu_ns[i];
    }
    if (wall_ns < states_share_min * aggregate->wall_ns &&
        (cpu_ns <= 0 || cpu_ns < states_share_min * aggregate->cpu_ns))
        return;
    write_states(json, "states", state_ns, state_ticks);
    write_states(json, "cpu", state_cpu_ns, state_ticks);
}

/* Only of recordings that counted; a function that was not met says nothing, not zero. */
static void write_calls(struct json_writer *json, const struct profile *profile, uint32_t function)
{
    struct call_count counts = profile_calls_of(profile, function);
    if (counts.calls == 0)
        return;
    json_integer(json, "calls", counts.calls);
    if (counts.told == 0)
        return;
    json_open_flat(json, "repeated_calls", '{');
    json_integer(json, "told", counts.told);
    json_integer(json, "repeats", counts.repeats);
    json_integer(json, "gave_none", counts.gave_none);
    json_integer(json, "compared", counts.compared);
    json_integer(json, "changed", counts.changed);
    json_close(json, '}');
}

static void write_function(struct json_writer *json, const struct profile *profile, const struct aggregate *aggregate,
                           const struct function_sum *sum)
{
    const struct function *function = &profile->functions[sum->function];
    struct share share = ledger_own_share(aggregate, sum->state_ns);
    json_open_flat(json, NULL, '{');
    written_string(json, "file", profile, function->file);
    written_string(json, "function", profile, function->name);
    if (sum->hot_line != 0)
        json_integer(json, "line", sum->hot_line);
    json_number(json, "self_share", sum->self_wall_ns / aggregate->wall_ns);
    json_number(json, "self_low", share.low);
    json_number(json, "self_high", share.high);
    json_number(json, "total_share", sum->total_wall_ns / aggregate->wall_ns);
    json_number(json, "self_wall_s", sum->self_wall_ns / 1e9);
    json_number(json, "self_cpu_s", sum->self_cpu_ns / 1e9);
    json_number(json, "total_wall_s", sum->total_wall_ns / 1e9);
    write_calls(json, profile, sum->function);
    write_ledger(json, aggregate, sum->state_ns, sum->state_cpu_ns, sum->state_ticks);
    json_close(json, '}');
}

/* What the instructions of the line worked on. */
static void write_operands(struct json_writer *json, const struct profile *profile, const struct line_sum *line)
{
    bool any = false;
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *operand = &profile->operands[i];
        const struct frame *frame = &profile->frames[operand->frame];
        struct line_operand all;
        if (frame->line != line->line || profile->functions[frame->function].file != line->file)
            continue;
        if (!any)
            json_open_flat(json, "operands", '[');
        any = true;
        json_open_flat(json, NULL, '{');
        written_string(json, "operation", profile, operand->operation);
        json_text(json, "side", operand->slot == 0 ? "on" : "with");
        written_string(json, "type", profile, operand->type);
        profile_line_operand(profile, line->file, line->line, profile->strings[operand->operation], operand->slot,
                             &all);
        json_number(json, "looks_share", (double)operand->looks / (double)all.looks);
        json_integer(json, "looks", operand->looks);
        if (operand->sized > 0) {
            json_integer(json, "items_least", (uint64_t)operand->least);
            json_integer(json, "items_most", (uint64_t)operand->most);
        }
        if (operand->shape != 0)
            written_string(json, "shape", profile, operand->shape);
        json_close(json, '}');
    }
    if (any)
        json_close(json, ']');
}

/* Asked for by the line itself. Only of recordings that sampled it. */
static void write_line_allocations(struct json_writer *json, const struct profile *profile, const struct line_sum *line)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < profile->n_allocations; i++) {
        const struct frame *frame = &profile->frames[profile->stacks[profile->allocations[i].stack].frame];
        if (profile->allocations[i].stack != 0 && frame->line == line->line &&
            profile->functions[frame->function].file == line->file)
            bytes += profile->allocations[i].bytes;
    }
    if (bytes > 0)
        json_integer(json, "alloc_bytes", (uint64_t)bytes);
}

static void write_line(struct json_writer *json, const struct profile *profile, const struct aggregate *aggregate,
                       const struct line_sum *line, bool apart)
{
    double python = line->state_ns[STATE_PYTHON] + line->state_ns[STATE_IMPORT] + line->state_ns[STATE_GC];
    double native = line->state_ns[STATE_NATIVE] + line->state_ns[STATE_NATIVE_GIL] + line->state_ns[STATE_KERNEL];
    struct share share = ledger_own_share(aggregate, line->state_ns);
    json_open_flat(json, NULL, '{');
    written_string(json, "file", profile, line->file);
    json_integer(json, "line", line->line);
    json_string(json, "function", profile, profile->functions[line->function].name);
    json_number(json, "share", line->wall_ns / aggregate->wall_ns);
    json_number(json, "low", share.low);
    json_number(json, "high", share.high);
    if (apart) {
        json_number(json, "python_share", python / aggregate->wall_ns);
        json_number(json, "native_share", native / aggregate->wall_ns);
    }
    write_ledger(json, aggregate, line->state_ns, line->state_cpu_ns, line->state_ticks);
    uint64_t ticks;
    const struct expression *hot = profile_hot_expression(profile, line->file, line->line, &ticks);
    if (hot != NULL && hot->end_line >= line->line) {
        json_open_flat(json, "hot", '{');
        json_integer(json, "column", hot->column);
        json_integer(json, "end_line", hot->end_line);
        json_integer(json, "end_column", hot->end_column);
        json_number(json, "samples_share", ticks > 0 ? (double)hot->ticks / (double)ticks : 0);
        json_close(json, '}');
    }
    write_line_allocations(json, profile, line);
    write_operands(json, profile, line);
    json_close(json, '}');
}

void json_functions(struct json_writer *json, const struct profile *profile, const struct aggregate *aggregate,
                    uint32_t top)
{
    size_t rows = top > 0 ? top : ROWS_MAX, written = 0;
    json_open(json, "functions", '[');
    for (size_t i = 0; i < aggregate->n_functions && written < rows; i++) {
        const struct function_sum *sum = &aggregate->functions[i];
        if (sum->function == 0 || sum->total_wall_ns < share_min * aggregate->wall_ns)
            continue;
        write_function(json, profile, aggregate, sum);
        written++;
    }
    json_close(json, ']');
}

void json_lines(struct json_writer *json, const struct profile *profile, const struct aggregate *aggregate,
                uint32_t top)
{
    size_t rows = top > 0 ? top : ROWS_MAX, written = 0;
    bool apart = json_told_apart(aggregate);
    json_open(json, "lines", '[');
    for (size_t i = 0; i < aggregate->n_lines && written < rows; i++) {
        const struct line_sum *line = &aggregate->lines[i];
        if (line->line == 0 || line->wall_ns < share_min * aggregate->wall_ns)
            continue;
        write_line(json, profile, aggregate, line, apart);
        written++;
    }
    json_close(json, ']');
}

static void write_held(struct json_writer *json, const struct held_line *held)
{
    json_integer(json, "bytes", (uint64_t)held->bytes);
    json_integer(json, "blocks", (uint64_t)held->blocks);
    json_integer(json, "most_bytes", (uint64_t)held->most_bytes);
    json_integer(json, "most_blocks", (uint64_t)held->most_blocks);
}

int json_allocations(struct json_writer *json, const struct profile *profile, uint32_t top)
{
    struct held_line *lines, all;
    size_t n;
    int rc = held_lines(profile, 0, HELD_BYTES, &lines, &n, &all);
    if (rc != 0 || !(all.bytes > 0)) {
        mem_free(lines);
        return rc;
    }
    json_open(json, "allocations", '{');
    write_held(json, &all);
    json_open(json, "lines", '[');
    for (size_t i = 0; i < n && i < (top > 0 ? top : ROWS_MAX); i++) {
        const struct frame *frame = &profile->frames[lines[i].frame];
        const struct function *function = &profile->functions[frame->function];
        json_open_flat(json, NULL, '{');
        written_string(json, "file", profile, function->file);
        json_integer(json, "line", frame->line);
        json_string(json, "function", profile, function->name);
        write_held(json, &lines[i]);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
    mem_free(lines);
    return 0;
}

static void write_cores(struct json_writer *json, const struct profile *profile, const struct core_sum *cores, size_t n)
{
    double duration_ns = (double)profile->duration_ns;
    if (n == 0)
        return;
    json_open(json, "cores", '[');
    for (size_t i = 0; i < n; i++) {
        json_open_flat(json, NULL, '{');
        json_integer(json, "core", cores[i].core);
        json_number(json, "used_s", cores[i].used_ns / 1e9);
        json_number(json, "used_share", duration_ns > 0 ? cores[i].used_ns / duration_ns : 0);
        json_number(json, "run_delay_s", cores[i].delay_ns / 1e9);
        if (cores[i].busy_ns > 0)
            json_number(json, "busy_s", cores[i].busy_ns / 1e9);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* When a counter was first read, in seconds; -1: never. */
static double first_read_s(const struct profile *profile, enum counter_kind kind)
{
    double first_s = -1;
    for (size_t i = 0; i < profile->n_counters; i++) {
        double time_s = (double)profile->counters[i].time_ns / 1e9;
        if (profile->counters[i].kind == kind && (first_s < 0 || time_s < first_s))
            first_s = time_s;
    }
    return first_s;
}

static void write_sums(struct json_writer *json, const struct profile *profile, const struct diagnosis *diagnosis,
                       const struct counter_sums *sums, const struct core_sum *cores, size_t n_cores)
{
    static const struct {
        enum counter_kind kind;
        const char *key;
        bool seconds;
    } rows[] = {{COUNTER_USER_TIME, "user_s", true},
                {COUNTER_SYSTEM_TIME, "system_s", true},
                {COUNTER_THROTTLED, "throttled_s", true},
                {COUNTER_MINOR_FAULTS, "minor_faults", false},
                {COUNTER_MAJOR_FAULTS, "major_faults", false},
                {COUNTER_VOLUNTARY_SWITCHES, "voluntary_switches", false},
                {COUNTER_INVOLUNTARY_SWITCHES, "involuntary_switches", false},
                {COUNTER_READ_BYTES, "read_bytes", false},
                {COUNTER_WRITE_BYTES, "write_bytes", false},
                {COUNTER_SOCKET_SENT, "socket_sent_bytes", false},
                {COUNTER_SOCKET_RECEIVED, "socket_received_bytes", false}};
    if (sums->any[COUNTER_PEAK_RSS] || sums->any[COUNTER_RSS]) {
        json_open(json, "memory", '{');
        json_integer(json, "peak_rss_bytes", (int64_t)fmax(sums->sum[COUNTER_PEAK_RSS], sums->sum[COUNTER_RSS]));
        json_close(json, '}');
    }
    double run_ns = 0, delay_ns = 0;
    for (size_t i = 1; i < profile->n_threads; i++) {
        run_ns += (double)profile->threads[i].run_ns;
        delay_ns += (double)profile->threads[i].delay_ns;
    }
    json_open(json, "stat", '{');
    json_number(json, "wall_s", (double)profile->duration_ns / 1e9);
    json_number(json, "cpu_s", run_ns / 1e9);
    json_number(json, "run_delay_s", delay_ns / 1e9);
    json_number(json, "cores_used", diagnosis->cores_used);
    if (diagnosis->cores_measured)
        json_number(json, "cores_free", diagnosis->cores_free);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!sums->any[rows[i].kind])
            continue;
        if (rows[i].seconds)
            json_number(json, rows[i].key, sums->sum[rows[i].kind] / 1e9);
        else
            json_integer(json, rows[i].key, (int64_t)sums->sum[rows[i].kind]);
    }
    if (sums->any[COUNTER_SOCKET_SENT])
        json_number(json, "socket_from_s", first_read_s(profile, COUNTER_SOCKET_SENT));
    write_cores(json, profile, cores, n_cores);
    json_close(json, '}');
}

int json_sums(struct json_writer *json, const struct profile *profile, const struct diagnosis *diagnosis)
{
    struct counter_sums sums;
    struct core_sum *cores = NULL;
    size_t n_cores = 0;
    int rc = counter_sums_of(profile, &sums);
    if (rc == 0)
        rc = core_sums_of(profile, &cores, &n_cores);
    if (rc == 0)
        write_sums(json, profile, diagnosis, &sums, cores, n_cores);
    mem_free(cores);
    return rc;
}
