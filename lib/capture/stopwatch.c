#include "capture/stopwatch.h"

#include <string.h>

void stopwatch_init(struct stopwatch *watch, uint64_t start_ns)
{
    memset(watch, 0, sizeof *watch);
    pthread_mutex_init(&watch->lock, NULL);
    watch->start_ns = start_ns;
}

void stopwatch_release(struct stopwatch *watch)
{
    pthread_mutex_destroy(&watch->lock);
}

static bool lasts(const struct stopwatch *watch)
{
    return watch->n_gaps > 0 && watch->gaps[watch->n_gaps - 1].to_ns == UINT64_MAX;
}

uint64_t stopwatch_read(struct stopwatch *watch, uint64_t monotonic_ns)
{
    pthread_mutex_lock(&watch->lock);
    uint64_t out_ns = watch->older_ns;
    for (unsigned i = 0; i < watch->n_gaps && watch->gaps[i].from_ns < monotonic_ns; i++) {
        uint64_t to_ns = watch->gaps[i].to_ns < monotonic_ns ? watch->gaps[i].to_ns : monotonic_ns;
        out_ns += to_ns - watch->gaps[i].from_ns;
    }
    pthread_mutex_unlock(&watch->lock);
    return monotonic_ns > watch->start_ns + out_ns ? monotonic_ns - watch->start_ns - out_ns : 0;
}

void stopwatch_pause(struct stopwatch *watch, uint64_t now_ns)
{
    pthread_mutex_lock(&watch->lock);
    if (!lasts(watch)) {
        if (watch->n_gaps == STOPWATCH_GAPS) {
            watch->older_ns += watch->gaps[0].to_ns - watch->gaps[0].from_ns;
            memmove(watch->gaps, watch->gaps + 1, (STOPWATCH_GAPS - 1) * sizeof *watch->gaps);
            watch->n_gaps--;
        }
        watch->gaps[watch->n_gaps].from_ns = now_ns > watch->start_ns ? now_ns : watch->start_ns;
        watch->gaps[watch->n_gaps++].to_ns = UINT64_MAX;
    }
    pthread_mutex_unlock(&watch->lock);
}

uint64_t stopwatch_resume(struct stopwatch *watch, uint64_t now_ns)
{
    uint64_t length_ns = 0;
    pthread_mutex_lock(&watch->lock);
    if (lasts(watch)) {
        uint64_t from_ns = watch->gaps[watch->n_gaps - 1].from_ns;
        watch->gaps[watch->n_gaps - 1].to_ns = now_ns > from_ns ? now_ns : from_ns;
        length_ns = watch->gaps[watch->n_gaps - 1].to_ns - from_ns;
    }
    pthread_mutex_unlock(&watch->lock);
    return length_ns;
}

bool stopwatch_paused(struct stopwatch *watch)
{
    pthread_mutex_lock(&watch->lock);
    bool paused = lasts(watch);
    pthread_mutex_unlock(&watch->lock);
    return paused;
}
