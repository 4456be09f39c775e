/* Whole runs: their numbers in short, counters that took turns. */
#include "base/mem.h"
#include "capture/trials/trial_counters.h"
#include "diagnose/growth.h"
#include "diagnose/ratio.h"
#include "diagnose/summary.h"
#include "export/cells.h"
#include "export/trials.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* ---- what is shown of them ------------------------------------------------------------------------------------------
 */

/* A run on a processor whose counters took turns, but for its cache, which it does not count. */
static struct trial counted_run(void)
{
    static const struct {
        enum measure measure;
        double value;
    } rows[] = {{MEASURE_TASK_CLOCK, 2},      {MEASURE_FAULTS, 2460},       {MEASURE_SWITCHES, 3},
                {MEASURE_MIGRATIONS, 0},      {MEASURE_CYCLES, 4e9},        {MEASURE_INSTRUCTIONS, 6e9},
                {MEASURE_BRANCHES, 999.7e6},  {MEASURE_BRANCH_MISSES, 5e6}, {MEASURE_STALLED_FRONT, 1e9},
                {MEASURE_STALLED_BACK, 0.5e9}};
    struct trial trial = {0};
    for (int measure = 0; measure < MEASURE_COUNT; measure++) {
        trial.counted[measure] = measure_rows[measure].source == SOURCE_HARDWARE ? 0.5 : 1;
        trial.user_only[measure] = measure_rows[measure].source == SOURCE_HARDWARE;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        trial.values[rows[i].measure] = rows[i].value;
    trial.status[MEASURE_CACHE_REFERENCES] = trial.status[MEASURE_CACHE_MISSES] = MEASURE_NOT_SUPPORTED;
    return trial;
}

static void test_what_counts_come_to(void **state)
{
    (void)state;
    static const char *const told[] = {
        "1.23 k a second",  "1.50 a second",    "2.00 GHz",
        "1.50 a cycle",     "500 M a second",   "0.5 % of branches, scaled from 50 % of the time",
        "25.0 % of cycles", "12.5 % of cycles", "pages of 4096 bytes"};
    const struct trial trials[] = {counted_run(), counted_run()};
    const struct trials_screen screen = {.width = 80};
    char *command[] = {(char *)"app.py", NULL};
    for (size_t runs = 1; runs <= 2; runs++) {
        const struct stat_input input = {
            .command = command, .trials = trials, .n = runs, .asked = runs, .page_bytes = 4096};
        struct buf out = {0};
        stat_text(&input, &screen, &out);
        char *text = mem_strdup(buf_text(&out)), *at = text;
        for (size_t i = 0; i < sizeof told / sizeof *told; i++)
            if (strstr(text, told[i]) == NULL)
                fail_msg("not told: %s\n%s", told[i], text);
        assert_true(strstr(text, " 0 a second") == NULL);
        assert_true(strstr(text, "not supported here") != NULL);
        for (char *line; (line = strsep(&at, "\n")) != NULL;)
            if (cells_width(line, strlen(line)) > screen.width)
                fail_msg("wider than the screen: %s", line);
        mem_free(text);
        buf_release(&out);
    }
}

/* ---- comparing -----------------------------------------------------------------------------------------------------
 */

enum { ROUNDS = 20, SEEDS = 200 };

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *state)
{
    return sqrt(-2 * log(uniform(state))) * cos(6.283185307179586 * uniform(state));
}

enum noise { STEADY, SPIKES, TWO_SPEEDS, DRIFT, SKEWED, NOISES };

/* One run that takes 1 s, on a machine with that kind of noise. */
static double run_once(enum noise noise, size_t round, uint64_t *state)
{
    double value = 1 + 0.03 * normal(state);
    if (noise == SPIKES && uniform(state) < 0.1)
        value *= 1 + 2 * uniform(state);
    if (noise == TWO_SPEEDS && uniform(state) < 0.4)
        value *= 1.3;
    if (noise == DRIFT)
        value *= 1 + 0.02 * (double)round;
    if (noise == SKEWED)
        value = 1 - 0.1 * log(uniform(state));
    return value;
}

static struct estimate compare(enum noise noise, double factor, uint64_t seed)
{
    double a[ROUNDS], b[ROUNDS];
    uint64_t state = seed * 7919 + 17;
    struct estimate estimate;
    for (size_t i = 0; i < ROUNDS; i++) {
        a[i] = run_once(noise, i, &state);
        b[i] = factor * run_once(noise, i, &state);
    }
    assert_int_equal(estimate_ratio(a, b, ROUNDS, 0.05, &estimate), 0);
    return estimate;
}

/* A against A has a winner in 1 of 20 at most, whatever the noise is like. */
static void test_no_winner_where_there_is_none(void **state)
{
    (void)state;
    for (int noise = 0; noise < NOISES; noise++) {
        unsigned winners = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct estimate estimate = compare((enum noise)noise, 1, seed);
            assert_true(estimate.known);
            winners += estimate_verdict(&estimate) != VERDICT_NO_DIFFERENCE;
        }
        if (winners > SEEDS / 20)
            fail_msg("noise %d: %u winners of %d", noise, winners, SEEDS);
    }
}

/* The interval holds the truth in 19 of 20, and a factor of 1.2 is seen where runs differ by 3 %. */
static void test_the_interval_holds_the_truth(void **state)
{
    (void)state;
    for (int noise = 0; noise < NOISES; noise++) {
        unsigned held = 0, seen = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct estimate estimate = compare((enum noise)noise, 1.2, seed);
            held += estimate.low <= log(1.2) && log(1.2) <= estimate.high;
            seen += estimate_verdict(&estimate) == VERDICT_MORE;
        }
        if (held < SEEDS * 19 / 20 || (noise != TWO_SPEEDS && seen < SEEDS * 9 / 10))
            fail_msg("noise %d: held in %u, seen in %u of %d", noise, held, seen, SEEDS);
    }
}

/* The geometric mean of three ratios holds the truth as often, and is known better than each of them. */
static void test_the_mean_of_several(void **state)
{
    (void)state;
    static const double factors[] = {0.8, 1.2, 1.5};
    double truth = log(0.8 * 1.2 * 1.5) / 3;
    enum { FEW_SEEDS = 40 };
    for (int noise = 0; noise < NOISES; noise++) {
        unsigned held = 0, narrower = 0, same = 0;
        for (uint64_t seed = 0; seed < FEW_SEEDS; seed++) {
            double rows[2][3][ROUNDS];
            const double *a[3], *b[3];
            uint64_t random = seed * 7907 + 29;
            struct estimate mean, one[3];
            double middle = 0, width = 0;
            for (size_t pair = 0; pair < 3; pair++) {
                for (size_t i = 0; i < ROUNDS; i++) {
                    rows[0][pair][i] = run_once((enum noise)noise, i, &random);
                    rows[1][pair][i] = factors[pair] * run_once((enum noise)noise, i, &random);
                }
                a[pair] = rows[0][pair];
                b[pair] = rows[1][pair];
                assert_int_equal(estimate_ratio(a[pair], b[pair], ROUNDS, 0.05, &one[pair]), 0);
                middle += one[pair].log / 3;
                width += (one[pair].high - one[pair].low) / 3;
            }
            assert_int_equal(estimate_mean(a, b, 3, ROUNDS, 0.05, &mean), 0);
            same += fabs(mean.log - middle) < 1e-12;
            held += mean.low <= truth && truth <= mean.high;
            narrower += mean.high - mean.low < 0.8 * width;
        }
        if (held < FEW_SEEDS * 19 / 20 || same < FEW_SEEDS || narrower < FEW_SEEDS * 9 / 10)
            fail_msg("noise %d: held in %u, the mean of the ratios in %u, narrower in %u of %d", noise, held, same,
                     narrower, FEW_SEEDS);
    }
}

/* What made a turn slow for B made it slow in every comparison: three of them then tell no more than one. */
static void test_turns_are_resampled_for_all(void **state)
{
    (void)state;
    double a[ROUNDS], b[ROUNDS];
    uint64_t random = 5;
    struct estimate one, mean;
    for (size_t i = 0; i < ROUNDS; i++) {
        a[i] = 1;
        b[i] = run_once(STEADY, i, &random);
    }
    const double *const as[] = {a, a, a}, *const bs[] = {b, b, b};
    assert_int_equal(estimate_ratio(a, b, ROUNDS, 0.05, &one), 0);
    assert_int_equal(estimate_mean(as, bs, 3, ROUNDS, 0.05, &mean), 0);
    near(mean.log, one.log, 1e-12);
    near(mean.low, one.low, 1e-12);
    near(mean.high, one.high, 1e-12);
    b[3] = 0;
    assert_int_equal(estimate_mean(as, bs, 3, ROUNDS, 0.05, &mean), 0);
    assert_int_equal(estimate_verdict(&mean), VERDICT_UNKNOWN);
}

static void test_few_or_strange_numbers_claim_nothing(void **state)
{
    (void)state;
    double a[ROUNDS], b[ROUNDS];
    struct estimate estimate;
    for (size_t i = 0; i < ROUNDS; i++)
        a[i] = b[i] = 1;
    assert_int_equal(estimate_ratio(a, b, 4, 0.05, &estimate), 0);
    assert_int_equal(estimate_verdict(&estimate), VERDICT_UNKNOWN);
    b[3] = 0;
    assert_int_equal(estimate_ratio(a, b, ROUNDS, 0.05, &estimate), 0);
    assert_int_equal(estimate_verdict(&estimate), VERDICT_UNKNOWN);
    b[3] = 1;
    assert_int_equal(estimate_ratio(a, b, ROUNDS, 0.05, &estimate), 0);
    assert_int_equal(estimate_verdict(&estimate), VERDICT_NO_DIFFERENCE);
    near(estimate.high, 0, 0);
}

/* The rounds that are said to be missing are about those that it takes. */
static void test_missing_rounds(void **state)
{
    (void)state;
    struct estimate estimate = {.known = true, .low = -0.04, .high = 0.04, .n = 20};
    near(estimate_missing_rounds(&estimate, 0.02), 20 * 4.08 - 20, 2);
    estimate.low = -0.001;
    estimate.high = 0.001;
    near(estimate_missing_rounds(&estimate, 0.02), 0, 0);
}

static void test_against_earlier_sessions(void **state)
{
    (void)state;
    const struct estimate today = {true, 0.10, 0.08, 0.12, 20};
    const struct estimate sessions[] = {
        {true, 0.00, -0.02, 0.02, 20}, {true, 0.09, 0.07, 0.11, 20}, {true, 0.03, 0.01, 0.05, 20}};
    struct estimate one = estimate_change(&today, sessions, 1);
    near(one.log, 0.1, 1e-12);
    near(one.high - one.log, hypot(0.02, 0.02), 1e-12);
    assert_int_equal(estimate_verdict(&one), VERDICT_MORE);
    /* Sessions differ by more than that by themselves: no alarm. */
    struct estimate three = estimate_change(&today, sessions, 3);
    near(three.log, 0.06, 1e-12);
    assert_int_equal(estimate_verdict(&three), VERDICT_NO_DIFFERENCE);
    assert_int_equal(estimate_verdict(&(struct estimate){0}), VERDICT_UNKNOWN);
    assert_false(estimate_change(&today, sessions, 0).known);
}

/* Each kind of trouble is named, in 9 of 10 at least, and quiet rows are left alone. */
static void test_steadiness(void **state)
{
    (void)state;
    unsigned quiet = 0, spiky = 0, two = 0, drifting = 0, first = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        double rows[4][ROUNDS];
        struct steadiness s[4];
        uint64_t random = seed * 104729;
        for (size_t i = 0; i < ROUNDS; i++) {
            rows[0][i] = 1 + 0.01 * normal(&random);
            rows[1][i] = rows[0][i] * (i == 0 || i == 9 ? 1.5 : 1);
            rows[2][i] = rows[0][i] * (uniform(&random) < 0.5 ? 1.2 : 1);
            rows[3][i] = rows[0][i] * (1 + 0.01 * (double)i);
        }
        for (int row = 0; row < 4; row++)
            assert_int_equal(steadiness_of(rows[row], ROUNDS, &s[row]), 0);
        quiet += s[0].outliers == 0 && !s[0].two_speeds && s[0].drift == 0;
        spiky += s[1].outliers == 2;
        first += s[1].first_slow;
        two += s[2].two_speeds && fabs(s[2].low - 1) < 0.03 && fabs(s[2].high - 1.2) < 0.03;
        drifting += s[3].drift > 0.08;
    }
    if (quiet < SEEDS * 9 / 10 || spiky < SEEDS * 9 / 10 || two < SEEDS * 9 / 10 || drifting < SEEDS * 9 / 10 ||
        first < SEEDS * 9 / 10)
        fail_msg("quiet %u, spiky %u, first %u, two %u, drifting %u of %d", quiet, spiky, first, two, drifting, SEEDS);
}

/* ---- growing -------------------------------------------------------------------------------------------------------
 */

static double true_work(enum growth_kind kind, double size)
{
    const double values[] = {0.5,
                             0.05 * log(size),
                             1e-5 * size,
                             1e-6 * size * log(size),
                             1e-9 * size * size,
                             1e-14 * size * size * size,
                             1e-4 * exp(size / 20000)};
    return values[kind];
}

/* Seven sizes, runs that differ by 2 %, told errors of 4 %. */
static struct growth grow(enum growth_kind kind, double constant, uint64_t seed)
{
    struct growth_point points[7];
    struct growth growth;
    uint64_t state = seed * 9973 + 5;
    for (size_t i = 0; i < 7; i++) {
        double size = 2000 * pow(2, (double)i), value = constant + true_work(kind, size);
        points[i] = (struct growth_point){size, value * (1 + 0.02 * normal(&state)), 0.04 * value};
    }
    growth_fit(points, 7, true, &growth);
    return growth;
}

static void test_curves_are_told_apart(void **state)
{
    (void)state;
    static const double exponents[] = {0, 0.1, 1, 1.1, 2, 3, 0};
    for (int kind = 0; kind < GROWTH_KINDS; kind++) {
        unsigned right = 0, wrong = 0, exponent = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct growth growth = grow((enum growth_kind)kind, 0, seed);
            assert_true(growth.fitted);
            right += growth.decided && growth.best == (enum growth_kind)kind;
            wrong += growth.decided && growth.best != (enum growth_kind)kind;
            exponent += fabs(growth.exponent - exponents[kind]) < 0.06;
        }
        if (right < SEEDS * 9 / 10 || wrong > 0 ||
            (kind != GROWTH_LOG && kind != GROWTH_EXPONENTIAL && exponent < SEEDS))
            fail_msg("%s: right %u, wrong %u, exponent %u", growth_name((enum growth_kind)kind), right, wrong,
                     exponent);
    }
}

/* The start of a program has nothing to do with the size: never a wrong curve, mostly the right one. */
static void test_a_constant_beside_it(void **state)
{
    (void)state;
    static const enum growth_kind kinds[] = {GROWTH_LINEAR, GROWTH_SQUARE, GROWTH_CUBE};
    for (size_t k = 0; k < 3; k++) {
        unsigned wrong = 0, plausible = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct growth growth = grow(kinds[k], 0.05, seed);
            wrong += growth.decided && growth.best != kinds[k];
            plausible += growth_plausible(&growth, kinds[k]);
        }
        if (wrong > SEEDS / 50 || plausible < SEEDS * 19 / 20)
            fail_msg("%s: wrong %u, plausible %u", growth_name(kinds[k]), wrong, plausible);
    }
}

/* Linear and n log n cannot be told apart from 1000 to 8000 when runs differ by 20 %. */
static void test_not_decided(void **state)
{
    (void)state;
    unsigned undecided = 0;
    struct growth growth;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct growth_point points[4];
        uint64_t random = seed * 31 + 7;
        for (size_t i = 0; i < 4; i++) {
            double size = 1000 * pow(2, (double)i), value = size * (1 + 0.2 * normal(&random));
            points[i] = (struct growth_point){size, value, 0.2 * value};
        }
        growth_fit(points, 4, true, &growth);
        undecided += !growth.decided;
    }
    if (undecided < SEEDS * 8 / 10)
        fail_msg("%u undecided", undecided);
    const struct growth_point three[] = {{1, 1, 0.1}, {2, 2, 0.1}, {4, 4, 0.1}, {4, 4.1, 0.1}};
    growth_fit(three, 4, true, &growth);
    assert_false(growth.fitted);
}

static void test_prediction(void **state)
{
    (void)state;
    unsigned held = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        double value, low, high, truth = true_work(GROWTH_SQUARE, 512000);
        struct growth growth = grow(GROWTH_SQUARE, 0, seed);
        growth_predict(&growth, 512000, &value, &low, &high);
        held += low <= truth && truth <= high && high < 1.2 * low;
    }
    assert_true(held >= SEEDS * 19 / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_student),
        cmocka_unit_test(test_quantile),
        cmocka_unit_test(test_counters_that_took_turns),
        cmocka_unit_test(test_what_counts_come_to),
        cmocka_unit_test(test_no_winner_where_there_is_none),
        cmocka_unit_test(test_the_interval_holds_the_truth),
        cmocka_unit_test(test_the_mean_of_several),
        cmocka_unit_test(test_turns_are_resampled_for_all),
        cmocka_unit_test(test_few_or_strange_numbers_claim_nothing),
        cmocka_unit_test(test_missing_rounds),
        cmocka_unit_test(test_against_earlier_sessions),
        cmocka_unit_test(test_steadiness),
        cmocka_unit_test(test_curves_are_told_apart),
        cmocka_unit_test(test_a_constant_beside_it),
        cmocka_unit_test(test_not_decided),
        cmocka_unit_test(test_prediction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
