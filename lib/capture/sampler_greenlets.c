/*
 * The greenlets of a thread that do not run, in the looks at what waits (sampler_tasks.c). A thread that hardly sleeps
 * has time for a slice a look: so they are taken in turns, and each stands for the time since it was looked at itself.
 */
#include "capture/cpython/greenlet.h"
#include "capture/sampler_private.h"

enum { FIRST_NS = 100 * 1000 * 1000, WAIT_MAX_NS = 1000 * 1000 * 1000 };

/* Those of the thread, with what is known of them from before. */
static void take_list(struct greenlet_watch *watch, const struct greenlet_list *list, pid_t tid)
{
    struct looked_greenlet *now = mem_alloc((list->count + 1) * sizeof *now);
    size_t n = 0, before = 0;
    for (size_t i = 0; now != NULL && i < list->count; i++) {
        uint64_t address = list->entries[i].address;
        if (list->entries[i].tid != tid)
            continue;
        while (before < watch->count && watch->entries[before].address < address)
            before++;
        bool known = before < watch->count && watch->entries[before].address == address;
        now[n++] = (struct looked_greenlet){address, known ? watch->entries[before].looked_ns : 0};
    }
    if (now == NULL)
        return;
    mem_free(watch->entries);
    watch->entries = now;
    watch->count = n;
    watch->version = list->version;
}

void sampler_begin_greenlets(struct greenlet_watch *watch, struct tracked_thread *t)
{
    struct greenlet_list *list = atomic_load(&t->process->greenlets);
    if (list != NULL && pthread_mutex_trylock(&list->lock) == 0) { /* the tracker's turn: the next time, then */
        if (list->version != watch->version)
            take_list(watch, list, t->tid);
        pthread_mutex_unlock(&list->lock);
    }
    watch->left = watch->count;
    watch->slice = 0;
}

static uint64_t waited_ns(const struct looked_greenlet *one, uint64_t now_ns)
{
    uint64_t since_ns = one->looked_ns != 0 ? now_ns - one->looked_ns : FIRST_NS;
    return since_ns < WAIT_MAX_NS ? since_ns : WAIT_MAX_NS;
}

bool sampler_read_greenlet(struct sampler *s, struct tracked_thread *t, struct python_reader *reader,
                           struct greenlet_watch *watch, struct raw_sample *raw)
{
    watch->next = watch->next < watch->count ? watch->next : 0;
    const struct looked_greenlet *one = &watch->entries[watch->next++];
    struct python_task_view view = {.task = {.address = one->address, .greenlet = true}, .state = TASK_WAITS};
    uint64_t left_at = 0;
    watch->left--;
    watch->slice++;
    bool read = python_read_greenlet(reader, one->address, &left_at, &s->chain);
    if (!read || left_at < atomic_load_explicit(&t->stack_low, memory_order_relaxed) ||
        left_at >= atomic_load_explicit(&t->stack_high, memory_order_relaxed))
        return false;
    view.task.coroutine = s->chain.frames[s->chain.depth - 1].code;
    if (!sampler_take_task(s, t, &view, raw))
        return false;
    raw->wait_ns = waited_ns(one, s->now_ns);
    return true;
}

void sampler_end_greenlets(struct greenlet_watch *watch, bool good, uint64_t now_ns)
{
    for (size_t i = 0; good && i < watch->slice; i++) {
        size_t at = (watch->next + watch->count - 1 - i) % watch->count;
        watch->entries[at].looked_ns = now_ns;
    }
    watch->slice = 0;
}

void sampler_forget_greenlets(struct greenlet_watch *watch)
{
    mem_free(watch->entries);
}
