/*
 * Unit tests of lib/capture/cpython: line tables, the debug-offset table and the rows, much of it hostile.
 */
#include "base/mem.h"
#include "capture/cpython/made_code.h"
#include "capture/cpython/offsets.h"
#include "capture/cpython/opcodes.h"
#include "capture/cpython/python.h"

#include <string.h>

#include "unit.h"

/* --- lines ---------------------------------------------------------------------------------------------------------
 */

static uint32_t line_of(int format, const char *table, size_t size, uint32_t first, int32_t offset)
{
    /* A block of the exact size, so that a sanitizer sees a read behind it. */
    uint8_t *lines = mem_alloc(size + 1);
    memcpy(lines, table, size);
    uint8_t *exact = mem_realloc(lines, size ? size : 1, 1);
    struct python_code code = {.first_line = first, .lines = exact, .lines_size = size, .line_format = format};
    uint32_t line = python_code_line(&code, offset);
    mem_free(exact);
    return line;
}

/* Of the first `size` bytes of a table: the line at `offset`. */
struct expected {
    size_t size;
    int32_t offset;
    uint32_t line;
};

static void check_lines(int format, const char *table, uint32_t first, const struct expected *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t line = line_of(format, table, lines[i].size, first, lines[i].offset);
        if (line != lines[i].line)
            fail_msg("row %zu: line %u, not %u", i, line, lines[i].line);
    }
}

static void lnotab_gives_lines(void **state)
{
    (void)state;
    static const char table[] = {0, 1, 6, 2, (char)255, 0, 1, 3, 4, -4};
    static const struct expected lines[] = {
        {sizeof(table), 0, 11},     {sizeof(table), 5, 11},
        {sizeof(table), 6, 13},     {sizeof(table), 261, 13},
        {sizeof(table), 262, 16},   {sizeof(table), 266, 12},
        {sizeof(table), 99999, 12}, {0, 4, 10},
        {sizeof(table), -1, 10},    {3, 8, 11} /* cut short: the half pair is not used */};
    check_lines(LINES_LNOTAB, table, 10, lines, sizeof lines / sizeof *lines);
}

static void forward_steps_give_lines(void **state)
{
    (void)state;
    static const char table[] = {0, 1, 6, (char)255, 0, 10, (char)255, 0, 1, 3};
    assert_int_equal(line_of(LINES_FORWARD, table, sizeof(table), 10, 5), 11);
    assert_int_equal(line_of(LINES_FORWARD, table, sizeof(table), 10, 6), 276);
    assert_int_equal(line_of(LINES_FORWARD, table, sizeof(table), 10, 262), 279);
    assert_int_equal(line_of(LINES_FORWARD, table, 5, 10, 7), 266); /* cut short */
    assert_int_equal(line_of(LINES_FORWARD, table, sizeof(table), 10, -1), 10);
}

static void ranges_give_lines(void **state)
{
    (void)state;
    static const char table[] = {4, 0, 6, 2, 2, -128, 8, -1};
    static const struct expected lines[] = {{sizeof(table), 0, 7},  {sizeof(table), 4, 9},  {sizeof(table), 10, 0},
                                            {sizeof(table), 12, 8}, {sizeof(table), 20, 0}, {7, 12, 0}};
    check_lines(LINES_RANGES, table, 7, lines, sizeof lines / sizeof *lines);
}

static void locations_give_lines(void **state)
{
    (void)state;
    static const uint8_t table[] = {
        0x80 | 0 << 3 | 1,  0x12,                 /* short form, 2 units, same line */
        0x80 | 11 << 3 | 0, 1,           2,       /* one line on, 1 unit */
        0x80 | 13 << 3 | 3, 0x46 | 0x40, 3,       /* number of two bytes: 6 | 3 << 6 = 198, +99 */
        0x80 | 15 << 3 | 0,                       /* none */
        0x80 | 14 << 3 | 7, 0x0b,        0, 1, 2, /* long, -5 */
    };
    const char *text = (const char *)table;
    static const struct expected lines[] = {{sizeof(table), 0, 100},  {sizeof(table), 3, 100},  {sizeof(table), 4, 101},
                                            {sizeof(table), 6, 200},  {sizeof(table), 13, 200}, {sizeof(table), 14, 0},
                                            {sizeof(table), 16, 195}, {sizeof(table), 32, 0}};
    check_lines(LINES_LOCATIONS, text, 100, lines, sizeof lines / sizeof *lines);
}

static void locations_give_positions(void **state)
{
    (void)state;
    static uint8_t table[] = {
        0x80 | 3 << 3 | 1,  0x25,                     /* short form: column 3 << 3 | 2, five more */
        0x80 | 11 << 3 | 0, 1,    2,                  /* one line on */
        0x80 | 13 << 3 | 0, 2,                        /* no columns */
        0x80 | 14 << 3 | 0, 2,    3, 0x40 | 9, 2, 12, /* one line on, to the third after it; a column of two bytes */
        0x80 | 15 << 3 | 0,                           /* none */
    };
    struct python_code code = {
        .first_line = 7, .lines = table, .lines_size = sizeof(table), .line_format = LINES_LOCATIONS};
    struct python_position at;
    assert_true(python_code_position(&code, 2, &at));
    assert_true(at.line == 7 && at.end_line == 7 && at.column == 26 && at.end_column == 31);
    assert_true(python_code_position(&code, 4, &at));
    assert_true(at.line == 8 && at.end_line == 8 && at.column == 1 && at.end_column == 2);
    assert_false(python_code_position(&code, 6, &at));
    assert_true(python_code_position(&code, 8, &at));
    assert_true(at.line == 10 && at.end_line == 13 && at.column == 136 && at.end_column == 11);
    assert_false(python_code_position(&code, 10, &at));
    assert_false(python_code_position(&code, 12, &at));
    assert_false(python_code_position(&code, -1, &at));
    code.lines_size = 11; /* cut off in the middle of the last columns */
    assert_false(python_code_position(&code, 8, &at));
    code.line_format = LINES_RANGES;
    assert_false(python_code_position(&code, 2, &at));
}

static void hostile_tables_end(void **state)
{
    (void)state;
    uint32_t seed = 1;
    char table[600];
    for (int round = 0; round < 3000; round++) {
        size_t size = (size_t)round % sizeof(table);
        for (size_t i = 0; i < size; i++) {
            seed = seed * 1664525 + 1013904223;
            table[i] = (char)(seed >> 24);
        }
        for (int format = -1; format <= LINE_FORMATS; format++) {
            assert_true(line_of(format, table, size, seed, INT32_MAX) <= INT32_MAX);
            line_of(format, table, size, 1, (int32_t)(seed >> 20));
            struct python_code code = {
                .first_line = seed, .lines = (uint8_t *)table, .lines_size = size, .line_format = format};
            struct python_position at;
            if (python_code_position(&code, (int32_t)(seed >> 24), &at))
                assert_true(at.line <= at.end_line && at.end_line <= INT32_MAX);
        }
    }
}

/* --- the offset table ----------------------------------------------------------------------------------------------
 */

enum { TABLE_BYTES = 1024 };

/* A well-formed table of a minor, sizes and offsets from its header row. */
static size_t make_table(int minor, uint64_t *words)
{
    const struct layout *row = layout_find(3, minor);
    const struct offset_table *table = offset_table_find(minor);
    memset(words, 0, TABLE_BYTES);
    memcpy(words, OFFSETS_COOKIE, 8);
    words[1] = 3u << 24 | (uint64_t)minor << 16 | 2 << 8 | 0xf0;
    for (const struct offset_entry *entry = table->entries; entry->field; entry++) {
        uint32_t value;
        memcpy(&value, (const char *)row + entry->field, sizeof(value));
        if (entry->bound && words[entry->bound] == 0)
            words[entry->bound] = 4000;
        words[entry->word] = value == LAYOUT_NONE ? 0 : value;
        if (entry->add) {
            words[entry->word] = value - 8;
            words[entry->add] = 8;
        }
    }
    return (size_t)table->words * 8;
}

static bool parse(const uint64_t *words, size_t size, struct layout *layout)
{
    struct offset_head head;
    return offsets_parse_head((const uint8_t *)words, size, &head) &&
           offsets_parse((const uint8_t *)words, size, &head, layout);
}

static void own_offsets_are_used(void **state)
{
    (void)state;
    uint64_t words[TABLE_BYTES / 8];
    for (int minor = 13; minor <= 15; minor++) {
        struct layout layout;
        size_t size = make_table(minor, words);
        const struct offset_table *table = offset_table_find(minor);
        assert_true(parse(words, size, &layout));
        assert_int_equal(layout.minor, minor);
        assert_int_equal(layout.frame_ip, layout_find(3, minor)->frame_ip);
        assert_int_equal(layout.interpreter_gc_collecting, layout_find(3, minor)->interpreter_gc_collecting);
        assert_false(layout_has(layout.code_tlbc));
        for (const struct offset_entry *entry = table->entries; entry->field; entry++) {
            if (entry->field == offsetof(struct layout, interpreter_next))
                words[entry->word] = 72;
        }
        assert_true(parse(words, size, &layout));
        assert_int_equal(layout.interpreter_next, 72);
    }
}

static void hostile_offsets_are_refused(void **state)
{
    (void)state;
    uint64_t words[TABLE_BYTES / 8];
    for (int minor = 13; minor <= 15; minor++) {
        struct layout layout;
        size_t size = make_table(minor, words);
        assert_false(parse(words, size - 8, &layout));
        for (const struct offset_entry *entry = offset_table_find(minor)->entries; entry->field; entry++) {
            static const uint64_t bad[] = {UINT64_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63, 1 << 28};
            for (size_t i = 0; i < 4; i++) {
                make_table(minor, words);
                words[entry->word] = bad[i];
                assert_false(parse(words, size, &layout));
            }
        }
    }
}

/* Frames, code objects and strings are the same in every build of a version; other offsets are lies. */
static void offsets_against_the_headers_are_refused(void **state)
{
    (void)state;
    static const size_t fixed[] = {offsetof(struct layout, frame_previous), offsetof(struct layout, frame_ip),
                                   offsetof(struct layout, frame_owner),    offsetof(struct layout, code_filename),
                                   offsetof(struct layout, code_name),      offsetof(struct layout, code_firstlineno),
                                   offsetof(struct layout, code_linetable), offsetof(struct layout, code_instructions),
                                   offsetof(struct layout, str_state),      offsetof(struct layout, str_length),
                                   offsetof(struct layout, bytes_data),     offsetof(struct layout, type_name)};
    uint64_t words[TABLE_BYTES / 8];
    for (int minor = 13; minor <= 15; minor++) {
        for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
            const struct offset_entry *entry = offset_table_find(minor)->entries;
            struct layout layout;
            size_t size = make_table(minor, words);
            while (entry->field != fixed[i])
                entry++;
            words[entry->word] += 8;
            assert_false(parse(words, size, &layout));
        }
    }
}

static void heads_are_checked(void **state)
{
    (void)state;
    uint64_t words[TABLE_BYTES / 8];
    struct offset_head head;
    struct layout layout;
    size_t size = make_table(15, words);
    words[1] = 3u << 24 | 16u << 16 | 0xa1; /* 3.16.0a1: by the newest order known */
    assert_true(parse(words, size, &layout));
    words[1] = 3u << 24 | 12u << 16;
    assert_false(parse(words, size, &layout));
    words[1] = 4u << 24;
    assert_false(offsets_parse_head((const uint8_t *)words, size, &head));
    make_table(15, words);
    words[2] = 7;
    assert_false(offsets_parse_head((const uint8_t *)words, size, &head));
    make_table(15, words);
    assert_false(offsets_parse_head((const uint8_t *)words, 23, &head));
    words[0]++;
    assert_false(offsets_parse_head((const uint8_t *)words, size, &head));
}

static void rows_tell_themselves_apart(void **state)
{
    (void)state;
    for (int minor = 7; minor <= 12; minor++) {
        const struct layout *row = layout_find(3, minor);
        assert_non_null(row);
        assert_ptr_equal(layout_by_runtime_size(row->runtime_size), row);
    }
    static const struct {
        int major, minor;
    } without[] = {{2, 7}, {3, 6}};
    for (size_t i = 0; i < 2; i++) {
        const struct layout *row = layout_without_runtime(i);
        assert_non_null(row);
        assert_ptr_equal(row, layout_find(without[i].major, without[i].minor));
        assert_null(layout_by_runtime_size(row->runtime_size));
    }
    assert_null(layout_without_runtime(2));
    assert_null(layout_by_runtime_size(0));
    assert_null(layout_by_runtime_size(layout_find(3, 13)->runtime_size));
    assert_null(layout_find(3, 5));
    assert_int_equal(layout_newest()->minor, 15);
}

/* --- operands ------------------------------------------------------------------------------------------------------
 */

/* 3.8: if a in b, behind a jump that leads there with one value more on the stack than the code before it has. */
static void membership_has_its_operands(void **state)
{
    (void)state;
    enum { LOAD_FAST = 124, COMPARE_OP = 107, JUMP_FORWARD = 110, RETURN_VALUE = 83, IN = 6, LESS = 0 };
    static const uint8_t code[] = {LOAD_FAST,  0,  JUMP_FORWARD, 2, RETURN_VALUE, 0,    LOAD_FAST,    1,
                                   COMPARE_OP, IN, LOAD_FAST,    0, COMPARE_OP,   LESS, RETURN_VALUE, 0};
    struct operand_row *rows;
    int count = operand_rows(8, code, sizeof code, 5, 4, &rows);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].offset, 8);
    assert_int_equal(rows[0].operation, OPERATION_IN);
    assert_int_equal(rows[0].slot[0], 6); /* the top */
    assert_int_equal(rows[0].slot[1], 5);
    assert_int_equal(rows[1].operation, OPERATION_COMPARE);
    assert_int_equal(rows[1].slot[0], 5);
    assert_int_equal(rows[1].slot[1], 6);
    mem_free(rows);
    assert_int_equal(operand_rows(7, code, sizeof code, 5, 4, &rows), 0);
    assert_null(rows);
}

/* 3.8: with lock: f(x). The exit is under the result of entering; before, the lock alone is there. */
static void depths_are_those_of_blocks(void **state)
{
    (void)state;
    enum { LOAD_FAST = 124, SETUP_WITH = 143, POP_TOP = 1, CALL_FUNCTION = 131, RETURN_VALUE = 83 };
    static const uint8_t code[] = {LOAD_FAST, 0, SETUP_WITH,    10, POP_TOP,      0, LOAD_FAST, 1,
                                   LOAD_FAST, 2, CALL_FUNCTION, 1,  RETURN_VALUE, 0};
    struct operand_depth at;
    assert_true(operand_depth(8, code, sizeof code, 5, 4, 2, &at)); /* SETUP_WITH */
    assert_int_equal(at.depth, 1);
    assert_int_equal(at.self, 5);
    assert_int_equal(at.callable, NO_SLOT);
    assert_true(operand_depth(8, code, sizeof code, 5, 4, 10, &at)); /* the call: exit, function, argument */
    assert_int_equal(at.depth, 3);
    assert_int_equal(at.callable, 6);
    assert_false(operand_depth(8, code, sizeof code, 5, 4, sizeof code, &at));
    assert_false(operand_depth(8, code, sizeof code, 5, 4, -1, &at));
    assert_false(operand_depth(7, code, sizeof code, 5, 4, 2, &at));
}

/* Whatever the bytes are, the pass ends and its slots lie in the frame. */
static void hostile_instructions_end(void **state)
{
    (void)state;
    enum { SIZE = 600, LOCALS = 3, STACK = 9 };
    uint32_t random = 7;
    for (int round = 0; round < 800; round++) {
        uint8_t *code = mem_alloc(SIZE); /* of the exact size, so that a sanitizer sees a read behind it */
        struct operand_row *rows;
        for (int i = 0; i < SIZE; i++) {
            random = random * 1664525 + 1013904223;
            code[i] = (uint8_t)(random >> 24);
        }
        int count = operand_rows(8 + round % 8, code, SIZE, LOCALS, STACK, &rows);
        assert_true(count >= 0);
        for (int i = 0; i < count; i++) {
            assert_true(i == 0 || rows[i - 1].offset <= rows[i].offset);
            for (int k = 0; k < OPERANDS; k++)
                assert_true(rows[i].slot[k] == NO_SLOT || rows[i].slot[k] < LOCALS + STACK);
        }
        struct operand_depth at;
        if (operand_depth(8 + round % 8, code, SIZE, LOCALS, STACK, (int32_t)(random % SIZE), &at))
            assert_true(at.depth <= STACK && (at.self == NO_SLOT || at.self < LOCALS + STACK) &&
                        (at.callable == NO_SLOT || at.callable < LOCALS + STACK));
        mem_free(rows);
        mem_free(code);
    }
}

/* --- code made at run time ------------------------------------------------------------------------------------------
 */

static void made_code_is_told_from_a_librarys(void **state)
{
    (void)state;
    struct proc_map mapped[] = {
        {.executable = true, .path = "/usr/lib/libLLVM-19.so.1"},
        {.executable = true, .path = ""},
        {.executable = true, .path = "[anon:cpython:jit]"},
        {.executable = true, .path = "[anon:other]"},
    };
    struct proc_maps alone = {.maps = mapped + 1, .count = 3}, beside = {.maps = mapped, .count = 4};
    assert_true(made_code_has(&alone, &mapped[1]));
    assert_false(made_code_has(&beside, &mapped[1]));
    mapped[0].path = "/home/libLLVM/libplain.so"; /* the file's name counts, no folder's */
    assert_true(made_code_has(&beside, &mapped[1]));
    mapped[0].path = "/usr/lib/libLLVM-19.so.1";
    assert_true(made_code_has(&beside, &mapped[2])); /* named by who made it */
    assert_false(made_code_has(&alone, &mapped[3]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_code_is_told_from_a_librarys),
        cmocka_unit_test(lnotab_gives_lines),
        cmocka_unit_test(ranges_give_lines),
        cmocka_unit_test(forward_steps_give_lines),
        cmocka_unit_test(locations_give_lines),
        cmocka_unit_test(locations_give_positions),
        cmocka_unit_test(hostile_tables_end),
        cmocka_unit_test(own_offsets_are_used),
        cmocka_unit_test(hostile_offsets_are_refused),
        cmocka_unit_test(offsets_against_the_headers_are_refused),
        cmocka_unit_test(heads_are_checked),
        cmocka_unit_test(rows_tell_themselves_apart),
        cmocka_unit_test(membership_has_its_operands),
        cmocka_unit_test(depths_are_those_of_blocks),
        cmocka_unit_test(hostile_instructions_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
