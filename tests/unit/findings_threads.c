/* Advice is about time that somebody waits for: what else a thread does changes no verdict. */
#include "findings_tests.h"

/* A main thread in one state at one place, and beside it a thread that computes in Python, below `root`. */
struct beside {
    enum state main_state;
    const char *main_function, *main_file, *root_function, *root_file;
    size_t waits; /* of 100 instants: main waits for the GIL */
    bool later;   /* the thread came long after the process did */
};

static struct built *beside(const struct beside *what)
{
    struct built *built = built_new();
    uint32_t main = built_thread(built, 1), other = built_thread(built, 1);
    built->threads[main].tid = built->processes[1].pid;
    uint32_t wait = built_stack(built, 0, built_function(built, what->main_function, what->main_file, false), 5);
    uint32_t root = built_stack(built, 0, built_function(built, what->root_function, what->root_file, false), 7);
    uint32_t work = built_function(built, "poll", "/home/u/app.py", true);
    uint32_t stacks[2] = {built_stack(built, root, work, 10), built_stack(built, root, work, 11)};
    for (size_t i = 0; i < WHOLE; i++)
        built_sample(built, (i + 1) * MS, main, wait, i * 37 % 100 < what->waits ? STATE_GIL_WAIT : what->main_state, 1,
                     MS);
    if (what->later)
        built->threads[other].start_ns = 500 * MS;
    rounds(built, what->later ? 500 : 0, other, stacks, 2, 3, STATE_PYTHON, what->later ? WHOLE - 500 : WHOLE);
    built_cores(built, 4);
    return built;
}

static const struct beside plain = {
    STATE_SLEEP, "main", "/usr/lib/python3.13/other.py", "run", "/usr/lib/python3.13/threading.py", 0, false};

static void nobody_waits_for_a_poller(void **state)
{
    (void)state;
    struct beside one = plain;
    expect(beside(&one), TAGS("paced"));
    one.main_state = STATE_IDLE; /* an event loop */
    one.main_function = "EpollSelector.select";
    one.main_file = "/usr/lib/python3.13/selectors.py";
    struct built *built = beside(&one);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "paced");
    assert_int_equal(diagnosis->aside, 1);
    assert_true(diagnosis->roles[2].aside && !diagnosis->roles[1].aside && diagnosis->roles[2].waited == 0);
    assert_int_equal(diagnosis->roles[1].role, ROLE_MAIN);
    assert_true(diagnosis->cores_used > 0.9); /* its use of a core is no less for that */
    assert_int_equal(diagnosis->n_threads, 2);
    diagnosis_free(diagnosis);
    free(built);
}

static void main_waits_for_its_thread(void **state)
{
    (void)state;
    struct beside one = plain;
    one.main_state = STATE_IDLE; /* in Thread.join */
    one.main_function = "Thread.join";
    one.main_file = "/usr/lib/python3.13/threading.py";
    expect(beside(&one), TAGS("hot-loop"));
    one = plain;
    one.main_state = STATE_LOCK;
    expect(beside(&one), TAGS("hot-loop"));
    one = plain;
    one.waits = 30; /* it keeps the GIL from it */
    struct built *built = beside(&one);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_int_equal(diagnosis->aside, 0);
    assert_true(diagnosis->roles[2].waited > 0.28 && diagnosis->roles[2].waited < 0.32);
    diagnosis_free(diagnosis);
    free(built);
}

static void workers_and_requests_are_waited_for(void **state)
{
    (void)state;
    struct beside one = plain;
    one.root_function = "_worker";
    one.root_file = "/usr/lib/python3.13/concurrent/futures/thread.py";
    struct built *built = beside(&one);
    struct diagnosis *diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "hot-loop");
    assert_int_equal(diagnosis->roles[2].role, ROLE_WORKER);
    diagnosis_free(diagnosis);
    free(built);
    one.root_function = "ThreadingMixIn.process_request_thread";
    one.root_file = "/usr/lib/python3.13/socketserver.py";
    built = beside(&one);
    diagnosis = diagnosed(built);
    assert_string_equal(diagnosis->findings[0].tag, "hot-loop");
    assert_int_equal(diagnosis->roles[2].role, ROLE_REQUEST);
    diagnosis_free(diagnosis);
    free(built);
    one = plain; /* a server of own making: who accepts starts threads for who asks */
    one.main_state = STATE_IO;
    one.main_function = "socket.accept";
    one.main_file = "/usr/lib/python3.13/socket.py";
    one.later = true;
    built = beside(&one);
    diagnosis = diagnosed(built);
    assert_int_equal(diagnosis->aside, 0);
    assert_int_equal(diagnosis->roles[2].role, ROLE_REQUEST);
    diagnosis_free(diagnosis);
    free(built);
    one.later = false;
    built = beside(&one);
    diagnosis = diagnosed(built);
    assert_int_equal(diagnosis->aside, 1);
    diagnosis_free(diagnosis);
    free(built);
}

static void without_a_main_thread_all_count(void **state)
{
    (void)state;
    struct beside one = plain;
    struct built *built = beside(&one);
    built->threads[1].tid++;
    expect(built, TAGS("hot-loop"));
}

int thread_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_a_poller),
        cmocka_unit_test(main_waits_for_its_thread),
        cmocka_unit_test(workers_and_requests_are_waited_for),
        cmocka_unit_test(without_a_main_thread_all_count),
    };
    return cmocka_run_group_tests_name("findings: threads", tests, NULL, NULL);
}
