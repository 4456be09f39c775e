/* The rule of profile.h, case by case: one thread of three stacks, made by hand, all times in milliseconds. */
#include "data/profile_private.h"
#include "data_tests.h"

struct made {
    struct recording *recording;
    struct thread thread;
    uint64_t now_ms;
    uint32_t stacks[4];
};

static struct made begin(const char *name)
{
    struct made made = {.recording = synthetic_open(path_of(name)), .thread = {.process = 1, .tid = 1}};
    struct process process = {.pid = 1};
    assert_non_null(made.recording);
    recording_add_process(made.recording, &process);
    recording_add_thread(made.recording, &made.thread);
    for (uint32_t i = 1; i < 4; i++) {
        struct function function = {.name = text_id(made.recording, "f"), .first_line = i};
        made.stacks[i] = recording_add_stack(
            made.recording, 0,
            recording_add_frame(made.recording, recording_add_function(made.recording, &function), i));
    }
    return made;
}

static void add_ticks(struct made *made, uint64_t for_ms, uint64_t ticks, enum state state, uint32_t stack,
                      double run_ms, double delay_ms)
{
    made->now_ms += for_ms;
    struct sample sample = {.time_ns = made->now_ms * 1000000,
                            .thread = 1,
                            .stack = made->stacks[stack],
                            .ticks = (uint32_t)ticks,
                            .run_ns = (uint64_t)(run_ms * 1e6),
                            .delay_ns = (uint64_t)(delay_ms * 1e6),
                            .state = (uint8_t)state};
    recording_add_sample(made->recording, &sample);
    made->thread.run_ns += sample.run_ns;
    made->thread.delay_ns += sample.delay_ns;
}

static void add(struct made *made, uint64_t for_ms, enum state state, uint32_t stack, double run_ms, double delay_ms)
{
    add_ticks(made, for_ms, for_ms, state, stack, run_ms, delay_ms);
}

static struct profile *end(struct made *made)
{
    char path[4096];
    struct err err;
    recording_set_thread(made->recording, 1, &made->thread);
    snprintf(path, sizeof path, "%s", recording_path(made->recording));
    assert_int_equal(recording_finish(made->recording, made->now_ms * 1000000, &err), 0);
    recording_free(made->recording);
    return load(path);
}

/* Wall and CPU milliseconds of a state on a stack (0: none). */
static double wall(const struct profile *profile, enum state state, uint32_t stack, double *cpu)
{
    double sum = 0;
    *cpu = 0;
    for (size_t i = 0; i < profile->samples.count; i++) {
        if (profile->samples.state[i] != state || profile->samples.stack[i] != stack)
            continue;
        sum += profile->samples.wall_ns[i] / 1e6;
        *cpu += profile->samples.cpu_ns[i] / 1e6;
    }
    return sum;
}

static void expect(const struct profile *profile, enum state state, uint32_t stack, double wall_ms, double cpu_ms)
{
    double cpu, got = wall(profile, state, stack, &cpu);
    if (fabs(got - wall_ms) > 0.03 || fabs(cpu - cpu_ms) > 0.03)
        fail_msg("%s on stack %u: wall %.3f, CPU %.3f; not %.3f, %.3f", state_name(state), stack, got, cpu, wall_ms,
                 cpu_ms);
}

static void counters_decide_and_ticks_share(void **state)
{
    (void)state;
    struct made made = begin("share.kei");
    for (int i = 0; i < 8; i++) { /* one window */
        add(&made, 30, STATE_PYTHON, 1, 20, 0);
        add(&made, 10, STATE_NATIVE, 2, 20, 0);
        add(&made, 60, STATE_IO, 3, 20, 0); /* ran between, unseen */
    }
    struct profile *profile = end(&made);
    expect(profile, STATE_PYTHON, made.stacks[1], 360, 360);
    expect(profile, STATE_NATIVE, made.stacks[2], 120, 120);
    expect(profile, STATE_IO, made.stacks[3], 320, 0);
    profile_free(profile);
}

/* The recorder's rate fell from 1 kHz to 10 Hz: an instant of the second kind stands for a hundred of the first. */
static void a_falling_rate_does_not_favour_what_came_first(void **state)
{
    (void)state;
    struct made made = begin("falling.kei");
    for (int i = 0; i < 100; i++)
        add_ticks(&made, 1, 1, STATE_IMPORT, 1, 1, 0);
    for (int i = 0; i < 8; i++)
        add_ticks(&made, 100, 1, STATE_PYTHON, 2, 100, 0);
    struct profile *profile = end(&made);
    expect(profile, STATE_IMPORT, made.stacks[1], 100, 100);
    expect(profile, STATE_PYTHON, made.stacks[2], 800, 800);
    profile_free(profile);
}

static void run_time_waits_for_an_on_cpu_sample(void **state)
{
    (void)state;
    struct made made = begin("carry.kei");
    add(&made, 1000, STATE_SLEEP, 1, 100, 0);
    add(&made, 500, STATE_SLEEP, 1, 0, 0);
    add(&made, 500, STATE_PYTHON, 2, 200, 0);
    struct profile *profile = end(&made);
    expect(profile, STATE_SLEEP, made.stacks[1], 1700, 0);
    expect(profile, STATE_PYTHON, made.stacks[2], 300, 300);
    profile_free(profile);
}

static void run_time_without_any_sample_has_no_place(void **state)
{
    (void)state;
    struct made made = begin("noplace.kei");
    add(&made, 1000, STATE_SLEEP, 1, 100, 50);
    struct profile *profile = end(&made);
    expect(profile, STATE_SLEEP, made.stacks[1], 850, 0);
    expect(profile, STATE_ON_CPU, 0, 100, 100);
    expect(profile, STATE_RUNNABLE, 0, 50, 0);
    profile_free(profile);
}

static void off_cpu_time_waits_for_an_off_cpu_sample(void **state)
{
    (void)state;
    struct made made = begin("off.kei");
    add(&made, 1000, STATE_PYTHON, 1, 980, 0); /* short waits, unseen */
    add(&made, 1000, STATE_PYTHON, 1, 600, 0);
    add(&made, 1000, STATE_IO, 2, 0, 0);
    add(&made, 1000, STATE_PYTHON, 1, 700, 0); /* what waits last is the best guess */
    struct profile *profile = end(&made);
    expect(profile, STATE_PYTHON, made.stacks[1], 980 + 600 + 700, 980 + 600 + 700);
    expect(profile, STATE_IO, made.stacks[2], 20 + 400 + 1000 + 300, 0);
    profile_free(profile);
}

/* Of a thread that was never seen off the CPU nobody knows where it waited: unless it is so little that the counters
 * were late. */
static void off_cpu_time_that_nobody_saw(void **state)
{
    (void)state;
    struct made made = begin("unseen.kei");
    add(&made, 1000, STATE_PYTHON, 1, 980, 0);
    add(&made, 1000, STATE_PYTHON, 1, 1005, 0); /* late by 5 ms: so much less it waited */
    struct profile *profile = end(&made);
    expect(profile, STATE_PYTHON, made.stacks[1], 1985, 1985);
    expect(profile, STATE_UNKNOWN, 0, 15, 0);
    profile_free(profile);
    made = begin("late.kei");
    add(&made, 1000, STATE_PYTHON, 1, 997, 0);
    profile = end(&made);
    expect(profile, STATE_PYTHON, made.stacks[1], 1000, 997);
    profile_free(profile);
}

static void delay_is_where_the_thread_ran(void **state)
{
    (void)state;
    struct made made = begin("delay.kei");
    for (int i = 0; i < 1000; i++)
        add(&made, 1, STATE_PYTHON, i % 4 == 0 ? 1 : 2, 0.6, 0.4);
    struct profile *profile = end(&made);
    double cpu, first = wall(profile, STATE_RUNNABLE, made.stacks[1], &cpu);
    double second = wall(profile, STATE_RUNNABLE, made.stacks[2], &cpu);
    expect(profile, STATE_PYTHON, made.stacks[1], 150, 150);
    expect(profile, STATE_PYTHON, made.stacks[2], 450, 450);
    assert_close(first + second, 400, 1e-4);
    assert_close(first, 100, 0.1);
    for (size_t i = 0; i < profile->samples.count; i++)
        assert_true((profile->samples.state[i] == STATE_RUNNABLE) == (profile->samples.ticks[i] == 0));
    profile_free(profile);
}

/* Held by a quota it has its wait in the counters only when it runs again: the time before is none of its sleep. */
static void what_counters_tell_later_is_no_other_wait(void **state)
{
    (void)state;
    struct made made = begin("open.kei");
    add(&made, 15, STATE_SLEEP, 1, 0, 0);
    for (int i = 0; i < 4; i++)
        add(&made, 1, STATE_PYTHON, 2, 1, 0);
    for (int i = 0; i < 60; i++)
        add(&made, 1, STATE_PYTHON, 2, 0, 0);
    add(&made, 1, STATE_PYTHON, 2, 0.5, 60.5);
    struct profile *profile = end(&made);
    expect(profile, STATE_SLEEP, made.stacks[1], 15, 0);
    expect(profile, STATE_PYTHON, made.stacks[2], 4.5, 4.5);
    expect(profile, STATE_RUNNABLE, made.stacks[2], 60.5, 0);
    profile_free(profile);
}

static void delay_goes_to_samples_that_waited(void **state)
{
    (void)state;
    struct made made = begin("waited.kei");
    add(&made, 500, STATE_PYTHON, 1, 500, 0);
    add(&made, 400, STATE_RUNNABLE, 2, 0, 450);
    add(&made, 100, STATE_IO, 3, 0, 0);
    struct profile *profile = end(&made);
    expect(profile, STATE_PYTHON, made.stacks[1], 500, 500);
    expect(profile, STATE_RUNNABLE, made.stacks[2], 450, 0);
    expect(profile, STATE_IO, made.stacks[3], 50, 0);
    profile_free(profile);
}

static void without_counters_ticks_decide(void **state)
{
    (void)state;
    struct made made = begin("ticks.kei");
    add(&made, 250, STATE_PYTHON, 1, 0, 0);
    add(&made, 750, STATE_IO, 2, 0, 0);
    struct profile *profile = end(&made);
    expect(profile, STATE_PYTHON, made.stacks[1], 250, 250);
    expect(profile, STATE_IO, made.stacks[2], 750, 0);
    profile_free(profile);
}

static void a_stretch_nobody_sampled_is_unknown(void **state)
{
    (void)state;
    struct made made = begin("tail.kei");
    add(&made, 1000, STATE_PYTHON, 1, 1000, 0);
    made.now_ms += 4000;
    made.thread.run_ns += UINT64_C(500000000);
    made.thread.end_ns = UINT64_C(4500000000);
    struct profile *profile = end(&made);
    expect(profile, STATE_PYTHON, made.stacks[1], 1000, 1000);
    expect(profile, STATE_ON_CPU, 0, 500, 500);
    expect(profile, STATE_UNKNOWN, 0, 3000, 0);
    profile_free(profile);
}

static void counters_ahead_of_their_window_are_kept(void **state)
{
    (void)state;
    struct made made = begin("ahead.kei");
    add(&made, 1000, STATE_PYTHON, 1, 1004, 0);
    add(&made, 1000, STATE_PYTHON, 1, 990, 0);
    add(&made, 1000, STATE_PYTHON, 1, 1002, 0);
    struct profile *profile = end(&made);
    expect(profile, STATE_PYTHON, made.stacks[1], 3000, 2996);
    profile_free(profile);
}

/* One that begins is seen on a core: for so long it runs, and waits in `waits` then. */
static bool is_idle_after(uint64_t run_ns, enum state waits)
{
    struct made made = begin("began.kei");
    struct thread worker = {.process = 1, .tid = 2, .run_ns = run_ns};
    uint32_t id = recording_add_thread(made.recording, &worker);
    struct sample sample = {.time_ns = 1000000, .thread = id, .ticks = 1, .state = STATE_NATIVE, .run_ns = run_ns};
    recording_add_sample(made.recording, &sample);
    sample = (struct sample){.time_ns = 1000000000, .thread = id, .ticks = 999, .state = (uint8_t)waits};
    recording_add_sample(made.recording, &sample);
    add(&made, 1000, STATE_PYTHON, 1, 1000, 0);
    struct profile *profile = end(&made);
    bool idle = profile->thread_idle[id];
    profile_free(profile);
    return idle;
}

static void workers_that_only_began_are_idle(void **state)
{
    (void)state;
    assert_true(is_idle_after(36000, STATE_IDLE));
    assert_false(is_idle_after(36000, STATE_LOCK));
    assert_false(is_idle_after(2000000, STATE_IDLE));
}

static void idle_workers_are_left_out(void **state)
{
    (void)state;
    struct made made = begin("idle.kei");
    struct thread worker = {.process = 1, .tid = 2};
    uint32_t id = recording_add_thread(made.recording, &worker);
    struct sample sample = {.time_ns = 1000000000, .thread = id, .ticks = 1000, .state = STATE_IDLE};
    recording_add_sample(made.recording, &sample);
    add(&made, 400, STATE_IDLE, 1, 0, 0);
    add(&made, 600, STATE_PYTHON, 2, 600, 0);
    struct profile *profile = end(&made);
    struct filter all = {.idle = true};
    struct part_of one = {.thread = id}, late = {.from_ns = 500000000};
    struct profile *part;
    struct aggregate *aggregate;
    assert_false(profile->thread_idle[1]);
    assert_true(profile->thread_idle[id]);
    assert_int_equal(aggregate_new(profile, NULL, &aggregate), 0);
    assert_close(aggregate->wall_ns, 1e9, 1e-4);
    assert_close(aggregate->state_wall_ns[STATE_IDLE], 4e8, 1e-4);
    aggregate_free(aggregate);
    assert_int_equal(aggregate_new(profile, &all, &aggregate), 0);
    assert_close(aggregate->wall_ns, 2e9, 1e-4);
    aggregate_free(aggregate);
    assert_int_equal(part_new(profile, &one, &part), 0);
    assert_int_equal(aggregate_new(part, NULL, &aggregate), 0);
    assert_close(aggregate->state_wall_ns[STATE_IDLE], 1e9, 1e-4);
    assert_int_equal(aggregate->n_functions, 0);
    aggregate_free(aggregate);
    part_free(part);
    assert_int_equal(part_new(profile, &late, &part), 0);
    assert_int_equal(aggregate_new(part, NULL, &aggregate), 0);
    assert_close(aggregate->wall_ns, 5e8, 1e-4);
    aggregate_free(aggregate);
    part_free(part);
    profile_free(profile);
}

/* The program goes on: its thread ended, and its counters were read, four seconds after the recording. */
static void what_comes_after_the_recording_is_left_out(void **state)
{
    (void)state;
    struct made made = begin("goes-on.kei");
    for (int i = 0; i < 10; i++)
        add(&made, 100, STATE_PYTHON, 1, 100, 0);
    made.thread.end_ns = UINT64_C(5000000000);
    made.thread.run_ns += UINT64_C(2000000000);
    made.thread.delay_ns += UINT64_C(1000000000);
    struct profile *profile = end(&made);
    expect(profile, STATE_PYTHON, made.stacks[1], 1000, 1000);
    expect(profile, STATE_ON_CPU, 0, 0, 0);
    expect(profile, STATE_RUNNABLE, 0, 0, 0);
    expect(profile, STATE_UNKNOWN, 0, 0, 0);
    profile_free(profile);
}

/* In bits of nanoseconds, the field of a row ends after 39 hours. */
static void a_time_of_two_days_is_told(void **state)
{
    (void)state;
    struct made made = begin("days.kei");
    add(&made, 48 * UINT64_C(3600000), STATE_SLEEP, 1, 0, 0);
    add(&made, 1000, STATE_PYTHON, 2, 1000, 0);
    struct profile *profile = end(&made);
    assert_int_equal(profile->samples.time_ns[profile->samples.count - 1], made.now_ms * 1000000);
    expect(profile, STATE_SLEEP, made.stacks[1], 48 * 3.6e6, 0);
    expect(profile, STATE_PYTHON, made.stacks[2], 1000, 1000);
    profile_free(profile);
}

enum { ROWS = 12000, SECONDS = 6 };

/* Threads 1 and 3 by turns at a kilohertz each, thread 2 never; weighed with alike ones summed beyond `each_max`. */
static struct profile *weighed(size_t each_max)
{
    static struct chunk_row rows[ROWS];
    struct profile *profile = mem_zalloc(1, sizeof *profile);
    profile->n_threads = 4;
    profile->threads = mem_zalloc(4, sizeof *profile->threads);
    profile->duration_ns = SECONDS * UINT64_C(1000000000);
    for (size_t i = 0; i < ROWS; i++) {
        static const enum state states[] = {STATE_PYTHON, STATE_KERNEL, STATE_IO, STATE_PYTHON};
        enum state state = states[i / 2 * 7 % 11 % 4];
        bool on_cpu = state_on_cpu(state);
        rows[i] = (struct chunk_row){.time = ((i / 2 + 1) * 100) & CHUNK_TIME_MASK,
                                     .thread = i % 2 == 0 ? 3 : 1,
                                     .stack = (uint32_t)(1 + i / 2 * 5 % 13 % 3),
                                     .ticks = 1,
                                     .run = on_cpu ? 90 : 0,
                                     .delay = on_cpu ? 10 : 0,
                                     .state = state & 31u};
    }
    struct weighing *weighing = weighing_new(profile, each_max);
    assert_non_null(weighing);
    for (uint32_t thread = 1; thread < 4; thread += 2) {
        weighing_count(weighing, &(struct chunk_group){thread, ROWS / 2});
        assert_true(weighing_asks(weighing, thread));
    }
    weighing_look(weighing, rows, ROWS);
    assert_true(!weighing_asks(weighing, 1) && !weighing_asks(weighing, 3));
    assert_int_equal(weighing_add(weighing, rows, ROWS / 3), 0);
    assert_int_equal(weighing_add(weighing, rows + ROWS / 3, ROWS - ROWS / 3), 0);
    assert_int_equal(weighing_add(weighing, rows, 1), ERR_CORRUPT); /* never counted */
    assert_int_equal(weighing_end(weighing), 0);
    assert_true(weighing_sums(weighing) == (each_max < ROWS));
    weighing_free(weighing);
    return profile;
}

/* By second, thread, stack and state; also sees that all is in order. */
struct seen {
    double wall[SECONDS + 1][4][4][STATE_COUNT], cpu[SECONDS + 1][4][4][STATE_COUNT];
    uint64_t ticks[SECONDS + 1][4][4][STATE_COUNT];
};

static void look(const struct profile *profile, struct seen *seen)
{
    const struct profile_samples *samples = &profile->samples;
    memset(seen, 0, sizeof *seen);
    for (size_t i = 0; i < samples->count; i++) {
        size_t second = samples->time_ns[i] / 1000000000;
        uint32_t thread = samples->thread[i], stack = samples->stack[i], state = samples->state[i];
        seen->wall[second][thread][stack][state] += samples->wall_ns[i];
        seen->cpu[second][thread][stack][state] += samples->cpu_ns[i];
        seen->ticks[second][thread][stack][state] += samples->ticks[i];
        assert_true(i == 0 || thread > samples->thread[i - 1] ||
                    (thread == samples->thread[i - 1] && samples->time_ns[i] >= samples->time_ns[i - 1]));
    }
}

static void very_many_samples_are_summed_by_second(void **state)
{
    (void)state;
    static struct seen each, summed;
    struct profile *whole = weighed(ROWS), *small = weighed(ROWS - 1);
    look(whole, &each);
    look(small, &summed);
    assert_true(whole->samples.count >= ROWS);
    assert_in_range(small->samples.count, SECONDS * 2, ROWS / 20);
    for (size_t i = 0; i < sizeof each.ticks / sizeof(uint64_t); i++) {
        assert_true((&each.ticks[0][0][0][0])[i] == (&summed.ticks[0][0][0][0])[i]);
        assert_true(fabs((&each.wall[0][0][0][0])[i] - (&summed.wall[0][0][0][0])[i]) < 1);
        assert_true(fabs((&each.cpu[0][0][0][0])[i] - (&summed.cpu[0][0][0][0])[i]) < 1);
    }
    profile_free(whole);
    profile_free(small);
}

int weight_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_decide_and_ticks_share),
        cmocka_unit_test(a_falling_rate_does_not_favour_what_came_first),
        cmocka_unit_test(run_time_waits_for_an_on_cpu_sample),
        cmocka_unit_test(run_time_without_any_sample_has_no_place),
        cmocka_unit_test(off_cpu_time_waits_for_an_off_cpu_sample),
        cmocka_unit_test(off_cpu_time_that_nobody_saw),
        cmocka_unit_test(delay_is_where_the_thread_ran),
        cmocka_unit_test(what_counters_tell_later_is_no_other_wait),
        cmocka_unit_test(delay_goes_to_samples_that_waited),
        cmocka_unit_test(without_counters_ticks_decide),
        cmocka_unit_test(a_stretch_nobody_sampled_is_unknown),
        cmocka_unit_test(counters_ahead_of_their_window_are_kept),
        cmocka_unit_test(workers_that_only_began_are_idle),
        cmocka_unit_test(idle_workers_are_left_out),
        cmocka_unit_test(what_comes_after_the_recording_is_left_out),
        cmocka_unit_test(a_time_of_two_days_is_told),
        cmocka_unit_test(very_many_samples_are_summed_by_second),
    };
    return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
