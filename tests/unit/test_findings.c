/*
 * Every finding on a profile that shows it and on one that looks alike and does not. The profiles are what the sampler
 * would see of the programs in tests/findings/programs; the real ones run in tests/findings/test_controls.py.
 */
#include "findings_tests.h"

#include <math.h>

#include "failing.h"

void rounds(struct built *built, uint64_t from_ms, uint32_t thread, const uint32_t *stacks, size_t n, size_t each,
            enum state state, size_t count)
{
    for (size_t i = 0; i < count; i++)
        built_sample(built, (from_ms + i + 1) * MS, thread, stacks[i / each % n], state, 1, MS);
}

struct diagnosis *diagnosed(struct built *built)
{
    struct diagnosis *diagnosis = NULL;
    assert_int_equal(diagnose(&built->profile, &diagnosis), 0);
    assert_true(diagnosis->n_findings > 0);
    for (size_t i = 0; i < diagnosis->n_findings; i++) {
        const struct finding *finding = &diagnosis->findings[i];
        assert_true(finding->n_evidence > 0 && finding->confidence > 0 && finding->confidence <= 1);
        assert_true(finding->sentence[0] != '\0' && finding->action[0] != '\0' && finding->check_command[0] != '\0');
        assert_null(strchr(finding->sentence, '{'));
        assert_true(finding->predicted_low <= finding->predicted_high);
        assert_true(finding->max_gain == 0 || finding->predicted_high <= finding->max_gain * 1.0001);
    }
    return diagnosis;
}

void expect(struct built *built, const char *const *tags)
{
    struct diagnosis *diagnosis = diagnosed(built);
    for (size_t i = 0; i < diagnosis->n_findings; i++) {
        if (tags[i] == NULL || strcmp(tags[i], diagnosis->findings[i].tag) != 0)
            fail_msg("finding %zu is %s, not %s: %s", i + 1, diagnosis->findings[i].tag,
                     tags[i] != NULL ? tags[i] : "(none)", diagnosis->findings[i].sentence);
    }
    if (tags[diagnosis->n_findings] != NULL)
        fail_msg("%s is missing", tags[diagnosis->n_findings]);
    diagnosis_free(diagnosis);
    free(built);
}

void expect_tag(struct built *built, const char *tag, bool there)
{
    struct diagnosis *diagnosis = diagnosed(built);
    bool found = false;
    for (size_t i = 0; i < diagnosis->n_findings; i++)
        found = found || strcmp(diagnosis->findings[i].tag, tag) == 0;
    if (found != there)
        fail_msg("%s is %s: %s", tag, there ? "missing" : "there", diagnosis->findings[0].sentence);
    diagnosis_free(diagnosis);
    free(built);
}

void two_lines(struct built *built, uint32_t stacks[2])
{
    uint32_t module = built_function(built, "<module>", "/home/u/app.py", true);
    uint32_t work = built_function(built, "work", "/home/u/app.py", true);
    uint32_t top = built_stack(built, 0, module, 20);
    stacks[0] = built_stack(built, top, work, 10);
    stacks[1] = built_stack(built, top, work, 11);
}

struct built *searching(const char *text, size_t share)
{
    struct built *built = built_new();
    uint32_t work = built_function(built, "work", "/home/u/app.py", true), thread = built_thread(built, 1);
    uint32_t search = built_stack(built, 0, work, 2), rest = built_stack(built, 0, work, 3);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, i * 37 % 100 < share ? search : rest, STATE_PYTHON, 1, MS);
    built_text(built, work, 2, text);
    built_cores(built, 4);
    return built;
}

static void hot_loop_holds(void **state)
{
    (void)state;
    struct built *built = built_new();
    uint32_t stacks[2], thread = built_thread(built, 1);
    two_lines(built, stacks);
    rounds(built, 0, thread, stacks, 2, 3, STATE_PYTHON, WHOLE);
    built_cores(built, 4); /* no core is free */
    struct diagnosis *diagnosis = diagnosed(built);
    const struct finding *finding = &diagnosis->findings[0];
    assert_string_equal(finding->tag, "hot-loop");
    assert_int_equal(finding->prescription, PRESCRIBE_NATIVE);
    assert_int_equal(finding->function, 2);
    assert_true(finding->line == 10 || finding->line == 11);
    assert_int_equal(finding->line_first, 10);
    assert_int_equal(finding->line_last, 11);
    assert_true(finding->predicted_low > 1.5 && finding->predicted_low <= 4);
    assert_true(finding->predicted_high > 30 && finding->predicted_high <= 100);
    assert_true(finding->evidence[0].interval && finding->evidence[0].low > 0.99);
    assert_string_equal(finding->check_command,
                        "keisoku bench 'python3 test.py' 'python3 test_fixed.py' --from test.1.kei --equal-output");
    assert_int_equal(diagnosis->n_findings, 1);
    diagnosis_free(diagnosis);
    free(built);
}

/* The module calls work in line 20. */
static struct built *two_lines_in_a_loop(const char *text)
{
    struct built *built = built_new();
    uint32_t stacks[2], thread = built_thread(built, 1);
    two_lines(built, stacks);
    rounds(built, 0, thread, stacks, 2, 3, STATE_PYTHON, WHOLE);
    built_cores(built, 1.2);
    built_text(built, 1, 19, text);
    return built;
}

static void hot_loop_with_free_cores_comes_first(void **state)
{
    (void)state;
    expect(two_lines_in_a_loop("for case in cases:\n    done.append(work(case))\n"), TAGS("hot-loop", "one-core"));
    expect(two_lines_in_a_loop("for case in cases:\n    state = work(state)\n"), TAGS("hot-loop"));
    expect(two_lines_in_a_loop("for case in cases:\n    work(case)\n"), TAGS("hot-loop"));
    expect(two_lines_in_a_loop(""), TAGS("hot-loop"));
}

static void hot_loop_without_instruction_pointers(void **state)
{
    (void)state;
    struct built *built = built_new();
    uint32_t stacks[2], thread = built_thread(built, 1);
    two_lines(built, stacks);
    rounds(built, 0, thread, stacks, 2, 3, STATE_ON_CPU, WHOLE);
    built_cores(built, 4);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "hot-loop");
    assert_true(diagnosis->findings[0].confidence < 0.5);
    assert_int_equal(diagnosis->findings[0].n_not_measured, 5); /* looks and source text among them */
    diagnosis_free(diagnosis);
    /* On one line all along, it may be one call into native code: no advice. */
    struct built *one_line = built_new();
    thread = built_thread(one_line, 1);
    two_lines(one_line, stacks);
    rounds(one_line, 0, thread, stacks, 1, 1, STATE_ON_CPU, WHOLE);
    built_cores(one_line, 4);
    expect(one_line, TAGS("flat"));
    free(built);
}

/* Ten phases, each a loop of its own in a function of its own, one after the other. */
static void ten_phases(struct built *built, uint32_t stacks[20], enum state state, size_t count)
{
    uint32_t thread = built_thread(built, 1), main = built_function(built, "main", "/home/u/app.py", true);
    for (uint32_t i = 0; i < 10; i++) {
        static const char names[10][8] = {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"};
        uint32_t top = built_stack(built, 0, main, 100 + i);
        uint32_t phase = built_function(built, names[i], "/home/u/app.py", true);
        stacks[2 * i] = built_stack(built, top, phase, 10 * i + 1);
        stacks[2 * i + 1] = built_stack(built, top, phase, 10 * i + 2);
        rounds(built, i * count / 10, thread, &stacks[2 * i], 2, 2, state, count / 10);
    }
}

static void phases_are_flat(void **state)
{
    (void)state;
    struct built *built = built_new();
    uint32_t stacks[20];
    ten_phases(built, stacks, STATE_PYTHON, WHOLE);
    built_cores(built, 1); /* cores are free, but there is no loop around it all */
    expect(built, TAGS("flat"));
}

/* Ten functions of libraries, called in turns from `lines` lines of own code. */
static struct built *asking_libraries(uint32_t lines, const char *file)
{
    struct built *built = built_new();
    uint32_t work = built_function(built, "work", file, true), thread = built_thread(built, 1), stacks[10];
    uint32_t own[] = {built_stack(built, 0, work, 5), built_stack(built, 0, work, 6)};
    uint32_t search = built_function(built, "search", "/usr/lib/python3.14/re/__init__.py", false);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t parse = built_function(built, &"abcdefghij"[i], "/usr/lib/python3.14/re/_parser.py", false);
        stacks[i] = built_stack(built, built_stack(built, own[i % lines], search, 177), parse, 10 * i);
    }
    rounds(built, 0, thread, stacks, 10, 1, STATE_PYTHON, WHOLE);
    built_cores(built, 1);
    return built;
}

static void what_one_line_asks_of_libraries_is_said(void **state)
{
    (void)state;
    for (uint32_t lines = 1; lines <= 2; lines++) {
        struct built *built = asking_libraries(lines, "/home/u/app.py");
        struct diagnosis *diagnosis = diagnosed(built);
        const struct finding *finding = &diagnosis->findings[0];
        assert_string_equal(finding->tag, "flat");
        assert_int_equal(strstr(finding->sentence, "library code, search, for app.py:5") != NULL, lines == 1);
        assert_int_equal(finding->line == 5 && built->profile.function_own[finding->function], lines == 1);
        diagnosis_free(diagnosis);
        free(built);
    }
    /* a long path loses whole characters */
    struct built *built = asking_libraries(1, "/home/u/ééééééééééééééééééééééééééééééééééééééééééééééé.py");
    struct diagnosis *diagnosis = diagnosed(built);
    assert_non_null(strstr(diagnosis->findings[0].sentence, ", for …éé"));
    diagnosis_free(diagnosis);
    free(built);
}

void built_text(struct built *built, uint32_t function, uint32_t first_line, const char *text)
{
    static struct profile_source source;
    source = (struct profile_source){
        .file = built->functions[function].file, .first_line = first_line, .text = text, .length = strlen(text)};
    built->profile.sources = &source;
    built->profile.n_sources = 1;
}

struct built *written(const char *text, const char *name, uint32_t *function)
{
    struct built *built = built_new();
    *function = built_function(built, name, "/home/u/app.py", true);
    built->functions[*function].first_line = 1;
    built_text(built, *function, 1, text);
    return built;
}

struct operand *built_operand(struct built *built, uint32_t frame, const char *operation, const char *type, int slot,
                              int64_t first, int64_t latest)
{
    static struct operand operand;
    operand = (struct operand){.frame = frame,
                               .operation = built_string(built, operation),
                               .type = built_string(built, type),
                               .slot = (uint8_t)slot,
                               .looks = 40,
                               .sized = first > 0 ? 40 : 0,
                               .least = first,
                               .most = latest,
                               .first = first,
                               .latest = latest,
                               .total = (first + latest) * 20};
    built->profile.operands = &operand;
    built->profile.n_operands = 1;
    return &operand;
}

/* A loop in main calls ten small functions in turn. */
struct built *loop_over_ten(enum state state)
{
    static const char text[] = "for case in cases:\n"
                               "    a.append(p0(case))\n    b.append(p1(case))\n    c.append(p2(case))\n"
                               "    d.append(p3(case))\n    e.append(p4(case))\n    f.append(p5(case))\n"
                               "    g.append(p6(case))\n    h.append(p7(case))\n    i.append(p8(case))\n"
                               "    j.append(p9(case))\n";
    struct built *built = built_new();
    uint32_t stacks[10], thread = built_thread(built, 1);
    uint32_t main = built_function(built, "main", "/home/u/app.py", true);
    for (uint32_t i = 0; i < 10; i++) {
        static const char names[10][8] = {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"};
        uint32_t top = built_stack(built, 0, main, 100 + i);
        stacks[i] = built_stack(built, top, built_function(built, names[i], "/home/u/app.py", true), 10 * i + 1);
    }
    rounds(built, 0, thread, stacks, 10, 2, state, WHOLE);
    built_text(built, main, 99, text);
    return built;
}

static void one_core_holds_for_rounds(void **state)
{
    (void)state;
    struct built *built = loop_over_ten(STATE_PYTHON);
    built_cores(built, 1);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "one-core");
    assert_int_equal(diagnosis->findings[0].function, 1);
    assert_true(diagnosis->findings[0].max_gain > 3.9 && diagnosis->findings[0].max_gain <= 4);
    /* the loop has all of it: the same work four times as fast, or four times the work */
    assert_true(diagnosis->findings[0].scaled_gain >= diagnosis->findings[0].max_gain * 0.999);
    assert_true(diagnosis->findings[0].scaled_gain <= 4.0001);
    diagnosis_free(diagnosis);
    free(built);
    struct built *busy = loop_over_ten(STATE_PYTHON);
    built_cores(busy, 3.9); /* the neighbours have the other cores */
    expect(busy, TAGS("flat"));
    struct built *quota = loop_over_ten(STATE_PYTHON);
    quota->profile.cores_quota = 1.1;
    built_cores(quota, 1);
    expect(quota, TAGS("flat"));
    struct built *pinned = loop_over_ten(STATE_PYTHON);
    pinned->profile.cores_allowed = 1;
    built_cores(pinned, 1);
    expect(pinned, TAGS("flat"));
}

/* Cores that we took are free, but of a part only what we took in that. */
static void of_a_part_our_own_time_is_a_part(void **state)
{
    (void)state;
    for (int part = 0; part < 2; part++) {
        struct built *built = loop_over_ten(STATE_PYTHON);
        struct profile whole = {.duration_ns = 10 * built->profile.duration_ns};
        built_cores(built, 4);
        built->profile.self.own_cpu_ns = built->profile.duration_ns;
        built->profile.whole = part ? &whole : NULL;
        struct diagnosis *diagnosis = diagnosed(built);
        assert_true(fabs(diagnosis->cores_free - (part ? 0.1 : 1)) < 0.01);
        diagnosis_free(diagnosis);
        free(built);
    }
}

static void full_pool_is_left_alone(void **state)
{
    (void)state;
    struct built *built = built_new();
    uint32_t stacks[10], main = built_function(built, "main", "/home/u/app.py", true);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t top = built_stack(built, 0, main, 100 + i);
        stacks[i] = built_stack(built, top, built_function(built, "p", "/home/u/app.py", true), 10 * i + 1);
    }
    for (int i = 0; i < 4; i++) {
        built->processes[built->profile.n_processes++] = (struct process){.pid = 200 + i, .parent = 1};
        rounds(built, 0, built_thread(built, (uint32_t)(2 + i)), stacks, 10, 2, STATE_PYTHON, WHOLE);
    }
    built_cores(built, 4);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "flat");
    assert_non_null(strstr(diagnosis->findings[0].sentence, "All 4 cores"));
    assert_int_equal(diagnosis->n_findings, 1);
    diagnosis_free(diagnosis);
    free(built);
}

static void native_is_left_native(void **state)
{
    (void)state;
    struct built *built = built_new();
    uint32_t module = built_function(built, "<module>", "/home/u/app.py", true);
    uint32_t call = built_stack(built, 0, module, 3), thread = built_thread(built, 1);
    rounds(built, 0, thread, &call, 1, 1, STATE_NATIVE, WHOLE);
    built_cores(built, 1); /* one call: nothing comes back, so no loop to share out */
    expect(built, TAGS("already-native"));
    struct built *rounds_of_it = loop_over_ten(STATE_NATIVE);
    built_cores(rounds_of_it, 1);
    expect(rounds_of_it, TAGS("already-native")); /* whoever wrote it knows what could run beside it */
    struct built *calls = loop_over_ten(STATE_KERNEL);
    expect(calls, TAGS("flat")); /* nobody counted the cores */
    calls = loop_over_ten(STATE_KERNEL);
    built_cores(calls, 1);
    expect(calls, TAGS("one-core")); /* system calls are not native code */
}

static void too_little_is_insufficient(void **state)
{
    (void)state;
    struct built *built = built_new();
    uint32_t stacks[2], thread = built_thread(built, 1);
    two_lines(built, stacks);
    rounds(built, 0, thread, stacks, 2, 3, STATE_PYTHON, 50);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "insufficient");
    assert_non_null(strstr(diagnosis->findings[0].sentence, "50 samples in 0.05 s"));
    assert_int_equal(diagnosis->n_findings, 1);
    diagnosis_free(diagnosis);
    free(built);
    built = built_new();
    expect(built, TAGS("insufficient")); /* nothing at all */
    /* 150 samples, half of them in the hot function: ±8 points. */
    built = loop_over_ten(STATE_PYTHON);
    built->profile.samples.count = 0;
    thread = 1;
    uint32_t mixed[2] = {2, 4};
    built->threads[1].run_ns = built->profile.duration_ns = 0;
    rounds(built, 0, thread, mixed, 2, 1, STATE_PYTHON, 150);
    expect(built, TAGS("insufficient"));
    /* A third of the stacks could not be proved. */
    built = loop_over_ten(STATE_PYTHON);
    built->profile.losses[LOSS_RAN_MEANWHILE] = WHOLE / 2;
    expect(built, TAGS("insufficient"));
}

/* A hot loop, and as much CPU time again and more in threads that nobody could follow: no advice is safe. */
static void much_in_brief_threads_is_insufficient(void **state)
{
    (void)state;
    for (int part = 0; part < 3; part++) { /* in the last one we waited for a core half of the time */
        struct built *built = loop_over_ten(STATE_PYTHON);
        double run_ns = (double)built->threads[1].run_ns;
        built->profile.self.waited_ns = part == 2 ? built->profile.duration_ns / 2 : built->profile.duration_ns / 10;
        built_cores(built, 1);
        built->profile.processes[1].python = built_string(built, "3.13.0");
        built->profile.counters[built->profile.n_counters++] = (struct counter){
            .subject = 1, .kind = COUNTER_USER_TIME, .value = (int64_t)(part == 0 ? 1.2 * run_ns : 2.5 * run_ns)};
        struct diagnosis *diagnosis = diagnosed(built);
        assert_float_equal(diagnosis->trust.unfollowed, part == 0 ? 0.167f : 0.6f, 0.01f);
        assert_true((strcmp(diagnosis->findings[0].tag, "insufficient") == 0) == (part > 0));
        if (part > 0)
            assert_non_null(strstr(diagnosis->findings[0].sentence, "60 % of the CPU time was in threads that ended"));
        bool waited = strstr(diagnosis->findings[0].sentence, "keisoku waited for a core") != NULL;
        assert_true(waited == (part == 2) && waited == diagnosis->trust.held_off);
        diagnosis_free(diagnosis);
        free(built);
    }
}

static void imports_are_no_loop(void **state)
{
    (void)state;
    struct built *built = loop_over_ten(STATE_IMPORT);
    built_cores(built, 1);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "flat");
    assert_non_null(strstr(diagnosis->findings[0].sentence, "importing modules"));
    diagnosis_free(diagnosis);
    free(built);
}

static int diagnose_once(void *context)
{
    struct diagnosis *diagnosis = NULL;
    int rc = diagnose(&((struct built *)context)->profile, &diagnosis);
    diagnosis_free(diagnosis);
    return rc;
}

static void short_memory_is_said(void **state)
{
    (void)state;
    struct built *built = waiting(100, 20, 2);
    assert_true(failing_each(diagnose_once, built, false) > 5);
    free(built);
}

static void collecting_is_told(void **state)
{
    (void)state;
    static const struct {
        size_t share;
        size_t each; /* samples in a row */
        const char *tag;
    } cases[] = {{50, 1, "gc-pressure"}, {20, 1, "flat"}, {50, 60, "flat"}}; /* few and long: there are few already */
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct built *built = built_new();
        uint32_t thread = built_thread(built, 1), stacks[5];
        for (uint32_t i = 0; i < 5; i++)
            stacks[i] = built_stack(built, 0, built_function(built, "step", "/home/u/app.py", true), i + 1);
        for (size_t i = 0; i < WHOLE; i++) {
            bool collects = i / cases[n].each * 37 % 100 < cases[n].share;
            built_sample(built, (i + 1) * MS, thread, stacks[collects && n == 0 ? 0 : i % 5],
                         collects ? STATE_GC : STATE_PYTHON, 1, MS);
        }
        built_cores(built, 4);
        struct diagnosis *diagnosis = diagnosed(built);
        const struct finding *finding = &diagnosis->findings[0];
        assert_string_equal(finding->tag, cases[n].tag);
        if (n == 0) {
            assert_int_equal(finding->prescription, PRESCRIBE_ALGORITHM);
            assert_int_equal(finding->line, 1);
            assert_true(fabs(finding->max_gain - 2) < 0.05 && fabs(finding->predicted_low - 1.333) < 0.05);
        }
        diagnosis_free(diagnosis);
        free(built);
    }
}

/* Long entries at odd moments: every nanosecond of them is in the elapsed parts. */
static void elapsed_parts_are_whole(void **state)
{
    (void)state;
    for (uint64_t odd = 1; odd < 400; odd += 7) {
        struct built *built = built_new();
        struct diagnosis *diagnosis;
        struct facts facts;
        uint32_t stacks[2], thread = built_thread(built, 1);
        two_lines(built, stacks);
        uint64_t now = 0;
        for (uint64_t i = 0; i < 20; i++) {
            uint64_t length = (odd * (i + 3) * 7919 + 13) % (400 * MS) + 1;
            now += length;
            built_sample(built, now, thread, stacks[0], i % 2 ? STATE_SLEEP : STATE_PYTHON, 1, (double)length);
        }
        double python = 0;
        for (size_t i = 0; i < 20; i += 2)
            python += built->wall_ns[i];
        assert_int_equal(diagnose(&built->profile, &diagnosis), 0);
        assert_int_equal(facts_make(&built->profile, diagnosis->aggregate, diagnosis, &facts), 0);
        assert_true(fabs(facts.active + facts.rest - 1) < 1e-6);
        assert_true(fabs(facts.active - python / (double)now) < 1e-6);
        facts_release(&facts);
        diagnosis_free(diagnosis);
        free(built);
    }
}

static void gains_follow_their_laws(void **state)
{
    (void)state;
    assert_true(fabs(gain_amdahl(0.95, 20) - 10.256) < 0.001);
    assert_true(fabs(gain_gustafson(0.95, 20) - 19.05) < 0.001);
    assert_true(gain_amdahl(0, 20) == 1 && gain_gustafson(0, 20) == 1);
    assert_true(gain_amdahl(1, 20) == 20 && gain_gustafson(1, 20) == 20);
}

static void every_row_has_its_texts(void **state)
{
    (void)state;
    size_t count;
    const struct finding_row *rows = finding_rows(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(rows[i].rule != NULL && strlen(rows[i].sentence) > 20 && strlen(rows[i].action) > 20);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(rows[i].tag, rows[j].tag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hot_loop_holds),
        cmocka_unit_test(hot_loop_with_free_cores_comes_first),
        cmocka_unit_test(hot_loop_without_instruction_pointers),
        cmocka_unit_test(phases_are_flat),
        cmocka_unit_test(what_one_line_asks_of_libraries_is_said),
        cmocka_unit_test(one_core_holds_for_rounds),
        cmocka_unit_test(of_a_part_our_own_time_is_a_part),
        cmocka_unit_test(full_pool_is_left_alone),
        cmocka_unit_test(native_is_left_native),
        cmocka_unit_test(too_little_is_insufficient),
        cmocka_unit_test(much_in_brief_threads_is_insufficient),
        cmocka_unit_test(imports_are_no_loop),
        cmocka_unit_test(short_memory_is_said),
        cmocka_unit_test(collecting_is_told),
        cmocka_unit_test(elapsed_parts_are_whole),
        cmocka_unit_test(every_row_has_its_texts),
        cmocka_unit_test(gains_follow_their_laws),
    };
    int failed = cmocka_run_group_tests_name("findings", tests, NULL, NULL);
    failed += wait_tests();
    failed += line_tests();
    failed += operand_tests();
    failed += thread_tests();
    failed += function_tests();
    failed += call_tests() + again_tests();
    failed += memory_tests();
    failed += share_tests();
    failed += order_tests();
    failed += source_tests();
    failed += evidence_tests();
    return failed;
}
