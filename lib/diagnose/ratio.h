/*
 * How much larger is one row of measurements than another, and how sure is that? Pure, and the same numbers give the
 * same answer.
 *
 * The value of a row is the mean of the middle half of its logarithms (geometric, so that a ratio and its inverse
 * agree; the middle half, so that a run that was disturbed counts little). A ratio of two rows that were measured turn
 * by turn is that of the ratios within each turn: what made one turn slow made both slow. Its interval is the
 * bootstrap's over turns (4000 resamples, percentiles), widened by Student's t and n/(n-1) because few numbers look
 * more alike than they are.
 */
#ifndef KEISOKU_DIAGNOSE_RATIO_H
#define KEISOKU_DIAGNOSE_RATIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RATIO_ROUNDS_MIN = 5 }; /* fewer claim nothing */

/* A logarithm with its interval. */
struct estimate {
    bool known; /* enough numbers, all above 0 */
    double log, low, high;
    size_t n;
};

/* `alpha`: 0.05 for an interval of 95 %. 0 or ERR_NOMEM. */
int estimate_value(const double *values, size_t n, double alpha, struct estimate *result);
/* b by a, of the same turn each. */
int estimate_ratio(const double *a, const double *b, size_t n, double alpha, struct estimate *result);
/* The geometric mean of `pairs` such ratios, b[i] by a[i], all of the same turns. Its interval comes from resampling
 * turns for all of them at once: what made one turn slow made it slow for each. */
int estimate_mean(const double *const a[], const double *const b[], size_t pairs, size_t n, double alpha,
                  struct estimate *result);

enum change_verdict { VERDICT_UNKNOWN, VERDICT_NO_DIFFERENCE, VERDICT_LESS, VERDICT_MORE };
enum change_verdict estimate_verdict(const struct estimate *estimate);
/* Further turns after which a change of `share` would show, if they are like those measured; 0: it would show now. */
double estimate_missing_rounds(const struct estimate *estimate, double share);

/*
 * Today against earlier sessions. One earlier session tells nothing of how sessions differ: then only the noise within
 * both counts. Of two or more, their own spread (Student's t, for one further session) counts where it is the larger.
 */
struct estimate estimate_change(const struct estimate *today, const struct estimate *sessions, size_t n);

/* What was not right with a row of measurements in time order. */
struct steadiness {
    size_t outliers; /* far from the rest */
    bool first_slow; /* the first is one of them, and slow */
    double drift;    /* change from first to last as a share of the median; 0: none shown */
    bool two_speeds; /* two groups with nothing between them: low and high are their means */
    double low, high;
    double spread; /* the middle half's width as a share of the median */
};
int steadiness_of(const double *values, size_t n, struct steadiness *result);

#endif
