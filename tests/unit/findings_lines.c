/* Findings that are read from the text of a line. */
#include "findings_tests.h"

static void membership_is_read_from_the_line(void **state)
{
    (void)state;
    static const char *const tests[] = {"if key in seen:", "while word not in found:", "if (a, b) in pairs:",
                                        "    return order[\"order\"] in seen  # every (time)", "if not (key in seen):"};
    static const char *const others[] = {"for key in keys:",
                                         "total = sum(x for x in xs if x in seen)",
                                         "if digest(key) in seen:",
                                         "if key.lower() in seen:",
                                         "print('is it in here')",
                                         "x = 1  # if key in seen",
                                         "index = inner",
                                         "text = '''if key in seen",
                                         "if table[0](key) in seen:",
                                         "names = {k: v for k, v in pairs}",
                                         "s = 'a\\' in b'",
                                         ""};
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        if (!source_tests_membership(tests[i], strlen(tests[i])))
            fail_msg("not seen: %s", tests[i]);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (source_tests_membership(others[i], strlen(others[i])))
            fail_msg("wrongly seen: %s", others[i]);
    }
}

static void list_membership_comes_before_native_code(void **state)
{
    (void)state;
    struct built *built = searching("if key in seen:\n    seen.append(key)\n", 90);
    struct diagnosis *diagnosis = diagnosed(built);
    const struct finding *finding = &diagnosis->findings[0];
    assert_string_equal(finding->tag, "list-membership");
    assert_int_equal(finding->prescription, PRESCRIBE_ALGORITHM);
    assert_int_equal(finding->line, 2);
    assert_true(finding->max_gain > 9 && finding->max_gain < 11);
    assert_int_equal(diagnosis->n_findings, 1); /* no hot-loop for the same function */
    diagnosis_free(diagnosis);
    free(built);
    /* A set: the line takes about as long as the loop around it. */
    expect(searching("if key in seen:\n    seen.add(key)\n", 50), TAGS("hot-loop"));
    expect(searching("if check(key) in seen:\n    seen.add(key)\n", 90), TAGS("hot-loop"));
}

/* One call of a built-in function is compiled code inside the interpreter: the same states, another advice. */
static void a_builtin_call_is_native(void **state)
{
    (void)state;
    struct built *built = searching("return compiled(pattern).match(text)\n", 100);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "already-native");
    assert_int_equal(diagnosis->findings[0].line, 2);
    diagnosis_free(diagnosis);
    free(built);
    expect(searching("return [match(text) for text in texts]\n", 100), TAGS("hot-loop"));
    expect(searching("while more(): total += 1\n", 100), TAGS("hot-loop"));
    expect(searching("return first + second\n", 100), TAGS("hot-loop"));
    expect(searching("return compiled(pattern).match(text)\n", 90), TAGS("hot-loop"));
}

/* Instruction pointers say more than the text of the line: where they lie decides, and few of them say nothing. */
static void pointers_tell_a_builtin_call(void **state)
{
    (void)state;
    static const struct {
        const char *text, *tag;
        size_t every; /* sample with a pointer */
        size_t loop;  /* one of so many of them in the loop */
    } rows[] = {
        {"while True: sum(range(1000))\n", "already-native", 1, 50},
        {"while True: sum(range(1000))\n", "hot-loop", 1, 2},
        {"return compiled(pattern).match(text)\n", "hot-loop", 1, 2},
        {"for _ in range(9000): h = sha256(h).digest()\n", "flat", 1, 5}, /* what it calls has most of it */
        {"while True: sum(range(1000))\n", "hot-loop", 8, 50},
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct built *built = searching(rows[row].text, 100);
        for (size_t i = 0; i < built->profile.samples.count; i += rows[row].every)
            built->place[i] = i / rows[row].every % rows[row].loop == 0 ? PLACE_LOOP : PLACE_RUNTIME;
        expect(built, TAGS(rows[row].tag));
    }
}

/* What is called is named, and the module that the line itself is in; one that other lines call is not. */
static void only_the_line_s_own_module_is_named(void **state)
{
    (void)state;
    static const char text[] = "while True: total = parse(text)\n";
    for (int of_it = 0; of_it < 2; of_it++) {
        struct built *built = searching(text, 100);
        struct expression hot = {
            .frame = built->stacks[1].frame, .end_line = 2, .column = 20, .end_column = 31, .ticks = 9};
        uint32_t other = built_stack(built, 0, built_function(built, "load", "/home/u/app.py", true), 40);
        uint32_t module = built_function(built, "parse", "/v/site-packages/tomli/_parser.so", false);
        built->functions[module].kind = FUNCTION_NATIVE;
        uint32_t inside = built_stack(built, of_it ? 1 : other, module, 0);
        built->profile.expressions = &hot;
        built->profile.n_expressions = 1;
        for (size_t i = 0; i < built->profile.samples.count; i++) {
            built->place[i] = i % 10 == 0 ? PLACE_UNKNOWN : PLACE_RUNTIME;
            built->stack[i] = i % 10 == 0 ? inside : 1;
            built->state[i] = i % 10 == 0 ? STATE_NATIVE_GIL : STATE_PYTHON;
        }
        struct diagnosis *diagnosis = diagnosed(built);
        const char *sentence = diagnosis->findings[0].sentence;
        assert_string_equal(diagnosis->findings[0].tag, "already-native");
        if (strstr(sentence, of_it ? "parse, compiled code, some of it in tomli._parser,"
                                   : "parse, compiled code of the interpreter,") == NULL)
            fail_msg("%s", sentence);
        diagnosis_free(diagnosis);
        free(built);
    }
}

/* A short function that is called often: its caller's loop shows, or it is its own caller. */
static void a_called_function_is_no_builtin(void **state)
{
    (void)state;
    static const char text[] = "return a if n < 2 else fib(n - 1) + fib(n - 2)\n";
    for (int recursive = 0; recursive < 2; recursive++) {
        struct built *built = searching(text, 100);
        struct profile *profile = &built->profile;
        uint32_t caller = recursive ? 1 : built_function(built, "main", "/home/u/app.py", true);
        uint32_t outer = built_stack(built, 0, caller, 9), inner = built_stack(built, outer, 1, 2);
        for (size_t i = 0; i < profile->samples.count; i++)
            built->stack[i] = i % 5 == 0 && !recursive ? outer : inner;
        expect(built, TAGS("hot-loop"));
    }
}

int line_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(membership_is_read_from_the_line), cmocka_unit_test(list_membership_comes_before_native_code),
        cmocka_unit_test(a_builtin_call_is_native),         cmocka_unit_test(a_called_function_is_no_builtin),
        cmocka_unit_test(pointers_tell_a_builtin_call),     cmocka_unit_test(only_the_line_s_own_module_is_named),
    };
    return cmocka_run_group_tests_name("findings: lines", tests, NULL, NULL);
}
