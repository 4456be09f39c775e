/*
 * Records of the kernel sampler's ring that lie, and what is made of them: stacks, code objects with their names and
 * lines, tasks, pieces of a native stack. The first byte chooses the version; then records, each with its kind, how
 * much of it is there, and words that are written into a good one. A word below 64 KiB becomes an address inside of our
 * own memory, which plays the target's.
 */
#include "capture/cpython/internal.h"
#include "capture/cpython/operands.h"
#include "capture/interner.h"
#include "capture/kernel_record.h"
#include "capture/native_stack.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

enum {
    ARENA = 1 << 16,
    INTERPRETER_AT = 4096,
    CODE_AT = 8192,
    TYPE_AT = 12288,
    STR_AT = 14336,
    NAME_AT = 16384,
    FRAMES_AT = 32768,
    FRAME_BYTES = 128,
    MARK = 7,
    DEPTH = 6, /* of a good sample */
    RECORDS_MAX = 32,
    WORDS_MAX = 16,
    RECORD_MOST = sizeof(struct wire_native)
};

struct target {
    struct python python;
    struct python_reader *reader;
    struct tracked_process *process;
    struct tracked_thread thread;
    struct python_stack stack;
    struct python_loops loops;
    struct python_task task;
    uint64_t task_frame;
    atomic_uint pieces;
};

static uint8_t *arena;
static struct interner interner; /* which knows nothing from one input to the next but where its memory is */

static uint64_t address(uint64_t offset)
{
    return (uint64_t)(uintptr_t)arena + offset;
}

static void put(uint64_t offset, uint64_t value)
{
    memcpy(arena + offset, &value, sizeof value);
}

/* ---- what takes the records ---------------------------------------------------------------------------------------
 */

static void take_sample(void *context, const struct wire_sample *sample, const struct wire_frame *frames)
{
    struct target *target = context;
    struct python_stack *stack = &target->stack;
    stack->loops = (sample->time_ns & 1) != 0 ? &target->loops : NULL; /* two ways to walk */
    enum python_read_result result = python_stack_recorded(target->reader, sample, frames, stack);
    MUST(stack->depth <= sample->depth && stack->depth <= PYTHON_DEPTH_MAX);
    MUST(target->loops.n <= PYTHON_LOOPS_MAX);
    if (result != PYTHON_READ_OK) {
        MUST(stack->depth == 0);
        return;
    }
    python_stack_of_task(&target->task, target->task_frame, stack);
    MUST(stack->task.address == 0 || stack->task.root < stack->depth);
    if (interner_intern_marked(&interner, &target->thread, stack, sample->time_ns))
        MUST(target->thread.depth == stack->depth);
    MUST(target->thread.depth <= stack->depth);
}

/* All that is asked of the names and lines that it came with. */
static void take_code(void *context, const struct wire_code *code, const uint8_t *table)
{
    struct target *target = context;
    struct python_code resolved;
    struct buf copy = {0};
    uint64_t sum = 0;
    interner_learn(&interner, target->process, code, table, 1);
    if (python_code_recorded(&target->python, code, table, &sum, &copy) == 0) {
        MUST(sum != 0);
        if (python_code_resolve(&target->python, &copy, &resolved) == 0) {
            MUST(resolved.name != NULL && resolved.file != NULL);
            for (int32_t offset = -1; offset < 64; offset += 13)
                MUST(python_code_line(&resolved, offset) <= INT32_MAX);
            python_code_release(&resolved);
        }
    }
    buf_release(&copy);
}

static void take_native(void *context, const struct wire_native *native)
{
    struct target *target = context;
    struct native_piece *piece = native_piece_new(native, &target->pieces);
    MUST(piece != NULL && piece->size <= sizeof native->bytes);
    native_piece_drop(piece);
    MUST(atomic_load(&target->pieces) == 0);
}

static void take_task(void *context, const struct wire_task *task)
{
    struct target *target = context;
    target->task_frame = task->frame;
    if (!python_task_recorded(target->reader, task, &target->task))
        target->task.address = 0;
    python_task_key(&target->task);
}

static void take_operands(void *context, const struct wire_operands *operands)
{
    struct target *target = context;
    for (size_t i = 0; i < WIRE_OPERANDS; i++)
        python_operand_type(&target->python, operands->bytes[i]);
}

/* ---- records -------------------------------------------------------------------------------------------------------
 */

static void make_sample(uint8_t *record)
{
    struct wire_sample sample = {.kind = WIRE_SAMPLE, .time_ns = 1, .depth = DEPTH, .entry_frame = address(FRAMES_AT)};
    struct wire_frame frames[DEPTH] = {{0}};
    for (uint32_t i = 0; i < DEPTH; i++)
        frames[i] = (struct wire_frame){.address = address(FRAMES_AT + i * FRAME_BYTES),
                                        .code = address(CODE_AT),
                                        .offset = 2,
                                        .mark = MARK,
                                        .entry = i == DEPTH - 1};
    frames[DEPTH - 1].owner = 3; /* the interpreter's own, where versions have one */
    memcpy(record, &sample, sizeof sample);
    memcpy(record + sizeof sample, frames, sizeof frames);
}

static void make_code(const struct target *target, uint8_t *record)
{
    struct wire_code code = {.kind = WIRE_CODE, .mark = MARK, .address = address(CODE_AT), .table_bytes = 64};
    memcpy(code.head, arena + CODE_AT, sizeof code.head);
    for (size_t i = 0; i < WIRE_TEXTS; i++) {
        code.text_addresses[i] = address(NAME_AT);
        code.text_bytes[i] = target->python.layout.str_ascii_size + 16;
        memcpy(code.texts[i], arena + NAME_AT, sizeof code.texts[i]);
    }
    memcpy(record, &code, sizeof code);
}

/* A good one; returns how long it is. */
static size_t make_record(const struct target *target, uint32_t kind, uint8_t record[RECORD_MOST])
{
    static const size_t sizes[] = {[WIRE_SAMPLE] = sizeof(struct wire_sample) + DEPTH * sizeof(struct wire_frame),
                                   [WIRE_CODE] = sizeof(struct wire_code) + 64,
                                   [WIRE_WAITED] = sizeof(struct wire_waited),
                                   [WIRE_CORE] = sizeof(struct wire_core_wanted),
                                   [WIRE_NATIVE] = sizeof(struct wire_native),
                                   [WIRE_TASK] = sizeof(struct wire_task),
                                   [WIRE_OPERANDS_OF] = sizeof(struct wire_operands),
                                   [WIRE_DELAYED] = sizeof(struct wire_delayed)};
    struct wire_task task = {.kind = WIRE_TASK,
                             .name_bytes = WIRE_NAME_BYTES,
                             .address = address(CODE_AT),
                             .coroutine = address(CODE_AT),
                             .frame = address(FRAMES_AT + FRAME_BYTES),
                             .name_address = address(NAME_AT)};
    memset(record, 0, sizes[kind]);
    memcpy(record, &kind, sizeof kind);
    if (kind == WIRE_SAMPLE)
        make_sample(record);
    if (kind == WIRE_CODE)
        make_code(target, record);
    if (kind == WIRE_TASK) {
        memcpy(task.name, arena + NAME_AT, sizeof task.name);
        memcpy(record, &task, sizeof task);
    }
    return sizes[kind];
}

struct input {
    const uint8_t *at, *end;
};

static uint64_t take(struct input *input, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes && input->at < input->end; i++)
        value |= (uint64_t)*input->at++ << 8 * i;
    return value;
}

/* Its kind, how much is cut off, how many words are written into it; of each where, how many bytes and what. */
static void give_record(struct target *target, const struct kernel_taker *taker, struct input *input)
{
    static uint64_t good[RECORD_MOST / 8 + 1];
    uint8_t *record = (uint8_t *)good;
    size_t size = make_record(target, (uint32_t)take(input, 1) % (WIRE_DELAYED + 1), record);
    size_t cut = (size_t)take(input, 1), words = (size_t)take(input, 1) % WORDS_MAX;
    for (; words > 0; words--) {
        size_t where = (size_t)take(input, 2), bytes = (size_t)take(input, 1) % 9;
        uint64_t word = take(input, bytes);
        if (bytes == 8 && word != 0 && word < ARENA)
            word = address(word);
        if (where + bytes <= size)
            memcpy(record + where, &word, bytes);
    }
    size -= cut < 0xE0 ? 0 : (cut - 0xDF) * 8 < size ? (cut - 0xDF) * 8 : size;
    uint8_t *copy = malloc(size > 0 ? size : 1); /* its own, so that a byte behind it is seen */
    MUST(copy != NULL);
    memcpy(copy, record, size);
    kernel_record_give(taker, copy, size);
    free(copy);
}

/* ---- the target ----------------------------------------------------------------------------------------------------
 */

/* A code object of the version, its type, and a string that serves for all of its texts. */
static void make_memory(const struct layout *row)
{
    const uint32_t state = (1u | 8u | 16u) << row->str_kind_shift; /* a byte a character, compact, ASCII */
    memset(arena, 0, ARENA);
    put(CODE_AT + row->object_type, address(TYPE_AT));
    put(TYPE_AT + row->type_name, address(TYPE_AT + 512));
    memcpy(arena + TYPE_AT + 512, "code", 5);
    memset(arena + NAME_AT, 'n', WIRE_TEXT_BYTES);
    put(NAME_AT + row->object_type, address(STR_AT));
    put(NAME_AT + row->str_length, 8);
    if (!row->byte_strings)
        memcpy(arena + NAME_AT + row->str_state, &state, sizeof state);
    put(STR_AT + row->type_name, address(STR_AT + 512));
    memcpy(arena + STR_AT + 512, "str", 4);
    if (layout_has(row->thread_interpreter))
        put(row->thread_interpreter, address(INTERPRETER_AT));
}

static bool make_target(struct target *target, size_t version)
{
    static const struct {
        int major, minor;
    } versions[] = {{3, 8}, {3, 10}, {3, 11}, {3, 12}, {3, 13}, {3, 14}, {3, 15}, {3, 7}, {2, 7}};
    static struct python_frame frames[PYTHON_DEPTH_MAX];
    static uint64_t static_codes[STATIC_CODES];
    version %= sizeof versions / sizeof versions[0];
    target->python = (struct python){.remote = {.pid = getpid()}, .static_codes = static_codes};
    target->python.layout = *layout_find(versions[version].major, versions[version].minor);
    memset(static_codes, 0, sizeof static_codes);
    make_memory(&target->python.layout);
    struct python_thread thread = {.address = address(0), .interpreter = address(INTERPRETER_AT)};
    target->stack.frames = frames;
    target->process = calloc(1, sizeof *target->process);
    MUST(target->process != NULL && stack_store_init(&target->process->store) == 0);
    target->process->python = &target->python;
    target->thread.process = target->process;
    target->reader = python_reader_new(&target->python, &thread);
    return target->reader != NULL;
}

static void free_target(struct target *target)
{
    python_reader_free(target->reader);
    stack_store_release(&target->process->store);
    mem_free(target->thread.frames);
    mem_free(target->thread.nodes);
    free(target->process);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct target target;
    if (arena == NULL)
        arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (size < 1 || arena == MAP_FAILED || (interner.codes == NULL && interner_init(&interner) != 0))
        return 0;
    struct input input = {data + 1, data + size};
    const struct kernel_taker taker = {.context = &target,
                                       .sample = take_sample,
                                       .code = take_code,
                                       .native = take_native,
                                       .task = take_task,
                                       .operands = take_operands};
    target = (struct target){0};
    if (make_target(&target, data[0])) {
        for (int i = 0; i < RECORDS_MAX && input.at < input.end; i++)
            give_record(&target, &taker, &input);
    }
    free_target(&target);
    return 0;
}
