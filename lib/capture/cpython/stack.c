/*
 * Reads the stack of one thread. Timed path, no allocation: one vectored read brings the thread state, the collector's
 * flag, the GIL's holder where that is not in the thread state, and the pages that the frames of the last readings lie
 * in (view.h); the chain is then walked in our own copy. Whatever the target holds, the walk ends.
 */
#include "capture/cpython/internal.h"
#include "capture/cpython/view.h"
#include "wire/kernel_sample.h"

enum {
    FIXED_PARTS = 5,
    CFRAME_BYTES = 24,
    OWNED_BY_GENERATOR = WIRE_OWNED_BY_GENERATOR,
    CHUNK_SPAN = 64 << 10,            /* how far above a chunk's start its frames are looked for */
    OFFSET_MAX = 256 << 20,           /* bytes of instructions in one code object */
    STEPS_MAX = PYTHON_DEPTH_MAX * 3, /* frames and helpers between them */
};

static uint64_t thread_u64(const struct python_reader *reader, uint32_t offset)
{
    return layout_has(offset) ? load_u64(reader->thread_bytes + offset - reader->thread_window.low) : 0;
}

/* What is read of every thread, whatever its stack. Returns how many parts. */
static size_t fixed_parts(struct python_reader *reader, struct remote_part parts[FIXED_PARTS])
{
    size_t count = 0;
    parts[count++] = (struct remote_part){.address = reader->thread.address + reader->thread_window.low,
                                          .local = reader->thread_bytes,
                                          .size = reader->thread_window.high - reader->thread_window.low};
    if (reader->gc_address)
        parts[count++] =
            (struct remote_part){reader->gc_address, &reader->gc_collecting, sizeof(reader->gc_collecting)};
    if (reader->holder_address)
        parts[count++] = (struct remote_part){reader->holder_address, &reader->holder, sizeof(reader->holder)};
    if (reader->python->info.free_threaded && reader->gil_address) /* the structure begins with it there */
        parts[count++] = (struct remote_part){reader->gil_address, &reader->gil_enabled, sizeof(reader->gil_enabled)};
    if (layout_has(reader->asyncio.thread_task))
        parts[count++] = (struct remote_part){reader->thread.address + reader->asyncio.thread_task,
                                              &reader->running_task, sizeof(reader->running_task)};
    return count;
}

static bool begin(struct python_reader *reader)
{
    struct remote_part parts[FIXED_PARTS];
    return view_begin(reader->view, parts, fixed_parts(reader, parts));
}

size_t python_read_plan(struct python_reader *reader, struct remote_part *parts, size_t room)
{
    struct remote_part fixed[FIXED_PARTS];
    return view_plan(reader->view, fixed, fixed_parts(reader, fixed), parts, room);
}

void python_read_planned(struct python_reader *reader)
{
    view_planned(reader->view);
}

static void say_state(const struct python_reader *reader, struct python_stack *stack)
{
    const struct layout *row = &reader->python->layout;
    stack->gc_running = reader->gc_address && reader->gc_collecting != 0;
    stack->gil_known = true;
    if (row->active_bit && layout_has(row->thread_status))
        stack->holds_gil =
            load_u32(reader->thread_bytes + row->thread_status - reader->thread_window.low) & STATUS_ACTIVE;
    else if (reader->holder_address)
        stack->holds_gil = reader->holder == reader->thread.address;
    else
        stack->gil_known = stack->holds_gil = false;
    if (reader->python->info.free_threaded && !reader->gil_enabled) {
        stack->attached = stack->holds_gil;
        stack->holds_gil = false;
    }
}

/* The innermost one. Those of a generator are kept in it. */
static uint64_t handled_exception(struct python_reader *reader)
{
    const struct layout *row = &reader->python->layout;
    if (!layout_has(row->thread_handling))
        return thread_u64(reader, row->thread_handled);
    uint64_t at = thread_u64(reader, row->thread_handling) + row->handling_value;
    uint64_t start = reader->thread.address + reader->thread_window.low;
    if (at >= start && at - start + 8 <= reader->thread_window.high - reader->thread_window.low)
        return load_u64(reader->thread_bytes + (at - start));
    const uint8_t *bytes = plausible(at) ? view_at(reader->view, at, 8, 0) : NULL;
    return bytes ? load_u64(bytes) : 0;
}

static bool has_exception(struct python_reader *reader)
{
    if (thread_u64(reader, reader->python->layout.thread_raising))
        return true;
    uint64_t handled = reader->python->none ? handled_exception(reader) : 0;
    return handled && handled != reader->python->none;
}

struct walk {
    struct python_reader *reader;
    uint64_t frame, chunk; /* chunk: start of the data-stack chunk that the walk is in, 0: none */
    uint64_t previous, code, ip;
    uint32_t tlbc_index;
    uint8_t owner;
    bool generators; /* one of the frames is a generator's; before 3.11 they do not tell */
    bool is_entry;   /* 3.11 only: the first frame of a call of the interpreter loop */
    /* of a stack that the kernel sampler read: its frames, and the outermost loop's */
    const struct wire_frame *recorded;
    uint32_t recorded_left;
    uint64_t entry_frame;
    const struct moved_stack *moved; /* of a stack that no thread runs; NULL: one does */
    uint64_t mark;                   /* Brent's cycle detection: a frame remembered for twice as long each time */
    uint32_t power, since;
};

/* The floor for reading ahead: frames of a chunk lie below each other down to its start. */
static uint64_t floor_of(struct walk *walk)
{
    uint64_t chunk = walk->chunk;
    if (!chunk)
        return 0;
    if (walk->frame - chunk < CHUNK_SPAN)
        return chunk;
    const uint8_t *header = view_at(walk->reader->view, chunk, 8, 0);
    uint64_t previous = header ? load_u64(header) : 0;
    if (!plausible(previous) || walk->frame - previous >= CHUNK_SPAN)
        return 0; /* a frame outside of the chunks */
    return walk->chunk = previous;
}

/* The same of a frame that the kernel sampler read. */
static bool look_recorded(struct walk *walk)
{
    const struct wire_frame *frame = walk->recorded;
    if (walk->recorded_left == 0)
        return false;
    walk->code = frame->code;
    walk->owner = frame->owner;
    walk->is_entry = frame->entry != 0;
    walk->recorded++;
    walk->previous = --walk->recorded_left > 0 ? walk->recorded->address : 0;
    return true;
}

/* Looks at the frame. False when it cannot be read. */
static bool look(struct walk *walk)
{
    if (walk->recorded)
        return look_recorded(walk);
    const struct layout *row = &walk->reader->python->layout;
    const struct window *window = &walk->reader->frame_window;
    uint64_t at = walk->frame;
    if (walk->moved && at - walk->moved->start < walk->moved->size)
        at += walk->moved->copy - walk->moved->start;
    const uint8_t *bytes = view_at(walk->reader->view, at + window->low, window->high - window->low, floor_of(walk));
    if (!bytes)
        return false;
    bytes -= window->low;
    walk->previous = load_u64(bytes + row->frame_previous);
    walk->code = load_u64(bytes + row->frame_code) & ~(uint64_t)row->code_tag_mask;
    walk->ip = row->ip_kind == IP_INDEX ? load_u32(bytes + row->frame_ip) : load_u64(bytes + row->frame_ip);
    walk->owner = layout_has(row->frame_owner) ? bytes[row->frame_owner] : 0;
    walk->is_entry = layout_has(row->frame_owner) && row->frame_owner > window->low &&
                     bytes[row->frame_owner - 1] != 0; /* is_entry, owner */
    walk->tlbc_index = layout_has(row->frame_tlbc_index) ? load_u32(bytes + row->frame_tlbc_index) : 0;
    return true;
}

/* Where the frame's copy of the instructions begins; 0 when it cannot be told. */
static uint64_t instructions_of(struct walk *walk)
{
    const struct layout *row = &walk->reader->python->layout;
    if (!layout_has(row->code_tlbc) || walk->tlbc_index == 0)
        return walk->code + row->code_instructions;
    if (walk->tlbc_index > 65536)
        return 0;
    const uint8_t *bytes = view_at(walk->reader->view, walk->code + row->code_tlbc, 8, 0);
    uint64_t array = bytes ? load_u64(bytes) : 0;
    bytes = plausible(array) ? view_at(walk->reader->view, array + 8 + (uint64_t)walk->tlbc_index * 8, 8, 0) : NULL;
    return bytes ? load_u64(bytes) : 0;
}

static bool offset_of(struct walk *walk, int32_t *offset)
{
    const struct layout *row = &walk->reader->python->layout;
    int64_t bytes;
    if (walk->recorded) {
        bytes = walk->recorded[-1].offset;
    } else if (row->ip_kind == IP_INDEX) {
        bytes = (int64_t)(int32_t)walk->ip * row->ip_scale;
    } else {
        uint64_t start = instructions_of(walk);
        if (start == 0)
            return false;
        bytes = (int64_t)(walk->ip - start);
    }
    if (bytes < -2 || bytes > OFFSET_MAX)
        return false;
    *offset = bytes < 0 ? -1 : (int32_t)bytes;
    return true;
}

/* True when the frame is none of the program's: the interpreter's own between C and Python, a constructor call's
 * helper, or one popped a moment ago whose code is gone already. */
static bool is_helper(const struct walk *walk, const struct python_stack *stack)
{
    const struct layout *row = &walk->reader->python->layout;
    if (row->shim_owner && walk->owner >= row->shim_owner)
        return true;
    if (walk->code == 0 && stack->depth == 0 && row->code_tag_mask)
        return true;
    return row->init_shim && python_is_shim_code(walk->reader->python, walk->code);
}

/* The innermost frame's address; false when it cannot be read. 0: none. */
static bool innermost(struct python_reader *reader, uint64_t *frame)
{
    const struct layout *row = &reader->python->layout;
    *frame = thread_u64(reader, row->thread_frame);
    if (!layout_has(row->thread_cframe))
        return true;
    uint64_t cframe = thread_u64(reader, row->thread_cframe);
    if (cframe == 0)
        return true;
    const uint8_t *bytes = plausible(cframe) ? view_at(reader->view, cframe + row->cframe_frame, 8, 0) : NULL;
    if (bytes)
        *frame = load_u64(bytes);
    return bytes != NULL;
}

/*
 * True when the outermost call of the interpreter loop, by the chain of C frames, runs a frame of this stack. A loop
 * just entered points for an instant at whatever frame its place on the C stack last held.
 */
static bool begins_at_entry(const struct walk *walk, const struct python_stack *stack)
{
    const struct layout *row = &walk->reader->python->layout;
    uint64_t cframe = walk->recorded ? 0 : thread_u64(walk->reader, row->thread_cframe);
    uint64_t outermost = walk->entry_frame;
    for (uint32_t steps = 0; cframe && steps < STEPS_MAX; steps++) {
        const uint8_t *bytes = plausible(cframe) ? view_at(walk->reader->view, cframe, CFRAME_BYTES, 0) : NULL;
        if (!bytes)
            return false;
        uint64_t frame = load_u64(bytes + row->cframe_frame);
        outermost = frame ? frame : outermost;
        cframe = load_u64(bytes + row->cframe_previous);
    }
    for (uint32_t i = stack->depth; i-- > 0;) {
        if (stack->frames[i].address == outermost)
            return true;
    }
    return false;
}

/*
 * True when the last frame looked at is one where stacks end. A generator that yields cuts its link to its caller
 * before the thread state stops pointing at it, and a thread can stand still right there. Since 3.12 every stack ends
 * in a frame of the interpreter's own; in 3.11 it ends in the entry of a loop, which a generator is only where C code
 * runs it. A frame that is being entered may not be linked yet either.
 */
static bool ends_well(const struct walk *walk, const struct python_stack *stack)
{
    const struct layout *row = &walk->reader->python->layout;
    if (stack->depth == 0 || !layout_has(row->frame_owner))
        return true;
    if (row->shim_owner)
        return walk->owner >= row->shim_owner;
    return walk->is_entry && (walk->owner != OWNED_BY_GENERATOR || begins_at_entry(walk, stack));
}

/*
 * True when the link between a frame that has not begun its first instruction (3.11 and 3.12 say so) and a generator is
 * in doubt: the frame may be the current one already while its link still is that of the frame whose place it took.
 * Compilers exchange these two stores, and only around generators can the two links differ.
 */
static bool is_doubtful(const struct walk *walk, const struct python_stack *stack, bool entering)
{
    return stack->depth == 1 && entering && walk->owner == OWNED_BY_GENERATOR &&
           layout_has(walk->reader->python->layout.frame_owner);
}

/* The frame that was just looked at is the outermost of a call of the loop in C: before 3.11 each frame has one, 3.11
 * marks it, later versions put one of their own behind it. */
static void count_loop(const struct walk *walk, struct python_loops *loops, bool helper)
{
    const struct layout *row = &walk->reader->python->layout;
    bool behind = row->shim_owner && walk->owner >= row->shim_owner;
    if (loops == NULL)
        return;
    loops->open += helper ? 0 : 1;
    if (row->shim_owner ? !behind : layout_has(row->frame_owner) && !walk->is_entry)
        return;
    if (loops->n < PYTHON_LOOPS_MAX)
        loops->frames[loops->n++] = loops->open;
    loops->open = 0;
}

/* True when the frame has been met. */
static bool meets_again(struct walk *walk, uint64_t frame)
{
    if (frame == walk->mark)
        return true;
    if (walk->since++ == walk->power) {
        walk->mark = frame;
        walk->power *= 2;
        walk->since = 0;
    }
    return false;
}

/* A frame of a function, run by a loop: nothing but the innermost two tells more of it. */
static bool is_plain(struct python *python, const struct wire_frame *frame)
{
    return frame->owner == 0 && (uint32_t)frame->offset <= OFFSET_MAX && plausible(frame->code) &&
           plausible(frame->address) && !(python->layout.init_shim && python_is_shim_code(python, frame->code));
}

/*
 * As many plain frames as come, of a stack that the kernel sampler read: of a deep one nearly all, and most of what it
 * costs us. The walk goes on at the first other one, or is at its end.
 */
static void take_plain(struct walk *walk, struct python_stack *stack)
{
    struct python *python = walk->reader->python;
    struct walk at = *walk;
    const struct wire_frame *frame = walk->recorded, *end = frame + walk->recorded_left;
    uint32_t depth = stack->depth;
    while (frame < end && depth < PYTHON_DEPTH_MAX && is_plain(python, frame) && !meets_again(&at, frame->address)) {
        stack->frames[depth++] = (struct python_frame){
            .code = frame->code, .address = frame->address, .offset = frame->offset, .mark = frame->mark};
        frame++;
    }
    if (depth == stack->depth)
        return;
    stack->depth = depth;
    *walk = at;
    walk->owner = 0;
    walk->is_entry = frame[-1].entry != 0;
    walk->recorded = frame;
    walk->recorded_left = (uint32_t)(end - frame);
    walk->frame = frame < end ? frame->address : 0;
}

static enum python_read_result walk_stack(struct walk *walk, struct python_stack *stack)
{
    bool entering = false;
    walk->power = 1;
    for (uint32_t steps = 0; walk->frame; steps++, walk->frame = walk->previous) {
        if (walk->recorded && stack->depth > 1 && !stack->loops)
            take_plain(walk, stack);
        if (!walk->frame)
            break;
        if (!plausible(walk->frame) || meets_again(walk, walk->frame) || steps >= STEPS_MAX)
            return PYTHON_READ_INVALID;
        if (!look(walk))
            return PYTHON_READ_UNREADABLE;
        bool helper = is_helper(walk, stack);
        count_loop(walk, stack->loops, helper);
        if (helper)
            continue;
        if (stack->depth == PYTHON_DEPTH_MAX) {
            stack->truncated = true;
            return PYTHON_READ_OK;
        }
        int32_t offset;
        if (!plausible(walk->code) || !offset_of(walk, &offset) || is_doubtful(walk, stack, entering))
            return PYTHON_READ_INVALID;
        walk->generators = walk->generators || walk->owner == OWNED_BY_GENERATOR;
        entering = stack->depth == 0 && offset < 0 && walk->owner != OWNED_BY_GENERATOR;
        stack->frames[stack->depth++] = (struct python_frame){.code = walk->code,
                                                              .address = walk->frame,
                                                              .offset = offset,
                                                              .mark = walk->recorded ? walk->recorded[-1].mark : 0};
    }
    if (stack->truncated || walk->moved)
        return PYTHON_READ_OK;
    return ends_well(walk, stack) ? PYTHON_READ_OK : PYTHON_READ_INVALID;
}

bool python_frame_at(struct python_reader *reader, uint64_t address, struct python_frame *frame)
{
    struct walk walk = {.reader = reader, .frame = address};
    *frame = (struct python_frame){.address = address};
    if (!plausible(address) || !look(&walk) || !plausible(walk.code) || !offset_of(&walk, &frame->offset))
        return false;
    frame->code = walk.code;
    return true;
}

bool python_frames_from(struct python_reader *reader, uint64_t frame, const struct moved_stack *moved,
                        struct python_stack *stack)
{
    struct walk walk = {.reader = reader, .frame = frame, .moved = moved};
    stack->depth = 0;
    stack->truncated = false;
    return walk_stack(&walk, stack) == PYTHON_READ_OK && stack->depth > 0;
}

static void begin_loops(struct python_loops *loops)
{
    if (loops != NULL)
        loops->n = loops->open = 0;
}

/* Since 3.15 a frame of the interpreter's own that no loop runs ends every stack. */
static void end_loops(struct python_loops *loops)
{
    if (loops != NULL && loops->n > 1 && loops->frames[loops->n - 1] == 0)
        loops->n--;
}

/* The thread state's memory serves another purpose. Where all of Python has ended, the thread has no stack; else it may
 * have one of another state, which is not known yet. */
static enum python_read_result state_gone(struct python_reader *reader, struct python_stack *stack)
{
    stack->holds_gil = stack->attached = stack->exception = stack->gc_running = false;
    return python_has_ended(reader->python) ? PYTHON_READ_OK : PYTHON_READ_INVALID;
}

enum python_read_result python_read_stack(struct python_reader *reader, struct python_stack *stack)
{
    begin_loops(stack->loops);
    stack->depth = 0;
    stack->truncated = stack->holds_gil = stack->attached = stack->exception = stack->gil_known = stack->gc_running =
        false;
    stack->gil_address = reader->gil_address;
    stack->task.address = 0;
    stack->core = -1;
    stack->gil_size = reader->gil_size;
    if (!begin(reader))
        return PYTHON_READ_UNREADABLE;
    enum python_read_result result = PYTHON_READ_UNREADABLE;
    struct walk walk = {.reader = reader, .chunk = thread_u64(reader, reader->python->layout.thread_chunk)};
    say_state(reader, stack);
    stack->exception = has_exception(reader);
    if (thread_u64(reader, reader->python->layout.thread_interpreter) != reader->thread.interpreter)
        result = state_gone(reader, stack);
    else if (innermost(reader, &walk.frame))
        result = walk_stack(&walk, stack);
    end_loops(stack->loops);
    if (result == PYTHON_READ_OK && stack->depth > 0 && reader->asyncio.known)
        task_of_stack(reader, walk.generators || !layout_has(reader->python->layout.frame_owner), stack);
    stack->core = view_watched(reader->view) ? reader->core : -1;
    view_end(reader->view);
    if (result != PYTHON_READ_OK)
        stack->depth = 0;
    return result;
}

void python_stack_stays(const struct python_reader *reader, const struct wire_sample *sample,
                        struct python_stack *stack)
{
    stack->gil_known = true;
    stack->gc_running = (sample->flags & WIRE_GC_RUNNING) != 0;
    stack->gil_address = reader->gil_address;
    stack->gil_size = reader->gil_size;
}

enum python_read_result python_stack_recorded(struct python_reader *reader, const struct wire_sample *sample,
                                              const struct wire_frame *frames, struct python_stack *stack)
{
    python_stack_stays(reader, sample, stack);
    stack->depth = 0;
    stack->task.address = 0;
    stack->truncated = (sample->flags & WIRE_TRUNCATED) != 0;
    stack->holds_gil = (sample->flags & WIRE_HOLDS_GIL) != 0;
    begin_loops(stack->loops);
    if (sample->result == WIRE_GONE)
        return state_gone(reader, stack);
    if (sample->result != WIRE_OK)
        return sample->result == WIRE_INVALID ? PYTHON_READ_INVALID : PYTHON_READ_UNREADABLE;
    struct walk walk = {.reader = reader,
                        .frame = sample->depth > 0 ? frames[0].address : 0,
                        .recorded = frames,
                        .recorded_left = sample->depth,
                        .entry_frame = sample->entry_frame};
    enum python_read_result result = walk_stack(&walk, stack);
    if (result != PYTHON_READ_OK)
        stack->depth = 0;
    end_loops(stack->loops);
    return result;
}
