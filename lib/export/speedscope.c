/*
 * speedscope's own file format: one "sampled" profile per thread, in time order, weights in nanoseconds, so that the
 * time-order view is true. Frames are functions; neighbouring samples with the same stack become one.
 */
#include "export/selection.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { FLUSH_BYTES = 1 << 16 };

/* A stretch of time in one stack. */
struct stretch {
    uint32_t stack;
    double weight;
};

struct speedscope {
    const struct export_input *input;
    const struct sink *sink;
    struct buf out;
    struct stretch *stretches; /* of the thread being written */
    size_t n_stretches, stretch_capacity;
    uint32_t *frames;
    size_t frame_capacity;
    uint32_t *order;
    size_t *start;
    bool many_processes, any;
};

static int flush(struct speedscope *file, bool all)
{
    if (file->out.failed)
        return ERR_NOMEM;
    if (!all && file->out.size < FLUSH_BYTES)
        return 0;
    int rc = sink_write(file->sink, file->out.data, file->out.size);
    buf_clear(&file->out);
    return rc;
}

static int add_functions(struct speedscope *file)
{
    const struct profile *profile = file->input->profile;
    int rc = 0;
    /* Entry 0 stands for time without a Python frame, so that function ids are indexes. */
    buf_add_text(&file->out, "\"shared\":{\"frames\":[\n{\"name\":\"(no Python frame)\"}");
    for (size_t i = 1; rc == 0 && i < profile->n_functions; i++) {
        const struct function *function = &profile->functions[i];
        buf_add_text(&file->out, ",\n{\"name\":");
        buf_add_json(&file->out, profile->strings[function->name], profile->string_lengths[function->name]);
        if (function->file != 0) {
            buf_add_text(&file->out, ",\"file\":");
            buf_add_json(&file->out, profile->strings[function->file], profile->string_lengths[function->file]);
        }
        if (function->first_line != 0)
            buf_printf(&file->out, ",\"line\":%u", function->first_line);
        buf_add_byte(&file->out, '}');
        rc = flush(file, false);
    }
    buf_add_text(&file->out, "\n]},\n");
    return rc;
}

/* The samples of a thread that count, neighbours with one stack joined. Returns a negative code or 0. */
static int collect(struct speedscope *file, size_t thread)
{
    const struct profile_samples *samples = &file->input->profile->samples;
    file->n_stretches = 0;
    for (size_t i = file->start[thread]; i < file->start[thread + 1]; i++) {
        uint32_t index = file->order[i];
        double weight = selection_holds(file->input, index) ? selection_weight(file->input, index) : 0;
        if (weight <= 0)
            continue;
        if (file->n_stretches > 0 && file->stretches[file->n_stretches - 1].stack == samples->stack[index]) {
            file->stretches[file->n_stretches - 1].weight += weight;
            continue;
        }
        int rc = mem_grow(&file->stretches, &file->stretch_capacity, file->n_stretches + 1, sizeof *file->stretches);
        if (rc != 0)
            return rc;
        file->stretches[file->n_stretches++] = (struct stretch){samples->stack[index], weight};
    }
    return 0;
}

static int add_stack(struct speedscope *file, uint32_t stack)
{
    const struct profile *profile = file->input->profile;
    int64_t depth = selection_frames(profile, stack, &file->frames, &file->frame_capacity);
    if (depth < 0)
        return (int)depth;
    buf_add_byte(&file->out, '[');
    for (int64_t i = 0; i < depth; i++)
        buf_printf(&file->out, i == 0 ? "%u" : ",%u", profile->frames[file->frames[i]].function);
    buf_add_text(&file->out, depth == 0 ? "0]" : "]");
    return 0;
}

static int add_thread(struct speedscope *file, uint32_t thread)
{
    struct buf name = {0};
    double end = 0;
    int rc = 0;
    for (size_t i = 0; i < file->n_stretches; i++)
        end += round(file->stretches[i].weight);
    selection_thread_name(file->input->profile, thread, file->many_processes, &name);
    const char *text = buf_text(&name);
    buf_printf(&file->out, "%s\n{\"type\":\"sampled\",\"name\":", file->any ? "," : "");
    buf_add_json(&file->out, text, strlen(text));
    buf_printf(&file->out, ",\"unit\":\"nanoseconds\",\"startValue\":0,\"endValue\":%.0f,\n\"samples\":[", end);
    for (size_t i = 0; rc == 0 && i < file->n_stretches; i++) {
        if (i > 0)
            buf_add_byte(&file->out, ',');
        rc = add_stack(file, file->stretches[i].stack);
        if (rc == 0)
            rc = flush(file, false);
    }
    buf_add_text(&file->out, "],\n\"weights\":[");
    for (size_t i = 0; rc == 0 && i < file->n_stretches; i++) {
        buf_printf(&file->out, i == 0 ? "%.0f" : ",%.0f", round(file->stretches[i].weight));
        rc = flush(file, false);
    }
    buf_add_text(&file->out, "]}");
    file->any = true;
    rc = rc == 0 && name.failed ? ERR_NOMEM : rc;
    buf_release(&name);
    return rc;
}

static int add_threads(struct speedscope *file)
{
    int rc = 0;
    buf_add_text(&file->out, "\"profiles\":[");
    for (uint32_t thread = 1; rc == 0 && thread < file->input->profile->n_threads; thread++) {
        rc = collect(file, thread);
        if (rc == 0 && file->n_stretches > 0)
            rc = add_thread(file, thread);
    }
    buf_add_text(&file->out, "\n],\n");
    return rc;
}

/* Its importer knows the format by this address; nothing is fetched from it. */
static void add_head(struct speedscope *file)
{
    buf_add_text(&file->out, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n");
}

static void add_tail(struct speedscope *file)
{
    const struct profile *profile = file->input->profile;
    const char *slash = profile->path != NULL ? strrchr(profile->path, '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : profile->path != NULL ? profile->path : "keisoku";
    buf_add_text(&file->out, "\"activeProfileIndex\":0,\n\"exporter\":\"keisoku " KEISOKU_VERSION "\",\n\"name\":");
    buf_add_json(&file->out, name, strlen(name));
    buf_add_text(&file->out, "}\n");
}

int export_speedscope(const struct export_input *input, const struct sink *sink, struct err *err)
{
    struct speedscope file = {.input = input, .sink = sink};
    struct selection selection;
    int rc = selection_new(input, &selection);
    file.many_processes = selection.many_processes;
    selection_release(&selection);
    if (rc == 0)
        rc = selection_by_thread(input->profile, &file.order, &file.start);
    if (rc == 0) {
        add_head(&file);
        rc = add_functions(&file);
    }
    if (rc == 0)
        rc = add_threads(&file);
    if (rc == 0) {
        add_tail(&file);
        rc = flush(&file, true);
    }
    if (rc == ERR_NOMEM)
        err_set(err, ERR_NOMEM, "cannot write the speedscope file: out of memory");
    buf_release(&file.out);
    mem_free(file.stretches);
    mem_free(file.frames);
    mem_free(file.order);
    mem_free(file.start);
    return rc;
}
