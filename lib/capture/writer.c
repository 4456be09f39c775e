/*
 * The writer thread: takes samples off the queue a moment after they were made (so that the kernel's instruction
 * pointers around them have arrived), gives them names and states, writes the recording, and commits. With the wait of
 * sleepers (0.3 s) and its own lag, what is older than a second survives a kill of the recorder.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/modules.h"
#include "capture/wait_state.h"
#include "capture/writer_private.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    NS_PER_MS = 1000000,
    PASS_NS = 40 * NS_PER_MS,
    LAG_NS = 60 * NS_PER_MS, /* age of a sample before it is named */
    COMMIT_NS = 400 * NS_PER_MS,
    COUNTERS_NS = 200 * NS_PER_MS,
    NOISE_AFTER_NS = 300 * NS_PER_MS,
    IP_WITHIN_NS = 4 * NS_PER_MS /* an instruction pointer further away says nothing of a sample */
};

/* ---- processes and threads ------------------------------------------------------------------------------------------
 */

static uint64_t since_start(struct measurement *m, uint64_t time_ns)
{
    return stopwatch_read(&m->watch, time_ns);
}

/* 0 would mean that it is still there. */
static uint64_t end_of(struct measurement *m, uint64_t time_ns)
{
    uint64_t end_ns = since_start(m, time_ns);
    return end_ns > 0 ? end_ns : 1;
}

static uint32_t add_text(struct measurement *m, const char *text)
{
    return text[0] != '\0' ? recording_add_string(m->recording, text, strlen(text)) : 0;
}

static void note_version(struct measurement *m, const struct tracked_process *process)
{
    char text[256];
    snprintf(text, sizeof text,
             "Python %s is newer than this keisoku knows: it is read by its own table of offsets, and every frame was "
             "checked; a newer keisoku may know more of it",
             process->info.version);
    recording_add_note(m->recording, text);
}

static void write_process(struct writer *w, struct tracked_process *process)
{
    struct measurement *m = w->m;
    pthread_mutex_lock(&m->track.lock); /* the recording may wait for a disk: never with the lock held */
    struct process record = {
        .pid = process->pid,
        .start_ns = since_start(m, process->start_ns),
        .end_ns = process->ended ? end_of(m, process->end_ns) : 0,
        .exit_status = process->exit_status,
    };
    if (process->parent != NULL) /* it was written before, and is there until the writer forgets it */
        process->parent_id = process->parent->id;
    process->parent = NULL;
    record.parent = process->parent_id;
    bool known = process->python_known;
    size_t size = process->command_size;
    memcpy(w->command, process->command, sizeof w->command);
    memcpy(w->executable, process->executable, sizeof w->executable);
    pthread_mutex_unlock(&m->track.lock);
    while (size > 0 && w->command[size - 1] == '\0')
        size--;
    if (m->options.redact_args)
        size = strnlen(w->command, size);
    record.command = size > 0 ? recording_add_string(m->recording, w->command, size) : 0;
    record.executable = add_text(m, w->executable);
    record.python = known ? add_text(m, process->info.version) : 0;
    if (process->id == 0)
        process->id = recording_add_process(m->recording, &record);
    else
        recording_set_process(m->recording, process->id, &record);
    if (known && process->info.unknown_version && !w->version_noted) {
        note_version(m, process);
        w->version_noted = true;
    }
}

static void write_thread(struct writer *w, struct tracked_thread *thread)
{
    struct measurement *m = w->m;
    char name[sizeof thread->name];
    pthread_mutex_lock(&m->track.lock);
    struct thread record = {
        .process = thread->process->id,
        .tid = thread->tid,
        .start_ns = since_start(m, thread->start_ns),
        .end_ns = thread->ended ? end_of(m, thread->end_ns) : 0,
        .run_ns = thread->run_total_ns,
        .delay_ns = thread->delay_total_ns,
    };
    memcpy(name, thread->name, sizeof name);
    pthread_mutex_unlock(&m->track.lock);
    record.name = add_text(m, name);
    if (thread->id == 0)
        thread->id = recording_add_thread(m->recording, &record);
    else
        recording_set_thread(m->recording, thread->id, &record);
}

/* Takes over new objects and what changed in known ones: marks them `due`. */
static int copy_tables(struct writer *w)
{
    struct track *track = &w->m->track;
    if (mem_grow(&w->processes, &w->processes_capacity, w->n_processes + track->n_fresh_processes, sizeof(void *)) !=
            0 ||
        mem_grow(&w->threads, &w->threads_capacity, w->n_threads + track->n_fresh_threads, sizeof(void *)) != 0)
        return ERR_NOMEM;
    for (size_t i = 0; i < track->n_fresh_processes; i++)
        w->processes[w->n_processes++] = track->fresh_processes[i];
    for (size_t i = 0; i < track->n_fresh_threads; i++) {
        w->threads[w->n_threads++] = track->fresh_threads[i];
        track->fresh_threads[i]->process->held_threads++;
    }
    track->n_fresh_processes = track->n_fresh_threads = 0;
    for (size_t i = 0; i < w->n_processes; i++) {
        w->processes[i]->due = w->processes[i]->changed;
        w->processes[i]->over = w->processes[i]->ended;
        w->processes[i]->changed = false;
    }
    for (size_t i = 0; i < w->n_threads; i++) {
        w->threads[i]->due = w->threads[i]->changed;
        w->threads[i]->over = w->threads[i]->ended;
        w->threads[i]->changed = false;
    }
    return 0;
}

/* What the tracker read when the process ended. */
static void write_last_usage(struct writer *w, struct tracked_process *process)
{
    pthread_mutex_lock(&w->m->track.lock);
    bool known = process->usage_last_known && process->python_known;
    struct usage usage = process->usage_last;
    uint64_t end_ns = process->end_ns;
    pthread_mutex_unlock(&w->m->track.lock);
    if (!known || process->usage_written || end_ns < w->m->start_ns)
        return;
    process->usage_written = true;
    counters_add_process(w->counters, process, w->threads, w->n_threads, &usage, end_ns);
}

static bool write_tables(struct writer *w, bool all)
{
    pthread_mutex_lock(&w->m->track.lock);
    int rc = copy_tables(w);
    pthread_mutex_unlock(&w->m->track.lock);
    for (size_t i = 0; rc == 0 && i < w->n_processes; i++) {
        if (!w->processes[i]->due && !all)
            continue;
        write_process(w, w->processes[i]);
        write_last_usage(w, w->processes[i]);
    }
    for (size_t i = 0; rc == 0 && i < w->n_threads; i++) {
        if (w->threads[i]->due || all)
            write_thread(w, w->threads[i]);
    }
    return rc == 0;
}

/* ---- samples --------------------------------------------------------------------------------------------------------
 */

/* Where the kernel sampler found the thread. What was deferred to the end of a switch or interrupt says nothing of it:
 * then where it goes on in user space does. */
static bool interrupted_at(struct measurement *m, const struct raw_sample *raw, struct ip_point *point)
{
    bool kernel = raw->ip >> 63 != 0;
    bool noise = kernel && raw->user_ip != 0 && atomic_load_explicit(&m->noise_known, memory_order_acquire) &&
                 kernel_noise_at(&m->noise, raw->ip);
    *point = (struct ip_point){raw->time_ns, noise ? raw->user_ip : raw->ip, kernel && !noise};
    return raw->ip != 0;
}

/* On the CPU: where? The kernel's clock tells, else nothing does. */
static void place_on_cpu(struct writer *w, const struct raw_sample *raw, const struct named_stack *named,
                         struct sample *sample)
{
    struct tracked_process *process = raw->thread->process;
    bool gil = (raw->marks & MARK_GIL) != 0, inside = (raw->marks & (MARK_GIL | MARK_ATTACHED)) != 0;
    struct ip_point point;
    if (!interrupted_at(w->m, raw, &point) &&
        !track_nearest_ip(&w->m->track, raw->thread, raw->time_ns, IP_WITHIN_NS, &point)) {
        sample->state = STATE_ON_CPU;
    } else {
        struct module module = module_at(&process->modules, w->symbols, process, &point);
        bool support = module.kind == MODULE_SUPPORT; /* counts with the interpreter while the thread is inside of it */
        if (module.kind == MODULE_KERNEL) {
            sample->state = STATE_KERNEL;
            sample->stack = names_add_leaf(w->names, sample->stack, FUNCTION_KERNEL, "[kernel]", NULL);
        } else if (module.kind == MODULE_NATIVE || (support && !inside)) {
            sample->state = (uint8_t)(gil ? STATE_NATIVE_GIL : STATE_NATIVE);
            sample->stack = names_add_leaf(w->names, sample->stack, FUNCTION_NATIVE, module.path, module.function);
        } else {
            sample->state = (uint8_t)(module.kind == MODULE_UNKNOWN ? STATE_ON_CPU : STATE_PYTHON);
        }
    }
    if ((raw->marks & MARK_GC) != 0 && inside)
        sample->state = STATE_GC;
    else if ((named->flags & NODE_IMPORT) != 0)
        sample->state = STATE_IMPORT;
}

/* A code object of the stack was found replaced, and the sample lies between the last look that saw it in place and the
 * one that saw another: its name may be wrong. */
static bool is_stale(const struct raw_sample *raw)
{
    const struct stack_store *store = &raw->thread->process->store;
    if (raw->checked)
        return false;
    for (uint32_t id = raw->node; id != 0; id = stack_store_node(store, id)->parent) {
        const struct code_entry *entry = stack_store_code(store, stack_store_node(store, id)->code);
        uint64_t to_ns = __atomic_load_n(&entry->stale_to_ns, __ATOMIC_ACQUIRE);
        if (raw->time_ns < to_ns && raw->time_ns > entry->stale_from_ns)
            return true;
    }
    return false;
}

/* Waits for work: by where its stack waits, or a native library's worker (BLAS, OpenMP), which has no Python at all. */
static bool is_idle(const struct raw_sample *raw, const struct named_stack *named)
{
    if (raw->thread->state_address == 0)
        return raw->state == STATE_LOCK;
    return wait_state_may_be_idle(raw->state) && (named->flags & (NODE_IDLE_CALL | NODE_IDLE_LEAF)) != 0;
}

/* The recording's id of a task; 0: none. */
static uint32_t task_of(struct writer *w, const struct raw_sample *raw, uint32_t id)
{
    struct tracked_process *process = raw->thread->process;
    if (id == 0)
        return 0;
    struct task_entry *entry = task_store_entry(process->tasks, id);
    uint32_t code = __atomic_load_n(&entry->code, __ATOMIC_ACQUIRE);
    if (entry->function == 0 && code != 0) {
        entry->function = names_function(w->names, &process->store, code);
        recording_set_coroutine(w->m->recording, entry->recorded, entry->function);
    }
    if (entry->recorded != 0)
        return entry->recorded;
    struct buf *name = &w->text;
    buf_clear(name);
    if (entry->task.address != 0)
        python_task_name(process->side, &entry->task, name);
    else
        buf_add_text(name, "other tasks");
    struct task task = {
        .thread = raw->thread->id,
        .name = name->size > 0 ? recording_add_string(w->m->recording, name->data, name->size) : 0,
        .coroutine = entry->function,
    };
    return entry->recorded = recording_add_task(w->m->recording, &task);
}

/* A task that was found waiting. */
static void write_wait(struct writer *w, const struct raw_sample *raw)
{
    struct tracked_process *process = raw->thread->process;
    if (raw->thread->id == 0)
        write_tables(w, false);
    struct named_stack named =
        is_stale(raw) ? (struct named_stack){0, 0} : names_stack(w->names, &process->store, raw->node);
    const char *on = process->tasks->types[raw->on];
    struct task_wait wait = {.task = task_of(w, raw, raw->task),
                             .stack = named.stack,
                             .on = add_text(w->m, on),
                             .looks = 1,
                             .wait_ns = raw->wait_ns};
    recording_add_task_wait(w->m->recording, &wait);
    recording_set_awaiter(w->m->recording, wait.task, task_of(w, raw, raw->awaiter));
}

/* From now on its tasks are looked for. */
static void see_asyncio(struct tracked_thread *thread)
{
    atomic_store_explicit(&thread->runs_loop, true, memory_order_relaxed);
    atomic_store_explicit(&thread->process->asyncio_seen, true, memory_order_relaxed);
}

/* The sample stays, its stack does not. */
static void lose_stack(struct writer *w, struct sample *sample, enum loss_kind why)
{
    measure_lose(w->m, why, sample->ticks);
    atomic_fetch_add_explicit(&w->m->counts.dropped, sample->ticks, memory_order_relaxed);
    sample->reader = READER_NONE;
    sample->stack = 0;
}

static void write_sample(struct writer *w, const struct raw_sample *raw)
{
    struct measurement *m = w->m;
    struct tracked_thread *thread = raw->thread;
    if (raw->last)
        track_forget_ips(&m->track, thread);
    thread->run_total_ns += raw->run_ns;
    thread->delay_total_ns += raw->delay_ns;
    if (raw->ticks == 0 && raw->run_ns == 0 && raw->delay_ns == 0)
        return;
    if (thread->id == 0)
        write_tables(w, false);
    struct sample sample = {
        .time_ns = since_start(m, raw->time_ns),
        .thread = thread->id,
        .ticks = raw->ticks > 0 ? raw->ticks : 1,
        .run_ns = raw->run_ns,
        .delay_ns = raw->delay_ns,
        .state = raw->state,
        .marks = raw->marks,
        .reader = raw->reader,
    };
    struct named_stack named = {0, 0};
    if (raw->node != 0 && is_stale(raw)) {
        lose_stack(w, &sample, LOSS_INVALID_STACK);
    } else if (raw->node != 0) {
        named = names_stack(w->names, &thread->process->store, raw->node);
        sample.stack = named.stack;
        if (named.stack != 0)
            names_count(w->names, &thread->process->store, raw->node, sample.ticks);
        else
            lose_stack(w, &sample, LOSS_UNRESOLVED);
        if (named.stack != 0 && raw->state == STATE_ON_CPU)
            operands_count(w->operands, thread->process, raw->node);
    }
    if (raw->state == STATE_ON_CPU)
        place_on_cpu(w, raw, &named, &sample);
    else if (is_idle(raw, &named))
        sample.state = STATE_IDLE;
    if ((named.flags & NODE_IMPORT) != 0)
        sample.marks |= MARK_IMPORT;
    if ((named.flags & NODE_ASYNCIO) != 0)
        see_asyncio(thread);
    sample.task = sample.stack != 0 ? task_of(w, raw, raw->task) : 0;
    trigger_sample(&w->trigger, m, raw, sample.state == STATE_IDLE);
    recording_add_sample(m->recording, &sample);
}

/* ---- the recording's own story
 * --------------------------------------------------------------------------------------- */

static uint64_t own_rss_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void write_self(struct writer *w)
{
    struct measurement *m = w->m;
    struct sampler_counts *c = &m->counts;
    uint64_t awake = atomic_load(&c->awake_ns), contested = atomic_load(&c->contested_ns);
    uint64_t first_ns = atomic_load(&c->first_ns), last_ns = atomic_load(&c->last_ns);
    double sampled_s =
        last_ns > first_ns ? (double)(since_start(m, last_ns) - since_start(m, first_ns)) / 1e9 : 0; /* no pauses */
    struct self_report self = {
        .own_cpu_ns = clock_process_cpu_ns() - m->cpu_before_ns,
        .core_taken_ns =
            (awake > 0 ? (uint64_t)((double)atomic_load(&c->cpu_ns) * (double)contested / (double)awake) : 0) +
            atomic_load(&c->interrupt_ns),
        .core_awake_ns = contested + atomic_load(&c->interrupt_ns),
        .own_rss_bytes = own_rss_bytes(),
        .sweeps = atomic_load(&c->sweeps),
        .sweeps_planned = atomic_load(&c->planned),
        .late = atomic_load(&c->late),
        .reads = atomic_load(&c->reads),
        .rereads = atomic_load(&c->rereads),
        .rate_asked_hz = m->options.rate_hz,
        .rate_hz = sampled_s > 0 ? (double)atomic_load(&c->sweeps) / sampled_s : 0,
    };
    recording_set_self(m->recording, &self);
    for (int kind = 0; kind < LOSS_KIND_COUNT; kind++) {
        uint64_t lost = atomic_load(&m->losses[kind]);
        if (lost > w->losses_written[kind])
            recording_add_loss(m->recording, (enum loss_kind)kind, lost - w->losses_written[kind]);
        w->losses_written[kind] = lost;
    }
}

void writer_keep_failure(struct measurement *m, const struct err *err)
{
    pthread_mutex_lock(&m->failure_lock);
    if (m->failure.code == 0)
        m->failure = *err;
    pthread_mutex_unlock(&m->failure_lock);
}

/* Totals of threads that ran since the last commit: a recording that is cut off has them too. */
static void write_totals(struct writer *w)
{
    for (size_t i = 0; i < w->n_threads; i++) {
        struct tracked_thread *thread = w->threads[i];
        if (thread->id == 0 || thread->run_written_ns == thread->run_total_ns)
            continue;
        thread->run_written_ns = thread->run_total_ns;
        write_thread(w, thread);
    }
}

/* The sampler let go of it, and what it had queued before that is written. */
static bool is_drained(struct writer *w, struct tracked_thread *thread)
{
    struct sample_queue *queue = &w->m->queue;
    if (!thread->over || !atomic_load_explicit(&thread->released, memory_order_acquire))
        return false;
    if (thread->drained_at == 0)
        thread->drained_at = atomic_load_explicit(&queue->head, memory_order_acquire) + 1;
    return atomic_load_explicit(&queue->tail, memory_order_relaxed) + 1 >= thread->drained_at;
}

static void forget_thread(struct writer *w, struct tracked_thread *thread)
{
    if (thread->run_written_ns != thread->run_total_ns)
        write_thread(w, thread);
    thread->process->ended_switches[0] += thread->switches[0];
    thread->process->ended_switches[1] += thread->switches[1];
    thread->process->held_threads--;
    atomic_store(&thread->forgotten, true); /* from here on the tracker's */
}

/* Gives back what has ended, so that a program that starts a hundred thousand processes is measured in the memory that
 * its living ones take. */
static void forget_ended(struct writer *w)
{
    size_t left = 0;
    for (size_t i = 0; i < w->n_threads; i++) {
        if (is_drained(w, w->threads[i]))
            forget_thread(w, w->threads[i]);
        else
            w->threads[left++] = w->threads[i];
    }
    w->n_threads = left;
    left = 0;
    for (size_t i = 0; i < w->n_processes; i++) {
        struct tracked_process *process = w->processes[i];
        if (process->over && process->held_threads == 0 && !process->root) {
            names_forget(&process->store);
            module_map_free(process->modules);
            process->modules = NULL;
            atomic_store(&process->forgotten, true);
        } else {
            w->processes[left++] = process;
        }
    }
    w->n_processes = left;
}

static void commit(struct writer *w, uint64_t now_ns)
{
    struct err err = {0};
    write_totals(w);
    write_self(w);
    if (recording_commit(w->m->recording, since_start(w->m, now_ns), &err) != 0)
        writer_keep_failure(w->m, &err);
}

void writer_read_counters(struct writer *w, uint64_t now_ns)
{
    int64_t cpu_ns = 0, rss_bytes = 0;
    if (now_ns < w->m->start_ns) /* --delay */
        return;
    counters_read_cores(w->counters, now_ns);
    for (size_t i = 0; i < w->n_processes; i++) {
        struct tracked_process *process = w->processes[i];
        struct usage usage;
        if (process->ended || !process->python_known || !usage_read(process->pid, process->start_ticks, &usage))
            continue;
        counters_add_process(w->counters, process, w->threads, w->n_threads, &usage, now_ns);
        cpu_ns += usage.values[COUNTER_USER_TIME] + usage.values[COUNTER_SYSTEM_TIME];
        rss_bytes += usage.values[COUNTER_RSS];
    }
    trigger_usage(&w->trigger, w->m, now_ns, cpu_ns, rss_bytes);
}

/* When the recording ended: now, or where it was to end. */
static uint64_t last_moment(const struct measurement *m)
{
    uint64_t now_ns = clock_monotonic_ns(), end_ns = atomic_load(&m->end_ns);
    return end_ns != 0 && end_ns < now_ns ? end_ns : now_ns;
}

static void write_samples(struct writer *w, uint64_t until_ns)
{
    const struct raw_sample *raw;
    while ((raw = sample_queue_peek(&w->m->queue)) != NULL && raw->time_ns <= until_ns) {
        if (raw->waits)
            write_wait(w, raw);
        else
            write_sample(w, raw);
        sample_queue_pop(&w->m->queue);
        if (writer_must_commit(w)) {
            commit(w, last_moment(w->m));
            writer_keep_bounds(w, last_moment(w->m));
        }
    }
}

/* Tens of milliseconds of work that delay nothing here, and that a short program need not wait for. */
static void learn_noise(struct measurement *m, uint64_t now_ns)
{
    bool kernel = m->kernel != NULL || (m->perf != NULL && perf_clock_sees_kernel(m->perf));
    if (!kernel || atomic_load(&m->noise_known) || since_start(m, now_ns) < NOISE_AFTER_NS)
        return;
    kernel_noise_load(&m->noise, "/proc/kallsyms");
    atomic_store_explicit(&m->noise_known, true, memory_order_release);
}

/* The kernel sampler came beside a program that ran already. */
static void note_kernel(struct writer *w)
{
    if (w->m->kernel_start == NULL || w->m->kernel == NULL || w->kernel_noted)
        return;
    recording_set_evidence(w->m->recording,
                           w->m->perf != NULL ? "kernel sampler,perf clock,/proc" : "kernel sampler,/proc");
    w->kernel_noted = true;
}

static void pass(struct writer *w)
{
    uint64_t now_ns = last_moment(w->m);
    learn_noise(w->m, now_ns);
    note_kernel(w);
    bool written = write_tables(w, false);
    write_samples(w, now_ns - LAG_NS);
    operands_write(w->operands);
    if (written) /* a child that is not known yet may name its parent */
        forget_ended(w);
    if (now_ns >= w->counters_due_ns) {
        writer_read_counters(w, now_ns);
        w->counters_due_ns = now_ns + COUNTERS_NS;
    }
    if (now_ns >= w->commit_due_ns) {
        commit(w, now_ns);
        writer_keep_bounds(w, now_ns);
        w->commit_due_ns = now_ns + COMMIT_NS;
    }
}

void writer_commit(struct writer *w, uint64_t until_ns)
{
    write_tables(w, false);
    write_samples(w, until_ns);
    commit(w, clock_monotonic_ns());
}

static void finish(struct writer *w)
{
    uint64_t now_ns = last_moment(w->m);
    write_tables(w, false);
    write_samples(w, UINT64_MAX);
    operands_write(w->operands);
    if (atomic_load(&w->m->end_ns) == 0)
        writer_read_counters(w, now_ns);
    write_tables(w, true);
    commit(w, now_ns);
    writer_keep_last(w, now_ns);
}

void *writer_main(void *measurement)
{
    struct measurement *m = measurement;
    struct writer w = {.m = m};
    struct err err = {0};
    prctl(PR_SET_NAME, "kei-writer");
    w.symbols = symbols_new();
    if (w.symbols == NULL || names_new(m, &w.names) != 0 || counters_new(m->recording, &m->watch, &w.counters) != 0 ||
        operand_writer_new(m, w.names, &w.operands) != 0) {
        err_set(&err, ERR_NOMEM, "nothing is recorded: out of memory; free some memory");
        writer_keep_failure(m, &err);
    } else {
        while (!atomic_load(&m->stop_writer)) {
            pass(&w);
            writer_rest(&w, PASS_NS);
        }
        finish(&w);
    }
    for (size_t i = 0; i < w.n_processes; i++) {
        module_map_free(w.processes[i]->modules);
        names_forget(&w.processes[i]->store);
    }
    operand_writer_free(w.operands);
    names_free(w.names);
    symbols_free(w.symbols);
    counters_free(w.counters);
    buf_release(&w.text);
    mem_free(w.processes);
    mem_free(w.threads);
    return NULL;
}
