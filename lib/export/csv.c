/*
 * CSV for spreadsheets and data frames: one row for each thread, state, innermost frame and task. All numbers can be
 * added up: over everything they are the recording's wall and CPU seconds and samples. Fields are quoted where they
 * need it, and one that a spreadsheet would take for a formula gets an apostrophe before it.
 */
#include "data/task_sums.h"
#include "export/selection.h"
#include "export/stream.h"

#include "base/map.h"
#include "base/mem.h"

#include <string.h>

struct row {
    uint32_t frame, state, task;
    double wall_ns, cpu_ns;
    uint64_t samples;
};

struct csv {
    const struct export_input *input;
    struct stream stream;
    struct buf text;
    struct map index; /* (frame, state, task) → row, of the thread */
    struct row *rows;
    size_t n_rows, capacity;
    uint32_t *order;
    size_t *start;
};

/* The field in `text`, which is emptied, and what stands behind it. */
static void add_field(struct csv *file, char separator)
{
    struct buf *out = &file->stream.out;
    const char *text = buf_text(&file->text);
    bool formula = text[0] != '\0' && strchr("=+-@", text[0]) != NULL;
    bool quoted = strpbrk(text, ",\"") != NULL || text[0] == ' ';
    if (quoted)
        buf_add_byte(out, '"');
    if (formula)
        buf_add_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buf_add_byte(out, '"');
        buf_add_byte(out, (uint8_t)*text);
    }
    if (quoted)
        buf_add_byte(out, '"');
    buf_add_byte(out, (uint8_t)separator);
    out->failed = out->failed || file->text.failed;
    buf_clear(&file->text);
}

static void add_string(struct csv *file, uint32_t id, char separator)
{
    const struct profile *profile = file->input->profile;
    buf_add_visible(&file->text, profile->strings[id], profile->string_lengths[id]);
    add_field(file, separator);
}

static int add_sample(struct csv *file, uint32_t index)
{
    const struct profile *profile = file->input->profile;
    const struct profile_samples *samples = &profile->samples;
    uint32_t task = samples->task != NULL ? profile->tasks[samples->task[index]].alike : 0, at;
    uint32_t key[] = {profile->stacks[samples->stack[index]].frame, samples->state[index], task};
    bool found;
    if (map_put(&file->index, key, sizeof key, (uint32_t)file->n_rows, &at, &found) != 0 ||
        mem_grow(&file->rows, &file->capacity, file->n_rows + 1, sizeof *file->rows) != 0)
        return ERR_NOMEM;
    if (!found)
        file->rows[file->n_rows++] = (struct row){.frame = key[0], .state = key[1], .task = task};
    file->rows[at].wall_ns += samples->wall_ns[index];
    file->rows[at].cpu_ns += samples->cpu_ns[index];
    file->rows[at].samples += samples->ticks[index];
    return 0;
}

static int add_row(struct csv *file, uint32_t thread, const struct row *row)
{
    const struct profile *profile = file->input->profile;
    const struct frame *frame = &profile->frames[row->frame];
    struct buf *out = &file->stream.out;
    buf_printf(out, "%d,%d,", profile->processes[profile->threads[thread].process].pid, profile->threads[thread].tid);
    selection_thread_name(profile, thread, false, &file->text);
    add_field(file, ',');
    buf_printf(out, "%s,", state_name((enum state)row->state));
    add_string(file, profile->functions[frame->function].name, ',');
    add_string(file, profile->functions[frame->function].file, ',');
    if (frame->line != 0)
        buf_printf(out, "%u", frame->line);
    buf_printf(out, ",%.9f,%.9f,%llu,", row->wall_ns / 1e9, row->cpu_ns / 1e9, (unsigned long long)row->samples);
    add_string(file, task_label(profile, row->task), '\n');
    return stream_row(&file->stream);
}

static int add_thread(struct csv *file, uint32_t thread)
{
    int rc = 0;
    map_release(&file->index);
    file->index = (struct map){0};
    file->n_rows = 0;
    for (size_t i = file->start[thread]; rc == 0 && i < file->start[thread + 1]; i++) {
        if (selection_holds(file->input, file->order[i]))
            rc = add_sample(file, file->order[i]);
    }
    for (size_t i = 0; rc == 0 && i < file->n_rows; i++)
        rc = add_row(file, thread, &file->rows[i]);
    return rc;
}

int export_csv(const struct export_input *input, const struct sink *sink, struct err *err)
{
    struct csv file = {.input = input, .stream = {.sink = sink}};
    int rc = selection_by_thread(input->profile, &file.order, &file.start);
    buf_add_text(&file.stream.out, "pid,tid,thread,state,function,file,line,wall_s,cpu_s,samples,task\n");
    for (uint32_t thread = 1; rc == 0 && thread < input->profile->n_threads; thread++)
        rc = add_thread(&file, thread);
    if (rc == 0)
        rc = stream_end(&file.stream);
    if (rc == ERR_NOMEM)
        err_set(err, ERR_NOMEM, "cannot write the table: out of memory");
    map_release(&file.index);
    mem_free(file.rows);
    mem_free(file.order);
    mem_free(file.start);
    buf_release(&file.text);
    buf_release(&file.stream.out);
    return rc;
}
