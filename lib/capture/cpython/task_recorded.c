/* The task of a stack as the kernel sampler read it; see tasks.h and wire/kernel_sample.h. */
#include "capture/cpython/internal.h"
#include "wire/kernel_sample.h"

bool python_tasks_wire(const struct python_asyncio *asyncio, struct wire_tasks *wire)
{
    *wire = (struct wire_tasks){0};
    if (!asyncio->known || !layout_has(asyncio->thread_task))
        return false;
    *wire = (struct wire_tasks){asyncio->thread_task, asyncio->task_coro, asyncio->task_name};
    return true;
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

void python_stack_of_task(struct python_reader *reader, const struct python_task *task, struct python_stack *stack)
{
    uint64_t frame = task->coroutine + reader->python->layout.generator_iframe; /* 3.14+ */
    for (uint32_t i = 0; i < stack->depth; i++) {
        if (stack->frames[i].address != frame)
            continue;
        stack->task = *task;
        stack->task.root = i;
        return;
    }
}
