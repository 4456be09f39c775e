/*
 * The text and JSON exporters against golden files (tests/golden), on profiles made by hand: what a reader sees,
 * hostile names, narrow and wide screens. KEISOKU_UPDATE_GOLDEN=1 writes the files anew: look at the difference before
 * it is kept.
 */
#include "unit.h"

#include "export/cells.h"
#include "export/export.h"

#include <stdio.h>
#include <stdlib.h>

#include "failing.h"
#include "profile_builder.h"

enum { MS = 1000000 };

static void run_export(struct built *built, const char *format, const struct kei_export_options *options,
                       struct buf *out)
{
    struct diagnosis *diagnosis = NULL;
    struct err err = {0};
    assert_int_equal(diagnose(&built->profile, &diagnosis), 0);
    struct export_input input = {.profile = &built->profile, .diagnosis = diagnosis, .options = options};
    struct sink sink = sink_to_buf(out);
    int rc = exporter_by_name(format)->write(&input, &sink, &err);
    if (rc != 0)
        buf_printf(out, "error %d: %s\n", rc, err.text);
    diagnosis_free(diagnosis);
}

static void read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    char block[4096];
    for (size_t n; file != NULL && (n = fread(block, 1, sizeof block, file)) > 0;)
        buf_add(out, block, n);
    if (file != NULL)
        fclose(file);
}

static void assert_golden(const char *name, struct buf *actual)
{
    char path[256];
    struct buf expected = {0};
    snprintf(path, sizeof path, "tests/golden/%s", name);
    if (getenv("KEISOKU_UPDATE_GOLDEN") != NULL) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fwrite(actual->data, 1, actual->size, file);
        fclose(file);
    }
    read_file(path, &expected);
    if (expected.size != actual->size || memcmp(expected.data, actual->data, actual->size) != 0)
        fail_msg("%s differs from:\n%s", path, buf_text(actual));
    buf_release(&expected);
}

static void golden(struct built *built, const char *format, const struct kei_export_options *options, const char *name)
{
    struct buf out = {0};
    run_export(built, format, options, &out);
    assert_golden(name, &out);
    buf_release(&out);
}

static const char orders_source[] = "def match_orders(orders):\n"
                                    "    seen, out = [], []\n"
                                    "    for order in orders:\n"
                                    "        key = order[\"customer\"], order[\"sku\"]\n"
                                    "        if key in seen:\n"
                                    "            out.append(order)\n"
                                    "        seen.append(key)\n"
                                    "    return out\n";

/* A job with a hot function, a library, a wait and a collection, as a small real program gives: 8 s at 1 kHz. */
static struct built *orders(void)
{
    static struct profile_source source;
    struct built *built = built_new();
    struct profile *profile = &built->profile;
    profile->start_unix_ns = UINT64_C(1795250000) * 1000000000u;
    profile->host = "machine";
    profile->self = (struct self_report){.own_cpu_ns = 150 * MS,
                                         .core_taken_ns = 56 * MS,
                                         .own_rss_bytes = 9000000,
                                         .sweeps = 7996,
                                         .sweeps_planned = 8000,
                                         .late = 4,
                                         .reads = 8100,
                                         .rereads = 60,
                                         .rate_asked_hz = 1000,
                                         .rate_hz = 998};
    built->command[0] = "orders.py";
    uint32_t python = built_string(built, "3.13.0");
    built->processes[1].python = python;
    built->processes[1].command = built_string(built, "orders.py");
    uint32_t match = built_function(built, "match_orders", "/home/u/orders.py", true);
    uint32_t module = built_function(built, "<module>", "/home/u/orders.py", true);
    uint32_t dumps = built_function(built, "JSONEncoder.encode", "/usr/lib/python3.13/json/encoder.py", false);
    uint32_t load = built_function(built, "load", "/home/u/orders.py", true);
    built->functions[match].first_line = 1;
    source = (struct profile_source){.file = built->functions[match].file,
                                     .first_line = 1,
                                     .text = orders_source,
                                     .length = sizeof orders_source - 1};
    built->functions[module].file = built->functions[load].file = built->functions[match].file;
    profile->sources = &source;
    profile->n_sources = 1;
    uint32_t settle = built_stack(built, 0, module, 70), save = built_stack(built, 0, module, 75);
    uint32_t hot = built_stack(built, settle, match, 5), append = built_stack(built, settle, match, 7);
    uint32_t encode = built_stack(built, save, dumps, 200), read = built_stack(built, 0, load, 17);
    uint32_t thread = built_thread(built, 1);
    built->threads[thread].name = built_string(built, "MainThread");
    for (uint64_t i = 0; i < 8000; i++) {
        uint64_t part = i * 37 % 100; /* 74 % match_orders, 10 % json, 9 % reading, 4 % waiting, 3 % collecting */
        uint32_t stack = part < 70 ? hot : part < 74 ? append : part < 84 ? encode : part < 97 ? read : append;
        enum state state = part < 84 ? STATE_PYTHON : part < 93 ? STATE_KERNEL : part < 97 ? STATE_IO : STATE_GC;
        if (part >= 74 && part < 84)
            state = STATE_NATIVE_GIL;
        built_sample(built, (i + 1) * MS, thread, stack, state, 1, MS);
    }
    built->counters[profile->n_counters++] =
        (struct counter){.subject = 1, .kind = COUNTER_PEAK_RSS, .value = 48000000};
    built_cores(built, 3.9);
    return built;
}

static void orders_screen(void **state)
{
    (void)state;
    struct built *built = orders();
    golden(built, "text", &(struct kei_export_options){0}, "orders.txt");
    golden(built, "text", &(struct kei_export_options){.height = 20}, "orders-low.txt");
    golden(built, "text", &(struct kei_export_options){.width = 120, .color = true}, "orders-wide.txt");
    golden(built, "text", &(struct kei_export_options){.top = 3, .sort = "total", .cpu_clock = true}, "orders-cpu.txt");
    golden(built, "text", &(struct kei_export_options){.lines_of = "match_orders"}, "orders-lines.txt");
    golden(built, "text", &(struct kei_export_options){.findings = true}, "orders-findings.txt");
    golden(built, "text", &(struct kei_export_options){.callers_of = "encode", .callees_of = "<module>"},
           "orders-calls.txt");
    golden(built, "json", &(struct kei_export_options){0}, "orders.json");
    free(built);
}

/* A third of the time it wanted a core; and it failed. Its advice stands there all the same. */
static void starved_screen(void **state)
{
    (void)state;
    struct built *built = orders();
    for (size_t i = 0; i < built->profile.samples.count; i += 3) {
        if (!state_on_cpu((enum state)built->state[i]))
            continue;
        built->state[i] = STATE_RUNNABLE;
        built->ticks[i] = 0;
        built->cpu_ns[i] = 0;
        built->threads[1].run_ns -= MS;
        built->threads[1].delay_ns += MS;
    }
    built->processes[1].exit_status = 3 << 8;
    golden(built, "text", &(struct kei_export_options){0}, "orders-starved.txt");
    free(built);
}

/* Nothing was measured: the cause stands there. */
static void empty_screen(void **state)
{
    (void)state;
    struct built *built = built_new();
    built->notes[0] = "no Python was found in /bin/true or below it";
    golden(built, "text", &(struct kei_export_options){0}, "empty.txt");
    golden(built, "json", &(struct kei_export_options){0}, "empty.json");
    free(built);
}

/* Names with terminal codes, line ends, invalid UTF-8, markup, and of great length. */
static void hostile_names_are_shown_harmless(void **state)
{
    (void)state;
    static char endless[9000];
    memset(endless, 'x', sizeof endless - 1);
    static const char *const names[] = {"\033[2Jcleared", "two\nlines",
                                        "\xff\xfe\xc3",   "</script><b>",
                                        endless,          "関数の名前はとても長いので切られるはずですから"};
    struct built *built = built_new();
    built->command[0] = "evil\033]0;title\007.py";
    built->notes[0] = "a note with \033[31mcolour";
    uint32_t thread = built_thread(built, 1);
    built->threads[thread].name = built_string(built, "thr\nead\033[5m");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t function = built_function(built, names[i], names[i], true);
        uint32_t stack = built_stack(built, 0, function, 1);
        for (uint64_t k = 0; k < 500 * (i + 1); k++)
            built_sample(built, built->profile.duration_ns + MS, thread, stack, STATE_PYTHON, 1, MS);
    }
    struct buf out = {0};
    run_export(built, "text", &(struct kei_export_options){.top = 20}, &out);
    for (size_t i = 0; i < out.size; i++)
        assert_true((unsigned char)out.data[i] >= 0x20 || out.data[i] == '\n');
    size_t lines = 0;
    for (char *line = out.data, *end; (end = memchr(line, '\n', out.size - (size_t)(line - out.data))) != NULL;
         line = end + 1, lines++) {
        if (cells_width(line, (size_t)(end - line)) > 80)
            fail_msg("wider than the screen: %.*s", (int)(end - line), line);
    }
    assert_true(lines > 10);
    buf_release(&out);
    golden(built, "text", &(struct kei_export_options){0}, "hostile.txt");
    golden(built, "json", &(struct kei_export_options){.top = 3}, "hostile.json");
    free(built);
}

/* Looks at the first lines, and compiled code in a part of all others' time: then a line takes three of the screen. */
static void say_more_of_lines(struct built *built, const uint32_t *stacks, size_t n)
{
    static struct operand operands[12];
    struct profile *profile = &built->profile;
    uint32_t inside[12], operation = built_string(built, "in"), type = built_string(built, "list");
    uint32_t module = built_function(built, "parse", "/v/site-packages/tomli/_parser.so", false);
    built->functions[module].kind = FUNCTION_NATIVE;
    for (size_t i = 0; i < n; i++) {
        operands[i] = (struct operand){
            .frame = built->stacks[stacks[i]].frame, .operation = operation, .type = type, .looks = 40};
        inside[i] = built_stack(built, stacks[i], module, 0);
    }
    profile->operands = operands;
    profile->n_operands = n;
    for (size_t i = 0; i < profile->samples.count; i += 3) {
        size_t of = 0;
        while (of < n && stacks[of] != built->stack[i])
            of++;
        built->stack[i] = of < n ? inside[of] : built->stack[i];
    }
}

/* Whatever the findings say, the screen keeps to its lines: 24, or what the terminal has room for. */
static void screens_are_small(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 60; seed++) {
        struct built *built = built_new();
        struct buf out = {0};
        uint32_t stacks[12], threads = 1 + seed % 5;
        srand(seed);
        for (uint32_t i = 0; i < 12; i++) {
            static const char *const names[] = {"a", "a_function_with_a_rather_long_name_for_a_table", "Class.method"};
            uint32_t function = built_function(built, names[i % 3],
                                               i % 4 == 0 ? "/usr/lib/python3.12/json/a.py" : "/home/u/a.py", i % 4);
            stacks[i] = built_stack(built, i > 0 && i % 2 ? stacks[i - 1] : 0, function, i * 7 + 1);
        }
        for (uint32_t t = 0; t < threads; t++)
            built_thread(built, 1);
        for (uint64_t i = 0; i < 3000; i++) {
            enum state one = (enum state)((unsigned)rand() % STATE_COUNT * (seed % 3) % STATE_COUNT);
            built_sample(built, (i + 1) * MS, 1 + (uint32_t)i % threads, stacks[(unsigned)rand() % 12], one,
                         one != STATE_RUNNABLE, MS);
        }
        for (int i = 0; i < LOSS_KIND_COUNT; i++)
            built->profile.losses[i] = (uint64_t)rand() % 30;
        built_cores(built, seed % 4);
        if (seed % 2 == 0) { /* all that makes a screen long */
            built->command[0] = "/home/somebody/.local/share/a/very/long/way/to/some/python3.13/bin/python3.13";
            built->command[1] = "/home/somebody/projects/another/rather/long/way/to/the/program/itself/app.py";
            built->threads[1].delay_ns = built->profile.duration_ns / 2;
            for (size_t i = 0; i < 2000; i++)
                built_sample(built, (uint64_t)3000 * MS, 1, stacks[1], STATE_RUNNABLE, 0, MS);
            built->notes[0] = "a note that takes two lines, because somebody has to say something that is long enough";
            built->notes[1] = "another note that takes two lines, because the first did not say all that is to be said";
            built->profile.evidence = "kernel sampler, perf clock, /proc, the interpreter's own fields";
        }
        if (seed % 3 != 0)
            say_more_of_lines(built, stacks, 12);
        static const uint32_t heights[] = {0, 24, 22, 20, 32};
        for (size_t h = 0; h < sizeof heights / sizeof *heights; h++) {
            struct kei_export_options options = {.page_path = "test.1.html", .height = heights[h]};
            buf_clear(&out);
            run_export(built, "text", &options, &out);
            size_t lines = 0;
            for (size_t i = 0; i < out.size; i++)
                lines += out.data[i] == '\n';
            if (lines > (heights[h] == 0 ? 24 : heights[h]))
                fail_msg("%zu lines of %u:\n%s", lines, heights[h], buf_text(&out));
        }
        buf_release(&out);
        free(built);
    }
}

/* Where `text` begins in the screen; it has to be there. */
static size_t place_of(struct buf *out, const char *text)
{
    const char *found = strstr(buf_text(out), text);
    if (found == NULL)
        fail_msg("no %s in:\n%s", text, buf_text(out));
    return (size_t)(found - out->data);
}

/* Own code stands first, and the table says so; who asks for an order by time gets that. */
static void own_code_stands_first_unless_asked(void **state)
{
    (void)state;
    struct built *built = built_new();
    struct buf out = {0};
    uint32_t thread = built_thread(built, 1);
    uint32_t own = built_stack(built, 0, built_function(built, "mine", "/home/u/a.py", true), 3);
    uint32_t foreign = built_stack(built, own, built_function(built, "theirs", "/usr/lib/python3.12/b.py", false), 5);
    for (uint64_t i = 0; i < 1000; i++)
        built_sample(built, (i + 1) * MS, thread, i % 4 == 0 ? own : foreign, STATE_PYTHON, 1, MS);
    static const char *const sorts[] = {NULL, "own", "self", "total"};
    for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++) {
        buf_clear(&out);
        run_export(built, "text", &(struct kei_export_options){.sort = sorts[i]}, &out);
        bool own_first = place_of(&out, "%  mine ") < place_of(&out, "%  theirs ");
        assert_int_equal(own_first, i != 2);
        assert_int_equal(strstr(buf_text(&out), "function (own code first)") != NULL, i < 2);
    }
    buf_release(&out);
    free(built);
}

/* A program whose threads know when they did what: 4 s. */
static struct built *phases(uint32_t workers)
{
    static struct gap gaps[] = {{1000 * (uint64_t)MS, 9 * (uint64_t)MS}, {3000 * (uint64_t)MS, 5 * (uint64_t)MS}};
    struct built *built = built_new();
    uint32_t work = built_stack(built, 0, built_function(built, "work", "/home/u/test.py", true), 3);
    uint32_t thread = built_thread(built, 1);
    built->threads[thread].name = built_string(built, "MainThread");
    for (uint64_t i = 0; i < 4000; i++) /* it reads for a second, works for two, and waits for the workers */
        built_sample(built, (i + 1) * MS, thread, work,
                     i < 1000   ? STATE_IO
                     : i < 3000 ? STATE_PYTHON
                                : STATE_LOCK,
                     1, MS);
    for (uint32_t k = 0; k < workers; k++) { /* the later, the less of its time is its own */
        thread = built_thread(built, 1);
        built->threads[thread].name = built_string(built, k == 0 ? "a worker with a long name\n" : "worker");
        built->threads[thread].start_ns = (1000 + 100 * (uint64_t)k) * MS;
        for (uint64_t i = 1000 + 100 * k; i < 3500; i += 10)
            built_sample(built, (i + 10) * MS, thread, work, i / 10 % (k + 2) == 0 ? STATE_PYTHON : STATE_GIL_WAIT, 10,
                         10.0 * MS);
    }
    built_cores(built, 2);
    for (uint32_t core = 0; core < 3; core += 2) { /* most of it on one, the rest on another */
        struct counter used = {built->profile.duration_ns, core, COUNTER_CORE_USED,
                               (core == 0 ? 450 : 2010) * (int64_t)MS};
        struct counter delay = {built->profile.duration_ns, core, COUNTER_CORE_DELAY,
                                (core == 0 ? 8 : 1200) * (int64_t)MS};
        built->counters[built->profile.n_counters++] = used;
        built->counters[built->profile.n_counters++] = delay;
    }
    built->profile.gaps = gaps;
    built->profile.n_gaps = 2;
    return built;
}

/* The strip: each thread's states at their times, mixed ones in turns, as many as a screen holds. */
static void threads_are_shown_over_time(void **state)
{
    (void)state;
    struct built *built = phases(3);
    golden(built, "text", &(struct kei_export_options){.threads = true}, "threads-table.txt");
    golden(built, "text", &(struct kei_export_options){.threads = true, .top = 2, .width = 120, .color = true},
           "threads-wide.txt");
    free(built);
    built = phases(14);
    struct buf out = {0};
    run_export(built, "text", &(struct kei_export_options){.threads = true}, &out);
    assert_true(place_of(&out, "\n6 others          ") < place_of(&out, "\n                  |0 s  "));
    buf_release(&out);
    free(built);
}

/* Recordings of any length have a strip: of one sample, of days. */
static void the_strip_fits_its_recording(void **state)
{
    (void)state;
    static const struct {
        uint64_t each_ns;
        uint32_t samples, columns;
        const char *axis;
    } cases[] = {{MS, 1, 1, "\n                  |0 "},
                 {MS, 25, 25, "|0 ms     |10 ms    |20 ms"},
                 {600 * (uint64_t)MS, 100, 60, "|0 s      |10 s     |20 s"},
                 {3600 * 1000 * (uint64_t)MS, 72, 60, "|0 h      |12 h     |24 h"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct built *built = built_new();
        struct buf out = {0};
        uint32_t work = built_stack(built, 0, built_function(built, "work", "/home/u/test.py", true), 3);
        uint32_t thread = built_thread(built, 1);
        for (uint64_t k = 0; k < cases[i].samples; k++)
            built_sample(built, (k + 1) * cases[i].each_ns, thread, work, STATE_PYTHON, 1, (double)cases[i].each_ns);
        run_export(built, "text", &(struct kei_export_options){.threads = true}, &out);
        size_t row = place_of(&out, "\n101 ") + 1 + 18, columns = 0;
        while (out.data[row + columns] == '#')
            columns++;
        assert_int_equal(columns, cases[i].columns);
        place_of(&out, cases[i].axis);
        buf_release(&out);
        free(built);
    }
}

/* Compiled modules have no lines: the line that calls one says so, and by which file it was. */
static void a_line_says_what_compiled_code_it_runs(void **state)
{
    (void)state;
    struct built *built = built_new();
    struct buf out = {0};
    uint32_t thread = built_thread(built, 1);
    uint32_t load = built_stack(built, 0, built_function(built, "load", "/home/u/a.py", true), 4);
    uint32_t module =
        built_function(built, "parse", "/v/site-packages/tomli/_parser.cpython-313-x86_64-linux-gnu.so", false);
    built->functions[module].kind = FUNCTION_NATIVE;
    uint32_t inside = built_stack(built, load, module, 0);
    for (uint64_t i = 0; i < 1000; i++) {
        bool in = i % 5 == 0;
        built->place[built->profile.samples.count] = in ? PLACE_UNKNOWN : PLACE_RUNTIME;
        built_sample(built, (i + 1) * MS, thread, in ? inside : load, in ? STATE_NATIVE_GIL : STATE_PYTHON, 1, MS);
    }
    run_export(built, "text", &(struct kei_export_options){0}, &out);
    assert_true(place_of(&out, " 4      100 %") <
                place_of(&out, "   compiled: tomli._parser 20 %, runtime 80 % of its CPU time\n"));
    /* Too little of it to say: nothing is said. */
    for (uint64_t i = 0; i < 1000; i++)
        built->stack[i] = i % 50 == 0 ? inside : load;
    buf_clear(&out);
    run_export(built, "text", &(struct kei_export_options){0}, &out);
    assert_null(strstr(buf_text(&out), "compiled: "));
    buf_release(&out);
    free(built);
}

static void unknown_functions_are_named(void **state)
{
    (void)state;
    struct built *built = orders();
    struct buf out = {0};
    run_export(built, "text", &(struct kei_export_options){.lines_of = "nothing"}, &out);
    assert_non_null(
        strstr(buf_text(&out), "no function named nothing in this recording; the hottest are: match_orders"));
    buf_clear(&out);
    run_export(built, "text", &(struct kei_export_options){.sort = "size"}, &out);
    assert_non_null(strstr(buf_text(&out), "cannot sort by size"));
    buf_release(&out);
    free(built);
}

static void cells_fit(void **state)
{
    (void)state;
    struct buf out = {0};
    assert_int_equal(cells_add(&out, "abcdef", 6, 4, false, false), 4);
    assert_string_equal(buf_text(&out), "abc…");
    buf_clear(&out);
    assert_int_equal(cells_add(&out, "abcdef", 6, 4, true, false), 4);
    assert_string_equal(buf_text(&out), "…def");
    buf_clear(&out);
    assert_int_equal(cells_add(&out, "日本語", 9, 4, false, true), 4); /* two columns each: one fits beside the dots */
    assert_string_equal(buf_text(&out), "日… ");
    buf_clear(&out);
    assert_int_equal(cells_add(&out, "e\xcc\x81t\xc3\xa9", 6, 3, false, true), 3); /* a combining accent takes none */
    assert_string_equal(buf_text(&out), "e\xcc\x81t\xc3\xa9");
    buf_clear(&out);
    assert_int_equal(cells_wrap(&out, "> ", "  ", "one two three", 9), 2);
    assert_string_equal(buf_text(&out), "> one two\n  three\n");
    buf_release(&out);
    char text[48];
    cells_count(text, sizeof text, 1234567);
    assert_string_equal(text, "1 234 567");
    cells_percent_range(text, sizeof text, 0.714, 0.70, 0.728);
    assert_string_equal(text, "71 % ±1");
    cells_bytes(text, sizeof text, 410300);
    assert_string_equal(text, "410 kB");
}

struct one_export {
    struct built *built;
    const char *format;
};

static int export_once(void *context)
{
    struct one_export *one = context;
    struct diagnosis *diagnosis = NULL;
    struct kei_export_options options = {.callees_of = strcmp(one->format, "calls") == 0 ? "<module>" : NULL,
                                         .threads = strcmp(one->format, "threads") == 0};
    int rc = diagnose(&one->built->profile, &diagnosis);
    if (rc == 0) {
        struct buf out = {0};
        struct sink sink = sink_to_buf(&out);
        struct err err = {0};
        struct export_input input = {.profile = &one->built->profile, .diagnosis = diagnosis, .options = &options};
        rc = exporter_by_name(options.callees_of != NULL || options.threads ? "text" : one->format)
                 ->write(&input, &sink, &err);
        buf_release(&out);
    }
    diagnosis_free(diagnosis);
    return rc;
}

static void short_memory_is_said(void **state)
{
    (void)state;
    struct one_export one = {.built = orders()};
    const char *formats[] = {"text", "json", "calls", "threads"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        one.format = formats[i];
        assert_true(failing_each(export_once, &one, false) > 10);
    }
    free(one.built);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_screen),
        cmocka_unit_test(starved_screen),
        cmocka_unit_test(empty_screen),
        cmocka_unit_test(hostile_names_are_shown_harmless),
        cmocka_unit_test(screens_are_small),
        cmocka_unit_test(own_code_stands_first_unless_asked),
        cmocka_unit_test(threads_are_shown_over_time),
        cmocka_unit_test(the_strip_fits_its_recording),
        cmocka_unit_test(a_line_says_what_compiled_code_it_runs),
        cmocka_unit_test(unknown_functions_are_named),
        cmocka_unit_test(cells_fit),
        cmocka_unit_test(short_memory_is_said),
    };
    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
