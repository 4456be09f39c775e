/* Whole runs: their numbers in short, counters that took turns. */
#include "capture/trial_counters.h"
#include "diagnose/summary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void near(double value, double wanted, double within)
{
    if (!(fabs(value - wanted) <= within))
        fail_msg("%.9g is not %.9g", value, wanted);
}

static void test_summary(void **state)
{
    (void)state;
    static const double values[] = {4, 1, 3, 2, 10};
    struct summary summary;
    assert_int_equal(summarise(values, 5, &summary), 0);
    near(summary.mean, 4, 1e-12);
    near(summary.median, 3, 1e-12);
    near(summary.sd, 3.5355339, 1e-6);
    near(summary.half, 2.776 * 3.5355339 / sqrt(5), 1e-3);
    near(summary.least, 1, 0);
    near(summary.most, 10, 0);
    assert_int_equal(summarise(values, 1, &summary), 0);
    near(summary.half, 0, 0);
    assert_int_equal(summarise(values, 0, &summary), 0);
    assert_int_equal(summary.n, 0);
}

static void test_student(void **state)
{
    (void)state;
    near(student_t(1), 12.706, 1e-3);
    near(student_t(10), 2.228, 1e-3);
    near(student_t(11), 2.201, 2e-3);
    near(student_t(30), 2.042, 2e-3);
    near(student_t(100000), 1.95997, 1e-3);
    assert_true(isinf(student_t(0)));
}

static void test_quantile(void **state)
{
    (void)state;
    static const double ordered[] = {0, 10, 20, 30};
    near(quantile(ordered, 4, 0), 0, 0);
    near(quantile(ordered, 4, 0.5), 15, 1e-12);
    near(quantile(ordered, 4, 1), 30, 0);
    near(quantile(ordered, 1, 0.3), 0, 0);
}

/* A counter that had its turn for a quarter of the time counted a quarter. */
static void test_counters_that_took_turns(void **state)
{
    (void)state;
    double scaled, counted;
    assert_true(trial_counter_scale(1000, 400, 400, &scaled, &counted));
    near(scaled, 1000, 0);
    near(counted, 1, 0);
    assert_true(trial_counter_scale(1000, 400, 100, &scaled, &counted));
    near(scaled, 4000, 1e-9);
    near(counted, 0.25, 1e-12);
    assert_false(trial_counter_scale(0, 400, 0, &scaled, &counted));
    assert_true(trial_counter_scale(0, 0, 0, &scaled, &counted));
    near(scaled, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_student),
        cmocka_unit_test(test_quantile),
        cmocka_unit_test(test_counters_that_took_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
