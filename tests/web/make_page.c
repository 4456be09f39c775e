/*
 * Writes the page of a made-up profile to standard output, so that the browser tests know every number on it:
 *
 *   make_page orders|threads|phases|hostile|empty|weak|big
 *
 * Nothing here is measured; the profile and its diagnosis are put together in memory.
 */
#include "export/html_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096, STACKS_MOST = 40000 };

static struct profile profile;
static struct diagnosis diagnosis;
static struct finding findings[4];
static const char *strings[MOST];
static uint32_t string_lengths[MOST];
static struct function functions[MOST];
static bool function_own[MOST], thread_idle[64];
static struct frame frames[MOST];
static struct stack stacks[STACKS_MOST + 64];
static struct process processes[16];
static struct thread threads[64];
static struct profile_source sources[16];
static struct counter counters[8192];
static const char *notes[4];
static size_t capacity;

static uint32_t add_string_of(const char *text, size_t length)
{
    for (uint32_t i = 0; i < profile.n_strings; i++)
        if (string_lengths[i] == length && memcmp(strings[i], text, length) == 0)
            return i;
    strings[profile.n_strings] = text;
    string_lengths[profile.n_strings] = (uint32_t)length;
    return (uint32_t)profile.n_strings++;
}

static uint32_t add_string(const char *text)
{
    return add_string_of(text, strlen(text));
}

static uint32_t add_function(const char *name, const char *file, uint32_t line, bool own, enum function_kind kind)
{
    uint32_t id = (uint32_t)profile.n_functions++;
    functions[id] = (struct function){add_string(name), add_string(file), line, (uint8_t)kind};
    function_own[id] = own;
    return id;
}

static uint32_t push(uint32_t parent, uint32_t function, uint32_t line)
{
    for (uint32_t i = 1; i < profile.n_stacks; i++)
        if (stacks[i].parent == parent && frames[stacks[i].frame].function == function &&
            frames[stacks[i].frame].line == line)
            return i;
    uint32_t frame = 0;
    for (uint32_t i = 1; i < profile.n_frames && frame == 0; i++)
        if (frames[i].function == function && frames[i].line == line)
            frame = i;
    if (frame == 0) {
        frame = (uint32_t)profile.n_frames++;
        frames[frame] = (struct frame){function, line};
    }
    stacks[profile.n_stacks] = (struct stack){parent, frame, stacks[parent].depth + 1};
    return (uint32_t)profile.n_stacks++;
}

static void grow(void)
{
    struct profile_samples *s = &profile.samples;
    capacity = capacity * 2 + 1024;
    s->time_ns = realloc(s->time_ns, capacity * sizeof *s->time_ns);
    s->thread = realloc(s->thread, capacity * sizeof *s->thread);
    s->stack = realloc(s->stack, capacity * sizeof *s->stack);
    s->ticks = realloc(s->ticks, capacity * sizeof *s->ticks);
    s->wall_ns = realloc(s->wall_ns, capacity * sizeof *s->wall_ns);
    s->cpu_ns = realloc(s->cpu_ns, capacity * sizeof *s->cpu_ns);
    s->state = realloc(s->state, capacity);
    s->marks = realloc(s->marks, capacity);
    s->reader = realloc(s->reader, capacity);
    s->place = realloc(s->place, capacity);
}

/* One millisecond of a thread that ends at time_ns. */
static void add_sample(uint64_t time_ns, uint32_t thread, uint32_t stack, enum state state)
{
    struct profile_samples *s = &profile.samples;
    if (s->count == capacity)
        grow();
    size_t i = s->count++;
    s->time_ns[i] = time_ns;
    s->thread[i] = thread;
    s->stack[i] = stack;
    s->ticks[i] = 1;
    s->wall_ns[i] = 1e6;
    s->cpu_ns[i] = state_on_cpu(state) ? 1e6 : 0;
    s->state[i] = (uint8_t)state;
    s->marks[i] = 0;
    s->place[i] = PLACE_UNKNOWN;
    s->reader[i] = state_on_cpu(state) ? READER_CORE : READER_ASLEEP;
    threads[thread].run_ns += (uint64_t)s->cpu_ns[i];
}

static void add_source(const char *file, const char *text)
{
    sources[profile.n_sources++] =
        (struct profile_source){.file = add_string(file), .first_line = 1, .text = text, .length = strlen(text)};
}

static uint32_t add_process(int32_t pid, uint32_t parent, const char *command, size_t length)
{
    uint32_t id = (uint32_t)profile.n_processes++, text = add_string_of(command, length);
    processes[id] = (struct process){.pid = pid, .parent = parent, .command = text, .python = add_string("3.13.0")};
    return id;
}

static uint32_t add_thread(uint32_t process, int32_t tid, const char *name)
{
    uint32_t id = (uint32_t)profile.n_threads++;
    threads[id] = (struct thread){.process = process, .tid = tid, .name = name[0] != '\0' ? add_string(name) : 0};
    return id;
}

static void start(const char *path)
{
    static const char *command[] = {"python3", "orders.py", "--date", "2026-11-20", NULL};
    profile.path = (char *)path;
    profile.command = command;
    profile.directory = "/srv/orders";
    profile.host = "host";
    profile.mode = "run";
    profile.evidence = "perf clock,/proc";
    profile.keisoku_version = "0.1.0";
    profile.start_unix_ns = UINT64_C(1795200000000000000);
    profile.cores = profile.cores_allowed = 8;
    profile.complete = true;
    profile.notes = notes;
    profile.strings = strings;
    profile.string_lengths = string_lengths;
    profile.functions = functions;
    profile.function_own = function_own;
    profile.frames = frames;
    profile.stacks = stacks;
    profile.processes = processes;
    profile.threads = threads;
    profile.thread_idle = thread_idle;
    profile.sources = sources;
    profile.counters = counters;
    strings[0] = "";
    profile.n_strings = profile.n_functions = profile.n_frames = profile.n_stacks = 1;
    profile.n_processes = profile.n_threads = 1;
}

static void finish(uint64_t duration_ns)
{
    uint64_t ticks = profile.samples.count;
    profile.duration_ns = duration_ns;
    profile.self = (struct self_report){.own_cpu_ns = duration_ns / 40,
                                        .core_taken_ns = duration_ns / 145,
                                        .own_rss_bytes = 11600000,
                                        .sweeps = ticks,
                                        .sweeps_planned = ticks + 17,
                                        .late = 31,
                                        .reads = ticks,
                                        .rereads = ticks / 90,
                                        .rate_asked_hz = 1000,
                                        .rate_hz = 963};
}

/* Four busy-core and memory readings a second; on core 0 it runs half of the time and waits a quarter. */
static void add_counters(uint64_t duration_ns, uint32_t process)
{
    for (uint64_t at = 0; at <= duration_ns && profile.n_counters + 11 < 8192; at += 250000000) {
        for (uint32_t core = 0; core < 8; core++)
            counters[profile.n_counters++] =
                (struct counter){at, core, COUNTER_CORE_BUSY, core == 0 ? (int64_t)at : (int64_t)(at / 20)};
        counters[profile.n_counters++] = (struct counter){at, 0, COUNTER_CORE_USED, (int64_t)(at / 2)};
        counters[profile.n_counters++] = (struct counter){at, 0, COUNTER_CORE_DELAY, (int64_t)(at / 4)};
        int64_t rss = 14000000 + (int64_t)(at / 1000) * 6;
        counters[profile.n_counters++] = (struct counter){at, process, COUNTER_RSS, rss};
    }
}

/* A repeatable sequence, for shares that are not round. */
static uint32_t next_random(void)
{
    static uint32_t seed = 7;
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static const char source_orders[] = "\"\"\"Match and settle the day's orders.\"\"\"\n"
                                    "import csv\n"
                                    "import json\n"
                                    "import sys\n"
                                    "\n"
                                    "\n"
                                    "def load(path):\n"
                                    "    rows = []\n"
                                    "    with open(path, newline=\"\") as handle:\n"
                                    "        for row in csv.reader(handle):\n"
                                    "            rows.append(row)\n"
                                    "    return rows\n"
                                    "\n"
                                    "\n"
                                    "def match_orders(rows):\n"
                                    "    seen = []\n"
                                    "    matched = []\n"
                                    "    for row in rows:\n"
                                    "        key = (row[0], row[3])\n"
                                    "        if key in seen:\n"
                                    "            matched.append(row)\n"
                                    "        else:\n"
                                    "            seen.append(key)\n"
                                    "    return matched\n"
                                    "\n"
                                    "\n"
                                    "def settle(rows):\n"
                                    "    total = sum(price(row) for row in rows)\n"
                                    "    json.dump({\"total\": total, \"rows\": rows}, sys.stdout)\n"
                                    "\n"
                                    "\n"
                                    "def price(row):\n"
                                    "    return int(row[1]) * float(row[2])\n"
                                    "\n"
                                    "\n"
                                    "if __name__ == \"__main__\":\n"
                                    "    settle(match_orders(load(sys.argv[1])))\n";

static void diagnose_orders(uint32_t match, uint32_t dumps)
{
    findings[0] = (struct finding){.tag = "list-membership",
                                   .prescription = PRESCRIBE_ALGORITHM,
                                   .sentence = "match_orders searches a list of 48 000 with `in`: use a set",
                                   .action = "Make seen a set: seen = set(), then seen.add(key). A set finds a key in "
                                             "the same time however many there are.",
                                   .confidence = 0.95,
                                   .function = match,
                                   .file = functions[match].file,
                                   .line = 20,
                                   .evidence = {{"of the time on this line", 0.71, 0.70, 0.72, "share", true},
                                                {"items in the list, at most", 48000, 0, 0, "1", false}},
                                   .n_evidence = 2,
                                   .max_gain = 3.4,
                                   .gain_law = "Amdahl",
                                   .predicted_low = 3.1,
                                   .predicted_high = 3.4,
                                   .check_command = "keisoku bench 'python orders.py' 'python orders_fixed.py'",
                                   .not_measured = {"memory of the set"},
                                   .n_not_measured = 1};
    findings[1] = (struct finding){.tag = "already-native",
                                   .prescription = PRESCRIBE_ALREADY_NATIVE,
                                   .sentence = "json is compiled code already: leave it",
                                   .action = "Write fewer or smaller documents if it matters.",
                                   .confidence = 0.8,
                                   .function = dumps,
                                   .file = functions[dumps].file,
                                   .line = 181,
                                   .evidence = {{"of the time in its native part", 0.09, 0.08, 0.10, "share", true}},
                                   .n_evidence = 1,
                                   .max_gain = 1.1,
                                   .gain_law = "Amdahl"};
    findings[2] = (struct finding){.tag = "flat",
                                   .prescription = PRESCRIBE_STOP,
                                   .sentence = "Nothing else is worth more than 1.1x",
                                   .confidence = 0.7};
    diagnosis.findings = findings;
    diagnosis.n_findings = 3;
    diagnosis.trust.core_taken = 0.0069;
}

/* One thread, 12.4 s: most of it on one line, some library, some waiting. */
static void orders(void)
{
    const char *own = "/srv/orders/orders.py", *encoder = "/usr/lib/python3.13/json/encoder.py";
    uint32_t module = add_function("<module>", own, 1, true, FUNCTION_PYTHON);
    uint32_t load = add_function("load", own, 7, true, FUNCTION_PYTHON);
    uint32_t match = add_function("match_orders", own, 15, true, FUNCTION_PYTHON);
    uint32_t settle = add_function("settle", own, 27, true, FUNCTION_PYTHON);
    uint32_t generator = add_function("settle.<locals>.<genexpr>", own, 28, true, FUNCTION_PYTHON);
    uint32_t price = add_function("price", own, 32, true, FUNCTION_PYTHON);
    uint32_t dump = add_function("dump", "/usr/lib/python3.13/json/__init__.py", 120, false, FUNCTION_PYTHON);
    uint32_t iterencode = add_function("JSONEncoder.iterencode", encoder, 219, false, FUNCTION_PYTHON);
    uint32_t native = add_function("_json.so", "/usr/lib/python3.13/lib-dynload/_json.so", 0, false, FUNCTION_NATIVE);
    uint32_t process = add_process(4127, 0, "python3\0orders.py\0--date\0002026-11-20", 35);
    uint32_t thread = add_thread(process, 4127, "MainThread");
    add_source(own, source_orders);
    uint32_t root = push(0, module, 37), in_load = push(root, load, 10), in_append = push(root, load, 11);
    uint32_t in_match = push(root, match, 20), in_key = push(root, match, 19), in_seen = push(root, match, 23);
    uint32_t in_settle = push(root, settle, 28), in_gen = push(in_settle, generator, 28);
    uint32_t in_price = push(in_gen, price, 33);
    uint32_t in_dump = push(push(root, settle, 29), dump, 181), in_encode = push(in_dump, iterencode, 261);
    uint32_t in_json = push(in_encode, native, 0);
    uint64_t at = 0;
    for (int i = 0; i < 12400; i++) {
        at += 1000000;
        uint32_t r = next_random() % 1000;
        if (i < 744)
            add_sample(at, thread, r < 300 ? in_append : in_load, r < 820 ? STATE_IO : STATE_PYTHON);
        else if (i < 10292)
            add_sample(at, thread, r < 922 ? in_match : r < 960 ? in_key : in_seen, r < 22 ? STATE_GC : STATE_PYTHON);
        else if (i < 11284)
            add_sample(at, thread, r < 120 ? in_gen : in_price, r < 5 ? STATE_RUNNABLE : STATE_PYTHON);
        else
            add_sample(at, thread, r < 900 ? in_json : in_encode,
                       r < 800   ? STATE_NATIVE_GIL
                       : r < 900 ? STATE_KERNEL
                                 : STATE_PYTHON);
    }
    diagnose_orders(match, dump);
    add_counters(at, process);
    finish(at);
}

/* Two processes, two workers that wait for the GIL, one idle worker. Three seconds each. */
static void worker_threads(void)
{
    const char *own = "/srv/app/ingest.py", *threading = "/usr/lib/python3.13/threading.py";
    uint32_t bootstrap = add_function("Thread._bootstrap", threading, 1000, false, FUNCTION_PYTHON);
    uint32_t run = add_function("Thread.run", threading, 990, false, FUNCTION_PYTHON);
    uint32_t ingest = add_function("ingest", own, 40, true, FUNCTION_PYTHON);
    uint32_t hash = add_function("hash_row", own, 50, true, FUNCTION_PYTHON);
    uint32_t wait = add_function("Queue.get", "/usr/lib/python3.13/queue.py", 160, false, FUNCTION_PYTHON);
    uint32_t module = add_function("<module>", own, 1, true, FUNCTION_PYTHON);
    uint32_t first = add_process(100, 0, "python3\0/srv/app/ingest.py", 26);
    uint32_t second = add_process(101, first, "python3\0-c\0from multiprocessing.spawn import spawn_main", 55);
    processes[add_process(99, 0, "sh\0start", 8)].python = 0;
    uint32_t main_thread = add_thread(first, 100, "MainThread");
    uint32_t workers[3] = {add_thread(first, 102, "worker-1"), add_thread(first, 103, "worker-2"),
                           add_thread(second, 101, "MainThread")};
    uint32_t idle = add_thread(first, 104, "worker-idle");
    thread_idle[idle] = true;
    uint32_t in_thread = push(push(0, bootstrap, 1014), run, 994);
    uint32_t in_hash = push(push(in_thread, ingest, 44), hash, 52), in_wait = push(in_thread, wait, 171);
    uint32_t in_main = push(0, module, 70);
    uint32_t in_other = push(push(push(0, module, 71), ingest, 45), hash, 53);
    uint64_t at = 0;
    for (int i = 0; i < 3000; i++) {
        at += 1000000;
        bool turn = i / 5 % 2 == 0;
        add_sample(at, main_thread, in_main, STATE_LOCK);
        add_sample(at, workers[0], in_hash, turn ? STATE_PYTHON : STATE_GIL_WAIT);
        add_sample(at, workers[1], in_hash, turn ? STATE_GIL_WAIT : STATE_PYTHON);
        add_sample(at, workers[2], in_other, i % 4 == 0 ? STATE_SLEEP : STATE_PYTHON);
        add_sample(at, idle, in_wait, STATE_IDLE);
    }
    finish(at);
    static struct gap gaps[] = {{UINT64_C(500000000), UINT64_C(14000000000)}, {UINT64_C(1000000000), 250000000}};
    profile.gaps = gaps;
    profile.n_gaps = 2;
}

static void diagnose_phases(uint32_t search, uint32_t total, uint32_t save)
{
    findings[0] = (struct finding){.tag = "list-membership",
                                   .prescription = PRESCRIBE_ALGORITHM,
                                   .sentence = "search looks through a list: use a set",
                                   .action = "Make known a set.",
                                   .function = search,
                                   .file = functions[search].file,
                                   .line = 12,
                                   .line_first = 12,
                                   .line_last = 12,
                                   .evidence = {{"of the time on this line", 0.45, 0.44, 0.46, "share", true}},
                                   .n_evidence = 1,
                                   .max_gain = 1.8,
                                   .gain_law = "Amdahl"};
    findings[3] = (struct finding){.tag = "hot-loop",
                                   .prescription = PRESCRIBE_NATIVE,
                                   .sentence = "total is one loop over numbers: compile it",
                                   .function = total,
                                   .file = functions[total].file,
                                   .line = 22,
                                   .line_first = 21,
                                   .line_last = 23,
                                   .evidence = {{"of the time in this function", 0.35, 0.34, 0.36, "share", true}},
                                   .n_evidence = 1,
                                   .max_gain = 1.5,
                                   .gain_law = "Amdahl"};
    findings[2] = (struct finding){
        .tag = "flat", .prescription = PRESCRIBE_STOP, .sentence = "Nothing else is worth more than 1.2x"};
    findings[1] = (struct finding){.tag = "tiny-writes",
                                   .prescription = PRESCRIBE_ALGORITHM,
                                   .sentence = "save writes a few bytes at a time: collect them",
                                   .function = save,
                                   .file = functions[save].file,
                                   .line = 32,
                                   .max_gain = 1.1,
                                   .gain_law = "Amdahl"};
    diagnosis.findings = findings;
    diagnosis.n_findings = 4;
}

/* Five seconds of searching, then five of sums and writes: of 20 ms of the first half 18 are in search and one is a
 * read, of the second 10 and 4 in two lines of total and 5 in save; 1 ms is always in the module itself. */
static void phases(void)
{
    const char *own = "/srv/orders/phases.py";
    uint32_t module = add_function("<module>", own, 1, true, FUNCTION_PYTHON);
    uint32_t search = add_function("search", own, 10, true, FUNCTION_PYTHON);
    uint32_t total = add_function("total", own, 20, true, FUNCTION_PYTHON);
    uint32_t save = add_function("save", own, 30, true, FUNCTION_PYTHON);
    uint32_t load = add_function("load", own, 4, true, FUNCTION_PYTHON);
    uint32_t process = add_process(900, 0, "python3\0phases.py", 17);
    uint32_t thread = add_thread(process, 900, "MainThread");
    uint32_t root = push(0, module, 40), in_search = push(root, search, 12), in_load = push(root, load, 5);
    uint32_t in_sum = push(root, total, 22), in_step = push(root, total, 23), in_save = push(root, save, 32);
    uint64_t at = 0;
    for (int i = 0; i < 10000; i++) {
        at += 1000000;
        int turn = i % 20;
        if (turn == 14)
            add_sample(at, thread, root, STATE_PYTHON);
        else if (i < 5000)
            add_sample(at, thread, turn == 15 ? in_load : in_search, turn == 15 ? STATE_IO : STATE_PYTHON);
        else if (turn < 14)
            add_sample(at, thread, turn < 10 ? in_sum : in_step, turn < 10 ? STATE_NATIVE_GIL : STATE_PYTHON);
        else
            add_sample(at, thread, in_save, STATE_IO);
    }
    diagnose_phases(search, total, save);
    add_counters(at, process);
    finish(at);
}

/* Names that would like to be markup. */
static void hostile(void)
{
    static char long_name[5000];
    memset(long_name, 'n', sizeof long_name - 1);
    const char *names[] = {"</script><script>window.broken=1</script>",
                           "<img src=x onerror=\"window.broken=1\">",
                           "a\xe2\x80\xa8window.broken=1",
                           "\xe2\x80\xaetxt.exe",
                           "<!--<script>",
                           "\xff\xfe bytes",
                           "bell\a\x1b[31m",
                           "__proto__",
                           "]]>&lt;",
                           long_name};
    const char *file = "/tmp/</script><b>x</b>.py";
    uint32_t process = add_process(1, 0, "</title><script>window.broken=1</script>", 40);
    uint32_t thread = add_thread(process, 1, "<b>thread</b>\xe2\x80\xae");
    add_source(file, "x = '</script><script>window.broken=1</script>'\ny = '<!--'\n");
    uint64_t at = 0;
    for (int round = 0; round < 100; round++)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (round == 0)
                add_function(names[i], i % 2 == 0 ? file : names[i], 1, true, FUNCTION_PYTHON);
            at += 1000000;
            uint32_t stack = push(0, (uint32_t)i + 1, 1 + (uint32_t)i % 2);
            if (i > 5)
                stack = push(stack, 1, 2);
            add_sample(at, thread, stack, (enum state)(i % STATE_COUNT));
        }
    static const char *command[] = {"</title><script>window.broken=1</script>", NULL};
    profile.command = command;
    notes[0] = "<img src=x onerror=window.broken=1>";
    findings[0] = (struct finding){.tag = "<i>tag</i>",
                                   .prescription = PRESCRIBE_STOP,
                                   .sentence = "</script><script>window.broken=1</script>",
                                   .action = "<img src=x onerror=window.broken=1>",
                                   .file = functions[1].file,
                                   .line = 1,
                                   .check_command = "rm -rf '</script>'"};
    diagnosis.findings = findings;
    diagnosis.n_findings = 1;
    finish(at);
}

static void empty(void)
{
    add_process(9, 0, "true", 4);
    notes[0] = "no Python interpreter was seen in process 9 (true)";
    profile.losses[LOSS_PROCESS_MISSED] = 1;
    finish(20000000);
}

static void weak(void)
{
    uint32_t function = add_function("main", "/srv/short.py", 1, true, FUNCTION_PYTHON);
    uint32_t thread = add_thread(add_process(9, 0, "python3\0short.py", 16), 9, "MainThread");
    for (uint64_t i = 1; i <= 41; i++)
        add_sample(i * 1000000, thread, push(0, function, 2), STATE_PYTHON);
    finish(41000000);
}

/* Some more frames on top of the current stack; its depth after that. */
static uint32_t deepen(uint32_t *at_depth, uint32_t depth)
{
    depth = depth > 36 ? next_random() % 10 : depth - (depth > 3 ? next_random() % 3 : 0);
    for (int more = (int)(next_random() % 4); more >= 0; more--, depth++) {
        uint32_t function = 1 + next_random() % 1999, id = (uint32_t)profile.n_stacks++;
        if (profile.n_frames < MOST)
            frames[profile.n_frames++] = (struct frame){function, function * 10 + 3};
        uint32_t frame = 1 + next_random() % (uint32_t)(profile.n_frames - 1);
        stacks[id] = (struct stack){at_depth[depth], frame, depth + 1};
        at_depth[depth + 1] = id;
    }
    return depth;
}

/* Ten minutes at 1 kHz all over the place, the worst a page may meet: 600 000 samples, 4 threads, 40 000 stacks. */
static void big(void)
{
    static char names[2000][32];
    uint32_t process = add_process(77, 0, "python3\0big.py", 14), ids[4], at_depth[64] = {0};
    for (int i = 0; i < 4; i++)
        ids[i] = add_thread(process, 77 + i, "");
    for (int i = 0; i < 2000; i++) {
        bool own = i % 3 != 0;
        snprintf(names[i], sizeof names[i], "function_%d", i);
        add_function(names[i], own ? "/srv/big/big.py" : "/usr/lib/python3.13/library.py", (uint32_t)i * 10 + 1, own,
                     FUNCTION_PYTHON);
    }
    uint32_t depth = 0;
    for (int i = 0; i < 600000; i++) {
        bool filling = profile.n_stacks < STACKS_MOST;
        if (i % 15 == 0 && filling)
            depth = deepen(at_depth, depth);
        uint32_t stack = filling ? at_depth[depth] : 1 + next_random() % (STACKS_MOST - 1);
        add_sample((uint64_t)(i + 1) * 1000000, ids[next_random() % 4], stack,
                   next_random() % 5 == 0 ? STATE_IO : STATE_PYTHON);
    }
    finish(UINT64_C(600000000000));
}

static int write_out(void *context, const void *data, size_t size)
{
    (void)context;
    return fwrite(data, 1, size, stdout) == size ? 0 : ERR_IO;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*make)(void);
    } kinds[] = {{"orders", orders}, {"threads", worker_threads},
                 {"phases", phases}, {"hostile", hostile},
                 {"empty", empty},   {"weak", weak},
                 {"big", big}};
    struct kei_export_options options = {0};
    struct err err = {0};
    for (size_t i = 0; argc == 2 && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, argv[1]) != 0)
            continue;
        start("/srv/orders/orders.4127.kei");
        kinds[i].make();
        struct export_input input = {.profile = &profile, .options = &options};
        input.diagnosis = diagnosis.n_findings > 0 ? &diagnosis : NULL;
        int rc = export_html(&input, &(struct sink){write_out, NULL}, &err);
        if (rc != 0)
            fprintf(stderr, "make_page: %s\n", err.text);
        return rc == 0 ? 0 : rc == ERR_NOT_SUPPORTED ? 77 : 1;
    }
    fputs("usage: make_page orders|threads|phases|hostile|empty|weak|big > page.html\n", stderr);
    return 2;
}
