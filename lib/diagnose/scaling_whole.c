/* Of a program at several sizes: its bytes, and what is foretold of the whole of it. */
#include "data/counter_sums.h"
#include "diagnose/scaling.h"

#include <math.h>

static const double bytes_differ = 0.01, bytes_grain[SCALING_BYTES] = {1 << 20, 1 << 13, 1 << 13};
static const double bytes_change = 1.1; /* the most by the least, and by more than the grain */
static const double runs_differ = 0.04; /* as in scaling.c */
static const double mixed_share = 0.1;
static const double part_share = 0.01; /* smaller functions are part of the rest */

const char *scaling_bytes_name(enum scaling_bytes which)
{
    static const char *const names[] = {"peak memory", "read by calls", "written by calls"};
    return names[which];
}

/* ---- bytes ---------------------------------------------------------------------------------------------------------
 */

/* Largest peak of a process; -1: none. */
static double most_memory(const struct profile *profile)
{
    double most = -1;
    for (size_t i = 0; i < profile->n_counters; i++) {
        if (profile->counters[i].kind == COUNTER_PEAK_RSS)
            most = fmax(most, (double)profile->counters[i].value);
    }
    return most;
}

int scaling_count_bytes(const struct profile *profile, struct scaling_run *run)
{
    struct counter_sums sums;
    int rc = counter_sums_of(profile, &sums);
    if (rc != 0)
        return rc;
    run->bytes[SCALING_PEAK] = most_memory(profile);
    run->bytes[SCALING_READ] = sums.any[COUNTER_READ_CALLS] ? sums.sum[COUNTER_READ_CALLS] : -1;
    run->bytes[SCALING_WRITTEN] = sums.any[COUNTER_WRITE_CALLS] ? sums.sum[COUNTER_WRITE_CALLS] : -1;
    return 0;
}

static void judge_bytes(struct scaling *scaling, enum scaling_bytes which)
{
    struct growth_point points[GROWTH_POINTS_MAX];
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < scaling->n_runs; i++) {
        double value = scaling->runs[i].bytes[which];
        if (value < 0)
            return;
        least = fmin(least, value);
        most = fmax(most, value);
        points[i] =
            (struct growth_point){scaling->runs[i].size, value, hypot(bytes_differ * value, bytes_grain[which] / 2)};
    }
    if (most > bytes_change * least && most > least + bytes_grain[which])
        growth_fit_above(points, scaling->n_runs, &scaling->bytes[which]);
}

/* ---- what is foretold ----------------------------------------------------------------------------------------------
 */

static bool is_part(const struct scaling_function *function)
{
    return function->doubt == DOUBT_NONE && function->share >= part_share;
}

static void judge_left(struct scaling *scaling)
{
    struct growth_point rest[GROWTH_POINTS_MAX], waiting[GROWTH_POINTS_MAX];
    size_t n = 0;
    scaling->waits = true;
    for (size_t i = 0; i < scaling->n_runs; i++) {
        const struct scaling_run *run = &scaling->runs[i];
        double cpu_s = run->cpu_s, samples = (double)run->samples, waits_s = run->wall_s - run->cpu_s;
        for (size_t f = 0; f < scaling->n_functions; f++) {
            if (!is_part(scaling->functions[f]))
                continue;
            cpu_s -= scaling->functions[f]->cpu_s[i];
            samples -= (double)scaling->functions[f]->samples[i];
        }
        if (cpu_s > 0)
            rest[n++] = (struct growth_point){run->size, cpu_s,
                                              hypot(runs_differ * run->cpu_s, cpu_s / sqrt(fmax(1, samples)))};
        scaling->waits = scaling->waits && waits_s > 0;
        waiting[i] = (struct growth_point){run->size, waits_s, runs_differ * run->wall_s};
    }
    growth_fit_above(rest, n, &scaling->rest);
    if (scaling->waits)
        growth_fit_above(waiting, scaling->n_runs, &scaling->waiting);
}

/* No curve that both may follow. */
static bool differ(const struct growth *one, const struct growth *other)
{
    for (int kind = 0; kind < GROWTH_KINDS; kind++)
        if (growth_plausible(one, (enum growth_kind)kind) && growth_plausible(other, (enum growth_kind)kind))
            return false;
    return true;
}

static bool are_mixed(const struct scaling *scaling)
{
    for (size_t i = 0; i < scaling->n_functions; i++) {
        const struct scaling_function *one = scaling->functions[i];
        for (size_t j = 0; j < i && one->doubt == DOUBT_NONE && one->share >= mixed_share; j++) {
            const struct scaling_function *other = scaling->functions[j];
            if (other->doubt == DOUBT_NONE && other->share >= mixed_share && differ(&one->growth, &other->growth))
                return true;
        }
    }
    return false;
}

void scaling_judge_rest(struct scaling *scaling)
{
    scaling->mixed = are_mixed(scaling);

    for (int which = 0; which < SCALING_BYTES; which++)
        judge_bytes(scaling, (enum scaling_bytes)which);
    judge_left(scaling);
}

/* Adds a part; its errors have nothing to do with those of the others. */
static void add_part(const struct growth *growth, double size, struct scaling_prediction *sum)
{
    double value, low, high;
    if (!growth->fitted)
        return;
    growth_predict(growth, size, &value, &low, &high);
    double below = hypot(sum->value - sum->low, value - low), above = hypot(sum->high - sum->value, high - value);
    sum->value += value;
    sum->low = sum->value - below;
    sum->high = sum->value + above;
}

void scaling_predict_times(const struct scaling *scaling, double size, struct scaling_prediction *cpu,
                           struct scaling_prediction *wall)
{
    *cpu = (struct scaling_prediction){.known = scaling->cpu.fitted};
    for (size_t i = 0; i < scaling->n_functions; i++)
        if (is_part(scaling->functions[i]))
            add_part(&scaling->functions[i]->growth, size, cpu);
    add_part(&scaling->rest, size, cpu);
    cpu->low = fmax(0, cpu->low);
    *wall = *cpu;
    if (scaling->waits) {
        add_part(&scaling->waiting, size, wall);
        return;
    }
    double least = INFINITY, most = 0, mean = 0; /* cores that were busy at once: so many there as at the sizes run */
    for (size_t i = 0; i < scaling->n_runs; i++) {
        double ratio = scaling->runs[i].wall_s / scaling->runs[i].cpu_s;
        least = fmin(least, ratio);
        most = fmax(most, ratio);
        mean += ratio / (double)scaling->n_runs;
    }
    wall->value *= mean;
    wall->low *= least;
    wall->high *= most;
}

void scaling_predict_bytes(const struct scaling *scaling, enum scaling_bytes which, double size,
                           struct scaling_prediction *prediction)
{
    *prediction = (struct scaling_prediction){.known = scaling->bytes[which].fitted};
    if (prediction->known)
        growth_predict(&scaling->bytes[which], size, &prediction->value, &prediction->low, &prediction->high);
}
