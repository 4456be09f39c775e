/* Findings on memory: what grows to the end, is thrown away or collected; and on more threads than cores. */
#include "findings_tests.h"

#include "diagnose/source_body.h"
#include "diagnose/trend.h"

#include <math.h>

enum { READINGS = 30, MB = 1000000 };

/* Readings five a second, from 20 MB on, by so many MB each. `level`: from that one on nothing is added. */
static void read_memory(struct built *built, double by, int level)
{
    for (int i = 0; i < READINGS; i++)
        built->counters[built->profile.n_counters++] =
            (struct counter){.time_ns = (uint64_t)(i + 1) * 200 * MS,
                             .subject = 1,
                             .kind = COUNTER_RSS,
                             .value = (int64_t)((20 + by * (i < level ? i : level) + (i % 3 == 0 ? 0.1 : 0)) * MB)};
}

/* A function `keep` of an own file that begins with its text, and which works or waits. */
static struct built *keeping(const char *text, enum state state)
{
    uint32_t function;
    struct built *built = written(text, "keep", &function);
    uint32_t main = built_function(built, "<module>", "/home/u/app.py", true);
    uint32_t thread = built_thread(built, 1);
    uint32_t outer = built_stack(built, 0, main, 90), stacks[2] = {built_stack(built, outer, function, 2), outer};
    for (int i = 0; i < 3; i++) {
        rounds(built, (uint64_t)i * 2000, thread, stacks, 1, 1, STATE_PYTHON, 600);
        rounds(built, (uint64_t)i * 2000 + 600, thread, stacks + 1, 1, 1, state, 1400);
    }
    built->profile.duration_ns = (uint64_t)6000 * MS;
    return built;
}

static bool has_tag(struct built *built, const char *tag, struct finding *finding)
{
    struct diagnosis *diagnosis = diagnosed(built);
    bool found = false;
    *finding = (struct finding){0};
    for (size_t i = 0; i < diagnosis->n_findings; i++) {
        if (strcmp(diagnosis->findings[i].tag, tag) != 0)
            continue;
        found = true;
        *finding = diagnosis->findings[i];
    }
    diagnosis_free(diagnosis);
    free(built);
    return found;
}

static void a_slope_with_its_interval(void **state)
{
    (void)state;
    struct trend_point points[READINGS];
    struct trend trend;
    for (int i = 0; i < READINGS; i++)
        points[i] = (struct trend_point){i * 0.2, 1000 + i * 10 + (i % 2 == 0 ? 3 : -3), 0};
    points[17].value = 9000; /* one odd reading */
    assert_int_equal(trend_fit(points, READINGS, &trend), 0);
    assert_true(fabs(trend.slope - 50) < 2 && trend.low > 45 && trend.low < trend.slope && trend.high > trend.slope);
    assert_true(fabs(trend.late - 0.5) < 0.1 && fabs(trend.first - 1000) < 20);
    points[READINGS - 1].value = 400; /* its end gives back what it had */
    assert_int_equal(trend_fit(points, READINGS, &trend), 0);
    assert_true(fabs(trend.slope - 50) < 2 && trend.latest > 1270 && fabs(trend.late - 0.5) < 0.1);
    points[9].value = points[10].value = 9000; /* with the most of all long before */
    assert_int_equal(trend_fit(points, READINGS, &trend), 0);
    assert_true(trend.latest == 400);
    for (int i = 0; i < READINGS; i++)
        points[i].value = i < 14 ? 1000 + i * 10 : 1140;
    assert_int_equal(trend_fit(points, READINGS, &trend), 0);
    assert_true(trend.late < 0.2);
    for (int i = 0; i < READINGS; i++) /* it grew as long as it had a core */
        points[i].cpu_s = i < 14 ? i * 0.2 : 2.8 + (i - 14) * 0.001;
    assert_int_equal(trend_fit(points, READINGS, &trend), 0);
    assert_true(trend.late > 0.4);
    assert_int_equal(trend_fit(points, 5, &trend), 0);
    assert_true(trend.points == 0);
}

static const char cache[] = "def keep(key):\n    if key in PAGES:\n        return PAGES[key]\n    page = make(key)\n"
                            "    PAGES[key] = page\n    return page\nPAGES = {}\n";
static const char leak[] = "def keep(self, key):\n    self.seen.append(key)\n";

static void a_cache_without_a_limit(void **state)
{
    (void)state;
    struct finding finding;
    struct built *built = keeping(cache, STATE_PYTHON);
    read_memory(built, 2, READINGS);
    assert_true(has_tag(built, "unbounded-cache", &finding));
    assert_int_equal(finding.line, 5);
    assert_true(finding_gains_memory(&finding) && finding.predicted_low > 1.2 && finding.predicted_high < 4.5);
    assert_non_null(strstr(finding.check_command, "--measure peak"));
    built = keeping(cache, STATE_PYTHON); /* as many keys as there are */
    read_memory(built, 4, 12);
    assert_false(has_tag(built, "unbounded-cache", &finding));
    built = keeping(cache, STATE_PYTHON);
    read_memory(built, 0, READINGS);
    assert_false(has_tag(built, "unbounded-cache", &finding));
    built =
        keeping("def keep(key):\n    PAGES[key] = PAGES.get(key, 0) + 1\n    return key\nPAGES = {}\n", STATE_PYTHON);
    read_memory(built, 2, READINGS);
    assert_false(has_tag(built, "unbounded-cache", &finding));
}

static void decorators_that_keep_all(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool holds;
    } rows[] = {
        {"@functools.lru_cache(maxsize=None)\ndef keep(key):\n    return make(key)\n", true},
        {"@cache\ndef keep(key):\n    return make(key)\n", true},
        {"@functools.lru_cache(maxsize=500)\ndef keep(key):\n    return make(key)\n", false},
        {"@region_cache\ndef keep(key):\n    return make(key)\n", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct finding finding;
        struct built *built = keeping(rows[i].text, STATE_PYTHON);
        read_memory(built, 2, READINGS);
        assert_int_equal(has_tag(built, "unbounded-cache", &finding), rows[i].holds);
    }
    struct finding finding;
    struct built *module = keeping(rows[0].text, STATE_PYTHON); /* its text begins with another's decorator */
    module->functions[1].name = built_string(module, "<module>");
    read_memory(module, 2, READINGS);
    assert_false(has_tag(module, "unbounded-cache", &finding));
}

static void a_leak_is_of_a_program_that_serves(void **state)
{
    (void)state;
    struct finding finding;
    struct built *built = keeping(leak, STATE_IDLE);
    read_memory(built, 2, READINGS);
    assert_true(has_tag(built, "leak", &finding));
    assert_int_equal(finding.line, 2);
    assert_true(finding.predicted_high > 2.5 && finding.n_not_measured > 0);
    built = keeping(leak, STATE_PYTHON); /* it may be loading something */
    read_memory(built, 2, READINGS);
    assert_false(has_tag(built, "leak", &finding));
    built = keeping(leak, STATE_IDLE); /* levels off */
    read_memory(built, 4, 12);
    assert_false(has_tag(built, "leak", &finding));
    built = keeping("def keep(key):\n    seen = []\n    seen.append(key)\n", STATE_IDLE); /* goes with the call */
    read_memory(built, 2, READINGS);
    assert_false(has_tag(built, "leak", &finding));
}

/* What was asked for on the line of `keep` and on the one that calls it, in MB; in blocks of a kB. */
static void allocate(struct built *built, int in_keep, int in_caller)
{
    static struct allocation kept[2];
    const int amounts[2] = {in_caller, in_keep};
    for (uint32_t i = 0; i < 2; i++)
        kept[i] = (struct allocation){.process = 1,
                                      .stack = i + 1,
                                      .blocks = amounts[i] * 2000,
                                      .bytes = (int64_t)amounts[i] * 2 * MB,
                                      .most_blocks = amounts[i] * 1000,
                                      .most_bytes = (int64_t)amounts[i] * MB};
    built->profile.allocations = kept;
    built->profile.n_allocations = 2;
}

static double evidence_of(const struct finding *finding, const char *measure)
{
    for (size_t i = 0; i < finding->n_evidence; i++)
        if (strcmp(finding->evidence[i].measure, measure) == 0)
            return finding->evidence[i].value;
    return -1;
}

static void allocations_complete_what_is_said_of_memory(void **state)
{
    (void)state;
    struct finding finding;
    struct built *built = keeping(leak, STATE_IDLE);
    read_memory(built, 2, READINGS);
    allocate(built, 60, 6);
    assert_true(has_tag(built, "leak", &finding));
    assert_int_equal(finding.line, 2);
    assert_true(evidence_of(&finding, "in use at the most, by Python's allocators") == 66e6);
    assert_true(evidence_of(&finding, "of them, asked for at app.py:2") == 60e6);
    assert_true(evidence_of(&finding, "of them, asked for at app.py:90") < 0); /* too little */
    built = keeping(leak, STATE_IDLE);
    read_memory(built, 2, READINGS);
    allocate(built, 6, 60); /* it keeps something, but little */
    assert_false(has_tag(built, "leak", &finding));
    built = keeping(leak, STATE_IDLE);
    read_memory(built, 2, READINGS);
    allocate(built, 1, 6); /* native code has the rest */
    assert_true(has_tag(built, "leak", &finding));
    assert_int_equal(finding.line, 2);
    assert_true(strstr(finding.not_measured[finding.n_not_measured - 3], "native code") != NULL);
}

static void a_cache_that_holds_little_is_none(void **state)
{
    (void)state;
    struct finding finding;
    struct built *built = keeping(cache, STATE_PYTHON);
    read_memory(built, 2, READINGS);
    allocate(built, 60, 6);
    assert_true(has_tag(built, "unbounded-cache", &finding));
    assert_true(evidence_of(&finding, "of them, asked for at app.py:2") == 60e6);
    built = keeping(cache, STATE_PYTHON);
    read_memory(built, 2, READINGS);
    allocate(built, 6, 60);
    assert_false(has_tag(built, "unbounded-cache", &finding));
    built = keeping(cache, STATE_PYTHON);
    read_memory(built, 2, READINGS);
    allocate(built, 1, 6); /* too little is told to take it back */
    assert_true(has_tag(built, "unbounded-cache", &finding));
}

static bool stores(const char *text, struct source_store *store)
{
    struct built *built = keeping(text, STATE_PYTHON);
    bool found = source_function_stores(&built->profile, 1, store);
    free(built);
    return found;
}

static void what_outlives_a_call(void **state)
{
    (void)state;
    struct source_store store;
    assert_true(stores(cache, &store) && store.cache && strcmp(store.name, "PAGES") == 0);
    assert_true(stores(leak, &store) && !store.cache && store.line == 2 && strcmp(store.name, "self.seen") == 0);
    assert_true(stores("def keep(self, k):\n    self.of[k] = 1\n", &store) && !store.cache);
    assert_false(stores("def keep(self, k):\n    self.of.parts[k] = 1\n", &store));
    assert_false(stores("def keep(parts, k):\n    parts.append(k)\n", &store));
    assert_false(stores("def keep(k):\n    ROW[1:3] = k\nROW = []\n", &store));
    assert_false(stores("def keep(k):\n    x == ROW[k]\nROW = []\n", &store));
    assert_false(stores("def keep(k", &store));
}

/* `workers` processes that each want a core; half of what they compute is their initializer. `chunk`: what the library
 * calls for a task, if it is not the task itself. */
static struct built *crowd(uint32_t workers, bool prepares, const char *chunk)
{
    struct built *built = built_new();
    uint32_t worker = built_function(built, "worker", "/usr/lib/python3/multiprocessing/pool.py", false);
    uint32_t wait = built_function(built, "wait", "/usr/lib/python3/multiprocessing/pool.py", false);
    uint32_t main = built_function(built, "<module>", "/home/u/app.py", true);
    uint32_t prepare = built_function(built, "prepare", "/home/u/app.py", true);
    uint32_t task = built_function(built, "task", "/home/u/app.py", true);
    uint32_t outer = built_stack(built, 0, main, 20), round = built_stack(built, outer, worker, 30);
    uint32_t early = built_stack(built, outer, worker, 10);
    if (chunk != NULL)
        round = built_stack(built, round, built_function(built, chunk, "/usr/lib/python3/pool.py", false), 40);
    uint32_t stacks[3] = {built_stack(built, outer, wait, 5), built_stack(built, early, prepare, 2),
                          built_stack(built, round, task, 8)};
    uint32_t thread = built_thread(built, 1);
    built->profile.cores = built->profile.cores_allowed = 2;
    rounds(built, 0, thread, stacks, 1, 1, STATE_LOCK, 2000);
    for (uint32_t i = 0; i < workers; i++) {
        uint32_t process = (uint32_t)built->profile.n_processes++, own = built_thread(built, process);
        built->processes[process] = (struct process){.pid = 200 + (int32_t)i, .parent = 1};
        rounds(built, 0, own, stacks + (prepares ? 1 : 2), 1, 1, STATE_PYTHON, 100);
        rounds(built, 100, own, stacks + 2, 1, 1, STATE_PYTHON, 100);
        built->threads[own].run_ns = (uint64_t)200 * MS;
        built->threads[own].delay_ns = (uint64_t)1800 * MS;
    }
    built->profile.duration_ns = (uint64_t)2000 * MS;
    built_cores(built, 2);
    return built;
}

static void more_workers_than_cores(void **state)
{
    (void)state;
    struct finding finding;
    assert_true(has_tag(crowd(10, true, NULL), "oversubscribed", &finding));
    assert_true(finding.predicted_low > 1.4 && finding.predicted_high < 2.2);
    assert_true(has_tag(crowd(10, true, "mapstar"), "oversubscribed", &finding));
    assert_false(has_tag(crowd(10, false, "mapstar"), "oversubscribed", &finding)); /* gains nothing by itself */
    assert_false(has_tag(crowd(2, true, NULL), "oversubscribed", &finding));
}

/* Half of what each worker computes is in `prepare`, which its task calls; each comes to that `times`. */
static struct built *crowd_with(const char *text, uint32_t workers, size_t times)
{
    struct built *built = crowd(workers, false, "mapstar");
    uint32_t task = 5, thread = 1;
    built->functions[task].first_line = 1;
    built_text(built, task, 1, text);
    uint32_t round = built->stacks[built->profile.n_stacks - 1].parent;
    uint32_t prepare = built_function(built, "survey", "/home/u/app.py", true);
    uint32_t line = 1;
    for (const char *at = text; at < strstr(text, "survey("); at++)
        line += *at == '\n';
    uint32_t makes = built_stack(built, built_stack(built, round, task, line), prepare, 90);
    for (size_t i = 0, n = 0; i < built->profile.samples.count; i++) {
        n = built->thread[i] == thread ? n + 1 : 0;
        thread = built->thread[i];
        if (thread > 1 && n / (100 / times) % 2 == 0)
            built->stack[i] = makes;
    }
    return built;
}

static void what_each_worker_makes_for_itself(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t workers;
        size_t times;
        bool holds;
    } rows[] = {
        {"def task(x):\n    if not ROADS:\n        survey()\n    return ROADS[x]\nROADS = {}\n", 10, 1, true},
        {"def task(x):\n    if ROADS is None:\n        survey()\n    return ROADS[x]\nROADS = None\n", 10, 1, true},
        {"def task(x):\n    global ROADS\n    if ROADS is None:\n        ROADS = survey()\nROADS = None\n", 10, 1,
         true},
        {"@functools.cache\ndef task():\n    roads = survey()\n    return roads\n", 10, 1, true},
        /* as many workers as cores; they come to it again and again; each task has one of its own */
        {"def task(x):\n    if not ROADS:\n        survey()\n    return ROADS[x]\nROADS = {}\n", 2, 1, false},
        {"def task(x):\n    if not ROADS:\n        survey()\n    return ROADS[x]\nROADS = {}\n", 10, 5, false},
        {"def task(x):\n    if not roads:\n        survey()\n    return roads[x]\n    roads = {}\n", 10, 1, false},
        {"def task(ROADS):\n    if not ROADS:\n        survey()\n    return 1\nROADS = {}\n", 10, 1, false},
        {"def task(x):\n    if x:\n        survey()\n    return ROADS[x]\nROADS = {}\n", 10, 1, false},
        {"def task(x):\n    if not ROADS:\n    survey()\n    return ROADS[x]\nROADS = {}\n", 10, 1, false},
        {"@functools.cache\ndef task(x):\n    roads = survey()\n    return roads\n", 10, 1, false},
        {"def task():\n    x = 1\n    survey()\n    return x\n", 10, 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct finding finding;
        bool holds = has_tag(crowd_with(rows[i].text, rows[i].workers, rows[i].times), "oversubscribed", &finding);
        if (holds != rows[i].holds)
            fail_msg("%zu: %s", i, rows[i].text);
        if (holds)
            assert_true(finding.predicted_low > 1.4 && finding.predicted_high < 2.2);
    }
}

/* 40 % of the time in the kernel; `faults` in 4 s, at most `megabytes` in use. */
static struct built *faulting(const char *text, int64_t faults, int64_t megabytes)
{
    struct built *built = searching(text, 40);
    for (size_t i = 0; i < WHOLE; i++)
        built->state[i] = i * 37 % 100 < 40 ? STATE_KERNEL : STATE_NATIVE_GIL;
    built->counters[built->profile.n_counters++] =
        (struct counter){.time_ns = 1, .subject = 1, .kind = COUNTER_MINOR_FAULTS, .value = faults};
    built->counters[built->profile.n_counters++] =
        (struct counter){.time_ns = 1, .subject = 1, .kind = COUNTER_PEAK_RSS, .value = megabytes << 20};
    return built;
}

static void memory_that_is_thrown_away_is_told(void **state)
{
    (void)state;
    expect_tag(faulting("grid = rate * grid + rest\n", 900000, 200), "temporaries", true);
    expect_tag(faulting("grid = rate * grid + rest\n", 900000, 3000), "temporaries", false); /* used once, and kept */
    expect_tag(faulting("grid = rate * grid + rest\n", 90000, 20), "temporaries", false);    /* few */
    expect_tag(faulting("out.write(piece)\n", 900000, 200), "temporaries", false);
}

/* Half of the time in collections, with Python on the stack or, as a program ends, without. */
static struct built *collecting(bool ending)
{
    struct built *built = built_new();
    uint32_t work = built_function(built, "work", "/home/u/app.py", true), thread = built_thread(built, 1);
    uint32_t end = built_function(built, "[kernel]", "", false), line = built_stack(built, 0, work, 2);
    uint32_t last = built_stack(built, 0, end, 0);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, ending && i >= WHOLE / 2 ? last : line,
                     (ending ? i >= WHOLE / 2 : i % 2) ? STATE_GC : STATE_PYTHON, 1, MS);
    built_cores(built, 4);
    return built;
}

static void collections_at_the_end_are_not_meant(void **state)
{
    (void)state;
    expect_tag(collecting(false), "gc-pressure", true);
    expect_tag(collecting(true), "gc-pressure", false);
    struct finding finding;
    struct built *built = collecting(false);
    struct allocation kept = {.process = 1, .stack = 1, .blocks = 9000, .most_blocks = 5000};
    built->profile.allocations = &kept;
    built->profile.n_allocations = 1;
    assert_true(has_tag(built, "gc-pressure", &finding));
    assert_true(evidence_of(&finding, "of them, asked for at app.py:2") == 5000);
}

int memory_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slope_with_its_interval),
        cmocka_unit_test(a_cache_without_a_limit),
        cmocka_unit_test(decorators_that_keep_all),
        cmocka_unit_test(what_outlives_a_call),
        cmocka_unit_test(a_leak_is_of_a_program_that_serves),
        cmocka_unit_test(allocations_complete_what_is_said_of_memory),
        cmocka_unit_test(a_cache_that_holds_little_is_none),
        cmocka_unit_test(more_workers_than_cores),
        cmocka_unit_test(what_each_worker_makes_for_itself),
        cmocka_unit_test(memory_that_is_thrown_away_is_told),
        cmocka_unit_test(collections_at_the_end_are_not_meant),
    };
    return cmocka_run_group_tests_name("findings: memory and cores", tests, NULL, NULL);
}
