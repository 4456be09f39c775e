/* report --tasks: asyncio's tasks and greenlets, by their time on a core, with what they wait in. See text.h. */
#include "data/task_sums.h"
#include "export/text.h"

#include <stdio.h>
#include <string.h>

enum { ROWS = 20, NAME_COLUMNS = 28, WAIT_COLUMN = 51 };

static void add_string(struct buf *out, const struct profile *profile, uint32_t id)
{
    buf_add_visible(out, profile->strings[id], profile->string_lengths[id]);
}

/* "fetch-1 (fetch)", "handle ×120", "greenlet serve ×50" */
static void add_name(struct buf *out, const struct profile *profile, const struct task_sum *sum)
{
    const struct task *task = &profile->tasks[sum->task];
    bool numbered = task_is_numbered(profile, task);
    uint32_t function = task->coroutine != 0 ? profile->functions[task->coroutine].name : 0;
    if (numbered && function != 0) {
        buf_add_text(out, task_is_greenlet(profile, task) ? "greenlet " : "");
        add_string(out, profile, function);
    } else {
        add_string(out, profile, task->name);
        if (function != 0 && strcmp(profile->strings[function], profile->strings[task->name]) != 0) {
            buf_add_text(out, " (");
            add_string(out, profile, function);
            buf_add_text(out, ")");
        }
    }
    if (sum->count > 1)
        buf_printf(out, " \u00d7%u", sum->count);
}

/* "get client.py:120, on Future, for refresh" */
static void add_wait(struct buf *out, const struct profile *profile, const struct task_sum *sum)
{
    const struct task_wait *wait = sum->wait;
    if (wait != NULL && wait->stack != 0) {
        const struct frame *frame = &profile->frames[profile->stacks[wait->stack].frame];
        const struct function *function = &profile->functions[frame->function];
        const char *file = diagnosis_file(profile, function->file), *slash = strrchr(file, '/');
        add_string(out, profile, function->name);
        buf_add_byte(out, ' ');
        file = slash != NULL ? slash + 1 : file;
        buf_add_visible(out, file, strlen(file));
        buf_printf(out, ":%u", frame->line);
    }
    if (wait != NULL && (sum->waits_on > 0 || wait->on != 0)) {
        buf_add_text(out, ", on ");
        if (sum->waits_on > 0)
            buf_printf(out, "%u task%s", sum->waits_on, sum->waits_on > 1 ? "s" : "");
        else
            add_string(out, profile, wait->on);
    }
    if (sum->awaiter != 0) {
        buf_add_text(out, out->size > 0 ? ", for " : "for ");
        add_string(out, profile, profile->tasks[sum->awaiter].name);
    }
}

static void add_row(struct screen *screen, const struct task_sums *sums, const struct task_sum *sum)
{
    char cpu[24], wait[24] = "";
    struct buf name = {0}, place = {0};
    cells_percent(cpu, sizeof cpu, sums->all_cpu_ns > 0 ? sum->cpu_ns / sums->all_cpu_ns : 0);
    if (sum->wait_ns > 0)
        cells_seconds(wait, sizeof wait, (double)sum->wait_ns / 1e9);
    add_name(&name, screen->profile, sum);
    add_wait(&place, screen->profile, sum);
    buf_printf(&screen->out, "%5s  %8s  ", sum->cpu_ns > 0 ? cpu : "", wait);
    cells_add_buf(&screen->out, &name, NAME_COLUMNS, false, place.size > 0);
    if (place.size > 0)
        buf_add_text(&screen->out, "  ");
    cells_add_buf(&screen->out, &place, screen->width - WAIT_COLUMN, false, false);
    buf_add_byte(&screen->out, '\n');
    text_done(screen, &name);
    text_done(screen, &place);
}

static void add_head(struct screen *screen, const struct task_sums *sums)
{
    char share[24];
    cells_percent(share, sizeof share, sums->all_cpu_ns > 0 ? sums->cpu_ns / sums->all_cpu_ns : 0);
    text_style(screen, "1");
    buf_add_text(&screen->out, sums->n_greenlets == 0              ? "tasks of asyncio"
                               : sums->n_greenlets == sums->n_rows ? "greenlets"
                                                                   : "tasks of asyncio and greenlets");
    text_style(screen, "0");
    if (sums->n_greenlets < sums->n_rows)
        buf_printf(&screen->out, "  %s of the CPU time is in tasks", share);
    buf_add_text(&screen->out, "\n  CPU    waited  task                          waits in\n");
}

int text_tasks(struct screen *screen, struct err *err)
{
    struct task_sums sums;
    size_t most = screen->input->options->top > 0 ? screen->input->options->top : ROWS;
    int rc = task_sums_new(screen->profile, &sums);
    if (rc != 0)
        return err_set(err, rc, "adding up the tasks: %s", err_sentence(rc));
    if (sums.n_rows == 0) {
        buf_add_text(&screen->out, "no task of asyncio was seen, and no greenlet (Python 3.8 and later)\n");
        return 0;
    }
    add_head(screen, &sums);
    for (size_t i = 0; i < sums.n_rows && i < most; i++)
        add_row(screen, &sums, &sums.rows[i]);
    if (sums.n_rows > most)
        buf_printf(&screen->out, "  \u2026 and %zu more\n", sums.n_rows - most);
    task_sums_release(&sums);
    return 0;
}
