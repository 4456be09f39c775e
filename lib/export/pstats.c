/*
 * pstats' file of the standard library: a marshalled dictionary,
 *
 *     (file, line, function) → (samples, samples, own seconds, seconds, callers)
 *
 * where callers is a dictionary of the same keys → (samples, samples, own seconds, seconds). Where cProfile counts
 * calls, this counts the samples that have the function on their stack. The line is the definition's; a function
 * without a file is ('~', 0, name), as cProfile writes C functions. Seconds are by the clock of the options.
 */
#include "export/callgraph.h"
#include "export/selection.h"
#include "export/stream.h"

#include <string.h>

static void add_u32(struct buf *out, uint32_t value)
{
    for (int shift = 0; shift < 32; shift += 8)
        buf_add_byte(out, (uint8_t)(value >> shift));
}

/* What fits 31 bits as an int, more as a long of 15-bit digits. */
static void add_integer(struct buf *out, uint64_t value)
{
    if (value <= INT32_MAX) {
        buf_add_byte(out, 'i');
        add_u32(out, (uint32_t)value);
        return;
    }
    uint32_t digits = 0;
    for (uint64_t left = value; left > 0; left >>= 15)
        digits++;
    buf_add_byte(out, 'l');
    add_u32(out, digits);
    for (; value > 0; value >>= 15) {
        buf_add_byte(out, (uint8_t)value);
        buf_add_byte(out, (uint8_t)((value & 0x7fff) >> 8));
    }
}

static void add_float(struct buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    buf_add_byte(out, 'g');
    add_u32(out, (uint32_t)bits);
    add_u32(out, (uint32_t)(bits >> 32));
}

static void add_tuple(struct buf *out, uint32_t size)
{
    buf_add_byte(out, '(');
    add_u32(out, size);
}

static void add_text(struct buf *out, const char *text, size_t length)
{
    struct buf safe = {0};
    buf_add_visible(&safe, text, length);
    buf_add_byte(out, 'u');
    add_u32(out, (uint32_t)safe.size);
    buf_add(out, safe.data, safe.size);
    out->failed = out->failed || safe.failed;
    buf_release(&safe);
}

static void add_key(struct buf *out, const struct profile *profile, uint32_t function)
{
    static const char none[] = "<no Python frame>";
    const struct function *row = &profile->functions[function];
    bool nowhere = function == 0 || profile->string_lengths[row->file] == 0;
    add_tuple(out, 3);
    if (nowhere)
        add_text(out, "~", 1);
    else
        add_text(out, profile->strings[row->file], profile->string_lengths[row->file]);
    add_integer(out, nowhere ? 0 : row->first_line);
    if (function == 0)
        add_text(out, none, sizeof none - 1);
    else
        add_text(out, profile->strings[row->name], profile->string_lengths[row->name]);
}

static void add_costs(struct buf *out, const struct cost *self, const struct cost *total, bool cpu)
{
    add_integer(out, total->samples);
    add_integer(out, total->samples);
    add_float(out, (cpu ? self->cpu_ns : self->wall_ns) / 1e9);
    add_float(out, (cpu ? total->cpu_ns : total->wall_ns) / 1e9);
}

static void add_function(struct buf *out, const struct export_input *input, const struct callgraph *graph,
                         uint32_t function)
{
    bool cpu = input->options->cpu_clock;
    add_key(out, input->profile, function);
    add_tuple(out, 5);
    add_costs(out, &graph->self[function], &graph->total[function], cpu);
    buf_add_byte(out, '{');
    for (uint32_t at = graph->first[function]; at != 0; at = graph->calls[at - 1].next) {
        const struct call *call = &graph->calls[at - 1];
        add_key(out, input->profile, call->caller);
        add_tuple(out, 4);
        add_costs(out, &call->self, &call->total, cpu);
    }
    buf_add_byte(out, '0');
}

int export_pstats(const struct export_input *input, const struct sink *sink, struct err *err)
{
    struct stream stream = {.sink = sink};
    struct callgraph graph;
    int rc = callgraph_init(&graph, input, false);
    buf_add_byte(&stream.out, '{');
    for (uint32_t i = 0; rc == 0 && i < input->profile->n_functions; i++) {
        if (graph.total[i].samples == 0 && !(graph.total[i].wall_ns > 0))
            continue;
        add_function(&stream.out, input, &graph, i);
        rc = stream_row(&stream);
    }
    buf_add_byte(&stream.out, '0');
    if (rc == 0)
        rc = stream_end(&stream);
    if (rc == ERR_NOMEM)
        err_set(err, ERR_NOMEM, "cannot write the pstats file: out of memory");
    buf_release(&stream.out);
    callgraph_release(&graph);
    return rc;
}
