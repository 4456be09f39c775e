#include "capture/dump_private.h"

#include "base/clock.h"
#include "capture/doctor.h"
#include "capture/wait_state.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum { TRIES_MAX = 60, NAME_BYTES = 128, LIST_NS_MAX = 300000000 };

char *dump_keep(struct dumper *d, const char *text)
{
    return arena_strndup(&d->dump->arena, text, strlen(text));
}

/* Reads the thread until it stood still, or as it is after many tries. */
static enum look read_proved(struct dumper *d, pid_t tid, const struct proc_thread *files, struct python_reader *reader,
                             struct proof *proof, bool *proved)
{
    enum look look = LOOK_AGAIN;
    int core = -1;
    for (int i = 0; i < TRIES_MAX; i++) {
        memset(proof, 0, sizeof *proof);
        d->stack.depth = 0;
        if (proof_counters(files, proof) == LOOK_GONE)
            return LOOK_GONE;
        look = proof_begin(files, core, false, proof);
        if (look == LOOK_GONE)
            return look;
        if (look == LOOK_ELSEWHERE && schedule_pin(proof->stat.processor)) {
            core = proof->stat.processor;
            continue;
        }
        bool read = reader == NULL || python_read_stack(reader, &d->stack) == PYTHON_READ_OK;
        dump_natives_copy(d, tid, proof);
        enum look end = proof_end(files, proof);
        if (end == LOOK_GONE)
            return end;
        *proved = read && look == LOOK_DONE && end == LOOK_DONE;
        if (*proved)
            return LOOK_DONE;
    }
    return LOOK_DONE;
}

bool dump_name_copy(struct dumper *d, const struct buf *copy, int32_t offset, struct dump_frame *named)
{
    struct python_code code;
    if (copy->size == 0 || python_code_resolve(d->python, copy, &code) != 0)
        return false;
    named->function = dump_keep(d, code.qualname);
    named->file = dump_keep(d, code.file);
    named->line = python_code_line(&code, offset);
    python_code_release(&code);
    return named->function != NULL && named->file != NULL;
}

/* "select" of "EpollSelector.select". */
static const char *plain_name(const char *qualified)
{
    const char *dot = strrchr(qualified, '.');
    return dot != NULL ? dot + 1 : qualified;
}

/* Frames stand innermost first. */
static bool is_idle(const struct dump_thread *thread)
{
    for (size_t i = 0; i < thread->n_frames; i++) {
        const struct dump_frame *frame = &thread->frames[i], *caller = i + 1 < thread->n_frames ? frame + 1 : NULL;
        enum idle idle = wait_idle_at(frame->file, plain_name(frame->function), caller != NULL ? caller->file : NULL,
                                      caller != NULL ? plain_name(caller->function) : NULL);
        if (idle == IDLE_CALL || (idle == IDLE_LEAF && i == 0))
            return true;
    }
    return false;
}

/* It may be in an event loop: asyncio's, or one without Python frames (uvloop's). */
static bool may_run_loop(struct dumper *d, const struct dump_thread *thread)
{
    if (d->in_coroutine || (strncmp(thread->detail, "epoll_", 6) == 0 && dump_has_uvloop(d)))
        return true;
    for (size_t i = 0; i < thread->n_frames; i++) {
        if (strstr(thread->frames[i].file, "/asyncio/") != NULL)
            return true;
    }
    return false;
}

/* It waits in an event loop without Python frames, whose tasks are known. */
static bool is_idle_loop(struct dumper *d, const struct dump_thread *thread)
{
    bool tasks = false;
    for (size_t i = 0; i < thread->n_tasks; i++)
        tasks = tasks || !thread->tasks[i].greenlet;
    return tasks && !d->in_coroutine && strncmp(thread->detail, "epoll_", 6) == 0 && dump_has_uvloop(d);
}

static void name_thread(struct dumper *d, const struct python_thread *state, struct dump_thread *thread)
{
    char name[NAME_BYTES] = "", comm[16];
    bool known = state != NULL && python_thread_name(d->python, state, name, sizeof name);
    if (!known && state != NULL && thread->tid == d->dump->pid)
        snprintf(name, sizeof name, "MainThread"); /* a program that never imported threading */
    else if (!known && proc_comm(d->dump->pid, thread->tid, comm))
        snprintf(name, sizeof name, "%s", comm);
    thread->name = dump_keep(d, name);
}

/* Of a thread whose stack is at hand, what else is read of the process. */
static void describe_thread(struct dumper *d, const struct python_thread *state, struct dump_thread *thread)
{
    thread->holds_gil = d->stack.holds_gil;
    dump_name_frames(d, thread);
    python_remote(d->python)->pages = d->pages;
    name_thread(d, state, thread);
}

/* What it does, by the proof; the lock may be the GIL's. */
static void judge_thread(struct dump_thread *thread, const struct proof *proof, uint64_t gil_address, uint32_t gil_size)
{
    thread->state = proof->runs ? STATE_ON_CPU : wait_state(proof->stat.state, &proof->call, gil_address, gil_size);
    thread->detail = proof->runs ? "" : wait_call_name(proof->call.number);
    if (wait_state_may_be_idle(thread->state) && is_idle(thread))
        thread->state = STATE_IDLE;
}

static struct python_reader *reader_of(struct dumper *d, pid_t tid, const struct python_thread *state)
{
    python_remote(d->python)->pages = d->pages;
    struct python_reader *reader = state != NULL ? python_reader_new(d->python, state) : NULL;
    d->stack.gil_address = 0;
    d->stack.holds_gil = false;
    d->stack.depth = 0;
    dump_natives_begin(d, tid);
    return reader;
}

/* A thread by itself: what is proved is read anew. */
static void add_singly(struct dumper *d, pid_t tid, const struct python_thread *state)
{
    struct proc_thread files;
    struct proof proof;
    struct dump_thread *thread = &d->dump->threads[d->dump->n_threads];
    struct python_reader *reader = reader_of(d, tid, state);
    python_remote(d->python)->pages = NULL;
    *thread = (struct dump_thread){.tid = tid};
    if (proc_thread_open(&files, d->dump->pid, tid)) {
        if (read_proved(d, tid, &files, reader, &proof, &thread->proved) != LOOK_GONE) {
            if ((proof.runs || !thread->proved) && dump_natives_sample(d, tid, reader))
                thread->proved = proof.runs = true;
            describe_thread(d, state, thread);
            judge_thread(thread, &proof, d->stack.gil_address, d->stack.gil_size);
            dump_natives_merge(d, thread);
            python_remote(d->python)->pages = NULL;
            if (state != NULL && (may_run_loop(d, thread) || dump_find_greenlets(d, reader) > 0))
                dump_tasks(d, state, &files, thread);
            if (thread->state == STATE_IO && is_idle_loop(d, thread))
                thread->state = STATE_IDLE;
            d->dump->n_threads++;
        }
        proc_thread_close(&files);
    } else if (errno == EMFILE || errno == ENFILE) {
        d->no_descriptors = true;
    }
    python_reader_free(reader);
}

static const struct python_thread *state_of(const struct dumper *d, pid_t tid)
{
    for (int i = d->n_states - 1; i >= 0; i--) /* the oldest: see tracker.c */
        if (d->states[i].tid == tid)
            return &d->states[i];
    return NULL;
}

static int list_threads(struct dumper *d)
{
    d->n_states = python_threads(d->python, &d->states, &d->states_capacity);
    d->n_tids = proc_threads(d->dump->pid, &d->tids, &d->tids_capacity);
    if (d->n_tids < 0 || d->n_states < 0)
        return ERR_UNREADABLE;
    d->dump->threads = arena_alloc(&d->dump->arena, ((size_t)d->n_tids + 1) * sizeof *d->dump->threads);
    d->dump->n_threads = 0;
    return d->dump->threads != NULL ? 0 : ERR_NOMEM;
}

static bool is_stopped(const struct dumper *d)
{
    struct proc_thread files;
    struct proc_stat stat;
    if (!proc_thread_open(&files, d->dump->pid, d->dump->pid))
        return true;
    bool known = proc_thread_stat(&files, &stat);
    proc_thread_close(&files);
    return !known || (stat.state != 'S' && stat.state != 'D');
}

/* ---- all at once ---------------------------------------------------------------------------------------------------
 */

/* What is kept of one until all were read. */
struct sleeper {
    uint64_t gil_address;
    uint32_t gil_size;
    bool in_coroutine, greenlets;
    struct proc_syscall call;
};

/* The pages in which their stacks end: all in one call, not one by one. */
static void read_ahead(struct dumper *d)
{
    uint64_t *addresses = mem_alloc(((size_t)d->n_states + 1) * sizeof *addresses);
    if (addresses == NULL)
        return;
    for (int i = 0; i < d->n_states; i++)
        addresses[i] = python_innermost(d->python, &d->states[i]);
    remote_pages_ahead(python_remote(d->python), addresses, (size_t)d->n_states);
    mem_free(addresses);
}

/* Reads one; false when that cannot be done. */
static bool read_sleeper(struct dumper *d, pid_t tid, struct sleeper *sleeper)
{
    const struct python_thread *state = state_of(d, tid);
    struct dump_thread *thread = &d->dump->threads[d->dump->n_threads++];
    struct python_reader *reader = reader_of(d, tid, state);
    *thread = (struct dump_thread){.tid = tid, .native_why = "", .proved = true};
    bool read = reader == NULL || python_read_stack(reader, &d->stack) == PYTHON_READ_OK;
    if (read) {
        describe_thread(d, state, thread);
        *sleeper = (struct sleeper){.gil_address = d->stack.gil_address,
                                    .gil_size = d->stack.gil_size,
                                    .in_coroutine = d->in_coroutine,
                                    .greenlets = state != NULL && dump_find_greenlets(d, reader) > 0};
    }
    python_reader_free(reader);
    return read && thread->proved;
}

/* Does it wait in a call? Then that is kept. */
static bool sleeps(const struct dumper *d, pid_t tid, struct sleeper *sleeper)
{
    return proc_syscall_once(d->dump->pid, tid, &sleeper->call) && !sleeper->call.running && sleeper->call.number != -1;
}

/* False where what it does cannot be told, or wants a look of its own: its tasks. */
static bool judge_sleeper(struct dumper *d, struct dump_thread *thread, const struct sleeper *sleeper)
{
    struct proof proof = {.stat = {.state = 'S'}, .call = sleeper->call};
    judge_thread(thread, &proof, sleeper->gil_address, sleeper->gil_size);
    d->in_coroutine = sleeper->in_coroutine;
    bool tasks = state_of(d, thread->tid) != NULL && (sleeper->greenlets || may_run_loop(d, thread));
    return thread->state != STATE_UNKNOWN && !tasks;
}

/*
 * All threads at once, where none of them runs. Behind all readings each is found asleep, and then the process's CPU
 * clock is what it was before them. The clock does not tell of a thread that is on a core what it has run since the
 * last tick; but one that sleeps has left its core, with all it ran in the clock. So none ran since, and all that was
 * read is of one moment. Nothing is read twice.
 */
static bool add_sleepers(struct dumper *d, struct sleeper *sleepers, uint64_t before)
{
    uint64_t after;
    bool good = true;
    read_ahead(d);
    for (int i = 0; good && i < d->n_tids; i++)
        good = read_sleeper(d, d->tids[i], &sleepers[i]);
    for (int i = 0; good && i < d->n_tids; i++)
        good = sleeps(d, d->tids[i], &sleepers[i]);
    good = good && proc_cpu_clock_ns(d->dump->pid, &after) && after == before;
    for (int i = 0; good && i < d->n_tids; i++)
        good = judge_sleeper(d, &d->dump->threads[i], &sleepers[i]);
    return good;
}

static bool add_all_asleep(struct dumper *d)
{
    uint64_t before;
    struct sleeper *sleepers = NULL;
    remote_pages_clear(d->pages);
    python_remote(d->python)->pages = d->pages;
    d->still = true;
    bool good = !is_stopped(d) && proc_cpu_clock_ns(d->dump->pid, &before) && list_threads(d) == 0 &&
                (sleepers = mem_alloc(((size_t)d->n_tids + 1) * sizeof *sleepers)) != NULL &&
                add_sleepers(d, sleepers, before);
    mem_free(sleepers);
    d->still = false;
    python_remote(d->python)->pages = NULL;
    if (!good)
        remote_pages_clear(d->pages);
    return good;
}

static int add_threads(struct dumper *d, struct err *err)
{
    uint64_t until_ns = clock_monotonic_ns() + LIST_NS_MAX;
    if (d->natives == NULL && add_all_asleep(d)) /* unwinding takes longer than most programs sleep */
        return 0;
    dump_names_release(d);
    int rc = list_threads(d);
    for (int i = 0; rc == ERR_UNREADABLE && i < TRIES_MAX && clock_monotonic_ns() < until_ns; i++)
        rc = list_threads(d);
    if (rc != 0)
        return err_set(err, rc, "cannot read the threads of %d: %s; try again", (int)d->dump->pid, err_sentence(rc));
    for (int i = 0; i < d->n_tids; i++)
        add_singly(d, d->tids[i], state_of(d, d->tids[i]));
    return d->no_descriptors
               ? err_set(err, ERR_IO, "cannot dump %d: too many open files; raise their limit (ulimit -n)",
                         (int)d->dump->pid)
               : 0;
}

static int fill(struct dumper *d, bool native, struct err *err)
{
    char command[4096];
    ssize_t size = proc_cmdline(d->dump->pid, command, sizeof command);
    while (size > 0 && command[size - 1] == '\0')
        size--;
    for (ssize_t i = 0; i < size; i++)
        command[i] = command[i] != '\0' ? command[i] : ' ';
    d->dump->command = arena_strndup(&d->dump->arena, command, size > 0 ? (size_t)size : 0);
    d->dump->python = dump_keep(d, python_info(d->python)->version);
    d->stack.frames = mem_alloc(PYTHON_DEPTH_MAX * sizeof *d->stack.frames);
    d->pages = remote_pages_new();
    if (d->stack.frames == NULL || d->pages == NULL)
        return err_set(err, ERR_NOMEM, "cannot dump %d: out of memory", (int)d->dump->pid);
    int rc = native ? dump_natives_new(d, err) : 0;
    if (rc != 0)
        return rc;
    return add_threads(d, err);
}

int dump_new(pid_t pid, bool native, struct dump **result, struct err *err)
{
    struct dumper d = {0};
    cpu_set_t before, after;
    bool maybe = false;
    int rc = python_open(pid, &d.python, &maybe, err);
    if (rc != 0)
        return rc == ERR_PERMISSION || rc == ERR_GONE ? doctor_refusal(pid, "dump", err) : rc;
    rc = ERR_NOMEM;
    python_leave_cores(d.python);
    bool affinity = sched_getaffinity(0, sizeof before, &before) == 0;
    d.dump = mem_zalloc(1, sizeof *d.dump);
    if (d.dump != NULL) {
        d.dump->pid = pid;
        rc = fill(&d, native, err);
    }
    if (affinity && (sched_getaffinity(0, sizeof after, &after) != 0 || !CPU_EQUAL(&before, &after)))
        sched_setaffinity(0, sizeof before, &before);
    mem_free(d.stack.frames);
    remote_pages_free(d.pages);
    dump_names_release(&d);
    dump_forget_greenlets(&d);
    dump_natives_free(&d);
    mem_free(d.states);
    mem_free(d.tids);
    python_close(d.python);
    if (rc != 0) {
        dump_free(d.dump);
        return rc;
    }
    *result = d.dump;
    return 0;
}

void dump_free(struct dump *dump)
{
    if (dump == NULL)
        return;
    arena_release(&dump->arena);
    mem_free(dump);
}
