/* See window.h: the stretch goes through the same adds as a measurement. */
#include "data/window_private.h"

#include <string.h>

static void write_names(struct window *window)
{
    const struct profile *profile = window->loader.profile;
    struct recording *to = window->to;
    for (size_t i = 1; i < profile->n_strings; i++)
        if (window->strings[i] != 0)
            window->strings[i] = recording_add_string(to, profile->strings[i], profile->string_lengths[i]);
    window->strings[0] = window->functions[0] = window->frames[0] = window->stacks[0] = 0;
    for (size_t i = 1; i < profile->n_functions; i++) {
        if (window->functions[i] == 0)
            continue;
        struct function function = profile->functions[i];
        function.name = window->strings[function.name];
        function.file = window->strings[function.file];
        window->functions[i] = recording_add_function(to, &function);
    }
    for (size_t i = 1; i < profile->n_frames; i++)
        if (window->frames[i] != 0)
            window->frames[i] =
                recording_add_frame(to, window->functions[profile->frames[i].function], profile->frames[i].line);
    for (size_t i = 1; i < profile->n_stacks; i++)
        if (window->stacks[i] != 0)
            window->stacks[i] = recording_add_stack(to, window->stacks[profile->stacks[i].parent],
                                                    window->frames[profile->stacks[i].frame]);
}

/* Counts without a time: they stay with the lines that are left. */
static void write_counts(struct window *window)
{
    const struct profile *profile = window->loader.profile;
    for (size_t i = 0; i < profile->n_expressions; i++) {
        struct expression expression = profile->expressions[i];
        expression.frame = window->frames[expression.frame];
        recording_add_expression(window->to, &expression); /* of a frame that is gone: ignored, as below */
    }
    for (size_t i = 0; i < profile->n_operands; i++) {
        struct operand operand = profile->operands[i];
        operand.frame = window->frames[operand.frame];
        operand.operation = window->strings[operand.operation];
        operand.type = window->strings[operand.type];
        operand.shape = window->strings[operand.shape];
        recording_merge_operand(window->to, &operand);
    }
    for (size_t i = 0; i < profile->n_lock_holders; i++) {
        struct lock_holder holder = profile->lock_holders[i];
        holder.frame = window->frames[holder.frame];
        if (window->frames[holder.frame] == 0 || (holder.held != 0 && window->frames[holder.held] == 0))
            continue; /* nothing of the stretch waited there */
        holder.held = window->frames[holder.held];
        holder.thread = window->strings[holder.thread];
        recording_add_lock_holder(window->to, &holder);
    }
}

static uint64_t moved_start(const struct window *window, uint64_t start_ns)
{
    return start_ns > window->from_ns ? start_ns - window->from_ns : 0;
}

/* 0 would say that it goes on. */
static uint64_t moved_end(const struct window *window, uint64_t end_ns)
{
    if (end_ns == 0)
        return 0;
    return end_ns > window->from_ns ? end_ns - window->from_ns : 1;
}

static void write_processes(struct window *window)
{
    const struct profile *profile = window->loader.profile;
    uint32_t n = 0;
    window->processes[0] = 0;
    for (size_t i = 1; i < profile->n_processes; i++) /* a parent may have a later number */
        window->processes[i] = window->processes[i] != 0 ? ++n : 0;
    for (size_t i = 1; i < profile->n_processes; i++) {
        struct process process = profile->processes[i];
        if (window->processes[i] == 0)
            continue;
        process.parent = window->processes[process.parent];
        process.command = window->strings[process.command];
        process.executable = window->strings[process.executable];
        process.python = window->strings[process.python];
        process.host = window->strings[process.host];
        process.recording = window->strings[process.recording];
        process.start_ns = moved_start(window, process.start_ns);
        process.end_ns = moved_end(window, process.end_ns);
        recording_add_process(window->to, &process);
    }
    for (size_t i = 0; i < profile->n_call_counts; i++) {
        struct call_count count = profile->call_counts[i];
        count.process = window->processes[count.process];
        count.function = window->functions[count.function];
        recording_add_call_count(window->to, &count); /* of a process that is gone: ignored */
    }
    for (size_t i = 0; i < profile->n_allocations; i++) {
        struct allocation allocation = profile->allocations[i];
        allocation.process = window->processes[allocation.process];
        allocation.stack = window->stacks[allocation.stack];
        recording_add_allocation(window->to, &allocation);
    }
}

static struct thread thread_now(const struct window *window, size_t i)
{
    struct thread thread = window->loader.profile->threads[i];
    thread.process = window->processes[thread.process];
    thread.name = window->strings[thread.name];
    thread.start_ns = moved_start(window, thread.start_ns);
    thread.end_ns = moved_end(window, thread.end_ns);
    thread.run_ns = window->run_ns[i];
    thread.delay_ns = window->delay_ns[i];
    return thread;
}

static void write_threads(struct window *window)
{
    window->threads[0] = 0;
    for (size_t i = 1; i < window->loader.profile->n_threads; i++) {
        struct thread thread = thread_now(window, i);
        if (window->threads[i] != 0)
            window->threads[i] = recording_add_thread(window->to, &thread);
    }
}

/* Two passes: who waits for a task may have a later number. */
static void write_tasks(struct window *window)
{
    const struct profile *profile = window->loader.profile;
    window->tasks[0] = 0;
    for (size_t i = 1; i < profile->n_tasks; i++) {
        struct task task = profile->tasks[i];
        if (window->tasks[i] == 0)
            continue;
        task.thread = window->threads[task.thread];
        task.name = window->strings[task.name];
        task.coroutine = window->functions[task.coroutine];
        task.awaiter = 0;
        window->tasks[i] = recording_add_task(window->to, &task);
    }
    for (size_t i = 1; i < profile->n_tasks; i++)
        if (window->tasks[i] != 0)
            recording_set_awaiter(window->to, window->tasks[i], window->tasks[profile->tasks[i].awaiter]);
    for (size_t i = 0; i < profile->n_task_waits; i++) {
        struct task_wait wait = profile->task_waits[i];
        wait.task = window->tasks[wait.task];
        wait.stack = window->stacks[wait.stack];
        wait.on = window->strings[wait.on];
        recording_add_task_wait(window->to, &wait); /* of a task that is gone: ignored */
    }
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
    return value < limit ? value : limit;
}

static int write_row(struct window *window, const struct chunk_row *row)
{
    uint64_t from = window->from_ns / CHUNK_UNIT_NS, inside = row->time - from;
    uint64_t before = window->last_units[row->thread];
    uint32_t ticks = row->ticks;
    bool cut = before < from && from > 0;
    if (cut && row->time > before) { /* before 0: not known, its chunk is gone */
        uint64_t all = row->time - before;
        ticks = before > 0 ? (uint32_t)((uint64_t)ticks * inside / all) : ticks;
        ticks = ticks > 0 ? ticks : 1;
    }
    struct sample sample = {
        .time_ns = inside * CHUNK_UNIT_NS,
        .thread = window->threads[row->thread],
        .stack = window->stacks[row->stack],
        .task = window->tasks[row->task],
        .ticks = ticks,
        .run_ns = (cut ? at_most(row->run, inside) : row->run) * CHUNK_UNIT_NS,
        .delay_ns = (cut ? at_most(row->delay, inside) : row->delay) * CHUNK_UNIT_NS,
        .state = row->state,
        .marks = row->marks,
        .reader = row->reader,
        .place = row->place,
    };
    window->run_ns[row->thread] += sample.run_ns;
    window->delay_ns[row->thread] += sample.delay_ns;
    recording_add_sample(window->to, &sample);
    return 0;
}

static void write_counters(struct window *window)
{
    const struct profile *profile = window->loader.profile;
    for (size_t i = 0; i < window->n_counters; i++) {
        struct counter counter = window->counters[i];
        bool core = counter_of_core(counter.kind);
        if (!core && (counter.subject >= profile->n_processes || window->processes[counter.subject] == 0))
            continue;
        counter.subject = core ? counter.subject : window->processes[counter.subject];
        recording_add_counter(window->to, &counter);
    }
}

static void write_rest(struct window *window)
{
    const struct profile *profile = window->loader.profile;
    for (size_t i = 0; i < profile->n_sources; i++) {
        const struct profile_source *source = &profile->sources[i];
        recording_add_source(window->to, window->strings[source->file], source->first_line, source->text,
                             source->length);
    }
    for (size_t i = 0; i < profile->n_gaps; i++) {
        const struct gap *gap = &profile->gaps[i];
        if (gap->time_ns >= window->from_ns)
            recording_add_gap(window->to, gap->time_ns - window->from_ns, gap->length_ns);
    }
}

/* The maps change hands. */
static void tell_moved(struct window *window, struct recording_moved *moved)
{
    const struct profile *profile = window->loader.profile;
    moved->n_processes = profile->n_processes;
    moved->n_threads = profile->n_threads;
    moved->processes = window->processes;
    moved->threads = window->threads;
    moved->n_tasks = profile->n_tasks;
    moved->tasks = window->tasks;
    window->processes = window->threads = window->tasks = NULL;
    for (size_t i = 1; i < moved->n_processes; i++)
        moved->processes[i] = moved->processes[i] != 0 ? moved->processes[i] : RECORDING_GONE;
    for (size_t i = 1; i < moved->n_tasks; i++)
        moved->tasks[i] = moved->tasks[i] != 0 ? moved->tasks[i] : RECORDING_GONE;
    for (size_t i = 1; i < moved->n_threads; i++)
        moved->threads[i] = moved->threads[i] != 0 ? moved->threads[i] : RECORDING_GONE;
}

int window_write(struct window *window, struct recording *to, struct recording_moved *moved, struct err *err)
{
    window->to = to;
    window->loader.err = err;
    write_names(window);
    write_counts(window);
    write_processes(window);
    write_threads(window);
    write_tasks(window);
    int rc = window_each_row(window, write_row);
    for (size_t i = 1; rc == 0 && i < window->loader.profile->n_threads; i++) {
        struct thread thread = thread_now(window, i);
        if (window->threads[i] != 0)
            recording_set_thread(to, window->threads[i], &thread);
    }
    if (rc != 0)
        return rc;
    write_counters(window);
    write_rest(window);
    if (moved != NULL)
        tell_moved(window, moved);
    return 0;
}
