/*
 * The shape of a pandas DataFrame or Series (1.3 to 3.1 were looked at): its `_mgr` holds `axes`, a list of one or two
 * indices, and each of those a range or an array. The manager of a DataFrame is a Cython class that keeps its tuple of
 * blocks and, right behind it, the list of axes in the object itself. Free reads, off the timed path; what is not as
 * expected has no shape.
 */
#include "capture/cpython/internal.h"
#include "capture/cpython/operands.h"

enum {
    FIELDS_MAX = 128, /* bytes of an object that are searched for fields of a Cython class */
    AXES_MAX = 2,
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

static uint64_t axes_of(struct python *python, uint64_t manager)
{
    uint64_t fields[FIELDS_MAX / 8];
    size_t count = own_fields(python, manager, fields);
    for (size_t i = 0; i + 1 < count; i++) {
        if (has_bit(python, fields[i], TUPLE_BIT) && has_bit(python, fields[i + 1], LIST_BIT))
            return fields[i + 1];
    }
    uint64_t axes = plausible(manager) ? python_attribute(python, manager, "axes") : 0;
    return has_bit(python, axes, LIST_BIT) ? axes : 0;
}

/* Items of an array of one dimension; -1: it is none. */
static int64_t array_length(struct python *python, uint64_t object)
{
    int64_t shape[ARRAY_DIMENSIONS];
    uint8_t head[OPERAND_HEAD_BYTES];
    if (!is_called(python, object, "numpy.ndarray") || !remote_read(&python->remote, object, head, sizeof head) ||
        python_array_shape(python, object, head, "numpy.ndarray", shape) != 1)
        return -1;
    return shape[0];
}

/* Of an array, or of pandas' own kind of one (texts, times, categories), which keeps an array in itself. */
static int64_t values_length(struct python *python, uint64_t values)
{
    uint64_t fields[FIELDS_MAX / 8];
    int64_t length = array_length(python, values);
    size_t count = length < 0 ? own_fields(python, values, fields) : 0;
    for (size_t i = 0; i < count && length < 0; i++)
        length = array_length(python, fields[i]);
    return length >= 0 || !plausible(values) ? length : array_length(python, python_attribute(python, values, "_data"));
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

static int64_t axis_length(struct python *python, uint64_t axis)
{
    if (!plausible(axis))
        return -1;
    int64_t length = range_length(python, python_attribute(python, axis, "_range"));
    return length >= 0 ? length : values_length(python, python_attribute(python, axis, "_data"));
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

size_t python_data_frame_shape(struct python *python, uint64_t address, const uint8_t *head, const char *type,
                               int64_t shape[static ARRAY_DIMENSIONS])
{
    const uint32_t at = python->layout.object_type;
    size_t wanted = strcmp(type, "DataFrame") == 0 ? 2 : strcmp(type, "Series") == 0 ? 1 : 0;
    uint64_t axes[AXES_MAX], manager = 0;
    if (wanted == 0 || !layout_has(python->layout.type_flags) || !plausible(address) ||
        type_at(python, address) != load_u64(head + at))
        return 0;
    manager = python_attribute(python, address, "_mgr");
    uint64_t list = axes_of(python, manager);
    if (list == 0 || word_at(python, list + python->layout.var_size) != wanted)
        return 0;
    uint64_t items = word_at(python, list + python->layout.var_size + 8);
    for (size_t i = 0; i < wanted; i++) {
        axes[i] = word_at(python, items + i * 8);
        shape[wanted - 1 - i] = axis_length(python, axes[i]); /* columns come first there */
        if (shape[wanted - 1 - i] < 0)
            return 0;
    }
    /* it is still what the look saw, and holds what was read here */
    bool same = type_at(python, address) == load_u64(head + at) && plausible(manager) &&
                python_attribute(python, address, "_mgr") == manager && axes_of(python, manager) == list;
    return same ? wanted : 0;
}
