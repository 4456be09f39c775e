/*
 * Findings that read source text beside the samples: calls of small functions, calls that come again, imports, queries,
 * what grows, what is thrown away, and loops whose rounds need each other. Each on one that shows it and on ones that
 * look alike.
 */
#include "findings_tests.h"

#include "diagnose/calls.h"
#include "diagnose/source_loop.h"

static uint32_t repeats(const char *text)
{
    uint32_t function;
    struct built *built = written(text, "ways", &function);
    uint32_t line = source_function_repeats(&built->profile, function);
    free(built);
    return line;
}

static void calls_that_must_come_again_are_told(void **state)
{
    (void)state;
    assert_int_equal(repeats("def ways(n):\n    if n < 2:\n        return n\n    return ways(n - 1) + ways(n - 2)\n"),
                     4);
    assert_int_equal(repeats("def ways(a, b):\n    return 1 + min(ways(a[1:], b), ways(a, b[1:]))\n"), 2);
    assert_int_equal(repeats("def ways(self, n):\n    return self.ways(n - 1) * self.ways(n - 2)\n"), 2);
    /* kept already */
    assert_int_equal(repeats("@functools.cache\ndef ways(n):\n    return ways(n - 1) + ways(n - 2)\n"), 0);
    assert_int_equal(repeats("def ways(n):\n    if n in KEPT:\n        return KEPT[n]\n"
                             "    KEPT[n] = ways(n - 1) + ways(n - 2)\n    return KEPT[n]\n"),
                     0);
    assert_int_equal(
        repeats("def ways(n):\n    return ways(n - 1) + ways(n - 2)\nways = functools.lru_cache(None)(ways)\n"), 0);
    /* each call has a part of its own */
    assert_int_equal(repeats("def ways(node):\n    return 1 + ways(node.left) + ways(node.right)\n"), 0);
    assert_int_equal(repeats("def ways(n):\n    return ways(n // 2) + ways(n - n // 2)\n"), 0);
    assert_int_equal(repeats("def ways(n):\n    return 1 + ways(n - 1)\n"), 0);
    assert_int_equal(repeats("def ways(i, room):\n    return max(ways(i + 1, room), ways(i + 1, room - W[i]))\n"), 0);
    /* what they make is wanted each time */
    assert_int_equal(repeats("def ways(n):\n    return ways(n - 1), ways(n - 1)\n"), 0);
    assert_int_equal(repeats("def ways(n):\n    print(n)\n    return ways(n - 1) + ways(n - 2)\n"), 0);
    assert_int_equal(repeats("def ways(n):\n    made.append(n)\n    return ways(n - 1) + ways(n - 2)\n"), 0);
    assert_int_equal(repeats("def ways(n):\n    return ways(n - 1) + [n] + ways(n - 1)\n"), 0);
    /* the function ends before */
    assert_int_equal(repeats("def ways(n):\n    return n\nprint(ways(n - 1) + ways(n - 2))\n"), 0);
    assert_int_equal(repeats("def ways(n"), 0);
    assert_int_equal(repeats(""), 0);
}

static bool is_small(const char *text)
{
    uint32_t function;
    struct built *built = written(text, "ways", &function);
    bool keeps[64] = {false};
    assert_true(built->profile.n_functions < 64);
    bool small = source_function_is_small(&built->profile, function, keeps);
    free(built);
    return small;
}

/* `ways` makes a Vector, whose constructor, from line 5 on, has that body. */
static bool makes_small(const char *made, const char *body)
{
    char text[512];
    uint32_t function;
    bool keeps[64] = {false};
    snprintf(text, sizeof text, "def ways(a, b):\n    return %s\n\nclass Vector:\n    def __init__(self, x, y):\n%s",
             made, body);
    struct built *built = written(text, "ways", &function);
    uint32_t maker = built_function(built, "geometry.Vector.__init__", "/home/u/app.py", true);
    built->functions[maker].file = built->functions[function].file;
    built->functions[maker].first_line = 5;
    assert_true(maker < 64);
    keeps[maker] = source_function_only_keeps(&built->profile, maker);
    bool small = source_function_is_small(&built->profile, function, keeps);
    free(built);
    return small;
}

static void small_functions_that_make_what_only_keeps_are_told(void **state)
{
    (void)state;
    const char *keeps = "        self.x = x\n        self.y = y\n";
    assert_true(makes_small("Vector(a.x + b.x, a.y + b.y)", keeps));
    assert_true(makes_small("Vector((a.x + b.x) * 2, -a.y)", keeps));
    assert_true(makes_small("Vector(a.x, b.x), Vector(a.y, b.y)", keeps));
    assert_false(makes_small("Vector(max(a.x, b.x), a.y)", keeps));
    assert_false(makes_small("Matrix(a.x, a.y)", keeps));
    assert_false(makes_small("Vector(a.x, a.y)(b)", keeps));
    assert_false(makes_small("[Vector(x, x) for x in a]", keeps));
    assert_false(makes_small("max (a.x, a.y)", keeps));
    assert_false(makes_small("(yield Vector(a.x, a.y))", keeps));
    assert_false(makes_small("Vector(a.x, a.y)", "        self.x = abs(x)\n"));
    assert_false(makes_small("Vector(a.x, a.y)", "        self.x = TABLE[parse(x)]\n"));
    assert_false(makes_small("Vector(a.x, a.y)", "        self.x += x\n"));
    assert_false(makes_small("Vector(a.x, a.y)", "        self.x = x\n        all_of_them.append(self)\n"));
    assert_false(makes_small("Vector(a.x, a.y)", "        x = y\n"));
}

static void small_functions_are_told(void **state)
{
    (void)state;
    assert_true(is_small("def ways(x, y):\n    return y * 600 + x\n"));
    assert_true(is_small("@property\ndef ways(self):\n    \"\"\"How many.\"\"\"\n    return self._ways\n"));
    assert_true(is_small("def ways(\n    x,\n    y,\n):  # two\n    z = x + y\n    return z\n\n\nother(1)\n"));
    assert_false(is_small("def ways(x, y):\n    return sum(x) + y\n"));
    assert_false(is_small("def ways(x):\n    return [y + 1 for y in x]\n"));
    assert_false(is_small("def ways(x):\n    a = x\n    b = a\n    return b\n"));
    assert_false(is_small("def ways(x):\n    yield x\n"));
    assert_false(is_small("@functools.lru_cache\ndef ways(x):\n    return x\n"));
}

static bool goes_round(const char *text, uint32_t line)
{
    uint32_t function;
    bool known = false;
    struct built *built = written(text, "ways", &function);
    bool found = source_line_goes_round(&built->profile, function, line, &known);
    assert_int_equal(known, line != 9);
    free(built);
    return found;
}

static void lines_that_loops_go_round_are_told(void **state)
{
    (void)state;
    const char *again =
        "def ways(n):\n    k = n.bit_length()\n    r = bits(k)\n    while r >= n:\n        r = bits(k)\n"
        "    for i in r:\n        k += i\n    return [k for k in r]\n";
    assert_false(goes_round(again, 2));
    assert_false(goes_round(again, 3));
    assert_false(goes_round(again, 4)); /* asked once, or often: the line does not tell */
    assert_true(goes_round(again, 5));
    assert_true(goes_round(again, 6));
    assert_true(goes_round(again, 7));
    assert_true(goes_round(again, 8));
    assert_false(goes_round(again, 9));
}

/* 1: it does nearly nothing but call itself; 2: and something keeps its results; 0: it does more. */
static int recurses(const char *text)
{
    uint32_t function;
    bool kept = false;
    struct built *built = written(text, "ways", &function);
    bool only = source_function_only_recurses(&built->profile, function, &kept);
    free(built);
    return only ? 1 + kept : 0;
}

static void functions_that_only_call_themselves_are_told(void **state)
{
    (void)state;
    assert_int_equal(
        recurses("def ways(n):\n    if n == 0:\n        return None, None\n    return ways(n - 1), ways(n - 1)\n"), 1);
    assert_int_equal(recurses("def ways(node):\n    left, right = node\n    return 1 + max(ways(left), ways(right))\n"),
                     1);
    assert_int_equal(recurses("def ways(self):\n    return self.value + self.left.ways() + self.right.ways()\n"), 0);
    assert_int_equal(recurses("@functools.cache\ndef ways(n):\n    return (ways(n - 1) + ways(n - 2)) % 7\n"), 2);
    assert_int_equal(recurses("def ways(n):\n    return n + 1\n"), 0);
    assert_int_equal(recurses("def ways(n):\n    return [n] + ways(n - 1)\n"), 0);
    assert_int_equal(recurses("def ways(n):\n    return ways(n[1:])\n"), 0);
    assert_int_equal(recurses("def ways(n):\n    return f\"{ways(n - 1)}\"\n"), 0);
    assert_int_equal(recurses("def ways(n):\n    return sorted(ways(n - 1))\n"), 0);
    assert_int_equal(recurses("def ways(n):\n    found.append(n)\n    return ways(n - 1)\n"), 0);
    assert_int_equal(recurses("def ways(n):\n    for m in range(n):\n        ways(m)\n"), 0);
    assert_int_equal(recurses("def ways(n"), 0);
}

static void expect_tag(struct built *built, const char *tag, bool there);

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

static bool loops(const char *text)
{
    uint32_t function;
    struct built *built = written(text, "ways", &function);
    bool found = source_function_loops(&built->profile, function);
    free(built);
    return found;
}

static void words_of_a_docstring_are_no_loop(void **state)
{
    (void)state;
    assert_true(loops("def ways(x):\n    for y in x:\n        y()\n"));
    assert_false(loops(
        "def ways(x):\n    \"\"\"For example::\n\n    for y in ways(1):\n  far left\n\n    \"\"\"\n    return x\n"));
    assert_false(loops("def ways(x):\n    \"\"\"\n    for y in ways(1):\n    and so on\"\"\"\n    return x\n"));
    assert_false(loops("def ways(x):\n    r\"\"\"for y in it:\"\"\"\n    return x\n"));
    assert_true(loops("def ways(x):\n    \"\"\"One.\"\"\"\n    while x:\n        x -= 1\n"));
    assert_true(loops("def ways(x):\n    \"\"\"\n    never ends\n"));
    assert_true(is_small("def ways(x, y):\n    \"\"\"Two\n\n    lines.\n    \"\"\"\n    return y * 600 + x\n"));
}

/* The rounds of the loop around the line that calls fetch. */
static enum loop_rounds rounds_of(const char *text)
{
    uint32_t function, line = 1;
    struct built *built = written(text, "read", &function);
    for (const char *at = text; at < strstr(text, "fetch("); at++)
        line += *at == '\n';
    enum loop_rounds found = source_loop_rounds(&built->profile, function, line);
    free(built);
    return found;
}

static void rounds_that_need_each_other_are_told(void **state)
{
    (void)state;
    static const char *const free_ones[] = {
        "def read(urls):\n    for url in urls:\n        pages.append(fetch(url))\n",
        "def read(urls):\n    for url in urls:\n        found[url] = fetch(base, url)\n",
        "def read(urls):\n    for number, url in enumerate(urls):\n        if url:\n            total += fetch(url)\n",
        "def read(urls):\n    for url in urls:\n        name = host + url\n        page = fetch(name)\n",
        "def read(urls):\n    return [fetch(url) for url in urls]\n",
        "def read(urls):\n    return list(map(lambda url: fetch(url), urls))\n",
        "def read(jobs):\n    while jobs:\n        job = jobs.pop()\n        done = fetch(job)\n",
    };
    static const char *const chained[] = {
        "def read(url):\n    while url:\n        page = fetch(url)\n        url = page.following\n",
        "def read(url):\n    for _ in range(9):\n        url = fetch(url)\n",
        "def read(token):\n    for name in names:\n        page, token = fetch(name, token)\n",
        "def read(urls):\n    for url in urls:\n        urls.extend(fetch(url))\n",
        ("def read(urls):\n    while urls:\n        url = urls.pop()\n        page = fetch(url)\n        "
         "urls.append(page)\n"),
        "def read(page):\n    while True:\n        url = page.following\n        page = fetch(url)\n",
    };
    static const char *const unknown[] = {
        "def read(pipe):\n    while True:\n        piece = pipe.fetch(4096)\n",
        "def read(pipe):\n    return pipe.fetch(1)\n",
        "def read(pipe):\n    for row in pipe.fetch(1):\n        keep(row)\n",
        "def read(pipe):\n    return [pipe.fetch(1) for _ in range(9)]\n",
        "x = fetch(1)\n",
    };
    for (size_t i = 0; i < sizeof free_ones / sizeof free_ones[0]; i++) {
        if (rounds_of(free_ones[i]) != ROUNDS_FREE)
            fail_msg("not free: %s", free_ones[i]);
    }
    for (size_t i = 0; i < sizeof chained / sizeof chained[0]; i++) {
        if (rounds_of(chained[i]) != ROUNDS_CHAINED)
            fail_msg("not chained: %s", chained[i]);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        if (rounds_of(unknown[i]) != ROUNDS_UNKNOWN)
            fail_msg("known: %s", unknown[i]);
    }
}

static void expect_tag(struct built *built, const char *tag, bool there)
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

/* `small` percent of the time in a function of one line, called from a loop. */
static struct built *calling(const char *body, size_t small)
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
    expect_tag(calling("return y * 600 + x", 50), "call-overhead", true);
    expect_tag(calling("return y * 600 + x", 50), "hot-loop", false);     /* it, alone, as native code gains little */
    expect_tag(calling("return y * 600 + x", 24), "call-overhead", true); /* the line that calls has more */
    expect_tag(calling("return y * 600 + x", 8), "call-overhead", false);
    expect_tag(calling("return sum(range(x))", 50), "call-overhead", false);
    struct built *built = calling("return y + x", 50); /* of long texts */
    built_operand(built, 2, "+", "str", 0, 5000, 5000);
    expect_tag(built, "call-overhead", false);
}

/* Instructions of the line that calls index(x, 2), as many as said: finding it, calling it, adding; and of index: its
 * beginning, its return, what it computes. */
static struct built *calling_by(const uint64_t ticks[6])
{
    static struct expression expressions[6];
    struct built *built = calling("return y * 600 + x", 50);
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
    expect_tag(calling("return f\"{y} {x}\"", 50), "call-overhead", true);
    expect_tag(calling("return f\"{y} {x}: {y}, {x}; {y}, {x}\"", 50), "call-overhead", false);
}

static unsigned steps_of(const char *text)
{
    uint32_t function;
    struct built *built = written(text, "ways", &function);
    unsigned steps = source_function_steps(&built->profile, function);
    free(built);
    return steps;
}

static void steps_are_counted(void **state)
{
    (void)state;
    assert_int_equal(steps_of("def ways(x):\n    return x.y[2] ** 3\n"), 3);
    assert_int_equal(steps_of("def ways(x):\n    x += 1.5\n    return x <= 2\n"), 2);
    assert_int_equal(steps_of("def ways(x):\n    return \"a + b\"  # + c\n"), 0);
    assert_true(steps_of("def ways(x):\n    return f\"{x}, {x}\"\n") >= 8);
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
}

int call_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_that_must_come_again_are_told),
        cmocka_unit_test(small_functions_are_told),
        cmocka_unit_test(small_functions_that_make_what_only_keeps_are_told),
        cmocka_unit_test(lines_that_loops_go_round_are_told),
        cmocka_unit_test(functions_that_only_call_themselves_are_told),
        cmocka_unit_test(what_calling_costs_is_no_built_in_call),
        cmocka_unit_test(words_of_a_docstring_are_no_loop),
        cmocka_unit_test(rounds_that_need_each_other_are_told),
        cmocka_unit_test(call_overhead_is_of_small_functions),
        cmocka_unit_test(call_overhead_is_in_calls),
        cmocka_unit_test(steps_are_counted),
        cmocka_unit_test(imports_that_nothing_uses_are_told),
        cmocka_unit_test(many_short_queries_are_told),
        cmocka_unit_test(queries_in_turns_go_together),
        cmocka_unit_test(what_grows_with_the_run_is_told),
        cmocka_unit_test(memory_that_is_thrown_away_is_told),
        cmocka_unit_test(built_in_calls_in_a_row_are_no_loop),
        cmocka_unit_test(collections_at_the_end_are_not_meant),
        cmocka_unit_test(queries_of_several_workers_are_a_part_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
