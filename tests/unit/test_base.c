/* Unit tests of lib/base. */
#include "base/beside.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/sink.h"
#include "failing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void varints_come_back(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
    static const int64_t signed_values[] = {0, -1, 1, -64, 64, INT64_MAX, INT64_MIN};
    struct buf buf = {0};
    for (size_t i = 0; i < 7; i++) {
        buf_add_varint(&buf, values[i]);
        buf_add_signed_varint(&buf, signed_values[i]);
    }
    struct reader reader = {(const uint8_t *)buf.data, (const uint8_t *)buf.data + buf.size, false};
    for (size_t i = 0; i < 7; i++) {
        assert_true(reader_varint(&reader) == values[i]);
        assert_true(reader_signed_varint(&reader) == signed_values[i]);
    }
    assert_false(reader.failed);
    reader_byte(&reader);
    assert_true(reader.failed);
    buf_release(&buf);
}

static void endless_varint_fails(void **state)
{
    (void)state;
    uint8_t bytes[12];
    memset(bytes, 0xff, sizeof bytes);
    struct reader reader = {bytes, bytes + sizeof bytes, false};
    assert_int_equal(reader_varint(&reader), 0);
    assert_true(reader.failed);
}

static const char *json_of(struct buf *buf, const char *text, size_t length)
{
    buf_clear(buf);
    buf_add_json(buf, text, length);
    return buf_text(buf);
}

static void json_is_escaped(void **state)
{
    (void)state;
    struct buf buf = {0};
    assert_string_equal(json_of(&buf, "a\"b\\c\n\x01", 7), "\"a\\\"b\\\\c\\n\\u0001\"");
    assert_string_equal(json_of(&buf, "</script>", 9), "\"\\u003c/script>\"");
    assert_string_equal(json_of(&buf, "\xff\xc0\x80x", 4), "\"\\ufffd\\ufffd\\ufffdx\"");
    assert_string_equal(json_of(&buf, "\xe2\x80\xa8\xc3\xa9", 5), "\"\\u2028\xc3\xa9\"");
    assert_string_equal(json_of(&buf, "a\0b", 3), "\"a\\u0000b\"");
    assert_string_equal(json_of(&buf, "\xe2\x80\xae\xc2\x85", 5), "\"\\u202e\\u0085\"");
    buf_release(&buf);
}

static void visible_text_has_no_controls(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_add_visible(&buf, "\x1b[31m\xc2\x9b\xffok\xc3\xa9\xe2\x82", 14);
    assert_string_equal(buf_text(&buf), "\\x1b[31m\\x9b\\xffok\xc3\xa9\\xe2\\x82");
    buf_clear(&buf);
    buf_add_visible(&buf,
                    "a\xe2\x80\xae"
                    "b\xe2\x81\xa6\xd8\x9c\xe2\x82\xac",
                    13);
    assert_string_equal(buf_text(&buf), "a\\u202eb\\u2066\\u061c\xe2\x82\xac");
    buf_release(&buf);
}

static void long_printf_is_whole(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_printf(&buf, "%2000d|", 7);
    assert_int_equal(buf.size, 2001);
    assert_string_equal(buf_text(&buf) + 1998, " 7|");
    buf_release(&buf);
}

static void map_interns(void **state)
{
    (void)state;
    struct map map = {0};
    uint32_t value;
    bool found;
    for (uint32_t i = 0; i < 5000; i++) {
        assert_int_equal(map_put(&map, &i, sizeof i, i + 1, &value, &found), 0);
        assert_false(found);
    }
    for (uint32_t i = 0; i < 5000; i++) {
        assert_true(map_get(&map, &i, sizeof i, &value));
        assert_int_equal(value, i + 1);
    }
    assert_int_equal(map_put(&map, "", 0, 9, &value, &found), 0);
    assert_int_equal(map_put(&map, "", 0, 10, &value, &found), 0);
    assert_true(found);
    assert_int_equal(value, 9);
    map_release(&map);
}

static void overflowing_sizes_are_short_memory(void **state)
{
    (void)state;
    assert_null(mem_realloc(NULL, SIZE_MAX / 2, 3));
    assert_null(mem_zalloc(SIZE_MAX / 2, 3));
    struct arena arena = {0};
    assert_null(arena_alloc(&arena, SIZE_MAX - 3));
    arena_release(&arena);
}

static int map_scenario(void *context)
{
    (void)context;
    struct map map = {0};
    int rc = 0;
    for (uint32_t i = 0; i < 200 && rc == 0; i++) {
        uint32_t value;
        bool found;
        rc = map_put(&map, &i, sizeof i, i, &value, &found);
    }
    map_release(&map);
    return rc;
}

static void map_survives_short_memory(void **state)
{
    (void)state;
    assert_true(failing_each(map_scenario, NULL, false) >= 3);
}

static void files_are_new_private_and_numbered(void **state)
{
    (void)state;
    char directory[] = "/tmp/keisoku-base-XXXXXX", path[128], taken[160], link_target[160];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/a.kei", directory);
    snprintf(link_target, sizeof link_target, "%s/elsewhere", directory);
    assert_int_equal(symlink(link_target, path), 0);
    struct err err = {0};
    int fd = file_create(path, taken, sizeof taken, &err);
    assert_true(fd >= 0);
    assert_string_equal(taken + strlen(taken) - 8, "/a-2.kei");
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_not_equal(access(link_target, F_OK), 0);
    close(fd);
    unlink(taken);
    unlink(path);
    rmdir(directory);
    assert_int_equal(file_create(path, taken, sizeof taken, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
}

static void sinks_write(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct sink sink = sink_to_buf(&buf);
    assert_int_equal(sink_write(&sink, "ab", 2), 0);
    assert_string_equal(buf_text(&buf), "ab");
    buf_release(&buf);
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        sink = sink_to_fd(&fd);
        assert_int_equal(sink_write(&sink, "ab", 2), ERR_FULL);
        close(fd);
    }
}

static int double_it(void *context)
{
    *(int *)context *= 2;
    return ERR_FULL;
}

static void the_time_of_day_is_that_of_the_instant(void **state)
{
    (void)state;
    enum { SLACK_NS = 1000 * 1000 };
    uint64_t before_ns = clock_unix_ns(), at_ns = clock_monotonic_ns(), after_ns = clock_unix_ns();
    usleep(20 * 1000); /* it is that instant's, not the call's */
    uint64_t unix_ns = clock_unix_at(at_ns);
    assert_true(unix_ns + SLACK_NS > before_ns && unix_ns < after_ns + SLACK_NS);
}

/* Worth a thread or not: the call is made once, and what it returned is told. */
static void a_call_beside_is_made(void **state)
{
    (void)state;
    for (int worth = 0; worth < 2; worth++) {
        struct beside beside;
        int number = 21;
        beside_begin(&beside, double_it, &number, worth != 0);
        assert_int_equal(beside_end(&beside), ERR_FULL);
        assert_int_equal(number, 42);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_come_back),
        cmocka_unit_test(endless_varint_fails),
        cmocka_unit_test(json_is_escaped),
        cmocka_unit_test(visible_text_has_no_controls),
        cmocka_unit_test(long_printf_is_whole),
        cmocka_unit_test(map_interns),
        cmocka_unit_test(overflowing_sizes_are_short_memory),
        cmocka_unit_test(map_survives_short_memory),
        cmocka_unit_test(files_are_new_private_and_numbered),
        cmocka_unit_test(sinks_write),
        cmocka_unit_test(the_time_of_day_is_that_of_the_instant),
        cmocka_unit_test(a_call_beside_is_made),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
