/*
 * The greenlets of a process, for the sampler: the collector's lists are gone through now and then, which costs as many
 * reads as there are objects, and what was found stays until it is over, since a list that changes under the walk shows
 * a part of what is there. Which thread each belongs to is told by the C stack that it was left on.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/cpython/greenlet.h"
#include "capture/tracker_private.h"

#include <stdlib.h>

enum {
    FIRST_NS = 100 * NS_PER_MS, /* to the first look whether the module is loaded */
    SOON_TRIES = 8,             /* as often as walks; then twice that, and so on */
    DOUBLINGS_MAX = 5,
    WALK_NS = 250 * NS_PER_MS, /* between two walks */
    WALKED_MAX = 400000,       /* objects: the youngest come first */
};

struct finder {
    struct tracker *k;
    struct tracked_process *process;
    struct python_reader *reader;
    uint64_t *addresses;
    size_t capacity, count;
    struct listed_greenlet *entries;
};

static int by_address(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;
    return one < two ? -1 : one > two;
}

static struct tracked_thread *any_thread(struct tracker *k, const struct tracked_process *process)
{
    for (size_t i = 0; i < k->m->track.n_threads; i++) {
        struct tracked_thread *thread = k->m->track.threads[i];
        if (thread->process == process && !thread->ended && thread->state_address != 0)
            return thread;
    }
    return NULL;
}

static void tell_stacks(struct finder *f, const struct proc_maps *maps)
{
    for (size_t i = 0; i < f->k->m->track.n_threads; i++) {
        struct tracked_thread *thread = f->k->m->track.threads[i];
        struct stack_range range;
        if (thread->process != f->process || thread->ended || thread->state_address == 0 ||
            !greenlets_stack_of(maps, thread->tid == f->process->pid, thread->python_thread.pthread, &range))
            continue;
        atomic_store(&thread->stack_low, range.low);
        atomic_store(&thread->stack_high, range.high);
    }
}

static pid_t owner_of(const struct finder *f, uint64_t address)
{
    uint64_t left_at = python_greenlet_left_at(f->reader, address);
    for (size_t i = 0; left_at != 0 && i < f->k->m->track.n_threads; i++) {
        struct tracked_thread *thread = f->k->m->track.threads[i];
        if (thread->process == f->process && !thread->ended && left_at >= atomic_load(&thread->stack_low) &&
            left_at < atomic_load(&thread->stack_high))
            return thread->tid;
    }
    return 0;
}

/* Found now, or before and left on a stack still. The list is changed by this thread alone. */
static bool merge(struct finder *f, const struct greenlet_list *known)
{
    size_t n_found = f->count, kept = 0;
    if (mem_grow(&f->addresses, &f->capacity, n_found + known->count + 1, sizeof *f->addresses) != 0)
        return false;
    for (size_t i = 0; i < known->count; i++)
        f->addresses[f->count++] = known->entries[i].address;
    qsort(f->addresses, f->count, sizeof *f->addresses, by_address);
    f->entries = mem_alloc((f->count + 1) * sizeof *f->entries);
    for (size_t i = 0; f->entries != NULL && i < f->count && kept < GREENLETS_MAX; i++) {
        if (i > 0 && f->addresses[i] == f->addresses[i - 1])
            continue;
        struct listed_greenlet entry = {f->addresses[i], owner_of(f, f->addresses[i])};
        if (entry.tid != 0)
            f->entries[kept++] = entry;
    }
    f->count = kept;
    return f->entries != NULL;
}

static void find(struct finder *f, const struct proc_maps *maps, struct greenlet_list *list)
{
    int count = python_greenlets(f->reader, WALKED_MAX, &f->addresses, &f->capacity);
    f->count = count > 0 ? (size_t)count : 0;
    if (f->count + list->count > 0)
        tell_stacks(f, maps);
    if (f->count + list->count == 0 || !merge(f, list))
        return;
    struct listed_greenlet *before = list->entries;
    pthread_mutex_lock(&list->lock);
    list->entries = f->entries;
    list->count = f->count;
    list->version++;
    pthread_mutex_unlock(&list->lock);
    mem_free(before);
}

static struct greenlet_list *list_of(struct tracked_process *process)
{
    struct greenlet_list *list = atomic_load(&process->greenlets);
    if (list == NULL) {
        list = greenlet_list_new();
        atomic_store(&process->greenlets, list);
    }
    return list;
}

void tracker_find_greenlets(struct tracker *k, struct tracked_process *process)
{
    struct proc_maps maps = {0};
    struct err err;
    struct finder f = {.k = k, .process = process};
    uint64_t start_ns = clock_thread_cpu_ns(), interval_ns = WALK_NS;
    if (process->greenlets_due_ns == 0) { /* brief ones are not worth it */
        process->greenlets_due_ns = k->now_ns + FIRST_NS;
        return;
    }
    struct tracked_thread *thread = any_thread(k, process);
    bool read = proc_maps_read(process->pid, &maps, &err) == 0;
    if (!read || !greenlets_loaded(&maps)) {
        process->greenlet_tries += process->greenlet_tries < SOON_TRIES + DOUBLINGS_MAX;
        interval_ns <<= process->greenlet_tries > SOON_TRIES ? process->greenlet_tries - SOON_TRIES : 0;
    } else if (thread != NULL && list_of(process) != NULL) {
        f.reader = python_reader_new(process->side, &thread->python_thread);
        if (f.reader != NULL)
            find(&f, &maps, list_of(process));
        python_reader_free(f.reader);
        mem_free(f.addresses);
    }
    proc_maps_release(&maps);
    process->greenlets_due_ns = k->now_ns + tracker_later(interval_ns, clock_thread_cpu_ns() - start_ns, COSTS);
}
