#include "capture/dump_private.h"

#include "base/clock.h"
#include "capture/doctor.h"
#include "capture/wait_state.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

enum { TRIES_MAX = 60, NAME_BYTES = 128, LIST_NS_MAX = 300000000 };

char *dump_keep(struct dumper *d, const char *text)
{
    return arena_strndup(&d->dump->arena, text, strlen(text));
}

/* Reads the thread until it stood still, or as it is after many tries. */
static enum look read_proved(struct dumper *d, const struct proc_thread *files, struct python_reader *reader,
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

static void add_thread(struct dumper *d, pid_t tid, const struct python_thread *state)
{
    struct proc_thread files;
    struct proof proof;
    struct dump_thread *thread = &d->dump->threads[d->dump->n_threads];
    struct remote *remote = python_remote(d->python);
    remote->pages = d->pages;
    struct python_reader *reader = state != NULL ? python_reader_new(d->python, state) : NULL;
    remote->pages = NULL; /* what is proved is read anew */
    memset(thread, 0, sizeof *thread);
    if (proc_thread_open(&files, d->dump->pid, tid)) {
        d->stack.gil_address = 0;
        d->stack.holds_gil = false;
        if (read_proved(d, &files, reader, &proof, &thread->proved) != LOOK_GONE) {
            thread->tid = tid;
            thread->state = proof.runs
                                ? STATE_ON_CPU
                                : wait_state(proof.stat.state, &proof.call, d->stack.gil_address, d->stack.gil_size);
            thread->holds_gil = d->stack.holds_gil;
            thread->detail = proof.runs ? "" : wait_call_name(proof.call.number);
            dump_name_frames(d, thread);
            if (wait_state_may_be_idle(thread->state) && is_idle(thread))
                thread->state = STATE_IDLE;
            remote->pages = d->pages;
            name_thread(d, state, thread);
            remote->pages = NULL;
            if (state != NULL && (may_run_loop(d, thread) || dump_find_greenlets(d, reader) > 0))
                dump_tasks(d, state, &files, thread);
            if (thread->state == STATE_IO && is_idle_loop(d, thread))
                thread->state = STATE_IDLE;
            d->dump->n_threads++;
        }
        proc_thread_close(&files);
    }
    python_reader_free(reader);
}

static int add_threads(struct dumper *d, struct err *err)
{
    pid_t *tids = NULL;
    struct python_thread *states = NULL;
    size_t tids_capacity = 0, states_capacity = 0;
    uint64_t until_ns = clock_monotonic_ns() + LIST_NS_MAX;
    int n_states = python_threads(d->python, &states, &states_capacity);
    for (int i = 0; n_states < 0 && i < TRIES_MAX && clock_monotonic_ns() < until_ns; i++)
        n_states = python_threads(d->python, &states, &states_capacity);
    int n = proc_threads(d->dump->pid, &tids, &tids_capacity);
    int rc = n < 0 || n_states < 0 ? ERR_UNREADABLE : 0;
    if (rc == 0)
        d->dump->threads = arena_alloc(&d->dump->arena, (size_t)n * sizeof *d->dump->threads);
    if (rc != 0 || d->dump->threads == NULL)
        err_set(err, rc != 0 ? rc : ERR_NOMEM, "cannot read the threads of %d: %s; try again", (int)d->dump->pid,
                err_sentence(rc));
    for (int i = 0; rc == 0 && i < n; i++) {
        const struct python_thread *state = NULL;
        for (int j = n_states - 1; j >= 0 && state == NULL; j--) /* the oldest: see tracker.c */
            state = states[j].tid == tids[i] ? &states[j] : NULL;
        add_thread(d, tids[i], state);
    }
    mem_free(tids);
    mem_free(states);
    return rc;
}

static int fill(struct dumper *d, struct err *err)
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
    return add_threads(d, err);
}

int dump_new(pid_t pid, struct dump **result, struct err *err)
{
    struct dumper d = {0};
    cpu_set_t before;
    bool maybe = false;
    int rc = python_open(pid, &d.python, &maybe, err);
    if (rc != 0)
        return rc == ERR_PERMISSION || rc == ERR_GONE ? doctor_refusal(pid, "dump", err) : rc;
    rc = ERR_NOMEM;
    bool affinity = sched_getaffinity(0, sizeof before, &before) == 0;
    d.dump = mem_zalloc(1, sizeof *d.dump);
    if (d.dump != NULL) {
        d.dump->pid = pid;
        rc = fill(&d, err);
    }
    if (affinity)
        sched_setaffinity(0, sizeof before, &before);
    mem_free(d.stack.frames);
    remote_pages_free(d.pages);
    dump_names_release(&d);
    dump_forget_greenlets(&d);
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
