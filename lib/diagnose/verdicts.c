#include "diagnose/verdicts.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

enum { SESSIONS_MAX = 64 };

bool verdicts_compared(const struct bench *bench, size_t variant)
{
    return bench->variants[variant].reference != variant;
}

/* The same command with other parameters is another piece of work: a mean with that would say nothing. */
bool verdicts_in_mean(const struct bench *bench, size_t variant, size_t number)
{
    return bench->variants[variant].number == number &&
           bench->variants[bench->variants[variant].reference].number != number;
}

static void column(const struct bench_variant *variant, int measure, double *out)
{
    for (size_t i = 0; i < variant->n; i++)
        out[i] = variant->trials[i].values[bench_measures[measure]];
}

static int judge_measure(const struct bench *bench, size_t index, int measure, double alpha, double *space,
                         struct variant_verdict *verdict)
{
    const struct bench_variant *variant = &bench->variants[index];
    const struct bench_variant *reference = &bench->variants[variant->reference];
    double *own = space, *other = space + variant->n;
    column(variant, measure, own);
    int rc = summarise(own, variant->n, &verdict->summary[measure]);
    if (rc == 0)
        rc = estimate_value(own, variant->n, 0.05, &verdict->value[measure]);
    if (rc != 0 || !verdicts_compared(bench, index))
        return rc;
    column(reference, measure, other);
    return estimate_ratio(other, own, variant->n < reference->n ? variant->n : reference->n, alpha,
                          &verdict->ratio[measure]);
}

static int judge(const struct verdicts *verdicts, size_t index, struct variant_verdict *verdict)
{
    const struct bench *bench = verdicts->bench;
    const struct bench_variant *variant = &bench->variants[index];
    double alpha = 0.05 / (double)(verdicts->comparisons > 0 ? verdicts->comparisons : 1);
    size_t others = bench->variants[variant->reference].n;
    double *space = mem_alloc((variant->n + others + 1) * sizeof *space);
    int rc = space != NULL ? 0 : ERR_NOMEM;
    for (int measure = 0; rc == 0 && measure < BENCH_MEASURES; measure++)
        rc = judge_measure(bench, index, measure, alpha, space, verdict);
    if (rc == 0) {
        column(variant, verdicts->measure, space);
        rc = steadiness_of(space, variant->n, &verdict->steadiness);
    }
    if (rc == 0)
        rc = summarise(variant->values, variant->n_values, &verdict->loops);
    mem_free(space);
    return rc;
}

/* ---- means of several comparisons ----------------------------------------------------------------------------------
 */

static int judge_mean(const struct bench *bench, double alpha, struct mean_verdict *mean)
{
    const double *a[BENCH_VARIANTS_MAX] = {NULL}, *b[BENCH_VARIANTS_MAX] = {NULL};
    size_t n = bench->rounds, pairs = 0;
    int rc = 0;
    double *space = mem_zalloc(2 * mean->n * n + 1, sizeof *space);
    for (int measure = 0; space != NULL && rc == 0 && measure < BENCH_MEASURES; measure++) {
        pairs = 0;
        for (size_t i = 0; i < bench->n; i++) {
            if (!verdicts_in_mean(bench, i, mean->number))
                continue;
            double *other = space + 2 * pairs * n, *own = other + n;
            column(&bench->variants[bench->variants[i].reference], measure, other);
            column(&bench->variants[i], measure, own);
            a[pairs] = other;
            b[pairs++] = own;
        }
        rc = estimate_mean(a, b, pairs, n, alpha, &mean->ratio[measure]);
    }
    mem_free(space);
    return space != NULL ? rc : ERR_NOMEM;
}

static int judge_means(struct verdicts *verdicts)
{
    const struct bench *bench = verdicts->bench;
    int rc = 0;
    for (size_t number = 0; number < bench->n; number++) {
        struct mean_verdict mean = {.number = number};
        for (size_t i = 0; i < bench->n; i++)
            mean.n += verdicts_in_mean(bench, i, number);
        if (mean.n > 1)
            verdicts->means[verdicts->n_means++] = mean;
    }
    for (size_t i = 0; rc == 0 && i < verdicts->n_means; i++)
        rc = judge_mean(bench, 0.05 / (double)verdicts->n_means, &verdicts->means[i]);
    return rc;
}

/* ---- against earlier sessions --------------------------------------------------------------------------------------
 */

/* The same thing of an earlier session: its ratio where today's is one and it has both, else its value. */
static int session_of(const struct verdicts *verdicts, const struct baseline *baseline, size_t index, bool ratio,
                      struct estimate *session)
{
    const struct bench_variant *variant = &verdicts->bench->variants[index];
    const struct bench_variant *reference = &verdicts->bench->variants[variant->reference];
    const struct baseline_variant *then = baseline_find(baseline, variant->command, variant->parameters);
    const struct baseline_variant *other = baseline_find(baseline, reference->command, reference->parameters);
    int m = verdicts->measure;
    *session = (struct estimate){0};
    if (then == NULL || (ratio && other == NULL))
        return 0;
    if (!ratio)
        return estimate_value(then->runs[m], then->n[m], 0.05, session);
    return estimate_ratio(other->runs[m], then->runs[m], then->n[m] < other->n[m] ? then->n[m] : other->n[m], 0.05,
                          session);
}

static int check(struct verdicts *verdicts, const struct baseline *baselines, size_t n, size_t index)
{
    struct variant_verdict *verdict = &verdicts->variants[index];
    struct estimate sessions[SESSIONS_MAX];
    bool ratio = verdicts_compared(verdicts->bench, index);
    int rc = 0;
    verdict->check_is_ratio = ratio;
    for (size_t i = 0; rc == 0 && i < n && verdict->sessions < SESSIONS_MAX; i++) {
        rc = session_of(verdicts, &baselines[i], index, ratio, &sessions[verdict->sessions]);
        verdict->sessions += sessions[verdict->sessions].known;
    }
    const struct estimate *today = ratio ? &verdict->ratio[verdicts->measure] : &verdict->value[verdicts->measure];
    verdict->check = estimate_change(today, sessions, verdict->sessions);
    verdicts->worse = verdicts->worse || estimate_verdict(&verdict->check) == VERDICT_MORE;
    return rc;
}

/* With several commands the first is the yardstick of the machine: the others' ratios to it are checked, not its own
 * time. */
static bool is_checked(const struct verdicts *verdicts, size_t index)
{
    return verdicts->comparisons == 0 || verdicts_compared(verdicts->bench, index);
}

int verdicts_of(const struct bench *bench, int measure, const struct baseline *baselines, size_t n_baselines,
                struct verdicts *result)
{
    *result = (struct verdicts){.bench = bench, .measure = measure, .baselines = n_baselines};
    int rc = 0;
    for (size_t i = 0; i < bench->n; i++) {
        const struct bench_variant *variant = &bench->variants[i];
        result->comparisons += verdicts_compared(bench, i);
        result->failed = result->failed || (variant->failures > 0 && !bench->failures_ignored) ||
                         variant->output_varies || variant->output_differs;
    }
    result->claims = !result->failed && bench->rounds >= RATIO_ROUNDS_MIN;
    for (size_t i = 0; rc == 0 && i < bench->n; i++)
        rc = judge(result, i, &result->variants[i]);
    if (rc == 0 && result->claims)
        rc = judge_means(result);
    for (size_t i = 0; rc == 0 && result->claims && n_baselines > 0 && i < bench->n; i++)
        if (is_checked(result, i))
            rc = check(result, baselines, n_baselines, i);
    return rc;
}
