/*
 * What a function's source text tells, without a sample: calls that must come again, functions that are small, that
 * loop, that only call themselves, and loops whose rounds need each other. Each on texts that do and on ones that look
 * alike.
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

int function_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_that_must_come_again_are_told),
        cmocka_unit_test(small_functions_that_make_what_only_keeps_are_told),
        cmocka_unit_test(small_functions_are_told),
        cmocka_unit_test(lines_that_loops_go_round_are_told),
        cmocka_unit_test(functions_that_only_call_themselves_are_told),
        cmocka_unit_test(words_of_a_docstring_are_no_loop),
        cmocka_unit_test(rounds_that_need_each_other_are_told),
        cmocka_unit_test(steps_are_counted),
    };
    return cmocka_run_group_tests_name("findings: functions", tests, NULL, NULL);
}
