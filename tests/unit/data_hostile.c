/* Names and stacks of any size, and files that are no recordings, or were. */
#include "data_tests.h"

#include "data/chunk.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <zstd.h>

static struct recording *begin(const char *name)
{
    struct recording *recording = synthetic_open(path_of(name));
    assert_non_null(recording);
    struct process process = {.pid = 1};
    struct thread thread = {.process = 1, .tid = 1};
    assert_int_equal(recording_add_process(recording, &process), 1);
    assert_int_equal(recording_add_thread(recording, &thread), 1);
    return recording;
}

static struct profile *end(struct recording *recording, uint64_t duration)
{
    char path[4096];
    struct err err = {0};
    snprintf(path, sizeof path, "%s", recording_path(recording));
    int rc = recording_finish(recording, duration, &err);
    if (rc != 0)
        print_message("%s\n", err.text);
    assert_int_equal(rc, 0);
    recording_free(recording);
    return load(path);
}

static void write_file(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
}

static char *read_file(const char *path, size_t *size)
{
    static char data[16 << 20];
    int fd = open(path, O_RDONLY);
    ssize_t got = read(fd, data, sizeof data);
    assert_true(got > 0);
    *size = (size_t)got;
    close(fd);
    return data;
}

static void change(const char *name, const char *copy, const char *sql)
{
    size_t size;
    char *data = read_file(path_of(name), &size);
    write_file(path_of(copy), data, size);
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path_of(copy), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static void names_of_any_kind_come_back(void **state)
{
    (void)state;
    size_t big_size = 1000000;
    char *big = malloc(big_size);
    memset(big, 'x', big_size);
    const struct {
        const char *text;
        size_t length;
    } names[] = {{"", 0},
                 {"a\0b", 3},
                 {"\xff\xfe\x80", 3},
                 {"\xed\xa0\x80", 3},
                 {"plain", 5},
                 {"\x1b[31m", 5},
                 {"na\xc3\xafve", 6},
                 {"\0", 1},
                 {"'; DROP TABLE string; --", 24},
                 {big, big_size}};
    enum { N = sizeof names / sizeof *names };
    struct recording *recording = begin("names.kei");
    uint32_t ids[N];
    for (int i = 0; i < N; i++)
        ids[i] = recording_add_string(recording, names[i].text, names[i].length);
    for (int i = 0; i < N; i++)
        assert_int_equal(recording_add_string(recording, names[i].text, names[i].length), ids[i]);
    struct profile *profile = end(recording, 1000);
    for (int i = 0; i < N; i++) {
        assert_int_equal(profile->string_lengths[ids[i]], names[i].length);
        assert_memory_equal(profile->strings[ids[i]], names[i].text, names[i].length);
        assert_int_equal(profile->strings[ids[i]][names[i].length], 0);
    }
    profile_free(profile);
    free(big);
}

static void a_deep_stack_comes_back(void **state)
{
    (void)state;
    struct recording *recording = begin("deep.kei");
    struct function function = {.name = text_id(recording, "fib"), .file = text_id(recording, "f.py")};
    uint32_t frame = recording_add_frame(recording, recording_add_function(recording, &function), 3), stack = 0;
    for (int i = 0; i < 10000; i++)
        stack = recording_add_stack(recording, stack, frame);
    struct sample sample = {.time_ns = 1000000, .thread = 1, .stack = stack, .ticks = 1, .run_ns = 1000000};
    recording_add_sample(recording, &sample);
    struct profile *profile = end(recording, 1000000);
    assert_int_equal(profile->stacks[stack].depth, 10000);
    struct aggregate *aggregate;
    struct tree *tree;
    assert_int_equal(aggregate_new(profile, NULL, &aggregate), 0);
    assert_close(aggregate->functions[0].total_wall_ns, 1e6, 1e-9); /* once, in spite of the recursion */
    assert_close(aggregate->lines[0].total_wall_ns, 1e6, 1e-9);
    assert_int_equal(tree_new(profile, NULL, false, &tree), 0);
    assert_int_equal(tree->n_nodes, 10001);
    tree_free(tree);
    aggregate_free(aggregate);
    profile_free(profile);
}

static void an_endless_stack_ends(void **state)
{
    (void)state;
    struct recording *recording = begin("endless.kei");
    struct function function = {.name = text_id(recording, "fib"), .file = text_id(recording, "f.py")};
    uint32_t frame = recording_add_frame(recording, recording_add_function(recording, &function), 3), stack = 0;
    for (int i = 0; i < STACK_DEPTH_MAX + 10; i++)
        stack = recording_add_stack(recording, stack, frame);
    assert_int_equal(stack, STACK_DEPTH_MAX);
    for (uint32_t i = 1; i <= STACK_DEPTH_MAX; i++) {
        struct sample sample = {
            .time_ns = i * UINT64_C(1000000), .thread = 1, .stack = i, .ticks = 1, .run_ns = 1000000};
        recording_add_sample(recording, &sample);
    }
    struct profile *profile = end(recording, STACK_DEPTH_MAX * UINT64_C(1000000));
    struct aggregate *aggregate;
    assert_int_equal(aggregate_new(profile, NULL, &aggregate), 0);
    assert_close(aggregate->functions[0].total_wall_ns, STACK_DEPTH_MAX * 1e6, 1e-9);
    aggregate_free(aggregate);
    profile_free(profile);
    char sql[128];
    snprintf(sql, sizeof sql, "INSERT INTO stack VALUES(%d, %d, 1)", STACK_DEPTH_MAX + 1, STACK_DEPTH_MAX);
    change("endless.kei", "deeper.kei", sql);
    assert_load_fails(path_of("deeper.kei"), ERR_CORRUPT);
}

static void many_stacks_come_back(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct recording *recording = begin("many.kei");
    uint32_t stack = 0;
    struct err err;
    for (uint32_t i = 0; i < N; i++) {
        struct function function = {.name = text_id(recording, "f"), .first_line = i % 1000};
        uint32_t frame = recording_add_frame(recording, recording_add_function(recording, &function), i);
        stack = recording_add_stack(recording, i % 50 == 0 ? 0 : stack, frame);
        struct sample sample = {
            .time_ns = (i + 1) * UINT64_C(1000000), .thread = 1, .stack = stack, .ticks = 1, .run_ns = 1000000};
        recording_add_sample(recording, &sample);
        if (i % 500 == 0)
            assert_int_equal(recording_commit(recording, sample.time_ns, &err), 0);
    }
    struct profile *profile = end(recording, N * UINT64_C(1000000));
    assert_int_equal(profile->n_stacks, N + 1);
    assert_int_equal(count_ticks_of(profile), N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(profile->samples.stack[i], i + 1);
    struct aggregate *aggregate;
    assert_int_equal(aggregate_new(profile, NULL, &aggregate), 0);
    assert_int_equal(aggregate->n_functions, 1000);
    assert_close(aggregate->wall_ns, N * 1e6, 1e-9);
    aggregate_free(aggregate);
    profile_free(profile);
}

static void odd_samples_are_kept_or_refused(void **state)
{
    (void)state;
    struct recording *recording = begin("odd.kei");
    struct sample good = {.time_ns = 5000000, .thread = 1, .ticks = 1, .state = STATE_UNKNOWN};
    struct sample bad[] = {good, good, good, good, good, good};
    bad[0].thread = 2;
    bad[1].stack = 1;
    bad[2].state = STATE_COUNT;
    bad[3].ticks = 0;
    bad[4].reader = READER_KIND_COUNT;
    bad[5].place = PLACE_COUNT;
    recording_add_sample(recording, &good);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        recording_add_sample(recording, &bad[i]);
    good.place = PLACE_LIBRARY;
    good.time_ns = 1; /* the clock does not go back: it counts from the last sample */
    good.ticks = UINT32_MAX;
    recording_add_sample(recording, &good);
    assert_int_equal(recording_add_stack(recording, 5, 1), 0);
    assert_int_equal(recording_add_frame(recording, 9, 1), 0);
    recording_set_thread(recording, 7, &(struct thread){0});
    struct profile *profile = end(recording, 6000000);
    assert_true(profile->samples.count == 2);
    assert_true(profile->samples.ticks[1] == UINT32_MAX);
    assert_int_equal(profile->samples.place[0], PLACE_UNKNOWN);
    assert_int_equal(profile->samples.place[1], PLACE_LIBRARY);
    assert_int_equal(profile->samples.time_ns[1], 5000000);
    profile_free(profile);
}

static void counters_come_back(void **state)
{
    (void)state;
    struct recording *recording = begin("counters.kei");
    for (uint32_t i = 0; i < 20000; i++) {
        struct counter counter = {.time_ns = i * UINT64_C(10000),
                                  .subject = i % 3,
                                  .kind = (uint8_t)(i % COUNTER_KIND_COUNT),
                                  .value = i % 2 == 0 ? INT64_MAX - i : INT64_MIN + i};
        recording_add_counter(recording, &counter);
    }
    struct profile *profile = end(recording, UINT64_C(200000000));
    assert_int_equal(profile->n_counters, 20000);
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        uint32_t n = (uint32_t)(counter->time_ns / 10000);
        assert_int_equal(counter->subject, n % 3);
        assert_int_equal(counter->kind, n % COUNTER_KIND_COUNT);
        assert_true(counter->value == (n % 2 == 0 ? INT64_MAX - n : INT64_MIN + n));
    }
    profile_free(profile);
}

/* ---- files --------------------------------------------------------------------------------------------------------
 */

static void what_is_no_recording_is_refused(void **state)
{
    (void)state;
    char zeros[8192] = {0};
    write_file(path_of("empty.kei"), "", 0);
    assert_load_fails(path_of("empty.kei"), ERR_CORRUPT);
    write_file(path_of("text.kei"), "#!/usr/bin/python\n", 18);
    assert_load_fails(path_of("text.kei"), ERR_CORRUPT);
    write_file(path_of("zeros.kei"), zeros, sizeof zeros);
    assert_load_fails(path_of("zeros.kei"), ERR_CORRUPT);
    assert_load_fails(path_of("none.kei"), ERR_NOT_FOUND);
    assert_load_fails("/dev/null", ERR_BAD_INPUT);
    assert_load_fails(directory, ERR_BAD_INPUT);
}

static void contents_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        int code;
    } changes[] = {
        {"PRAGMA user_version=2", ERR_VERSION},
        {"PRAGMA user_version=0", ERR_CORRUPT},
        {"PRAGMA application_id=7", ERR_CORRUPT},
        {"DROP TABLE stack", ERR_CORRUPT},
        {"DROP TABLE note; CREATE VIEW note AS WITH RECURSIVE x(id, text) AS (SELECT 1, 'a' UNION ALL SELECT id + 1,"
         " text FROM x) SELECT * FROM x",
         ERR_CORRUPT},
        {"ALTER TABLE string ADD COLUMN more AS (zeroblob(60000000))", ERR_CORRUPT},
        {"UPDATE stack SET parent = id WHERE id = 3", ERR_CORRUPT},
        {"UPDATE stack SET parent = 5 WHERE id = 3", ERR_CORRUPT},
        {"UPDATE stack SET parent = -1 WHERE id = 3", ERR_CORRUPT},
        {"UPDATE stack SET frame = 0 WHERE id = 3", ERR_CORRUPT},
        {"UPDATE stack SET frame = 4000000000 WHERE id = 3", ERR_CORRUPT},
        {"DELETE FROM string WHERE id = 2", ERR_CORRUPT},
        {"UPDATE function SET name = 99999", ERR_CORRUPT},
        {"UPDATE function SET kind = 3", ERR_CORRUPT},
        {"UPDATE frame SET function = 'many'; UPDATE frame SET line = -5", ERR_CORRUPT},
        {"UPDATE process SET parent = 77", ERR_CORRUPT},
        {"UPDATE thread SET process = 77", ERR_CORRUPT},
        {"DELETE FROM thread WHERE id = 2", ERR_CORRUPT},
        {"UPDATE sample_chunk SET data = NULL WHERE id = 1", ERR_CORRUPT},
        {"UPDATE sample_chunk SET data = zeroblob(100) WHERE id = 1", ERR_CORRUPT},
        {"UPDATE sample_chunk SET data = substr(data, 1, length(data) - 1) WHERE id = 1", ERR_CORRUPT},
        {"INSERT INTO counter_chunk VALUES(9, 0, 0, 1, x'01ffffff7f')", ERR_CORRUPT},
        {"INSERT INTO source VALUES(1, 1, 1, 900000000, x'')", ERR_CORRUPT},
        {"INSERT INTO source VALUES(1, 1, 1, 100, x'28b52ffd')", ERR_CORRUPT},
    };
    struct synthetic synthetic = {.samples = 3000, .hot_stacks = 4, .threads = 2};
    profile_free(make(&synthetic, "good.kei", NULL));
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char name[32];
        snprintf(name, sizeof name, "changed-%zu.kei", i);
        change("good.kei", name, changes[i].sql);
        assert_load_fails(path_of(name), changes[i].code);
    }
    change("good.kei", "newer.kei",
           "UPDATE meta SET value = 1e999; INSERT INTO meta VALUES('new', 1);"
           "INSERT INTO loss VALUES(99, 'new', 1); UPDATE self SET value = 'x'");
    profile_free(load(path_of("newer.kei")));
}

/* Many rows are no more work than their number, and many texts no more memory than all may have together. */
static void many_rows_are_bounded(void **state)
{
    (void)state;
    struct synthetic synthetic = {.samples = 100, .hot_stacks = 4, .threads = 1};
    profile_free(make(&synthetic, "few.kei", NULL));
    change("few.kei", "notes.kei",
           "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
           " INSERT INTO note SELECT i, 'x' FROM n");
    struct profile *profile = load(path_of("notes.kei"));
    size_t notes = 0;
    while (profile->notes[notes] != NULL)
        notes++;
    assert_int_equal(notes, 10000);
    profile_free(profile);

    size_t each = 15 << 20, size = ZSTD_compressBound(each);
    char *text = calloc(1, each), *packed = malloc(size), *sql = malloc(1 << 20);
    size = ZSTD_compress(packed, size, text, each, 1);
    assert_true(!ZSTD_isError(size) && size < 10000);
    for (int texts = 4; texts <= 5; texts++) {
        size_t at = 0;
        for (int i = 1; i <= texts; i++) {
            at += (size_t)sprintf(sql + at, "INSERT INTO source VALUES(%d, 1, 1, %zu, x'", 100 + i, each);
            for (size_t k = 0; k < size; k++)
                at += (size_t)sprintf(sql + at, "%02x", (unsigned char)packed[k]);
            at += (size_t)sprintf(sql + at, "');");
        }
        change("few.kei", "sources.kei", sql);
        if (texts == 4)
            profile_free(load(path_of("sources.kei")));
        else
            assert_load_fails(path_of("sources.kei"), ERR_CORRUPT);
    }
    free(text);
    free(packed);
    free(sql);
}

/* Cut or damaged anywhere: it loads (what was hit does not matter) or is refused; it never crashes. */
static void damage_anywhere_is_survived(void **state)
{
    (void)state;
    struct synthetic synthetic = {.samples = 4000, .hot_stacks = 20, .threads = 2};
    profile_free(make(&synthetic, "whole.kei", NULL));
    size_t size, refused = 0;
    char *data = read_file(path_of("whole.kei"), &size);
    char *copy = malloc(size);
    for (int i = 0; i < 400; i++) {
        memcpy(copy, data, size);
        size_t length = i % 4 == 0 ? (size_t)(synthetic_random(&synthetic) * (double)size) : size;
        for (int n = 0; i % 4 != 0 && n < 1 << (i % 5); n++)
            copy[(size_t)(synthetic_random(&synthetic) * (double)size)] ^= (char)(1 + i % 255);
        write_file(path_of("damaged.kei"), copy, length);
        struct profile *profile = NULL;
        struct err err = {0};
        int rc = profile_load(path_of("damaged.kei"), &profile, &err);
        if (rc != 0 && rc != ERR_CORRUPT && rc != ERR_VERSION)
            print_message("%d: %s\n", rc, err.text);
        assert_true(rc == 0 || rc == ERR_CORRUPT || rc == ERR_VERSION);
        assert_true(rc == 0 || (err.text[0] != '\0' && strchr(err.text, '\n') == NULL));
        refused += rc != 0;
        profile_free(profile);
    }
    print_message("%zu of 400 damaged files were refused\n", refused);
    assert_true(refused > 100);
    free(copy);
}

static void chunks_of_any_bytes_are_survived(void **state)
{
    (void)state;
    struct synthetic synthetic = {.random = 7};
    struct chunk_row rows[50], *decoded = NULL;
    struct chunk_counter *counters = NULL;
    struct buf chunk = {0};
    size_t capacity = 0, counter_capacity = 0, count;
    for (uint32_t i = 0; i < 50; i++)
        rows[i] = (struct chunk_row){.time = i * 100, .run = 100, .thread = i % 3, .stack = i, .ticks = 1};
    assert_int_equal(chunk_encode(&chunk, rows, 50), 0);
    assert_int_equal(chunk_decode(chunk.data, chunk.size, &decoded, &capacity, &count), 0);
    assert_int_equal(count, 50);
    for (size_t i = 0; i < chunk.size; i++)
        assert_int_equal(chunk_decode(chunk.data, i, &decoded, &capacity, &count), ERR_CORRUPT);
    for (int i = 0; i < 20000; i++) {
        char copy[4096];
        memcpy(copy, chunk.data, chunk.size);
        for (int n = 0; n <= i % 3; n++)
            copy[(size_t)(synthetic_random(&synthetic) * (double)chunk.size)] =
                (char)(synthetic_random(&synthetic) * 256);
        chunk_decode(copy, chunk.size, &decoded, &capacity, &count);
        chunk_decode_counters(copy, chunk.size, &counters, &counter_capacity, &count);
    }
    buf_release(&chunk);
    mem_free(decoded);
    mem_free(counters);
}

static void own_code_is_told_by_its_path(void **state)
{
    (void)state;
    static const char *const own[] = {"/home/a/orders.py",
                                      "orders.py",
                                      "<string>",
                                      "<stdin>",
                                      "<ipython-input-3-0ab1>",
                                      "/srv/lib/shop/a.py",
                                      "/home/a/python3.12/app.py",
                                      "/home/lib/pythonic/x.py"};
    static const char *const foreign[] = {"/usr/lib/python3.11/json/encoder.py",
                                          "/home/a/.venv/lib/python3.12/site-packages/numpy/core.py",
                                          "/usr/lib/python3/dist-packages/apt.py",
                                          "/home/a/.pyenv/versions/3.13.0/lib/python3.13/threading.py",
                                          "/usr/lib64/python3.9/os.py",
                                          "/opt/python/lib/python3.14t/os.py",
                                          "/usr/lib/python312.zip/os.py",
                                          "<frozen importlib._bootstrap>",
                                          "<frozen runpy>",
                                          "<attrs generated init a.B>",
                                          ""};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!profile_file_is_own(own[i]))
            fail_msg("%s is own", own[i]);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (profile_file_is_own(foreign[i]))
            fail_msg("%s is not own", foreign[i]);
    }
    assert_string_equal(profile_short_file("/usr/lib/python3.11/json/encoder.py"), "json/encoder.py");
    assert_string_equal(profile_short_file("orders.py"), "orders.py");
    assert_string_equal(profile_short_file("/orders.py"), "orders.py");
    assert_string_equal(profile_short_file("a/b.py"), "a/b.py");
    assert_string_equal(profile_short_file(""), "");
}

int hostile_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_any_kind_come_back),     cmocka_unit_test(a_deep_stack_comes_back),
        cmocka_unit_test(an_endless_stack_ends),           cmocka_unit_test(many_stacks_come_back),
        cmocka_unit_test(odd_samples_are_kept_or_refused), cmocka_unit_test(counters_come_back),
        cmocka_unit_test(what_is_no_recording_is_refused), cmocka_unit_test(contents_that_cannot_be_are_refused),
        cmocka_unit_test(damage_anywhere_is_survived),     cmocka_unit_test(chunks_of_any_bytes_are_survived),
        cmocka_unit_test(own_code_is_told_by_its_path),    cmocka_unit_test(many_rows_are_bounded),
    };
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
