/* Source text that nobody would write: what reads it must end soon, within its bytes, and say nothing of it. */
#include "findings_tests.h"

#include "diagnose/source_loop.h"
#include "diagnose/source_share.h"

/* A text that is made piece by piece, of just as many bytes as it needs. */
struct page {
    char *text;
    size_t length;
};

static void add(struct page *page, const char *text)
{
    size_t size = strlen(text);
    page->text = realloc(page->text, page->length + size);
    memcpy(page->text + page->length, text, size);
    page->length += size;
}

static void add_many(struct page *page, const char *text, size_t times)
{
    size_t size = strlen(text);
    page->text = realloc(page->text, page->length + size * times);
    for (size_t i = 0; i < times; i++, page->length += size)
        memcpy(page->text + page->length, text, size);
}

/* `read` begins at the first line; the others at each `def` behind it. */
static struct built *seen(const struct page *page, size_t *functions)
{
    enum { NAMES = 64, NAME = 16 };
    static char names[NAMES][NAME]; /* the profile has its texts elsewhere */
    struct built *built = built_new();
    uint32_t line = 1;
    *functions = 0;
    for (const char *at = page->text, *end = at + page->length; at < end; at++) {
        line += *at == '\n';
        if (end - at < 8 || memcmp(at, "def ", 4) != 0)
            continue;
        const char *open = memchr(at, '(', (size_t)(end - at));
        assert_true(*functions < NAMES);
        char *name = memset(names[*functions], 0, NAME);
        memcpy(name, at + 4, open != NULL && open - at < NAME ? (size_t)(open - at - 4) : 0);
        uint32_t function = built_function(built, name, "/home/u/app.py", true);
        built->functions[function].file = built->functions[1].file;
        built->functions[function].first_line = line;
        ++*functions;
    }
    static struct profile_source source;
    source = (struct profile_source){
        .file = built->functions[1].file, .first_line = 1, .text = page->text, .length = page->length};
    built->profile.sources = &source;
    built->profile.n_sources = 1;
    return built;
}

/* Can the rounds around the line, which call the last function there, be shared? */
static bool told(struct page *page, uint32_t line)
{
    size_t functions;
    struct built *built = seen(page, &functions);
    bool found = source_rounds_shareable(&built->profile, 1, line, (uint32_t)functions);
    struct loop_round round;
    source_loop_rounds(&built->profile, 1, line); /* these end too */
    source_loop_round(&built->profile, 1, line, &round);
    free(built);
    free(page->text);
    *page = (struct page){0};
    return found;
}

static void values_of_values_are_followed_once(void **state)
{
    (void)state;
    struct page page = {0};
    add(&page, "def read(n):\n    while n:\n");
    for (int i = 1; i <= 40; i++) {
        char line[32];
        snprintf(line, sizeof line, "        x%d = x%d", i, i - 1);
        add(&page, line);
        snprintf(line, sizeof line, " + x%d", i - 1);
        add_many(&page, line, 200);
        add(&page, "\n");
    }
    add(&page, "        tell(fetch(x40))\n\ndef fetch(x):\n    return x\n");
    assert_false(told(&page, 43));
}

/* Each hands what it is given to all others, fifty times. */
static void functions_that_all_call_each_other_are_given_up(void **state)
{
    (void)state;
    struct page page = {0};
    char line[64];
    add(&page, "def read(rows, made):\n    return [f11(row, made) for row in rows]\n");
    for (int i = 0; i < 12; i++) {
        snprintf(line, sizeof line, "\ndef f%d(x, made):\n", i);
        add(&page, line);
        for (int k = 0; k < 12; k++) {
            snprintf(line, sizeof line, "    f%d(x, made)\n", k);
            add_many(&page, line, i == k ? 0 : 5);
        }
    }
    assert_false(told(&page, 2));
}

static void what_is_too_long_is_not_read(void **state)
{
    (void)state;
    struct page page = {0};
    add(&page, "def read(rows):\n    return [fetch(row, ");
    add_many(&page, "seen, ", 2000000);
    add(&page, "1) for row in rows]\n\ndef fetch(row):\n    return row\n");
    assert_false(told(&page, 2));

    add(&page,
        "def read(rows, seen):\n    return [fetch(row, seen) for row in rows]\n\ndef fetch(row, seen):\n    x = [");
    add_many(&page, "(", 100000);
    add(&page, "\n    return row\n");
    assert_false(told(&page, 2));

    add(&page, "def read(rows, seen):\n    return [fetch(row, seen) for row in rows]\n\ndef fetch(row, seen):\n");
    add_many(&page, "    row = 1\n", 1000);
    add(&page, "    seen.add(row)\n");
    assert_false(told(&page, 2));

    add(&page, "def read(rows):\n    for row in rows:\n");
    add_many(&page, "        (\n", 100000);
    add(&page, "        out.append(fetch(row))\n\ndef fetch(row):\n    return row\n");
    assert_false(told(&page, 3));
    add(&page, "def read(rows):\n");
    add_many(&page, "\n", 1000000);
    add(&page, "    for row in rows:\n        out.append(fetch(row))\n\ndef fetch(row):\n    return row\n");
    assert_true(told(&page, 1000003)); /* a long file is no strange one */
}

static void what_is_no_text_is_not_read(void **state)
{
    (void)state;
    static const char text[] = "def read(rows):\n    for row in rows:\n        out.append(fetch(row\0))\n\n"
                               "def fetch(row):\n    return row\n";
    struct page page = {.text = malloc(sizeof text - 1), .length = sizeof text - 1};
    memcpy(page.text, text, page.length);
    assert_false(told(&page, 3));
}

/* The first byte of all is a name's. */
static void nothing_is_read_before_the_text(void **state)
{
    (void)state;
    struct page page = {0};
    add(&page, "import maker\ndef read(rows):\n    for row in rows:\n        out.append(fetch(row, maker))\n\n"
               "def fetch(row, a):\n    return row");
    assert_true(told(&page, 4));
    add(&page, "def read(\"");
    assert_false(told(&page, 1));
}

int source_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_values_are_followed_once),
        cmocka_unit_test(functions_that_all_call_each_other_are_given_up),
        cmocka_unit_test(what_is_too_long_is_not_read),
        cmocka_unit_test(what_is_no_text_is_not_read),
        cmocka_unit_test(nothing_is_read_before_the_text),
    };
    return cmocka_run_group_tests_name("findings: strange source text", tests, NULL, NULL);
}
