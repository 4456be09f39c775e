/*
 * The page's series: the cores' own counters and the processes' memory, as one value for each time bucket. Absent where
 * the recording has no such counter; never zero for "not measured".
 *
 * May fail: short memory, told by the buffer's `failed`.
 */
#include "export/html_page.h"

#include <math.h>

/* What the cores did in a bucket, over the core-nanoseconds that readings cover. */
struct rate {
    double sum, covered_ns;
};

struct point {
    double time_ns, value;
    bool seen;
};

static size_t bucket_of(const struct page *page, const struct profile *profile, double time_ns)
{
    double at = profile->duration_ns > 0 ? time_ns / (double)profile->duration_ns * (double)page->buckets : 0;
    return at <= 0 ? 0 : at >= (double)page->buckets ? page->buckets - 1 : (size_t)at;
}

/* Spreads what a cumulative counter grew by over the buckets between two readings. */
static void spread(const struct page *page, const struct profile *profile, struct point from, struct point to,
                   struct rate *rates)
{
    double length = to.time_ns - from.time_ns, grown = to.value - from.value;
    double width = (double)profile->duration_ns / (double)page->buckets;
    if (!(length > 0) || !(grown >= 0))
        return;
    size_t last = bucket_of(page, profile, to.time_ns);
    for (size_t bucket = bucket_of(page, profile, from.time_ns); bucket <= last; bucket++) {
        double begin = fmax(from.time_ns, (double)bucket * width);
        double end = fmin(to.time_ns, (double)(bucket + 1) * width);
        if (end > begin) {
            rates[bucket].sum += grown * (end - begin) / length;
            rates[bucket].covered_ns += end - begin;
        }
    }
}

/* Buckets that no reading covers (the last comes a little before the end) keep the value before them. */
static void fill_rates(const struct page *page, const struct rate *rates, size_t cores, double *values)
{
    double value = 0;
    for (size_t i = 0; i < page->buckets; i++) {
        if (rates[i].covered_ns > 0)
            value = rates[i].sum / rates[i].covered_ns * (double)cores;
        values[i] = fmin(value, (double)cores);
    }
}

static bool sum_cores(const struct page *page, const struct profile *profile, struct point *last, struct rate *rates,
                      double *values)
{
    size_t cores = 0;
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->kind != COUNTER_CORE_BUSY || counter->subject >= COUNTER_CORES_MAX)
            continue;
        struct point now = {(double)counter->time_ns, (double)counter->value, true};
        if (last[counter->subject].seen)
            spread(page, profile, last[counter->subject], now, rates);
        else
            cores++;
        last[counter->subject] = now;
    }
    fill_rates(page, rates, cores, values);
    return cores > 0;
}

/* A process's memory holds from one reading to the next, and from the last to its end. */
static void hold(const struct page *page, const struct profile *profile, struct point from, double until_ns, bool final,
                 double *sums)
{
    size_t last = bucket_of(page, profile, until_ns);
    for (size_t bucket = bucket_of(page, profile, from.time_ns); bucket < last; bucket++)
        sums[bucket] += from.value;
    if (final && last + 1 == page->buckets)
        sums[last] += from.value;
}

static bool sum_memory(const struct page *page, const struct profile *profile, struct point *last, double *sums)
{
    bool any = false;
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->kind != COUNTER_RSS || counter->subject >= profile->n_processes)
            continue;
        struct point now = {(double)counter->time_ns, (double)counter->value, true};
        if (last[counter->subject].seen)
            hold(page, profile, last[counter->subject], now.time_ns, false, sums);
        last[counter->subject] = now;
        any = true;
    }
    for (size_t i = 1; i < profile->n_processes; i++) {
        uint64_t end = profile->processes[i].end_ns;
        if (last[i].seen)
            hold(page, profile, last[i], (double)(end != 0 ? end : profile->duration_ns), true, sums);
    }
    return any;
}

static void add_values(struct buf *out, const struct page *page, const char *name, const double *values)
{
    buf_printf(out, "\"%s\":[", name);
    for (size_t i = 0; i < page->buckets; i++)
        buf_printf(out, "%s%.4g", i == 0 ? "" : ",", isfinite(values[i]) ? values[i] : 0);
    buf_add_byte(out, ']');
}

void page_add_series(struct buf *out, const struct page *page, const struct profile *profile)
{
    size_t subjects = profile->n_processes > COUNTER_CORES_MAX ? profile->n_processes : COUNTER_CORES_MAX;
    struct point *last = mem_zalloc(subjects, sizeof *last);
    double *values = mem_zalloc(page->buckets, 2 * sizeof *values);
    struct rate *rates = mem_zalloc(page->buckets, sizeof *rates);
    if (last == NULL || values == NULL || rates == NULL) {
        out->failed = true;
    } else {
        bool cores = sum_cores(page, profile, last, rates, values);
        for (size_t i = 0; i < subjects; i++)
            last[i].seen = false;
        bool memory = sum_memory(page, profile, last, values + page->buckets);
        buf_add_byte(out, '{');
        if (cores)
            add_values(out, page, "cores_busy", values);
        buf_add_text(out, cores && memory ? "," : "");
        if (memory)
            add_values(out, page, "rss_bytes", values + page->buckets);
        buf_add_byte(out, '}');
    }
    mem_free(rates);
    mem_free(last);
    mem_free(values);
}
