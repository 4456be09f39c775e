#include "capture/other_states.h"

#include "base/mem.h"
#include "capture/track.h"

#include <string.h>

struct other_states {
    pthread_mutex_t lock;
    struct python_thread wanted[OTHER_STATES_MAX]; /* under the lock */
    size_t n_wanted;
    atomic_bool changed;
    /* the sampler's own */
    struct python_thread states[OTHER_STATES_MAX];
    struct python_reader *readers[OTHER_STATES_MAX];
    size_t n;
    size_t last; /* attached when one was seen to be; n: the oldest */
};

/* Only the tracker writes them. */
static bool is_known(const struct other_states *others, const struct python_thread *states, size_t count)
{
    bool same = others->n_wanted == count;
    for (size_t i = 0; same && i < count; i++)
        same = others->wanted[i].address == states[i].address && others->wanted[i].interpreter == states[i].interpreter;
    return same;
}

void other_states_set(struct tracked_thread *thread, const struct python_thread *states, size_t count)
{
    struct other_states *others = atomic_load(&thread->others);
    if (count > OTHER_STATES_MAX)
        count = OTHER_STATES_MAX;
    if (others == NULL) {
        if (count == 0 || (others = mem_zalloc(1, sizeof *others)) == NULL)
            return;
        pthread_mutex_init(&others->lock, NULL);
    } else if (is_known(others, states, count)) {
        return;
    }
    pthread_mutex_lock(&others->lock);
    memcpy(others->wanted, states, count * sizeof *states);
    others->n_wanted = count;
    pthread_mutex_unlock(&others->lock);
    atomic_store(&others->changed, true);
    atomic_store(&thread->others, others);
}

static void free_readers(struct other_states *others)
{
    for (size_t i = 0; i < others->n; i++)
        python_reader_free(others->readers[i]);
    others->n = 0;
}

static void take_over(struct other_states *others, struct python *python)
{
    if (pthread_mutex_trylock(&others->lock) != 0)
        return;
    atomic_store(&others->changed, false);
    free_readers(others);
    memcpy(others->states, others->wanted, sizeof others->states);
    for (size_t i = 0; i < others->n_wanted; i++) {
        others->readers[others->n] = python_reader_new(python, &others->states[i]);
        if (others->readers[others->n] != NULL)
            others->n++;
    }
    others->last = others->n;
    pthread_mutex_unlock(&others->lock);
}

/* Is it where the thread runs, and still a state of this thread? */
static bool reads(const struct other_states *others, size_t i, struct python_stack *stack)
{
    return python_read_stack(others->readers[i], stack) == PYTHON_READ_OK && stack->depth > 0 &&
           python_reader_owns(others->readers[i]);
}

static bool is_attached(const struct python_stack *stack)
{
    return stack->holds_gil || stack->attached;
}

enum python_read_result other_states_read(struct tracked_thread *thread, struct python_stack *stack)
{
    struct other_states *others = atomic_load_explicit(&thread->others, memory_order_acquire);
    if (others == NULL)
        return python_read_stack(thread->reader, stack);
    if (atomic_load_explicit(&others->changed, memory_order_relaxed))
        take_over(others, thread->process->python);
    enum python_read_result result = python_read_stack(thread->reader, stack);
    if (result != PYTHON_READ_OK || is_attached(stack)) {
        others->last = others->n;
        return result;
    }
    for (size_t i = 0; i < others->n; i++) {
        if (reads(others, i, stack) && is_attached(stack)) {
            others->last = i;
            return PYTHON_READ_OK;
        }
    }
    if (others->last < others->n && reads(others, others->last, stack))
        return PYTHON_READ_OK;
    for (size_t i = 0; i < others->n; i++) { /* none was seen yet: the newest that is in a call */
        if (reads(others, i, stack))
            return PYTHON_READ_OK;
    }
    return python_read_stack(thread->reader, stack);
}

void other_states_free(struct tracked_thread *thread)
{
    struct other_states *others = atomic_exchange(&thread->others, NULL);
    if (others == NULL)
        return;
    free_readers(others);
    pthread_mutex_destroy(&others->lock);
    mem_free(others);
}
