/* lib/capture/sampler_waits.c: how a wait ends that the kernel told of, whether its end is told or not. */
#include "base/mem.h"
#include "capture/pace.h"
#include "capture/sampler_private.h"

#include <string.h>

#include "unit.h"

#define MS UINT64_C(1000000)
enum { SWITCHES = 7 };

static struct measurement measurement = {.options.rate_hz = 1000};
static struct sampler sampler;
static struct tracked_thread thread;

/* The thread waits since 100 ms, and had run for 5 and wanted to for 1 by then. */
static int begin(void **state)
{
    (void)state;
    measurement.queue.records = mem_zalloc(SAMPLE_QUEUE_RECORDS, sizeof *measurement.queue.records);
    pthread_mutex_init(&measurement.queue_lock, NULL);
    memset(&sampler, 0, sizeof sampler);
    sampler.m = &measurement;
    sampler.waits_told = true;
    pace_init(&sampler.pace, &measurement, 1);
    memset(&thread, 0, sizeof thread);
    thread.taken = thread.asleep = thread.pending = true;
    thread.wait_from_ns = thread.pending_ns = 100 * MS;
    thread.waits = 1;
    thread.last = thread.written = (struct proc_schedstat){5 * MS, 1 * MS, SWITCHES};
    return 0;
}

static int end(void **state)
{
    (void)state;
    mem_free(measurement.queue.records);
    memset(&measurement.queue, 0, sizeof measurement.queue);
    return pthread_mutex_destroy(&measurement.queue_lock);
}

static void assert_ended(uint64_t at_ns, uint32_t ticks)
{
    const struct raw_sample *sample = sample_queue_peek(&measurement.queue);
    assert_non_null(sample);
    assert_true(sample->time_ns == at_ns);
    assert_in_range(sample->ticks, ticks, ticks + 1);
    sample_queue_pop(&measurement.queue);
    assert_null(sample_queue_peek(&measurement.queue));
    assert_true(thread.wait_from_ns == 0 && !thread.asleep);
}

static struct wire_waited waked(uint64_t at_ns, uint64_t switches)
{
    return (struct wire_waited){.owner = (uint64_t)(uintptr_t)&thread, .time_ns = at_ns, .switches = switches};
}

static void an_end_that_is_told_counts(void **state)
{
    (void)state;
    struct wire_waited other = waked(130 * MS, SWITCHES - 1), its_own = waked(150 * MS, SWITCHES);
    sampler_end_wait(&sampler, &other);
    assert_null(sample_queue_peek(&measurement.queue));
    sampler_end_wait(&sampler, &its_own);
    assert_ended(150 * MS, 50);
}

static void an_end_that_was_not_seen_is_before_what_it_ran_since(void **state)
{
    (void)state;
    const struct proc_schedstat now = {7 * MS, 4 * MS, SWITCHES + 2}; /* 2 more, and 3 */
    sampler_end_unseen_wait(&sampler, &thread, &now, 200 * MS);
    assert_ended(195 * MS, 95);
    sampler_end_unseen_wait(&sampler, &thread, &now, 300 * MS); /* it waits no longer */
    assert_null(sample_queue_peek(&measurement.queue));
}

static void it_ended_no_sooner_than_it_was_seen_asleep(void **state)
{
    (void)state;
    const struct proc_schedstat now = {5 * MS, 1000 * MS, SWITCHES + 1};
    thread.pending_ns = 198 * MS;
    sampler_end_unseen_wait(&sampler, &thread, &now, 200 * MS);
    assert_ended(198 * MS, 98);
}

static void it_stood_still_with_all_its_counters(void **state)
{
    (void)state;
    struct proc_schedstat now = {5 * MS, 1 * MS, SWITCHES};
    sampler.now_ns = 100 * MS;
    thread.unread = true;
    assert_false(sampler_stood_still(&sampler, &thread, &now));
    assert_true(thread.seen_still_ns == 100 * MS && !thread.unread);
    sampler.now_ns = 120 * MS;
    assert_true(sampler_stood_still(&sampler, &thread, &now));
    assert_true(thread.seen_still_ns == 100 * MS);
    struct proof proof = {0};
    thread.unread = true; /* told of at 100 ms, without its stack */
    sampler_begin_untold(&thread, &proof);
    assert_true(proof.wait_from_ns == 100 * MS && !thread.unread);
    now.run_ns++; /* it was on its core all the while, and sleeps now: not since then */
    assert_false(sampler_stood_still(&sampler, &thread, &now));
    assert_true(thread.seen_still_ns == 120 * MS);
    now.switches++;
    assert_false(sampler_stood_still(&sampler, &thread, &now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_end_that_is_told_counts, begin, end),
        cmocka_unit_test_setup_teardown(an_end_that_was_not_seen_is_before_what_it_ran_since, begin, end),
        cmocka_unit_test_setup_teardown(it_ended_no_sooner_than_it_was_seen_asleep, begin, end),
        cmocka_unit_test_setup_teardown(it_stood_still_with_all_its_counters, begin, end),
    };
    return cmocka_run_group_tests_name("waits", tests, NULL, NULL);
}
