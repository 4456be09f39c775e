/* What a recording has not is said beside a conclusion that other rules could have come before: looks, source text. And
 * what to measure next. */
#include "findings_tests.h"

#include <math.h>

static const char no_looks[] = "nothing was seen of what its lines work on";
static const char no_text[] = "its source text was not kept";
static const char neither[] = "neither its source text nor what its lines work on was seen";

/* Lines 2 and 3 of as many functions of one file, each with the same part of the time. */
static struct built *functions_of(size_t n, enum state state)
{
    static const char names[8][3] = {"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"};
    struct built *built = built_new();
    uint32_t thread = built_thread(built, 1), stacks[16], first = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t function = built_function(built, names[i], "/home/u/app.py", true);
        first = i == 0 ? function : first;
        built->functions[function].file = built->functions[first].file;
        stacks[2 * i] = built_stack(built, 0, function, (uint32_t)(10 * i + 2));
        stacks[2 * i + 1] = built_stack(built, 0, function, (uint32_t)(10 * i + 3));
        rounds(built, i * WHOLE / n, thread, &stacks[2 * i], 2, 2, state, WHOLE / n);
    }
    built_cores(built, 4);
    return built;
}

static void give_looks(struct built *built)
{
    built_operand(built, 1, "+", "int", 0, 0, 0);
}

static void give_text(struct built *built)
{
    static char text[400];
    memset(text, 'a', sizeof text - 1);
    for (size_t i = 1; i < sizeof text - 1; i += 2)
        text[i] = '\n';
    built_text(built, 1, 1, text);
}

bool is_not_measured(const struct finding *finding, const char *part)
{
    for (size_t i = 0; i < finding->n_not_measured; i++) {
        if (strstr(finding->not_measured[i], part) != NULL)
            return true;
    }
    return false;
}

/* `clause`: what its sentence says is missing; NULL: nothing is. */
static void expect_clause(struct built *built, const char *tag, double confidence, const char *clause)
{
    struct diagnosis *diagnosis = diagnosed(built);
    const struct finding *first = &diagnosis->findings[0];
    if (strcmp(first->tag, tag) != 0)
        fail_msg("%s, not %s: %s", first->tag, tag, first->sentence);
    if (fabs(first->confidence - confidence) > 1e-9)
        fail_msg("confidence %g, not %g: %s", first->confidence, confidence, first->sentence);
    if (clause == NULL ? strstr(first->sentence, " seen") != NULL || strstr(first->sentence, " kept") != NULL
                       : strstr(first->sentence, clause) == NULL)
        fail_msg("not as it should be: %s", first->sentence);
    assert_int_equal(is_not_measured(first, "--no-operands"), clause == no_looks || clause == neither);
    assert_int_equal(is_not_measured(first, "--no-source"), clause == no_text || clause == neither);
    diagnosis_free(diagnosis);
    free(built);
}

/* The four of them: looks and text, no looks, no text, neither. */
static void expect_each(size_t functions, enum state state, const char *tag, double confidence)
{
    static const char *const clauses[] = {NULL, no_looks, no_text, neither};
    for (size_t i = 0; i < 4; i++) {
        struct built *built = functions_of(functions, state);
        if (i % 2 == 0)
            give_looks(built);
        if (i < 2)
            give_text(built);
        double kept = i == 0 ? 1 : i < 3 ? 0.75 : 0.75 * 0.75;
        expect_clause(built, tag, confidence * kept, clauses[i]);
    }
}

static void flat_says_what_it_could_not_see(void **state)
{
    (void)state;
    expect_each(8, STATE_PYTHON, "flat", 0.8);
    struct built *built = functions_of(8, STATE_PYTHON);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_non_null(strstr(diagnosis->findings[0].action, "Look again with what is missing"));
    diagnosis_free(diagnosis);
    free(built);
}

/* A clear loop is one all the same: a Python that is not looked at gets its advice. */
static void a_hot_loop_is_told_without_looks(void **state)
{
    (void)state;
    expect_each(1, STATE_PYTHON, "hot-loop", 0.8);
}

static void already_native_says_what_it_could_not_see(void **state)
{
    (void)state;
    expect_each(1, STATE_NATIVE, "already-native", 0.9);
}

/* Where little is computed, no looks are missed. */
static void a_program_that_waits_is_not_looked_at(void **state)
{
    (void)state;
    struct built *built = built_new();
    uint32_t thread = built_thread(built, 1);
    uint32_t line = built_stack(built, 0, built_function(built, "work", "/home/u/app.py", true), 2);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, line, i < 400 ? STATE_PYTHON : STATE_IO, 1, MS);
    built_cores(built, 1);
    give_text(built);
    expect_clause(built, "flat", 0.8, NULL);
}

/* Looks at one process say nothing of another's lines. */
static void looks_are_of_a_process(void **state)
{
    (void)state;
    for (uint32_t looked = 1; looked <= 2; looked++) {
        struct built *built = functions_of(1, STATE_PYTHON);
        uint32_t child = built_stack(built, 0, built_function(built, "child", "/home/u/child.py", true), 2);
        built->processes[built->profile.n_processes++] = (struct process){.pid = 200};
        uint32_t thread = built_thread(built, 2);
        for (size_t i = 0; i < 200; i++)
            built_sample(built, (i + 1) * MS, thread, child, STATE_PYTHON, 1, MS);
        give_looks(built);
        built->profile.operands[0].frame = looked == 1 ? 1 : built->stacks[child].frame;
        give_text(built);
        expect_clause(built, "hot-loop", looked == 1 ? 0.8 : 0.6, looked == 1 ? NULL : no_looks);
    }
}

/* The looks of a recording are not told apart by threads or times. */
static void a_part_has_no_looks(void **state)
{
    (void)state;
    struct built *built = functions_of(1, STATE_PYTHON);
    give_text(built);
    give_looks(built);
    struct profile whole = built->profile;
    built->profile.n_operands = 0;
    built->profile.whole = &whole;
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "hot-loop");
    assert_non_null(strstr(diagnosis->findings[0].sentence, no_looks));
    assert_true(is_not_measured(&diagnosis->findings[0], "not of a part"));
    diagnosis_free(diagnosis);
    free(built);
}

/* With what it is named for those words: freed by the caller. */
static struct built *next_of(const char *const *words, const char *name, struct finding *finding)
{
    struct built *built = built_new();
    *finding = (struct finding){0};
    for (size_t i = 0; i < 3; i++)
        built->command[i] = words[i];
    built->processes[1].command = built_string(built, "/usr/bin/python3.13");
    built->processes[1].python = built_string(built, words[3] != NULL ? words[3] : "3.13.0");
    assert_int_equal(finding_fill_next(&built->profile, name, finding), 0);
    return built;
}

static void expect_next(const char *const *words, const char *name, const char *command)
{
    struct finding finding;
    struct built *built = next_of(words, name, &finding);
    assert_int_equal(finding.next_tells != NULL, command != NULL);
    assert_string_equal(finding.next_command, command != NULL ? command : "");
    free(built);
}

#define WORDS(...) ((const char *const[4]){__VA_ARGS__})

/* Only a command that the program can be put into is named. */
static void what_to_measure_next_is_a_command(void **state)
{
    (void)state;
    expect_next(WORDS("app.py", "20000"), "GROWTH", "keisoku scale --sizes 2500,5000,10000,20000 -- app.py {n}");
    expect_next(WORDS("python3.12", "app.py", "7"), "GROWTH",
                "keisoku scale --sizes 1000,2000,4000,8000 -- python3.12 app.py 7 {n}");
    expect_next(WORDS("app.py", "12", "a file"), "GROWTH", "keisoku scale --sizes 2,4,8,16 -- app.py {n} 'a file'");
    expect_next(WORDS("-m", "app", "20000"), "GROWTH", NULL);
    expect_next(WORDS("app.py", "--n", "20000"), "GROWTH", NULL); /* or a seed, or a port */
    expect_next(WORDS("app.py", "-v", "a", NULL), "GROWTH",
                "keisoku scale --sizes 1000,2000,4000,8000 -- app.py -v a {n}");
    expect_next(WORDS("python3", "-X", "app.py"), "CALL_OVERHEAD", "keisoku run --calls python3 -X app.py");
    expect_next(WORDS("app.py", "20000"), "REPEATED_WORK", "keisoku run --calls --arg-hash app.py 20000");
    expect_next(WORDS("gunicorn", "app:run"), "TEMPORARIES", "keisoku run --native gunicorn app:run");
    expect_next(WORDS("gunicorn", "app:run"), "GC_PRESSURE", "keisoku run --allocs gunicorn app:run");
    expect_next(WORDS("app.py", NULL, NULL, "3.8.20"), "LEAK", "keisoku run --allocs app.py");
    expect_next(WORDS("app.py", NULL, NULL, "3.7.16"), "LEAK", NULL); /* the agent cannot get in */
    expect_next(WORDS("app.py", NULL, NULL, "2.7.18"), "UNBOUNDED_CACHE", NULL);
    expect_next(WORDS("app.py"), "FLAT", NULL);
    expect_next(WORDS(NULL), "GROWTH", NULL);
}

int evidence_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_says_what_it_could_not_see),
        cmocka_unit_test(a_hot_loop_is_told_without_looks),
        cmocka_unit_test(already_native_says_what_it_could_not_see),
        cmocka_unit_test(a_program_that_waits_is_not_looked_at),
        cmocka_unit_test(looks_are_of_a_process),
        cmocka_unit_test(a_part_has_no_looks),
        cmocka_unit_test(what_to_measure_next_is_a_command),
    };
    return cmocka_run_group_tests_name("findings: evidence", tests, NULL, NULL);
}
