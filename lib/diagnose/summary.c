#include "diagnose/summary.h"

#include "base/err.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_size(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

void sort_numbers(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_size);
}

double quantile(const double *ordered, size_t n, double part)
{
    double place = part * (double)(n - 1);
    size_t below = (size_t)place;
    if (below + 1 >= n)
        return ordered[n - 1];
    return ordered[below] + (place - (double)below) * (ordered[below + 1] - ordered[below]);
}

double student_t(size_t degrees)
{
    static const double few[] = {0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228};
    if (degrees == 0)
        return INFINITY;
    if (degrees < sizeof few / sizeof few[0])
        return few[degrees];
    /* The expansion of Abramowitz and Stegun, 26.7.5. */
    double z = 1.959964, v = (double)degrees, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
    return z + (z3 + z) / (4 * v) + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v) +
           (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * v * v * v);
}

/* How probable it is that a value is farther off than t, either way: Abramowitz and Stegun, 26.7.3 and 26.7.4. */
static double student_tail(double t, size_t degrees)
{
    double angle = atan(t / sqrt((double)degrees)), term = 1, sum = 0, square = cos(angle) * cos(angle);
    for (size_t i = 2 + degrees % 2; i <= degrees; i += 2) {
        sum += term;
        term *= square * ((double)i - 1) / (double)i;
    }
    if (degrees % 2 == 0)
        return 1 - sin(angle) * sum;
    return 1 - 2 / acos(-1) * (angle + sin(angle) * cos(angle) * sum);
}

double student_t_of(size_t degrees, size_t many)
{
    double wanted = 0.05 / (double)(many > 0 ? many : 1), low = 0, high = 1e9;
    if (degrees == 0)
        return INFINITY;
    for (int i = 0; i < 120; i++) {
        double middle = (low + high) / 2;
        if (student_tail(middle, degrees) > wanted)
            low = middle;
        else
            high = middle;
    }
    return high;
}

int summarise(const double *values, size_t n, struct summary *summary)
{
    *summary = (struct summary){.n = n};
    if (n == 0)
        return 0;
    double *ordered = mem_alloc(n * sizeof *ordered), squares = 0;
    if (ordered == NULL)
        return ERR_NOMEM;
    memcpy(ordered, values, n * sizeof *ordered);
    sort_numbers(ordered, n);
    for (size_t i = 0; i < n; i++)
        summary->mean += ordered[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (ordered[i] - summary->mean) * (ordered[i] - summary->mean);
    if (n > 1) {
        summary->sd = sqrt(squares / (double)(n - 1));
        summary->half = student_t(n - 1) * summary->sd / sqrt((double)n);
    }
    summary->least = ordered[0];
    summary->most = ordered[n - 1];
    summary->median = quantile(ordered, n, 0.5);
    mem_free(ordered);
    return 0;
}
