/*
 * Samplers of the other cores. The sampler thread (sampler.c) reads the running threads of the core that it wakes on.
 * For each further core with running threads it has an assistant, pinned there: it lends the threads, the assistant is
 * waked, which takes the core from them, looks at them there and gives them back. While a thread is lent nobody else
 * touches it but to ask for its end. All cores are so read at the same time, and an assistant sleeps until there is
 * something to read on its core.
 *
 * The sampler lends; assistants never lend on: a thread that has moved is followed, as far as sampler_visit goes.
 * Assistants are made when their core is first met: in steady state nothing here allocates.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/sampler_private.h"
#include "capture/schedule.h"

#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum { COUNT_NS = 100 * 1000 * 1000, JOBS_FIRST = 64 };

struct assistant {
    struct sampler s;
    int core;
    pthread_t thread;
    sem_t wake;
    atomic_bool stop;
    pthread_mutex_t lock;
    struct tracked_thread **jobs; /* under the lock */
    size_t n_jobs, jobs_capacity;
    uint64_t asked_ns;             /* under the lock: when the first of them was lent */
    struct tracked_thread **taken; /* those that are looked at */
    size_t n_taken, taken_capacity;
    uint64_t counted_at_ns;
};

struct sampler_cores {
    struct assistant *assistants[CPU_SETSIZE]; /* NULL: not met yet */
    bool refused[CPU_SETSIZE];                 /* none could be made */
};

/* ---- the assistant's thread ----------------------------------------------------------------------------------------
 */

/* Takes over what was lent. */
static bool take_jobs(struct assistant *a, uint64_t *asked_ns)
{
    pthread_mutex_lock(&a->lock);
    struct tracked_thread **jobs = a->taken;
    size_t capacity = a->taken_capacity;
    a->taken = a->jobs;
    a->taken_capacity = a->jobs_capacity;
    a->n_taken = a->n_jobs;
    a->jobs = jobs;
    a->jobs_capacity = capacity;
    a->n_jobs = 0;
    *asked_ns = a->asked_ns;
    pthread_mutex_unlock(&a->lock);
    return a->n_taken > 0;
}

static void look_at_jobs(struct assistant *a, uint64_t asked_ns)
{
    struct sampler *s = &a->s;
    uint64_t woke_ns = clock_monotonic_ns();
    s->late = sampler_begin(s, asked_ns, woke_ns);
    if (mem_grow(&s->elsewhere, &s->capacity, a->n_taken, sizeof *s->elsewhere) == 0) {
        memcpy(s->elsewhere, a->taken, a->n_taken * sizeof *s->elsewhere);
        s->n_elsewhere = a->n_taken;
        if (s->core != a->core)
            sampler_pin(s, a->core);
        sampler_visit(s);
    }
    for (size_t i = 0; i < a->n_taken; i++) {
        struct tracked_thread *t = a->taken[i];
        t->lent_before = !t->asleep && t->core == a->core;
        atomic_store_explicit(&t->lent, false, memory_order_release);
    }
    if (s->core != a->core)
        sampler_pin(s, a->core);
    atomic_fetch_add_explicit(&s->m->counts.busy_cores, (uint64_t)s->n_busy_cores, memory_order_relaxed);
    uint64_t slept_ns = sampler_count_awake(s, woke_ns);
    if (slept_ns > a->counted_at_ns + COUNT_NS) {
        sampler_count_cpu(s);
        a->counted_at_ns = slept_ns;
    }
}

static void *assistant_main(void *assistant)
{
    struct assistant *a = assistant;
    uint64_t asked_ns;
    prctl(PR_SET_NAME, "kei-sampler");
    prctl(PR_SET_TIMERSLACK, 1);
    schedule_short_slice();
    sampler_pin(&a->s, a->core);
    while (!atomic_load_explicit(&a->stop, memory_order_acquire)) {
        while (sem_wait(&a->wake) != 0 && errno == EINTR)
            ;
        while (take_jobs(a, &asked_ns))
            look_at_jobs(a, asked_ns);
    }
    while (take_jobs(a, &asked_ns)) /* lent a moment before the end */
        look_at_jobs(a, asked_ns);
    sampler_count_cpu(&a->s);
    return NULL;
}

/* ---- the sampler's side --------------------------------------------------------------------------------------------
 */

static void assistant_free(struct assistant *a)
{
    sampler_release(&a->s);
    sem_destroy(&a->wake);
    pthread_mutex_destroy(&a->lock);
    mem_free(a->jobs);
    mem_free(a->taken);
    mem_free(a);
}

static struct assistant *assistant_new(const struct sampler *lender, int core)
{
    struct assistant *a = mem_zalloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->core = core;
    bool ready = sem_init(&a->wake, 0, 0) == 0 && pthread_mutex_init(&a->lock, NULL) == 0 &&
                 sampler_init(&a->s, lender->m) == 0 &&
                 mem_grow(&a->jobs, &a->jobs_capacity, JOBS_FIRST, sizeof *a->jobs) == 0 &&
                 mem_grow(&a->taken, &a->taken_capacity, JOBS_FIRST, sizeof *a->taken) == 0;
    a->s.allowed = lender->allowed; /* ours is one core now */
    if (!ready || pthread_create(&a->thread, NULL, assistant_main, a) != 0) {
        assistant_free(a);
        return NULL;
    }
    return a;
}

static struct assistant *assistant_of(struct sampler *s, int core)
{
    struct sampler_cores *cores = s->cores;
    if (cores->assistants[core] == NULL && !cores->refused[core]) {
        cores->assistants[core] = assistant_new(s, core);
        cores->refused[core] = cores->assistants[core] == NULL;
    }
    return cores->assistants[core];
}

bool sampler_lend(struct sampler *s, struct tracked_thread *t)
{
    int core = t->core;
    if (s->cores == NULL || s->kernel != NULL || core < 0 || core >= CPU_SETSIZE || !CPU_ISSET(core, &s->allowed))
        return false;
    struct assistant *a = assistant_of(s, core);
    if (a == NULL)
        return false;
    pthread_mutex_lock(&a->lock);
    bool lent = mem_grow(&a->jobs, &a->jobs_capacity, a->n_jobs + 1, sizeof *a->jobs) == 0;
    bool first = lent && a->n_jobs == 0;
    if (lent) {
        atomic_store_explicit(&t->lent, true, memory_order_relaxed);
        a->asked_ns = first ? s->here_ns : a->asked_ns;
        a->jobs[a->n_jobs++] = t;
    }
    pthread_mutex_unlock(&a->lock);
    if (first)
        sem_post(&a->wake);
    return lent;
}

void sampler_recall(struct sampler *s)
{
    struct timespec moment = {.tv_nsec = 20 * 1000};
    for (size_t i = 0; i < s->n; i++) {
        while (atomic_load_explicit(&s->list[i]->lent, memory_order_acquire))
            clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
    }
}

int sampler_cores_new(struct sampler *s)
{
    s->cores = mem_zalloc(1, sizeof *s->cores);
    return s->cores != NULL ? 0 : ERR_NOMEM;
}

void sampler_cores_free(struct sampler *s)
{
    for (int core = 0; s->cores != NULL && core < CPU_SETSIZE; core++) {
        struct assistant *a = s->cores->assistants[core];
        if (a == NULL)
            continue;
        atomic_store(&a->stop, true);
        sem_post(&a->wake);
        pthread_join(a->thread, NULL);
        assistant_free(a);
    }
    mem_free(s->cores);
    s->cores = NULL;
}
