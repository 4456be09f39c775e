/* A task that waits: the coroutines in which it is suspended, and what is at the end of them; see tasks.h. */
#include "capture/cpython/internal.h"

enum { VALUES_MAX = 65536 };

/* Does the frame stand in an await (a `yield from`), as the instruction behind its own tells? Where the state of the
 * generator tells, there is no opcode to compare. */
static bool stands_in_await(struct python_reader *reader, const struct python_frame *frame)
{
    const struct layout *row = &reader->python->layout;
    if (!row->await_opcodes[0])
        return true;
    uint64_t code = layout_has(row->code_bytes) ? object_word(reader, frame->code + row->code_bytes) + row->bytes_data
                                                : frame->code + row->code_instructions;
    const uint8_t *next = frame->offset < 0 ? NULL : view_at(reader->view, code + (uint32_t)frame->offset + 2, 2, 0);
    if (!next || (next[0] != row->await_opcodes[0] && next[0] != row->await_opcodes[1]))
        return false;
    return !layout_has(row->frame_owner) || next[1] >= 2; /* RESUME behind an await */
}

/* The object that a suspended frame awaits; 0: none, or not known. */
static uint64_t awaited(struct python_reader *reader, const struct python_frame *frame)
{
    const struct layout *row = &reader->python->layout;
    uint64_t end;
    if (!stands_in_await(reader, frame))
        return 0;
    if (layout_has(row->frame_stackpointer)) {
        end = object_word(reader, frame->address + row->frame_stackpointer);
    } else {
        const uint8_t *bytes = view_at(reader->view, frame->address + row->frame_stackdepth, 4, 0);
        uint32_t depth = bytes ? load_u32(bytes) : 0;
        if (depth == 0 || depth > VALUES_MAX)
            return 0;
        uint64_t values = frame->address + row->frame_values;
        end = (layout_has(row->generator_iframe) ? values : object_word(reader, values)) + depth * UINT64_C(8);
    }
    return object_word(reader, end - row->await_value * 8) & ~(uint64_t)row->code_tag_mask;
}

static enum python_task_state state_of(struct python_reader *reader, uint64_t coroutine, bool *may_await)
{
    const struct layout *row = &reader->python->layout;
    *may_await = true;
    if (!layout_has(row->generator_state))
        return task_frame_of(reader, coroutine) ? TASK_WAITS : TASK_OVER;
    const uint8_t *byte = view_at(reader->view, coroutine + row->generator_state, 1, 0);
    int8_t state = byte ? (int8_t)*byte : INT8_MAX;
    *may_await = state >= row->await_low && state <= row->await_high;
    if (state >= row->over_state)
        return state == row->over_state ? TASK_RUNS : TASK_OVER;
    return state == row->created_state ? TASK_READY : TASK_WAITS;
}

/* From one awaited object to the coroutine behind it; 0: there is none. */
static uint64_t coroutine_behind(struct python_reader *reader, uint64_t object, struct python_task_view *view)
{
    for (int i = 0; i < 4; i++) {
        switch (object_kind(reader, object)) {
        case OBJECT_COROUTINE:
            return object;
        case OBJECT_ASEND:
        case OBJECT_WRAPPER:
            object = object_word(reader, object + object_head(reader));
            break;
        case OBJECT_AWAITING:
            object = object_word(reader, object + object_head(reader));
            object_type_name(reader, object, view->on, sizeof(view->on));
            view->awaits = object_kind(reader, object) == OBJECT_TASK ? object : 0;
            return 0;
        default:
            object_type_name(reader, object, view->on, sizeof(view->on));
            return 0;
        }
    }
    return 0;
}

static void reverse(struct python_stack *stack)
{
    for (uint32_t i = 0, j = stack->depth; i + 1 < j; i++) {
        struct python_frame frame = stack->frames[i];
        stack->frames[i] = stack->frames[--j];
        stack->frames[j] = frame;
    }
}

static void walk_chain(struct python_reader *reader, struct python_task_view *view, struct python_stack *stack)
{
    uint64_t coroutine = view->task.coroutine;
    bool may_await = false;
    view->state = state_of(reader, coroutine, &may_await);
    while (coroutine && stack->depth < TASK_DEPTH_MAX) {
        struct python_frame *frame = &stack->frames[stack->depth];
        enum python_task_state state = state_of(reader, coroutine, &may_await);
        if (state == TASK_OVER || !python_frame_at(reader, task_frame_of(reader, coroutine), frame))
            break;
        if (stack->depth++ == 0 && !layout_has(reader->python->layout.generator_state) && frame->offset < 0)
            view->state = TASK_READY;
        uint64_t object = may_await && view->state == TASK_WAITS ? awaited(reader, frame) : 0;
        coroutine = object ? coroutine_behind(reader, object, view) : 0;
    }
    stack->truncated = coroutine != 0 && stack->depth == TASK_DEPTH_MAX;
    reverse(stack);
}

bool python_read_task(struct python_reader *reader, uint64_t address, struct python_task_view *view,
                      struct python_stack *stack)
{
    memset(view, 0, sizeof(*view));
    stack->depth = 0;
    stack->truncated = false;
    if (object_kind(reader, address) != OBJECT_TASK)
        return false;
    view->loop = object_word(reader, address + object_head(reader));
    view->task.address = address;
    view->task.coroutine = object_word(reader, address + reader->asyncio.task_coro);
    if (object_kind(reader, view->task.coroutine) != OBJECT_COROUTINE)
        return false;
    task_read_name(reader, address, &view->task);
    walk_chain(reader, view, stack);
    if (view->state == TASK_OVER)
        return true;
    view->awaiter.address = task_awaiter(reader, address);
    if (view->awaiter.address) {
        view->awaiter.coroutine = object_word(reader, view->awaiter.address + reader->asyncio.task_coro);
        task_read_name(reader, view->awaiter.address, &view->awaiter);
    }
    return true;
}
