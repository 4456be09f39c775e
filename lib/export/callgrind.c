/*
 * Callgrind's profile format: the cost of each line of each function, and of each call by line and callee, as wall and
 * CPU nanoseconds and samples. `calls=` has the samples under the call in the place of a number of calls. The first
 * event is the clock of the options. Names are given once and then by number.
 */
#include "export/callgraph.h"
#include "export/selection.h"
#include "export/stream.h"

#include <math.h>
#include <string.h>

struct callgrind {
    const struct export_input *input;
    struct stream stream;
    struct callgraph graph;
    bool *function_named, *file_named;
};

static void add_costs(struct callgrind *file, uint32_t line, const struct cost *cost)
{
    double first = cost->wall_ns, second = cost->cpu_ns;
    if (file->input->options->cpu_clock) {
        first = cost->cpu_ns;
        second = cost->wall_ns;
    }
    buf_printf(&file->stream.out, "%u %.0f %.0f %llu\n", line, round(first), round(second),
               (unsigned long long)cost->samples);
}

/* "fn=(7) name", later "fn=(7)"; numbers are ids, of which 0 means none here. */
static void add_name(struct callgrind *file, const char *key, uint32_t id, bool *named, uint32_t string,
                     const char *otherwise)
{
    struct buf *out = &file->stream.out;
    const struct profile *profile = file->input->profile;
    buf_printf(out, "%s=(%u)", key, id + 1);
    if (!named[id]) {
        named[id] = true;
        buf_add_byte(out, ' ');
        if (profile->string_lengths[string] > 0)
            buf_add_visible(out, profile->strings[string], profile->string_lengths[string]);
        else
            buf_add_text(out, otherwise);
    }
    buf_add_byte(out, '\n');
}

static void add_place(struct callgrind *file, const char *file_key, const char *function_key, uint32_t function)
{
    const struct function *row = &file->input->profile->functions[function];
    add_name(file, file_key, row->file, file->file_named, row->file, "???");
    add_name(file, function_key, function, file->function_named, row->name, "(no Python frame)");
}

static void add_calls(struct callgrind *file, uint32_t function)
{
    for (uint32_t at = file->graph.first[function]; at != 0; at = file->graph.calls[at - 1].next) {
        const struct call *call = &file->graph.calls[at - 1];
        add_place(file, "cfi", "cfn", call->callee);
        buf_printf(&file->stream.out, "calls=%llu %u\n", (unsigned long long)call->total.samples,
                   file->input->profile->functions[call->callee].first_line);
        add_costs(file, call->line, &call->total);
    }
}

/* Frames of one function are not neighbours: `next` links them. */
static int add_functions(struct callgrind *file)
{
    const struct profile *profile = file->input->profile;
    uint32_t *first = mem_zalloc(profile->n_functions, sizeof *first);
    uint32_t *next = mem_zalloc(profile->n_frames, sizeof *next);
    int rc = first != NULL && next != NULL ? 0 : ERR_NOMEM;
    for (uint32_t frame = (uint32_t)profile->n_frames - 1; rc == 0 && frame > 0; frame--) {
        uint32_t function = profile->frames[frame].function;
        next[frame] = first[function];
        first[function] = frame;
    }
    for (uint32_t i = 0; rc == 0 && i < profile->n_functions; i++) {
        const struct cost *total = &file->graph.total[i];
        if (total->samples == 0 && !(total->wall_ns > 0))
            continue;
        buf_add_byte(&file->stream.out, '\n');
        add_place(file, "fl", "fn", i);
        if (i == 0)
            add_costs(file, 0, total);
        for (uint32_t frame = first[i]; frame != 0; frame = next[frame]) {
            if (file->graph.frame_self[frame].samples > 0 || file->graph.frame_self[frame].wall_ns > 0)
                add_costs(file, profile->frames[frame].line, &file->graph.frame_self[frame]);
        }
        add_calls(file, i);
        rc = stream_row(&file->stream);
    }
    mem_free(first);
    mem_free(next);
    return rc;
}

static void add_head(struct callgrind *file)
{
    struct buf *out = &file->stream.out;
    const struct profile *profile = file->input->profile;
    buf_add_text(out, "# callgrind format\nversion: 1\ncreator: keisoku " KEISOKU_VERSION "\ncmd:");
    for (size_t i = 0; profile->command != NULL && profile->command[i] != NULL; i++) {
        buf_add_byte(out, ' ');
        buf_add_visible(out, profile->command[i], strlen(profile->command[i]));
    }
    buf_add_text(out, "\npositions: line\nevents: ");
    buf_add_text(out, file->input->options->cpu_clock ? "CPU_ns Wall_ns Samples\n" : "Wall_ns CPU_ns Samples\n");
}

int export_callgrind(const struct export_input *input, const struct sink *sink, struct err *err)
{
    const struct profile *profile = input->profile;
    struct callgrind file = {.input = input, .stream = {.sink = sink}};
    int rc = callgraph_init(&file.graph, input, true);
    file.function_named = mem_zalloc(profile->n_functions, sizeof *file.function_named);
    file.file_named = mem_zalloc(profile->n_strings, sizeof *file.file_named);
    if (file.function_named == NULL || file.file_named == NULL)
        rc = ERR_NOMEM;
    if (rc == 0) {
        add_head(&file);
        rc = add_functions(&file);
    }
    if (rc == 0)
        rc = stream_end(&file.stream);
    if (rc == ERR_NOMEM)
        err_set(err, ERR_NOMEM, "cannot write the callgrind file: out of memory");
    mem_free(file.function_named);
    mem_free(file.file_named);
    buf_release(&file.stream.out);
    callgraph_release(&file.graph);
    return rc;
}
