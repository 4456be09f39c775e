/*
 * Who waits for a task. From 3.14 on it says so itself. Before, its callbacks lead there: the wake-up of a task that
 * awaits it, or asyncio's own functions for gather, wait, shield, wait_for and task groups, which hold the future that
 * the other task awaits.
 */
#include "capture/cpython/internal.h"

enum {
    CALLBACKS_MAX = 8,
    CELLS_MAX = 16,
    HOPS_MAX = 4,
    SLOTS_MAX = 64,
    GROUP_VALUES = 8, /* a task group's attributes up to that of its own task */
    QUALNAME_MAX = 48,
    FUTURE_CALLBACK = 8, /* behind the object header, and behind the loop: callback, context, list of more of them */
    FUTURE_CALLBACKS = 24,
};

static uint64_t waits_for_future(struct python_reader *reader, uint64_t future, int hops);

/* Is it one of asyncio's functions whose cells hold the future that is waited for? */
static bool is_of_asyncio(struct python_reader *reader, uint64_t function)
{
    static const char *const names[] = {"gather.<locals>.", "_gather.<locals>.", "_wait.<locals>.", "shield.<locals>.",
                                        "_release_waiter"};
    const struct layout *row = &reader->python->layout;
    uint64_t name = object_word(reader, function + row->function_qualname);
    const uint8_t *head = plausible(name) ? view_at(reader->view, name, row->str_ascii_size, 0) : NULL;
    if (!head)
        return false;
    struct text_part part = text_part_of(row, name, head, QUALNAME_MAX);
    const uint8_t *bytes = part.kind == 1 && part.length ? view_at(reader->view, part.address, part.length, 0) : NULL;
    for (size_t i = 0; bytes && i < sizeof(names) / sizeof(names[0]); i++) {
        if (part.length >= strlen(names[i]) && memcmp(bytes, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* A future in a tuple, or in the cells of one. */
static uint64_t waits_for_one_of(struct python_reader *reader, uint64_t tuple, int hops)
{
    uint32_t head = object_head(reader);
    if (object_kind(reader, tuple) != OBJECT_TUPLE)
        return 0;
    uint64_t count = object_word(reader, tuple + head);
    for (uint64_t i = 0; i < count && i < CELLS_MAX; i++) {
        uint64_t item = object_word(reader, tuple + head + 8 + i * 8);
        enum object_kind kind = object_kind(reader, item);
        if (kind == OBJECT_CELL) {
            item = object_word(reader, item + head);
            kind = object_kind(reader, item);
        }
        uint64_t found = kind == OBJECT_FUTURE ? waits_for_future(reader, item, hops) : 0;
        if (found)
            return found;
    }
    return 0;
}

/* The task that a task group is of. */
static uint64_t task_of_group(struct python_reader *reader, uint64_t group)
{
    const struct layout *row = &reader->python->layout;
    uint64_t values = 0;
    if (row->instance_kind == INSTANCE_VALUES_BEFORE)
        values = object_word(reader, group - 32);
    else if (row->instance_kind == INSTANCE_TAGGED_BEFORE)
        values = (object_word(reader, group - 24) & 1) ? object_word(reader, group - 24) + 1 : 0;
    else if (row->instance_kind == INSTANCE_INLINE)
        values = group + object_word(reader, object_word(reader, group + row->object_type) + row->type_basicsize);
    for (uint64_t i = 0; values && i < GROUP_VALUES; i++) {
        uint64_t value = object_word(reader, values + row->values_array + i * 8);
        if (value && object_kind(reader, value) == OBJECT_TASK)
            return value;
    }
    return 0;
}

static uint64_t behind_callback(struct python_reader *reader, uint64_t callback, int hops)
{
    uint32_t head = object_head(reader);
    uint64_t first = callback + head, self;
    switch (object_kind(reader, callback)) {
    case OBJECT_WAKEUP:
        self = object_word(reader, first);
        return object_kind(reader, self) == OBJECT_TASK ? self : 0;
    case OBJECT_BUILTIN:
        self = object_word(reader, first + 8);
        return object_kind(reader, self) == OBJECT_TASK ? self : 0;
    case OBJECT_METHOD:
        self = object_word(reader, first + 8);
        return object_kind(reader, self) == OBJECT_TASK_GROUP ? task_of_group(reader, self) : 0;
    case OBJECT_FUNCTION:
        return is_of_asyncio(reader, callback)
                   ? waits_for_one_of(reader, object_word(reader, callback + reader->python->layout.function_closure),
                                      hops)
                   : 0;
    case OBJECT_PARTIAL:
        self = object_word(reader, first);
        return object_kind(reader, self) == OBJECT_FUNCTION && is_of_asyncio(reader, self)
                   ? waits_for_one_of(reader, object_word(reader, first + 8), hops)
                   : 0;
    default:
        return 0;
    }
}

static uint64_t waits_for_future(struct python_reader *reader, uint64_t future, int hops)
{
    uint32_t head = object_head(reader);
    if (hops == 0)
        return 0;
    uint64_t found = behind_callback(reader, object_word(reader, future + head + FUTURE_CALLBACK), hops - 1);
    uint64_t list = object_word(reader, future + head + FUTURE_CALLBACKS);
    if (found || object_kind(reader, list) != OBJECT_LIST)
        return found;
    uint64_t count = object_word(reader, list + head), items = object_word(reader, list + head + 8);
    for (uint64_t i = 0; i < count && i < CALLBACKS_MAX && !found; i++) { /* pairs of callback and context */
        uint64_t pair = object_word(reader, items + i * 8);
        if (object_kind(reader, pair) == OBJECT_TUPLE)
            found = behind_callback(reader, object_word(reader, pair + head + 8), hops - 1);
    }
    return found;
}

/* 3.14+: a task or a set of them. */
static uint64_t said_by_task(struct python_reader *reader, uint64_t task)
{
    const struct python_asyncio *asyncio = &reader->asyncio;
    uint64_t by = object_word(reader, task + asyncio->task_awaited_by);
    const uint8_t *is_set = view_at(reader->view, task + asyncio->task_awaited_by_is_set, 1, 0);
    if (!by || !is_set)
        return 0;
    if (!*is_set)
        return object_kind(reader, by) == OBJECT_TASK ? by : 0;
    uint32_t head = object_head(reader);
    uint64_t mask = object_word(reader, by + head + 16), table = object_word(reader, by + head + 24);
    for (uint64_t i = 0; i <= mask && i < SLOTS_MAX; i++) {
        uint64_t item = object_word(reader, table + i * 16);
        if (item && object_kind(reader, item) == OBJECT_TASK)
            return item;
    }
    return 0;
}

uint64_t task_awaiter(struct python_reader *reader, uint64_t task)
{
    return layout_has(reader->asyncio.thread_tasks) ? said_by_task(reader, task)
                                                    : waits_for_future(reader, task, HOPS_MAX);
}
