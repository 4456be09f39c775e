/* Which loops could be handed to other processes, as far as their text tells. */
#include "findings_tests.h"

#include "diagnose/source_share.h"

/* `read` calls `fetch` in a loop; `fetch` and `help` may have their text below. */
static bool shareable(const char *text)
{
    static const char *const names[] = {"fetch", "help"};
    struct built *built = built_new();
    uint32_t function = built_function(built, "read", "/home/u/app.py", true), callees[2], line = 1;
    const char *call = strstr(text, "fetch");
    for (const char *at = text; at < call; at++)
        line += *at == '\n';
    built->functions[function].first_line = 1;
    for (size_t i = 0; i < 2; i++) {
        char head[24];
        snprintf(head, sizeof head, "def %s(", names[i]);
        const char *place = strstr(text, head);
        callees[i] = built_function(built, names[i], "/home/u/app.py", true);
        built->functions[callees[i]].file = built->functions[function].file;
        built->functions[callees[i]].first_line = place != NULL ? 1 : 900;
        for (const char *at = text; place != NULL && at < place; at++)
            built->functions[callees[i]].first_line += *at == '\n';
    }
    built_text(built, function, 1, text);
    bool found = source_rounds_shareable(&built->profile, function, line, callees[0]);
    free(built);
    return found;
}

static void rounds_with_an_item_each_can_be_shared(void **state)
{
    (void)state;
    static const char *const free_ones[] = {
        "def read(n):\n    for k in range(n):\n        found.append(fetch(k))\n",
        "def read(n):\n    for k in range(n):\n        wins[fetch(k)] += 1\n",
        "def read(n):\n    return [fetch(k) for k in range(n)]\n",
        "def read(n):\n    return sum(fetch(k, LIMIT) for k in range(n) if k)\n\n"
        "def fetch(k, limit):\n    return k % limit\n",
        "def read(n):\n    return list(map(fetch, range(n)))\n",
        "def read(n):\n    while True:\n        found.append(fetch(n))\n        n += 1\n",
        "def read(n):\n    for k in range(n):\n        made = random.Random(k)\n        total += fetch(made)\n",
        "def read(rows, rate):\n    for row in rows:\n        out.append(fetch(row, rate))\n\n"
        "def fetch(row, rate):\n    return sum(x * rate[0] for x in row) + len(rate)\n",
        "def read(rows, rate):\n    for row in rows:\n        out.append(fetch(row, rate))\n\n"
        "def fetch(row, rate):\n    return help(rate, row)\n\ndef help(a, b):\n    return a + b\n",
        "def read(self, rows):\n    return [self.fetch(row) for row in rows]\n\n"
        "def fetch(self, row):\n    return self.rate * row\n",
        /* statements on several lines, by keyword, with what looks like code in strings and comments */
        "def read(\n    rows,\n    rate,\n):\n    for row in rows:\n        out.append(\n            fetch(\n"
        "                row,  # rate.clear(), (\n                rate=rate,\n            )\n        )\n\n"
        "def fetch(\n    row, *, rate\n):\n    \"\"\"rate.clear()\n\nat the left (\n    \"\"\"\n"
        "    first = rate[0]\n    first += 1\n    return help(\n        row,\n        rate,\n    )\n\n"
        "def help(a, b):\n    return a[\"(\"] + b\n",
        "def read(größen):\n    for größe in größen:\n        out.append(fetch(größe))\n",
        "def read(n):\n    for k in range(n):\n        out.append(fetch(f\"{{k}} {k!r} (\"))\n",
        /* a part of another thing, from where it says to */
        "def read(rows, size):\n    for row in rows:\n        out.append(fetch(row, size))\n\n"
        "def fetch(row, size):\n    for start in range(0, len(row), size):\n"
        "        strip = row[start : start + size]\n        strip.tell()\n    return row\n",
        "def read(rows, rates):\n    for row in rows:\n        out.append(fetch(row, rates))\n\n"
        "def fetch(row, rates):\n    made = {}\n    for k in range(3):\n        made[k] = rates[k]\n    return made\n",
    };
    for (size_t i = 0; i < sizeof free_ones / sizeof free_ones[0]; i++) {
        if (!shareable(free_ones[i]))
            fail_msg("not told: %s", free_ones[i]);
    }
}

static void rounds_that_share_something_cannot(void **state)
{
    (void)state;
    static const char *const bound[] = {
        "def read(n):\n    for k in range(n):\n        state = fetch(state, k)\n", /* what the round before left */
        "def read(n):\n    for k in range(n):\n        total += fetch(total, k)\n",
        "def read(n):\n    for k in range(n):\n        fetch(k)\n", /* called for what it changes */
        "def read(n):\n    for k in range(n):\n        book.fetch(k)\n",
        "def read(n):\n    for k in range(n):\n        text += fetch(made)\n", /* no item of its own */
        "def read(n):\n    return [fetch(made) for _ in range(n)]\n",
        "def read(n):\n    for word in fetch(n):\n        count(word)\n", /* one call of a generator */
        "def read(n):\n    a = fetch(n)\n    return a\n",
        "def read(rows, seen):\n    for row in rows:\n        out.append(fetch(row, seen))\n\n"
        "def fetch(row, seen):\n    seen.add(row)\n    return len(seen)\n",
        "def read(rows, seen):\n    for row in rows:\n        out.append(fetch(row, seen))\n\n"
        "def fetch(row, seen):\n    seen[row] = 1\n    return row\n",
        "def read(rows, seen):\n    for row in rows:\n        out.append(fetch(row, seen))\n\n"
        "def fetch(row, seen):\n    return help(seen, row)\n\ndef help(a, b):\n    a.total += b\n    return b\n",
        "def read(rows, seen):\n    for row in rows:\n        out.append(fetch(row, seen))\n\n"
        "def fetch(row, seen):\n    return unknown(seen, row)\n",
        "def read(self, rows):\n    return [self.fetch(row) for row in rows]\n\n"
        "def fetch(self, row):\n    self.total = self.total + row\n    return self.total\n",
        "def read(rows, made):\n    return [fetch(row, made) for row in rows]\n", /* no text of what is called */
        "def read(n):\n    for k in range(n):\n        seed ^= k\n        out.append(fetch(k, seed))\n",
        "def read(n):\n    for k in range(n):\n        out.append(fetch(k, last))\n        if k != 3: last = k\n",
        "def read(n):\n    for k in range(n):\n        out.append(fetch(k, last))\n        a = 1; last = k\n",
        "def read(n):\n    for k in range(n):\n        out.append(fetch(k, last))\n"
        "        tell(\"\"\"\nat the left\n\"\"\")\n        last = k\n",
        "def read(größen):\n    for größe in größen:\n        out.append(fetch(große))\n",
        "def read(n):\n    for k in range(n):\n        last = fetch(k, rf'{{}} {last}')\n",
        "def read(n):\n    for k in range(n):\n        out.append(fetch(f\"{{k}} k\"))\n",
        "def read(n):\n    for k in range(n):\n        rows = SEEN\n        out.append(fetch(k, rows))\n\n"
        "def fetch(k, rows):\n    rows.add(k)\n    return len(rows)\n",
    };
    for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++) {
        if (shareable(bound[i]))
            fail_msg("told: %s", bound[i]);
    }
}

/* Statements of a function that change what it is given, written in all the ways that look as if they did not. */
static void what_changes_an_argument_is_not_shared(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "help(\n        seen,\n        row)",
        "a = 1; seen[row] = 2",
        "if row == 1: seen[row] = 2",
        "seen[\"(\"] = 2",
        "seen ^= row",
        "seen <<= row",
        "text = \"\"\"\nat the left\n\"\"\"\n    seen.add(row)",
        "text = '''\nat the left\n'''\n    seen.add(row)",
        "total = row + \\\n0\n    seen.add(row)",
        "other = seen\n    other.add(row)",
        "other = seen or row\n    other.add(row)",
        "first = seen[row]\n    first[0] = 1",
        "for one in seen:\n        one.append(row)",
        "add = seen.add\n    add(row)",
        "self.seen = seen",
        "print(row, file=seen)",
        "if (other := seen):\n        other.add(row)",
        "with seen:\n        return row",
        "match seen:\n        case other:\n            other.add(row)",
        "help(row=row, what=seen)",
        "text = f\"{row} {seen.pop()}\"",
    };
    char text[512];
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        snprintf(text, sizeof text,
                 "def read(rows, seen):\n    for row in rows:\n        out.append(fetch(row, seen))\n\n"
                 "def fetch(row, seen):\n    %s\n    return row\n\ndef help(what, row):\n    what.add(row)\n",
                 changes[i]);
        if (shareable(text))
            fail_msg("told: %s", text);
    }
}

/* What stands behind a function is not its body. */
static void a_body_ends_where_its_function_does(void **state)
{
    (void)state;
    static const char *const others[] = {
        "def read(rows, seen):\n    return [fetch(row, seen) for row in rows]\n\n"
        "def fetch(row, seen): return seen.pop()\n\ndef help(row, seen):\n    return row\n",
        "def read(rows, seen):\n    return [fetch(row, seen) for row in rows]\n\n"
        "def fetch(*both):\n    return both[1].pop()\n",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (shareable(others[i]))
            fail_msg("told: %s", others[i]);
    }
}

/* Rounds of two functions by turns; of each thousand samples `own` are in the line that calls them, in that state. */
static struct diagnosis *diagnosed_rounds(const char *text, size_t own, enum state state, enum code_place place)
{
    uint32_t read, stacks[2];
    struct built *built = written(text, "read", &read);
    uint32_t line = built_stack(built, 0, read, 3), thread = built_thread(built, 1);
    for (uint32_t i = 0; i < 2; i++)
        stacks[i] =
            built_stack(built, line, built_function(built, i == 0 ? "fetch" : "help", "/home/u/app.py", true), 90 + i);
    for (size_t i = 0; i < WHOLE; i++) {
        bool of_loop = i * 37 % 1000 < own;
        built->place[i] = (uint8_t)place;
        built_sample(built, (i + 1) * MS, thread, of_loop ? line : stacks[i % 2], of_loop ? state : STATE_PYTHON, 1,
                     MS);
    }
    built_cores(built, 1);
    struct diagnosis *diagnosis = diagnosed(built);
    free(built);
    return diagnosis;
}

static bool says_one_core(struct diagnosis *diagnosis)
{
    bool said = false;
    for (size_t i = 0; i < diagnosis->n_findings; i++)
        said = said || strcmp(diagnosis->findings[i].tag, "one-core") == 0;
    diagnosis_free(diagnosis);
    return said;
}

/* Sending what a short round works on takes as long as the round; how short it is, the loop's own steps tell. */
static void short_rounds_are_not_worth_sending(void **state)
{
    (void)state;
    static const char loop[] = "def read(rows):\n    for row in rows:\n        out.append(help(fetch(row)))\n";
    static const char comprehension[] = "def read(rows):\n    return sum(\n        help(fetch(row)) for row in rows)\n";
    static const char inner[] = "def read(rows):\n    for row in rows:\n        out.append(help(fetch(row)))\n"
                                "        for x in row:\n            total += x\n";
    static const char numbers[] = "def read(n):\n    for k in range(n):\n        out.append(help(fetch(k)))\n";
    assert_true(says_one_core(diagnosed_rounds(loop, 0, STATE_PYTHON, PLACE_LOOP)));
    assert_true(says_one_core(diagnosed_rounds(numbers, 30, STATE_PYTHON, PLACE_LOOP))); /* these are sent faster */
    assert_false(says_one_core(diagnosed_rounds(loop, 30, STATE_PYTHON, PLACE_LOOP)));
    assert_false(says_one_core(diagnosed_rounds(numbers, 100, STATE_PYTHON, PLACE_LOOP)));
    assert_true(says_one_core(diagnosed_rounds(loop, 2, STATE_PYTHON, PLACE_LOOP)));
    assert_false(says_one_core(diagnosed_rounds(loop, 60, STATE_PYTHON, PLACE_LOOP)));
    assert_false(says_one_core(diagnosed_rounds(comprehension, 60, STATE_ON_CPU, PLACE_LOOP)));
    assert_false(says_one_core(diagnosed_rounds(comprehension, 60, STATE_PYTHON, PLACE_LOOP)));
    /* the line calls something built in, or another loop has that time: a round may be long; or nothing tells */
    assert_true(says_one_core(diagnosed_rounds(loop, 60, STATE_PYTHON, PLACE_UNKNOWN)));
    assert_true(says_one_core(diagnosed_rounds(loop, 60, STATE_PYTHON, PLACE_RUNTIME)));
    assert_true(says_one_core(diagnosed_rounds(loop, 60, STATE_KERNEL, PLACE_UNKNOWN)));
    assert_true(says_one_core(diagnosed_rounds(inner, 60, STATE_PYTHON, PLACE_LOOP)));
}

/* Rounds that call something built in on line 6, of a list of so many items each. */
static struct diagnosis *diagnosed_sums(int64_t items)
{
    static const char text[] = "def read(rows):\n    for row in rows:\n        out.append(help(fetch(row)))\n\n"
                               "def fetch(row):\n    return sum(row)\n\ndef help(row):\n    return row\n";
    uint32_t read, stacks[2];
    struct built *built = written(text, "read", &read);
    uint32_t line = built_stack(built, 0, read, 3), thread = built_thread(built, 1);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t callee = built_function(built, i == 0 ? "fetch" : "help", "/home/u/app.py", true);
        built->functions[callee].file = built->functions[read].file;
        built->functions[callee].first_line = i == 0 ? 5 : 8;
        stacks[i] = built_stack(built, line, callee, i == 0 ? 6 : 9);
    }
    for (size_t i = 0; i < WHOLE; i++) {
        built->place[i] = PLACE_RUNTIME;
        built_sample(built, (i + 1) * MS, thread, stacks[i % 20 == 0], STATE_PYTHON, 1, MS);
    }
    built_operand(built, built->stacks[stacks[0]].frame, "call", "list", 1, items, items);
    built_cores(built, 1);
    struct diagnosis *diagnosis = diagnosed(built);
    free(built);
    return diagnosis;
}

/* What is done for each of many items is as little as it takes to send them. */
static void many_items_are_not_worth_sending(void **state)
{
    (void)state;
    assert_true(says_one_core(diagnosed_sums(20)));
    assert_false(says_one_core(diagnosed_sums(100000)));
}

int share_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_with_an_item_each_can_be_shared), cmocka_unit_test(rounds_that_share_something_cannot),
        cmocka_unit_test(what_changes_an_argument_is_not_shared), cmocka_unit_test(a_body_ends_where_its_function_does),
        cmocka_unit_test(short_rounds_are_not_worth_sending),     cmocka_unit_test(many_items_are_not_worth_sending),
    };
    return cmocka_run_group_tests_name("findings: shared rounds", tests, NULL, NULL);
}
