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

/* What is shown of a thread whose stack and proof are there. */
static void show_thread(struct dumper *d, const struct python_thread *state, const struct proof *proof,
                        struct dump_thread *thread)
{
    thread->state = proof->runs ? STATE_ON_CPU
                                : wait_state(proof->stat.state, &proof->call, d->stack.gil_address, d->stack.gil_size);
    thread->holds_gil = d->stack.holds_gil;
    thread->detail = proof->runs ? "" : wait_call_name(proof->call.number);
    dump_name_frames(d, thread);
    if (wait_state_may_be_idle(thread->state) && is_idle(thread))
        thread->state = STATE_IDLE;
    python_remote(d->python)->pages = d->pages;
    name_thread(d, state, thread);
    dump_natives_merge(d, thread);
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

static bool may_have_tasks(struct dumper *d, const struct python_thread *state, struct python_reader *reader,
                           const struct dump_thread *thread)
{
    return state != NULL && (may_run_loop(d, thread) || dump_find_greenlets(d, reader) > 0);
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
            show_thread(d, state, &proof, thread);
            python_remote(d->python)->pages = NULL;
            if (may_have_tasks(d, state, reader, thread))
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

/* One of many that all sleep, in those calls: false when it cannot be read so. */
static bool add_sleeper(struct dumper *d, pid_t tid, const struct python_thread *state, const struct proc_syscall *call)
{
    struct proof proof = {.stat = {.state = 'S'}, .call = *call};
    struct dump_thread *thread = &d->dump->threads[d->dump->n_threads];
    struct python_reader *reader = reader_of(d, tid, state);
    *thread = (struct dump_thread){.tid = tid, .proved = true};
    bool read = reader == NULL || python_read_stack(reader, &d->stack) == PYTHON_READ_OK;
    if (read) {
        show_thread(d, state, &proof, thread);
        d->dump->n_threads++;
    }
    read = read && thread->proved && thread->state != STATE_UNKNOWN && !may_have_tasks(d, state, reader, thread);
    python_reader_free(reader);
    return read;
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

/* What each waits in; false where one does not wait in a call. */
static bool find_calls(const struct dumper *d, struct proc_syscall *calls)
{
    for (int i = 0; i < d->n_tids; i++)
        if (!proc_syscall_once(d->dump->pid, d->tids[i], &calls[i]) || calls[i].running || calls[i].number == -1)
            return false;
    return true;
}

/* The pages in which their stacks end and begin: for all of them in one call each, not one by one. */
static void read_ahead(struct dumper *d, const struct proc_syscall *calls)
{
    size_t room = (size_t)(d->n_tids > d->n_states ? d->n_tids : d->n_states);
    uint64_t *addresses = mem_alloc(room * sizeof *addresses);
    if (addresses == NULL)
        return;
    for (int i = 0; i < d->n_tids; i++)
        addresses[i] = calls[i].stack;
    remote_pages_ahead(python_remote(d->python), addresses, (size_t)d->n_tids);
    for (int i = 0; i < d->n_states; i++)
        addresses[i] = python_innermost(d->python, &d->states[i]);
    remote_pages_ahead(python_remote(d->python), addresses, (size_t)d->n_states);
    mem_free(addresses);
}

static bool add_sleepers(struct dumper *d)
{
    struct proc_syscall *calls = mem_alloc(((size_t)d->n_tids + 1) * sizeof *calls);
    bool good = calls != NULL && find_calls(d, calls);
    if (good)
        read_ahead(d, calls);
    for (int i = 0; good && i < d->n_tids; i++)
        good = add_sleeper(d, d->tids[i], state_of(d, d->tids[i]), &calls[i]);
    mem_free(calls);
    return good;
}

/*
 * All threads at once, where none of them runs: the process's CPU clock is the same before and after, so no thread ran
 * between the two and all that was read is of one moment. Each thread is found asleep in between: one that sits in the
 * kernel on a core would be no sleeper. Nothing is read twice.
 */
static bool add_all_asleep(struct dumper *d)
{
    uint64_t before, after;
    remote_pages_clear(d->pages);
    python_remote(d->python)->pages = d->pages;
    d->still = true;
    bool good = !is_stopped(d) && proc_cpu_clock_ns(d->dump->pid, &before) && list_threads(d) == 0 && add_sleepers(d);
    good = good && proc_cpu_clock_ns(d->dump->pid, &after) && after == before;
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
