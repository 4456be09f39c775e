/* The task that a stack belongs to, names of tasks, and listings of them; see tasks.h. */
#include "base/map.h"
#include "capture/cpython/internal.h"

enum {
    NAME_KINDS_MAX = 4,
    LOOPS_MAX = 16, /* entries looked at in the dict of current tasks */
    KEYS_HEAD_MAX = 64,
    STEPS_MAX = 1 << 20, /* of one listing */
    DIGIT_BITS = 30,
    TABLE_MAX = 1 << 20,
    EMPTY_MAX = 1 << 16, /* of its entries in a row that hold no task */
};

void python_reader_follow_tasks(struct python_reader *reader, const struct python_asyncio *asyncio)
{
    if (!reader->asyncio.known)
        reader->asyncio = *asyncio;
}

uint64_t task_frame_of(struct python_reader *reader, uint64_t coroutine)
{
    const struct layout *row = &reader->python->layout;
    if (!plausible(coroutine))
        return 0;
    return layout_has(row->generator_iframe) ? coroutine + row->generator_iframe
                                             : object_word(reader, coroutine + row->generator_frame);
}

/* --- names ---------------------------------------------------------------------------------------------------------
 */

/* Digits of an int, behind its size; up to 3.11 the size is their number, later it is so from bit 3 on. Only tasks of
 * 3.12 on are called after a number. */
uint64_t task_number(uint64_t tag, const uint8_t *digits)
{
    uint64_t count = tag >> 3;
    if (count == 0 || count > 2)
        return 0;
    return load_u32(digits) | (count == 2 ? (uint64_t)load_u32(digits + 4) << DIGIT_BITS : 0);
}

static uint64_t small_int(struct python_reader *reader, uint64_t address)
{
    uint64_t tag = object_word(reader, address + object_head(reader));
    const uint8_t *digits = view_at(reader->view, address + object_head(reader) + 8, 8, 0);
    return digits ? task_number(tag, digits) : 0;
}

static void read_text(struct python_reader *reader, uint64_t address, struct python_task *task)
{
    const struct layout *row = &reader->python->layout;
    const uint8_t *head = view_at(reader->view, address, row->str_ascii_size, 0);
    if (!head)
        return;
    struct text_part part = text_part_of(row, address, head, UINT32_MAX);
    uint64_t size = (uint64_t)part.kind * part.length;
    const uint8_t *raw =
        part.kind ? view_at(reader->view, part.address, size < TASK_RAW_BYTES ? size : TASK_RAW_BYTES, 0) : NULL;
    if (!raw)
        return;
    task->kind = (uint8_t)part.kind;
    task->length = part.length;
    memcpy(task->raw, raw, size < TASK_RAW_BYTES ? size : TASK_RAW_BYTES);
}

bool task_read_name(struct python_reader *reader, uint64_t address, struct python_task *task)
{
    uint64_t name = object_word(reader, address + reader->asyncio.task_name);
    enum object_kind kind = object_kind(reader, name);
    task->kind = 0;
    task->length = 0;
    task->number = 0;
    memset(task->raw, 0, sizeof(task->raw));
    if (kind == OBJECT_STR)
        read_text(reader, name, task);
    else if (kind == OBJECT_INT)
        task->number = small_int(reader, name);
    return task->kind || task->number;
}

static uint32_t kept_characters(const struct python_task *task)
{
    uint32_t room = task->kind ? TASK_RAW_BYTES / task->kind : 0;
    return task->length < room ? task->length : room;
}

void python_task_name(const struct python *python, const struct python_task *task, struct buf *name)
{
    buf_clear(name);
    if (task->number)
        buf_printf(name, "%s-%llu", task->greenlet ? "Greenlet" : "Task", (unsigned long long)task->number);
    text_to_utf8(&python->layout, name, task->raw, task->kind, kept_characters(task));
    if (task->length > kept_characters(task))
        buf_add_text(name, "\u2026");
    buf_text(name);
}

uint64_t python_task_key(const struct python_task *task)
{
    uint64_t parts[4] = {task->address, task->coroutine, task->number, (uint64_t)task->length << 8 | task->kind};
    return hash_bytes(parts, sizeof(parts)) * 31 + hash_bytes(task->raw, (size_t)kept_characters(task) * task->kind);
}

/* --- the task of a stack -------------------------------------------------------------------------------------------
 */

static bool is_on_stack(struct python_reader *reader, uint64_t address, struct python_stack *stack)
{
    if (!plausible(address))
        return false;
    uint64_t coroutine = object_word(reader, address + reader->asyncio.task_coro);
    uint64_t frame = task_frame_of(reader, coroutine);
    for (uint32_t i = 0; frame && i < stack->depth; i++) {
        if (stack->frames[i].address != frame)
            continue;
        struct python_task *task = &stack->task;
        task->address = address;
        task->coroutine = coroutine;
        task->root = i;
        task_read_name(reader, address, task);
        return true;
    }
    return false;
}

/* Before 3.14: the values of the dict that says which task each loop runs. */
static void look_in_dict(struct python_reader *reader, struct python_stack *stack)
{
    const struct layout *row = &reader->python->layout;
    uint64_t keys = object_word(reader, reader->asyncio.current_tasks + row->dict_keys);
    const uint8_t *head = plausible(keys) && row->keys_indices <= KEYS_HEAD_MAX
                              ? view_at(reader->view, keys, row->keys_indices, 0)
                              : NULL;
    if (!head)
        return;
    uint64_t slots = layout_has(row->keys_log2_size) ? UINT64_C(1) << (head[row->keys_log2_size] & 31)
                                                     : load_u64(head + row->keys_table_size);
    uint64_t count = load_u64(head + row->keys_entry_count);
    if (slots == 0 || slots > 0xff || count > slots)
        return; /* more loops than anybody has */
    uint64_t at = keys + row->keys_indices + slots;
    for (uint64_t i = count; i-- > 0;) { /* the newest last; entries: hash, loop, task */
        uint64_t task = object_word(reader, at + i * 24 + 16);
        if (task && is_on_stack(reader, task, stack))
            return;
    }
}

void task_of_stack(struct python_reader *reader, bool generators, struct python_stack *stack)
{
    const struct python_asyncio *asyncio = &reader->asyncio;
    if (!generators || stack->depth == 0)
        return;
    if (layout_has(asyncio->thread_task))
        is_on_stack(reader, reader->running_task, stack);
    else if (asyncio->interpreter == reader->thread.interpreter)
        look_in_dict(reader, stack);
}

/* --- listing -------------------------------------------------------------------------------------------------------
 */

void python_tasks_begin(struct python_reader *reader)
{
    view_clear(reader->view);
    view_begin(reader->view, NULL, 0);
}

void python_tasks_end(struct python_reader *reader)
{
    view_clear(reader->view);
}

/* 3.14+: a ring of nodes inside the tasks, closed by one in the thread state. */
static uint64_t next_in_ring(struct python_reader *reader, struct python_task_cursor *cursor)
{
    if (cursor->steps++ == 0)
        cursor->first = reader->thread.address + reader->asyncio.thread_tasks;
    uint64_t node = object_word(reader, cursor->next ? cursor->next : cursor->first);
    cursor->next = node;
    return node && node != cursor->first && cursor->steps < STEPS_MAX ? node - reader->asyncio.task_node : 0;
}

/* Before: the entries (weak reference, hash) of a set. */
static uint64_t next_in_set(struct python_reader *reader, struct python_task_cursor *cursor)
{
    uint32_t head = object_head(reader);
    uint64_t set = reader->asyncio.all_tasks;
    if (cursor->steps++ == 0) {
        cursor->total = object_word(reader, set + head + 8);
        cursor->first = object_word(reader, set + head + 16) + 1; /* entries */
        cursor->table = object_word(reader, set + head + 24);
    }
    if (cursor->first > TABLE_MAX)
        return 0;
    for (uint32_t i = 0; i < EMPTY_MAX && cursor->next < cursor->first; i++) {
        uint64_t reference = object_word(reader, cursor->table + cursor->next++ * 16);
        uint64_t task = reference ? object_word(reader, reference + head) : 0;
        if (task && object_kind(reader, task) == OBJECT_TASK)
            return task;
    }
    return 0;
}

uint64_t python_tasks_next(struct python_reader *reader, struct python_task_cursor *cursor)
{
    if (layout_has(reader->asyncio.thread_tasks))
        return next_in_ring(reader, cursor);
    return reader->asyncio.interpreter == reader->thread.interpreter ? next_in_set(reader, cursor) : 0;
}

/* --- a crowd --------------------------------------------------------------------------------------------------------
 */

/* To the next node; past the head it begins anew, and knows how many there are. */
static bool walk_on(struct python_reader *reader, struct python_task_crowd *crowd)
{
    uint64_t head = reader->thread.address + reader->asyncio.thread_tasks;
    uint64_t node = object_word(reader, crowd->node ? crowd->node : head);
    crowd->node = node == head ? 0 : node;
    if (node == head || crowd->walked >= STEPS_MAX) { /* one that does not come back has as many at least */
        crowd->counted = true;
        crowd->total = crowd->walked;
    }
    crowd->walked = node == 0 || node == head || crowd->walked >= STEPS_MAX ? 0 : crowd->walked + 1;
    if (crowd->walked == 0)
        crowd->node = 0;
    return node != 0;
}

/* Is the node still one of a task in a ring? */
static bool node_stands(struct python_reader *reader, uint64_t node)
{
    return object_word(reader, object_word(reader, node) + 8) == node &&
           object_kind(reader, node - reader->asyncio.task_node) == OBJECT_TASK;
}

bool python_tasks_count(struct python_reader *reader, struct python_task_crowd *crowd, uint32_t steps)
{
    if (!layout_has(reader->asyncio.thread_tasks)) {
        bool own = reader->asyncio.interpreter == reader->thread.interpreter;
        crowd->total = own ? object_word(reader, reader->asyncio.all_tasks + object_head(reader) + 8) : 0;
        crowd->total = crowd->total <= TABLE_MAX ? crowd->total : 0;
        return crowd->counted = true;
    }
    if (crowd->node && !node_stands(reader, crowd->node))
        crowd->node = crowd->walked = 0;
    for (; !crowd->counted && steps > 0; steps--) {
        if (!walk_on(reader, crowd))
            break;
    }
    return crowd->counted;
}

/* Places of the set's table lie in the order of addresses, at regular distances: they are tried as a hash has it. */
static uint64_t pick_in_set(struct python_reader *reader, struct python_task_crowd *crowd)
{
    enum { TRIES = 64 };
    uint32_t head = object_head(reader);
    uint64_t set = reader->asyncio.all_tasks, mask = object_word(reader, set + head + 16);
    uint64_t table = object_word(reader, set + head + 24);
    if (mask >= TABLE_MAX || reader->asyncio.interpreter != reader->thread.interpreter)
        return 0;
    for (int i = 0; i < TRIES; i++) {
        uint64_t reference = object_word(reader, table + (hash_u64(crowd->step++) & mask) * 16);
        uint64_t task = reference ? object_word(reader, reference + head) : 0;
        if (task && object_kind(reader, task) == OBJECT_TASK)
            return task;
    }
    return 0;
}

uint64_t python_tasks_pick(struct python_reader *reader, struct python_task_crowd *crowd, uint32_t stride)
{
    if (!layout_has(reader->asyncio.thread_tasks))
        return pick_in_set(reader, crowd);
    for (uint32_t i = 0; i < stride; i++) {
        if (!walk_on(reader, crowd))
            return 0;
    }
    if (crowd->node == 0) /* its head is no task */
        walk_on(reader, crowd);
    return crowd->node ? crowd->node - reader->asyncio.task_node : 0;
}
