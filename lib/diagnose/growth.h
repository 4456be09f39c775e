/*
 * How an amount of work grows with a size: the exponent of a power law with its interval, and which of the usual curves
 * it follows. Pure.
 *
 * Each point has its standard error, so curves are told apart by chi-square with a penalty for each parameter (Akaike);
 * where no curve fits within the errors these are taken to be too small, and enlarged. A curve is decided when every
 * other one is worse by 4 or more (e² times less likely), else it is not.
 */
#ifndef KEISOKU_DIAGNOSE_GROWTH_H
#define KEISOKU_DIAGNOSE_GROWTH_H

#include <stdbool.h>
#include <stddef.h>

enum { GROWTH_SIZES_MIN = 4, GROWTH_POINTS_MAX = 256 };

enum growth_kind {
    GROWTH_CONSTANT,
    GROWTH_LOG,
    GROWTH_LINEAR,
    GROWTH_N_LOG_N,
    GROWTH_SQUARE,
    GROWTH_CUBE,
    GROWTH_EXPONENTIAL,
    GROWTH_KINDS
};
const char *growth_name(enum growth_kind kind); /* "n log n" */

struct growth_point {
    double size, value, error; /* all above 0; error: the value's standard error */
};

/* value = constant + factor · f(size); of the exponential factor · e^(rate · size). */
struct growth_curve {
    bool usable;
    double constant, factor, rate;
    double variance[3]; /* of constant, factor (exponential: of its logarithm), and what they share */
    unsigned parameters;
    double chi_square, score; /* score: smaller is better */
};

/* constant + factor · size^exponent */
struct growth_power {
    double constant, factor, exponent;
};

struct growth {
    bool fitted; /* four sizes or more */
    double exponent, low, high;
    struct growth_curve curves[GROWTH_KINDS];
    enum growth_kind best;
    bool decided;
    double enlarged; /* what errors were multiplied by; 1: nothing */
    double misfit;   /* how far the points are from the best curve on the average, relative; 0: within their errors */
    bool above;      /* of growth_fit_above; then also the powers at both ends of the exponent's interval */
    struct growth_power ends[2];
};

/* `exponential`: may it be one? A sum of other curves looks like one where nothing is. */
void growth_fit(const struct growth_point *points, size_t n, bool exponential, struct growth *growth);
/* Growth on top of something that does not grow (memory: the interpreter's own): the exponent is that of what grows,
 * the curves are fitted with a constant, an exponential is not told. */
void growth_fit_above(const struct growth_point *points, size_t n, struct growth *growth);
/* Is the curve as likely as makes no difference? */
bool growth_plausible(const struct growth *growth, enum growth_kind kind);
/* At a size, with the range of all plausible curves and their own 95 %. */
void growth_predict(const struct growth *growth, double size, double *value, double *low, double *high);

#endif
