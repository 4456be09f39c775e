/* Which of several findings stands first, and what tells those apart that look alike. */
#include "findings_tests.h"

/* The first finding, and where; 0: anywhere. */
static void expect_first(struct built *built, const char *tag, uint32_t function, uint32_t line)
{
    struct diagnosis *diagnosis = diagnosed(built);
    const struct finding *first = &diagnosis->findings[0];
    if (strcmp(first->tag, tag) != 0 || (function != 0 && first->function != function) ||
        (line != 0 && first->line != line))
        fail_msg("not %s at %u: %s", tag, line, first->sentence);
    diagnosis_free(diagnosis);
    free(built);
}

/* Line 2 has 98 % of the time, early and late; what it is given grows. */
static struct built *all_on_a_line(const char *text)
{
    uint32_t work;
    struct built *built = written(text, "work", &work);
    uint32_t thread = built_thread(built, 1), line = built_stack(built, 0, work, 2);
    uint32_t rest = built_stack(built, 0, work, 3);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, i * 37 % 100 < 98 ? line : rest, STATE_PYTHON, 1, MS);
    built_operand(built, 1, "call", "list", 1, 900, 9000);
    built_cores(built, 4);
    return built;
}

static void a_walk_over_all_that_grows_is_told(void **state)
{
    (void)state;
    expect_first(all_on_a_line("def work(x):\n    board = sorted(board + [x])\n    tell(board)\n"), "growth", 1, 2);
    expect_first(all_on_a_line("def work(x):\n    mean = sum(seen)\n    seen.append(x)\n"), "growth", 1, 2);
    /* another list each time */
    expect_first(all_on_a_line("def work(x):\n    mean = sum(x)\n    seen.append(mean)\n"), "already-native", 0, 0);
}

/* Lines 2 and 3, a loop, have all the time; what it goes over has first, then latest items, at most `most`. */
static struct built *all_in_a_loop(const char *text, int64_t first, int64_t latest, int64_t most)
{
    uint32_t work;
    struct built *built = written(text, "work", &work);
    uint32_t thread = built_thread(built, 1), head = built_stack(built, 0, work, 2);
    uint32_t body = built_stack(built, 0, work, 3);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, i * 37 % 100 < 40 ? head : body, STATE_PYTHON, 1, MS);
    built_operand(built, 1, "for", "list_iterator", 0, first, latest)->most = most;
    built_cores(built, 1);
    return built;
}

static void a_loop_over_all_that_grows_is_told(void **state)
{
    (void)state;
    const char *search = "def work(self, x):\n    for one in self.kept:\n        if one == x: return one\nx\n";
    expect_first(all_in_a_loop(search, 900, 9000, 9000), "growth", 1, 2);
    expect_first(all_in_a_loop(search, 8000, 9000, 9000), "hot-loop", 1, 0); /* as long from the beginning */
    expect_first(all_in_a_loop(search, 900, 9000, 10000), "hot-loop", 1, 0); /* now longer, now shorter */
    /* Each item is changed, or asked; the list is another one each time. */
    const char *changes = "def work(self, x):\n    for one in self.kept:\n        one.place = x\nx\n";
    const char *asks = "def work(self, x):\n    for one in self.kept:\n        one.move(x)\nx\n";
    const char *made = "def work(self, x):\n    for one in x:\n        y = one\n    x = y\nx\n";
    expect_first(all_in_a_loop(changes, 900, 9000, 9000), "hot-loop", 1, 0);
    expect_first(all_in_a_loop(asks, 900, 9000, 9000), "hot-loop", 1, 0);
    expect_first(all_in_a_loop(made, 900, 9000, 9000), "hot-loop", 1, 0);
}

/* Arrays of `items` numbers; 60 % of the time is the kernel's, few page faults are counted. */
static struct built *large_arrays(const char *text, int64_t items)
{
    uint32_t work;
    struct built *built = written(text, "work", &work);
    uint32_t thread = built_thread(built, 1), line = built_stack(built, 0, work, 2);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, line, i * 37 % 100 < 60 ? STATE_KERNEL : STATE_NATIVE_GIL, 1, MS);
    built_operand(built, 1, "*", "numpy.ndarray", 0, items, items);
    built_cores(built, 4);
    return built;
}

static void huge_pages_are_few_faults(void **state)
{
    (void)state;
    static const char text[] = "def work(grid):\n    grid = rate * grid + rest\n";
    expect_first(large_arrays(text, 10000000), "temporaries", 1, 2);
    expect_first(large_arrays(text, 10000), "flat", 0, 0); /* the kernel does something else there */
    expect_first(large_arrays("def work(grid):\n    out.write(grid * 2)\n", 10000000), "flat", 0, 0);
}

/* Rounds, each of which computes in one of seven functions; `hot` percent of the time in the first. */
static struct built *rounds_of_seven(const char *text, size_t hot)
{
    uint32_t work, line;
    struct built *built = written(text, "work", &work);
    uint32_t thread = built_thread(built, 1), stacks[8];
    uint32_t season = built_function(built, "season", "/home/u/app.py", true);
    line = built_stack(built, built_stack(built, 0, work, 3), season, 90);
    uint32_t goals = built_function(built, "goals", "/home/u/app.py", true);
    stacks[0] = built_stack(built, line, goals, 20);
    stacks[1] = built_stack(built, line, goals, 21);
    for (uint32_t i = 2; i < 8; i++)
        stacks[i] = built_stack(built, line, built_function(built, "step", "/home/u/app.py", true), 100 + i);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, thread, stacks[i * 37 % 100 < hot ? i % 2 : 2 + i % 6], STATE_PYTHON, 1, MS);
    built_cores(built, 1);
    return built;
}

static void free_rounds_come_before_a_part_of_them(void **state)
{
    (void)state;
    static const char loose[] = "def work(count):\n    for seed in range(count):\n        wins[season(seed)] += 1\n";
    static const char chained[] = "def work(x):\n    while x:\n        x = season(x)\n";
    expect_first(rounds_of_seven(loose, 44), "one-core", 1, 3);
    expect_first(rounds_of_seven(chained, 44), "hot-loop", 3, 0); /* a round needs the one before */
    expect_first(rounds_of_seven(loose, 90), "hot-loop", 3, 0);   /* nearly all of a round is the loop */
}

/* The rounds of free_rounds_come_before_a_part_of_them; what each calls has a decorator. */
static struct built *decorated(const char *decorator)
{
    static char text[256]; /* the profile keeps it */
    snprintf(text, sizeof text,
             "def work(count):\n    for seed in range(count):\n        wins[season(seed)] += 1\n\n@also\n%s\n"
             "def season(seed):\n    return seed\n",
             decorator);
    struct built *built = rounds_of_seven(text, 44);
    for (uint32_t i = 1; i < built->profile.n_functions; i++) {
        if (strcmp(built->profile.strings[built->functions[i].name], "season") == 0) {
            built->functions[i].file = built->functions[1].file;
            built->functions[i].first_line = 5;
        }
    }
    return built;
}

static void rounds_that_share_a_cache_are_not_free(void **state)
{
    (void)state;
    expect_first(decorated("@functools.lru_cache(maxsize=None)"), "hot-loop", 3, 0);
    expect_first(decorated("@cache"), "hot-loop", 3, 0);
    expect_first(decorated("@app.route(\"/cache\")  # cache"), "one-core", 1, 3);
    expect_first(decorated("@app.get('/memory')"), "one-core", 1, 3);
}

/* A pool's feeder: pickling for `run` samples, then `run` of something else. */
static struct built *handing_out(size_t run)
{
    struct built *built = built_new();
    uint32_t main = built_function(built, "count", "/home/u/app.py", true);
    uint32_t next = built_function(built, "IMapIterator.next", "/usr/lib/python3.14/multiprocessing/pool.py", false);
    uint32_t tasks = built_function(built, "Pool._handle_tasks", "/usr/lib/python3.14/multiprocessing/pool.py", false);
    uint32_t dumps = built_function(built, "dumps", "/usr/lib/python3.14/multiprocessing/reduction.py", false);
    uint32_t waiter = built_thread(built, 1), feeder = built_thread(built, 1);
    uint32_t wait = built_stack(built, built_stack(built, 0, main, 29), next, 860);
    uint32_t feeds = built_stack(built, 0, tasks, 540), pickles = built_stack(built, feeds, dumps, 51);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, waiter, wait, STATE_LOCK, 1, MS);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, feeder, i / run % 2 == 0 ? pickles : feeds, STATE_PYTHON, 1, MS);
    built_cores(built, 1.5);
    return built;
}

static void short_picklings_are_small_tasks(void **state)
{
    (void)state;
    expect_first(handing_out(1), "small-tasks", 1, 29);
    expect_first(handing_out(4), "small-tasks", 1, 29); /* several in a row, seen as one */
    expect_first(handing_out(30), "pickle-transfer", 1, 29);
    struct built *built = handing_out(1); /* at a low rate, one of many samples sees a long pickling too */
    built_written(built, 300 << 20);
    expect_first(built, "pickle-transfer", 1, 29);
    built = handing_out(1);
    built_written(built, 3 << 20);
    expect_first(built, "small-tasks", 1, 29);
}

static bool says(struct built *built, const char *tag)
{
    struct diagnosis *diagnosis = diagnosed(built);
    bool found = false;
    for (size_t i = 0; i < diagnosis->n_findings; i++)
        found = found || strcmp(diagnosis->findings[i].tag, tag) == 0;
    diagnosis_free(diagnosis);
    free(built);
    return found;
}

/* Beside what handing out takes, four workers compute nearly twice as much in that state. */
static struct built *handing_out_beside(enum state state)
{
    struct built *built = handing_out(1);
    uint32_t work = built_function(built, "is_prime", "/home/u/app.py", true);
    uint32_t stacks[2] = {built_stack(built, 0, work, 3), built_stack(built, 0, work, 4)};
    for (int i = 0; i < 4; i++) {
        uint32_t process = (uint32_t)built->profile.n_processes++, worker = built_thread(built, process);
        built->processes[process] = (struct process){.pid = 200 + i, .parent = 1};
        rounds(built, 0, worker, stacks, 2, 1, state, WHOLE * 17 / 40);
    }
    return built;
}

static void starting_workers_hides_no_small_tasks(void **state)
{
    (void)state;
    assert_true(says(handing_out_beside(STATE_IMPORT), "small-tasks"));
    assert_false(says(handing_out_beside(STATE_PYTHON), "small-tasks")); /* they have something to do */
}

/* Two lines have 45 percent of the time, the rest is in that state. */
static struct built *beside_a_loop(enum state state)
{
    struct built *built = built_new();
    uint32_t stacks[2], thread = built_thread(built, 1);
    two_lines(built, stacks);
    uint32_t other = built_stack(built, 0, built_function(built, "load", "/home/u/load.py", true), 3);
    for (size_t i = 0; i < WHOLE; i++) {
        bool there = i * 37 % 100 < 45;
        built_sample(built, (i + 1) * MS, thread, there ? stacks[i % 2] : other, there ? STATE_PYTHON : state, 1, MS);
    }
    built_cores(built, 4);
    return built;
}

static void imports_hide_no_hot_loop(void **state)
{
    (void)state;
    assert_true(says(beside_a_loop(STATE_IMPORT), "hot-loop"));
    assert_false(says(beside_a_loop(STATE_NATIVE), "hot-loop"));
}

/* Half of what the feeder computes was seen by no sample. */
static void what_no_sample_saw_is_like_the_rest(void **state)
{
    (void)state;
    struct built *built = handing_out(1);
    for (size_t i = 0; i < built->profile.samples.count; i++) {
        if (built->state[i] != STATE_PYTHON || i % 3 == 0)
            continue;
        built->stack[i] = 0;
        built->ticks[i] = 0;
        built->state[i] = STATE_ON_CPU;
    }
    expect_first(built, "small-tasks", 1, 29);
}

/* Two threads in turns: work() at line 2 calls one() at line 5; its text tells what of it could be handed on. */
static struct built *in_turns(const char *work_text)
{
    struct built *built = built_new();
    uint32_t main = built_thread(built, 1), work = built_function(built, "work", "/home/u/app.py", true);
    uint32_t one = built_function(built, "one", "/home/u/one.py", true);
    uint32_t module = built_function(built, "<module>", "/home/u/app.py", true);
    built->functions[work].first_line = 1;
    uint32_t top = built_stack(built, 0, module, 9), at[2];
    at[0] = built_stack(built, built_stack(built, 0, work, 2), one, 2);
    at[1] = built_stack(built, built_stack(built, 0, work, 2), one, 3);
    built_text(built, work, 1, work_text);
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, main, top, STATE_LOCK, 1, MS);
    for (size_t k = 0; k < 3; k++) {
        uint32_t thread = built_thread(built, 1);
        for (size_t i = 0; i < WHOLE; i++)
            built_sample(built, (i + 1) * MS, thread, at[i % 2], i / 5 % 3 == k ? STATE_PYTHON : STATE_GIL_WAIT, 1, MS);
    }
    built_cores(built, 1);
    return built;
}

static void threads_hand_over_what_gives_a_result(void **state)
{
    (void)state;
    expect_first(in_turns("def work(x):\n    y = one(x)\n    return y\n"), "gil-contention", 1, 2);
    /* a loop over a queue gives nothing back: where the time is, as nothing is known of what it calls */
    expect_first(in_turns("def work(queue):\n    one(queue.get())\n    return\n"), "gil-contention", 2, 2);
    expect_first(in_turns("def work(x):\n    yield one(x)\n"), "gil-contention", 2, 2);
}

int order_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_over_all_that_grows_is_told),
        cmocka_unit_test(a_loop_over_all_that_grows_is_told),
        cmocka_unit_test(huge_pages_are_few_faults),
        cmocka_unit_test(free_rounds_come_before_a_part_of_them),
        cmocka_unit_test(rounds_that_share_a_cache_are_not_free),
        cmocka_unit_test(short_picklings_are_small_tasks),
        cmocka_unit_test(starting_workers_hides_no_small_tasks),
        cmocka_unit_test(imports_hide_no_hot_loop),
        cmocka_unit_test(what_no_sample_saw_is_like_the_rest),
        cmocka_unit_test(threads_hand_over_what_gives_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
