/* A recording of a program that makes new code for ever: over a bound its rows are in the file alone, and what comes of
 * it is the same, row for row, as when all of them stay in memory. */
#include "data_tests.h"

#include "failing.h"

#include <sqlite3.h>

#define MS_NS UINT64_C(1000000)

enum { FUNCTIONS = 1000, DEEP = 40, ROUNDS = 12000, COMMIT_EVERY = 97 };

struct maker {
    struct recording *recording;
    uint32_t thread, task;
    uint64_t now_ns, random;
    size_t most_bytes; /* of memory, behind a commit */
};

static uint32_t pick(struct maker *maker, uint32_t below)
{
    maker->random = maker->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(maker->random >> 33) % below;
}

static int start(struct maker *maker, const char *path, size_t memory_max)
{
    const struct recording_info info = {.mode = "run", .cores = 2, .cores_allowed = 2, .memory_max = memory_max};
    struct err err = {0};
    *maker = (struct maker){.random = 7};
    int rc = recording_new(path, &info, &maker->recording, &err);
    if (rc != 0)
        return rc;
    struct process process = {.pid = 100,
                              .command = recording_add_string(maker->recording, "python\0made.py", 14),
                              .exit_status = EXIT_STATUS_RUNNING};
    struct thread thread = {.process = recording_add_process(maker->recording, &process), .tid = 100};
    maker->thread = recording_add_thread(maker->recording, &thread);
    struct task task = {.thread = maker->thread, .name = text_id(maker->recording, "Task-1")};
    maker->task = recording_add_task(maker->recording, &task);
    return 0;
}

static uint32_t frame_of(struct maker *maker, uint32_t n)
{
    char name[32];
    snprintf(name, sizeof name, "made_%u", n);
    struct function function = {
        .name = text_id(maker->recording, name), .file = text_id(maker->recording, "<made>"), .first_line = n};
    return recording_add_frame(maker->recording, recording_add_function(maker->recording, &function), n + 1);
}

static void sample(struct maker *maker, uint32_t stack, uint32_t frame, uint32_t n)
{
    struct recording *recording = maker->recording;
    maker->now_ns += MS_NS + pick(maker, 1000);
    struct sample sample = {.time_ns = maker->now_ns,
                            .thread = maker->thread,
                            .stack = stack,
                            .task = maker->task,
                            .ticks = 1,
                            .run_ns = n % 3 != 0 ? MS_NS / 2 : 0,
                            .state = n % 3 != 0 ? STATE_PYTHON : STATE_IO,
                            .reader = READER_CORE};
    recording_add_sample(recording, &sample);
    struct expression expression = {.frame = frame, .end_line = n + 1, .column = 4, .end_column = 9, .ticks = 1};
    recording_add_expression(recording, &expression);
    struct operand operand = {
        .frame = frame, .operation = text_id(recording, "in"), .type = text_id(recording, "list"), .looks = 1};
    recording_add_operand(recording, &operand, n % 5 != 0 ? (int64_t)pick(maker, 100) : -1);
    struct task_wait wait = {
        .task = maker->task, .stack = stack, .on = text_id(recording, "Future"), .looks = 1, .wait_ns = MS_NS};
    recording_add_task_wait(recording, &wait);
}

/* Functions are met again and again, some of them deep in a stack. */
static int run(struct maker *maker, uint32_t rounds)
{
    struct err err = {0};
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < rounds; i++) {
        uint32_t n = pick(maker, FUNCTIONS), depth = n % 7 == 0 ? DEEP : 2, stack = 0, frame = 0;
        for (uint32_t level = 0; level < depth; level++) {
            frame = frame_of(maker, (n + level) % FUNCTIONS);
            stack = recording_add_stack(maker->recording, stack, frame);
        }
        sample(maker, stack, frame, n);
        if (i % COMMIT_EVERY == COMMIT_EVERY - 1) {
            rc = recording_commit(maker->recording, maker->now_ns, &err);
            size_t bytes = recording_memory(maker->recording);
            maker->most_bytes = bytes > maker->most_bytes ? bytes : maker->most_bytes;
        }
    }
    struct process process = {
        .pid = 100, .command = recording_add_string(maker->recording, "python\0made.py", 14), .end_ns = maker->now_ns};
    recording_set_process(maker->recording, 1, &process);
    if (rc == 0)
        rc = recording_finish(maker->recording, maker->now_ns, &err);
    recording_free(maker->recording);
    return rc;
}

static size_t made(const char *path, size_t memory_max)
{
    struct maker maker;
    assert_int_equal(start(&maker, path, memory_max), 0);
    assert_int_equal(run(&maker, ROUNDS), 0);
    return maker.most_bytes;
}

/* Rows of a table that differ; times in ns may by what rounding at each writing makes of them. */
static int64_t differing(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return count;
}

static void assert_same_rows(const char *one, const char *other)
{
    static const char *const tables[] = {"string",    "function", "frame",     "stack",        "process", "thread",
                                         "stack_sum", "operand",  "task_wait", "sample_chunk", "task",    "expression"};
    sqlite3 *db = NULL;
    char sql[600];
    assert_int_equal(sqlite3_open(one, &db), SQLITE_OK);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS other", other);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const char *table = tables[i];
        snprintf(sql, sizeof sql,
                 "SELECT (SELECT count(*) FROM (SELECT * FROM main.%s EXCEPT SELECT * FROM other.%s))"
                 " + (SELECT count(*) FROM (SELECT * FROM other.%s EXCEPT SELECT * FROM main.%s))"
                 " + (SELECT count(*) = 0 FROM main.%s)",
                 table, table, table, table, table);
        if (differing(db, sql) != 0)
            fail_msg("table %s differs", table);
    }
    assert_int_equal(differing(db, "SELECT count(*) FROM main.stack_time a LEFT JOIN other.stack_time b"
                                   " USING(thread, stack, state) WHERE b.thread IS NULL OR a.open_ticks <> b.open_ticks"
                                   " OR abs(a.wall_ns - b.wall_ns) > 200 OR abs(a.cpu_ns - b.cpu_ns) > 200"),
                     0);
    sqlite3_close(db);
}

static void rows_that_are_in_the_file_alone_are_found_again(void **state)
{
    (void)state;
    size_t all = made(path_of("recall-all.kei"), SIZE_MAX), few = made(path_of("recall-few.kei"), 1);
    assert_true(all > 1000000);
    assert_in_range(few, 1, 2000); /* a thread, a process, a task */
    assert_same_rows(path_of("recall-all.kei"), path_of("recall-few.kei"));
    struct profile *a = load(path_of("recall-all.kei")), *b = load(path_of("recall-few.kei"));
    assert_int_equal(count_ticks_of(a), ROUNDS);
    assert_int_equal(a->samples.count, b->samples.count);
    for (size_t i = 0; i < a->samples.count; i++) {
        assert_int_equal(a->samples.stack[i], b->samples.stack[i]);
        assert_true(a->samples.wall_ns[i] == b->samples.wall_ns[i] && a->samples.cpu_ns[i] == b->samples.cpu_ns[i]);
    }
    assert_int_equal(a->n_expressions, b->n_expressions);
    assert_int_equal(a->n_operands, b->n_operands);
    profile_free(a);
    profile_free(b);
}

/* The deepest stack is refused behind a bound as before it. */
static void stacks_are_no_deeper_than_they_may_be(void **state)
{
    struct maker maker;
    struct err err = {0};
    (void)state;
    assert_int_equal(start(&maker, path_of("recall-deep.kei"), 1), 0);
    uint32_t frame = frame_of(&maker, 1), stack = 0;
    for (int i = 0; i < STACK_DEPTH_MAX; i++) {
        stack = recording_add_stack(maker.recording, stack, frame);
        if (i % 1000 == 999)
            assert_int_equal(recording_commit(maker.recording, maker.now_ns, &err), 0);
    }
    assert_int_equal(stack, STACK_DEPTH_MAX);
    assert_int_equal(recording_add_stack(maker.recording, stack, frame), stack);
    recording_free(maker.recording);
}

static int made_with_short_memory(void *context)
{
    struct maker maker;
    (void)context;
    unlink(path_of("recall-short.kei"));
    int rc = start(&maker, path_of("recall-short.kei"), 1);
    return rc == 0 ? run(&maker, 3 * COMMIT_EVERY) : rc;
}

static void short_memory_while_rows_are_let_go(void **state)
{
    (void)state;
    assert_true(failing_some(made_with_short_memory, NULL, 10) > 20);
}

int recall_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_are_in_the_file_alone_are_found_again),
        cmocka_unit_test(stacks_are_no_deeper_than_they_may_be),
        cmocka_unit_test(short_memory_while_rows_are_let_go),
    };
    return cmocka_run_group_tests_name("recall", tests, NULL, NULL);
}
