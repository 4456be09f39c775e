/* The shape of a DataFrame, read from objects laid out here as Python 3.8 and pandas have them, whole and damaged. */
#include "unit.h"

#include "capture/cpython/internal.h"
#include "capture/cpython/operands.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORDS = 8192, DAMAGES = 4000, CALLS_MAX = 3000 };

struct target {
    struct python python;
    uint64_t *words;
    size_t used;
    uint64_t type_type, dict, str, list, tuple, array, range, whole;
};

static uint64_t *room(struct target *target, size_t bytes)
{
    uint64_t *at = target->words + target->used;
    target->used += (bytes + 15) / 16 * 2;
    assert_true(target->used <= WORDS);
    return at;
}

static uint64_t address_of(const void *at)
{
    return (uint64_t)(uintptr_t)at;
}

static uint64_t *object(struct target *target, uint64_t type, size_t bytes)
{
    uint64_t *at = room(target, bytes);
    at[0] = 1;
    at[1] = type;
    return at;
}

static uint64_t type_called(struct target *target, const char *name, uint64_t flags, uint64_t size, uint64_t dict_at)
{
    const struct layout *row = &target->python.layout;
    char *text = (char *)room(target, 64);
    uint64_t *type = object(target, target->type_type, 512);
    snprintf(text, 64, "%s", name);
    if (target->type_type == 0)
        type[1] = target->type_type = address_of(type);
    type[row->type_name / 8] = address_of(text);
    type[row->type_flags / 8] = flags;
    type[row->type_basicsize / 8] = size;
    type[row->type_dictoffset / 8] = dict_at;
    return address_of(type);
}

static uint64_t text(struct target *target, const char *value)
{
    const struct layout *row = &target->python.layout;
    uint64_t *at = object(target, target->str, 256);
    at[row->str_length / 8] = strlen(value);
    ((uint8_t *)at)[row->str_state] = 1 << 2 | 1 << 5 | 1 << 6; /* one byte a character, compact, ASCII */
    memcpy((uint8_t *)at + row->str_ascii_size, value, strlen(value));
    return address_of(at);
}

/* One attribute. */
static uint64_t dict_of(struct target *target, const char *name, uint64_t value)
{
    const struct layout *row = &target->python.layout;
    uint64_t *dict = object(target, target->dict, 48), *keys = room(target, 256);
    dict[row->dict_keys / 8] = address_of(keys);
    keys[row->keys_table_size / 8] = 8;
    keys[row->keys_entry_count / 8] = 1;
    uint64_t *entry = (uint64_t *)((uint8_t *)keys + row->keys_indices + 8);
    entry[1] = text(target, name);
    entry[2] = value;
    return address_of(dict);
}

static uint64_t instance(struct target *target, const char *type, const char *name, uint64_t value)
{
    uint64_t *at = object(target, type_called(target, type, 0, 32, 16), 64);
    at[2] = dict_of(target, name, value);
    return address_of(at);
}

static uint64_t number(struct target *target, uint32_t value)
{
    uint64_t *at = object(target, target->whole, 32);
    at[2] = 1;
    at[3] = value;
    return address_of(at);
}

static uint64_t array_of(struct target *target, uint64_t dimensions, uint64_t first, uint64_t second)
{
    uint64_t *lengths = room(target, 16), *array = object(target, target->array, 96);
    lengths[0] = first;
    lengths[1] = second;
    array[3] = dimensions;
    array[4] = address_of(lengths);
    return address_of(array);
}

static uint64_t list_of(struct target *target, uint64_t first, uint64_t second)
{
    uint64_t *items = room(target, 16), *list = object(target, target->list, 48);
    items[0] = first;
    items[1] = second;
    list[2] = 2;
    list[3] = address_of(items);
    return address_of(list);
}

static uint64_t tuple_of(struct target *target, uint64_t first, uint64_t second)
{
    uint64_t *tuple = object(target, target->tuple, 48);
    tuple[2] = 2;
    tuple[3] = first;
    tuple[4] = second;
    return address_of(tuple);
}

static uint64_t frame_with(struct target *target, uint64_t columns, uint64_t rows, uint64_t blocks)
{
    uint64_t *manager = object(target, type_called(target, "BlockManager", 0, 80, 0), 80);
    manager[3] = blocks;
    manager[4] = list_of(target, columns, rows);
    return instance(target, "DataFrame", "_mgr", address_of(manager));
}

static uint64_t frame_of(struct target *target, uint32_t rows, uint64_t columns)
{
    uint64_t *range = object(target, target->range, 48);
    range[5] = number(target, rows);
    uint64_t of_columns = instance(target, "Index", "_data", array_of(target, 1, columns, 0));
    return frame_with(target, of_columns, instance(target, "RangeIndex", "_range", address_of(range)),
                      address_of(object(target, target->tuple, 32)));
}

/* Where its columns stand is an array, which is not that of the values. */
static uint64_t block_of(struct target *target, uint64_t values)
{
    uint64_t *placement = object(target, type_called(target, "pandas._libs.internals.BlockPlacement", 0, 32, 0), 32),
             *block = object(target, type_called(target, "NumpyBlock", 0, 48, 0), 48);
    placement[2] = array_of(target, 1, 4, 0);
    block[2] = address_of(placement);
    block[3] = 2;
    block[5] = values;
    return address_of(block);
}

/* Five columns of numbers and one of texts, 700 rows; both indices are of texts that are not read. */
static uint64_t frame_of_texts(struct target *target)
{
    uint64_t arrow = address_of(object(target, type_called(target, "ArrowStringArray", 0, 16, 0), 32));
    uint64_t texts = instance(target, "Index", "_data", arrow);
    uint64_t numbers = block_of(target, array_of(target, 2, 5, 700));
    return frame_with(target, texts, texts, tuple_of(target, numbers, block_of(target, arrow)));
}

static uint64_t begin(struct target *target, uint32_t rows, uint64_t columns)
{
    memset(target, 0, sizeof *target);
    target->words = calloc(WORDS, sizeof *target->words);
    assert_non_null(target->words);
    target->python.remote.pid = getpid();
    target->python.layout = *layout_find(3, 8);
    type_called(target, "type", 0, 0, 0);
    target->dict = type_called(target, "dict", 1 << 29, 48, 0);
    target->str = type_called(target, "str", 1 << 28, 80, 0);
    target->list = type_called(target, "list", 1 << 25, 40, 0);
    target->tuple = type_called(target, "tuple", 1 << 26, 24, 0);
    target->array = type_called(target, "numpy.ndarray", 0, 80, 0);
    target->range = type_called(target, "range", 0, 48, 0);
    target->whole = type_called(target, "int", 0, 24, 0);
    return frame_of(target, rows, columns);
}

static size_t shape_of(struct target *target, uint64_t frame, int64_t *shape)
{
    uint8_t head[OPERAND_HEAD_BYTES];
    memcpy(head, (void *)(uintptr_t)frame, sizeof head); /* NOLINT: an address of this program's own */
    target->python.remote.calls = 0;
    return python_data_frame_shape(&target->python, frame, head, "DataFrame", shape);
}

static void a_shape_is_read(void **state)
{
    (void)state;
    struct target target;
    int64_t shape[ARRAY_DIMENSIONS] = {0};
    uint64_t frame = begin(&target, 100000, 5);
    uint8_t head[OPERAND_HEAD_BYTES] = {0};
    assert_int_equal(shape_of(&target, frame, shape), 2);
    assert_int_equal(shape[0], 100000);
    assert_int_equal(shape[1], 5);
    memcpy(head, (void *)(uintptr_t)frame, sizeof head); /* NOLINT */
    assert_int_equal(python_data_frame_shape(&target.python, frame, head, "dict", shape), 0);
    assert_int_equal(python_data_frame_shape(&target.python, frame, head, "Series", shape), 0); /* two axes */
    head[target.python.layout.object_type] ^= 16; /* another object stands there by now */
    assert_int_equal(python_data_frame_shape(&target.python, frame, head, "DataFrame", shape), 0);
    free(target.words);
}

static void levels_are_as_long_as_their_index(void **state)
{
    (void)state;
    struct target target;
    int64_t shape[ARRAY_DIMENSIONS] = {0};
    begin(&target, 1, 1);
    uint64_t codes = list_of(&target, array_of(&target, 1, 3000, 0), array_of(&target, 1, 3000, 0));
    uint64_t rows = instance(&target, "MultiIndex", "_codes", codes);
    uint64_t columns = instance(&target, "Index", "_data", array_of(&target, 1, 3, 0));
    assert_int_equal(shape_of(&target, frame_with(&target, columns, rows, tuple_of(&target, 0, 0)), shape), 2);
    assert_int_equal(shape[0], 3000);
    assert_int_equal(shape[1], 3);
    codes = list_of(&target, 0, 0); /* no array */
    rows = instance(&target, "MultiIndex", "_codes", codes);
    assert_int_equal(shape_of(&target, frame_with(&target, columns, rows, tuple_of(&target, 0, 0)), shape), 0);
    free(target.words);
}

static void blocks_tell_what_an_index_does_not(void **state)
{
    (void)state;
    struct target target;
    int64_t shape[ARRAY_DIMENSIONS] = {0};
    begin(&target, 1, 1);
    assert_int_equal(shape_of(&target, frame_of_texts(&target), shape), 2);
    assert_int_equal(shape[0], 700);
    assert_int_equal(shape[1], 6);
    uint64_t arrow = address_of(object(&target, type_called(&target, "ArrowStringArray", 0, 16, 0), 32));
    uint64_t texts = instance(&target, "Index", "_data", arrow), words = block_of(&target, arrow);
    uint64_t of_words = tuple_of(&target, words, words); /* nothing tells how many */
    assert_int_equal(shape_of(&target, frame_with(&target, texts, texts, of_words), shape), 0);
    uint64_t of_others = tuple_of(&target, block_of(&target, array_of(&target, 2, 5, 700)), arrow);
    assert_int_equal(shape_of(&target, frame_with(&target, texts, texts, of_others), shape), 0);
    free(target.words);
}

/* Any word may be anything: a number, an address that is none, or of another object. */
static void damage_has_no_shape_or_a_bounded_one(void **state)
{
    (void)state;
    size_t kept = 0;
    srand(7);
    for (int i = 0; i < DAMAGES; i++) {
        struct target target;
        int64_t shape[ARRAY_DIMENSIONS] = {0};
        uint64_t frame = begin(&target, 100000, 5);
        frame = i % 2 == 0 ? frame : frame_of_texts(&target);
        const uint64_t values[] = {
            0,    UINT64_MAX,       UINT64_C(1) << 62,
            4096, (uint64_t)rand(), address_of(target.words + 2 * (rand() % (int)(target.used / 2)))};
        for (int k = 0; k <= i % 3; k++)
            target.words[(size_t)rand() % target.used] = values[(size_t)rand() % (sizeof values / sizeof values[0])];
        size_t count = shape_of(&target, frame, shape);
        assert_true(count == 0 || count == 2);
        assert_true(target.python.remote.calls < CALLS_MAX);
        for (size_t k = 0; k < count; k++)
            assert_true(shape[k] >= 0 && shape[k] <= INT64_C(1) << 60);
        kept += count == 2;
        free(target.words);
    }
    assert_true(kept > 0 && kept < DAMAGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shape_is_read),
        cmocka_unit_test(levels_are_as_long_as_their_index),
        cmocka_unit_test(blocks_tell_what_an_index_does_not),
        cmocka_unit_test(damage_has_no_shape_or_a_bounded_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
