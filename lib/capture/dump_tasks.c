/*
 * asyncio's tasks for dump: all tasks of one thread's loop in one reading that is proved as a stack is, so that they
 * fit together; and the thread's greenlets that do not run, which are read like them. A loop that runs is read from its
 * core, fewer tasks each time that takes too long.
 */
#include "capture/dump_private.h"

#include "base/map.h"

#include <stdio.h>
#include <string.h>

enum { TASKS_MAX = 1024, TASKS_MIN = 16, FRAMES_MAX = 16384, TRIES_MAX = 40, SLICE = 64, LOOPS_MAX = 16 };

struct found_task {
    struct python_task_view view;
    uint32_t first, depth; /* of `frames` */
    bool truncated, greenlet;
};

struct task_dumper {
    struct dumper *d;
    struct python_reader *reader;
    struct python_stack stack, chain; /* the thread's, one task's */
    struct python_task_cursor cursor;
    struct found_task *tasks;
    struct python_frame *frames; /* of all tasks */
    uint32_t *copies;            /* of each frame's code, index into `codes` */
    size_t n_tasks, n_frames, limit;
    uint64_t left_out;
    struct map code_ids; /* address → index */
    struct buf *codes;
    size_t n_codes, codes_capacity;
    bool proved;
    pid_t tid;
    uint64_t pthread;
};

/* ---- reading -------------------------------------------------------------------------------------------------------
 */

static void forget(struct task_dumper *t)
{
    for (size_t i = 0; i < t->n_codes; i++)
        buf_release(&t->codes[i]);
    map_release(&t->code_ids);
    t->code_ids = (struct map){0};
    t->n_codes = t->n_tasks = t->n_frames = 0;
    t->left_out = 0;
    t->cursor = (struct python_task_cursor){0};
}

/* Copies the code object once; UINT32_MAX when it cannot be. */
static uint32_t keep_code(struct task_dumper *t, uint64_t code)
{
    uint32_t id = (uint32_t)t->n_codes;
    bool known;
    if (mem_grow(&t->codes, &t->codes_capacity, t->n_codes + 1, sizeof *t->codes) != 0 ||
        map_put(&t->code_ids, &code, sizeof code, id, &id, &known) != 0)
        return UINT32_MAX;
    if (known)
        return id;
    t->codes[t->n_codes] = (struct buf){0};
    if (python_code_copy(t->d->python, code, &t->codes[t->n_codes]) != 0)
        buf_clear(&t->codes[t->n_codes]);
    t->n_codes++;
    return id;
}

static void keep_task(struct task_dumper *t, const struct python_task_view *view, bool greenlet)
{
    const struct python_stack *from = &t->chain;
    struct found_task *task = &t->tasks[t->n_tasks];
    uint32_t depth = from->depth;
    if (view->state == TASK_OVER || t->n_tasks == t->limit || t->n_frames + depth > FRAMES_MAX) {
        t->left_out += view->state != TASK_OVER;
        return;
    }
    *task = (struct found_task){*view, (uint32_t)t->n_frames, 0, from->truncated, greenlet};
    if (!greenlet && view->task.address == t->stack.task.address) { /* its frames are those of the thread */
        task->view.state = TASK_RUNS;
        from = &t->stack;
        depth = t->stack.task.root + 1;
        depth = t->n_frames + depth > FRAMES_MAX ? 0 : depth;
    }
    for (uint32_t i = 0; i < depth; i++) {
        t->frames[t->n_frames] = from->frames[i];
        t->copies[t->n_frames++] = keep_code(t, from->frames[i].code);
    }
    task->depth = depth;
    t->n_tasks++;
}

static void read_tasks(struct task_dumper *t)
{
    struct python_task_view view;
    uint64_t address = 1, seen = 0;
    while (address != 0 && t->left_out < TASKS_MAX) {
        python_tasks_begin(t->reader);
        for (int i = 0; i < SLICE && (address = python_tasks_next(t->reader, &t->cursor)) != 0; i++) {
            seen++;
            if (python_read_task(t->reader, address, &view, &t->chain))
                keep_task(t, &view, false);
        }
        python_tasks_end(t->reader);
    }
    if (address != 0 && t->cursor.total > seen)
        t->left_out += t->cursor.total - seen;
}

static void read_greenlets(struct task_dumper *t)
{
    struct greenlets *all = &t->d->greenlets;
    struct python_task_view view = {.state = TASK_WAITS};
    python_tasks_begin(t->reader);
    for (size_t i = 0; i < all->count; i++) {
        uint64_t left_at;
        view.task.address = all->addresses[i];
        if (i % SLICE == SLICE - 1) { /* what was read for those before is in the way */
            python_tasks_end(t->reader);
            python_tasks_begin(t->reader);
        }
        if (python_read_greenlet(t->reader, all->addresses[i], &left_at, &t->chain) &&
            dump_is_on_stack(t->d, left_at, t->tid, t->pthread))
            keep_task(t, &view, true);
    }
    python_tasks_end(t->reader);
}

static bool read_once(struct task_dumper *t, const struct proc_thread *files, int *core)
{
    struct proof proof = {0};
    forget(t);
    if (proof_counters(files, &proof) == LOOK_GONE)
        return false;
    enum look look = proof_begin(files, *core, false, &proof);
    if (look == LOOK_ELSEWHERE && schedule_pin(proof.stat.processor)) {
        *core = proof.stat.processor;
        return true;
    }
    if (look == LOOK_GONE || python_read_stack(t->reader, &t->stack) != PYTHON_READ_OK)
        return look != LOOK_GONE;
    if (t->d->asyncio.known)
        read_tasks(t);
    read_greenlets(t);
    t->proved = look == LOOK_DONE && proof_end(files, &proof) == LOOK_DONE;
    if (!t->proved && t->limit > TASKS_MIN)
        t->limit /= 2;
    return true;
}

/* ---- naming --------------------------------------------------------------------------------------------------------
 */

static const char *name_of(struct task_dumper *t, const struct python_task *task)
{
    struct buf name = {0};
    if (task->address == 0)
        return "";
    python_task_name(t->d->python, task, &name);
    const char *kept = dump_keep(t->d, buf_text(&name));
    buf_release(&name);
    return kept != NULL ? kept : "";
}

static void name_frames(struct task_dumper *t, const struct found_task *task, struct dump_task *shown)
{
    shown->frames = arena_alloc(&t->d->dump->arena, (task->depth + 1) * sizeof *shown->frames);
    for (uint32_t i = 0; shown->frames != NULL && i < task->depth; i++) {
        struct dump_frame *frame = &shown->frames[shown->n_frames++];
        uint32_t copy = t->copies[task->first + i];
        if (copy == UINT32_MAX || !dump_name_copy(t->d, &t->codes[copy], t->frames[task->first + i].offset, frame))
            *frame = (struct dump_frame){.function = "?", .file = "?"};
    }
}

/* What a task waits for: the task that it awaits, or those that say that they are awaited by it, or a type. */
static void name_wait(struct task_dumper *t, const struct found_task *task, struct dump_task *shown)
{
    const struct found_task *child = NULL;
    uint64_t children = 0;
    for (size_t i = 0; i < t->n_tasks; i++) {
        const struct found_task *other = &t->tasks[i];
        if (other->view.awaiter.address == task->view.task.address || other->view.task.address == task->view.awaits) {
            child = other;
            children++;
        }
    }
    if (children > 1) {
        char text[32];
        snprintf(text, sizeof text, "%llu tasks", (unsigned long long)children);
        shown->on = dump_keep(t->d, text);
    } else {
        shown->on = child != NULL ? name_of(t, &child->view.task) : dump_keep(t->d, task->view.on);
    }
    if (shown->on == NULL)
        shown->on = "";
}

static const char *state_text(enum python_task_state state)
{
    return state == TASK_WAITS ? "waits" : state == TASK_READY ? "ready" : "runs";
}

static void name_tasks(struct task_dumper *t, struct dump_thread *thread)
{
    thread->tasks = arena_alloc(&t->d->dump->arena, (t->n_tasks + 1) * sizeof *thread->tasks);
    for (size_t i = 0; thread->tasks != NULL && i < t->n_tasks; i++) {
        const struct found_task *task = &t->tasks[i];
        struct dump_task *shown = &thread->tasks[thread->n_tasks++];
        *shown = (struct dump_task){.name = name_of(t, &task->view.task),
                                    .awaiter = name_of(t, &task->view.awaiter),
                                    .state = state_text(task->view.state),
                                    .on = "",
                                    .greenlet = task->greenlet};
        if (task->view.state == TASK_WAITS && !task->greenlet)
            name_wait(t, task, shown);
        name_frames(t, task, shown);
        if (task->greenlet && shown->n_frames > 0)
            shown->name = shown->frames[shown->n_frames - 1].function;
    }
    thread->tasks_left_out = t->left_out;
    thread->tasks_proved = t->proved;
}

/* Before 3.14 the tasks of all loops lie together: keeps those whose loop this thread runs, as far as that is told. */
static void keep_own(struct task_dumper *t, uint64_t pthread)
{
    uint64_t loops[LOOPS_MAX], threads[LOOPS_MAX];
    size_t n_loops = 0, kept = 0;
    for (size_t i = 0; i < t->n_tasks; i++) {
        uint64_t loop = t->tasks[i].view.loop;
        size_t at = 0;
        while (at < n_loops && loops[at] != loop)
            at++;
        if (at == n_loops && n_loops < LOOPS_MAX) {
            loops[n_loops] = loop;
            threads[n_loops++] = python_loop_thread(t->d->python, loop);
        }
        if (t->tasks[i].greenlet || at == LOOPS_MAX || threads[at] == 0 || threads[at] == pthread)
            t->tasks[kept++] = t->tasks[i];
    }
    t->n_tasks = kept;
}

static bool prepare(struct task_dumper *t)
{
    struct arena *arena = &t->d->dump->arena;
    t->stack.frames = mem_alloc(PYTHON_DEPTH_MAX * sizeof *t->stack.frames);
    t->chain.frames = arena_alloc(arena, PYTHON_DEPTH_MAX * sizeof *t->chain.frames);
    t->tasks = arena_alloc(arena, TASKS_MAX * sizeof *t->tasks);
    t->frames = arena_alloc(arena, FRAMES_MAX * sizeof *t->frames);
    t->copies = arena_alloc(arena, FRAMES_MAX * sizeof *t->copies);
    t->limit = TASKS_MAX;
    return t->stack.frames != NULL && t->chain.frames != NULL && t->tasks != NULL && t->frames != NULL &&
           t->copies != NULL;
}

void dump_tasks(struct dumper *d, const struct python_thread *state, const struct proc_thread *files,
                struct dump_thread *thread)
{
    struct task_dumper t = {
        .d = d, .reader = python_reader_new(d->python, state), .tid = thread->tid, .pthread = state->pthread};
    int core = -1;
    if (!d->asyncio.known)
        python_find_asyncio(d->python, &d->asyncio);
    bool any = d->asyncio.known || dump_find_greenlets(d, t.reader) > 0;
    if (any && t.reader != NULL && prepare(&t)) {
        if (d->asyncio.known)
            python_reader_follow_tasks(t.reader, &d->asyncio);
        for (int i = 0; i < TRIES_MAX && !t.proved && read_once(&t, files, &core); i++)
            ;
        if (d->asyncio.interpreter != 0)
            keep_own(&t, state->pthread);
        name_tasks(&t, thread);
    }
    forget(&t);
    mem_free(t.codes);
    mem_free(t.stack.frames);
    python_reader_free(t.reader);
}
