/* Findings on programs that wait: for input, the GIL, a core, or by design. */
#include "findings_tests.h"

struct built *waiting(size_t waits, size_t ms, size_t threads)
{
    struct built *built = built_new();
    uint32_t main = built_function(built, "fetch", "/home/u/app.py", true);
    uint32_t work = built_stack(built, 0, main, 5), wait = built_stack(built, 0, main, 6);
    for (size_t t = 0; t < threads; t++) {
        uint32_t thread = built_thread(built, 1);
        uint64_t now = t;
        for (size_t i = 0; i < waits; i++) {
            now += 1;
            built_sample(built, now * MS, thread, work, STATE_PYTHON, 1, MS);
            now += ms;
            built_sample(built, now * MS, thread, wait, STATE_IO, (uint32_t)ms, (double)ms * MS);
        }
    }
    built_cores(built, 0.1);
    return built;
}

static void io_wait_holds_for_waits_in_turn(void **state)
{
    (void)state;
    struct built *built = waiting(100, 20, 1);
    struct diagnosis *diagnosis = diagnosed(built);
    const struct finding *finding = &diagnosis->findings[0];
    assert_string_equal(finding->tag, "io-wait");
    assert_int_equal(finding->line, 6);
    assert_true(finding->predicted_low > 3 && finding->predicted_low < 4);
    assert_true(finding->evidence[1].value == 100);
    diagnosis_free(diagnosis);
    free(built);
    expect(waiting(1, 2000, 1), TAGS("flat")); /* one wait cannot overlap with itself */
    built = waiting(1, 2000, 1);               /* nor do a program's start and one wait make many */
    built->counters[built->profile.n_counters++] =
        (struct counter){.time_ns = 1, .subject = 1, .kind = COUNTER_VOLUNTARY_SWITCHES, .value = 46};
    expect(built, TAGS("flat"));
    expect(waiting(5, 400, 1), TAGS("flat"));  /* too few */
    expect(waiting(100, 20, 8), TAGS("flat")); /* they overlap already */
}

/* The client waits in the library for each answer; a server beside it waits there for requests. */
static void a_server_s_waits_are_its_own(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        struct built *built = built_new();
        uint32_t fetch = built_function(built, "fetch", "/home/u/app.py", true);
        uint32_t handle = built_function(built, "handle", "/usr/lib/python3.12/socketserver.py", false);
        uint32_t read = built_function(built, "readinto", "/usr/lib/python3.12/socket.py", false);
        uint32_t at = built_stack(built, 0, fetch, 6), wait = built_stack(built, at, read, 700);
        uint32_t beside = own ? wait : built_stack(built, built_stack(built, 0, handle, 60), read, 700);
        uint32_t client = built_thread(built, 1), process = (uint32_t)built->profile.n_processes++;
        built->processes[process] = (struct process){.pid = 200, .parent = 1};
        uint32_t server = built_thread(built, process);
        for (uint64_t i = 0; i < 100; i++) {
            built_sample(built, (i * 21 + 1) * MS, client, at, STATE_PYTHON, 1, MS);
            built_sample(built, (i * 21 + 21) * MS, client, wait, STATE_IO, 20, 20.0 * MS);
        }
        for (uint64_t i = 0; i < 100; i++)
            built_sample(built, (i * 21 + 21) * MS, server, beside, STATE_IO, 21, 21.0 * MS);
        built_cores(built, 0.1);
        expect(built, own ? TAGS("flat") : TAGS("io-wait"));
    }
}

/* Four threads, one at a time has the GIL. */
static struct built *fighting(double busy)
{
    struct built *built = built_new();
    uint32_t stacks[2], threads[4];
    two_lines(built, stacks);
    for (int i = 0; i < 4; i++)
        threads[i] = built_thread(built, 1);
    for (uint64_t ms = 0; ms < WHOLE; ms++) {
        for (uint64_t i = 0; i < 4; i++)
            built_sample(built, (ms + 1) * MS, threads[i], stacks[ms / 3 % 2],
                         ms / 5 % 4 == i ? STATE_PYTHON : STATE_GIL_WAIT, 1, MS);
    }
    built_cores(built, busy);
    return built;
}

static void gil_contention_needs_free_cores(void **state)
{
    (void)state;
    struct built *built = fighting(1.2);
    struct diagnosis *diagnosis = diagnosed(built);
    bool found = false;
    for (size_t i = 0; i < diagnosis->n_findings; i++) {
        const struct finding *finding = &diagnosis->findings[i];
        assert_string_not_equal(finding->tag, "one-core");
        if (strcmp(finding->tag, "gil-contention") != 0)
            continue;
        found = true;
        assert_true(finding->max_gain > 3.5 && finding->max_gain <= 4); /* 1 + 2.8 free cores */
    }
    assert_true(found);
    assert_string_equal(diagnosis->findings[0].tag, "gil-contention"); /* then the loop that they fight in */
    assert_string_equal(diagnosis->findings[1].tag, "hot-loop");
    diagnosis_free(diagnosis);
    free(built);
    expect(fighting(4), TAGS("hot-loop")); /* no core is free for processes either */
}

/* A third of the time the only thread wants a core and has none. */
static struct built *delayed(double own_cores)
{
    struct built *built = built_new();
    uint32_t stacks[2];
    two_lines(built, stacks);
    for (int t = 0; t < (own_cores > 1 ? 8 : 1); t++) {
        uint32_t thread = built_thread(built, 1);
        for (uint64_t second = 0; second < 4; second++) {
            for (uint64_t i = 0; i < 1000; i++)
                built_sample(built, second * 1000 * MS + (i + 1) * MS, thread, stacks[i / 3 % 2], STATE_NATIVE, 1,
                             own_cores > 1 ? 0.5 * MS : 0.67 * MS);
            built_sample(built, (second + 1) * 1000 * MS, thread, stacks[0], STATE_RUNNABLE, 0,
                         own_cores > 1 ? 500.0 * MS : 330.0 * MS);
        }
    }
    built_cores(built, 4);
    return built;
}

static void starved_is_said_first(void **state)
{
    (void)state;
    expect(delayed(0.67), TAGS("starved", "already-native"));
    expect(delayed(4), TAGS("already-native")); /* eight threads on four cores: nobody else is to blame */
    struct built *built = delayed(0.67); /* children that were gone before they were looked at had the other cores */
    built->counters[built->profile.n_counters++] = (struct counter){.time_ns = built->profile.duration_ns,
                                                                    .subject = 1,
                                                                    .kind = COUNTER_TREE_TIME,
                                                                    .value = (int64_t)WHOLE * MS * 4};
    expect(built, TAGS("already-native"));
}

static struct built *throttled(struct built *built)
{
    built->profile.cores_quota = 1;
    built->counters[built->profile.n_counters++] =
        (struct counter){.time_ns = 1, .subject = 1, .kind = COUNTER_THROTTLED, .value = (int64_t)WHOLE * MS / 5};
    return built;
}

static void throttled_is_starved(void **state)
{
    (void)state;
    expect(throttled(delayed(0.67)), TAGS("starved", "already-native"));
    struct built *built = throttled(loop_over_ten(STATE_NATIVE)); /* others of the group were: its threads had cores */
    built_cores(built, 1);
    expect(built, TAGS("already-native"));
}

/* The share that is said is that of the bar; what a sleeper beside makes of it is said too. */
static void starved_by_the_share_of_the_bar(void **state)
{
    (void)state;
    for (int sleepers = 0; sleepers < 2; sleepers++) {
        struct built *built = throttled(delayed(0.67));
        uint32_t stack = built_stack(built, 0, built_function(built, "nap", "/home/u/nap.py", true), 1);
        uint32_t thread = sleepers > 0 ? built_thread(built, 1) : 0;
        for (uint64_t i = 0; i < WHOLE && sleepers > 0; i++)
            built_sample(built, (i + 1) * MS, thread, stack, STATE_SLEEP, 1, MS);
        struct diagnosis *diagnosis = diagnosed(built);
        const struct finding *first = &diagnosis->findings[0];
        char share[32];
        snprintf(share, sizeof share, " %.0f %% ", 100 * diagnosis->wall[STATE_RUNNABLE].share);
        assert_string_equal(first->tag, "starved");
        assert_string_equal(share, sleepers > 0 ? " 16 % " : " 33 % ");
        assert_non_null(strstr(first->sentence, share));
        assert_non_null(strstr(first->action, "CPU quota held it back for 0.8 s"));
        assert_int_equal(strstr(first->action, "33 % of the elapsed time") != NULL, sleepers > 0);
        diagnosis_free(diagnosis);
        free(built);
    }
}

static struct built *pausing(size_t work, size_t sleep, enum state how)
{
    struct built *built = built_new();
    uint32_t stacks[2], thread = built_thread(built, 1);
    two_lines(built, stacks);
    for (uint64_t now = 0; now < WHOLE;) {
        for (size_t i = 0; i < work; i++, now++)
            built_sample(built, (now + 1) * MS, thread, stacks[0], STATE_PYTHON, 1, MS);
        now += sleep;
        built_sample(built, now * MS, thread, stacks[1], how, (uint32_t)sleep, (double)sleep * MS);
    }
    built_cores(built, 1);
    return built;
}

static void paced_programs_are_left_alone(void **state)
{
    (void)state;
    expect(pausing(5, 45, STATE_SLEEP), TAGS("paced"));
    struct built *idle = pausing(0, 50, STATE_IDLE); /* a server without a request */
    idle->idle[1] = true;
    expect(idle, TAGS("paced"));
    struct built *busy = pausing(45, 5, STATE_SLEEP);
    struct diagnosis *diagnosis = diagnosed(busy);
    for (size_t i = 0; i < diagnosis->n_findings; i++)
        assert_string_not_equal(diagnosis->findings[i].tag, "paced");
    diagnosis_free(diagnosis);
    free(busy);
}

int wait_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(io_wait_holds_for_waits_in_turn), cmocka_unit_test(gil_contention_needs_free_cores),
        cmocka_unit_test(starved_is_said_first),           cmocka_unit_test(throttled_is_starved),
        cmocka_unit_test(starved_by_the_share_of_the_bar), cmocka_unit_test(paced_programs_are_left_alone),
        cmocka_unit_test(a_server_s_waits_are_its_own),
    };
    return cmocka_run_group_tests_name("findings: waits", tests, NULL, NULL);
}
