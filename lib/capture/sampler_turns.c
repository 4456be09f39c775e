/*
 * A stack store that is full is turned (stack_store.h): its other side is filled from then on, and every thread of the
 * process lets go of what it has of the old one. What it has is its last sample, which may stand for more sweeps as
 * long as it sleeps: that is written, and the next look reads its stack as if it were the first. The main sampler's,
 * between two sweeps.
 */
#include "capture/sampler_private.h"

enum { EVERY_NS = 100 * 1000 * 1000 /* longer than the writer lags behind */ };

/* True when the thread has nothing of the old side. */
static bool lets_go(struct sampler *s, struct tracked_thread *t)
{
    const struct stack_store *store = &t->process->store;
    if (sampler_is_lent(t))
        return false;
    if (t->depth > 0 && !stack_store_is_current(store, t->nodes[0]))
        t->depth = 0;
    if (stack_store_is_current(store, t->stack))
        return true;
    sampler_flush(s, t, false);
    if (t->wait_from_ns != 0) { /* the next sweep finds it in a wait that began there */
        sampler_saw(t, &t->last, t->pending_ns);
        t->wait_from_ns = 0;
    }
    t->asleep = false;
    return false;
}

static void turn(struct sampler *s, struct tracked_process *process)
{
    struct stack_store *store = &process->store;
    pthread_mutex_lock(&process->interning);
    atomic_store_explicit(&store->turn, STORE_TURNS, memory_order_relaxed);
    stack_store_turn(store);
    pthread_mutex_unlock(&process->interning);
    store->free_of_old = false;
    if (s->kernel != NULL) /* it tells of each code object once */
        kernel_sampler_forget(s->kernel);
}

/* The threads of one process. A code object that is met at the place of another is told of to the samples that are in
 * the queue as long as the store turns: so it goes on until these are written. */
static void look_at_store(struct sampler *s, struct tracked_thread *const *threads, size_t n)
{
    struct stack_store *store = &threads[0]->process->store;
    bool free_before = store->free_of_old, free_now = true;
    int state = atomic_load_explicit(&store->turn, memory_order_acquire);
    if (state == STORE_FILLS && stack_store_filled(store)->bytes >= s->m->store_side_bytes)
        turn(s, threads[0]->process);
    else if (state != STORE_TURNS)
        return;
    for (size_t i = 0; i < n; i++)
        free_now = lets_go(s, threads[i]) && free_now;
    store->free_of_old = free_now;
    if (free_before && free_now && state == STORE_TURNS) {
        store->turned_at = atomic_load_explicit(&s->m->queue.head, memory_order_relaxed);
        atomic_store_explicit(&store->turn, STORE_TURNED, memory_order_release);
    }
}

void sampler_turn_stores(struct sampler *s)
{
    if (s->now_ns < s->turns_due_ns)
        return;
    s->turns_due_ns = s->now_ns + EVERY_NS;
    for (size_t from = 0, to; from < s->n; from = to) {
        for (to = from + 1; to < s->n && s->list[to]->process == s->list[from]->process;)
            to++;
        look_at_store(s, &s->list[from], to - from);
    }
}
