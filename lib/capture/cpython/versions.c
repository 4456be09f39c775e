/*
 * The versions: one row a minor says what the fields mean; the offsets come from versions.inc. A new minor is a row
 * here and its lines there (docs/adding-a-python-version.md).
 */
#include "capture/cpython/versions.inc"
#include "capture/cpython/layout.h"
#include "capture/cpython/offsets.h"

/* clang-format off */
#define PYTHON_2   .sign = "PyString_Type", .byte_strings = true, .thread_name_field = "_Thread__name"
#define PYTHON_3   .str_kind_shift = 2, .thread_name_field = "_name"
#define BEFORE_310 .line_format = LINES_LNOTAB, .ip_scale = 1
#define BEFORE_311 .ip_kind = IP_INDEX, .instance_kind = INSTANCE_DICT_OFFSET
#define SINCE_311  PYTHON_3, .line_format = LINES_LOCATIONS, .ip_kind = IP_POINTER
#define SINCE_312  SINCE_311, .active_bit = true, .init_shim = true, .shim_owner = 3, \
                   .code_version_before = 20
#define SINCE_313  SINCE_312, .own_offsets = true, .instance_kind = INSTANCE_INLINE
#define SINCE_314  SINCE_313, .code_tag_mask = 7, .str_kind_shift_threaded = 8

/* Tasks are private to Modules/_asynciomodule.c: the offsets in it were read off live tasks and hold for every micro
 * version seen; the size of the type is compared before they are used. */
#define TASK(size, coro, name) .task_size = size, .task_coro = coro, .task_name = name
#define AWAITS_BEFORE_311 .await_opcodes = {72, 72}, .await_value = 1 /* YIELD_FROM */
#define AWAITS_311        .await_low = -1, .await_high = -1, .over_state = 0, .await_value = 1
#define AWAITS_315        .await_low = 2, .await_high = 3, .created_state = 0, .over_state = 4, .await_value = 2

static const struct layout layouts[] = {
    {.major = 2, .minor = 7,  OFFSETS_2_7  PYTHON_2, BEFORE_311, .line_format = LINES_FORWARD, .ip_scale = 1},
    {.major = 3, .minor = 6,  OFFSETS_3_6  PYTHON_3, BEFORE_311, BEFORE_310, .sign = "_PyEval_EvalFrameDefault"},
    {.major = 3, .minor = 7,  OFFSETS_3_7  PYTHON_3, BEFORE_311, BEFORE_310},
    {.major = 3, .minor = 8,  OFFSETS_3_8  PYTHON_3, BEFORE_311, BEFORE_310, AWAITS_BEFORE_311, TASK(144, 112, 120)},
    {.major = 3, .minor = 9,  OFFSETS_3_9  PYTHON_3, BEFORE_311, BEFORE_310, AWAITS_BEFORE_311, TASK(184, 152, 160)},
    {.major = 3, .minor = 10, OFFSETS_3_10 PYTHON_3, BEFORE_311, .line_format = LINES_RANGES, .ip_scale = 2,
     AWAITS_BEFORE_311, TASK(192, 160, 168)},
    {.major = 3, .minor = 11, OFFSETS_3_11 SINCE_311, .instance_kind = INSTANCE_VALUES_BEFORE, AWAITS_311,
     .begin_opcode = 75 /* RETURN_GENERATOR */,
     .await_opcodes = {151, 150} /* RESUME, RESUME_QUICK */, .created_state = -2, TASK(176, 136, 144)},
    {.major = 3, .minor = 12, OFFSETS_3_12 SINCE_312, .instance_kind = INSTANCE_TAGGED_BEFORE, AWAITS_311,
     .await_opcodes = {151, 240} /* RESUME, INSTRUMENTED_RESUME */, .created_state = -2, TASK(176, 136, 144)},
    {.major = 3, .minor = 13, OFFSETS_3_13 SINCE_313, .str_kind_shift_threaded = 2, AWAITS_311, .created_state = -3,
     TASK(144, 120, 128)},
    {.major = 3, .minor = 14, OFFSETS_3_14 SINCE_314, AWAITS_311, .created_state = -3, .task_table = true},
    {.major = 3, .minor = 15, OFFSETS_3_15 SINCE_314, AWAITS_315, .task_table = true},
};

#define FIELD(name) offsetof(struct layout, name)
#define TABLE_FIELD(name, word, bound)    {FIELD(name), word, 0, bound},
#define TABLE_SIZE(name, word)            {FIELD(name), word, 0, 0},
#define TABLE_SUM(name, word, and, bound) {FIELD(name), word, and, bound},

static const struct offset_table tables[] = {
    {.minor = 13, .words = TABLE_3_13_WORDS, .entries = {TABLE_3_13}},
    {.minor = 14, .words = TABLE_3_14_WORDS, .entries = {TABLE_3_14}},
    {.minor = 15, .words = TABLE_3_15_WORDS, .entries = {TABLE_3_15}},
};
/* clang-format on */

enum { LAYOUTS = sizeof(layouts) / sizeof(layouts[0]), TABLES = sizeof(tables) / sizeof(tables[0]) };

const struct layout *layout_find(int major, int minor)
{
    for (size_t i = 0; i < LAYOUTS; i++) {
        if (layouts[i].major == major && layouts[i].minor == minor)
            return &layouts[i];
    }
    return NULL;
}

const struct layout *layout_without_runtime(size_t index)
{
    return index < LAYOUTS && layouts[index].sign ? &layouts[index] : NULL;
}

const struct layout *layout_newest(void)
{
    return &layouts[LAYOUTS - 1];
}

void layout_lengthen(struct layout *layout, uint32_t bytes)
{
#define FIELD_OF(name) &layout->name,
    uint32_t *const objects[] = {LAYOUT_OBJECT_FIELDS(FIELD_OF)}, *const frames[] = {LAYOUT_FRAME_FIELDS(FIELD_OF)};
#undef FIELD_OF
    bool frames_are_objects = layout->ip_kind == IP_INDEX;
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
        *objects[i] += layout_has(*objects[i]) ? bytes : 0;
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]) && frames_are_objects; i++)
        *frames[i] += layout_has(*frames[i]) ? bytes : 0;
    if (layout->task_size == 0)
        return;
    layout->task_size = (uint16_t)(layout->task_size + bytes);
    layout->task_coro = (uint16_t)(layout->task_coro + bytes);
    layout->task_name = (uint16_t)(layout->task_name + bytes);
}

const struct layout *layout_by_runtime_size(uint64_t size)
{
    const struct layout *found = NULL;
    for (size_t i = 0; i < LAYOUTS; i++) {
        if (layouts[i].own_offsets || layouts[i].runtime_size != size)
            continue;
        if (found)
            return NULL;
        found = &layouts[i];
    }
    return found;
}

const struct offset_table *offset_table_find(int minor)
{
    for (size_t i = 0; i < TABLES; i++) {
        if (tables[i].minor == minor)
            return &tables[i];
    }
    return NULL;
}
