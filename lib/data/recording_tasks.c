/* Tasks of asyncio in a recording: who they are, what of the samples is theirs, and where they waited. */
#include "data/recording_private.h"

uint32_t recording_add_task(struct recording *recording, const struct task *task)
{
    if (recording->failure.code != 0 || task->thread > recording->n_threads || task->name > recording->n_strings ||
        task->coroutine > recording->n_functions)
        return 0;
    if (mem_grow(&recording->tasks, &recording->task_capacity, recording->n_tasks + 1, sizeof *recording->tasks) != 0) {
        recording_out_of_memory(recording);
        return 0;
    }
    recording->tasks[recording->n_tasks++] = (struct recorded_task){.task = *task, .dirty = true};
    return (uint32_t)recording->n_tasks;
}

void recording_set_awaiter(struct recording *recording, uint32_t task, uint32_t awaiter)
{
    if (task == 0 || task > recording->n_tasks || awaiter > recording->n_tasks || awaiter == task)
        return;
    struct recorded_task *row = &recording->tasks[task - 1];
    row->dirty = row->dirty || row->task.awaiter != awaiter;
    row->task.awaiter = awaiter;
}

void recording_set_coroutine(struct recording *recording, uint32_t task, uint32_t function)
{
    if (task == 0 || task > recording->n_tasks || function > recording->n_functions)
        return;
    recording->tasks[task - 1].task.coroutine = function;
    recording->tasks[task - 1].dirty = true;
}

void recording_count_task(struct recording *recording, const struct sample *sample)
{
    if (sample->task == 0)
        return;
    struct recorded_task *row = &recording->tasks[sample->task - 1];
    row->ticks += sample->ticks;
    row->run_ns += sample->run_ns;
    row->dirty = true;
}

void recording_add_task_wait(struct recording *recording, const struct task_wait *wait)
{
    uint32_t key[] = {wait->task, wait->stack, wait->on}, index = 0;
    bool found = false;
    if (recording->failure.code != 0 || wait->task == 0 || wait->task > recording->n_tasks ||
        wait->stack > recording->n_stacks || wait->on > recording->n_strings)
        return;
    if (map_put(&recording->wait_index, key, sizeof key, (uint32_t)recording->n_waits, &index, &found) != 0 ||
        mem_grow(&recording->waits, &recording->wait_capacity, recording->n_waits + 1, sizeof *recording->waits) != 0) {
        recording_out_of_memory(recording);
        return;
    }
    struct recorded_wait *row = &recording->waits[index];
    if (!found) {
        *row = (struct recorded_wait){.wait = {wait->task, wait->stack, wait->on, 0, 0}};
        sqlite3_stmt *stored = recording_find(recording, STATEMENT_FIND_TASK_WAIT, key, 3);
        if (stored != NULL) {
            row->wait.looks = (uint64_t)sqlite3_column_int64(stored, 0);
            row->wait.wait_ns = (uint64_t)sqlite3_column_int64(stored, 1);
        }
        sqlite3_reset(stored);
        recording->n_waits++;
    }
    row->wait.looks += wait->looks;
    row->wait.wait_ns += wait->wait_ns;
    row->dirty = true;
}

static void write_wait(struct recording *recording, struct recorded_wait *row)
{
    sqlite3_stmt *statement = recording_statement(recording, STATEMENT_TASK_WAIT);
    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, row->wait.task);
    sqlite3_bind_int64(statement, 2, row->wait.stack);
    sqlite3_bind_int64(statement, 3, row->wait.on);
    recording_bind_u64(statement, 4, row->wait.looks);
    recording_bind_u64(statement, 5, row->wait.wait_ns);
    row->dirty = !recording_step(recording, statement);
}

void recording_write_tasks(struct recording *recording)
{
    for (size_t i = 0; i < recording->n_tasks; i++) {
        struct recorded_task *row = &recording->tasks[i];
        sqlite3_stmt *statement = row->dirty ? recording_statement(recording, STATEMENT_TASK) : NULL;
        if (statement == NULL)
            continue;
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)i + 1);
        sqlite3_bind_int64(statement, 2, row->task.thread);
        sqlite3_bind_int64(statement, 3, row->task.name);
        sqlite3_bind_int64(statement, 4, row->task.coroutine);
        sqlite3_bind_int64(statement, 5, row->task.awaiter);
        recording_bind_u64(statement, 6, row->ticks);
        recording_bind_u64(statement, 7, row->run_ns);
        row->dirty = !recording_step(recording, statement);
    }
    for (size_t i = 0; i < recording->n_waits; i++) {
        if (recording->waits[i].dirty)
            write_wait(recording, &recording->waits[i]);
    }
}

void recording_release_tasks(struct recording *recording)
{
    mem_free(recording->tasks);
    recording->tasks = NULL;
    recording->n_tasks = recording->task_capacity = 0;
}
