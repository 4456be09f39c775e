#include "diagnose/ratio.h"

#include "base/err.h"
#include "base/mem.h"
#include "diagnose/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 4000 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The logarithm of a ratio, and which turn it is of. */
struct turn {
    double log;
    size_t at;
};

static int by_log(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;
    if (x->log != y->log)
        return x->log < y->log ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Mean of the middle half of ordered logarithms, each there as often as `counts` says of its turn (`n` altogether),
 * those at its borders by the part that is inside. */
static double middle_mean(const struct turn *ordered, const double *counts, size_t n)
{
    double cut = (double)n * 0.25, sum = 0, weights = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        double count = counts[ordered[i].at];
        double weight = fmax(0, fmin(at + count, (double)n - cut) - fmax(at, cut));
        sum += weight * ordered[i].log;
        weights += weight;
        at += count;
    }
    return sum / weights;
}

/* The mean of the rows' middle means. */
static double mean_of_rows(const struct turn *rows, size_t n_rows, const double *counts, size_t n)
{
    double sum = 0;
    for (size_t row = 0; row < n_rows; row++)
        sum += middle_mean(rows + row * n, counts, n);
    return sum / (double)n_rows;
}

/* Rows of `n` turns, which are put in order here, and the interval of their mean. `space`: n + RESAMPLES numbers. */
static void bootstrap(struct turn *rows, size_t n_rows, size_t n, double alpha, double *space, struct estimate *result)
{
    double *counts = space, *means = space + n;
    uint64_t random = 88172645463325252u;
    for (size_t row = 0; row < n_rows; row++)
        qsort(rows + row * n, n, sizeof *rows, by_log);
    for (size_t j = 0; j < n; j++)
        counts[j] = 1;
    result->log = mean_of_rows(rows, n_rows, counts, n);
    for (size_t i = 0; i < RESAMPLES; i++) {
        for (size_t j = 0; j < n; j++)
            counts[j] = 0;
        for (size_t j = 0; j < n; j++)
            counts[next_random(&random) % n] += 1;
        means[i] = mean_of_rows(rows, n_rows, counts, n);
    }
    sort_numbers(means, RESAMPLES);
    double wider = student_t(n - 1) / 1.959964 * sqrt((double)n / (double)(n - 1));
    result->low = result->log - wider * fmax(0, result->log - quantile(means, RESAMPLES, alpha / 2));
    result->high = result->log + wider * fmax(0, quantile(means, RESAMPLES, 1 - alpha / 2) - result->log);
    result->known = true;
}

/* False: a number is not above 0. `a` NULL: b itself. */
static bool fill_row(const double *a, const double *b, size_t n, struct turn *row)
{
    bool usable = true;
    for (size_t i = 0; i < n; i++) {
        usable = usable && b[i] > 0 && (a == NULL || a[i] > 0);
        row[i] = (struct turn){usable ? log(a == NULL ? b[i] : b[i] / a[i]) : 0, i};
    }
    return usable;
}

int estimate_mean(const double *const a[], const double *const b[], size_t pairs, size_t n, double alpha,
                  struct estimate *result)
{
    *result = (struct estimate){.n = n};
    if (n < RATIO_ROUNDS_MIN || pairs == 0)
        return 0;
    struct turn *rows = mem_alloc(pairs * n * sizeof *rows);
    double *space = mem_alloc((n + RESAMPLES) * sizeof *space);
    bool usable = rows != NULL && space != NULL;
    int rc = usable ? 0 : ERR_NOMEM;
    for (size_t pair = 0; usable && pair < pairs; pair++)
        usable = fill_row(a[pair], b[pair], n, rows + pair * n);
    if (usable)
        bootstrap(rows, pairs, n, alpha, space, result);
    mem_free(rows);
    mem_free(space);
    return rc;
}

int estimate_ratio(const double *a, const double *b, size_t n, double alpha, struct estimate *result)
{
    return estimate_mean(&a, &b, 1, n, alpha, result);
}

int estimate_value(const double *values, size_t n, double alpha, struct estimate *result)
{
    return estimate_ratio(NULL, values, n, alpha, result);
}

enum change_verdict estimate_verdict(const struct estimate *estimate)
{
    if (!estimate->known)
        return VERDICT_UNKNOWN;
    if (estimate->high < 0)
        return VERDICT_LESS;
    return estimate->low > 0 ? VERDICT_MORE : VERDICT_NO_DIFFERENCE;
}

double estimate_missing_rounds(const struct estimate *estimate, double share)
{
    double half = (estimate->high - estimate->low) / 2, wanted = log1p(share);
    double rounds = (double)estimate->n * (half / wanted) * (half / wanted);
    return fmax(0, ceil(rounds - (double)estimate->n));
}

struct estimate estimate_change(const struct estimate *today, const struct estimate *sessions, size_t n)
{
    double mean = 0, within = 0, squares = 0, half = (today->high - today->low) / 2;
    struct estimate change = {.known = today->known && n > 0, .n = n};
    for (size_t i = 0; i < n; i++) {
        double session_half = (sessions[i].high - sessions[i].low) / 2;
        change.known = change.known && sessions[i].known;
        mean += sessions[i].log / (double)n;
        within += session_half * session_half / (double)(n * n);
    }
    for (size_t i = 0; i < n; i++)
        squares += (sessions[i].log - mean) * (sessions[i].log - mean);
    half = sqrt(half * half + within);
    if (n > 1)
        half = fmax(half, student_t(n - 1) * sqrt(squares / (double)(n - 1) * (1 + 1 / (double)n)));
    change.log = today->log - mean;
    change.low = change.log - half;
    change.high = change.log + half;
    return change;
}

/* ---- steadiness ----------------------------------------------------------------------------------------------------
 */

/* Limits of what is called unsteady: of the median, unless a comment says otherwise. */
static const double outlier_floor = 0.05, drift_floor = 0.03, gap_floor = 0.05;
static const double outlier_deviations = 5; /* of what the middle half suggests */
static const size_t two_speeds_rounds = 10; /* fewer numbers fall into two groups by themselves */
static const double drift_z = 2.807;        /* of Kendall's test: once in 200 rows of noise */

static void find_outliers(const double *values, const double *ordered, size_t n, struct steadiness *result)
{
    double median = quantile(ordered, n, 0.5);
    double sd = (quantile(ordered, n, 0.75) - quantile(ordered, n, 0.25)) / 1.349;
    double limit = fmax(outlier_deviations * sd, outlier_floor * median);
    for (size_t i = 0; i < n; i++)
        result->outliers += fabs(values[i] - median) > limit;
    result->first_slow = values[0] - median > limit;
}

/* Kendall's test; its size from the medians of the first and the last third. */
static void find_drift(const double *values, double *space, size_t n, struct steadiness *result)
{
    double score = 0, count = (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            score += (values[j] > values[i]) - (values[j] < values[i]);
    double z = fabs(score) / sqrt(count * (count - 1) * (2 * count + 5) / 18);
    size_t third = n / 3;
    if (z < drift_z || third == 0)
        return;
    memcpy(space, values, third * sizeof *space);
    sort_numbers(space, third);
    double first = quantile(space, third, 0.5);
    memcpy(space, values + n - third, third * sizeof *space);
    sort_numbers(space, third);
    double change = quantile(space, third, 0.5) / first - 1;
    if (isfinite(change) && fabs(change) > drift_floor)
        result->drift = change;
}

/* The widest gap with a fifth of the numbers or more on each side, wider than either side is by itself. */
static void find_two_speeds(const double *ordered, size_t n, struct steadiness *result)
{
    double widest = 0;
    size_t at = 0, margin = (n + 4) / 5;
    for (size_t i = margin; i + margin <= n; i++) {
        if (ordered[i] - ordered[i - 1] > widest) {
            widest = ordered[i] - ordered[i - 1];
            at = i;
        }
    }
    if (n < two_speeds_rounds || at == 0 || widest < gap_floor * quantile(ordered, n, 0.5))
        return;
    double below = quantile(ordered, at, 0.75) - quantile(ordered, at, 0.25);
    double above = quantile(ordered + at, n - at, 0.75) - quantile(ordered + at, n - at, 0.25);
    if (widest < 3 * fmax(below, above))
        return;
    result->two_speeds = true;
    result->low = quantile(ordered, at, 0.5);
    result->high = quantile(ordered + at, n - at, 0.5);
}

int steadiness_of(const double *values, size_t n, struct steadiness *result)
{
    *result = (struct steadiness){0};
    if (n < RATIO_ROUNDS_MIN)
        return 0;
    double *ordered = mem_alloc(2 * n * sizeof *ordered);
    if (ordered == NULL)
        return ERR_NOMEM;
    memcpy(ordered, values, n * sizeof *ordered);
    sort_numbers(ordered, n);
    double median = quantile(ordered, n, 0.5);
    if (median > 0) {
        result->spread = (quantile(ordered, n, 0.75) - quantile(ordered, n, 0.25)) / median;
        find_two_speeds(ordered, n, result);
        if (!result->two_speeds)
            find_outliers(values, ordered, n, result);
        find_drift(values, ordered + n, n, result);
    }
    mem_free(ordered);
    return 0;
}
