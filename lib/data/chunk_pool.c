#include "data/chunk_pool.h"

#include "base/err.h"
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    JOBS = 8,                /* chunks at a time: of 64 k rows each at most, 40 bytes a row */
    WORKERS_MAX = 4,         /* one core reads them and weighs their rows meanwhile */
    WITH_WORKERS = 16,       /* chunks given before it is worth a thread: some 100 000 rows */
    WAITING_BYTES = 8 << 20, /* of chunks: behind so many there is no room. Ours have a hundredth of it */
    KEPT_BYTES = 1 << 20     /* of a job, for the next chunk */
};

struct job {
    uint8_t *bytes;
    size_t size, bytes_capacity;
    struct chunk_row *rows;
    size_t rows_capacity, count;
    int rc;
    bool done; /* under the lock */
};

struct chunk_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job jobs[JOBS];
    size_t given, taken;  /* of all so far; the job of number n is jobs[n % JOBS] */
    size_t next;          /* of them the first that nobody decodes yet */
    size_t waiting_bytes; /* of those that were given and not taken */
    pthread_t workers[WORKERS_MAX];
    size_t n_workers;
    bool tried, ends; /* to have workers */
};

static void decode(struct job *job)
{
    job->count = 0;
    job->rc = chunk_decode(job->bytes, job->size, &job->rows, &job->rows_capacity, &job->count);
    if (job->bytes_capacity > KEPT_BYTES) {
        mem_free(job->bytes);
        job->bytes = NULL;
        job->bytes_capacity = 0;
    }
}

/* Decodes the first that waits, without the lock that is held. False: none does. */
static bool decode_next(struct chunk_pool *pool)
{
    if (pool->next == pool->given)
        return false;
    struct job *job = &pool->jobs[pool->next++ % JOBS];
    pthread_mutex_unlock(&pool->lock);
    decode(job);
    pthread_mutex_lock(&pool->lock);
    job->done = true;
    pthread_cond_broadcast(&pool->changed);
    return true;
}

static void *work(void *context)
{
    struct chunk_pool *pool = context;
    pthread_mutex_lock(&pool->lock);
    while (!pool->ends) {
        if (!decode_next(pool))
            pthread_cond_wait(&pool->changed, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals are for the caller's threads. */
static void start_workers(struct chunk_pool *pool)
{
    sigset_t all, before;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->n_workers < WORKERS_MAX && (long)pool->n_workers + 1 < cores &&
           pthread_create(&pool->workers[pool->n_workers], NULL, work, pool) == 0)
        pool->n_workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct chunk_pool *chunk_pool_new(void)
{
    struct chunk_pool *pool = mem_zalloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    return pool;
}

void chunk_pool_free(struct chunk_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ends = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i], NULL);
    for (size_t i = 0; i < JOBS; i++) {
        mem_free(pool->jobs[i].bytes);
        mem_free(pool->jobs[i].rows);
    }
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool);
}

bool chunk_pool_full(const struct chunk_pool *pool)
{
    return pool->waiting_bytes >= WAITING_BYTES ||
           pool->given - pool->taken == JOBS - 1; /* the one taken last is still looked at */
}

bool chunk_pool_empty(const struct chunk_pool *pool)
{
    return pool->given == pool->taken;
}

int chunk_pool_give(struct chunk_pool *pool, const void *data, size_t size)
{
    struct job *job = &pool->jobs[pool->given % JOBS];
    if (size > CHUNK_BYTES_MAX) /* it is none, which an empty one says as well */
        size = 0;
    if (mem_grow(&job->bytes, &job->bytes_capacity, size + 1, 1) != 0)
        return ERR_NOMEM;
    if (size > 0)
        memcpy(job->bytes, data, size);
    job->size = size;
    pool->waiting_bytes += size;
    pthread_mutex_lock(&pool->lock);
    job->done = false;
    pool->given++;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    if (!pool->tried && pool->given >= WITH_WORKERS) {
        pool->tried = true;
        start_workers(pool);
    }
    return 0;
}

bool chunk_pool_take(struct chunk_pool *pool, struct chunk_taken *taken)
{
    struct job *job = &pool->jobs[pool->taken % JOBS];
    if (pool->taken == pool->given)
        return false;
    pthread_mutex_lock(&pool->lock);
    while (!job->done) { /* it may be a worker's: then those behind it are ours */
        if (!decode_next(pool))
            pthread_cond_wait(&pool->changed, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    pool->taken++;
    pool->waiting_bytes -= job->size;
    *taken = (struct chunk_taken){job->rows, job->count, job->rc};
    return true;
}
