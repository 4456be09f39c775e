/*
 * Findings that rest on what a line works on, or on time under functions of the library: each on a profile that shows
 * it and on one that differs in one thing only.
 */
#include "findings_tests.h"

enum { LOOKS = 40 };

static struct operand operands[8];

/* Line 2 of work has 90 % of the time. */
static struct built *working(const char *text)
{
    struct built *built = searching(text, 90);
    built->profile.operands = operands;
    return built;
}

/* A recording has each text once. */
static uint32_t once(struct built *built, const char *text)
{
    for (uint32_t i = 1; i < built->profile.n_strings; i++) {
        if (strcmp(built->strings[i], text) == 0)
            return i;
    }
    return built_string(built, text);
}

/* An operand of line 2, seen in LOOKS looks. */
static void saw(struct built *built, const char *operation, uint8_t slot, const char *type, int64_t least, int64_t most)
{
    operands[built->profile.n_operands++] = (struct operand){
        .frame = 1,
        .operation = once(built, operation),
        .type = built_string(built, type),
        .slot = slot,
        .looks = LOOKS,
        .sized = most > 0 ? LOOKS : 0,
        .least = least,
        .most = most,
        .first = least,
        .latest = most,
        .total = (least + most) / 2 * LOOKS,
    };
}

/* The first finding's tag; its sentence must have `part`. */
static void expect_first(struct built *built, const char *tag, const char *part)
{
    struct diagnosis *diagnosis = NULL;
    assert_int_equal(diagnose(&built->profile, &diagnosis), 0);
    const struct finding *first = &diagnosis->findings[0];
    if (strcmp(first->tag, tag) != 0)
        fail_msg("%s, not %s: %s", first->tag, tag, first->sentence);
    assert_non_null(strstr(first->sentence, part));
    assert_true(first->n_evidence > 0 && first->predicted_low <= first->predicted_high);
    assert_null(strchr(first->sentence, '{'));
    diagnosis_free(diagnosis);
    free(built);
}

static void expect_never(struct built *built, const char *tag)
{
    struct diagnosis *diagnosis = NULL;
    assert_int_equal(diagnose(&built->profile, &diagnosis), 0);
    for (size_t i = 0; i < diagnosis->n_findings; i++)
        assert_string_not_equal(diagnosis->findings[i].tag, tag);
    diagnosis_free(diagnosis);
    free(built);
}

static void what_is_searched_decides(void **state)
{
    (void)state;
    struct built *built = working("if normal(key) in seen:\n");
    saw(built, "in", 0, "list", 200000, 200000);
    expect_first(built, "list-membership", "a list of 200 000 with `in`");
    built = working("if key in seen:\n"); /* the line looks the same, but it is a dict with slow keys */
    saw(built, "in", 0, "dict", 200000, 200000);
    expect_first(built, "hot-loop", "work");
    built = working("if key in seen:\n");
    saw(built, "in", 0, "tuple", 4, 4); /* too short to be the reason */
    expect_first(built, "hot-loop", "work");
}

static void only_long_lists_are_shifted(void **state)
{
    (void)state;
    struct built *built = working("job = waiting.pop(0)\n");
    saw(built, "call", 0, "list", 1000, 9000);
    expect_first(built, "list-shift", "a list of about 5000");
    built = working("job = waiting.pop(0)\n");
    saw(built, "call", 0, "list", 1, 20);
    expect_first(built, "hot-loop", "work");
    built = working("job = waiting.pop()\n");
    saw(built, "call", 0, "list", 1000, 9000);
    expect_first(built, "hot-loop", "work");
    built = working("at = order.index(waiting.pop(0))\n"); /* the other call may have the time */
    saw(built, "call", 0, "list", 1000, 9000);
    expect_first(built, "hot-loop", "work");
    built = working("total += weights @ waiting.pop(0)\n"); /* so may another operation */
    saw(built, "call", 0, "list", 1000, 9000);
    saw(built, "@", 0, "Matrix", 0, 0);
    expect_first(built, "hot-loop", "work");
    built = working("job = waiting.pop(0)\n"); /* moved about as fast as it is called */
    saw(built, "call", 0, "list", 100, 700);
    expect_first(built, "hot-loop", "work");
    built = working("job = waiting.pop(0)\n"); /* a class of the program's own */
    saw(built, "call", 0, "Queue", 1000, 9000);
    expect_first(built, "hot-loop", "work");
}

/* Line 2 adds, by that sign, two of that type, of so many items at least and at most. */
static struct built *adding(const char *text, const char *sign, const char *type, const int64_t left[2],
                            const int64_t right[2])
{
    struct built *built = working(text);
    saw(built, sign, 0, type, left[0], left[1]);
    saw(built, sign, 1, type, right[0], right[1]);
    return built;
}

static void what_grows_by_copies_is_told(void **state)
{
    (void)state;
    static const int64_t grows[] = {100, 200000}, stays[] = {200000, 200000}, little[] = {10, 20}, one[] = {1, 1};
    expect_first(adding("body += piece\n", "+=", "bytes", grows, little), "quadratic-concat", "about 100 050 bytes");
    expect_first(adding("path = path + (state,)\n", "+", "tuple", grows, one), "quadratic-concat",
                 "a tuple of about 100 050");
    expect_first(adding("text = piece + text\n", "+", "str", little, grows), "quadratic-concat",
                 "a str of about 100 050");
    /* extended in place */
    expect_first(adding("text += piece\n", "+=", "str", grows, little), "hot-loop", "work");
    expect_first(adding("text = text + piece\n", "+", "str", grows, little), "hot-loop", "work");
    expect_first(adding("items += more\n", "+=", "list", grows, little), "hot-loop", "work");
    /* each of the copies is kept; it is kept beside; long, but it does not grow */
    expect_first(adding("paths.append(path + (state,))\n", "+", "tuple", grows, one), "hot-loop", "work");
    expect_first(adding("other = piece + text\n", "+", "str", little, grows), "hot-loop", "work");
    expect_first(adding("both = first + second\n", "+", "bytes", stays, little), "hot-loop", "work");
    /* the call has the time */
    struct built *built = adding("body += compress(piece)\n", "+=", "bytes", grows, little);
    saw(built, "call", 1, "bytes", 10, 20);
    expect_first(built, "hot-loop", "work");
}

static void methods_that_search_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *type;
        int64_t items;
        bool told;
    } rows[] = {
        {"out.append(names.index(word))\n", "list", 16000, true},
        {"often = words.count(word)\n", "tuple", 16000, true},
        {"left.remove(one)\n", "list", 16000, true},
        {"left.remove(one)\n", "list", 30, false},
        {"at = text.index(word)\n", "str", 16000, false},
        {"at = sorted(names).index(word)\n", "list", 16000, false}, /* the other call may have the time */
        {"names.sort()\n", "list", 16000, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct built *built = working(rows[i].text);
        saw(built, "call", 0, rows[i].type, rows[i].items, rows[i].items);
        if (rows[i].told)
            expect_first(built, "list-membership", "16 000 with `.");
        else
            expect_never(built, "list-membership");
    }
}

/* All on one line, `loop` of eight instructions in the interpreter's loop. */
static struct built *on_one_line(const char *text, const char *type, unsigned loop)
{
    struct built *built = searching(text, 100);
    built->profile.operands = operands;
    built->functions[1].first_line = 1;
    for (size_t i = 0; i < built->profile.samples.count; i++)
        built->place[i] = i % 16 < loop ? PLACE_LOOP : PLACE_RUNTIME;
    saw(built, "%", 0, type, 0, 0);
    return built;
}

static void arithmetic_on_one_line_is_a_loop(void **state)
{
    (void)state;
    static const char text[] = "    for i in range(n): total += i * i % 7\n";
    expect_first(on_one_line(text, "int", 2), "hot-loop", "work");
    expect_never(on_one_line(text, "int", 0), "hot-loop"); /* huge ones */
    expect_never(on_one_line(text, "str", 2), "hot-loop");
    expect_never(on_one_line("    for i in range(n): total += fold(i) % 7\n", "int", 2), "hot-loop");
}

static void single_numbers_of_arrays_are_told(void **state)
{
    (void)state;
    struct built *built = working("total += values[i]\n");
    saw(built, "+=", 0, "numpy.float64", 0, 0);
    expect_first(built, "vectorise", "single numbers of NumPy arrays");
    static const char *const many[] = {"numpy.ndarray", "numpy.random._generator.Generator", "numpy.memmap",
                                       "numpy.ma.MaskedArray", "numpy.matrix"};
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) { /* whole arrays, and what makes them */
        built = working("field = field + step\n");
        saw(built, "+", 0, many[i], 0, 0);
        expect_first(built, "hot-loop", "work");
    }
    built = working("frames[i] = frame\n"); /* a whole frame each time */
    saw(built, "[]=", 0, "numpy.ndarray", 0, 0);
    saw(built, "[]=", 1, "int", 0, 0);
    expect_first(built, "hot-loop", "work");
    built = working("total += prices[i]\n"); /* plain numbers of a list */
    saw(built, "[]", 0, "list", 100, 100);
    saw(built, "[]", 1, "int", 0, 0);
    saw(built, "+=", 0, "float", 0, 0);
    expect_first(built, "hot-loop", "work");
}

static void a_loop_s_kind_bounds_its_gain(void **state)
{
    (void)state;
    double low[2];
    for (int numbers = 0; numbers < 2; numbers++) {
        struct built *built = working("total += step\n");
        struct diagnosis *diagnosis = NULL;
        saw(built, "+=", 0, numbers ? "float" : "Decimal", 0, 0);
        assert_int_equal(diagnose(&built->profile, &diagnosis), 0);
        assert_string_equal(diagnosis->findings[0].tag, "hot-loop");
        low[numbers] = diagnosis->findings[0].predicted_low;
        diagnosis_free(diagnosis);
        free(built);
    }
    assert_true(low[1] > 2 * low[0]);
}

/* What a loop over objects calls is native code already; numbers need none of it. */
static void of_an_object_loop_only_the_interpreter_s_steps_are_sure_to_go(void **state)
{
    (void)state;
    static const struct {
        const char *type, *tag;
        size_t loop; /* one of so many samples is in the interpreter's loop */
    } rows[] = {{"float", "hot-loop", 6}, {"Decimal", "hot-loop", 2}, {"Decimal", "flat", 6}};
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct built *built = working("total += step\n");
        saw(built, "+=", 0, rows[row].type, 0, 0);
        for (size_t i = 0; i < built->profile.samples.count; i++)
            built->place[i] = i % rows[row].loop == 0 ? PLACE_LOOP : PLACE_RUNTIME;
        expect_first(built, rows[row].tag, "");
    }
}

/* main calls `name` of `file`, which has `share` percent of the time in `spent`. */
static struct built *calling(const char *name, const char *file, size_t share, enum state spent)
{
    struct built *built = built_new();
    uint32_t main = built_function(built, "main", "/home/u/app.py", true), thread = built_thread(built, 1);
    uint32_t other = built_function(built, "other", "/home/u/app.py", true);
    uint32_t library = built_function(built, name, file, false);
    uint32_t top = built_stack(built, 0, main, 7), in = built_stack(built, top, library, 50);
    uint32_t task = built_stack(built, in, main, 12), rest = built_stack(built, top, other, 3);
    for (size_t i = 0; i < WHOLE; i++) {
        bool under = i * 37 % 100 < share;
        uint32_t stack = under ? state_on_cpu(spent) ? in : task : rest;
        built_sample(built, (i + 1) * MS, thread, stack, under ? spent : STATE_PYTHON, 1, MS);
    }
    built_cores(built, 4);
    return built;
}

/* Series.__getitem__ under line 7; `index` is what it was asked with. */
static struct built *taking_items(const char *index, int64_t items)
{
    struct built *built =
        calling("Series.__getitem__", "/usr/lib/python3/site-packages/pandas/core/series.py", 80, STATE_PYTHON);
    built->profile.operands = operands;
    saw(built, "[]", 0, "Series", items, items);
    saw(built, "[]", 1, index, 0, 0);
    for (int i = 0; i < 2; i++)
        operands[i].frame = built->stacks[1].frame;
    return built;
}

static void frames_are_told_with_their_shape(void **state)
{
    (void)state;
    expect_first(taking_items("int", 100000), "vectorise", "the values of a Series of 100 000 one by one");
    expect_first(taking_items("Series", 100000), "hot-loop", "__getitem__"); /* a mask takes all at once */
    expect_first(taking_items("str", 100000), "hot-loop", "__getitem__");
    expect_first(taking_items("int", 12), "hot-loop", "__getitem__");
    const char *file = "/usr/lib/python3/site-packages/pandas/core/frame.py";
    expect_first(calling("DataFrame.iterrows", file, 80, STATE_PYTHON), "vectorise", "rows of a DataFrame one by one");
    struct built *built = calling("DataFrame.iterrows", file, 80, STATE_PYTHON);
    built->profile.operands = operands;
    saw(built, "for", 0, "DataFrame", 100000, 100000);
    operands[0].frame = built->stacks[1].frame;
    operands[0].shape = built_string(built, "100000 x 5");
    expect_first(built, "vectorise", "the rows of a DataFrame of 100 000 x 5 one by one");
}

static void deep_copies_are_told(void **state)
{
    (void)state;
    expect_first(calling("deepcopy", "/usr/lib/python3.12/copy.py", 70, STATE_PYTHON), "deep-copy", "app.py:7");
    expect_first(calling("deepcopy", "/usr/lib/python3.12/copy.py", 20, STATE_PYTHON), "hot-loop", "other");
    expect_first(calling("deepcopy", "/home/u/lib/mycopy.py", 70, STATE_PYTHON), "hot-loop", "deepcopy");
    expect_first(calling("deepcopy", "/usr/lib/python3/site-packages/x/copy.py", 70, STATE_PYTHON), "hot-loop",
                 "deepcopy");
    struct built *single = calling("deepcopy", "/usr/lib/python3.12/copy.py", 70, STATE_PYTHON);
    for (size_t i = 0; i < WHOLE; i++) /* one large copy */
        single->stack[i] = i < WHOLE * 7 / 10 ? 2 : 4;
    expect_first(single, "hot-loop", "deepcopy");
    struct built *library = calling("deepcopy", "/usr/lib/python3.12/copy.py", 70, STATE_PYTHON);
    uint32_t form = built_function(library, "clone", "/usr/lib/python3/site-packages/forms.py", false);
    uint32_t called = built_stack(library, 1, form, 5); /* nothing that the program could leave out */
    uint32_t copy = built_stack(library, called, library->frames[library->stacks[2].frame].function, 50);
    for (size_t i = 0; i < WHOLE; i++)
        library->stack[i] = library->stack[i] == 2 ? copy : library->stack[i];
    expect_first(library, "hot-loop", "deepcopy");
}

/* Tasks of the loop, one after the other or by turns; `ready`: the others had not begun meanwhile. */
static struct built *waiting_tasks(uint32_t tasks, bool by_turns, bool ready)
{
    static struct task rows[5];
    static struct task_wait wait;
    static uint32_t of[BUILT_SAMPLES];
    struct built *built = calling("Handle._run", "/usr/lib/python3.12/asyncio/events.py", 60, STATE_SLEEP);
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < WHOLE; i++)
        of[i] = (uint32_t)(by_turns ? i * tasks / 40 % tasks : i * tasks / WHOLE) + 1;
    for (uint32_t i = 1; i <= tasks; i++)
        rows[i].thread = 1;
    wait = (struct task_wait){.task = tasks, .looks = 20, .wait_ns = 2000ull * MS};
    built->profile.tasks = rows;
    built->profile.n_tasks = tasks + 1;
    built->profile.task_waits = &wait;
    built->profile.n_task_waits = ready;
    built->profile.samples.task = of;
    return built;
}

static void waits_in_a_task_are_told(void **state)
{
    (void)state;
    expect_first(waiting_tasks(4, true, false), "blocking-in-async", "app.py:12");
    expect_first(waiting_tasks(4, false, true), "blocking-in-async", "app.py:12");
    expect_first(waiting_tasks(4, false, false), "paced", "sets its own pace"); /* each made when it is waited for */
    expect_first(waiting_tasks(1, true, false), "paced", "sets its own pace");
    expect_first(calling("Handle._run", "/usr/lib/python3.12/asyncio/events.py", 60, STATE_SLEEP), "paced",
                 "sets its own pace"); /* tasks were not seen */
    expect_first(calling("run", "/home/u/lib/events.py", 60, STATE_SLEEP), "paced", "sets its own pace");
    /* A coroutine calls the function that waits at line 12: there is the `await` to be put. */
    struct built *built = waiting_tasks(4, true, false);
    uint32_t answer = built_function(built, "answer", "/home/u/bot.py", true);
    built->functions[answer].first_line = 1;
    built_text(built, answer, 1, "@logged\nasync def answer(text):\n    return ask(text)\n");
    uint32_t coroutine = built_stack(built, 2, answer, 3);
    uint32_t deeper = built_stack(built, coroutine, built_function(built, "ask", "/home/u/app.py", true), 30);
    for (size_t i = 0; i < WHOLE; i++)
        built->stack[i] = built->state[i] == STATE_SLEEP ? deeper : built->stack[i];
    expect_first(built, "blocking-in-async", "bot.py:3");
}

/* Three threads wait for a lock at line 10, in `enter` of the library if it is named, while a fourth sleeps at line 11.
 */
static struct built *locking(const char *text, const char *enter)
{
    struct built *built = built_new();
    uint32_t work = built_function(built, "work", "/home/u/app.py", true);
    uint32_t lock = built_stack(built, 0, work, 10), wait = built_stack(built, 0, work, 11);
    if (enter != NULL)
        lock = built_stack(built, lock, built_function(built, enter, "/usr/lib/python3.12/threading.py", false), 300);
    for (int i = 0; i < 4; i++) {
        uint32_t thread = built_thread(built, 1);
        for (size_t k = 0; k < WHOLE; k++)
            built_sample(built, (k + 1) * MS, thread, i == 3 ? wait : lock, i == 3 ? STATE_SLEEP : STATE_LOCK, 1, MS);
    }
    built_text(built, work, 10, text);
    built_cores(built, 4);
    return built;
}

static void only_waits_under_the_lock_are_told(void **state)
{
    (void)state;
    expect_first(locking("    with lock:\n        sleep(1)\n", NULL), "lock-held-waiting", "3.0 threads");
    expect_never(locking("    with lock: table[key] = 1\n    sleep(1)\n", NULL), "lock-held-waiting");
    const char *text = "    with free:\n        sleep(1)\n";
    expect_first(locking(text, "Condition.__enter__"), "lock-held-waiting", "app.py:10");
    expect_never(locking(text, "Semaphore.acquire"), "lock-held-waiting");
    expect_never(locking(text, "ThreadPoolExecutor.__exit__"), "lock-held-waiting");
}

/* A program's file has more than one text. */
static void second_text(struct built *built, uint32_t function, uint32_t first_line, const char *text)
{
    static struct profile_source sources[2];
    sources[0] = built->profile.sources[0];
    built_text(built, function, first_line, text);
    sources[1] = built->profile.sources[0];
    built->profile.sources = sources;
    built->profile.n_sources = 2;
}

/* Of `locking`: its program's own function takes the lock in the text's last line, called by `entered` if that is
 * given. */
static struct built *entering(const char *takes, const char *entered, const char *text)
{
    struct built *built = locking("    with store.locked():\n        sleep(1)\n", NULL);
    uint32_t outer = 1, function, line = 4;
    if (entered != NULL)
        outer =
            built_stack(built, outer, built_function(built, entered, "/usr/lib/python3.12/contextlib.py", false), 137);
    function = built_function(built, takes, "/home/u/store.py", true);
    second_text(built, function, 5, text);
    for (const char *at = text; *at != '\0'; at++)
        line += *at == '\n';
    uint32_t inner = built_stack(built, outer, function, line);
    for (size_t i = 0; i < built->profile.samples.count; i++)
        built->stack[i] = built->state[i] == STATE_LOCK ? inner : built->stack[i];
    return built;
}

/* Three threads wait for a lock at line 10 of desk.py; a fourth sleeps in `ask`, called by `pages`, called by `refresh`
 * at a line of rates.py, which held the lock in so many of ten looks. */
static struct built *held_at(uint32_t line, const char *text, uint64_t looks)
{
    static struct lock_holder rows[2];
    struct built *built = built_new();
    uint32_t price = built_function(built, "Desk.price", "/home/u/desk.py", true);
    uint32_t refresh = built_function(built, "Rates.refresh", "/home/u/rates.py", true);
    uint32_t lock = built_stack(built, 0, price, 10), holds = built_stack(built, 0, refresh, line);
    uint32_t wait = built_stack(built, holds, built_function(built, "Rates.pages", "/home/u/bank.py", true), 5);
    wait = built_stack(built, wait, built_function(built, "Bank.ask", "/home/u/bank.py", true), 31);
    for (int i = 0; i < 4; i++) {
        uint32_t thread = built_thread(built, 1);
        for (size_t k = 0; k < WHOLE; k++)
            built_sample(built, (k + 1) * MS, thread, i == 3 ? wait : lock, i == 3 ? STATE_SLEEP : STATE_LOCK, 1, MS);
    }
    built_text(built, price, 10, "        with self.rates.lock:\n            return self.rates.now\n");
    second_text(built, refresh, 20, text);
    rows[0] = (struct lock_holder){built->stacks[lock].frame, built->stacks[holds].frame, 0, looks};
    rows[1] = (struct lock_holder){built->stacks[lock].frame, 0, 0, 10 - looks};
    built->profile.lock_holders = rows;
    built->profile.n_lock_holders = 2;
    built_cores(built, 4);
    return built;
}

static struct built *held_elsewhere(const char *text, uint64_t looks)
{
    return held_at(22, text, looks);
}

static void a_lock_is_held_in_another_function(void **state)
{
    (void)state;
    const char *text = "    with self.lock:\n        with open(path) as copy:\n            self.pages()\n";
    expect_first(held_elsewhere(text, 9), "lock-held-waiting", "waits in `ask`");
    expect_first(held_elsewhere(text, 9), "lock-held-waiting", "rates.py:20");
    expect_first(held_elsewhere(text, 9), "lock-held-waiting", "2.7 threads");
    expect_never(held_elsewhere(text, 2), "lock-held-waiting"); /* mostly nobody was seen to */
    expect_never(held_elsewhere("    with self.lock:\n        copy()\n    self.pages()\n", 9), "lock-held-waiting");
    expect_never(held_elsewhere("    with self.lock:\n        copy()\n    self.pages()\n", 9), "lock-held-waiting");
    /* No line of any file, and one behind more blank lines than a block has. */
    expect_never(held_at(UINT32_MAX, text, 9), "lock-held-waiting");
    static char far[3000] = "    with self.lock:\n";
    strcpy((char *)memset(far + 20, '\n', 2000) + 2000, "        self.pages()\n");
    expect_never(held_at(20 + 2001, far, 9), "lock-held-waiting");
    memmove(far + 20 + 900, far + 20 + 2000, 22);
    expect_first(held_at(20 + 901, far, 9), "lock-held-waiting", "rates.py:20");
}

/* Of what the program itself enters, only what takes a lock is one: not a queue, and no semaphore. */
static void only_a_lock_is_held(void **state)
{
    (void)state;
    const char *entered = "_GeneratorContextManager.__enter__", *take = "        with self.lock:\n";
    expect_first(entering("Store.__enter__", NULL, "        self.lock.acquire()  # with care\n"), "lock-held-waiting",
                 "app.py:10");
    expect_first(entering("Store.locked", entered, take), "lock-held-waiting", "app.py:10");
    expect_first(entering("Store.locked", entered, "        with self.locks[key]:\n"), "lock-held-waiting",
                 "app.py:10");
    expect_never(entering("Store.take", NULL, take), "lock-held-waiting"); /* and gives it back, for all we know */
    static const char *const others[] = {
        "        one = self.pool.get()\n", "        with self.pool.get() as one:\n", "\n",
        "        self.gate = Semaphore(2)\n        self.gate.acquire()\n",
        "        self.gate: Semaphore = context.BoundedSemaphore(2)\n        with self.gate:\n"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect_never(entering("Store.__enter__", NULL, others[i]), "lock-held-waiting");
        expect_never(entering("Store.locked", entered, others[i]), "lock-held-waiting");
    }
    expect_first(entering("Store.locked", entered, "        self.gate = Semaphore(lock)\n        with self.lock:\n"),
                 "lock-held-waiting", "app.py:10"); /* another one is */
}

/* Line 2 writes, mostly in the kernel. */
static struct built *writing(const char *text, const char *file, int64_t bytes)
{
    struct built *built = working(text);
    for (size_t i = 0; i < WHOLE; i++)
        built->state[i] = built->stack[i] == 1 && i % 2 == 0 ? STATE_KERNEL : STATE_PYTHON;
    saw(built, "call", 0, file, 0, 0);
    saw(built, "call", 1, "bytes", bytes, bytes);
    return built;
}

static void only_small_writes_are_told(void **state)
{
    (void)state;
    struct built *built = writing("trail.write(e); trail.flush()\n", "_io.TextIOWrapper", 40);
    for (size_t i = 0; i < WHOLE; i++) /* most is not told apart */
        built->state[i] = i % 4 != 0 ? STATE_ON_CPU : built->state[i];
    expect_first(built, "tiny-writes", "app.py:2");
    expect_first(writing("trail.write(entry)\n", "_io.FileIO", 40), "tiny-writes", "app.py:2");
    expect_first(writing("trail.write(e); trail.flush()\n", "_io.BufferedWriter", 40), "tiny-writes", "app.py:2");
    expect_never(writing("trail.write(entry)\n", "_io.FileIO", 65536), "tiny-writes");
    expect_never(writing("trail.write(entry)\n", "_io.BufferedWriter", 40), "tiny-writes");
    expect_never(writing("os.write(port, entry)\n", "int", 0), "tiny-writes");
    static const int64_t written[] = {1 << 20, 1 << 30}; /* in half a second of the kernel's time */
    for (size_t i = 0; i < 2; i++) {
        struct built *of[] = {writing("os.write(port, entry)\n", "int", 0), writing("out.flush()\n", "_io.FileIO", 0)};
        for (size_t k = 0; k < 2; k++) {
            built_written(of[k], written[i]);
            if (i == 0)
                expect_first(of[k], "tiny-writes", "app.py:2");
            else
                expect_never(of[k], "tiny-writes");
        }
    }
}

/* Line 2 has `kernel` percent of its time in the kernel. */
static struct built *flushing(const char *text, size_t kernel)
{
    struct built *built = writing(text, "_io.TextIOWrapper", 40);
    for (size_t i = 0; i < WHOLE; i++)
        built->state[i] = built->stack[i] == 1 && i * 7 % 100 < kernel ? STATE_KERNEL : STATE_PYTHON;
    built_written(built, 1 << 20);
    return built;
}

/* The way there costs several times what the kernel does; a line that makes much of what it writes has less of it. */
static void a_flush_is_more_than_the_kernel(void **state)
{
    (void)state;
    expect_first(flushing("print(entry, file=trail, flush=True)\n", 16), "tiny-writes", "app.py:2");
    expect_never(flushing("print(entry, file=trail, flush=True)\n", 4), "tiny-writes");
    expect_never(flushing("trail.write(entry)\n", 4), "tiny-writes");
}

int operand_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_searched_decides),
        cmocka_unit_test(only_long_lists_are_shifted),
        cmocka_unit_test(what_grows_by_copies_is_told),
        cmocka_unit_test(methods_that_search_are_told),
        cmocka_unit_test(arithmetic_on_one_line_is_a_loop),
        cmocka_unit_test(single_numbers_of_arrays_are_told),
        cmocka_unit_test(a_loop_s_kind_bounds_its_gain),
        cmocka_unit_test(of_an_object_loop_only_the_interpreter_s_steps_are_sure_to_go),
        cmocka_unit_test(deep_copies_are_told),
        cmocka_unit_test(frames_are_told_with_their_shape),
        cmocka_unit_test(waits_in_a_task_are_told),
        cmocka_unit_test(only_waits_under_the_lock_are_told),
        cmocka_unit_test(a_lock_is_held_in_another_function),
        cmocka_unit_test(only_a_lock_is_held),
        cmocka_unit_test(only_small_writes_are_told),
        cmocka_unit_test(a_flush_is_more_than_the_kernel),
    };
    return cmocka_run_group_tests_name("findings: operands", tests, NULL, NULL);
}
