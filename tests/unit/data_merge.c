/* Merging and asking when memory is short: an error and no file, never a crash or a leak. */
#include "data_tests.h"

#include "data/merge.h"
#include "data/query.h"
#include "failing.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char inputs[2][160];

static void make_inputs(void)
{
    for (int i = 0; i < 2; i++) {
        struct synthetic synthetic = {.samples = 300, .hot_stacks = 3, .threads = 2};
        char name[16];
        snprintf(name, sizeof name, "merge%d.kei", i);
        profile_free(make(&synthetic, name, NULL));
        snprintf(inputs[i], sizeof inputs[i], "%s", path_of(name));
    }
}

static int merge_once(void *context)
{
    const char *paths[] = {inputs[0], inputs[1]};
    struct merge_result *result = context;
    struct err err = {0};
    char out[160];
    snprintf(out, sizeof out, "%s", path_of("merged.kei"));
    int rc = merge_recordings(paths, 2, out, result, &err);
    if (rc == 0)
        unlink(result->path);
    else if (err.text[0] == '\0')
        rc = 1;
    if (access(out, F_OK) == 0) {
        print_message("a file was left behind: %d %s\n", rc, err.text);
        rc = 1;
    }
    return rc;
}

static void short_memory_leaves_no_merged_file(void **state)
{
    (void)state;
    static struct merge_result result;
    make_inputs();
    assert_int_equal(merge_once(&result), 0);
    assert_int_equal(result.processes, 2);
    assert_int_equal(result.samples, 600);
    assert_true(failing_each(merge_once, &result, true) > 50);
}

static int ask_once(void *context)
{
    (void)context;
    struct query *query = NULL;
    struct err err = {0};
    int rc = query_new(inputs[0], "SELECT count(*), sum(ticks) FROM stack_sum", &query, &err);
    if (rc == 0)
        rc = query_step(query, &err) == 1 && query_value(query, 1).integer == 300 ? 0 : 1;
    query_free(query);
    return rc;
}

static void short_memory_is_an_answer(void **state)
{
    (void)state;
    assert_true(failing_each(ask_once, NULL, true) >= 1);
}

int merge_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_memory_leaves_no_merged_file),
        cmocka_unit_test(short_memory_is_an_answer),
    };
    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
