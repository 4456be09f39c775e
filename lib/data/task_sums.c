#include "data/task_sums.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

static bool numbered_after(const char *name, const char *kind)
{
    size_t length = strlen(kind);
    return strncmp(name, kind, length) == 0 && name[length] != '\0' &&
           name[length + strspn(name + length, "0123456789")] == '\0';
}

bool task_is_greenlet(const struct profile *profile, const struct task *task)
{
    return numbered_after(profile->strings[task->name], "Greenlet-");
}

bool task_is_numbered(const struct profile *profile, const struct task *task)
{
    return numbered_after(profile->strings[task->name], "Task-") || task_is_greenlet(profile, task);
}

static bool grouped(const struct profile *profile, const struct task *task)
{
    return task->coroutine != 0 && task_is_numbered(profile, task);
}

uint32_t task_label(const struct profile *profile, uint32_t task)
{
    if (task == 0)
        return 0;
    const struct task *row = &profile->tasks[task];
    return grouped(profile, row) ? profile->functions[row->coroutine].name : row->name;
}

double mark_share(const struct profile *profile, enum sample_mark mark)
{
    const struct profile_samples *samples = &profile->samples;
    double all = 0, marked = 0;
    for (size_t i = 0; i < samples->count; i++) {
        if (profile->thread_idle[samples->thread[i]])
            continue;
        all += samples->wall_ns[i];
        marked += (samples->marks[i] & mark) != 0 ? samples->wall_ns[i] : 0;
    }
    return all > 0 ? marked / all : 0;
}

int tasks_find_alike(struct profile *profile)
{
    struct map rows = {0};
    int rc = 0;
    for (size_t i = 1; rc == 0 && i < profile->n_tasks; i++) {
        struct task *task = &profile->tasks[i];
        bool found;
        uint32_t name = !grouped(profile, task) ? task->name : task_is_greenlet(profile, task) ? UINT32_MAX : 0;
        uint32_t key[] = {name, task->coroutine, task->thread};
        rc = map_put(&rows, key, sizeof key, (uint32_t)i, &task->alike, &found);
    }
    map_release(&rows);
    return rc;
}

static void make_rows(const struct profile *profile, struct task_sums *sums)
{
    for (size_t i = 1; i < profile->n_tasks; i++) {
        uint32_t alike = profile->tasks[i].alike;
        sums->row_of[i] = alike == i ? (uint32_t)sums->n_rows : sums->row_of[alike];
        if (alike != i)
            continue;
        sums->rows[sums->n_rows++] = (struct task_sum){.task = alike};
        sums->n_greenlets += task_is_greenlet(profile, &profile->tasks[i]);
    }
}

static void add_up(const struct profile *profile, struct task_sums *sums)
{
    const uint32_t *row_of = sums->row_of;
    const struct profile_samples *samples = &profile->samples;
    for (size_t i = 1; i < profile->n_tasks; i++) {
        struct task_sum *row = &sums->rows[row_of[i]];
        uint32_t awaiter = profile->tasks[i].awaiter;
        row->count++;
        row->awaiter = awaiter != 0 ? awaiter : row->awaiter;
        if (awaiter != 0)
            sums->rows[row_of[awaiter]].waits_on++;
    }
    for (size_t i = 0; samples->task != NULL && i < samples->count; i++) {
        sums->all_cpu_ns += samples->cpu_ns[i];
        if (samples->task[i] == 0)
            continue;
        struct task_sum *row = &sums->rows[row_of[samples->task[i]]];
        row->wall_ns += samples->wall_ns[i];
        row->cpu_ns += samples->cpu_ns[i];
        sums->wall_ns += samples->wall_ns[i];
        sums->cpu_ns += samples->cpu_ns[i];
    }
    for (size_t i = 0; i < profile->n_task_waits; i++) {
        const struct task_wait *wait = &profile->task_waits[i];
        if (wait->task == 0)
            continue;
        struct task_sum *row = &sums->rows[row_of[wait->task]];
        row->wait_ns += wait->wait_ns;
        if (row->wait == NULL || wait->wait_ns > row->wait->wait_ns)
            row->wait = wait;
    }
}

static int by_time(const void *a, const void *b)
{
    const struct task_sum *left = a, *right = b;
    if (left->cpu_ns != right->cpu_ns)
        return left->cpu_ns < right->cpu_ns ? 1 : -1;
    if (left->wait_ns != right->wait_ns)
        return left->wait_ns < right->wait_ns ? 1 : -1;
    return left->task > right->task ? 1 : -1;
}

int task_sums_new(const struct profile *profile, struct task_sums *sums)
{
    *sums = (struct task_sums){0};
    if (profile->n_tasks <= 1)
        return 0;
    sums->row_of = mem_zalloc(profile->n_tasks, sizeof *sums->row_of);
    sums->rows = mem_zalloc(profile->n_tasks, sizeof *sums->rows);
    if (sums->row_of == NULL || sums->rows == NULL) {
        task_sums_release(sums);
        return ERR_NOMEM;
    }
    make_rows(profile, sums);
    add_up(profile, sums);
    qsort(sums->rows, sums->n_rows, sizeof *sums->rows, by_time);
    for (size_t i = 0; i < sums->n_rows; i++)
        sums->row_of[sums->rows[i].task] = (uint32_t)i;
    for (size_t i = 1; i < profile->n_tasks; i++)
        sums->row_of[i] = sums->row_of[profile->tasks[i].alike];
    return 0;
}

void task_sums_release(struct task_sums *sums)
{
    mem_free(sums->rows);
    mem_free(sums->row_of);
    *sums = (struct task_sums){0};
}
