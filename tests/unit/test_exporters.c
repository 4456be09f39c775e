/* What every foreign exporter must bear: short memory, a sink that fails, an empty recording, one that leaves
 * nothing. Their output is compared in tests/exports. */
#include "failing.h"

#include "data/task_stacks.h"
#include "export/export.h"
#include "profile_builder.h"

static const char *const names[] = {"collapsed", "speedscope", "pprof",   "pstats", "callgrind",
                                    "chrome",    "perfetto",   "firefox", "svg",    "csv"};
enum { NAMES = sizeof names / sizeof names[0] };

struct scenario {
    const char *name;
    struct built *built;
    struct filter filter;
    size_t size;    /* written */
    size_t fail_at; /* the sink fails behind that many bytes; 0: never */
};

static struct built *some_profile(void)
{
    struct built *built = built_new();
    uint32_t main_function = built_function(built, "<module>", "/srv/app.py", true);
    uint32_t work = built_function(built, "work", "/srv/app.py", true);
    uint32_t trunk = built_stack(built, 0, main_function, 10);
    uint32_t leaf = built_stack(built, trunk, work, 3);
    uint32_t thread = built_thread(built, 1);
    for (uint64_t i = 0; i < 40; i++)
        built_sample(built, (i + 1) * 1000000, thread, i % 4 == 0 ? trunk : leaf, STATE_PYTHON, 1, 1e6);
    built_sample(built, 50000000, thread, 0, STATE_UNKNOWN, 1, 1e6);
    return built;
}

static int take(void *context, const void *data, size_t size)
{
    struct scenario *scenario = context;
    (void)data;
    scenario->size += size;
    return scenario->fail_at != 0 && scenario->size >= scenario->fail_at ? ERR_FULL : 0;
}

static int run_export(void *context)
{
    static const struct kei_export_options none;
    struct scenario *scenario = context;
    struct export_input input = {&scenario->built->profile, NULL, &none, scenario->filter};
    struct sink sink = {take, scenario};
    struct err err = {0};
    scenario->size = 0;
    return exporter_by_name(scenario->name)->write(&input, &sink, &err);
}

static void memory_runs_short(void **state)
{
    (void)state;
    struct built *built = some_profile();
    for (size_t i = 0; i < NAMES; i++) {
        struct scenario scenario = {.name = names[i], .built = built};
        assert_true(failing_each(run_export, &scenario, false) > 4);
        assert_true(scenario.size > 0);
    }
    free(built);
}

/* Stacks that tell tasks apart, as kei_export makes them for most formats. */
static int run_with_tasks(void *context)
{
    struct scenario *scenario = context;
    struct task_stacks *stacks = NULL;
    int rc = task_stacks_new(&scenario->built->profile, &stacks);
    if (rc != 0)
        return rc;
    struct built *whole = scenario->built;
    const struct profile *profile = task_stacks_profile(stacks);
    assert_int_equal(profile->samples.stack[1], whole->stack[1]);
    uint32_t moved = profile->samples.stack[2], above = profile->stacks[moved].parent;
    assert_int_equal(profile->stacks[moved].frame, whole->stacks[whole->stack[2]].frame);
    assert_int_equal(profile->stacks[moved].depth, 3);
    assert_int_equal(profile->functions[profile->frames[profile->stacks[above].frame].function].kind, FUNCTION_TASK);
    assert_int_equal(profile->stacks[above].parent, whole->stacks[whole->stack[2]].parent);
    assert_int_equal(profile->samples.stack[2], profile->samples.stack[3]);
    task_stacks_free(stacks);
    return 0;
}

static void memory_runs_short_for_tasks(void **state)
{
    (void)state;
    struct built *built = some_profile();
    uint32_t tasks[64] = {0, 0, 1, 2}; /* of numbered tasks that are shown as one */
    struct task rows[3] = {{0}};
    for (uint32_t i = 1; i < 3; i++)
        rows[i] = (struct task){.name = built_string(built, "Task-7"), .coroutine = 2, .thread = 1, .alike = 1};
    built->stack[0] = built->stack[1] = built->stack[2] = built->stack[3] = 2;
    built->profile.tasks = rows;
    built->profile.n_tasks = 3;
    built->profile.samples.task = tasks;
    struct scenario scenario = {.built = built};
    assert_true(failing_each(run_with_tasks, &scenario, false) > 10);
    free(built);
}

static void the_sink_fails(void **state)
{
    (void)state;
    struct built *built = some_profile();
    for (size_t i = 0; i < NAMES; i++) {
        struct scenario scenario = {.name = names[i], .built = built, .fail_at = 1};
        assert_int_equal(run_export(&scenario), ERR_FULL);
    }
    free(built);
}

static void nothing_to_show(void **state)
{
    (void)state;
    struct built *empty = built_new(), *built = some_profile();
    memset(built->idle, true, sizeof built->idle);
    for (size_t i = 0; i < NAMES; i++) {
        struct scenario nothing = {.name = names[i], .built = empty};
        struct scenario idle = {.name = names[i], .built = built};
        assert_int_equal(run_export(&nothing), 0);
        assert_int_equal(run_export(&idle), 0);
    }
    free(empty);
    free(built);
}

static void idle_workers_are_left_out(void **state)
{
    (void)state;
    struct built *built = some_profile();
    struct scenario scenario = {.name = "collapsed", .built = built};
    built->idle[1] = true;
    assert_int_equal(run_export(&scenario), 0);
    assert_int_equal(scenario.size, 0);
    scenario.filter.idle = true;
    assert_int_equal(run_export(&scenario), 0);
    assert_true(scenario.size > 0);
    free(built);
}

static void names_are_found(void **state)
{
    (void)state;
    size_t count;
    const struct exporter *table = exporter_table(&count);
    for (size_t i = 0; i < count; i++)
        assert_ptr_equal(exporter_by_name(table[i].format.name), &table[i]);
    assert_null(exporter_by_name("no such format"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_runs_short),
        cmocka_unit_test(memory_runs_short_for_tasks),
        cmocka_unit_test(the_sink_fails),
        cmocka_unit_test(nothing_to_show),
        cmocka_unit_test(idle_workers_are_left_out),
        cmocka_unit_test(names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
