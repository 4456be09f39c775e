/* What the kernel says in texts and records, and what is said on the control socket: cut short, too large, made up. */
#include "capture/control_words.h"
#include "capture/counters.h"
#include "capture/kernel_record.h"
#include "capture/perf_ring.h"
#include "capture/target/proc_text.h"
#include "capture/trials/trial_run.h"
#include "capture/usage.h"
#include "data/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

/* A copy that ends where the text does, so that a sanitizer sees a byte behind it. */
static char *exact(const char *text)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    return copy;
}

static void system_calls_are_read(void **state)
{
    (void)state;
    struct proc_syscall call;
    char *text = exact("-");
    assert_false(proc_text_syscall(text, &call)); /* what follows the sign is not skipped unseen */
    free(text);
    assert_true(proc_text_syscall("-1 0x7ffd 0x7f01\n", &call));
    assert_true(call.number == -1 && call.stack == 0x7ffd && call.ip == 0x7f01 && !call.running);
    assert_true(proc_text_syscall("running\n", &call) && call.running);
    assert_true(proc_text_syscall("0 0x3 0x1 0x2 0x0 0x0 0x0 0x7ffd 0x7f01\n", &call));
    assert_true(call.number == 0 && call.args[0] == 3 && call.args[2] == 2);
    assert_false(proc_text_syscall("0 0x3 0x1", &call));
}

static void lines_that_are_no_mapping_are_left_out(void **state)
{
    (void)state;
    struct proc_maps maps = {0};
    char *text = exact("1000-2000 r-xp 00000000 08:02 7 /a b (deleted)\n2000-1000 r-xp 0 08:02 7\n-\n3000-4000 r");
    assert_int_equal(proc_text_maps(text, &maps), 0);
    assert_int_equal(maps.count, 1);
    assert_string_equal(maps.maps[0].path, "/a b (deleted)");
    assert_true(maps.maps[0].executable && maps.maps[0].inode == 7);
    proc_maps_release(&maps);
    free(text);
}

static void ids_inside_a_namespace_are_told(void **state)
{
    (void)state;
    bool nested = false;
    char *text = exact("Name:\tNSpid:\t9\nNSpid:\t700\t3\nNSpgid:\t8\n");
    assert_int_equal(proc_text_inner_id(text, 700, &nested), 3);
    assert_true(nested);
    free(text);
    text = exact("Name:\ta\nNSpid:\t700\nNSpgid:\t8\t1\n");
    assert_int_equal(proc_text_inner_id(text, 700, &nested), 700);
    assert_false(nested);
    free(text);
    text = exact("Name:\ta\n");
    assert_int_equal(proc_text_inner_id(text, 700, &nested), 700);
    assert_false(nested);
    free(text);
}

static void usage_that_cannot_be_stays_unknown(void **state)
{
    (void)state;
    struct usage usage = {0};
    char text[] = "VmRSS:\t9223372036854775807 kB\nVmHWM:\t8 kB\nvoluntary_ctxt_switches:\t-3\n";
    FILE *file = fmemopen(text, strlen(text), "r");
    assert_non_null(file);
    usage_take_status(file, &usage);
    fclose(file);
    assert_false(usage.known[COUNTER_RSS] || usage.known[COUNTER_VOLUNTARY_SWITCHES]);
    assert_true(usage.known[COUNTER_PEAK_RSS] && usage.values[COUNTER_PEAK_RSS] == 8192);
    assert_true(
        usage_take_stat("7 (a) b) R 1 2 3 4 5 6 7 8 9 10 18446744073709551615 12 1 1 1 1 1 1 99 1\n", 99, &usage));
    assert_true(usage.values[COUNTER_MINOR_FAULTS] == 7 && usage.values[COUNTER_MAJOR_FAULTS] == 9);
    assert_true(!usage.known[COUNTER_USER_TIME] && usage.known[COUNTER_SYSTEM_TIME]);
    assert_false(usage_take_stat("7 (a) R 1\n", 99, &usage));
}

static void cores_that_cannot_be_are_left_out(void **state)
{
    (void)state;
    unsigned core = 0;
    int64_t busy_ns = 0;
    assert_true(counters_core_of("cpu3 1 2 3 40 50 6 7 8 0 0\n", &core, &busy_ns));
    assert_int_equal(core, 3);
    assert_int_equal(busy_ns, 27 * (1000000000 / sysconf(_SC_CLK_TCK)));
    static const char *const others[] = {"cpu  1 2 3 4 5 6 7 8\n",
                                         "cpu",
                                         "c",
                                         "",
                                         "intr 1 2 3\n",
                                         "cpu3 1 2\n",
                                         "cpu1 9223372036854775807 1 0 0 0 0 0 0\n",
                                         "cpu1 9223372036854775807 0 0 0 0 0 0 0\n"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char *line = exact(others[i]);
        assert_false(counters_core_of(line, &core, &busy_ns));
        free(line);
    }
}

static void what_a_run_read_is_read(void **state)
{
    (void)state;
    struct trial trial = {0};
    char text[] = "rchar: 101\nwchar: 5\nsyscr: 3\nother: 1\nread_bytes: nothing\n";
    FILE *file = fmemopen(text, strlen(text), "r");
    assert_non_null(file);
    trial_read_io(file, &trial);
    fclose(file);
    assert_true(trial.values[MEASURE_READ_BYTES] == 100 && trial.values[MEASURE_READ_CALLS] == 2);
    assert_true(trial.values[MEASURE_WRITTEN_BYTES] == 5 && trial.values[MEASURE_DISK_READ] == 0);
}

static void count_record(void *context, const struct perf_record *record)
{
    unsigned *n = context;
    assert_true(record->kind == PERF_FORK && record->pid == 8 && record->parent == 7);
    ++*n;
}

/* Across the end of the ring; and a ring whose end cannot be. */
static void rings_are_not_followed_out_of_their_pages(void **state)
{
    (void)state;
    enum { RING = 4096 };
    struct fork {
        struct perf_event_header header;
        uint32_t pid, ppid, tid, ptid;
        uint64_t time;
    } fork = {{PERF_RECORD_FORK, 0, sizeof(struct fork)}, 8, 7, 8, 7, 5};
    struct perf_event_mmap_page page = {.data_tail = RING - 16, .data_head = RING - 16 + 2 * sizeof fork};
    char *ring = calloc(1, RING);
    unsigned n = 0;
    assert_non_null(ring);
    for (size_t i = 0; i < 2 * sizeof fork; i++)
        ring[(page.data_tail + i) % RING] = ((char *)&fork)[i % sizeof fork];
    assert_int_equal(perf_ring_drain(&page, ring, RING, count_record, &n), 0);
    assert_true(n == 2 && page.data_tail == page.data_head);
    page.data_head += UINT64_C(1) << 40;
    assert_int_equal(perf_ring_drain(&page, ring, RING, count_record, &n), 0);
    assert_true(n == 2 && page.data_tail == page.data_head);
    page.data_head = UINT64_MAX;
    assert_int_equal(perf_ring_drain(&page, ring, RING, count_record, &n), 0);
    assert_true(n == 2 && page.data_tail == page.data_head);
    free(ring);
}

static void count_sample(void *context, const struct wire_sample *sample, const struct wire_frame *frames)
{
    unsigned *n = context;
    assert_ptr_equal(frames, sample + 1);
    ++*n;
}

static void count_code(void *context, const struct wire_code *code, const uint8_t *table)
{
    unsigned *n = context;
    assert_ptr_equal(table, code + 1);
    ++*n;
}

static void records_shorter_than_they_say_are_refused(void **state)
{
    (void)state;
    unsigned n = 0;
    const struct kernel_taker taker = {.context = &n, .sample = count_sample, .code = count_code};
    size_t size = sizeof(struct wire_sample) + 2 * sizeof(struct wire_frame);
    struct wire_sample *sample = calloc(1, size);
    struct wire_code *code = calloc(1, sizeof *code + 64);
    assert_true(sample != NULL && code != NULL);
    *sample = (struct wire_sample){.kind = WIRE_SAMPLE, .depth = 2};
    *code = (struct wire_code){.kind = WIRE_CODE, .table_bytes = 64};
    assert_true(kernel_record_give(&taker, sample, size));
    assert_true(kernel_record_give(&taker, code, sizeof *code + 64));
    assert_int_equal(n, 2);
    assert_false(kernel_record_give(&taker, sample, size - 1));
    assert_false(kernel_record_give(&taker, code, sizeof *code + 63));
    assert_false(kernel_record_give(&taker, code, 3));
    sample->depth = UINT32_MAX;
    assert_false(kernel_record_give(&taker, sample, size));
    sample->kind = WIRE_WAITED; /* that this taker does not want */
    assert_false(kernel_record_give(&taker, sample, size));
    sample->kind = UINT32_MAX;
    assert_false(kernel_record_give(&taker, sample, size));
    assert_int_equal(n, 2);
    free(sample);
    free(code);
}

static void answers_that_are_none_are_refused(void **state)
{
    (void)state;
    char reply[CONTROL_REPLY_BYTES];
    struct err err = {0};
    assert_int_equal(control_reply("0 paused after 1.0 s", "a.kei", reply, &err), 0);
    assert_string_equal(reply, "paused after 1.0 s");
    assert_int_equal(control_reply("-9 the name must be absolute", "a.kei", reply, &err), ERR_BAD_INPUT);
    assert_string_equal(err.text, "a.kei: the name must be absolute");
    static const char *const others[] = {"",           " ",        "nothing at all",     "0",
                                         "0x1 paused", "1 paused", "-4294967296 paused", "-9223372036854775808 paused"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(control_reply(others[i], "a.kei", reply, &err), ERR_IO);
}

static void requests_are_heard_whole(void **state)
{
    (void)state;
    static const char *const heard[] = {"save /a b.kei\n", "status\n", "pause \n", "pausing\n", "save"};
    static const int commands[] = {CONTROL_SAVE, CONTROL_STATUS, CONTROL_PAUSE, CONTROL_COUNT, -1};
    static const char *const arguments[] = {"/a b.kei", "", "", "", ""};
    for (size_t i = 0; i < sizeof heard / sizeof heard[0]; i++) {
        char request[CONTROL_REQUEST_BYTES];
        const char *argument = "";
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(send(ends[0], heard[i], 2, 0), 2);
        assert_int_equal(send(ends[0], heard[i] + 2, strlen(heard[i]) - 2, 0), strlen(heard[i]) - 2);
        close(ends[0]);
        assert_int_equal(control_hear(ends[1], request) ? control_request(request, &argument) : -1, commands[i]);
        assert_string_equal(argument, arguments[i]);
        close(ends[1]);
    }
}

static void sizes_are_numbers_alone(void **state)
{
    (void)state;
    double size;
    assert_int_equal(scan_size("1e3,2", 3, &size, NULL), 0);
    assert_true(size == 1000);
    static const char *const others[] = {"", "0", "-1", "nan", "inf", "0x10", "1/2", "1 ", " 1", "1e999", "."};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(scan_size(others[i], strlen(others[i]), &size, NULL), ERR_BAD_INPUT);
}

static void parameters_take_turns(void **state)
{
    (void)state;
    static const char *const wanted[] = {"run 1 a {x}", "run 1 b {x}", "run 2 a {x}", "run 2 b {x}"};
    struct scan scans[2];
    assert_int_equal(scan_read("n=1,2", &scans[0], NULL), 0);
    assert_int_equal(scan_read("k=a,b", &scans[1], NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        struct buf filled = {0};
        scan_fill("run {n} {k} {x}", scans, 2, &filled);
        assert_string_equal(buf_text(&filled), wanted[i]);
        buf_release(&filled);
        assert_int_equal(scan_next(scans, 2), i < 3);
    }
    assert_int_equal(scan_read("n", &scans[0], NULL), ERR_BAD_INPUT);
    assert_int_equal(scan_read("=1", &scans[0], NULL), ERR_BAD_INPUT);
    assert_int_equal(scan_read("{n=1", &scans[0], NULL), ERR_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_calls_are_read),
        cmocka_unit_test(lines_that_are_no_mapping_are_left_out),
        cmocka_unit_test(ids_inside_a_namespace_are_told),
        cmocka_unit_test(usage_that_cannot_be_stays_unknown),
        cmocka_unit_test(cores_that_cannot_be_are_left_out),
        cmocka_unit_test(what_a_run_read_is_read),
        cmocka_unit_test(rings_are_not_followed_out_of_their_pages),
        cmocka_unit_test(records_shorter_than_they_say_are_refused),
        cmocka_unit_test(answers_that_are_none_are_refused),
        cmocka_unit_test(requests_are_heard_whole),
        cmocka_unit_test(sizes_are_numbers_alone),
        cmocka_unit_test(parameters_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
