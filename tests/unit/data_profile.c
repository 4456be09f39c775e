/* A recording written and loaded: what comes back, its weights and sums, its size and speed. */
#include "data_tests.h"

#include "base/clock.h"

static void thread_sums(const struct profile *profile, uint32_t thread, double *wall, double *cpu)
{
    *wall = *cpu = 0;
    for (size_t i = 0; i < profile->samples.count; i++) {
        if (profile->samples.thread[i] != thread)
            continue;
        *wall += profile->samples.wall_ns[i];
        *cpu += profile->samples.cpu_ns[i];
    }
}

static void a_recording_comes_back(void **state)
{
    (void)state;
    struct synthetic synthetic = {.samples = 20000, .hot_stacks = 5, .threads = 2};
    struct profile *profile = make(&synthetic, "back.kei", NULL);
    assert_string_equal(profile->command[0], "orders.py");
    assert_string_equal(profile->command[1], "--fast");
    assert_null(profile->command[2]);
    assert_string_equal(profile->directory, "/home/a");
    assert_string_equal(profile->mode, "run");
    assert_true(profile->complete);
    assert_int_equal(profile->cores, 4);
    assert_int_equal(profile->n_processes, 2);
    assert_int_equal(profile->n_threads, 3);
    assert_string_equal(profile->strings[profile->processes[1].python], "3.13.0");
    assert_memory_equal(profile->strings[profile->processes[1].command], "python\0orders.py", 16);
    assert_int_equal(profile->stacks[synthetic.stack[0]].depth, 19);
    size_t samples = 0;
    for (size_t i = 0; i < profile->samples.count; i++)
        samples += profile->samples.ticks[i];
    assert_int_equal(samples, 20000);
    profile_free(profile);
}

/* The sum rule of profile.h, to a millionth. */
static void weights_add_up(void **state)
{
    (void)state;
    struct synthetic synthetic = {.samples = 50000, .hot_stacks = 8, .threads = 3};
    struct profile *profile = make(&synthetic, "weights.kei", NULL);
    for (uint32_t i = 0; i < 3; i++) {
        double wall, cpu;
        thread_sums(profile, synthetic.thread[i], &wall, &cpu);
        assert_close(wall, (double)profile->duration_ns, 1e-6);
        assert_close(cpu, (double)synthetic.run_ns[i], 1e-6);
    }
    profile_free(profile);
}

static void sums_agree(void **state)
{
    (void)state;
    struct synthetic synthetic = {.samples = 20000, .hot_stacks = 8, .threads = 2};
    struct profile *profile = make(&synthetic, "sums.kei", NULL);
    struct aggregate *aggregate;
    struct tree *tree;
    assert_int_equal(aggregate_new(profile, NULL, &aggregate), 0);
    assert_int_equal(tree_new(profile, NULL, false, &tree), 0);
    double self = 0, states = 0, lines = 0;
    for (size_t i = 0; i < aggregate->n_functions; i++)
        self += aggregate->functions[i].self_wall_ns;
    for (size_t i = 0; i < aggregate->n_lines; i++)
        lines += aggregate->lines[i].wall_ns;
    for (size_t i = 0; i < STATE_COUNT; i++)
        states += aggregate->state_wall_ns[i];
    assert_close(states, aggregate->wall_ns, 1e-9);
    assert_close(self, aggregate->wall_ns, 1e-9);
    assert_close(lines, aggregate->wall_ns, 1e-9);
    assert_close(tree->nodes[0].total_wall_ns, aggregate->wall_ns, 1e-9);
    assert_int_equal(tree->n_nodes, 1 + 18 + 8);
    assert_int_equal(aggregate->n_functions, 18 + 8);
    assert_int_equal(aggregate->ticks, 20000);
    assert_close(aggregate->functions[0].self_wall_ns / aggregate->wall_ns, 0.5, 0.1);
    tree_free(tree);
    aggregate_free(aggregate);
    profile_free(profile);
}

static bool stack_has(const struct profile *profile, uint32_t stack, uint32_t function, uint32_t line)
{
    for (uint32_t at = stack; at != 0; at = profile->stacks[at].parent) {
        const struct frame *frame = &profile->frames[profile->stacks[at].frame];
        if (frame->function == function && (line == 0 || frame->line == line))
            return true;
    }
    return false;
}

static double total_of(const struct profile *profile, uint32_t function, uint32_t line)
{
    double sum = 0;
    for (size_t i = 0; i < profile->samples.count; i++)
        sum += stack_has(profile, profile->samples.stack[i], function, line) ? profile->samples.wall_ns[i] : 0;
    return sum;
}

/* Totals against the plain way, on a random tree of few functions, so full of recursion. */
static void totals_count_a_sample_once(void **state)
{
    (void)state;
    struct synthetic synthetic = {.random = 3, .hot_stacks = 1, .threads = 1};
    struct recording *recording = synthetic_open(path_of("tree.kei"));
    struct err err;
    synthetic_tables(&synthetic, recording);
    uint32_t stacks[300] = {0};
    for (uint32_t i = 1; i < 300; i++) {
        uint32_t function = 1 + (uint32_t)(synthetic_random(&synthetic) * 6);
        uint32_t frame =
            recording_add_frame(recording, function, function * 10 + (uint32_t)(synthetic_random(&synthetic) * 3));
        stacks[i] = recording_add_stack(recording, stacks[(uint32_t)(synthetic_random(&synthetic) * i)], frame);
        struct sample sample = {.time_ns = i * UINT64_C(3000000),
                                .thread = 1,
                                .stack = stacks[i],
                                .ticks = 1 + i % 7,
                                .run_ns = i * UINT64_C(10000)};
        recording_add_sample(recording, &sample);
    }
    assert_int_equal(recording_finish(recording, UINT64_C(900000000), &err), 0);
    recording_free(recording);
    struct profile *profile = load(path_of("tree.kei"));
    struct aggregate *aggregate;
    assert_int_equal(aggregate_new(profile, NULL, &aggregate), 0);
    assert_int_equal(aggregate->n_functions, 6);
    assert_int_equal(aggregate->n_lines, 18);
    for (size_t i = 0; i < aggregate->n_functions; i++)
        assert_close(aggregate->functions[i].total_wall_ns, total_of(profile, aggregate->functions[i].function, 0),
                     1e-9);
    for (size_t i = 0; i < aggregate->n_lines; i++) {
        const struct line_sum *line = &aggregate->lines[i];
        assert_close(line->total_wall_ns, total_of(profile, line->function, line->line), 1e-9);
    }
    aggregate_free(aggregate);
    profile_free(profile);
}

/* Size and speed on the recording of the bars: ten minutes at 1 kHz. Printed; only the size is judged. */
static void a_steady_recording_is_small(void **state)
{
    (void)state;
    struct synthetic synthetic = {.samples = 600000, .hot_stacks = 20, .threads = 1};
    off_t size;
    uint64_t before = clock_thread_cpu_ns();
    struct profile *profile = make(&synthetic, "steady.kei", &size);
    uint64_t made = clock_thread_cpu_ns();
    profile_free(profile);
    uint64_t start = clock_thread_cpu_ns();
    profile = load(path_of("steady.kei"));
    uint64_t loaded = clock_thread_cpu_ns();
    struct aggregate *aggregate;
    assert_int_equal(aggregate_new(profile, NULL, &aggregate), 0);
    uint64_t summed = clock_thread_cpu_ns();
    double bytes = (double)size / (double)synthetic.samples;
    print_message("%.2f bytes a sample; write %.3f s, load %.3f s, aggregate %.3f s of CPU\n", bytes,
                  (double)(made - before) / 1e9, (double)(loaded - start) / 1e9, (double)(summed - loaded) / 1e9);
    assert_true(bytes <= 6);
    aggregate_free(aggregate);
    profile_free(profile);
}

int profile_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_comes_back),
        cmocka_unit_test(weights_add_up),
        cmocka_unit_test(sums_agree),
        cmocka_unit_test(totals_count_a_sample_once),
        cmocka_unit_test(a_steady_recording_is_small),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
