/*
 * Of a program at several sizes: how often its functions are called, where that was counted (run --calls), and what a
 * call takes. scaling_add adds each recording's counts, scaling_judge fits them, behind the functions' CPU time.
 *
 * A count has no error. So a curve that meets all counts, as they are or but for the rounding to whole calls, is the
 * one; where none does, the program's calls depend on more than the size (on the order of what it sorts, say), by a
 * share that nobody knows. That is taken for 4 %, or for what the points scatter around the best curve where this is
 * more; of a few points this is not known well either, and a curve counts as worse by Student's t.
 */
#include "diagnose/scaling.h"
#include "diagnose/summary.h"

#include <math.h>
#include <stdio.h>

/* What a count may be off a curve, tried in this order: in calls (1/√12, the deviation of a rounded number), and as a
 * share of it. */
static const struct leeway {
    double calls, share;
} leeways[] = {{0, 0.001}, {0.3, 0.001}, {0.3, 0.04}};
static const double normal_95 = 1.96;
enum { LEEWAYS = sizeof leeways / sizeof *leeways };

int scaling_count_calls(struct scaling *scaling, const struct profile *profile, size_t run)
{
    scaling->runs[run].counted = profile->n_call_counts > 0;
    for (size_t i = 0; i < profile->n_call_counts; i++) {
        struct scaling_function *function = scaling_function_of(scaling, profile, profile->call_counts[i].function);
        if (function == NULL)
            return ERR_NOMEM;
        function->calls.counts[run] += profile->call_counts[i].calls;
    }
    return 0;
}

/* ---- judging -------------------------------------------------------------------------------------------------------
 */

/* Sizes at which it is not called have no logarithm, and are left out. Returns the others. */
static size_t fit_counts(const struct scaling *scaling, const struct scaling_calls *calls, const struct leeway *leeway,
                         struct growth *growth)
{
    struct growth_point points[GROWTH_POINTS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < scaling->n_runs; i++) {
        double value = (double)calls->counts[i];
        if (value > 0)
            points[n++] =
                (struct growth_point){scaling->runs[i].size, value, hypot(leeway->calls, leeway->share * value)};
    }
    growth_fit(points, n, true, growth);
    return n;
}

static void fit_calls(const struct scaling *scaling, const struct scaling_calls *calls, struct growth *growth)
{
    size_t n = fit_counts(scaling, calls, &leeways[0], growth), tried = 1;
    for (; growth->enlarged > 1 && tried < LEEWAYS; tried++)
        n = fit_counts(scaling, calls, &leeways[tried], growth);
    if (!growth->fitted || tried < LEEWAYS)
        return;
    const struct growth_curve *best = &growth->curves[growth->best];
    double scatter = best->chi_square / (double)(n - best->parameters); /* by what was taken for it */
    if (scatter <= 1)
        return;
    double by = sqrt(scatter) * student_t(n - best->parameters) / normal_95;
    const struct leeway wide = {leeways[LEEWAYS - 1].calls * by, leeways[LEEWAYS - 1].share * by};
    bool decided = growth->decided; /* not where even the best curve misses by too much */
    fit_counts(scaling, calls, &wide, growth);
    growth->decided = growth->decided && decided;
}

/* CPU time by calls, where there are samples enough for the former. */
static void fit_call_time(const struct scaling *scaling, struct scaling_function *function)
{
    struct growth_point points[GROWTH_POINTS_MAX], point;
    size_t n = 0;
    for (size_t i = 0; function->doubt == DOUBT_NONE && i < scaling->n_runs; i++) {
        double calls = (double)function->calls.counts[i];
        if (calls > 0 && scaling_cpu_point(scaling, function, i, &point))
            points[n++] = (struct growth_point){point.size, point.value / calls, point.error / calls};
    }
    growth_fit(points, n, true, &function->calls.time);
}

static void judge_function(const struct scaling *scaling, struct scaling_function *function)
{
    struct scaling_calls *calls = &function->calls;
    double time_s = 0, sum = 0, n = 0;
    for (size_t i = 0; i < scaling->n_runs; i++) {
        if (scaling->runs[i].size != scaling->largest)
            continue;
        time_s += function->cpu_s[i];
        sum += (double)calls->counts[i];
        n++;
    }
    calls->largest = sum / n;
    calls->largest_s = sum > 0 ? time_s / sum : 0;
    fit_calls(scaling, calls, &calls->growth);
    fit_call_time(scaling, function);
}

/* Some recordings have counts and others none: they tell nothing, and no function that is known by them alone stays. */
static void drop_counts(struct scaling *scaling)
{
    size_t kept = 0;
    for (size_t i = 0; i < scaling->n_functions; i++) {
        struct scaling_function *function = scaling->functions[i];
        double cpu_s = 0;
        for (size_t run = 0; run < scaling->n_runs; run++)
            cpu_s += function->cpu_s[run];
        if (cpu_s > 0)
            scaling->functions[kept++] = function;
        else
            scaling_function_free(function);
    }
    scaling->n_functions = kept;
}

void scaling_judge_calls(struct scaling *scaling)
{
    size_t counted = 0, first_without = 0;
    for (size_t i = scaling->n_runs; i-- > 0;) {
        counted += scaling->runs[i].counted;
        first_without = scaling->runs[i].counted ? first_without : i;
    }
    scaling->counted = counted > 0 && counted == scaling->n_runs;
    if (counted > 0 && !scaling->counted) {
        snprintf(scaling->uncounted, sizeof scaling->uncounted, "counted in %zu of %zu runs, not at size %g", counted,
                 scaling->n_runs, scaling->runs[first_without].size);
        drop_counts(scaling);
    }
    for (size_t i = 0; scaling->counted && i < scaling->n_functions; i++)
        judge_function(scaling, scaling->functions[i]);
}
