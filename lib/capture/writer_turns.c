/* The writer's part in turning stack stores (stack_store.h): the side that nothing comes from any more is emptied, and
 * what is known of it by its ids is forgotten. */
#include "capture/writer_private.h"

static bool is_old(const struct stack_store *store, uint32_t id)
{
    return !stack_store_is_current(store, id);
}

/* The sampler adds behind the entries that are looked at here, and gives a code to one that has none. */
static void forget_coroutines(struct writer *w, struct tracked_process *process)
{
    uint32_t count = process->tasks != NULL ? process->tasks->count : 0;
    for (uint32_t id = 1; id < count; id++) {
        struct task_entry *entry = task_store_entry(process->tasks, id);
        uint32_t code = __atomic_load_n(&entry->code, __ATOMIC_ACQUIRE);
        if (!is_old(&process->store, code))
            continue;
        if (entry->function == 0) {
            entry->function = names_function(w->names, &process->store, code);
            recording_set_coroutine(w->m->recording, entry->recorded, entry->function);
        }
        __atomic_compare_exchange_n(&entry->code, &code, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    }
}

static void forget_places(struct writer *w, const struct tracked_process *process)
{
    for (size_t i = 0; i < w->n_threads; i++) {
        struct tracked_thread *thread = w->threads[i];
        if (thread->process != process)
            continue;
        if (is_old(&process->store, thread->still_node))
            thread->still_node = 0;
        for (int at = 0; at < USUAL_WAITS; at++)
            thread->usual[at] = is_old(&process->store, thread->usual[at]) ? 0 : thread->usual[at];
    }
}

void writer_empty_turned(struct writer *w)
{
    uint64_t written = atomic_load_explicit(&w->m->queue.tail, memory_order_relaxed);
    for (size_t i = 0; i < w->n_processes; i++) {
        struct tracked_process *process = w->processes[i];
        struct stack_store *store = &process->store;
        if (atomic_load_explicit(&store->turn, memory_order_acquire) != STORE_TURNED || written < store->turned_at)
            continue;
        operands_write(w->operands); /* what was looked at before that */
        forget_coroutines(w, process);
        forget_places(w, process);
        names_forget(store, store->side ^ 1);
        names_forget_leaves(w->names);
        stack_store_empty_other(store);
        atomic_store_explicit(&store->turn, STORE_FILLS, memory_order_release);
    }
}
