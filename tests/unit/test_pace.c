/* lib/capture/pace.h: the instants of the sweeps, what is missed of them, and the budget. */
#include "capture/pace.h"

#include "keisoku.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_intervals_are_jittered_around_the_rate(void **unused)
{
    (void)unused;
    static struct measurement m = {.options = {.rate_hz = 1000, .budget = 0.01}};
    struct pace pace;
    double sum = 0, squares = 0;
    enum { N = 20000 };
    pace_init(&pace, &m, 12345);
    for (int i = 0; i < N; i++) {
        double interval = (double)pace_interval_ns(&pace);
        sum += interval;
        squares += interval * interval;
    }
    double mean = sum / N, deviation = squares / N - mean * mean;
    assert_true(mean > 0.95e6 && mean < 1.05e6);
    assert_true(deviation > 0.8 * mean * mean && deviation < 1.2 * mean * mean); /* exponential: as wide as the mean */
}

struct pacing {
    double missed, late, awake; /* of the instants, of the sweeps, of the time */
    double rate_hz;
};

/* Ten thousand sweeps that take `sweep_ns` each, and others that have our core for `gap_ns` each `every_ns`. */
static struct pacing paced(double rate_hz, enum pace_core core, uint64_t sweep_ns, uint64_t gap_ns, uint64_t every_ns)
{
    static struct measurement m;
    struct pacing result = {0};
    struct pace pace;
    enum { SWEEPS = 10000, LATE_NS = 1000000 };
    m = (struct measurement){.options = {.rate_hz = rate_hz, .budget = 0.01}};
    pace_init(&pace, &m, 777);
    const uint64_t start_ns = 1000000000;
    uint64_t planned_ns = start_ns, now_ns = start_ns, gap_at_ns = start_ns + every_ns, awake_ns = 0;
    for (int i = 0; i < SWEEPS; i++) {
        uint64_t due_ns = planned_ns > pace.earliest_ns ? planned_ns : pace.earliest_ns;
        now_ns = due_ns > now_ns ? due_ns : now_ns;
        if (gap_ns > 0 && now_ns >= gap_at_ns) {
            now_ns += gap_ns;
            gap_at_ns += every_ns;
        }
        uint64_t woke_ns = now_ns;
        result.late += woke_ns - planned_ns > LATE_NS ? 1.0 / SWEEPS : 0;
        now_ns += sweep_ns;
        awake_ns += sweep_ns;
        planned_ns = pace_next_ns(&pace, planned_ns, woke_ns, now_ns, core);
    }
    double planned = (double)atomic_load(&m.counts.planned), elapsed_ns = (double)(now_ns - start_ns);
    result.missed = 1 - SWEEPS / planned;
    result.awake = (double)awake_ns / elapsed_ns;
    result.rate_hz = SWEEPS / (elapsed_ns / 1e9);
    return result;
}

static void test_instants_within_a_sweep_are_not_lost(void **unused)
{
    (void)unused;
    struct pacing many = paced(100, PACE_CORE_WANTED, 2000000, 0, 0); /* a thousand threads */
    assert_true(many.missed < 0.01 && many.rate_hz > 96);
    struct pacing more = paced(100, PACE_CORE_WANTED, 2800000, 0, 0), idle = paced(100, PACE_CORE_IDLE, 2800000, 0, 0);
    assert_true(idle.missed < 0.01 && idle.missed < more.missed / 2); /* all asleep: there is nobody to wait for */
    struct pacing usual = paced(1000, PACE_CORE_WANTED, 25000, 0, 0);
    assert_true(usual.missed < 0.001 && usual.late < 0.001);
}

static void test_a_gap_is_made_up_for_when_reading_free(void **unused)
{
    (void)unused;
    struct pacing pacing = paced(100000, PACE_CORE_OURS, 5000, 4000000, 20000000); /* a tick of the scheduler in five */
    assert_true(pacing.missed < 0.01 && pacing.rate_hz > 94000);
    struct pacing flat_out = paced(1e6, PACE_CORE_OURS, 5000, 0, 0);
    assert_true(flat_out.missed == 0 && flat_out.awake > 0.99);
}

static void test_a_program_keeps_half_of_its_core(void **unused)
{
    (void)unused;
    const double rates_hz[] = {1000, 50000, 1e6};
    for (size_t i = 0; i < sizeof rates_hz / sizeof *rates_hz; i++) {
        struct pacing pacing = paced(rates_hz[i], PACE_CORE_WANTED, 15000, 0, 0);
        assert_true(pacing.awake < 0.501 && pacing.late == 0);
    }
    struct pacing idle = paced(50000, PACE_CORE_IDLE, 15000, 0, 0); /* who wakes behind a sweep has a fifth of it */
    assert_true(idle.awake < 0.801 && idle.awake > 0.6);
    struct pacing starved =
        paced(1000, PACE_CORE_WANTED, 15000, 50000000, 200000000); /* what was missed is not made up for */
    assert_true(starved.missed > 0.1 && starved.awake < 0.05);
}

static void test_a_machine_that_stood_still_is_sampled_at_once(void **unused)
{
    (void)unused;
    static struct measurement m = {.options = {.rate_hz = 1000, .budget = 0.01}};
    struct pace pace;
    pace_init(&pace, &m, 777);
    const uint64_t woke_ns = 1000000000, done_ns = woke_ns + 18000000000; /* within a sweep */
    uint64_t next_ns = pace_next_ns(&pace, woke_ns, woke_ns, done_ns, PACE_CORE_WANTED);
    assert_true(next_ns <= done_ns + 30000000 && pace.earliest_ns <= done_ns + 30000000);
}

/* A thread that is interrupted again as soon as it goes on would stand still: whatever is asked, it gets further. */
static void test_a_thread_gets_further_between_two_interrupts(void **unused)
{
    enum { DRAWS = 20000 };
    (void)unused;
    const double rates_hz[] = {500, 10000, 50000, KEI_RATE_MAX}, samples_ns[] = {0, 8000, 16000, 120000};
    for (int i = 0; i < 16; i++) {
        static struct measurement m = {.options = {.budget = 0.01}};
        m.options.rate_hz = rates_hz[i / 4];
        struct pace pace;
        pace_init(&pace, &m, 4711);
        pace.sample_ns = samples_ns[i % 4];
        double mean = pace_mean_ns(&pace), spread = 0, rates = 0;
        for (int draw = 0; draw < DRAWS; draw++) {
            double period = (double)pace_period_ns(&pace);
            assert_true(period >= 9999 && period >= 1.12 * pace.sample_ns);
            rates += 1 / period / DRAWS;
            spread = fabs(period / mean - 1) > spread ? fabs(period / mean - 1) : spread;
        }
        assert_true(mean >= 1e9 / m.options.rate_hz && spread > 0.1 && spread < 0.34);
        assert_true(rates * mean > 0.99 && rates * mean < 1.01);
        if (rates_hz[i / 4] < KEI_RATE_MAX &&
            pace.sample_ns < 0.7e9 / rates_hz[i / 4]) /* there is room: what is asked */
            assert_true(mean < 1.13e9 / m.options.rate_hz);
    }
}

/* Where instants come while the one before is served, the clocks are asked for more; never for so much that the thread
 * gets no further. */
static void test_the_rate_that_is_asked_for_is_given(void **unused)
{
    enum { DRAWS = 20000, ROUNDS = 12 };
    (void)unused;
    static struct measurement m = {.options = {.rate_hz = 50000, .budget = 0.01}};
    struct pace pace;
    pace_init(&pace, &m, 4711);
    for (int round = 0; round < ROUNDS; round++)
        pace_given(&pace, 10000, 10000 * 0.97 * pace.more);
    double rates = 0;
    for (int draw = 0; draw < DRAWS; draw++)
        rates += 1e9 / (double)pace_period_ns(&pace) / DRAWS;
    assert_true(0.97 * rates > 49500 && 0.97 * rates < 50500);
    pace.sample_ns = 17000;
    for (int draw = 0; draw < DRAWS; draw++)
        assert_true((double)pace_period_ns(&pace) >= 1.12 * pace.sample_ns);
    for (int round = 0; round < ROUNDS; round++)
        pace_given(&pace, 10000, 100);
    assert_true(pace.more < 1.11);
    for (int round = 0; round < 4 * ROUNDS; round++)
        pace_given(&pace, 10000, 11000);
    assert_true(pace.more == 1);
}

static void test_budget_lowers_the_rate_and_gives_it_back(void **unused)
{
    (void)unused;
    static struct measurement m = {.options = {.rate_hz = 1000, .budget = 1e-9}};
    struct pace pace;
    uint64_t now_ns = 1000;
    pace_init(&pace, &m, now_ns);
    for (int i = 0; i < 40; i++) { /* all our waking hours are on a contested core, far beyond this budget */
        atomic_fetch_add(&m.counts.cpu_ns, 20000);
        atomic_fetch_add(&m.counts.awake_ns, 20000);
        atomic_fetch_add(&m.counts.contested_ns, 20000);
        pace_govern(&pace, now_ns += 200000000);
    }
    assert_true(pace.rate_hz < 30);
    m.options.budget = 1;
    for (int i = 0; i < 40; i++) {
        atomic_fetch_add(&m.counts.cpu_ns, 20000);
        atomic_fetch_add(&m.counts.awake_ns, 20000);
        atomic_fetch_add(&m.counts.contested_ns, 20000);
        pace_govern(&pace, now_ns += 200000000);
    }
    assert_true(pace.rate_hz > 990);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals_are_jittered_around_the_rate),
        cmocka_unit_test(test_instants_within_a_sweep_are_not_lost),
        cmocka_unit_test(test_a_gap_is_made_up_for_when_reading_free),
        cmocka_unit_test(test_a_program_keeps_half_of_its_core),
        cmocka_unit_test(test_a_machine_that_stood_still_is_sampled_at_once),
        cmocka_unit_test(test_a_thread_gets_further_between_two_interrupts),
        cmocka_unit_test(test_the_rate_that_is_asked_for_is_given),
        cmocka_unit_test(test_budget_lowers_the_rate_and_gives_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
