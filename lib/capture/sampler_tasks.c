/*
 * asyncio's tasks in the sampler: which task a stack belongs to, and, some ten times a second for each event loop,
 * where the others wait; greenlets that do not run are looked at like those. A look at a loop is taken in slices of a
 * few tasks after a sweep; each slice is proved as a stack is, and as long as the loop's thread sleeps on, the next
 * goes on where it ended. A loop that runs is looked at from its core, a slice at a time.
 */
#include "base/clock.h"
#include "capture/sampler_private.h"
#include "capture/schedule.h"

#include <string.h>

enum {
    LOOK_NS = 100 * 1000 * 1000,      /* between the beginnings of two looks at a loop */
    WAIT_MAX_NS = 1000 * 1000 * 1000, /* a look stands for no more than that, and for how long it was put off */
    COST_SHARE = 100,                 /* a look is put off until its cost is so small a part of the time */
    SLICE = 16,
    LISTED_MAX = 2000,          /* tasks of one look; of more than that, */
    PICKED = 192,               /* so many stand for all */
    WALKED = 1024,              /* places of their list that a slice goes on by */
    COUNT_MAX_NS = 1000 * 1000, /* of one look, of counting them */
    LOOPS_MAX = 8,
    HOPS_MAX = 4 /* tries for a thread that runs, on as many cores */
};

struct task_watch {
    struct python_reader *reader;
    struct python_task_cursor cursor;
    bool active; /* a look has begun and not ended */
    uint64_t due_ns, began_ns, last_ns, cost_ns, rest_ns;
    uint64_t switches; /* of the thread when the look began */
    uint32_t listed;
    bool tasks_ended; /* its greenlets' turn */
    struct python_task_crowd crowd;
    bool counting; /* how many there are is not known yet */
    bool crowded;  /* too many to look at all of them */
    struct greenlet_watch greenlets;
    uint64_t loops[LOOPS_MAX], loop_threads[LOOPS_MAX]; /* before 3.14: who runs which loop */
    size_t n_loops;
};

static struct task_store *store_of(struct tracked_process *process)
{
    if (process->tasks == NULL)
        process->tasks = task_store_new();
    return process->tasks;
}

uint32_t sampler_task(struct sampler *s, struct tracked_thread *t)
{
    const struct python_task *task = &s->stack.task;
    t->task_address = task->address;
    if (task->address == 0 || task->root >= t->depth)
        return 0;
    uint32_t id = 0, node = t->nodes[t->depth - 1 - task->root]; /* nodes stand outermost first */
    pthread_mutex_lock(&t->process->interning);
    if (store_of(t->process) != NULL)
        id = task_store_add(t->process->tasks, task, stack_store_node(&t->process->store, node)->code);
    pthread_mutex_unlock(&t->process->interning);
    return id;
}

void sampler_unwatch(struct tracked_thread *t)
{
    if (t->watch == NULL)
        return;
    python_reader_free(t->watch->reader);
    sampler_forget_greenlets(&t->watch->greenlets);
    mem_free(t->watch);
    t->watch = NULL;
}

/* NULL when there is nothing to watch. Allocates at the first call for a thread. */
static struct task_watch *watch_of(struct tracked_thread *t)
{
    if (t->watch != NULL && sampler_reads_tasks(t))
        python_reader_follow_tasks(t->watch->reader, &t->process->asyncio);
    if (t->watch != NULL || (!sampler_reads_tasks(t) && !sampler_has_greenlets(t)))
        return t->watch;
    struct task_watch *watch = mem_zalloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->reader = python_reader_new(t->process->python, &t->python_thread);
    if (watch->reader == NULL) {
        mem_free(watch);
        return NULL;
    }
    if (sampler_reads_tasks(t))
        python_reader_follow_tasks(watch->reader, &t->process->asyncio);
    return t->watch = watch;
}

/* Before 3.14 the tasks of all loops lie together. Is this loop run by the thread, as far as it is told? */
static bool is_own_loop(struct task_watch *watch, const struct tracked_thread *t, uint64_t loop)
{
    if (t->process->asyncio.interpreter == 0)
        return true;
    size_t at = 0;
    while (at < watch->n_loops && watch->loops[at] != loop)
        at++;
    if (at == watch->n_loops) {
        if (at == LOOPS_MAX)
            return false;
        watch->loops[at] = loop;
        watch->loop_threads[watch->n_loops++] = python_loop_thread(t->process->python, loop);
    }
    return watch->loop_threads[at] == 0 || watch->loop_threads[at] == t->python_thread.pthread;
}

bool sampler_take_task(struct sampler *s, struct tracked_thread *t, const struct python_task_view *view,
                       struct raw_sample *raw)
{
    struct task_store *store = store_of(t->process);
    struct tracked_thread *slot = s->slot;
    bool waits = view->state == TASK_WAITS || view->state == TASK_READY;
    if (!waits || store == NULL || view->task.address == t->task_address || s->chain.depth == 0 ||
        (!view->task.greenlet && !is_own_loop(t->watch, t, view->loop)))
        return false;
    slot->process = t->process;
    slot->depth = 0;
    if (!interner_intern(&s->interner, slot, &s->chain, s->now_ns))
        return false;
    uint32_t code = stack_store_node(&t->process->store, slot->nodes[0])->code;
    *raw = (struct raw_sample){
        .thread = t,
        .time_ns = s->now_ns,
        .node = slot->nodes[slot->depth - 1],
        .ticks = 1,
        .waits = true,
        .task = task_store_add(store, &view->task, code),
        .awaiter = view->awaiter.address != 0 ? task_store_add(store, &view->awaiter, 0) : 0,
        .on = task_store_type(store, view->on),
        .checked = s->interner.all_checked,
    };
    return raw->task != 0;
}

static void begin_look(struct sampler *s, struct tracked_thread *t, const struct proof *proof)
{
    struct task_watch *watch = t->watch;
    watch->active = true;
    watch->cursor = (struct python_task_cursor){0};
    watch->listed = 0;
    watch->tasks_ended = !sampler_reads_tasks(t);
    sampler_begin_greenlets(&watch->greenlets, t);
    watch->n_loops = 0;
    watch->cost_ns = 0;
    watch->began_ns = s->now_ns;
    watch->switches = proof->before.switches;
    watch->counting = !watch->tasks_ended;
    watch->crowd.counted = watch->crowded && watch->crowd.total > LISTED_MAX;
    watch->crowded = false;
}

/* How long the tasks that are found waiting have waited since the look before. */
static uint64_t waited_ns(const struct task_watch *watch)
{
    uint64_t since = watch->last_ns != 0 ? watch->began_ns - watch->last_ns : LOOK_NS;
    uint64_t most = WAIT_MAX_NS + watch->rest_ns;
    return since < most ? since : most;
}

/* Of a crowd, what was not looked at any more is the next look's. */
static void end_look(struct sampler *s, struct task_watch *watch)
{
    uint64_t told_ns = waited_ns(watch);
    if (watch->counting)
        told_ns = 0;
    else if (watch->crowded && watch->listed < PICKED)
        told_ns = told_ns * watch->listed / PICKED;
    watch->last_ns = watch->began_ns - waited_ns(watch) + told_ns;
    watch->rest_ns = watch->cost_ns * COST_SHARE;
    watch->rest_ns = watch->rest_ns > LOOK_NS ? watch->rest_ns : LOOK_NS;
    watch->active = false;
    watch->due_ns = s->now_ns + watch->rest_ns;
}

/* The tasks that are not looked at, as many as this one stands for: they wait where it does. */
static size_t take_others(struct sampler *s, struct tracked_thread *t, struct raw_sample *raw)
{
    const struct task_watch *watch = t->watch;
    uint32_t code = stack_store_node(&t->process->store, s->slot->nodes[0])->code;
    raw[1] = raw[0];
    raw[1].awaiter = 0;
    raw[1].task = task_store_add(t->process->tasks, &(struct python_task){.coroutine = code}, code);
    raw[1].wait_ns = (uint64_t)((double)raw->wait_ns * ((double)watch->crowd.total / PICKED - 1));
    return raw[1].task != 0 ? 2 : 1;
}

/* The next task of the look; 0: none. */
static uint64_t next_task(struct task_watch *watch)
{
    uint64_t stride = watch->crowd.total / PICKED, most = WALKED / SLICE;
    if (!watch->crowded)
        return python_tasks_next(watch->reader, &watch->cursor);
    return python_tasks_pick(watch->reader, &watch->crowd, (uint32_t)(stride < most ? stride : most));
}

static size_t read_tasks(struct sampler *s, struct tracked_thread *t, struct raw_sample *raws, int *i)
{
    struct task_watch *watch = t->watch;
    struct python_task_view view;
    size_t n = 0;
    for (; *i < SLICE && !watch->tasks_ended; ++*i) {
        uint64_t address = next_task(watch);
        watch->listed++;
        watch->tasks_ended = watch->crowded ? watch->listed >= PICKED : address == 0 || watch->listed > LISTED_MAX;
        if (address == 0 || !python_read_task(watch->reader, address, &view, &s->chain) ||
            !sampler_take_task(s, t, &view, &raws[n]))
            continue;
        raws[n].wait_ns = waited_ns(watch);
        n += watch->crowded ? take_others(s, t, &raws[n]) : 1;
    }
    return n;
}

/* Reads the next tasks; records of them into `raws`. The running task goes first where the loop runs. */
static size_t read_slice(struct sampler *s, struct tracked_thread *t, struct raw_sample *raws, bool *ended)
{
    struct task_watch *watch = t->watch;
    size_t n = 0;
    int i = 0;
    python_tasks_begin(watch->reader);
    if (!watch->tasks_ended && (watch->counting || watch->crowded)) {
        bool counted = python_tasks_count(watch->reader, &watch->crowd, WALKED);
        if (watch->counting && counted) { /* whether it is one stays so for all of the look */
            watch->counting = false;
            watch->crowded = watch->crowd.total > LISTED_MAX;
        }
    }
    if (!watch->counting)
        n = read_tasks(s, t, raws, &i);
    for (; !watch->counting && i < SLICE && watch->greenlets.left > 0; i++)
        n += sampler_read_greenlet(s, t, watch->reader, &watch->greenlets, &raws[n]);
    python_tasks_end(watch->reader);
    *ended = watch->tasks_ended && watch->greenlets.left == 0;
    return n;
}

/* Where the sampler is on no core in particular, as with most readers: a thread that never sleeps is visited on its
 * own.
 */
static enum look visit(struct sampler *s, struct tracked_thread *t, struct proof *proof)
{
    enum look look = proof_begin(&t->files, s->core, t->asleep, proof);
    bool loose = s->core < 0 || s->free;
    for (int hop = 0; loose && look == LOOK_ELSEWHERE && hop < HOPS_MAX; hop++) {
        if (!sampler_pin(s, proof->stat.processor) || proof_counters(&t->files, proof) != LOOK_DONE)
            break;
        look = proof_begin(&t->files, s->core, t->asleep, proof);
    }
    return look;
}

static void look_at_loop(struct sampler *s, struct tracked_thread *t)
{
    struct task_watch *watch = t->watch;
    struct proof proof = {0};
    struct raw_sample raws[SLICE * 2];
    bool ended = false;
    uint64_t start_ns = clock_thread_cpu_ns();
    if (proof_counters(&t->files, &proof) != LOOK_DONE)
        return;
    if (watch->active && proof.before.switches != watch->switches && !watch->counting && !watch->crowded)
        end_look(s, watch);
    if (!watch->active && s->now_ns < watch->due_ns)
        return;
    if (visit(s, t, &proof) != LOOK_DONE)
        return;
    if (!watch->active)
        begin_look(s, t, &proof);
    pthread_mutex_lock(&t->process->interning);
    size_t n = read_slice(s, t, raws, &ended);
    pthread_mutex_unlock(&t->process->interning);
    bool good = proof_end(&t->files, &proof) == LOOK_DONE && (!proof.runs || sched_getcpu() == s->core);
    for (size_t i = 0; good && i < n; i++) {
        if (!sampler_push(s, &raws[i]))
            measure_lose(s->m, LOSS_QUEUE_FULL, 1);
    }
    sampler_end_greenlets(&watch->greenlets, good, s->now_ns);
    watch->cost_ns += clock_thread_cpu_ns() - start_ns;
    watch->switches = watch->counting || watch->crowded ? proof.before.switches : watch->switches;
    bool dear = watch->counting && watch->cost_ns > COUNT_MAX_NS; /* the next look counts on */
    if (ended || !good || dear || (proof.runs && !watch->counting && !watch->crowded))
        end_look(s, watch);
}

void sampler_watch_tasks(struct sampler *s)
{
    int core = s->core;
    for (size_t i = 0; i < s->n; i++) {
        struct tracked_thread *t = s->list[i];
        struct task_watch *watch = sampler_is_lent(t) ? NULL : watch_of(t);
        if (watch != NULL && (watch->active || s->now_ns >= watch->due_ns) &&
            !atomic_load_explicit(&t->retire, memory_order_relaxed))
            look_at_loop(s, t);
    }
    if (core < 0 && s->core >= 0) {
        schedule_unpin(&s->allowed);
        s->core = -1;
    }
}
