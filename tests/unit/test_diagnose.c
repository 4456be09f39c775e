/* Ledger, facts and findings on profiles whose answers were computed by hand. */
#include "unit.h"

#include "diagnose/findings.h"
#include "diagnose/ledger_parts.h"
#include "diagnose/native_code.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "failing.h"
#include "profile_builder.h"

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g is not %.9g ± %.3g", value, expected, tolerance);
}

static void wilson_is_the_published_interval(void **state)
{
    (void)state;
    double low, high;
    wilson(0.5, 100, &low, &high); /* 50 of 100: 40.4 % to 59.6 % */
    assert_near(low, 0.4038, 1e-4);
    assert_near(high, 0.5962, 1e-4);
    wilson(0, 10, &low, &high); /* none of 10: up to 27.8 % */
    assert_near(low, 0, 0);
    assert_near(high, 0.2775, 1e-4);
    wilson(1, 0, &low, &high); /* nothing seen: nothing known */
    assert_near(low, 0, 0);
    assert_near(high, 1, 0);
}

/* 4 s run (3 s python, 1 s native by 400 ticks), 5 s asleep by 100 ticks, 1 s run delay. */
static void shares_take_exact_parts_as_exact(void **state)
{
    (void)state;
    double ns[STATE_COUNT] = {[STATE_PYTHON] = 3e9, [STATE_NATIVE] = 1e9, [STATE_SLEEP] = 5e9, [STATE_RUNNABLE] = 1e9};
    double ticks[STATE_COUNT] = {[STATE_PYTHON] = 300, [STATE_NATIVE] = 100, [STATE_SLEEP] = 100};
    struct share shares[STATE_COUNT];
    ledger_fill(ns, ticks, shares);
    assert_near(shares[STATE_PYTHON].share, 0.3, 1e-12);
    assert_near(shares[STATE_RUNNABLE].share, 0.1, 1e-12);
    /* Run delay is exact; so is the sleep, which is all of the exact rest. */
    assert_near(shares[STATE_RUNNABLE].low, 0.1, 1e-12);
    assert_near(shares[STATE_RUNNABLE].high, 0.1, 1e-12);
    assert_near(shares[STATE_SLEEP].high, 0.5, 1e-12);
    /* Python: 75 % of 40 %, Wilson of 300 in 400 is 0.7053 to 0.7900. */
    assert_near(shares[STATE_PYTHON].low, 0.4 * 0.7053, 1e-4);
    assert_near(shares[STATE_PYTHON].high, 0.4 * 0.7900, 1e-4);
    double sum = 0;
    for (int i = 0; i < STATE_COUNT; i++)
        sum += shares[i].share;
    assert_true(sum == 1);
}

static void shares_sum_to_one_exactly(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 2000; round++) {
        double ns[STATE_COUNT], ticks[STATE_COUNT], sum = 0;
        struct share shares[STATE_COUNT];
        for (int i = 0; i < STATE_COUNT; i++) {
            ns[i] = rand() % 3 == 0 ? 0 : pow(10, rand() % 12) * rand() / RAND_MAX;
            ticks[i] = ceil(ns[i] / 1e6);
        }
        ns[STATE_PYTHON] += 1;
        ledger_fill(ns, ticks, shares);
        for (int i = 0; i < STATE_COUNT; i++) {
            sum += shares[i].share;
            assert_true(shares[i].low <= shares[i].share && shares[i].share <= shares[i].high);
            assert_true(shares[i].low >= 0 && shares[i].high <= 1);
        }
        assert_true(sum == 1);
    }
}

/* `n` samples of a millisecond, `seen` of them on line 10 and the rest on line 20: the interval of line 10's share. */
static struct share line_seen(unsigned seen, unsigned n, enum state state)
{
    struct built *built = built_new();
    struct aggregate *aggregate;
    struct share share = {0};
    uint32_t function = built_function(built, "f", "/home/u/f.py", true), thread = built_thread(built, 1);
    uint32_t stacks[2] = {built_stack(built, 0, function, 10), built_stack(built, 0, function, 20)};
    for (unsigned i = 0; i < n; i++)
        built_sample(built, (i + 1) * 1000000, thread, stacks[i >= seen], state, 1, 1e6);
    assert_int_equal(aggregate_new(&built->profile, NULL, &aggregate), 0);
    for (size_t i = 0; i < aggregate->n_lines; i++)
        if (aggregate->lines[i].line == 10)
            share = ledger_own_share(aggregate, aggregate->lines[i].state_ns);
    aggregate_free(aggregate);
    free(built);
    return share;
}

static void lines_have_the_intervals_of_binomials(void **state)
{
    (void)state;
    static const struct {
        unsigned seen, n;
        double low, high; /* Wilson's, as tables have them */
    } rows[] = {
        {50, 100, 0.4038, 0.5962}, {8, 10, 0.4902, 0.9433}, {1, 1000, 0.000177, 0.005643}, {300, 400, 0.7053, 0.7900}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct share on = line_seen(rows[i].seen, rows[i].n, STATE_PYTHON);
        struct share off = line_seen(rows[i].seen, rows[i].n, STATE_LOCK);
        assert_near(on.share, (double)rows[i].seen / rows[i].n, 1e-12);
        assert_near(on.low, rows[i].low, 1e-4);
        assert_near(on.high, rows[i].high, 1e-4);
        assert_near(off.low, on.low, 1e-12);
        assert_near(off.high, on.high, 1e-12);
    }
}

/* Of 400 instants each hits the line with a chance of 0.3: the interval holds the truth in about 95 of 100 rounds. */
static void intervals_of_lines_hold_the_truth(void **state)
{
    (void)state;
    enum { ROUNDS = 1000, INSTANTS = 400 };
    unsigned held = 0;
    srand(7);
    for (int round = 0; round < ROUNDS; round++) {
        unsigned seen = 0;
        for (int i = 0; i < INSTANTS; i++)
            seen += rand() < 0.3 * RAND_MAX;
        struct share share = line_seen(seen, INSTANTS, STATE_PYTHON);
        held += share.low <= 0.3 && 0.3 <= share.high;
    }
    assert_in_range(held, 925, 975); /* 3.6 standard deviations */
}

static double sum_of(const struct share shares[STATE_COUNT])
{
    double sum = 0;
    for (int i = 0; i < STATE_COUNT; i++) {
        sum += shares[i].share;
        assert_true(shares[i].low <= shares[i].share && shares[i].share <= shares[i].high);
    }
    return sum;
}

/* f() waits on line 10 for 400 of 500 ms and works there and on line 20: 70 ms Python, 50 ms native code. */
static void lines_and_functions_have_states_by_wall_and_cpu(void **state)
{
    (void)state;
    static const struct {
        unsigned line, n;
        enum state state;
    } rows[] = {{10, 400, STATE_LOCK}, {10, 30, STATE_PYTHON}, {20, 40, STATE_PYTHON}, {20, 50, STATE_NATIVE}};
    struct built *built = built_new();
    struct aggregate *aggregate;
    struct share wall[STATE_COUNT], cpu[STATE_COUNT];
    uint32_t function = built_function(built, "f", "/home/u/f.py", true), thread = built_thread(built, 1);
    uint32_t stacks[2] = {built_stack(built, 0, function, 10), built_stack(built, 0, function, 20)};
    uint64_t time_ns = 0;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        for (unsigned i = 0; i < rows[row].n; i++)
            built_sample(built, time_ns += 1000000, thread, stacks[rows[row].line == 20], rows[row].state, 1, 1e6);
    assert_int_equal(aggregate_new(&built->profile, NULL, &aggregate), 0);
    const struct function_sum *whole = &aggregate->functions[0];
    ledger_of_own(whole->state_ns, whole->state_ticks, wall);
    ledger_of_own(whole->state_cpu_ns, whole->state_ticks, cpu);
    assert_true(sum_of(wall) == 1 && sum_of(cpu) == 1);
    assert_near(wall[STATE_LOCK].share, 400. / 520, 1e-9);
    assert_near(cpu[STATE_PYTHON].share, 70. / 120, 1e-9);
    assert_near(cpu[STATE_PYTHON].low, 0.4939, 1e-4); /* Wilson's of 70 in 120 */
    assert_near(cpu[STATE_PYTHON].high, 0.6676, 1e-4);
    assert_near(cpu[STATE_LOCK].share, 0, 0);
    assert_int_equal(aggregate->n_lines, 2);
    for (size_t i = 0; i < aggregate->n_lines; i++) {
        const struct line_sum *line = &aggregate->lines[i];
        ledger_of_own(line->state_ns, line->state_ticks, wall);
        ledger_of_own(line->state_cpu_ns, line->state_ticks, cpu);
        assert_true(sum_of(wall) == 1 && sum_of(cpu) == 1);
        assert_near(wall[STATE_PYTHON].share, line->line == 10 ? 30. / 430 : 40. / 90, 1e-9);
        assert_near(cpu[STATE_PYTHON].share, line->line == 10 ? 1 : 40. / 90, 1e-9);
    }
    aggregate_free(aggregate);
    free(built);
}

static void nothing_measured_gives_no_shares(void **state)
{
    (void)state;
    double none[STATE_COUNT] = {0};
    struct share shares[STATE_COUNT];
    ledger_fill(none, none, shares);
    for (int i = 0; i < STATE_COUNT; i++)
        assert_true(shares[i].share == 0 && shares[i].high == 0);
}

static void modules_have_the_names_of_imports(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
    } rows[] = {
        {"/v/lib/python3.13/site-packages/numpy/_core/_multiarray_umath.cpython-313-x86_64-linux-gnu.so",
         "numpy._core._multiarray_umath"},
        {"/usr/lib/python3/dist-packages/_cffi_backend.cpython-311-x86_64-linux-gnu.so", "_cffi_backend"},
        {"/usr/lib/python3.11/lib-dynload/zlib.cpython-311-x86_64-linux-gnu.so", "zlib"},
        {"/site-packages/app/site-packages/a.abi3.so (deleted)", "a"},
        {"/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "libcrypto"},
        {"/opt/x.sock/tool", "tool"},
        {"/opt/.so", ".so"},
        {"[anonymous code]", "[anonymous code]"},
        {"/site-packages/", ""},
        {"", ""},
    };
    char name[NATIVE_MODULE_BYTES], small[4];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        native_module_name(rows[i].path, name, sizeof name);
        assert_string_equal(name, rows[i].name);
    }
    native_module_name("/lib/libcrypto.so", small, sizeof small);
    assert_string_equal(small, "lib");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilson_is_the_published_interval),
        cmocka_unit_test(shares_take_exact_parts_as_exact),
        cmocka_unit_test(shares_sum_to_one_exactly),
        cmocka_unit_test(nothing_measured_gives_no_shares),
        cmocka_unit_test(lines_have_the_intervals_of_binomials),
        cmocka_unit_test(intervals_of_lines_hold_the_truth),
        cmocka_unit_test(lines_and_functions_have_states_by_wall_and_cpu),
        cmocka_unit_test(modules_have_the_names_of_imports),
    };
    return cmocka_run_group_tests_name("diagnose", tests, NULL, NULL);
}
