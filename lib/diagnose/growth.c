#include "diagnose/growth.h"

#include "diagnose/summary.h"

#include <math.h>

static const double score_apart = 4;
static const double residual_most = 0.15; /* a curve that misses the points by more, on the average, is none */

const char *growth_name(enum growth_kind kind)
{
    static const char *const names[] = {"constant", "log n", "n", "n log n", "n²", "n³", "exponential"};
    return names[kind];
}

static double shape(enum growth_kind kind, double size)
{
    switch (kind) {
    case GROWTH_LOG:
        return log(size + 1);
    case GROWTH_LINEAR:
        return size;
    case GROWTH_N_LOG_N:
        return size * log(size + 1);
    case GROWTH_SQUARE:
        return size * size;
    case GROWTH_CUBE:
        return size * size * size;
    default:
        return 1;
    }
}

/* Sums of a weighted line y = a + b·x. */
struct line {
    double w, x, y, xx, xy;
};

static void add_to_line(struct line *line, double x, double y, double weight)
{
    line->w += weight;
    line->x += weight * x;
    line->y += weight * y;
    line->xx += weight * x * x;
    line->xy += weight * x * y;
}

static double determinant(const struct line *line)
{
    return line->w * line->xx - line->x * line->x;
}

/* The power law: a line through logarithms. Its interval is the wider of what the errors say and of what the scatter
 * around it says. */
static void fit_exponent(const struct growth_point *points, size_t n, struct growth *growth)
{
    struct line line = {0};
    double scatter = 0;
    for (size_t i = 0; i < n; i++) {
        double relative = points[i].error / points[i].value;
        add_to_line(&line, log(points[i].size), log(points[i].value), 1 / (relative * relative));
    }
    double slope = (line.w * line.xy - line.x * line.y) / determinant(&line);
    double base = (line.y - slope * line.x) / line.w, se = sqrt(line.w / determinant(&line));
    for (size_t i = 0; i < n; i++) {
        double miss = (log(points[i].value) - base - slope * log(points[i].size)) * points[i].value / points[i].error;
        scatter += miss * miss;
    }
    double half = fmax(1.96 * se, student_t(n - 2) * se * sqrt(scatter / (double)(n - 2)));
    growth->exponent = slope;
    growth->low = slope - half;
    growth->high = slope + half;
}

static double curve_at(const struct growth_curve *curve, enum growth_kind kind, double size)
{
    if (kind == GROWTH_EXPONENTIAL)
        return curve->factor * exp(curve->rate * size);
    return curve->constant + curve->factor * shape(kind, size);
}

static void measure_misfit(const struct growth_point *points, size_t n, enum growth_kind kind,
                           struct growth_curve *curve)
{
    curve->chi_square = 0;
    for (size_t i = 0; i < n; i++) {
        double miss = (points[i].value - curve_at(curve, kind, points[i].size)) / points[i].error;
        curve->chi_square += miss * miss;
    }
    curve->usable = isfinite(curve->chi_square);
}

/* A line through the logarithms of the values. */
static void fit_exponential(const struct growth_point *points, size_t n, struct growth_curve *curve)
{
    struct line line = {0};
    for (size_t i = 0; i < n; i++) {
        double relative = points[i].error / points[i].value;
        add_to_line(&line, points[i].size, log(points[i].value), 1 / (relative * relative));
    }
    double d = determinant(&line);
    *curve = (struct growth_curve){.rate = (line.w * line.xy - line.x * line.y) / d, .parameters = 2};
    curve->factor = exp((line.y - curve->rate * line.x) / line.w);
    curve->variance[0] = line.w / d; /* of the rate */
    curve->variance[1] = line.xx / d;
    curve->variance[2] = -line.x / d;
    if (curve->rate > 1.96 * sqrt(line.w / d)) /* else it is a constant with a parameter more */
        measure_misfit(points, n, GROWTH_EXPONENTIAL, curve);
}

/* factor · f(size), and a constant of 0 or more where one is allowed. */
static void fit_shape(const struct growth_point *points, size_t n, enum growth_kind kind, bool constant,
                      struct growth_curve *curve)
{
    struct line line = {0};
    *curve = (struct growth_curve){0};
    for (size_t i = 0; i < n; i++)
        add_to_line(&line, shape(kind, points[i].size), points[i].value, 1 / (points[i].error * points[i].error));
    double d = determinant(&line), slope = (line.w * line.xy - line.x * line.y) / d;
    double base = (line.y - slope * line.x) / line.w;
    if (constant && kind != GROWTH_CONSTANT && base > 0 && slope > 0) {
        curve->constant = base;
        curve->factor = slope;
        curve->variance[0] = line.xx / d;
        curve->variance[1] = line.w / d;
        curve->variance[2] = -line.x / d;
        curve->parameters = 2;
    } else {
        curve->factor = line.xy / line.xx;
        curve->variance[1] = 1 / line.xx;
        curve->parameters = 1;
    }
    measure_misfit(points, n, kind, curve);
}

/* The 99 % point of chi-square (Wilson and Hilferty). */
static double chi_square_limit(double degrees)
{
    double part = 2 / (9 * degrees);
    double cube = 1 - part + 2.3263 * sqrt(part);
    return degrees * cube * cube * cube;
}

/* All curves; the best by score. True when it lies within the errors. */
static bool fit_curves(const struct growth_point *points, size_t n, bool constant, int kinds, struct growth *growth)
{
    for (int kind = 0; kind < kinds; kind++) {
        struct growth_curve *curve = &growth->curves[kind];
        if (kind == GROWTH_EXPONENTIAL)
            fit_exponential(points, n, curve);
        else
            fit_shape(points, n, (enum growth_kind)kind, constant, curve);
        curve->score = curve->chi_square + 2 * curve->parameters;
        if (curve->usable && curve->score < growth->curves[growth->best].score)
            growth->best = (enum growth_kind)kind;
    }
    const struct growth_curve *best = &growth->curves[growth->best];
    return best->chi_square <= chi_square_limit((double)(n - best->parameters));
}

/* No curve lies within the errors: they were too small. */
static void enlarge_errors(const struct growth_point *points, size_t n, struct growth *growth)
{
    const struct growth_curve *best = &growth->curves[growth->best];
    double by = best->chi_square / (double)(n - best->parameters), miss = 0;
    for (size_t i = 0; i < n; i++) {
        double relative = curve_at(best, growth->best, points[i].size) / points[i].value - 1;
        miss += relative * relative / (double)n;
    }
    growth->enlarged = sqrt(by);
    growth->misfit = sqrt(miss);
    growth->decided = growth->misfit < residual_most;
    for (int kind = 0; kind < GROWTH_KINDS; kind++)
        growth->curves[kind].score = growth->curves[kind].chi_square / by + 2 * growth->curves[kind].parameters;
}

bool growth_plausible(const struct growth *growth, enum growth_kind kind)
{
    const struct growth_curve *curve = &growth->curves[kind];
    return growth->fitted && curve->usable && curve->score < growth->curves[growth->best].score + score_apart;
}

/* Enough sizes? */
static bool begin(const struct growth_point *points, size_t n, struct growth *growth)
{
    size_t sizes = 0;
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t j = 0; j < i; j++)
            seen = seen || points[j].size == points[i].size;
        sizes += !seen;
    }
    bool enough = sizes >= GROWTH_SIZES_MIN;
    *growth = (struct growth){.enlarged = 1, .fitted = enough, .decided = enough};
    return enough;
}

static void decide(struct growth *growth)
{
    for (int kind = 0; kind < GROWTH_KINDS; kind++)
        if (kind != (int)growth->best && growth_plausible(growth, (enum growth_kind)kind))
            growth->decided = false;
}

void growth_fit(const struct growth_point *points, size_t n, bool exponential, struct growth *growth)
{
    int kinds = exponential ? GROWTH_KINDS : GROWTH_EXPONENTIAL;
    if (!begin(points, n, growth))
        return;
    fit_exponent(points, n, growth);
    /* Work that has nothing to do with the size only where it is needed: it makes all curves alike. */
    if (!fit_curves(points, n, false, kinds, growth)) {
        struct growth with = *growth;
        with.best = GROWTH_CONSTANT;
        bool fits = fit_curves(points, n, true, kinds, &with);
        if (with.curves[with.best].score < growth->curves[growth->best].score)
            *growth = with;
        if (!fits)
            enlarge_errors(points, n, growth);
    }
    decide(growth);
}

/* The best constant + factor · size^power, and how badly it misses. Sizes by the largest, or they would leave what
 * fits. */
static double fit_power(const struct growth_point *points, size_t n, double largest, struct growth_power *power)
{
    struct line line = {0};
    double chi_square = 0;
    for (size_t i = 0; i < n; i++)
        add_to_line(&line, pow(points[i].size / largest, power->exponent), points[i].value,
                    1 / (points[i].error * points[i].error));
    double slope = (line.w * line.xy - line.x * line.y) / determinant(&line);
    double base = (line.y - slope * line.x) / line.w;
    power->constant = fmax(0, base);
    power->factor = (base >= 0 ? slope : line.xy / line.xx) / pow(largest, power->exponent);
    for (size_t i = 0; i < n; i++) {
        double at = power->constant + power->factor * pow(points[i].size, power->exponent);
        double miss = (points[i].value - at) / points[i].error;
        chi_square += miss * miss;
    }
    return chi_square;
}

enum { POWERS = 400 }; /* 0.01 to 4 */

void growth_fit_above(const struct growth_point *points, size_t n, struct growth *growth)
{
    double misfit[POWERS], least = INFINITY, largest = 0;
    if (!begin(points, n, growth))
        return;
    if (!fit_curves(points, n, true, GROWTH_EXPONENTIAL, growth))
        enlarge_errors(points, n, growth);
    decide(growth);
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, points[i].size);
    for (int i = 0; i < POWERS; i++) {
        struct growth_power power = {.exponent = (i + 1) / 100.0};
        misfit[i] = fit_power(points, n, largest, &power);
        if (misfit[i] < least) {
            least = misfit[i];
            growth->exponent = power.exponent;
        }
    }
    growth->low = growth->high = growth->exponent; /* 95 %: as far as chi-square rises by 3.84 */
    for (int i = 0; i < POWERS; i++) {
        if (misfit[i] > least + 3.84 * growth->enlarged * growth->enlarged)
            continue;
        growth->low = fmin(growth->low, (i + 1) / 100.0);
        growth->high = fmax(growth->high, (i + 1) / 100.0);
    }
    growth->above = true;
    growth->ends[0].exponent = growth->low;
    growth->ends[1].exponent = growth->high;
    for (int end = 0; end < 2; end++)
        fit_power(points, n, largest, &growth->ends[end]);
}

void growth_predict(const struct growth *growth, double size, double *value, double *low, double *high)
{
    *value = curve_at(&growth->curves[growth->best], growth->best, size);
    *low = INFINITY;
    *high = 0;
    for (int kind = 0; kind < GROWTH_KINDS; kind++) {
        const struct growth_curve *curve = &growth->curves[kind];
        if (!growth_plausible(growth, (enum growth_kind)kind))
            continue;
        double at = curve_at(curve, (enum growth_kind)kind, size), x = shape((enum growth_kind)kind, size), half;
        if (kind == GROWTH_EXPONENTIAL) {
            double variance = curve->variance[0] * size * size + curve->variance[1] + 2 * size * curve->variance[2];
            half = 1.96 * growth->enlarged * sqrt(fmax(0, variance));
            *low = fmin(*low, at * exp(-half));
            *high = fmax(*high, at * exp(half));
            continue;
        }
        double variance = curve->variance[0] + curve->variance[1] * x * x + 2 * x * curve->variance[2];
        half = 1.96 * growth->enlarged * sqrt(fmax(0, variance));
        *low = fmin(*low, fmax(0, at - half));
        *high = fmax(*high, at + half);
    }
    for (int end = 0; growth->above && end < 2; end++) { /* sums of curves are none of them, and near to a power */
        const struct growth_power *power = &growth->ends[end];
        double at = power->constant + power->factor * pow(size, power->exponent);
        *low = fmin(*low, at);
        *high = fmax(*high, at);
    }
}
