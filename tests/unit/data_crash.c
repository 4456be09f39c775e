/* What a recording survives: a killed recorder, a full disk, a file system without a write-ahead log, readers beside
 * it, short memory. */
#include "data_tests.h"

#include "data/store.h"
#include "failing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Writes samples until it is killed; tells how many are committed after each commit. */
__attribute__((noreturn)) static void record_until_killed(const char *path, int tell)
{
    struct synthetic synthetic = {.hot_stacks = 30, .threads = 2, .random = (uint64_t)getpid()};
    struct recording *recording = synthetic_open(path);
    struct err err;
    if (recording == NULL)
        _exit(1);
    synthetic_tables(&synthetic, recording);
    for (uint64_t n = 1;; n++) {
        struct sample sample = synthetic_sample(&synthetic, (uint32_t)(n % 2));
        recording_add_sample(recording, &sample);
        if (n % 100 != 0)
            continue;
        if (recording_commit(recording, sample.time_ns, &err) != 0 || write(tell, &n, sizeof n) != sizeof n)
            _exit(2);
    }
}

static void a_killed_recorder_loses_what_was_not_committed(void **state)
{
    (void)state;
    for (int turn = 0; turn < 12; turn++) {
        char name[32];
        int ends[2];
        snprintf(name, sizeof name, "killed-%d.kei", turn);
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            record_until_killed(path_of(name), ends[1]);
        close(ends[1]);
        uint64_t committed = 0, last = 0;
        while (committed < (uint64_t)(1 + turn * 7) * 100 && read(ends[0], &last, sizeof last) == sizeof last)
            committed = last;
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(ends[0], &last, sizeof last) == sizeof last)
            committed = last;
        close(ends[0]);
        struct profile *profile = load(path_of(name));
        assert_false(profile->complete);
        assert_true(count_ticks_of(profile) >= committed);
        assert_true(profile->duration_ns > 0);
        profile_free(profile);
    }
}

static void a_recording_in_progress_opens(void **state)
{
    (void)state;
    struct synthetic synthetic = {.hot_stacks = 4, .threads = 1};
    struct recording *recording = synthetic_open(path_of("live.kei"));
    struct err err;
    struct stat status;
    synthetic_tables(&synthetic, recording);
    for (int i = 0; i < 3000; i++) {
        struct sample sample = synthetic_sample(&synthetic, 0);
        recording_add_sample(recording, &sample);
        if (i == 2499)
            assert_int_equal(recording_commit(recording, sample.time_ns, &err), 0);
    }
    struct profile *profile = load(path_of("live.kei"));
    assert_int_equal(count_ticks_of(profile), 2500);
    assert_false(profile->complete);
    profile_free(profile);
    assert_int_equal(stat(path_of("live.kei-wal"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(path_of("live.kei-shm"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(recording_finish(recording, synthetic.time_ns[0], &err), 0);
    recording_free(recording);
    assert_int_not_equal(access(path_of("live.kei-wal"), F_OK), 0);
    assert_int_not_equal(access(path_of("live.kei-shm"), F_OK), 0);
    profile = load(path_of("live.kei"));
    assert_int_equal(count_ticks_of(profile), 3000);
    profile_free(profile);
}

/* Without a -shm there is no write-ahead log; a directory of that name keeps SQLite from making one. */
static void another_journal_is_used_where_no_log_works(void **state)
{
    (void)state;
    assert_false(store_wal_works_on(0x6969)); /* NFS */
    assert_true(store_wal_works_on(0xef53));  /* ext4 */
    assert_int_equal(mkdir(path_of("nolog.kei-shm"), 0700), 0);
    struct synthetic synthetic = {.samples = 5000, .hot_stacks = 4, .threads = 1};
    struct profile *profile = make(&synthetic, "nolog.kei", NULL);
    assert_int_equal(count_ticks_of(profile), 5000);
    assert_non_null(profile->notes[0]);
    assert_non_null(strstr(profile->notes[0], "rollback journal"));
    profile_free(profile);
}

/* Fills the disk: in a child, whose limit on file sizes (or whose own small file system) is the disk. */
static int record_until_full(const char *path, struct err *err)
{
    struct synthetic synthetic = {.hot_stacks = 400, .threads = 1};
    struct recording *recording = synthetic_open(path);
    int rc = 0;
    if (recording == NULL)
        return 0;
    synthetic_tables(&synthetic, recording);
    for (int i = 1; i < 2000000 && rc == 0; i++) {
        struct sample sample = synthetic_sample(&synthetic, 0);
        recording_add_sample(recording, &sample);
        if (i % 500 == 0)
            rc = recording_commit(recording, sample.time_ns, err);
    }
    struct err again = {0};
    if (rc != 0 && recording_commit(recording, synthetic.time_ns[0], &again) != rc)
        rc = 0;
    if (rc != 0 && (strcmp(err->text, again.text) != 0 || text_id(recording, "more") != 0))
        rc = 0;
    if (rc != 0 && recording_finish(recording, synthetic.time_ns[0], &again) != rc)
        rc = 0;
    recording_free(recording);
    return rc;
}

static void check_full(const char *path)
{
    struct err err = {0};
    int rc = record_until_full(path, &err);
    struct profile *profile = NULL;
    if (rc != ERR_FULL || strstr(err.text, path) == NULL || strstr(err.text, "are kept") == NULL) {
        fprintf(stderr, "%d: %s\n", rc, err.text);
        _exit(1);
    }
    if (profile_load(path, &profile, &err) != 0 || count_ticks_of(profile) < 1000) {
        fprintf(stderr, "%s\n", err.text);
        _exit(2);
    }
    unsigned long long kept = 0;
    const char *at = strchr(strstr(err.text, "its first"), '(');
    if (at == NULL || sscanf(at, "(%llu", &kept) != 1 || kept != count_ticks_of(profile)) {
        fprintf(stderr, "%zu: %s\n", count_ticks_of(profile), err.text);
        _exit(3);
    }
    _exit(0);
}

static int status_of(pid_t child)
{
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_size_limit_is_one_clear_error(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {600000, 600000};
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(9);
        check_full(path_of("limited.kei"));
    }
    assert_int_equal(status_of(child), 0);
}

/* Runs `check` in a child that has a file system of 700 kB, `small`, to itself. */
static void with_small_disk(void (*check)(void))
{
    char mount_point[160];
    snprintf(mount_point, sizeof mount_point, "%s", path_of("small"));
    mkdir(mount_point, 0700);
    pid_t child = fork();
    if (child == 0) {
        if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
            (geteuid() == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) ||
            mount("none", mount_point, "tmpfs", 0, "size=700k") != 0)
            _exit(77);
        check();
        _exit(0);
    }
    int status = status_of(child);
    if (status == 77) {
        print_message("not checked: no mount namespace may be made here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void fill_disk(void)
{
    check_full(path_of("small/full.kei"));
}

static void a_full_disk_is_one_clear_error(void **state)
{
    (void)state;
    with_small_disk(fill_disk);
}

/* Leaves `free_bytes` of the small disk free. */
static void fill_up(const char *path, size_t free_bytes)
{
    static const char zeros[4096];
    int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
    off_t size = 0;
    for (ssize_t n; (n = write(fd, zeros, sizeof zeros)) > 0;)
        size += n;
    if (ftruncate(fd, size > (off_t)free_bytes ? size - (off_t)free_bytes : 0) != 0)
        _exit(4);
    close(fd);
}

/* One recording that ends with that little space left. True when its log could not be folded in. */
static bool end_with_space(const char *path, size_t free_bytes)
{
    struct synthetic synthetic = {.samples = 4000, .hot_stacks = 100, .threads = 1};
    struct recording *recording = synthetic_open(path);
    struct err err = {0};
    uint64_t duration;
    if (recording == NULL || synthetic_write(&synthetic, recording, &duration) != 0)
        _exit(1);
    fill_up(path_of("small/filler"), free_bytes);
    int rc = recording_finish(recording, duration, &err);
    recording_free(recording);
    struct profile *profile = NULL;
    struct err why = {0};
    if ((rc != 0 && rc != ERR_FULL) || profile_load(path, &profile, &why) != 0 || count_ticks_of(profile) != 4000) {
        fprintf(stderr, "%zu free: %d %s; %s\n", free_bytes, rc, err.text, why.text);
        _exit(2);
    }
    profile_free(profile);
    unlink(path_of("small/filler"));
    unlink(path);
    char log[200];
    snprintf(log, sizeof log, "%s-wal", path);
    unlink(log);
    return rc != 0 && strstr(err.text, "together they are whole") != NULL;
}

static void fold_without_space(void)
{
    size_t kept_apart = 0;
    for (size_t pages = 0; pages < 40; pages++)
        kept_apart += end_with_space(path_of("small/fold.kei"), pages * 4096);
    if (kept_apart == 0)
        _exit(3);
}

static void a_log_that_cannot_be_folded_in_is_kept(void **state)
{
    (void)state;
    with_small_disk(fold_without_space);
}

/* ---- short memory -------------------------------------------------------------------------------------------------
 */

/* Writes, loads and sums a small recording; wrong contents are a code of their own. */
static int whole_scenario(void *context)
{
    const char *path = context;
    struct synthetic synthetic = {.samples = 300, .hot_stacks = 5, .threads = 2};
    struct recording_info info = {.mode = "attach"};
    struct recording *recording = NULL;
    struct part_of one = {.thread = 2};
    struct profile *profile = NULL, *part = NULL;
    struct aggregate *aggregate = NULL;
    struct tree *tree = NULL;
    struct err err = {0};
    uint64_t duration;
    unlink(path);
    int rc = recording_new(path, &info, &recording, &err);
    if (rc == 0)
        rc = synthetic_write(&synthetic, recording, &duration);
    if (rc == 0) {
        struct counter counter = {.time_ns = 5, .subject = 1, .kind = COUNTER_RSS, .value = 7};
        recording_add_counter(recording, &counter);
        recording_add_source(recording, 1, 1, "text\n", 5);
        recording_add_note(recording, "note");
        rc = recording_finish(recording, duration, &err);
    }
    recording_free(recording);
    if (rc == 0)
        rc = profile_load(path, &profile, &err);
    if (rc == 0)
        rc = aggregate_new(profile, NULL, &aggregate);
    if (rc == 0)
        rc = tree_new(profile, NULL, true, &tree);
    if (rc == 0)
        rc = part_new(profile, &one, &part);
    if (rc == 0 &&
        (part->n_threads != 2 || aggregate->ticks != 300 || profile->n_sources != 1 || profile->n_counters != 1))
        rc = 1;
    part_free(part);
    tree_free(tree);
    aggregate_free(aggregate);
    profile_free(profile);
    return rc;
}

static void short_memory_is_an_error(void **state)
{
    (void)state;
    char path[160];
    snprintf(path, sizeof path, "%s", path_of("memory.kei"));
    size_t failures = failing_each(whole_scenario, path, true);
    print_message("%zu allocations failed in turn\n", failures);
    assert_true(failures > 100);
}

/* SQLite's own memory, from the same failing allocator; it wants to know the size of a block. */
static void *sqlite_realloc(void *old, int size)
{
    char *block = mem_realloc(old != NULL ? (char *)old - 16 : NULL, 1, (size_t)size + 16);
    if (block == NULL)
        return NULL;
    memcpy(block, &size, sizeof size);
    return block + 16;
}

static void *sqlite_malloc(int size)
{
    return sqlite_realloc(NULL, size);
}

static void sqlite_free(void *block)
{
    mem_free(block != NULL ? (char *)block - 16 : NULL);
}

static int sqlite_size(void *block)
{
    int size;
    memcpy(&size, (char *)block - 16, sizeof size);
    return size;
}

static int sqlite_round(int size)
{
    return (size + 7) & ~7;
}

static int sqlite_start(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void sqlite_stop(void *context)
{
    (void)context;
}

static int sqlite_scenario(void *context)
{
    int rc = whole_scenario(context);
    sqlite3_shutdown(); /* frees what SQLite keeps between databases */
    return rc;
}

/* Not each of the thousands in turn: steps that grow with the number. */
static void short_memory_in_sqlite_is_an_error(void **state)
{
    (void)state;
    sqlite3_mem_methods ours = {sqlite_malloc, sqlite_free,  sqlite_realloc, sqlite_size,
                                sqlite_round,  sqlite_start, sqlite_stop,    NULL};
    sqlite3_mem_methods usual;
    char path[160];
    snprintf(path, sizeof path, "%s", path_of("sqlite-memory.kei"));
    sqlite3_shutdown();
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &usual);
    sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
    size_t failures = failing_some(sqlite_scenario, path, 50);
    sqlite3_config(SQLITE_CONFIG_MALLOC, &usual);
    print_message("%zu allocations failed in turn, SQLite's among them\n", failures);
    assert_true(failures > 50);
}

/* Without a write-ahead log a reader holds commits up: nothing is lost, the next one writes it. */
static void a_reader_delays_commits_without_a_log(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path_of("held.kei-shm"), 0700), 0);
    struct synthetic synthetic = {.hot_stacks = 4, .threads = 1};
    struct recording *recording = synthetic_open(path_of("held.kei"));
    struct err err = {0};
    sqlite3 *reader;
    synthetic_tables(&synthetic, recording);
    assert_int_equal(recording_commit(recording, 1000, &err), 0);
    assert_int_equal(sqlite3_open_v2(path_of("held.kei"), &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM stack", NULL, NULL, NULL), SQLITE_OK);
    struct sample sample = synthetic_sample(&synthetic, 0);
    recording_add_sample(recording, &sample);
    assert_int_equal(recording_commit(recording, sample.time_ns, &err), 0);
    sample = synthetic_sample(&synthetic, 0);
    recording_add_sample(recording, &sample);
    sqlite3_close(reader);
    assert_int_equal(recording_commit(recording, sample.time_ns, &err), 0);
    struct profile *profile = load(path_of("held.kei"));
    assert_int_equal(count_ticks_of(profile), 2);
    profile_free(profile);
    assert_int_equal(recording_finish(recording, sample.time_ns, &err), 0);
    recording_free(recording);
}

int crash_tests(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_recorder_loses_what_was_not_committed),
        cmocka_unit_test(a_recording_in_progress_opens),
        cmocka_unit_test(another_journal_is_used_where_no_log_works),
        cmocka_unit_test(a_size_limit_is_one_clear_error),
        cmocka_unit_test(a_full_disk_is_one_clear_error),
        cmocka_unit_test(a_log_that_cannot_be_folded_in_is_kept),
        cmocka_unit_test(a_reader_delays_commits_without_a_log),
        cmocka_unit_test(short_memory_is_an_error),
        cmocka_unit_test(short_memory_in_sqlite_is_an_error),
    };
    return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
