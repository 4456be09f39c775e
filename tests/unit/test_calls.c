/* lib/capture/kernel_calls.c: when samples are called for from a free core, and when the clocks serve instead. */
#include "capture/kernel_calls.h"

#include "base/clock.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

enum { CORES = 2, TRY_MS = 60, TRIES = 50 };

static struct wire_core cores[CORES];
static struct kernel_calls calls;
static uint64_t now_ns;

/* No program is behind the descriptor: what is called fails, which nothing here asks. */
static int begin(void **state)
{
    (void)state;
    memset(cores, 0, sizeof cores);
    calls = (struct kernel_calls){.program = open("/dev/null", O_RDONLY | O_CLOEXEC), .cores = cores, .n_cores = CORES};
    now_ns = clock_monotonic_ns();
    return calls.program >= 0 && sched_getaffinity(0, sizeof calls.allowed, &calls.allowed) == 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    kernel_calls_end(&calls);
    return close(calls.program);
}

static bool choose_after(uint64_t later_ns)
{
    now_ns += later_ns;
    kernel_calls_choose(&calls, now_ns);
    return calls.on;
}

/* A trial counts how long we really waited for a core, which on a busy machine is long now and then. */
static void turn_on(void)
{
    for (int i = 0; i < TRIES && !calls.on; i++) {
        calls.rest_ns = calls.resume_ns = 0;
        assert_false(choose_after(0));
        choose_after(TRY_MS * SECOND / 1000);
    }
    if (!calls.on)
        skip();
}

static void nobody_is_called_where_nobody_is(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        assert_false(choose_after(TRY_MS * SECOND / 1000));
    assert_int_equal(calls.tried_ns, 0);
}

static void a_free_core_is_tried_first(void **state)
{
    cpu_set_t set;
    (void)state;
    cores[0].busy = 1;
    turn_on();
    sched_getaffinity(0, sizeof set, &set);
    if (CPU_ISSET(0, &calls.allowed) && CPU_COUNT(&calls.allowed) > 1)
        assert_false(CPU_ISSET(0, &set));
    kernel_calls_end(&calls);
    sched_getaffinity(0, sizeof set, &set);
    assert_true(CPU_EQUAL(&set, &calls.allowed));
}

static void one_that_comes_late_rests_longer_each_time(void **state)
{
    (void)state;
    cores[0].busy = cores[1].busy = 1;
    turn_on();
    kernel_calls_make(&calls, 4);
    assert_false(choose_after(1));
    assert_int_equal(calls.rest_ns, SECOND);
    assert_false(choose_after(SECOND / 2));
    assert_int_equal(calls.tried_ns, 0);
    assert_false(choose_after(SECOND / 2));
    assert_int_not_equal(calls.tried_ns, 0);
    calls.on = true;
    calls.on_ns = now_ns;
    kernel_calls_make(&calls, 4);
    assert_false(choose_after(1));
    assert_int_equal(calls.rest_ns, 2 * SECOND);
    calls.on = true;
    calls.on_ns = now_ns;
    kernel_calls_make(&calls, 4);
    assert_false(choose_after(60 * SECOND)); /* it went well for long */
    assert_int_equal(calls.rest_ns, SECOND);
}

static void a_little_late_now_and_then_is_no_reason(void **state)
{
    (void)state;
    cores[0].busy = cores[1].busy = 1;
    turn_on();
    for (int i = 0; i < 640; i++)
        kernel_calls_make(&calls, i % 16 == 0 ? 1 : 0);
    assert_true(calls.bad < 0.125);
    for (int i = 0; i < 64; i++)
        kernel_calls_make(&calls, 1);
    assert_false(choose_after(1));
}

static void a_program_that_sleeps_is_left_to_the_clocks(void **state)
{
    (void)state;
    cores[0].busy = 1;
    turn_on();
    cores[0].busy = 0;
    assert_true(choose_after(SECOND / 2));
    assert_false(choose_after(SECOND));
    assert_int_equal(calls.rest_ns, 0); /* and comes back at once when somebody does */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_is_called_where_nobody_is, begin, end),
        cmocka_unit_test_setup_teardown(a_free_core_is_tried_first, begin, end),
        cmocka_unit_test_setup_teardown(one_that_comes_late_rests_longer_each_time, begin, end),
        cmocka_unit_test_setup_teardown(a_little_late_now_and_then_is_no_reason, begin, end),
        cmocka_unit_test_setup_teardown(a_program_that_sleeps_is_left_to_the_clocks, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
