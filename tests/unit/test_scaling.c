/* Calls of programs at several sizes (lib/diagnose/scaling_calls.c): profiles made by hand, whose growth is known. */
#include "diagnose/scaling.h"

#include <math.h>
#include <stdlib.h>

#include "profile_builder.h"
#include "unit.h"

enum { SEEDS = 100, RUNS = 5 };

typedef double curve(double size);

static double once(double size)
{
    (void)size;
    return 1;
}
static double bits(double size)
{
    return floor(log2(size)) + 1;
}
static double linear(double size)
{
    return size + 17;
}
static double merges(double size)
{
    return floor(size * log2(size) - size + 1);
}
static double pairs(double size)
{
    return size * (size - 1) / 2;
}
static double triples(double size)
{
    return pairs(size) * (size - 2) / 3;
}
static double fib(double size)
{
    double calls[64] = {1, 1};
    for (int i = 2; i <= (int)size; i++)
        calls[i] = calls[i - 1] + calls[i - 2] + 1;
    return calls[(int)size];
}

static double normal(uint64_t *state)
{
    double u[2];
    for (int i = 0; i < 2; i++) {
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        u[i] = ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
    }
    return sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]);
}

/* Two functions: `f`, on the CPU for so long, and `quiet`, which no sample saw. calls: 0: it has no counts. */
static void add_run(struct scaling *scaling, double size, double cpu_s, double calls, double quiet)
{
    struct built *built = built_new();
    struct call_count counts[2];
    uint32_t f = built_function(built, "f", "/home/u/test.py", true);
    uint32_t other = built_function(built, "quiet", "/home/u/test.py", true);
    built_sample(built, (uint64_t)(cpu_s * 1e9), built_thread(built, 1), built_stack(built, 0, f, 3), STATE_PYTHON,
                 (uint32_t)(cpu_s * 1000), cpu_s * 1e9);
    counts[0] = (struct call_count){.process = 1, .function = f, .calls = (uint64_t)calls};
    counts[1] = (struct call_count){.process = 1, .function = other, .calls = (uint64_t)quiet};
    built->profile.call_counts = counts;
    built->profile.n_call_counts = calls > 0 ? 2 : 0;
    assert_int_equal(scaling_add(scaling, &built->profile, size), 0);
    free(built);
}

static const struct scaling_function *named(const struct scaling *scaling, const char *name)
{
    for (size_t i = 0; i < scaling->n_functions; i++)
        if (strcmp(scaling->functions[i]->name, name) == 0)
            return scaling->functions[i];
    return NULL;
}

/* The CPU time differs by a tenth from run to run, the counts do not: they are decided each time. */
static void test_exact_counts_are_decided(void **unused)
{
    (void)unused;
    static const struct {
        curve *calls;
        enum growth_kind kind;
        double first, step;
        bool doubles;
    } rows[] = {
        {once, GROWTH_CONSTANT, 1000, 2, true},      {bits, GROWTH_LOG, 1000, 2, true},
        {linear, GROWTH_LINEAR, 1000, 2, true},      {linear, GROWTH_LINEAR, 10, 2, true},
        {merges, GROWTH_N_LOG_N, 1000, 2, true},     {pairs, GROWTH_SQUARE, 10, 2, true},
        {pairs, GROWTH_SQUARE, 5000, 1000, false},   {triples, GROWTH_CUBE, 20, 2, true},
        {fib, GROWTH_EXPONENTIAL, 10, 2, false},     {fib, GROWTH_EXPONENTIAL, 20, 3, false},
        {linear, GROWTH_LINEAR, 10000, 1000, false},
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        for (uint64_t seed = 1; seed <= SEEDS / 10; seed++) {
            struct scaling scaling = {0};
            uint64_t state = seed * 7919;
            double size = rows[row].first;
            for (int i = 0; i < RUNS; i++) {
                add_run(&scaling, size, (i + 1) * (1 + 0.1 * normal(&state)), rows[row].calls(size), 1);
                size = rows[row].doubles ? size * rows[row].step : size + rows[row].step;
            }
            scaling_judge(&scaling, NULL);
            const struct growth *growth = &named(&scaling, "f")->calls.growth;
            assert_true(scaling.counted && scaling_tells_calls(&scaling));
            if (!growth->fitted || !growth->decided || growth->best != rows[row].kind)
                fail_msg("row %zu: %s%s", row, growth_name(growth->best), growth->decided ? "" : ", not decided");
            scaling_release(&scaling);
        }
    }
}

/* Calls that depend on more than the size, by 5 %: never a wrong curve, mostly the right one. */
static void test_counts_that_scatter(void **unused)
{
    (void)unused;
    static curve *const curves[] = {linear, merges, pairs};
    static const enum growth_kind kinds[] = {GROWTH_LINEAR, GROWTH_N_LOG_N, GROWTH_SQUARE};
    for (size_t k = 0; k < 3; k++) {
        unsigned wrong = 0, right = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct scaling scaling = {0};
            uint64_t state = seed * 104729;
            for (int i = 0; i < RUNS; i++) {
                double size = 1000 * pow(2, i);
                add_run(&scaling, size, i + 1, curves[k](size) * (1 + 0.05 * normal(&state)), 1);
            }
            scaling_judge(&scaling, NULL);
            const struct growth *growth = &named(&scaling, "f")->calls.growth;
            wrong += growth->decided && growth->best != kinds[k];
            right += growth->decided && growth->best == kinds[k];
            scaling_release(&scaling);
        }
        if (wrong > SEEDS / 50 || right < SEEDS * 8 / 10)
            fail_msg("%s: wrong %u, right %u of %d", growth_name(kinds[k]), wrong, right, SEEDS);
    }
}

/* Called n times, each n: the function is n², and both are told. */
static void test_calls_and_the_time_of_each(void **unused)
{
    (void)unused;
    struct scaling scaling = {0};
    for (int i = 0; i < RUNS; i++) {
        double size = 1000 * pow(2, i);
        add_run(&scaling, size, size * size / 4e6, size, pairs(size));
    }
    scaling_judge(&scaling, NULL);
    assert_string_equal(scaling.refusal, "");
    const struct scaling_function *f = named(&scaling, "f"), *quiet = named(&scaling, "quiet");
    assert_int_equal(f->growth.best, GROWTH_SQUARE);
    assert_true(f->calls.growth.decided && f->calls.growth.best == GROWTH_LINEAR);
    assert_true(f->calls.time.decided && f->calls.time.best == GROWTH_LINEAR);
    assert_true(f->calls.time.low < 1 && f->calls.time.high > 1);
    assert_true(fabs(f->calls.largest - 16000) < 1e-9 && fabs(f->calls.largest_s - 0.004) < 1e-9);
    assert_int_equal(quiet->doubt, DOUBT_FEW_SAMPLES); /* and yet: */
    assert_true(quiet->calls.growth.decided && quiet->calls.growth.best == GROWTH_SQUARE);
    assert_false(quiet->calls.time.fitted);
    scaling_release(&scaling);
}

static void test_a_run_without_counts(void **unused)
{
    (void)unused;
    struct scaling scaling = {0};
    for (int i = 0; i < RUNS; i++)
        add_run(&scaling, 1000 * (i + 1), i + 1, i == 2 ? 0 : 1000 * (i + 1), 7);
    scaling_judge(&scaling, NULL);
    assert_false(scaling.counted || scaling_tells_calls(&scaling));
    assert_string_equal(scaling.uncounted, "counted in 4 of 5 runs, not at size 3000");
    assert_string_equal(scaling.refusal, "");
    assert_int_equal(scaling.n_functions, 1); /* by the counts alone is no function known */
    assert_true(named(&scaling, "f")->growth.fitted && !named(&scaling, "f")->calls.growth.fitted);
    scaling_release(&scaling);
}

static void test_no_counts_and_few(void **unused)
{
    (void)unused;
    struct scaling none = {0}, late = {0};
    for (int i = 0; i < RUNS; i++) {
        add_run(&none, 1000 * (i + 1), i + 1, 0, 0);
        add_run(&late, 1000 * (i + 1), i + 1, 5, i < 2 ? 0 : i); /* `quiet` is called at three sizes only */
    }
    add_run(&late, 9000, 9, 77, 77);
    scaling_take_back(&late);
    scaling_judge(&none, NULL);
    scaling_judge(&late, NULL);
    assert_false(none.counted);
    assert_string_equal(none.uncounted, "");
    assert_true(late.counted);
    assert_int_equal(named(&late, "f")->calls.counts[RUNS], 0);
    assert_int_equal(named(&late, "f")->calls.growth.best, GROWTH_CONSTANT);
    assert_false(named(&late, "quiet")->calls.growth.fitted);
    scaling_release(&none);
    scaling_release(&late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_counts_are_decided),   cmocka_unit_test(test_counts_that_scatter),
        cmocka_unit_test(test_calls_and_the_time_of_each), cmocka_unit_test(test_a_run_without_counts),
        cmocka_unit_test(test_no_counts_and_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
