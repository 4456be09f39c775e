/*
 * Findings that counts of calls tell (run --calls --arg-hash): functions that are called with the same arguments again,
 * and ones that look alike; what counts add to findings that stand without them, and take from them.
 */
#include "findings_tests.h"

static struct diagnosis *with_repeated_work(struct built *built, const struct finding **found)
{
    struct diagnosis *diagnosis = diagnosed(built);
    *found = &diagnosis->findings[0];
    for (size_t i = 1; i < diagnosis->n_findings && strcmp((*found)->tag, "repeated-work") != 0; i++)
        *found = &diagnosis->findings[i];
    assert_string_equal((*found)->tag, "repeated-work");
    return diagnosis;
}

static double value_of(const struct finding *finding, const char *measure)
{
    for (size_t i = 0; i < finding->n_evidence; i++) {
        if (strcmp(finding->evidence[i].measure, measure) == 0)
            return finding->evidence[i].value;
    }
    return -1;
}

static struct built *counted(struct built *built, uint32_t function, const struct call_count *counts)
{
    static struct call_count kept;
    kept = *counts;
    kept.process = 1;
    kept.function = function;
    built->profile.call_counts = &kept;
    built->profile.n_call_counts = 1;
    return built;
}

/* Four seconds, `share` percent of them in what price, whose text begins in line 1, calls for. */
static struct built *pricing(const char *text, size_t share, const struct call_count *counts)
{
    uint32_t price;
    struct built *built = written(text, "price", &price);
    uint32_t sell = built_function(built, "sell", "/home/u/shop.py", true), thread = built_thread(built, 1);
    uint32_t rate = built_function(built, "rate", "/usr/lib/python3.12/decimal.py", false);
    uint32_t call = built_stack(built, 0, sell, 30), inner = built_stack(built, call, price, 2);
    uint32_t rates[] = {built_stack(built, inner, rate, 80), built_stack(built, inner, rate, 81)};
    uint32_t rests[] = {built_stack(built, 0, sell, 31), built_stack(built, 0, sell, 32)};
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, i * 37 % 100 < share ? rates[i % 2] : rests[i % 2], STATE_PYTHON, 1,
                     MS);
    built_cores(built, 4);
    return counted(built, price, counts);
}

static const char pure[] = "def price(kind, day):\n    return rate(kind, day)\n";
#define COUNTS(...) (&(struct call_count){__VA_ARGS__})
#define SAME        COUNTS(.calls = 10000, .told = 10000, .repeats = 9700, .compared = 9700)

static void calls_that_came_again_are_told(void **state)
{
    (void)state;
    const struct finding *found;
    struct built *built = pricing(pure, 80, SAME);
    struct diagnosis *diagnosis = with_repeated_work(built, &found);
    assert_string_equal(found->sentence, "Keep what was computed: price was called 10000 times with only 300 different "
                                         "arguments, 80 % of the CPU time (app.py:1)");
    assert_float_equal(value_of(found, "calls"), 10000, 0);
    assert_float_equal(value_of(found, "calls with arguments it had before"), 0.97, 1e-9);
    assert_float_equal(value_of(found, "CPU time of a call"), 320e-6, 1e-6);
    assert_float_equal(found->predicted_high, 4.46f, 0.02f);
    assert_float_equal(found->max_gain, 5, 0.01);
    assert_true(found->predicted_low > 1.3 && found->predicted_low < 1 / (1 - 0.8 * 0.97 * 0.375));
    assert_null(found->next_tells);
    assert_string_equal(found->next_command, "");
    assert_false(is_not_measured(found, "same"));
    diagnosis_free(diagnosis);
    free(built);
}

static void calls_that_must_be_made_again_are_not_told(void **state)
{
    (void)state;
    const char *printing = "def price(kind, day):\n    print(kind)\n    return rate(kind, day)\n";
    const char *making = "def price(kind, day):\n    for hour in day:\n        yield rate(kind, hour)\n";
    const char *keeping = "@lru_cache(maxsize=8)\ndef price(kind, day):\n    return rate(kind, day)\n";
    const char *storing = "def price(kind, day):\n    SEEN[kind] = day\n    return rate(kind, day)\n\n\nSEEN = {}\n";
    const char *changing = "def price(kind, day):\n    day.append(kind)\n    return rate(kind, day)\n";
    const struct call_count *const others[] = {
        COUNTS(.calls = 10000, .told = 10000, .repeats = 9700, .compared = 9700, .changed = 1),
        COUNTS(.calls = 10000, .told = 10000, .repeats = 9700, .gave_none = 10000, .compared = 9700),
        COUNTS(.calls = 10000, .told = 10000, .repeats = 4000, .compared = 4000),
        COUNTS(.calls = 10000, .told = 8900, .repeats = 8800, .compared = 8800),
        COUNTS(.calls = 10000),
        /* 0.8 us each: as much as a look-up */
        COUNTS(.calls = 4000000, .told = 4000000, .repeats = 3990000, .compared = 3990000),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        expect_tag(pricing(pure, 80, others[i]), "repeated-work", false);
    expect_tag(pricing(pure, 30, SAME), "repeated-work", false); /* too little to gain */
    expect_tag(pricing(printing, 80, SAME), "repeated-work", false);
    expect_tag(pricing(making, 80, SAME), "repeated-work", false);
    expect_tag(pricing(keeping, 80, SAME), "repeated-work", false);
    expect_tag(pricing(storing, 80, SAME), "repeated-work", false);
    expect_tag(pricing(changing, 80, SAME), "repeated-work", false);
    struct built *library = pricing(pure, 80, SAME);
    library->own[1] = false;
    expect_tag(library, "repeated-work", false);
}

static void results_that_are_not_compared_are_less_sure(void **state)
{
    (void)state;
    const struct finding *found;
    struct built *built = pricing(pure, 80, COUNTS(.calls = 10000, .told = 9500, .repeats = 9400, .compared = 100));
    struct diagnosis *diagnosis = with_repeated_work(built, &found);
    assert_true(is_not_measured(found, "whether it gave the same result each time"));
    assert_non_null(strstr(found->sentence, "at most 600 different"));
    assert_true(found->confidence < 0.65);
    diagnosis_free(diagnosis);
    free(built);
    built = pricing(pure, 80, SAME);
    built->profile.n_sources = 0;
    diagnosis = with_repeated_work(built, &found);
    assert_true(is_not_measured(found, "source text"));
    assert_true(found->confidence < 0.65);
    diagnosis_free(diagnosis);
    free(built);
    /* what it makes itself it may change */
    expect_tag(pricing("def price(kind, day):\n    da = []\n    da.append(kind)\n    return rate(da)\n", 80, SAME),
               "repeated-work", true);
}

/* ways(24), whose calls are `deep` within each other. */
static struct built *recursing(size_t deep, const struct call_count *counts)
{
    uint32_t ways;
    struct built *built =
        written("def ways(n):\n    if n < 2:\n        return 1\n    return ways(n - 1) + ways(n - 2)\n", "ways", &ways);
    uint32_t thread = built_thread(built, 1), stack = 0;
    for (size_t i = 0; i < deep; i++)
        stack = built_stack(built, stack, ways, 4);
    uint32_t stacks[] = {stack, built_stack(built, built->stacks[stack].parent, ways, 2)};
    rounds(built, 0, thread, stacks, 2, 3, STATE_PYTHON, WHOLE);
    built_cores(built, 4);
    return counted(built, ways, counts);
}

static void counts_of_calls_decide_about_a_shape(void **state)
{
    (void)state;
    const struct finding *found;
    struct built *built = recursing(24, COUNTS(.calls = 0));
    struct diagnosis *diagnosis = with_repeated_work(built, &found);
    assert_non_null(strstr(found->sentence, "ways calls itself more than once at each of 24 steps, 100 %"));
    assert_string_equal(found->next_command, "keisoku run --calls --arg-hash test.py");
    diagnosis_free(diagnosis);
    free(built);

    built = recursing(24, COUNTS(.calls = 20000000)); /* --calls alone */
    diagnosis = with_repeated_work(built, &found);
    assert_float_equal(value_of(found, "calls"), 2e7, 0);
    assert_non_null(found->next_tells);
    diagnosis_free(diagnosis);
    free(built);

    struct call_count again = {.calls = 20000000, .told = 20000000, .repeats = 19999975, .compared = 19999975};
    built = recursing(24, &again); /* 0.2 us each, and hardly a call is left */
    diagnosis = with_repeated_work(built, &found);
    assert_non_null(strstr(found->sentence, "called 20.0 million times with only 25 different arguments"));
    assert_true(found->predicted_low > 3 && found->line == 4);
    assert_null(found->next_tells);
    diagnosis_free(diagnosis);
    free(built);

    expect_tag(recursing(8, COUNTS(.calls = 0)), "repeated-work", false);
    again.repeats = again.compared = 9000000;
    expect_tag(recursing(24, &again), "repeated-work", false);
    expect_tag(recursing(24, COUNTS(.calls = 9, .told = 9, .repeats = 8, .compared = 8, .changed = 2)), "repeated-work",
               false);
    expect_tag(recursing(24, COUNTS(.calls = 9, .told = 2)), "repeated-work", true); /* its counts tell nothing */
}

static void counts_of_calls_complete_call_overhead(void **state)
{
    (void)state;
    struct built *built = calling_small("return y * 600 + x", 50);
    struct diagnosis *diagnosis = diagnosed(built);
    const struct finding *found = &diagnosis->findings[0];
    assert_string_equal(found->tag, "call-overhead");
    assert_string_equal(found->next_command, "keisoku run --calls test.py");
    assert_true(is_not_measured(found, "how many calls"));
    diagnosis_free(diagnosis);
    diagnosis = diagnosed(counted(built, 1, COUNTS(.calls = 10000000)));
    found = &diagnosis->findings[0];
    assert_string_equal(found->tag, "call-overhead");
    assert_null(found->next_tells);
    assert_false(is_not_measured(found, "how many calls"));
    assert_float_equal(value_of(found, "calls"), 1e7, 0);
    assert_float_equal(value_of(found, "CPU time of a call"), 0.2e-6, 0.01e-6);
    diagnosis_free(diagnosis);
    free(built);
}

int again_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_that_came_again_are_told),
        cmocka_unit_test(calls_that_must_be_made_again_are_not_told),
        cmocka_unit_test(results_that_are_not_compared_are_less_sure),
        cmocka_unit_test(counts_of_calls_decide_about_a_shape),
        cmocka_unit_test(counts_of_calls_complete_call_overhead),
    };
    return cmocka_run_group_tests_name("findings: calls that come again", tests, NULL, NULL);
}
