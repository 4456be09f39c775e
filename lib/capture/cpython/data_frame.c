/*
 * The shape of a pandas DataFrame or Series (1.3 to 3.1 were looked at): its `_mgr` holds `axes`, a list of one or two
 * indices, and each of those a range, an array, or, where it has several levels, an array for each. The manager of a
 * DataFrame is a Cython class that keeps its tuple of blocks and, right behind it, the list of axes in the object
 * itself. An index of texts may be of Arrow, which is C++ and not read: the blocks' arrays tell then. Free reads, off
 * the timed path; what is not as expected has no shape. A DataFrame of Polars is Rust's and has none.
 */
#include "capture/cpython/internal.h"
#include "capture/cpython/operands.h"

enum {
    FIELDS_MAX = 128, /* bytes of an object that are searched for fields of a Cython class */
    AXES_MAX = 2,
    BLOCKS_MAX = 16,
    LIST_BIT = 1 << 25, /* of the type flags */
    TUPLE_BIT = 1 << 26
};

static uint64_t word_at(struct python *python, uint64_t address)
{
    uint64_t word;
    return plausible(address) && remote_read_u64(&python->remote, address, &word) ? word : 0;
}

static uint64_t type_at(struct python *python, uint64_t object)
{
    return plausible(object) ? word_at(python, object + python->layout.object_type) : 0;
}

static bool has_bit(struct python *python, uint64_t object, uint32_t bit)
{
    uint64_t type = type_at(python, object);
    return plausible(type) && (word_at(python, type + python->layout.type_flags) & bit) != 0;
}

static bool is_called(struct python *python, uint64_t object, const char *wanted)
{
    char name[OPERAND_TYPE_BYTES];
    uint32_t flags;
    uint64_t type = type_at(python, object);
    return plausible(type) && python_type_name(python, type, name, &flags) && strcmp(name, wanted) == 0;
}

/* The fields of the object itself, as words: a dict of its attributes lies elsewhere. Returns how many. */
static size_t own_fields(struct python *python, uint64_t object, uint64_t fields[static FIELDS_MAX / 8])
{
    const uint32_t head = python->layout.object_type + 8;
    uint64_t type = type_at(python, object), size = plausible(type) ? python->layout.type_basicsize : 0;
    size = size != 0 ? word_at(python, type + size) : 0;
    if (size <= head)
        return 0;
    size = size - head < FIELDS_MAX ? size - head : FIELDS_MAX;
    return remote_read(&python->remote, object + head, fields, size & ~UINT64_C(7)) ? size / 8 : 0;
}

/* What a manager holds; an axis is one of columns, where there are two, then one of rows. */
struct manager {
    uint64_t axes, blocks; /* a list, a tuple */
};

static struct manager manager_of(struct python *python, uint64_t object)
{
    uint64_t fields[FIELDS_MAX / 8];
    size_t count = own_fields(python, object, fields);
    struct manager found = {0};
    for (size_t i = 0; i + 1 < count; i++) {
        if (has_bit(python, fields[i], TUPLE_BIT) && has_bit(python, fields[i + 1], LIST_BIT))
            return (struct manager){.axes = fields[i + 1], .blocks = fields[i]};
    }
    found.axes = plausible(object) ? python_attribute(python, object, "axes") : 0;
    found.blocks = plausible(object) ? python_attribute(python, object, "blocks") : 0;
    if (!has_bit(python, found.axes, LIST_BIT))
        found.axes = 0;
    if (!has_bit(python, found.blocks, TUPLE_BIT))
        found.blocks = 0;
    return found;
}

/* Its dimensions; 0: it is none. */
static size_t array_shape(struct python *python, uint64_t object, int64_t shape[static ARRAY_DIMENSIONS])
{
    uint8_t head[OPERAND_HEAD_BYTES];
    if (!is_called(python, object, "numpy.ndarray") || !remote_read(&python->remote, object, head, sizeof head))
        return 0;
    return python_array_shape(python, object, head, "numpy.ndarray", shape);
}

/* Items of an array of one dimension; -1: it is none. */
static int64_t array_length(struct python *python, uint64_t object)
{
    int64_t shape[ARRAY_DIMENSIONS];
    return array_shape(python, object, shape) == 1 ? shape[0] : -1;
}

/* Of an array, or of pandas' own kind of one (texts, times, categories, ranges), which keeps an array in itself. */
static int64_t values_length(struct python *python, uint64_t values)
{
    uint64_t fields[FIELDS_MAX / 8];
    int64_t length = array_length(python, values);
    size_t count = length < 0 ? own_fields(python, values, fields) : 0;
    for (size_t i = 0; i < count && length < 0; i++)
        length = array_length(python, fields[i]);
    static const char *const names[] = {"_data", "_left"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && length < 0 && plausible(values); i++)
        length = array_length(python, python_attribute(python, values, names[i]));
    return length;
}

/* range(0, n): its length is the last of four ints. */
static int64_t range_length(struct python *python, uint64_t range)
{
    enum { LENGTH = 3 * 8 };
    const uint32_t head = python->layout.object_type + 8;
    int64_t length;
    if (!is_called(python, range, "range") || !python_read_int(python, word_at(python, range + head + LENGTH), &length))
        return -1;
    return length;
}

/* Several levels have a list of arrays, each as long as the index: which value of its level an item has. */
static int64_t levels_length(struct python *python, uint64_t codes)
{
    const uint32_t size = python->layout.var_size;
    return has_bit(python, codes, LIST_BIT) && word_at(python, codes + size) > 0
               ? array_length(python, word_at(python, word_at(python, codes + size + 8)))
               : -1;
}

static int64_t axis_length(struct python *python, uint64_t axis)
{
    if (!plausible(axis))
        return -1;
    int64_t length = range_length(python, python_attribute(python, axis, "_range"));
    if (length < 0)
        length = values_length(python, python_attribute(python, axis, "_data"));
    return length >= 0 ? length : levels_length(python, python_attribute(python, axis, "_codes"));
}

/* A block holds some columns: an array of two dimensions, that of a Series of one; or one column of pandas' own kind.
 * False: its columns are not known. *rows stays where it is not told. */
static bool read_block(struct python *python, uint64_t block, int64_t *columns, int64_t *rows)
{
    uint64_t fields[FIELDS_MAX / 8], inner[FIELDS_MAX / 8];
    int64_t shape[ARRAY_DIMENSIONS];
    size_t count = own_fields(python, block, fields), dimensions = 0;
    bool placed = false; /* where its columns stand in the frame: an array may be in it */
    for (size_t i = 0; i < count && dimensions == 0; i++) {
        bool place = is_called(python, fields[i], "pandas._libs.internals.BlockPlacement");
        placed = placed || place;
        dimensions = array_shape(python, fields[i], shape);
        size_t n = dimensions == 0 && !place ? own_fields(python, fields[i], inner) : 0;
        for (size_t k = 0; k < n && dimensions == 0; k++)
            dimensions = array_shape(python, inner[k], shape);
    }
    if (!placed || dimensions > 2)
        return false;
    *columns += dimensions == 2 ? shape[0] : 1;
    if (dimensions > 0)
        *rows = shape[dimensions - 1];
    return true;
}

/* Rows and columns by the blocks; -1: not told. */
static void read_blocks(struct python *python, uint64_t blocks, int64_t *columns, int64_t *rows)
{
    uint64_t count = blocks != 0 ? word_at(python, blocks + python->layout.var_size) : 0;
    uint64_t items = count > 0 ? word_at(python, type_at(python, blocks) + python->layout.type_basicsize) : 0;
    bool known = items > 0 && items <= FIELDS_MAX && count <= BLOCKS_MAX; /* a tuple's items are behind its fields */
    *columns = 0;
    *rows = -1;
    for (uint64_t i = 0; i < count && known; i++)
        known = read_block(python, word_at(python, blocks + items + i * 8), columns, rows);
    if (!known)
        *columns = *rows = -1;
}

uint64_t python_mapped_array(struct python *python, const uint8_t *head, const char *type)
{
    enum { FUNCTION = 8, METHOD_SELF = 8 }; /* behind the head: of a map, and of a method of C code */
    const uint32_t at = python->layout.object_type + 8;
    uint64_t function = strcmp(type, "map") == 0 ? load_u64(head + at + FUNCTION) : 0;
    uint64_t array =
        is_called(python, function, "builtin_function_or_method") ? word_at(python, function + at + METHOD_SELF) : 0;
    return array_length(python, array) >= 0 ? array : 0;
}

bool python_map_stands(struct python *python, uint64_t address, const uint8_t *head)
{
    uint8_t now[OPERAND_HEAD_BYTES];
    const size_t size = python->layout.object_type + 24; /* its references, its type, what it goes over and calls */
    return size <= sizeof now && remote_read(&python->remote, address, now, size) && memcmp(now, head, size) == 0;
}

size_t python_data_frame_shape(struct python *python, uint64_t address, const uint8_t *head, const char *type,
                               int64_t shape[static ARRAY_DIMENSIONS])
{
    const uint32_t at = python->layout.object_type;
    size_t wanted = strcmp(type, "DataFrame") == 0 ? 2 : strcmp(type, "Series") == 0 ? 1 : 0;
    if (wanted == 0 || !layout_has(python->layout.type_flags) || !plausible(address) ||
        type_at(python, address) != load_u64(head + at))
        return 0;
    uint64_t object = python_attribute(python, address, "_mgr");
    struct manager manager = manager_of(python, object);
    if (manager.axes == 0 || word_at(python, manager.axes + python->layout.var_size) != wanted)
        return 0;
    uint64_t items = word_at(python, manager.axes + python->layout.var_size + 8);
    int64_t columns = -1, rows = -1;
    for (size_t i = 0; i < wanted; i++) /* columns come first there */
        shape[wanted - 1 - i] = axis_length(python, word_at(python, items + i * 8));
    if (shape[0] < 0 || shape[wanted - 1] < 0)
        read_blocks(python, manager.blocks, &columns, &rows);
    shape[0] = shape[0] >= 0 ? shape[0] : rows;
    if (wanted == AXES_MAX && shape[1] < 0)
        shape[1] = columns;
    /* it is still what the look saw, and holds what was read here */
    struct manager now = manager_of(python, object);
    bool same = type_at(python, address) == load_u64(head + at) && plausible(object) &&
                python_attribute(python, address, "_mgr") == object && now.axes == manager.axes &&
                now.blocks == manager.blocks;
    return same && shape[0] >= 0 && shape[wanted - 1] >= 0 ? wanted : 0;
}
