#include "diagnose/trend.h"

#include "diagnose/rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MAX = 256 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double at_rank(const double *sorted, size_t n, double rank)
{
    if (rank < 0)
        return -INFINITY; /* too few to bound it */
    return rank >= (double)n ? INFINITY : sorted[(size_t)rank];
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* The first reading after the warm-up. */
static size_t warm(const struct trend_point *points, size_t n)
{
    double until = points[0].time_s + LIMIT_OF(LEAK, WARM_UP) * (points[n - 1].time_s - points[0].time_s);
    size_t from = 0;
    while (from < n && points[from].time_s < until)
        from++;
    return from;
}

/* From 0 at the first reading to 1 at the last: by its own time where it computes, whatever the machine's load. */
static double progress(const struct trend_point *points, size_t n, size_t from, size_t at)
{
    const struct trend_point *first = &points[from], *last = &points[n - 1];
    double used = last->cpu_s - first->cpu_s, span = last->time_s - first->time_s;
    if (used < LIMIT_OF(LEAK, BUSY) * span || used <= 0)
        return span > 0 ? (points[at].time_s - first->time_s) / span : 0;
    return (points[at].cpu_s - first->cpu_s) / used;
}

/* A single odd reading is none: the median of it and those beside it. */
static double steady(const struct trend_point *points, size_t n, size_t at)
{
    double near[3];
    for (size_t i = 0; i < 3; i++)
        near[i] = points[at + i - 1 < n ? at + i - 1 : at].value;
    return at == 0 || at + 1 >= n ? points[at].value : median(near, 3);
}

/* Readings up to the most of all, where it comes near the end; else all. */
static size_t before_end(const struct trend_point *points, size_t n)
{
    size_t most = 0;
    for (size_t i = 1; i < n; i++)
        most = steady(points, n, i) >= steady(points, n, most) ? i : most;
    double left = n > 0 ? points[n - 1].time_s - points[most].time_s : 0;
    return n > 0 && left <= LIMIT_OF(LEAK, ENDING) * (points[n - 1].time_s - points[0].time_s) ? most + 1 : n;
}

/* Of what it grew by, that behind the middle. */
static double late_part(const struct trend_point *points, size_t n, size_t from)
{
    size_t after = from + 1;
    while (after + 1 < n && 2 * progress(points, n, from, after) < 1)
        after++;
    double before = progress(points, n, from, after - 1), step = progress(points, n, from, after) - before;
    double last = steady(points, n, after - 1), rise = steady(points, n, after) - last;
    double middle = last + (step > 0 ? rise * (0.5 - before) / step : 0);
    double all = points[n - 1].value - steady(points, n, from);
    return all > 0 ? (points[n - 1].value - middle) / all : 0;
}

int trend_fit(const struct trend_point *points, size_t n, struct trend *trend)
{
    n = before_end(points, n);
    size_t from = n > 1 ? warm(points, n) : n, left = n - from, pairs = 0;
    *trend = (struct trend){0};
    if ((double)left < LIMIT_OF(LEAK, POINTS_MIN))
        return 0;
    double *slopes = mem_alloc(left * (left - 1) / 2 * sizeof *slopes);
    if (slopes == NULL)
        return ERR_NOMEM;
    for (size_t i = from; i < n; i++) {
        for (size_t k = i + 1; k < n; k++) {
            double seconds = points[k].time_s - points[i].time_s;
            if (seconds > 0)
                slopes[pairs++] = (points[k].value - points[i].value) / seconds;
        }
    }
    if (pairs > 0) {
        double m = (double)left, width = 1.96 * sqrt(m * (m - 1) * (2 * m + 5) / 18);
        trend->slope = median(slopes, pairs);
        trend->low = at_rank(slopes, pairs, floor(((double)pairs - width) / 2));
        trend->high = at_rank(slopes, pairs, ceil(((double)pairs + width) / 2));
        trend->points = left;
        trend->seconds = points[n - 1].time_s - points[from].time_s;
        trend->latest = points[n - 1].value;
        trend->first = fmax(points[0].value, trend->latest - trend->slope * (points[n - 1].time_s - points[0].time_s));
        trend->late = late_part(points, n, from);
    }
    mem_free(slopes);
    return 0;
}

static bool is_memory(const struct profile *profile, size_t i, uint32_t process)
{
    return profile->counters[i].kind == COUNTER_RSS && profile->counters[i].subject == process;
}

static int by_time(const void *a, const void *b)
{
    const struct trend_point *x = a, *y = b;
    return (x->time_s > y->time_s) - (x->time_s < y->time_s);
}

/* User and system time are read when memory is. */
static void add_cpu(const struct profile *profile, uint32_t process, struct trend_point *points, size_t n)
{
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->subject != process || (counter->kind != COUNTER_USER_TIME && counter->kind != COUNTER_SYSTEM_TIME))
            continue;
        struct trend_point key = {.time_s = (double)counter->time_ns / 1e9},
                           *point = bsearch(&key, points, n, sizeof *points, by_time);
        if (point != NULL)
            point->cpu_s += (double)counter->value / 1e9;
    }
}

/* Collections take longer the more there is: what they take says nothing of whether less is made than before. */
static void leave_out_collections(const struct profile *profile, uint32_t process, struct trend_point *points, size_t n)
{
    const struct profile_samples *samples = &profile->samples;
    double by_point[POINTS_MAX + 1] = {0}, sum = 0;
    for (size_t i = 0; i < samples->count; i++) {
        uint32_t thread = samples->thread[i];
        if (samples->state[i] != STATE_GC || thread >= profile->n_threads ||
            profile->threads[thread].process != process)
            continue;
        size_t low = 0, high = n;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (points[middle].time_s * 1e9 < (double)samples->time_ns[i])
                low = middle + 1;
            else
                high = middle;
        }
        by_point[low] += samples->cpu_ns[i] / 1e9;
    }
    for (size_t i = 0; i < n; i++) {
        sum += by_point[i];
        points[i].cpu_s = points[i].cpu_s > sum ? points[i].cpu_s - sum : 0;
    }
}

/* Of one process, thinned where there are very many. */
static size_t read_points(const struct profile *profile, uint32_t process, struct trend_point *points)
{
    size_t all = 0, n = 0, seen = 0;
    for (size_t i = 0; i < profile->n_counters; i++)
        all += is_memory(profile, i, process);
    size_t every = all / POINTS_MAX + 1;
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (is_memory(profile, i, process) && seen++ % every == 0)
            points[n++] = (struct trend_point){(double)counter->time_ns / 1e9, (double)counter->value, 0};
    }
    add_cpu(profile, process, points, n);
    leave_out_collections(profile, process, points, n);
    return n;
}

int trend_of_memory(const struct profile *profile, struct trend *trend)
{
    struct trend_point points[POINTS_MAX];
    uint32_t best = 0;
    int64_t most = 0;
    int64_t *first = mem_zalloc(profile->n_processes + 1, sizeof *first);
    *trend = (struct trend){0};
    if (first == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->kind != COUNTER_RSS || counter->subject == 0 || counter->subject >= profile->n_processes)
            continue;
        if (first[counter->subject] == 0)
            first[counter->subject] = counter->value;
        if (counter->value - first[counter->subject] > most) {
            most = counter->value - first[counter->subject];
            best = counter->subject;
        }
    }
    mem_free(first);
    if (best == 0)
        return 0;
    int rc = trend_fit(points, read_points(profile, best, points), trend);
    trend->process = trend->points > 0 ? best : 0;
    return rc;
}
