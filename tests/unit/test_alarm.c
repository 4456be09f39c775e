/* lib/capture/kernel_alarm.c: how the thread that drains the kernel sampler sleeps from instant to instant. */
#include "capture/kernel_alarm.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct kernel_alarm alarm_clock;
static int records;

static int begin(void **state)
{
    (void)state;
    records = eventfd(0, EFD_CLOEXEC);
    return kernel_alarm_open(&alarm_clock, records);
}

static int end(void **state)
{
    (void)state;
    kernel_alarm_close(&alarm_clock);
    assert_int_equal(alarm_clock.epoll_fd, -1);
    return close(records);
}

static void each_instant_is_slept_to(void **state)
{
    uint64_t at_ns = clock_monotonic_ns();
    (void)state;
    for (int i = 0; i < 50; i++) {
        at_ns += i % 7 == 0 ? 3 * MS : MS / 2;
        while (clock_monotonic_ns() < at_ns)
            assert_false(kernel_alarm_wait(&alarm_clock, at_ns, i % 5 == 0 ? 0 : at_ns + MS));
    }
}

static void the_instant_behind_is_set_already(void **state)
{
    (void)state;
    uint64_t first_ns = clock_monotonic_ns() + 5 * MS, second_ns = first_ns + 1000 * MS;
    kernel_alarm_wait(&alarm_clock, first_ns, second_ns);
    assert_true(alarm_clock.set_ns[0] == second_ns || alarm_clock.set_ns[1] == second_ns);
    assert_true(alarm_clock.set_ns[0] == 0 || alarm_clock.set_ns[1] == 0);
}

static void a_plan_may_change(void **state)
{
    (void)state;
    uint64_t now_ns = clock_monotonic_ns();
    kernel_alarm_wait(&alarm_clock, now_ns + MS, now_ns + 3600000 * MS);
    for (uint64_t at_ns = now_ns + 2 * MS; clock_monotonic_ns() < at_ns;)
        kernel_alarm_wait(&alarm_clock, at_ns, 0);        /* not the hour */
    kernel_alarm_wait(&alarm_clock, now_ns, now_ns + MS); /* both are over */
}

static void records_wake_once(void **state)
{
    uint64_t one = 1;
    (void)state;
    assert_int_equal(write(records, &one, sizeof one), sizeof one);
    uint64_t at_ns = clock_monotonic_ns() + 5 * MS;
    bool came = false;
    while (clock_monotonic_ns() < at_ns)
        came = kernel_alarm_wait(&alarm_clock, at_ns, at_ns + MS) || came;
    assert_true(came);
    assert_false(kernel_alarm_wait(&alarm_clock, at_ns + 6 * MS, 0)); /* though nobody drained */
}

static void what_is_no_ring_is_refused(void **state)
{
    struct kernel_alarm none;
    (void)state;
    assert_true(kernel_alarm_open(&none, -1) < 0);
    kernel_alarm_close(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_instant_is_slept_to, begin, end),
        cmocka_unit_test_setup_teardown(the_instant_behind_is_set_already, begin, end),
        cmocka_unit_test_setup_teardown(a_plan_may_change, begin, end),
        cmocka_unit_test_setup_teardown(records_wake_once, begin, end),
        cmocka_unit_test(what_is_no_ring_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
