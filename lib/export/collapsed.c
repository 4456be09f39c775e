/*
 * "Collapsed" stacks, one line each, outermost frame first, for flame graph tools:
 *
 *     MainThread;main (app.py:9);work (app.py:4) 1520
 *
 * The weight is microseconds. The thread's name comes first, "PID/NAME" where several processes were measured. A
 * semicolon inside a name becomes a colon, because it separates frames here.
 */
#include "export/selection.h"

#include "base/mem.h"

#include <string.h>

enum { FLUSH_BYTES = 1 << 16 };

static void add_name(struct buf *line, struct buf *name)
{
    const char *text = buf_text(name);
    line->failed = line->failed || name->failed;
    for (; *text != '\0'; text++)
        buf_add_byte(line, (uint8_t)(*text == ';' ? ':' : *text));
    buf_clear(name);
}

static void add_frame(const struct profile *profile, uint32_t frame, struct buf *line, struct buf *name)
{
    const struct frame *place = &profile->frames[frame];
    const struct function *function = &profile->functions[place->function];
    const char *file = profile_short_file(selection_file(profile, place->function));
    buf_add_visible(name, profile->strings[function->name], profile->string_lengths[function->name]);
    if (file[0] != '\0') {
        buf_add_text(name, " (");
        buf_add_visible(name, file, strlen(file));
        if (place->line != 0)
            buf_printf(name, ":%u", place->line);
        buf_add_byte(name, ')');
    }
    buf_add_byte(line, ';');
    add_name(line, name);
}

/* One stack as a line. Weights below half a microsecond make none. */
static int add_line(const struct export_input *input, const struct selection *selection,
                    const struct weighted_stack *stack, struct buf *line, struct buf *name, uint32_t **frames,
                    size_t *capacity)
{
    uint64_t weight_us = (uint64_t)((input->options->cpu_clock ? stack->cpu_ns : stack->wall_ns) / 1000 + 0.5);
    if (weight_us == 0)
        return 0;
    int64_t depth = selection_frames(input->profile, stack->stack, frames, capacity);
    if (depth < 0)
        return (int)depth;
    selection_thread_name(input->profile, stack->thread, selection->many_processes, name);
    add_name(line, name);
    for (int64_t i = 0; i < depth; i++)
        add_frame(input->profile, (*frames)[i], line, name);
    if (depth == 0)
        buf_add_text(line, ";(no Python frame)");
    buf_printf(line, " %llu\n", (unsigned long long)weight_us);
    return line->failed ? ERR_NOMEM : 0;
}

int export_collapsed(const struct export_input *input, const struct sink *sink, struct err *err)
{
    struct selection selection;
    struct buf line = {0}, name = {0};
    uint32_t *frames = NULL;
    size_t capacity = 0;
    int rc = selection_new(input, &selection);
    for (size_t i = 0; rc == 0 && i < selection.count; i++) {
        rc = add_line(input, &selection, &selection.stacks[i], &line, &name, &frames, &capacity);
        if (rc == 0 && line.size >= FLUSH_BYTES) {
            rc = sink_write(sink, line.data, line.size);
            buf_clear(&line);
        }
    }
    if (rc == 0)
        rc = sink_write(sink, line.data, line.size);
    if (rc == ERR_NOMEM)
        err_set(err, ERR_NOMEM, "cannot write the collapsed stacks: out of memory");
    selection_release(&selection);
    buf_release(&line);
    buf_release(&name);
    mem_free(frames);
    return rc;
}
