#include "diagnose/scaling.h"

#include "base/buf.h"
#include "data/aggregate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double runs_differ = 0.04;               /* by themselves, relative */
static const double differ_most = 1.5;                /* CPU times of one size: more is another program */
static const double seen_least = 0.85, tick_s = 0.02; /* user and system time are counted in ticks of 10 ms each */
static const double scatter_most = 0.3;
static const double exponential_share = 0.2;
static const double work_changes = 1.15; /* CPU time of the most by the least */
static const uint64_t point_samples = 10, function_samples = 50, program_samples = 100;

/* ---- adding --------------------------------------------------------------------------------------------------------
 */

struct scaling_function *scaling_function_of(struct scaling *scaling, const struct profile *profile, uint32_t id)
{
    const struct function *function = &profile->functions[id];
    const char *name = profile->strings[function->name];
    const char *file = profile_short_file(profile->strings[function->file]);
    struct buf key = {0};
    uint32_t index;
    bool found;
    buf_printf(&key, "%s%c%s", name, '\0', file);
    int rc = key.failed || mem_grow(&scaling->functions, &scaling->capacity, scaling->n_functions + 1,
                                    sizeof *scaling->functions) != 0
                 ? ERR_NOMEM
                 : map_put(&scaling->names, key.data, key.size, (uint32_t)scaling->n_functions, &index, &found);
    buf_release(&key);
    if (rc != 0)
        return NULL;
    if (found)
        return scaling->functions[index];
    struct scaling_function *made = mem_zalloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    scaling->functions[scaling->n_functions++] = made;
    made->name = mem_strdup(name);
    made->file = mem_strdup(file);
    made->line = function->first_line;
    made->own = profile->function_own[id];
    return made->name != NULL && made->file != NULL ? made : NULL;
}

/* CPU time of all processes as the kernel counted it, in ticks of 10 ms; 0: not recorded. */
static double counted_cpu_s(const struct profile *profile)
{
    double sum = 0;
    for (uint32_t process = 1; process < profile->n_processes; process++) {
        int64_t user = 0, system = 0;
        for (size_t i = 0; i < profile->n_counters; i++) {
            const struct counter *counter = &profile->counters[i];
            if (counter->subject != process)
                continue;
            if (counter->kind == COUNTER_USER_TIME && counter->value > user)
                user = counter->value;
            if (counter->kind == COUNTER_SYSTEM_TIME && counter->value > system)
                system = counter->value;
        }
        sum += (double)(user + system) / 1e9;
    }
    return sum;
}

bool scaling_missed(const struct scaling *scaling)
{
    return scaling->n_runs > 0 && scaling->runs[scaling->n_runs - 1].seen < seen_least;
}

void scaling_take_back(struct scaling *scaling)
{
    size_t run = --scaling->n_runs;
    for (size_t i = 0; i < scaling->n_functions; i++) {
        scaling->functions[i]->cpu_s[run] = 0;
        scaling->functions[i]->samples[run] = 0;
        scaling->functions[i]->calls.counts[run] = 0;
    }
}

int scaling_add(struct scaling *scaling, const struct profile *profile, double size)
{
    struct aggregate *aggregate = NULL;
    if (scaling->n_runs == GROWTH_POINTS_MAX)
        return ERR_FULL;
    int rc = aggregate_new(profile, NULL, &aggregate);
    if (rc != 0)
        return rc;
    size_t run = scaling->n_runs++;
    double counted = fmax(0, counted_cpu_s(profile) - tick_s), sampled = aggregate->cpu_ns / 1e9;
    scaling->runs[run] = (struct scaling_run){.size = size,
                                              .cpu_s = sampled,
                                              .wall_s = (double)profile->duration_ns / 1e9,
                                              .seen = counted > sampled ? sampled / counted : 1};
    rc = scaling_count_bytes(profile, &scaling->runs[run]);
    if (rc == 0)
        rc = scaling_count_calls(scaling, profile, run);
    for (size_t i = 0; rc == 0 && i < aggregate->n_functions; i++) {
        const struct function_sum *sum = &aggregate->functions[i];
        if (sum->self_cpu_ns <= 0 || sum->self_wall_ns <= 0 || sum->function == 0)
            continue;
        struct scaling_function *function = scaling_function_of(scaling, profile, sum->function);
        if (function == NULL) {
            rc = ERR_NOMEM;
            break;
        }
        /* Of its samples those on the CPU. */
        uint64_t samples = (uint64_t)((double)sum->samples * fmin(1, sum->self_cpu_ns / sum->self_wall_ns));
        function->cpu_s[run] += sum->self_cpu_ns / 1e9;
        function->samples[run] += samples;
        scaling->runs[run].samples += samples;
    }
    aggregate_free(aggregate);
    return rc;
}

/* ---- judging -------------------------------------------------------------------------------------------------------
 */

static struct growth_point point(double size, double value, double samples)
{
    return (struct growth_point){size, value, value * sqrt(runs_differ * runs_differ + 1 / samples)};
}

bool scaling_cpu_point(const struct scaling *scaling, const struct scaling_function *function, size_t run,
                       struct growth_point *result)
{
    *result = point(scaling->runs[run].size, function->cpu_s[run], (double)function->samples[run]);
    return function->samples[run] >= point_samples;
}

static void judge_function(const struct scaling *scaling, struct scaling_function *function)
{
    struct growth_point points[GROWTH_POINTS_MAX];
    size_t n = 0, at_largest = 0;
    uint64_t most = 0;
    double total = 0;
    for (size_t i = 0; i < scaling->n_runs; i++) {
        if (scaling->runs[i].size == scaling->largest) {
            function->share += function->cpu_s[i];
            total += scaling->runs[i].cpu_s;
            at_largest++;
        }
        most = function->samples[i] > most ? function->samples[i] : most;
        n += scaling_cpu_point(scaling, function, i, &points[n]);
    }
    function->share = at_largest > 0 && total > 0 ? function->share / total : 0;
    if (most < function_samples) {
        function->doubt = DOUBT_FEW_SAMPLES;
        return;
    }
    growth_fit(points, n, true, &function->growth);
    if (!function->growth.fitted)
        function->doubt = DOUBT_FEW_SIZES;
}

static void judge_program(struct scaling *scaling)
{
    struct growth_point cpu[GROWTH_POINTS_MAX], wall[GROWTH_POINTS_MAX];
    size_t n = 0;
    bool exponential = false; /* the program is a sum: one only if a part that matters is one */
    for (size_t i = 0; i < scaling->n_functions; i++) {
        const struct scaling_function *function = scaling->functions[i];
        exponential = exponential || (function->share > exponential_share && function->growth.fitted &&
                                      function->growth.best == GROWTH_EXPONENTIAL);
    }
    for (size_t i = 0; i < scaling->n_runs; i++) {
        const struct scaling_run *run = &scaling->runs[i];
        if (run->cpu_s <= 0 || run->wall_s <= 0)
            continue;
        cpu[n] = point(run->size, run->cpu_s, INFINITY); /* counted, not sampled */
        wall[n++] = point(run->size, run->wall_s, INFINITY);
    }
    growth_fit(cpu, n, exponential, &scaling->cpu);
    growth_fit(wall, n, exponential, &scaling->wall);
}

static void count_sizes(struct scaling *scaling)
{
    for (size_t i = 0; i < scaling->n_runs; i++) {
        bool seen = false;
        for (size_t j = 0; j < i; j++)
            seen = seen || scaling->runs[j].size == scaling->runs[i].size;
        scaling->n_sizes += !seen;
        scaling->largest = fmax(scaling->largest, scaling->runs[i].size);
    }
}

static bool missed(struct scaling *scaling)
{
    for (size_t i = 0; i < scaling->n_runs; i++) {
        const struct scaling_run *run = &scaling->runs[i];
        if (run->seen >= seen_least)
            continue;
        snprintf(scaling->refusal, sizeof scaling->refusal,
                 "at size %g the samples have %.0f %% of the CPU time only: the machine is too busy", run->size,
                 100 * run->seen);
        return true;
    }
    return false;
}

/* Two runs of one size whose CPU times have little to do with each other. */
static bool differs(struct scaling *scaling)
{
    for (size_t i = 0; i < scaling->n_runs; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct scaling_run *a = &scaling->runs[i], *b = &scaling->runs[j];
            if (a->size != b->size || fmax(a->cpu_s, b->cpu_s) < differ_most * fmin(a->cpu_s, b->cpu_s))
                continue;
            snprintf(scaling->refusal, sizeof scaling->refusal,
                     "at size %g it took %.3g s and %.3g s of CPU time: the program differs from run to run", a->size,
                     b->cpu_s, a->cpu_s);
            return true;
        }
    }
    return false;
}

/* No curve comes near, and there is one run of each size: nobody knows what it does at the next. */
static bool scatters(struct scaling *scaling)
{
    if (scaling->cpu.misfit < scatter_most)
        return false;
    snprintf(scaling->refusal, sizeof scaling->refusal,
             "the CPU times are off any curve by %.0f %%: the program differs from run to run, or does other work at "
             "some sizes%s",
             100 * scaling->cpu.misfit, scaling->n_runs > scaling->n_sizes ? "" : "; --repeat 3 tells");
    return true;
}

/* The function that was asked for has the same work at any size. */
static bool unreached(struct scaling *scaling, const char *function)
{
    double least = INFINITY, most = 0;
    for (size_t i = 0; function != NULL && i < scaling->n_functions; i++) {
        const struct scaling_function *one = scaling->functions[i];
        if (strcmp(one->name, function) != 0)
            continue;
        if (one->doubt != DOUBT_NONE || one->growth.best != GROWTH_CONSTANT || !one->growth.decided)
            return false;
        for (size_t run = 0; run < scaling->n_runs; run++) {
            least = fmin(least, one->cpu_s[run]);
            most = fmax(most, one->cpu_s[run]);
        }
    }
    if (most <= 0)
        return false;
    snprintf(scaling->refusal, sizeof scaling->refusal,
             "the sizes do not reach %.100s: %.3g to %.3g s of CPU time at any of them", function, least, most);
    return true;
}

static void refuse(struct scaling *scaling, const char *function)
{
    double least = INFINITY, most = 0;
    uint64_t samples = 0;
    bool seen = function == NULL;
    for (size_t i = 0; i < scaling->n_runs; i++) {
        least = fmin(least, scaling->runs[i].cpu_s);
        most = fmax(most, scaling->runs[i].cpu_s);
        samples = scaling->runs[i].samples > samples ? scaling->runs[i].samples : samples;
    }
    for (size_t i = 0; i < scaling->n_functions; i++)
        seen = seen || strcmp(scaling->functions[i]->name, function) == 0;
    if (scaling->n_sizes < GROWTH_SIZES_MIN)
        snprintf(scaling->refusal, sizeof scaling->refusal,
                 "%zu size%s cannot tell how anything grows: give %d or more", scaling->n_sizes,
                 scaling->n_sizes == 1 ? "" : "s", GROWTH_SIZES_MIN);
    else if (samples < program_samples)
        snprintf(scaling->refusal, sizeof scaling->refusal,
                 "too few samples (%llu at most): give larger sizes, or a higher --rate", (unsigned long long)samples);
    else if (missed(scaling) || differs(scaling))
        return;
    else if (most < work_changes * least)
        snprintf(scaling->refusal, sizeof scaling->refusal,
                 "the sizes do not change the work: %.3g to %.3g s of CPU time at any size", least, most);
    else if (!seen)
        snprintf(scaling->refusal, sizeof scaling->refusal,
                 "the sizes do not reach %.100s: it was not seen on a core at any of them", function);
    else if (!scatters(scaling))
        unreached(scaling, function);
}

static int by_share(const void *one, const void *other)
{
    const struct scaling_function *a = *(struct scaling_function *const *)one;
    const struct scaling_function *b = *(struct scaling_function *const *)other;
    if (a->share != b->share)
        return a->share < b->share ? 1 : -1;
    return (a->calls.largest < b->calls.largest) - (a->calls.largest > b->calls.largest);
}

void scaling_judge(struct scaling *scaling, const char *function)
{
    count_sizes(scaling);
    for (size_t i = 0; i < scaling->n_functions; i++)
        judge_function(scaling, scaling->functions[i]);
    scaling_judge_calls(scaling);
    if (scaling->n_functions > 0)
        qsort(scaling->functions, scaling->n_functions, sizeof *scaling->functions, by_share);
    judge_program(scaling);
    scaling_judge_rest(scaling);
    refuse(scaling, function);
}

bool scaling_tells_calls(const struct scaling *scaling)
{
    return scaling->counted && scaling->n_sizes >= GROWTH_SIZES_MIN;
}

void scaling_function_free(struct scaling_function *function)
{
    mem_free(function->name);
    mem_free(function->file);
    mem_free(function);
}

void scaling_release(struct scaling *scaling)
{
    for (size_t i = 0; i < scaling->n_functions; i++)
        scaling_function_free(scaling->functions[i]);
    mem_free(scaling->functions);
    map_release(&scaling->names);
}
