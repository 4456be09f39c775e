/* A recording of which only the last part is kept: what is left is exactly that part, in bounded space, and a kill at
 * any moment leaves a file that opens. */
#include "data_tests.h"

#include "data/core_sums.h"
#include "data/window.h"
#include "failing.h"

#include <signal.h>
#include <sys/wait.h>

#define S_NS  UINT64_C(1000000000)
#define MS_NS UINT64_C(1000000)

enum { CORE = 5 }; /* where it runs; a process of that number comes and goes */

/* A program that runs another function each second, made for the occasion: function_S in second S, in a new thread of a
 * new process too, which end with it. */
struct changing {
    struct recording *recording;
    uint32_t process, thread;
    uint64_t now_ns, run_ns;
    uint32_t brief_process, brief_thread;
};

static bool start(struct changing *c, const char *path, const struct recording_info *bounds)
{
    struct recording_info info = *bounds;
    struct err err;
    info.host = info.directory = "here";
    info.mode = "run";
    info.evidence = "/proc";
    info.cores = info.cores_allowed = 2;
    info.start_unix_ns = 1000 * S_NS;
    *c = (struct changing){0};
    if (recording_new(path, &info, &c->recording, &err) != 0)
        return false;
    struct process process = {.pid = 100, .exit_status = EXIT_STATUS_RUNNING};
    c->process = recording_add_process(c->recording, &process);
    struct thread thread = {.process = c->process, .tid = 100};
    c->thread = recording_add_thread(c->recording, &thread);
    return true;
}

static uint32_t stack_of(struct changing *c, uint64_t second)
{
    char name[64];
    snprintf(name, sizeof name, "function_%llu", (unsigned long long)second);
    struct function outer = {.name = text_id(c->recording, "main"), .file = text_id(c->recording, "/app.py")};
    struct function inner = {.name = text_id(c->recording, name), .file = text_id(c->recording, "/app.py")};
    uint32_t top = recording_add_stack(
        c->recording, 0, recording_add_frame(c->recording, recording_add_function(c->recording, &outer), 1));
    return recording_add_stack(c->recording, top,
                               recording_add_frame(c->recording, recording_add_function(c->recording, &inner), 2));
}

static void brief(struct changing *c, uint64_t start_ns, uint64_t end_ns)
{
    struct process process = {.pid = 101, .parent = c->process, .start_ns = start_ns, .end_ns = end_ns};
    struct thread thread = {.process = c->brief_process, .tid = 101, .start_ns = start_ns, .end_ns = end_ns};
    if (end_ns == 0) {
        c->brief_process = recording_add_process(c->recording, &process);
        thread.process = c->brief_process;
        c->brief_thread = recording_add_thread(c->recording, &thread);
    } else {
        recording_set_process(c->recording, c->brief_process, &process);
        recording_set_thread(c->recording, c->brief_thread, &thread);
    }
}

/* One second of it: a sample each millisecond, three quarters of which it ran. */
static void run_second(struct changing *c)
{
    uint64_t second = c->now_ns / S_NS;
    brief(c, c->now_ns, 0);
    for (int i = 0; i < 1000; i++) {
        c->now_ns += MS_NS;
        c->run_ns += MS_NS * 3 / 4;
        struct sample sample = {.time_ns = c->now_ns,
                                .thread = c->thread,
                                .stack = stack_of(c, second),
                                .ticks = 1,
                                .run_ns = MS_NS * 3 / 4,
                                .state = i % 4 == 3 ? STATE_IO : STATE_PYTHON,
                                .reader = READER_CORE};
        recording_add_sample(c->recording, &sample);
        struct counter counter = {c->now_ns, c->process, COUNTER_USER_TIME, (int64_t)c->run_ns};
        struct counter core = {c->now_ns, CORE, COUNTER_CORE_USED, (int64_t)c->run_ns};
        if (i % 200 == 0) {
            recording_add_counter(c->recording, &counter);
            recording_add_counter(c->recording, &core);
        }
    }
    struct thread thread = {.process = c->process, .tid = 100, .run_ns = c->run_ns};
    recording_set_thread(c->recording, c->thread, &thread);
    brief(c, c->now_ns - S_NS, c->now_ns);
    recording_add_loss(c->recording, LOSS_UNREADABLE, 1);
    struct self_report self = {.sweeps = c->now_ns / MS_NS, .rate_hz = 1000};
    recording_set_self(c->recording, &self);
    struct err err = {0};
    recording_commit(c->recording, c->now_ns, &err);
}

static void trim(struct changing *c, uint64_t keep_ns)
{
    struct recording_moved moved;
    struct err err = {0};
    int rc = recording_trim(c->recording, keep_ns, c->now_ns, &moved, &err);
    if (rc != 0)
        fail_msg("%s", err.text);
    if (moved.n_threads > 0) {
        c->process = moved.processes[c->process];
        c->thread = moved.threads[c->thread];
    }
    recording_moved_release(&moved);
}

/* Only then it is known how long we waited for a core: a tenth of the time. */
static void finish(struct changing *c)
{
    struct err err = {0};
    struct self_report self = {.sweeps = c->now_ns / MS_NS, .rate_hz = 1000, .waited_ns = c->now_ns / 10};
    recording_set_self(c->recording, &self);
    if (recording_finish(c->recording, c->now_ns, &err) != 0)
        fail_msg("%s", err.text);
    recording_free(c->recording);
}

static const char *name_of(const struct profile *profile, uint32_t stack)
{
    return profile->strings[profile->functions[profile->frames[profile->stacks[stack].frame].function].name];
}

/* The seconds from..to and nothing else, each with a second of wall time and three quarters of CPU time. */
static void assert_seconds(const struct profile *profile, uint64_t from, uint64_t to)
{
    double wall[64] = {0}, cpu[64] = {0}, all = 0;
    for (size_t i = 0; i < profile->samples.count; i++) {
        unsigned long long second;
        uint32_t stack = profile->samples.stack[i];
        if (profile->threads[profile->samples.thread[i]].tid != 100)
            continue;
        all += profile->samples.wall_ns[i];
        if (stack == 0)
            continue;
        assert_int_equal(sscanf(name_of(profile, stack), "function_%llu", &second), 1);
        assert_in_range(second, from, to - 1);
        wall[second - from] += profile->samples.wall_ns[i];
        cpu[second - from] += profile->samples.cpu_ns[i];
    }
    assert_close(all, (double)((to - from) * S_NS), 1e-3);
    for (uint64_t s = 0; s < to - from; s++) {
        assert_close(wall[s], 1e9, 0.04);
        assert_close(cpu[s], 0.75e9, 0.04);
    }
    for (size_t i = 1; i < profile->n_functions; i++) {
        unsigned long long second;
        if (sscanf(profile->strings[profile->functions[i].name], "function_%llu", &second) == 1)
            assert_in_range(second, from, to - 1);
    }
}

static void what_is_kept_is_the_last_part(void **state)
{
    (void)state;
    struct changing c;
    struct recording_info bounds = {.bounded = true};
    assert_true(start(&c, path_of("kept.kei"), &bounds));
    for (int second = 0; second < 40; second++) {
        run_second(&c);
        if (recording_kept_ns(c.recording, c.now_ns) >= 8 * S_NS)
            trim(&c, 5 * S_NS);
    }
    trim(&c, 5 * S_NS);
    finish(&c);
    struct profile *profile = load(path_of("kept.kei"));
    assert_true(profile->complete);
    assert_int_equal(profile->duration_ns, 5 * S_NS);
    assert_int_equal(profile->dropped_ns, 35 * S_NS);
    assert_int_equal(profile->start_unix_ns, 1035 * S_NS);
    assert_seconds(profile, 35, 40);
    assert_close((double)profile->threads[1].run_ns, 3.75e9, 1e-3);
    assert_in_range(profile->n_processes, 6, 8); /* the program, a brief one each second, the ends of one more */
    assert_in_range(profile->losses[LOSS_UNREADABLE], 4, 6);
    assert_in_range(profile->self.sweeps, 4900, 7100); /* marks are a second apart, or two */
    assert_close(profile->self.rate_hz, 1000, 0.01);
    assert_close((double)profile->self.waited_ns, 0.5e9, 0.3);
    int64_t last = 0;
    struct core_sum *cores;
    size_t n_cores;
    for (size_t i = 0; i < profile->n_counters; i++)
        last = profile->counters[i].kind == COUNTER_USER_TIME ? profile->counters[i].value : last;
    assert_close((double)last, 3.75e9, 0.1); /* grown by that much in the window */
    assert_int_equal(core_sums_of(profile, &cores, &n_cores), 0);
    assert_int_equal(n_cores, 1);
    assert_int_equal(cores[0].core, CORE); /* which is no process, to be numbered anew */
    assert_close(cores[0].used_ns, 3.75e9, 0.1);
    mem_free(cores);
    profile_free(profile);
}

static void a_saved_copy_is_the_last_part(void **state)
{
    (void)state;
    struct changing c;
    struct recording_info none = {0};
    struct recording_trust trust;
    struct err err = {0};
    char taken[4096];
    uint64_t length_ns;
    assert_true(start(&c, path_of("long.kei"), &none));
    for (int second = 0; second < 9; second++)
        run_second(&c);
    assert_int_equal(recording_commit(c.recording, c.now_ns, &err), 0);
    recording_trust_of(c.recording, 3 * S_NS, c.now_ns, &trust);
    int rc = window_save(path_of("long.kei"), 3 * S_NS, &trust, path_of("long-copy.kei"), taken, &length_ns, &err);
    if (rc != 0)
        fail_msg("%s", err.text);
    assert_int_equal(length_ns, 3 * S_NS);
    run_second(&c);
    finish(&c);
    struct profile *copy = load(taken), *whole = load(path_of("long.kei"));
    assert_true(copy->complete);
    assert_seconds(copy, 6, 9);
    assert_int_equal(copy->dropped_ns, 6 * S_NS);
    assert_seconds(whole, 0, 10);
    profile_free(copy);
    profile_free(whole);
}

/* What a program can do to a recording: all names are new, all the time. */
static void space_is_bounded(void **state)
{
    (void)state;
    enum { LIMIT = 1024 * 1024 };
    struct changing c;
    struct recording_info bounds = {.bounded = true, .max_bytes = LIMIT};
    struct err err = {0};
    size_t memory = 0;
    assert_true(start(&c, path_of("hostile.kei"), &bounds));
    for (uint64_t i = 0; i < 60000; i++) {
        c.now_ns += MS_NS;
        struct sample sample = {
            .time_ns = c.now_ns, .thread = c.thread, .stack = stack_of(&c, i), .ticks = 1, .run_ns = MS_NS};
        sample.state = STATE_PYTHON;
        recording_add_sample(c.recording, &sample);
        if (i % 400 != 0)
            continue;
        if (recording_commit(c.recording, c.now_ns, &err) != 0)
            fail_msg("%s", err.text);
        memory = recording_memory(c.recording) > memory ? recording_memory(c.recording) : memory;
        assert_in_range(recording_bytes(c.recording), 1, LIMIT);
        if (recording_bytes(c.recording) > LIMIT * 6 / 10)
            trim(&c, recording_kept_ns(c.recording, c.now_ns) / 2);
        assert_in_range(recording_bytes(c.recording), 1, LIMIT);
    }
    finish(&c);
    assert_in_range(memory, 1, 8 * LIMIT);
    struct profile *profile = load(path_of("hostile.kei"));
    assert_true(profile->duration_ns > S_NS && profile->duration_ns < 30 * S_NS);
    profile_free(profile);
}

__attribute__((noreturn)) static void trim_until_killed(const char *path, int tell)
{
    struct changing c;
    struct recording_info bounds = {.bounded = true};
    if (!start(&c, path, &bounds))
        _exit(1);
    for (uint64_t n = 1;; n++) {
        run_second(&c);
        trim(&c, 3 * S_NS);
        if (write(tell, &n, sizeof n) != sizeof n)
            _exit(2);
    }
}

static void a_kill_while_the_oldest_part_goes_leaves_a_recording(void **state)
{
    (void)state;
    for (int turn = 0; turn < 20; turn++) {
        char name[32];
        int ends[2];
        uint64_t n = 0;
        snprintf(name, sizeof name, "trimmed-%d.kei", turn);
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            trim_until_killed(path_of(name), ends[1]);
        close(ends[1]);
        while (n < 4 && read(ends[0], &n, sizeof n) == sizeof n)
            ;
        usleep((useconds_t)turn * 800); /* somewhere in what comes next */
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(ends[0], &n, sizeof n) == sizeof n)
            ;
        close(ends[0]);
        struct profile *profile = load(path_of(name));
        assert_in_range(profile->duration_ns, 3 * S_NS - 1, 4 * S_NS);
        uint64_t to = (profile->dropped_ns + profile->duration_ns) / S_NS;
        assert_in_range(to, n, n + 1);
        assert_seconds(profile, to - profile->duration_ns / S_NS, to);
        profile_free(profile);
    }
}

static int trim_once(void *context)
{
    struct changing c;
    struct recording_info bounds = {.bounded = true};
    struct recording_moved moved;
    struct err err = {0};
    unlink(path_of("short.kei"));
    if (!start(&c, path_of("short.kei"), &bounds)) {
        if (c.recording != NULL)
            recording_free(c.recording);
        return ERR_NOMEM;
    }
    run_second(&c);
    run_second(&c);
    int rc = recording_trim(c.recording, S_NS, c.now_ns, &moved, &err);
    recording_moved_release(&moved);
    *(bool *)context = rc == 0;
    if (rc == 0)
        rc = recording_finish(c.recording, c.now_ns, &err);
    recording_free(c.recording);
    return rc;
}

static void short_memory_while_the_oldest_part_goes(void **state)
{
    (void)state;
    bool trimmed = false;
    assert_true(failing_some(trim_once, &trimmed, 24) > 20);
    assert_true(trimmed);
    struct profile *profile = load(path_of("short.kei"));
    assert_seconds(profile, 1, 2);
    profile_free(profile);
}

int window_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_the_last_part),
        cmocka_unit_test(a_saved_copy_is_the_last_part),
        cmocka_unit_test(space_is_bounded),
        cmocka_unit_test(a_kill_while_the_oldest_part_goes_leaves_a_recording),
        cmocka_unit_test(short_memory_while_the_oldest_part_goes),
    };
    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
