/* asyncio's tasks and the marks of samples in the JSON report. */
#include "data/task_sums.h"
#include "export/json.h"

enum { TASKS_MAX = 1000 };

static void write_wait(struct json_writer *json, const struct profile *profile, const struct task_wait *wait)
{
    json_open_flat(json, "waits_in", '{');
    if (wait->stack != 0) {
        const struct frame *frame = &profile->frames[profile->stacks[wait->stack].frame];
        json_string(json, "function", profile, profile->functions[frame->function].name);
        json_string(json, "file", profile, profile->functions[frame->function].file);
        if (frame->line != 0)
            json_integer(json, "line", frame->line);
    }
    json_string(json, "on", profile, wait->on);
    json_number(json, "wait_s", (double)wait->wait_ns / 1e9);
    json_close(json, '}');
}

static void write_task(struct json_writer *json, const struct profile *profile, const struct task_sums *sums,
                       const struct task_sum *sum)
{
    const struct task *task = &profile->tasks[sum->task];
    json_open(json, NULL, '{');
    if (sum->count == 1 || !task_is_numbered(profile, task))
        json_string(json, "name", profile, task->name);
    if (task->coroutine != 0)
        json_string(json, "coroutine", profile, profile->functions[task->coroutine].name);
    if (task_is_greenlet(profile, task))
        json_bool(json, "greenlet", true);
    json_integer(json, "count", sum->count);
    if (task->thread != 0)
        json_integer(json, "tid", profile->threads[task->thread].tid);
    json_number(json, "wall_s", sum->wall_ns / 1e9);
    json_number(json, "cpu_s", sum->cpu_ns / 1e9);
    if (profile->whole == NULL)
        json_number(json, "wait_s", (double)sum->wait_ns / 1e9);
    if (sum->wait != NULL)
        write_wait(json, profile, sum->wait);
    if (sum->awaiter != 0)
        json_string(json, "awaited_by", profile, profile->tasks[sum->awaiter].name);
    if (sum->awaiter != 0 && sums->row_of[sum->awaiter] < TASKS_MAX)
        json_integer(json, "awaiter", sums->row_of[sum->awaiter]);
    if (sum->waits_on > 0)
        json_integer(json, "waits_on", sum->waits_on);
    json_close(json, '}');
}

int json_tasks(struct json_writer *json, const struct profile *profile)
{
    struct task_sums sums;
    int rc = task_sums_new(profile, &sums);
    if (rc != 0 || sums.n_rows == 0)
        return rc;
    json_open(json, "tasks", '[');
    for (size_t i = 0; i < sums.n_rows && i < TASKS_MAX; i++)
        write_task(json, profile, &sums, &sums.rows[i]);
    json_close(json, ']');
    task_sums_release(&sums);
    return 0;
}

void json_marks(struct json_writer *json, const struct profile *profile)
{
    static const struct {
        const char *name;
        enum sample_mark mark;
    } marks[] = {{"gc", MARK_GC}, {"import", MARK_IMPORT}, {"exception", MARK_EXCEPTION}};
    bool any = false;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        double share = mark_share(profile, marks[i].mark);
        if (share > 0 && !any)
            json_open_flat(json, "marks", '{');
        any = any || share > 0;
        if (share > 0)
            json_number(json, marks[i].name, share);
    }
    if (any)
        json_close(json, '}');
}
