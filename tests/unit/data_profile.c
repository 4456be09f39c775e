/* A recording written and loaded: what comes back, its weights and sums, its size and speed. */
#include "data_tests.h"

#include "base/clock.h"
#include "data/counter_sums.h"

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

/* Any line of a long file, whatever ends them. */
static void every_line_of_a_source_is_found(void **state)
{
    (void)state;
    enum { LINES = 1000, BYTES = 16 };
    static const char *const ends[] = {"\n", "\r\n"};
    for (size_t kind = 0; kind < 2; kind++) {
        struct recording *recording = synthetic_open(path_of("lines.kei"));
        assert_non_null(recording);
        char text[LINES * BYTES], expected[BYTES], path[4096];
        size_t size = 0, length = 0;
        for (int i = 0; i < LINES; i++)
            size += (size_t)snprintf(text + size, BYTES, "line %d%s", i + 3, i == LINES - 1 ? "" : ends[kind]);
        recording_add_source(recording, recording_add_string(recording, "/app.py", 7), 3, text, size);
        snprintf(path, sizeof path, "%s", recording_path(recording));
        struct err err = {0};
        assert_int_equal(recording_finish(recording, 1000000, &err), 0);
        recording_free(recording);
        struct profile *profile = load(path);
        assert_int_equal(profile->n_sources, 1);
        uint32_t file = profile->sources[0].file;
        for (uint32_t line = 3; line < 3 + LINES; line++) {
            const char *found = profile_source_line(profile, file, line, &length);
            int n = snprintf(expected, sizeof expected, "line %u", line);
            assert_non_null(found);
            assert_int_equal(length, n);
            assert_memory_equal(found, expected, length);
        }
        assert_null(profile_source_line(profile, file, 2, &length));
        assert_null(profile_source_line(profile, file, 3 + LINES, &length));
        assert_null(profile_source_line(profile, file, UINT32_MAX, &length));
        profile_free(profile);
    }
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

/* What a child wrote is in its parent's number once that has waited for it. Ids: 1 the program, 2 and 3 its children, 4
 * the shell that it started, which nobody read, and 5 that one's; each wrote 100 bytes itself. */
static void what_children_wrote_counts_once(void **state)
{
    (void)state;
    enum { MS = 1000000 };
    struct process processes[] = {
        {0},
        {.end_ns = 90 * MS},
        {.parent = 1, .end_ns = 50 * MS},                /* waited for */
        {.parent = 1, .end_ns = 80 * MS},                /* after the last reading of its parent */
        {.parent = 1, .end_ns = 60 * MS},                /* waited for */
        {.parent = 4, .end_ns = 55 * MS},                /* by the shell, and that by the program */
        {.parent = 1, .start_ns = 70 * MS, .end_ns = 0}, /* still there */
        {.parent = 7, .end_ns = 10 * MS},                /* its own parent: a damaged file */
    };
    struct counter counters[] = {
        {70 * MS, 1, COUNTER_WRITE_CALLS, 400}, {40 * MS, 1, COUNTER_WRITE_CALLS, 100},
        {50 * MS, 2, COUNTER_WRITE_CALLS, 100}, {80 * MS, 3, COUNTER_WRITE_CALLS, 100},
        {54 * MS, 5, COUNTER_WRITE_CALLS, 100}, {89 * MS, 6, COUNTER_WRITE_CALLS, 100},
        {9 * MS, 7, COUNTER_WRITE_CALLS, 100},  {70 * MS, 1, COUNTER_MINOR_FAULTS, 10},
        {50 * MS, 2, COUNTER_MINOR_FAULTS, 10},
    };
    struct profile profile = {.processes = processes,
                              .n_processes = sizeof processes / sizeof *processes,
                              .counters = counters,
                              .n_counters = sizeof counters / sizeof *counters};
    struct counter_sums sums;
    assert_int_equal(counter_sums_of(&profile, &sums), 0);
    assert_true(sums.any[COUNTER_WRITE_CALLS] && !sums.any[COUNTER_READ_CALLS]);
    assert_close(sums.sum[COUNTER_WRITE_CALLS], 700, 0);
    assert_close(sums.sum[COUNTER_MINOR_FAULTS], 20, 0);
    counters[0].value = 100; /* it ignores its children's ends: the kernel adds nothing */
    assert_int_equal(counter_sums_of(&profile, &sums), 0);
    assert_close(sums.sum[COUNTER_WRITE_CALLS], 200 + 300, 0);
}

int profile_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_comes_back),
        cmocka_unit_test(every_line_of_a_source_is_found),
        cmocka_unit_test(weights_add_up),
        cmocka_unit_test(sums_agree),
        cmocka_unit_test(totals_count_a_sample_once),
        cmocka_unit_test(what_children_wrote_counts_once),
        cmocka_unit_test(a_steady_recording_is_small),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
