/*
 * One look at one thread: the steps of the proof (proof.h) around the reading of its stack, and the sample that comes
 * of it. A thread that sleeps on is one sample that stands for many sweeps. Timed path.
 */
#include "base/clock.h"
#include "capture/native_stack.h"
#include "capture/operands.h"
#include "capture/other_states.h"
#include "capture/sampler_private.h"
#include "capture/wait_state.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

enum {
    TRIES_MORE = 4,       /* looks at a thread that ran meanwhile, or stood where its frames are not linked */
    PAUSE_NS = 10 * 1000, /* the first */
    PENDING_MAX_NS = 300 * 1000 * 1000, /* a sleeper is written at least that often: kill -9 loses no more */
    COUNTED_NS = 30 * 1000 * 1000 /* three ticks of the slowest kernels: a running thread's counters grow by then */
};

/* ---- writing samples -----------------------------------------------------------------------------------------------
 */

bool sampler_push(struct sampler *s, const struct raw_sample *raw)
{
    pthread_mutex_lock(&s->m->queue_lock);
    bool pushed = sample_queue_push(&s->m->queue, raw);
    pthread_mutex_unlock(&s->m->queue_lock);
    return pushed;
}

/* At its end: a wait for a core that its counters do not have. Only on its own core is it known at once that a thread
 * does not run. */
static uint64_t wanted_ns(const struct tracked_thread *t)
{
    return t->reader_kind == READER_CORE || t->wanting_ns > COUNTED_NS ? t->wanting_ns : 0;
}

void sampler_flush(struct sampler *s, struct tracked_thread *t, bool last)
{
    if (!t->pending && !last)
        return;
    if (t->pending && t->wait_from_ns != 0) {
        t->pending_ticks = sampler_wait_ticks(s, t);
        if (t->pending_ticks == 0 && !last) { /* what the counters grew by goes to the next one */
            t->pending = false;
            return;
        }
    }
    struct raw_sample raw = {
        .thread = t,
        .time_ns = t->pending_ns,
        .run_ns = t->last.run_ns - t->written.run_ns,
        .delay_ns = t->last.delay_ns - t->written.delay_ns + (last ? wanted_ns(t) : 0),
        .core = t->ran_on,
        .node = t->stack,
        .task = t->task,
        .ip = t->ip,
        .user_ip = t->user_ip,
        .native = native_piece_hold(t->native),
        .ticks = t->pending_ticks,
        .wait_what = t->wait_what,
        .holder_tid = t->state == STATE_GIL_WAIT ? t->holder_tid : 0,
        .holder_node = t->holder_node,
        .state = t->state,
        .marks = t->marks,
        .reader = t->reader_kind,
        .checked = t->checked,
        .last = last,
    };
    if (!sampler_push(s, &raw)) { /* its times go to the next one */
        native_piece_drop(raw.native);
        measure_lose(s->m, LOSS_QUEUE_FULL, raw.ticks);
        t->pending = false;
        t->pending_ticks = 0;
        t->pending_since_ns = t->pending_ns;
        return;
    }
    t->written = t->last;
    t->ip = t->user_ip = 0;
    t->pending = false;
    t->pending_ticks = 0;
    t->pending_since_ns = t->pending_ns;
}

/* It was not waked, to want a core ever since. */
static bool still_waits(const struct tracked_thread *t)
{
    struct proc_syscall call;
    return proc_thread_syscall(&t->files, &call) && !call.running;
}

void sampler_same_again(struct sampler *s, struct tracked_thread *t)
{
    if (s->waits_told && t->wait_from_ns == 0 && !sampler_has_others(t)) { /* from here on it is timed */
        sampler_flush(s, t, false);
        t->wait_from_ns = t->pending_ns;
    }
    t->pending = true;
    t->pending_ns = s->now_ns;
    if (t->wait_from_ns == 0) {
        t->pending_ticks++;
        atomic_fetch_add_explicit(&s->m->counts.samples, 1, memory_order_relaxed);
    }
    bool due = s->now_ns - (t->wait_from_ns != 0 ? t->wait_from_ns : t->pending_since_ns) > PENDING_MAX_NS;
    if (due && (t->wait_from_ns == 0 || still_waits(t)))
        sampler_flush(s, t, false);
}

/* Nothing of the stack that was read before is the next one's. */
void sampler_clear_stack(struct sampler *s)
{
    struct python_frame *frames = s->stack.frames;
    s->stack = (struct python_stack){.frames = frames, .core = -1};
}

/* ---- looking at a thread -------------------------------------------------------------------------------------------
 */

static bool intern(struct sampler *s, struct tracked_thread *t)
{
    pthread_mutex_lock(&t->process->interning);
    bool good = interner_intern(&s->interner, t, &s->stack, s->read_ns);
    pthread_mutex_unlock(&t->process->interning);
    return good;
}

bool sampler_read(struct sampler *s, struct tracked_thread *t, bool watch)
{
    s->exiting = s->moved = false;
    sampler_clear_stack(s);
    if (t->reader == NULL) {
        t->depth = 0;
        return true;
    }
    sampler_follow_tasks(t);
    atomic_fetch_add_explicit(&s->m->counts.reads, 1, memory_order_relaxed);
    enum python_read_result result = other_states_read(t, &s->stack);
    bool refused = result == PYTHON_READ_UNREADABLE && errno == EPERM; /* wherever it runs */
    s->moved = watch && !refused && s->stack.core != s->core;
    if (result == PYTHON_READ_OK && !s->moved && intern(s, t)) {
        s->moved = watch && s->interner.looked && python_read_core(t->reader) != s->core;
        return !s->moved;
    }
    s->exiting = result == PYTHON_READ_UNREADABLE && errno == ESRCH; /* its memory is given back already */
    if (result == PYTHON_READ_UNREADABLE)
        atomic_store_explicit(&t->process->read_failed, true, memory_order_relaxed);
    s->lost = result == PYTHON_READ_UNREADABLE ? LOSS_UNREADABLE : LOSS_INVALID_STACK;
    t->depth = 0;
    return false;
}

enum { WAIT_KNOWN_NS = 100 * 1000000 /* the same number is seldom another descriptor before that */ };

/* What a wait for input or output is for: looked at while it lasts, for it is often closed behind it. */
static void note_wait(struct tracked_thread *t, const struct proof *proof, uint64_t now_ns)
{
    struct wait_for wait = wait_for(&proof->call);
    if (wait.what == WAIT_FOR_POLL)
        wait = wait_polled(t->tid, wait);
    bool known = wait.what == WAIT_FOR_FD && wait.at == t->wait_at && now_ns - t->wait_known_ns < WAIT_KNOWN_NS;
    if (known)
        return;
    t->wait_what = (uint8_t)wait_what(t->tid, wait);
    t->wait_known_ns = wait.what == WAIT_FOR_FD ? now_ns : 0;
    t->wait_at = wait.at;
}

/* The copied piece of its native stack, where it is of the very interrupt or switch that the sample is of. */
static void take_native(struct sampler *s, struct tracked_thread *t)
{
    native_piece_drop(t->native);
    t->native = t->native_next;
    t->native_next = NULL;
    if (t->native == NULL)
        return;
    if (t->native->time_ns == s->read_ns) {
        t->native->loops = s->stack.loops != NULL ? *s->stack.loops : (struct python_loops){.n = 0};
        return;
    }
    native_piece_drop(t->native);
    t->native = NULL;
}

static bool is_holder(const struct sampler *s, const struct tracked_thread *t, uint64_t state)
{
    const struct tracked_thread *holder = s->holder_at < s->n ? s->list[s->holder_at] : NULL;
    return holder != NULL && holder->state_address == state && holder->process == t->process;
}

/* The state of the thread that holds the GIL which `t` was just found to wait for: read once a sweep. */
static uint64_t gil_holder(struct sampler *s, const struct tracked_thread *t)
{
    struct sampler_gil *gil = &s->gil;
    if (t->reader == NULL || s->n == 0)
        return 0;
    if (gil->process != t->process || gil->address != s->stack.gil_address || gil->sweep_ns != s->now_ns)
        *gil = (struct sampler_gil){t->process, s->stack.gil_address, s->now_ns, python_read_gil_holder(t->reader)};
    return gil->holder;
}

/* Who holds the GIL that the thread waits for. Of those that wait in one sweep nearly all wait for the same one. */
static void note_holder(struct sampler *s, struct tracked_thread *t)
{
    uint64_t state = gil_holder(s, t);
    t->holder_tid = 0;
    if (state == 0 || state == t->state_address)
        return;
    if (!is_holder(s, t, state))
        for (s->holder_at = 0; s->holder_at < s->n && !is_holder(s, t, state);)
            s->holder_at++;
    if (s->holder_at == s->n)
        return;
    t->holder_tid = s->list[s->holder_at]->tid;
    t->holder_node = s->list[s->holder_at]->stack;
}

/* A wait for a core is in a thread's counters once it gets one; if it ends soon after that, nobody reads them again.
 * One that was found runnable twice and did not run in between has waited all the while. */
static void note_wanting(const struct sampler *s, struct tracked_thread *t, const struct proof *proof,
                         enum reader_kind reader)
{
    bool same = proof->after.switches == t->last.switches && proof->after.run_ns == t->last.run_ns;
    bool waits = proof->runs && reader != READER_KERNEL && same && !t->asleep && t->last_here_ns != 0;
    t->wanting_ns = waits ? t->wanting_ns + (s->here_ns - t->last_here_ns) : 0;
}

void sampler_take(struct sampler *s, struct tracked_thread *t, const struct proof *proof, bool stack_good,
                  enum reader_kind reader)
{
    sampler_flush(s, t, false);
    take_native(s, t);
    note_wanting(s, t, proof, reader);
    if (s->stack.core >= 0)
        t->ran_on = s->stack.core;
    else if (reader == READER_CORE)
        t->ran_on = s->core;
    t->last = proof->after;
    t->last_here_ns = s->here_ns;
    t->asleep = !proof->runs;
    t->stack = stack_good && t->depth > 0 ? t->nodes[t->depth - 1] : 0;
    t->task = stack_good ? sampler_task(s, t) : 0;
    t->stack_ns = stack_good ? s->read_ns : 0;
    t->reader_kind = (uint8_t)(stack_good ? reader : READER_NONE);
    if (stack_good && reader != READER_FREE)
        stack_store_learn(&t->process->store, t->stack);
    t->marks = (uint8_t)((s->stack.gc_running ? MARK_GC : 0) | (s->stack.holds_gil ? MARK_GIL : 0) |
                         (s->stack.attached ? MARK_ATTACHED : 0) | (s->stack.exception ? MARK_EXCEPTION : 0) |
                         (s->stack.truncated ? MARK_TRUNCATED : 0) | (s->late ? MARK_LATE : 0));
    t->state =
        (uint8_t)(proof->runs ? STATE_ON_CPU
                              : wait_state(proof->stat.state, &proof->call, s->stack.gil_address, s->stack.gil_size));
    if (t->state == STATE_IO)
        note_wait(t, proof, s->read_ns);
    else if (t->state == STATE_GIL_WAIT)
        note_holder(s, t);
    t->pending = true;
    t->pending_ticks = proof->wait_from_ns == 0 ? 1 : 0;
    t->wait_from_ns = proof->wait_from_ns;
    t->waits = proof->waits;
    t->pending_ns = s->read_ns;
    t->checked = s->interner.all_checked;
    atomic_fetch_add_explicit(&s->m->counts.samples, t->pending_ticks, memory_order_relaxed);
    if (!stack_good) {
        atomic_fetch_add_explicit(&s->m->counts.dropped, 1, memory_order_relaxed);
        measure_lose(s->m, s->lost, 1);
    }
    if (proof->runs)
        sampler_flush(s, t, false);
}

/* Lets the thread get out of the few instructions between which its frames are not linked: each time for longer, since
 * where waking us takes as long as that it gets nowhere. */
static void pause_briefly(struct sampler *s)
{
    struct timespec pause = {.tv_nsec = PAUSE_NS << s->tries};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    s->here_ns = clock_monotonic_ns();
}

/* Its counters tell that it runs on our core: `syscall` has nothing to add. */
static bool is_awake_here(const struct sampler *s, const struct tracked_thread *t, const struct proof *proof)
{
    return !t->asleep && t->core == s->core && s->core >= 0 && s->kernel == NULL &&
           proof_awake(&t->last, &proof->before, s->here_ns - t->last_here_ns);
}

bool sampler_tells_core(const struct tracked_thread *t)
{
    return t->reader != NULL && t->files.syscall_fd >= 0 && python_reader_knows_core(t->reader);
}

/* Step 2 of the proof. A thread whose memory tells its core is not looked up in `stat`: the word read behind its stack
 * is what counts (docs/design/001); the one read here only saves reading a stack in vain. */
static enum look find_off_core(struct sampler *s, struct tracked_thread *t, struct proof *proof)
{
    if (!sampler_tells_core(t)) {
        enum look look = proof_begin(&t->files, s->core, t->asleep, proof);
        if (proof->runs)
            t->core = proof->stat.processor;
        return look;
    }
    proof->runs = true;
    if (is_awake_here(s, t, proof))
        return LOOK_DONE;
    enum look look = proof_asleep(&t->files, proof);
    if (look != LOOK_AGAIN)
        return look;
    if (t->asleep && s->reads_later && s->core >= 0) { /* the word behind its stack will tell */
        t->core = -1;
        return LOOK_DONE;
    }
    if (t->core < 0 || t->core != s->core)
        t->core = python_read_core(t->reader);
    return t->core >= 0 && t->core == s->core ? LOOK_DONE : LOOK_ELSEWHERE;
}

bool sampler_may_sleep(const struct tracked_thread *t, struct proof *proof)
{
    if (t->asleep || t->files.syscall_fd < 0 || t->reader == NULL)
        return true;
    return !proc_thread_syscall(&t->files, &proof->call) || !proof->call.running;
}

static enum look look_again(struct tracked_thread *t, enum look why)
{
    t->asleep = false;
    t->depth = 0;
    return why;
}

enum look sampler_look_once(struct sampler *s, struct tracked_thread *t)
{
    struct proof proof = {0};
    bool over;
    enum look look = sampler_look_begin(s, t, &proof, &over);
    return over ? look : sampler_look_end(s, t, &proof, look);
}

enum look sampler_look_begin(struct sampler *s, struct tracked_thread *t, struct proof *proof, bool *over)
{
    *over = true;
    if (proof_counters(&t->files, proof) == LOOK_GONE)
        return LOOK_GONE;
    t->run_seen_ns = proof->before.run_ns;
    if (t->asleep && proof->before.switches == t->last.switches) {
        t->last = proof->before;
        sampler_same_again(s, t);
        return LOOK_DONE;
    }
    bool sampled = s->kernel != NULL && !s->for_kernel && !sampler_has_others(t); /* by the kernel, where it runs */
    if (sampled && s->waits_told && !sampler_stood_still(s, t, &proof->before)) {
        t->asleep = false;
        return LOOK_DONE;
    }
    enum look look = find_off_core(s, t, proof);
    s->contested = s->contested || (proof->runs && s->core >= 0 && t->core == s->core);
    if (sampled && proof->runs) {
        t->asleep = false;
        return LOOK_DONE;
    }
    if (sampled && s->waits_told && look == LOOK_DONE)
        sampler_begin_untold(t, proof);
    *over = look != LOOK_DONE;
    return look;
}

enum look sampler_look_end(struct sampler *s, struct tracked_thread *t, struct proof *proof, enum look look)
{
    if (look != LOOK_DONE)
        return look;
    uint64_t calls = t->reader != NULL ? python_remote(t->process->python)->calls : 0;
    s->read_ns = proof->read_ns != 0 ? proof->read_ns : clock_monotonic_ns();
    bool good = sampler_read(s, t, proof->runs && sampler_tells_core(t));
    if (proof->runs && sched_getcpu() != s->core) { /* a cpuset that changes moves us without asking */
        s->core = -1;
        s->moved = true;
    }
    if (!proof->ended || t->reader == NULL || python_remote(t->process->python)->calls != calls)
        look = proof_end(&t->files, proof);
    if (look == LOOK_GONE || (!good && s->exiting))
        return LOOK_GONE;
    if (proof->runs && t->core < 0) {
        t->core = s->moved ? s->stack.core : s->core;
        if (s->moved && t->core >= 0 && t->core != s->core)
            return look_again(t, LOOK_ELSEWHERE);
    }
    s->contested = s->contested || (proof->runs && s->core >= 0 && t->core == s->core);
    if (look == LOOK_AGAIN || s->moved) {
        t->core = -1;
        return look_again(t, LOOK_AGAIN);
    }
    if (!good && proof->runs && s->tries < TRIES_MORE && s->lost == LOSS_INVALID_STACK) {
        pause_briefly(s);
        return look_again(t, LOOK_AGAIN);
    }
    sampler_take(s, t, proof, good, proof->runs ? READER_CORE : READER_ASLEEP);
    if (good && proof->runs)
        operands_look(s, t, proof);
    return LOOK_DONE;
}

enum look sampler_look_at(struct sampler *s, struct tracked_thread *t)
{
    s->tries = 0;
    enum look look = sampler_look_once(s, t);
    while (look == LOOK_AGAIN && s->tries < TRIES_MORE) {
        s->tries++;
        atomic_fetch_add_explicit(&s->m->counts.rereads, 1, memory_order_relaxed);
        look = sampler_look_once(s, t);
    }
    s->tries = 0;
    return look;
}

void sampler_give_up(struct sampler *s, struct tracked_thread *t, enum loss_kind why)
{
    struct proof proof = {0};
    if (!proc_thread_schedstat(&t->files, &proof.after) || !proc_thread_stat(&t->files, &proof.stat))
        return;
    proof.runs = proof.stat.state == 'R';
    proof.call.running = true; /* what it waits for is not known */
    s->lost = why;
    s->read_ns = clock_monotonic_ns();
    sampler_clear_stack(s);
    s->stack.core = proof.stat.processor;
    t->depth = 0;
    sampler_take(s, t, &proof, false, READER_NONE);
}
