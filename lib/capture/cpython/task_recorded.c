/* The task of a stack as the kernel sampler read it; see tasks.h and wire/kernel_sample.h. */
#include "capture/cpython/internal.h"
#include "wire/kernel_sample.h"

void python_tasks_wire(const struct python *python, const struct python_asyncio *asyncio, uint64_t interpreter,
                       struct wire_tasks *wire)
{
    const struct layout *row = &python->layout;
    bool inside = layout_has(row->generator_iframe), dict = !layout_has(asyncio->thread_task);
    *wire = (struct wire_tasks){0};
    if (!asyncio->known || (dict && asyncio->interpreter != interpreter))
        return;
    *wire = (struct wire_tasks){
        .coroutine = asyncio->task_coro,
        .name = asyncio->task_name,
        .frame = inside ? row->generator_iframe : row->generator_frame,
        .frame_inside = inside,
        .running = dict ? 0 : asyncio->thread_task,
        .current = dict ? asyncio->current_tasks : 0,
        .dict_keys = row->dict_keys,
        .keys_log2_size = layout_has(row->keys_log2_size) ? row->keys_log2_size : WIRE_NONE,
        .keys_table_size = row->keys_table_size,
        .keys_count = row->keys_entry_count,
        .keys_entries = row->keys_indices,
    };
}

/* The name's text lies in the copied bytes, or the task stays unknown: cut, it would be another task's. */
static bool take_text(const struct layout *row, const struct wire_task *wire, struct python_task *task)
{
    if (wire->name_bytes < row->str_ascii_size)
        return false;
    struct text_part part = text_part_of(row, wire->name_address, wire->name, UINT32_MAX);
    uint64_t at = part.address - wire->name_address, size = (uint64_t)part.kind * part.length;
    size = size < TASK_RAW_BYTES ? size : TASK_RAW_BYTES;
    if (part.kind == 0 || at > wire->name_bytes || size > wire->name_bytes - at)
        return false;
    task->kind = (uint8_t)part.kind;
    task->length = part.length;
    memcpy(task->raw, wire->name + at, size);
    return true;
}

bool python_task_recorded(struct python_reader *reader, const struct wire_task *wire, struct python_task *task)
{
    const struct layout *row = &reader->python->layout;
    uint32_t head = object_head(reader);
    memset(task, 0, sizeof(*task));
    task->address = wire->address;
    task->coroutine = wire->coroutine;
    if (!plausible(wire->coroutine) || wire->name_bytes > WIRE_NAME_BYTES || wire->name_bytes < head + 16)
        return false;
    python_tasks_begin(reader);
    enum object_kind kind = object_kind_of(reader, load_u64(wire->name + row->object_type));
    python_tasks_end(reader);
    if (kind == OBJECT_INT)
        task->number = task_number(load_u64(wire->name + head), wire->name + head + 8);
    return kind == OBJECT_STR ? take_text(row, wire, task) : task->number != 0;
}

void python_stack_of_task(const struct python_task *task, uint64_t frame, struct python_stack *stack)
{
    for (uint32_t i = 0; i < stack->depth; i++) {
        if (stack->frames[i].address != frame)
            continue;
        stack->task = *task;
        stack->task.root = i;
        return;
    }
}
