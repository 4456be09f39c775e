/*
 * Findings that read source text beside the samples: calls of small functions, built-in calls, imports, queries, and
 * what grows. Each on a program that shows it and on ones that look alike.
 */
#include "findings_tests.h"

/* Lines 2 and 4 alternate; three of four instruction pointers lie in what the interpreter calls. */
static struct built *calling_itself(const char *text)
{
    uint32_t ways;
    struct built *built = written(text, "ways", &ways);
    uint32_t thread = built_thread(built, 1);
    uint32_t stacks[] = {built_stack(built, 0, ways, 2), built_stack(built, 0, ways, 4)};
    rounds(built, 0, thread, stacks, 2, 3, STATE_PYTHON, WHOLE);
    for (size_t i = 0; i < built->profile.samples.count; i++)
        built->place[i] = i % 6 == 0 ? PLACE_LOOP : PLACE_RUNTIME;
    built_cores(built, 4);
    return built;
}

static void what_calling_costs_is_no_built_in_call(void **state)
{
    (void)state;
    expect_tag(calling_itself("def ways(n):\n    if n == 0:\n        return 1\n    return ways(n - 1) + 2\n"),
               "hot-loop", true);
    expect_tag(calling_itself("def ways(n):\n    if n == 0:\n        return 1\n    return sorted(ways(n - 1))\n"),
               "hot-loop", false);
    expect_tag(calling_itself("def ways(n):\n    for x in n:\n        seek(x)\n        keep(x)\n"), "hot-loop", false);
}

struct built *calling_small(const char *body, size_t small)
{
    static char text[256];
    snprintf(text, sizeof text,
             "def index(x, y):\n    %s\n\n\ndef climb(cells):\n    for x in cells:\n        total += index(x, 2)\n     "
             "   y = x\n",
             body);
    uint32_t index;
    struct built *built = written(text, "index", &index);
    uint32_t climb = built_function(built, "climb", "/home/u/app.py", true), thread = built_thread(built, 1);
    built->functions[climb].file = built->functions[index].file;
    built->functions[climb].first_line = 5;
    uint32_t call = built_stack(built, 0, climb, 7), inner = built_stack(built, call, index, 2);
    uint32_t rest = built_stack(built, 0, climb, 8);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread,
                     i * 37 % 100 < small ? inner
                     : i % 2              ? call
                                          : rest,
                     STATE_PYTHON, 1, MS);
    built_cores(built, 4);
    return built;
}

static void call_overhead_is_of_small_functions(void **state)
{
    (void)state;
    expect_tag(calling_small("return y * 600 + x", 50), "call-overhead", true);
    expect_tag(calling_small("return y * 600 + x", 50), "hot-loop", false); /* it, alone, as native code gains little */
    expect_tag(calling_small("return y * 600 + x", 24), "call-overhead", true); /* the line that calls has more */
    expect_tag(calling_small("return y * 600 + x", 8), "call-overhead", false);
    expect_tag(calling_small("return sum(range(x))", 50), "call-overhead", false);
    struct built *built = calling_small("return y + x", 50); /* of long texts */
    built_operand(built, 2, "+", "str", 0, 5000, 5000);
    expect_tag(built, "call-overhead", false);
}

/* Instructions of the line that calls index(x, 2), as many as said: finding it, calling it, adding; and of index: its
 * beginning, its return, what it computes. */
static struct built *calling_by(const uint64_t ticks[6])
{
    static struct expression expressions[6];
    struct built *built = calling_small("return y * 600 + x", 50);
    uint32_t begin = built->stacks[built_stack(built, 0, 1, 1)].frame; /* frames: 1 the call, 2 inside, 3 the rest */
    const struct expression found[] = {
        {.frame = 1, .end_line = 7, .column = 17, .end_column = 22},
        {.frame = 1, .end_line = 7, .column = 17, .end_column = 28},
        {.frame = 1, .end_line = 7, .column = 8, .end_column = 28},
        {.frame = begin, .end_line = 1},
        {.frame = 2, .end_line = 2, .column = 4, .end_column = 22},
        {.frame = 2, .end_line = 2, .column = 11, .end_column = 22},
    };
    for (size_t i = 0; i < 6; i++) {
        expressions[i] = found[i];
        expressions[i].ticks = ticks[i];
    }
    built->profile.expressions = expressions;
    built->profile.n_expressions = 6;
    return built;
}

/* A function may be small and still do much more than it costs to call it: where instructions are known, they tell. */
static void call_overhead_is_in_calls(void **state)
{
    (void)state;
    expect_tag(calling_by((uint64_t[]){20, 200, 100, 20, 20, 100}), "call-overhead", true);
    expect_tag(calling_by((uint64_t[]){20, 30, 20, 20, 20, 700}), "call-overhead", false); /* what it does */
    expect_tag(calling_by((uint64_t[]){20, 30, 700, 20, 20, 30}), "call-overhead", false); /* what the line does */
    expect_tag(calling_by((uint64_t[]){0, 1, 8, 1, 1, 9}), "call-overhead", true);         /* too few: its text tells */
    /* and where they are not, what puts strings together is no small thing */
    expect_tag(calling_small("return f\"{y} {x}\"", 50), "call-overhead", true);
    expect_tag(calling_small("return f\"{y} {x}: {y}, {x}; {y}, {x}\"", 50), "call-overhead", false);
}

/* `import` percent of the time importing xml from line 2 of the program; some of xml runs later, or not. */
static struct built *importing(size_t import, bool used)
{
    struct built *built = built_new();
    uint32_t module = built_function(built, "<module>", "/home/u/app.py", true), thread = built_thread(built, 1);
    uint32_t machinery = built_function(built, "_find_and_load", "<frozen importlib._bootstrap>", false);
    uint32_t xml = built_function(built, "<module>", "/usr/lib/python3.12/xml/dom/minidom.py", false);
    uint32_t parse = built_function(built, "parse", "/usr/lib/python3.12/xml/dom/pulldom.py", false);
    uint32_t line = built_stack(built, 0, module, 2);
    uint32_t loads = built_stack(built, built_stack(built, line, machinery, 900), xml, 12);
    uint32_t works = built_stack(built, 0, module, 30), parses = built_stack(built, works, parse, 40);
    size_t last = WHOLE * import / 100;
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread,
                     i < last                 ? loads
                     : used && i == WHOLE - 1 ? parses
                                              : works,
                     i < last ? STATE_IMPORT : STATE_PYTHON, 1, MS);
    built_cores(built, 4);
    return built;
}

static void imports_that_nothing_uses_are_told(void **state)
{
    (void)state;
    struct built *built = importing(60, false);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "import-time");
    assert_int_equal(diagnosis->findings[0].line, 2);
    assert_non_null(strstr(diagnosis->findings[0].sentence, "dom/minidom.py"));
    diagnosis_free(diagnosis);
    free(built);
    expect_tag(importing(60, true), "import-time", false);
    expect_tag(importing(10, false), "import-time", false);
}

/* Line 2 of work has 90 % of the time in runs of `run` samples. */
static struct built *querying(const char *type, size_t run)
{
    static const char text[] = "for key in keys:\n    row = db.execute(QUERY, (key,)).fetchone()\n    use(row)\n";
    uint32_t work;
    struct built *built = written(text, "work", &work);
    uint32_t thread = built_thread(built, 1), query = built_stack(built, 0, work, 2);
    uint32_t rest = built_stack(built, 0, work, 3);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, i % (run + 1) == run ? rest : query, STATE_NATIVE, 1, MS);
    built_operand(built, 1, "call", type, 0, 0, 0);
    built_cores(built, 4);
    return built;
}

/* Two workers at once, each on the line for 60 % of its time: 60 % of the elapsed time is that line's, not all of it.
 */
static void queries_of_several_workers_are_a_part_of_each(void **state)
{
    (void)state;
    static const char text[] = "for key in keys:\n    row = db.execute(QUERY, (key,)).fetchone()\n    use(row)\n";
    uint32_t work;
    struct built *built = written(text, "work", &work);
    uint32_t threads[2] = {built_thread(built, 1), built_thread(built, 1)};
    uint32_t query = built_stack(built, 0, work, 2), rest = built_stack(built, 0, work, 3);
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < WHOLE; i++)
            built_sample(built, (i + 1) * MS, threads[t], i % 5 < 3 ? query : rest, STATE_NATIVE, 1, MS);
    built_operand(built, 1, "call", "sqlite3.Cursor", 0, 0, 0);
    built_cores(built, 4);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "n-plus-one");
    assert_float_equal(diagnosis->findings[0].evidence[0].value, 0.6f, 0.01f);
    assert_true(diagnosis->findings[0].max_gain < 2.6);
    diagnosis_free(diagnosis);
    free(built);
}

/* Fourteen samples there, `away` elsewhere, and every 100 samples thirty more of what is done between the rounds. */
static struct built *querying_in_phases(size_t away)
{
    struct built *built = querying("sqlite3.Cursor", 14);
    for (size_t i = 0; i < WHOLE; i++) {
        bool there = i % 100 >= 30 && i % (14 + away) < 14;
        built->stack[i] = there ? 1 : 2;
    }
    return built;
}

static void many_short_queries_are_told(void **state)
{
    (void)state;
    expect_tag(querying("sqlite3.Cursor", 9), "n-plus-one", true);
    expect_tag(querying_in_phases(1), "n-plus-one", true);
    expect_tag(querying_in_phases(12), "n-plus-one", false); /* long ones, and something long between */
    expect_tag(querying("sqlite3.Connection", 9), "n-plus-one", true);
    expect_tag(querying("sqlite3.Cursor", 200), "n-plus-one", false);  /* long ones */
    expect_tag(querying("Executor", 9), "n-plus-one", false);          /* something else that executes */
    expect_tag(querying("sqlite3.Cursor", 3999), "n-plus-one", false); /* one */
}

/* Lines 2 and 3 in turns: what they work on was looked at likewise. */
static struct built *querying_in_turns(const char *text, const char *other)
{
    static struct operand both[2];
    uint32_t work;
    struct built *built = written(text, "work", &work);
    uint32_t thread = built_thread(built, 1);
    uint32_t stacks[] = {built_stack(built, 0, work, 2), built_stack(built, 0, work, 3),
                         built_stack(built, 0, work, 4)};
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, stacks[i % 10 == 0 ? 2 : i % 2], STATE_NATIVE, 1, MS);
    both[1] = *built_operand(built, 2, "call", other, 0, 0, 0);
    both[0] = *built_operand(built, 1, "call", "sqlite3.Cursor", 0, 0, 0);
    built->profile.operands = both;
    built->profile.n_operands = 2;
    built_cores(built, 4);
    return built;
}

static double share_of_queries(struct built *built)
{
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "n-plus-one");
    double share = 1 - 1 / diagnosis->findings[0].max_gain;
    diagnosis_free(diagnosis);
    free(built);
    return share;
}

static void queries_in_turns_go_together(void **state)
{
    (void)state;
    static const char two[] =
        "for key in keys:\n    row = db.execute(FIND, key)\n    db.execute(ADD, key)\n    use(row)\n";
    static const char one[] =
        "for key in keys:\n    row = db.execute(FIND, key)\n    db.rows(ADD, key)\n    use(row)\n";
    double both = share_of_queries(querying_in_turns(two, "sqlite3.Cursor"));
    assert_true(both > 0.85 && both < 0.95);
    assert_true(share_of_queries(querying_in_turns(two, "Executor")) < 0.6);
    assert_true(share_of_queries(querying_in_turns(one, "sqlite3.Cursor")) < 0.6);
}

/* The line's part of the function's time in either half, of 100; a list of `first` to `latest` items. */
static struct built *growing_by(const char *text, const char *operation, const char *type, size_t early, size_t late,
                                int64_t first, int64_t latest)
{
    uint32_t work;
    struct built *built = written(text, "work", &work);
    uint32_t thread = built_thread(built, 1), line = built_stack(built, 0, work, 2);
    uint32_t rest = built_stack(built, 0, work, 3);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, i * 37 % 100 < (i < WHOLE / 2 ? early : late) ? line : rest,
                     STATE_PYTHON, 1, MS);
    built_operand(built, 1, operation, type, strcmp(operation, "call") == 0, first, latest);
    built_cores(built, 4);
    return built;
}

static struct built *growing(size_t early, size_t late, int64_t first, int64_t latest)
{
    static const char text[] = "def work(values):\n    mean = sum(history) / count\n    check(mean)\n";
    return growing_by(text, "call", "list", early, late, first, latest);
}

static void what_grows_with_the_run_is_told(void **state)
{
    (void)state;
    static const char walks[] = "def work(values):\n    for value in history: total += value\n    check(total)\n";
    static const char asks[] = "def work(values):\n    old = value in history\n    check(old)\n";
    static const char measures[] = "def work(values):\n    places.append(len(history))\n    check(mean)\n";
    expect_tag(growing_by(walks, "for", "list", 90, 97, 900, 9000), "growth", true);
    expect_tag(growing_by(asks, "in", "set", 90, 97, 900, 9000), "growth", false);
    expect_tag(growing_by(asks, "[]", "dict", 90, 97, 900, 9000), "growth", false);
    expect_tag(growing_by(measures, "call", "list", 90, 97, 900, 9000), "growth", false);
    expect_tag(growing(90, 97, 900, 9000), "growth", true);
    expect_tag(growing(97, 97, 900, 9000), "growth", false);  /* it grows, its time does not */
    expect_tag(growing(90, 97, 9000, 9000), "growth", false); /* something else made it longer */
    expect_tag(growing(90, 97, 9, 90), "growth", false);      /* short */
    expect_tag(growing(10, 30, 900, 9000), "growth", false);  /* not where the time is */
}

/* Two lines that share the time, and what they work on. */
static struct built *two_of(const char *text, int64_t items)
{
    uint32_t work;
    struct built *built = written(text, "work", &work);
    uint32_t thread = built_thread(built, 1);
    uint32_t stacks[] = {built_stack(built, 0, work, 2), built_stack(built, 0, work, 3)};
    rounds(built, 0, thread, stacks, 2, 3, STATE_PYTHON, WHOLE);
    built_operand(built, 1, "call", "bytes", 1, items, items);
    built_cores(built, 4);
    return built;
}

static void built_in_calls_in_a_row_are_no_loop(void **state)
{
    (void)state;
    static const char row[] = "def work(a):\n    n = int.from_bytes(a, 'big')\n    return n.to_bytes(len(a), 'big')\n";
    static const char loop[] = "def work(a):\n    while a:\n        a = int.from_bytes(a, 'big')\n";
    expect_tag(two_of(row, 60000), "hot-loop", false);
    expect_tag(two_of(row, 60000), "already-native", true);
    expect_tag(two_of(row, 8), "hot-loop", true); /* little each time: it is called often */
    expect_tag(two_of(loop, 60000), "hot-loop", true);
}

int call_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_calling_costs_is_no_built_in_call),
        cmocka_unit_test(call_overhead_is_of_small_functions),
        cmocka_unit_test(call_overhead_is_in_calls),
        cmocka_unit_test(imports_that_nothing_uses_are_told),
        cmocka_unit_test(queries_of_several_workers_are_a_part_of_each),
        cmocka_unit_test(many_short_queries_are_told),
        cmocka_unit_test(queries_in_turns_go_together),
        cmocka_unit_test(what_grows_with_the_run_is_told),
        cmocka_unit_test(built_in_calls_in_a_row_are_no_loop),
    };
    return cmocka_run_group_tests_name("findings: calls", tests, NULL, NULL);
}
