/*
 * Who holds the lock that a thread waits for (lock_looks.h). The thread that waits is proved to sleep all the while, so
 * the lock was not given to it; each thread that is looked through is proved like any other (proof.h): asleep, or off
 * its core because we are there. A look takes some 150 µs; they are put off so far that they take a three-hundredth of
 * a core at most.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/cpython/locks.h"
#include "capture/proof.h"
#include "capture/schedule.h"
#include "capture/tracker_private.h"
#include "capture/wait_state.h"

#include <stdio.h>
#include <string.h>

enum {
    LOOK_NS = 10 * NS_PER_MS, /* between two looks */
    COSTS_OF_A_LOOK = 300,    /* pass between two, at least */
    FRAMES_MAX = 64,          /* of one stack, the innermost */
    STACKS_MAX = 64,          /* of others, in one search */
    SEARCH_NS = 5 * NS_PER_MS,
    TRIES = 3,
    UNTOLD_TRIES = 3
};

struct search {
    struct tracker *k;
    struct tracked_process *process;
    const struct tracked_thread *waits;
    struct proof proof; /* of that one */
    struct python_lock lock;
    struct python_stack stack;
    struct lock_look look;
    uint64_t gil_address;
    uint32_t gil_size;
    bool waiters; /* those that wait for a lock are looked through; else the others */
    uint64_t until_ns;
    uint32_t stacks; /* read so far in one search */
    cpu_set_t before;
    bool may_pin, pinned;
    uint64_t came_ns; /* our CPU time when we came to the core of one that runs */
};

static bool is_of(const struct tracked_thread *thread, const struct tracked_process *process)
{
    return thread->process == process && !thread->ended && thread->state_address != 0;
}

/* One of all threads with Python, at random: however many there are, one is looked at. */
static const struct tracked_thread *draw(struct tracker *k)
{
    const struct tracked_thread *drawn = NULL;
    uint64_t n = 0;
    for (size_t i = 0; i < k->m->track.n_threads; i++) {
        const struct tracked_thread *thread = k->m->track.threads[i];
        if (!is_of(thread, thread->process))
            continue;
        n++;
        k->random = k->random * 6364136223846793005u + 1442695040888963407u;
        if ((k->random >> 33) % n == 0)
            drawn = thread;
    }
    return drawn;
}

static bool read_stack(struct search *search, const struct tracked_thread *thread)
{
    struct python_reader *reader = python_reader_new(search->process->side, &thread->python_thread);
    struct python_frame *frames = search->stack.frames;
    search->stack = (struct python_stack){.frames = frames};
    search->stacks++;
    bool read = reader != NULL && python_read_stack(reader, &search->stack) == PYTHON_READ_OK;
    python_reader_free(reader);
    return read && search->stack.depth > 0;
}

static bool name_place(struct search *search, const struct python_frame *frame, struct lock_place *place)
{
    struct buf copy = {0};
    bool named = python_code_copy(search->process->side, frame->code, &copy) == 0 &&
                 python_code_resolve(search->process->side, &copy, &place->code) == 0;
    buf_release(&copy);
    place->offset = frame->offset;
    return named;
}

/* `gil_size` 0: the GIL counts as a lock too. */
static bool waits_for_lock(const struct proof *proof, uint64_t gil_address, uint32_t gil_size)
{
    return wait_state(proof->stat.state, &proof->call, gil_size > 0 ? gil_address : 0, gil_size) == STATE_LOCK;
}

/* Begins the proof that lasts to the end of the search. */
static bool begin(struct search *search)
{
    const struct proc_thread *files = &search->waits->files;
    struct proof *proof = &search->proof;
    return proof_counters(files, proof) == LOOK_DONE && proof_asleep(files, proof) == LOOK_DONE &&
           waits_for_lock(proof, 0, 0) && read_stack(search, search->waits) &&
           waits_for_lock(proof, search->stack.gil_address, search->stack.gil_size) &&
           python_lock_wanted(search->process->side, &search->stack.frames[0], &search->lock) &&
           name_place(search, &search->stack.frames[0], &search->look.waits);
}

/* The frame of that thread that holds the lock; NULL: none. */
static const struct python_frame *find_frame(struct search *search, const struct proof *proof)
{
    bool gil = !proof->runs &&
               wait_state(proof->stat.state, &proof->call, search->gil_address, search->gil_size) == STATE_GIL_WAIT;
    for (uint32_t i = 0; i < search->stack.depth && i < FRAMES_MAX && clock_monotonic_ns() < search->until_ns; i++) {
        const struct python_frame *frame = &search->stack.frames[i];
        if (python_lock_held(search->process->side, frame,
                             i > 0 ? LOCK_CALLER
                             : gil ? LOCK_GIL_WAITS
                                   : LOCK_INNERMOST,
                             search->lock.address))
            return frame;
    }
    return NULL;
}

/* Comes to the core of a thread that runs. */
static bool go_to(struct search *search, const struct proof *proof)
{
    bool came = search->may_pin && schedule_pin(proof->stat.processor);
    if (came && !search->pinned)
        search->came_ns = clock_thread_cpu_ns();
    search->pinned = search->pinned || came;
    return came;
}

/* What we took of the core of one that runs counts. */
static void leave(struct search *search)
{
    if (!search->pinned)
        return;
    schedule_unpin(&search->before);
    search->pinned = false;
    atomic_fetch_add_explicit(&search->k->m->counts.interrupt_ns, clock_thread_cpu_ns() - search->came_ns,
                              memory_order_relaxed);
}

/* It waits for a lock itself, as most that do not hold one do. */
static bool waits_too(const struct search *search, const struct proof *proof)
{
    return !proof->runs && waits_for_lock(proof, search->gil_address, search->gil_size);
}

/* True when the thread holds the lock; where, is in the look then, if a frame tells it. */
static bool holds(struct search *search, const struct tracked_thread *thread, bool owner)
{
    struct proof proof;
    int core = -1;
    for (int i = 0; i < TRIES; i++) {
        memset(&proof, 0, sizeof proof);
        enum look look = proof_counters(&thread->files, &proof);
        if (look == LOOK_DONE)
            look = proof_begin(&thread->files, core, core == -1, &proof);
        if (look == LOOK_GONE || (look == LOOK_DONE && !owner && waits_too(search, &proof) != search->waiters))
            return false;
        if (look == LOOK_ELSEWHERE && go_to(search, &proof)) {
            core = proof.stat.processor;
            continue;
        }
        if (look != LOOK_DONE || !read_stack(search, thread))
            continue;
        const struct python_frame *frame = find_frame(search, &proof);
        bool named = frame != NULL && name_place(search, frame, &search->look.holds);
        if (proof_end(&thread->files, &proof) == LOOK_DONE)
            return owner || named;
        python_code_release(&search->look.holds.code);
        search->look.holds = (struct lock_place){0};
    }
    return false;
}

static void tell_thread(struct search *search, const struct tracked_thread *thread)
{
    pthread_mutex_lock(&search->k->m->track.lock);
    snprintf(search->look.thread, sizeof search->look.thread, "%s", thread->name);
    pthread_mutex_unlock(&search->k->m->track.lock);
}

/* Begins anywhere, so that where there are many each has its turn. */
static bool find_holder(struct search *search)
{
    const struct track *track = &search->k->m->track;
    size_t n = track->n_threads, from = search->k->random % n;
    search->stacks = 0;
    search->until_ns = clock_monotonic_ns() + SEARCH_NS;
    for (size_t i = 0; i < n && search->stacks < STACKS_MAX && clock_monotonic_ns() < search->until_ns; i++) {
        const struct tracked_thread *thread = track->threads[(from + i) % n];
        bool owner = search->lock.owner != 0 && thread->python_thread.pthread == search->lock.owner;
        if (!is_of(thread, search->process) || thread == search->waits || (search->lock.owner != 0 && !owner))
            continue;
        bool found = holds(search, thread, owner);
        leave(search);
        if (found) {
            tell_thread(search, thread);
            return true;
        }
    }
    return false;
}

/* One that a program waits for all along may be no `with`'s at all (that of a Condition, of a thread's end): after a
 * few searches in vain, those that wait themselves are not looked through for it again. */
static void find_among_all(struct search *search)
{
    struct tracked_process *process = search->process;
    bool known = process->untold_lock == search->lock.address;
    search->gil_address = search->stack.gil_address;
    search->gil_size = search->stack.gil_size;
    if (find_holder(search)) {
        process->untold_tries = known ? 0 : process->untold_tries;
        return;
    }
    process->untold_tries = known ? process->untold_tries + 1 : 0;
    process->untold_lock = search->lock.address;
    search->waiters = true;
    if (process->untold_tries < UNTOLD_TRIES && search->lock.owner == 0)
        find_holder(search);
}

static void look(struct search *search)
{
    search->stack.frames = search->k->frames;
    if (begin(search)) {
        find_among_all(search);
        if (proof_end(&search->waits->files, &search->proof) == LOOK_DONE) {
            search->look.process = search->process;
            lock_queue_add(&search->k->m->locks, &search->look);
            return;
        }
    }
    lock_look_release(&search->look);
}

void tracker_look_at_locks(struct tracker *k)
{
    struct search search = {.k = k, .waits = k->m->options.no_operands ? NULL : draw(k)};
    k->locks_due_ns = k->now_ns + LOOK_NS;
    if (search.waits == NULL || search.waits->process->live_threads < 2)
        return;
    if (k->frames == NULL)
        k->frames = mem_alloc(PYTHON_DEPTH_MAX * sizeof *k->frames);
    if (k->frames == NULL)
        return;
    uint64_t start_ns = clock_thread_cpu_ns();
    search.process = search.waits->process;
    search.may_pin = sched_getaffinity(0, sizeof search.before, &search.before) == 0;
    look(&search);
    k->locks_due_ns = k->now_ns + tracker_later(LOOK_NS, clock_thread_cpu_ns() - start_ns, COSTS_OF_A_LOOK);
}
