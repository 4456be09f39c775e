/* A sample off the queue becomes a row: named, in one state, with its task. */
#include "capture/agent_counts.h"
#include "capture/modules.h"
#include "capture/wait_state.h"
#include "capture/writer_private.h"

#include <stdio.h>
#include <string.h>

enum { IP_WITHIN_NS = 4 * 1000000 /* an instruction pointer further away says nothing of a sample */ };

/* Where the kernel sampler found the thread. What was deferred to the end of a switch or interrupt says nothing of it:
 * then where it goes on in user space does. */
static bool interrupted_at(struct measurement *m, const struct raw_sample *raw, struct ip_point *point)
{
    bool kernel = raw->ip >> 63 != 0;
    bool noise = raw->ip != 0 && raw->user_ip != 0 && measure_is_noise(m, raw->ip, kernel);
    *point = (struct ip_point){raw->time_ns, noise ? raw->user_ip : raw->ip, kernel && !noise};
    return raw->ip != 0;
}

/* On the CPU: where? The kernel's clock tells, else nothing does. */
static void place_on_cpu(struct writer *w, const struct raw_sample *raw, const struct named_stack *named, bool joined,
                         struct sample *sample)
{
    struct tracked_process *process = raw->thread->process;
    bool gil = (raw->marks & MARK_GIL) != 0, inside = (raw->marks & (MARK_GIL | MARK_ATTACHED)) != 0;
    struct module module = {.kind = MODULE_UNKNOWN};
    struct ip_point point;
    if (!interrupted_at(w->m, raw, &point) &&
        !track_nearest_ip(&w->m->track, raw->thread, raw->time_ns, IP_WITHIN_NS, &point)) {
        sample->state = STATE_ON_CPU;
    } else {
        module = module_at(&process->modules, &w->files, process, &point);
        sample->place = (uint8_t)module.place;
        bool support = module.kind == MODULE_SUPPORT; /* counts with the interpreter while the thread is inside of it */
        if (module.kind == MODULE_KERNEL) {
            sample->state = STATE_KERNEL;
            sample->stack = names_add_leaf(w->names, sample->stack, FUNCTION_KERNEL, "[kernel]", NULL);
        } else if (module.kind == MODULE_NATIVE && agent_counts_is_agent(w->m->agent, module.path)) {
            sample->state = STATE_INSTRUMENT;
        } else if (module.kind == MODULE_NATIVE || (support && !inside)) {
            sample->state = (uint8_t)(gil ? STATE_NATIVE_GIL : STATE_NATIVE);
            if (!joined)
                sample->stack = names_add_leaf(w->names, sample->stack, FUNCTION_NATIVE, module.path, module.function);
        } else {
            sample->state = (uint8_t)(module.kind == MODULE_UNKNOWN ? STATE_ON_CPU : STATE_PYTHON);
        }
    }
    if ((raw->marks & MARK_GC) != 0 && inside)
        sample->state = STATE_GC;
    else if ((named->flags & NODE_IMPORT) != 0)
        sample->state = STATE_IMPORT;
    if (module.kind == MODULE_UNKNOWN && sample->state != STATE_ON_CPU)
        sample->place = PLACE_UNKNOWN;
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

/* An event loop without Python frames (uvloop's) that waits where it was seen to run coroutines. */
static bool is_idle_loop(const struct raw_sample *raw, const struct named_stack *named)
{
    return raw->state == STATE_IO && (named->flags & (NODE_LOOP_LEAF | NODE_ASYNCIO)) == NODE_LOOP_LEAF &&
           atomic_load_explicit(&raw->thread->process->asyncio_known, memory_order_relaxed);
}

/* Waits for work: by where its stack waits, or a native library's worker (BLAS, OpenMP), which has no Python at all. */
static bool is_idle(const struct raw_sample *raw, const struct named_stack *named)
{
    if (raw->thread->state_address == 0)
        return raw->state == STATE_LOCK;
    if (is_idle_loop(raw, named))
        return true;
    return wait_state_may_be_idle(raw->state) && (named->flags & (NODE_IDLE_CALL | NODE_IDLE_LEAF)) != 0;
}

static uint32_t add_holder(struct writer *w, const struct raw_sample *raw, uint32_t stack)
{
    struct tracked_process *process = raw->thread->process;
    char name[sizeof raw->thread->name];
    snprintf(name, sizeof name, "%d", raw->holder_tid);
    for (size_t i = 0; i < w->n_threads; i++) {
        const struct tracked_thread *holder = w->threads[i];
        if (holder->tid != raw->holder_tid || holder->process != process)
            continue;
        pthread_mutex_lock(&w->m->track.lock);
        if (holder->name[0] != '\0')
            memcpy(name, holder->name, sizeof name);
        pthread_mutex_unlock(&w->m->track.lock);
        break;
    }
    return names_add_holder(w->names, stack, &process->store, raw->holder_node, name);
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

void writer_write_wait(struct writer *w, const struct raw_sample *raw)
{
    struct tracked_process *process = raw->thread->process;
    if (raw->thread->id == 0)
        writer_write_tables(w, false);
    struct named_stack named =
        is_stale(raw) ? (struct named_stack){0, 0} : names_stack(w->names, &process->store, raw->node);
    const char *on = process->tasks->types[raw->on];
    struct task_wait wait = {.task = task_of(w, raw, raw->task),
                             .stack = named.stack,
                             .on = writer_add_text(w->m, on),
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

/* When the recording ends, as far as that is known: UINT64_MAX. */
static uint64_t end_of_recording(struct measurement *m)
{
    uint64_t took_ns = atomic_load(&m->took_ns), end_ns = atomic_load(&m->end_ns);
    if (took_ns != 0 || end_ns != 0)
        return took_ns != 0 ? took_ns : stopwatch_read(&m->watch, end_ns);
    return m->options.duration_ns != 0 ? m->options.duration_ns : UINT64_MAX;
}

/* A sampler that had to wait for a core may look again behind the end: of the time since the thread's sample before,
 * the part up to the end counts. */
static void cut_at_end(struct measurement *m, struct tracked_thread *thread, struct sample *sample)
{
    uint64_t end_ns = end_of_recording(m), before_ns = thread->written_to_ns;
    if (before_ns == 0)
        before_ns = stopwatch_read(&m->watch, thread->start_ns);
    thread->written_to_ns = sample->time_ns;
    if (sample->time_ns <= end_ns)
        return;
    double part = before_ns < end_ns ? (double)(end_ns - before_ns) / (double)(sample->time_ns - before_ns) : 0;
    sample->run_ns = (uint64_t)((double)sample->run_ns * part);
    sample->delay_ns = (uint64_t)((double)sample->delay_ns * part);
    sample->ticks = part > 0 ? sample->ticks : 0;
    sample->time_ns = end_ns;
}

/* A thread that waited for a core when it was met has all of that wait in its counters once it gets one: it cannot have
 * run and waited for longer than it is known. */
static void cut_at_start(struct measurement *m, const struct tracked_thread *thread, struct sample *sample)
{
    uint64_t start_ns = stopwatch_read(&m->watch, thread->start_ns);
    uint64_t booked_ns = thread->run_total_ns + thread->delay_total_ns + sample->run_ns;
    uint64_t lived_ns = sample->time_ns > start_ns ? sample->time_ns - start_ns : 0;
    uint64_t room_ns = lived_ns > booked_ns ? lived_ns - booked_ns : 0;
    if (sample->delay_ns > room_ns)
        sample->delay_ns = room_ns;
}

void writer_write_sample(struct writer *w, const struct raw_sample *raw)
{
    struct measurement *m = w->m;
    struct tracked_thread *thread = raw->thread;
    if (raw->last)
        track_forget_ips(&m->track, thread);
    struct sample sample = {
        .time_ns = stopwatch_read(&m->watch, raw->time_ns),
        .ticks = raw->ticks,
        .run_ns = raw->run_ns,
        .delay_ns = raw->delay_ns,
        .state = raw->state,
        .marks = raw->marks,
        .reader = raw->reader,
    };
    cut_at_end(m, thread, &sample);
    cut_at_start(m, thread, &sample);
    thread->run_total_ns += sample.run_ns;
    m->run_ns += sample.run_ns;
    thread->delay_total_ns += sample.delay_ns;
    counters_add_run(w->counters, raw->core, sample.run_ns, sample.delay_ns);
    if (sample.ticks == 0 && sample.run_ns == 0 && sample.delay_ns == 0)
        return;
    if (thread->id == 0)
        writer_write_tables(w, false);
    sample.thread = thread->id;
    sample.ticks = sample.ticks > 0 ? sample.ticks : 1;
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
    bool joined = writer_join_native(w, raw, &sample);
    if (raw->state == STATE_ON_CPU)
        place_on_cpu(w, raw, &named, joined, &sample);
    else if (is_idle(raw, &named))
        sample.state = STATE_IDLE;
    else if (raw->state == STATE_IO && sample.stack != 0 && wait_what_name((enum wait_what)raw->wait_what) != NULL)
        sample.stack = names_add_leaf(w->names, sample.stack, FUNCTION_KERNEL, "[kernel]",
                                      wait_what_name((enum wait_what)raw->wait_what));
    else if (raw->state == STATE_GIL_WAIT && sample.stack != 0 && raw->holder_tid != 0)
        sample.stack = add_holder(w, raw, sample.stack);
    if ((named.flags & NODE_IMPORT) != 0)
        sample.marks |= MARK_IMPORT;
    if ((named.flags & (NODE_ASYNCIO | NODE_COROUTINE)) != 0)
        see_asyncio(thread);
    sample.task = sample.stack != 0 ? task_of(w, raw, raw->task) : 0;
    trigger_sample(&w->trigger, m, raw, sample.state == STATE_IDLE);
    recording_add_sample(m->recording, &sample);
}
