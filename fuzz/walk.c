/*
 * The frame walk and the readers of code and strings over a hostile target: our own process, with the input as the
 * memory that the thread state points to. Byte 0 chooses the version, or one that no row knows. A word below 64 KiB
 * becomes an address inside of that memory, so that the input can build chains.
 */
#include "capture/cpython/internal.h"
#include "capture/cpython/offsets.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ARENA = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(uint8_t *arena, const uint8_t *data, size_t size)
{
    memset(arena, 0, ARENA);
    memcpy(arena, data, size < ARENA ? size : ARENA);
    for (size_t at = 0; at + 8 <= ARENA; at += 8) {
        uint64_t word = load_u64(arena + at);
        if (word && word < ARENA)
            word += (uint64_t)(uintptr_t)arena;
        memcpy(arena + at, &word, sizeof(word));
    }
}

/*
 * A version that no row knows, by a table of its own: the newest row's, with a few words as the input says. Takes what
 * it uses off the input's front.
 */
static bool unknown_layout(struct layout *layout, const uint8_t **data, size_t *size)
{
    const struct layout *row = layout_newest();
    const struct offset_table *table = offset_table_find(row->minor);
    uint64_t words[OFFSETS_BYTES_MAX / 8] = {0};
    struct offset_head head = {.major = 3, .minor = row->minor + 1, .level = 0xF};
    for (const struct offset_entry *entry = table->entries; entry->field; entry++) {
        uint32_t value;
        memcpy(&value, (const char *)row + entry->field, sizeof(value));
        if (entry->bound && words[entry->bound] == 0)
            words[entry->bound] = 65536;
        words[entry->word] = value == LAYOUT_NONE || entry->add ? 0 : value;
    }
    for (int i = 0; i < 4 && *size >= 3; i++, *data += 3, *size -= 3)
        words[(*data)[0] % table->words] = (uint64_t)(*data)[1] << 8 | (*data)[2];
    head.free_threaded = *size && (*data)[0] & 1;
    return offsets_parse((const uint8_t *)words, (size_t)table->words * 8, &head, layout);
}

static void read_codes(struct python *python, const struct python_stack *stack)
{
    struct buf copy = {0};
    for (uint32_t i = 0; i < stack->depth && i < 4; i++) {
        struct python_code code;
        uint64_t sum;
        python->code_type = 0;
        python_code_checksums(python, &stack->frames[i].code, 1, &sum);
        if (python_code_copy(python, stack->frames[i].code, &copy) || python_code_resolve(python, &copy, &code))
            continue;
        python_code_line(&code, stack->frames[i].offset);
        python_code_release(&code);
    }
    buf_release(&copy);
}

enum { NAME_ROOM = 32, TASKS_MAX = 64, CHAIN_FIELD = 64 };

/* Names of types at the end of the memory, for words to point at. */
static void add_type_names(uint8_t *arena)
{
    static const char *const names[] = {"_asyncio.Task",
                                        "_asyncio.Future",
                                        "_asyncio.FutureIter",
                                        "coroutine",
                                        "coroutine_wrapper",
                                        "async_generator_asend",
                                        "method",
                                        "function",
                                        "tuple",
                                        "cell",
                                        "list",
                                        "functools.partial",
                                        "builtin_function_or_method",
                                        "str",
                                        "int",
                                        "TaskGroup",
                                        "TaskWakeupMethWrapper"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        memcpy(arena + ARENA - (i + 1) * NAME_ROOM, names[i], strlen(names[i]) + 1);
}

/* asyncio's tasks, as 3.14 has them (a ring) and as those before (a dict and a set). */
static void read_tasks(struct python *python, const struct python_thread *thread, struct python_stack *stack, bool ring)
{
    static struct python_frame frames[TASK_DEPTH_MAX];
    struct python_asyncio asyncio = {.known = true,
                                     .interpreter = thread->interpreter,
                                     .thread_task = LAYOUT_NONE,
                                     .thread_tasks = LAYOUT_NONE,
                                     .task_coro = CHAIN_FIELD,
                                     .task_name = CHAIN_FIELD + 8,
                                     .current_tasks = python->runtime + 1024,
                                     .all_tasks = python->runtime + 2048};
    if (ring) {
        asyncio.thread_task = 512;
        asyncio.thread_tasks = 520;
        asyncio.task_node = 96;
        asyncio.task_awaited_by = 80;
        asyncio.task_awaited_by_is_set = 88;
    }
    struct python_reader *reader = python_reader_new(python, thread);
    struct python_stack chain = {.frames = frames};
    struct python_task_cursor cursor = {0};
    struct python_task_view view;
    struct buf name = {0};
    uint64_t address;
    if (!reader)
        return;
    python_reader_follow_tasks(reader, &asyncio);
    if (python_read_stack(reader, stack) == PYTHON_READ_OK && stack->task.address && stack->task.root >= stack->depth)
        abort();
    python_tasks_begin(reader);
    for (int i = 0; i < TASKS_MAX && (address = python_tasks_next(reader, &cursor)) != 0; i++) {
        if (python_read_task(reader, address, &view, &chain) && chain.depth > TASK_DEPTH_MAX)
            abort();
        python_task_name(python, &view.task, &name);
        python_task_key(&view.task);
        python_loop_thread(python, view.loop);
    }
    python_tasks_end(reader);
    buf_release(&name);
    python_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *arena;
    static struct python_frame frames[PYTHON_DEPTH_MAX];
    static uint64_t static_codes[STATIC_CODES];
    if (!arena)
        arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (size < 1 || arena == MAP_FAILED)
        return 0;
    struct python python = {.remote = {.pid = getpid()}, .static_codes = static_codes};
    static const struct {
        int major, minor;
    } versions[] = {{3, 8}, {3, 9}, {3, 10}, {3, 11}, {3, 12}, {3, 13}, {3, 14}, {3, 15}, {3, 7}, {3, 6}, {2, 7}};
    size_t version = (data[0] & 127) % (sizeof(versions) / sizeof(versions[0]));
    python.layout = *layout_find(versions[version].major, versions[version].minor);
    data++;
    size--;
    if (data[-1] & 128 && !unknown_layout(&python.layout, &data, &size))
        return 0;
    if (python.layout.sign)
        python.layout.runtime_interpreters_head = python.layout.runtime_tstate_current = 64;
    python.runtime = (uint64_t)(uintptr_t)arena;
    python.image_end = python.runtime + ARENA / 2;
    struct python_thread thread = {.address = python.runtime, .interpreter = python.runtime + 4096};
    fill(arena, data, size);
    if (python.layout.thread_interpreter <= ARENA - 8)
        memcpy(arena + python.layout.thread_interpreter, &thread.interpreter, 8);
    struct python_stack stack = {.frames = frames};
    struct python_reader *reader = python_reader_new(&python, &thread);
    for (int i = 0; i < 3 && reader; i++) {
        if (python_read_stack(reader, &stack) == PYTHON_READ_OK && stack.depth > PYTHON_DEPTH_MAX)
            abort();
    }
    python_reader_free(reader);
    add_type_names(arena);
    read_tasks(&python, &thread, &stack, python.layout.task_table);
    read_codes(&python, &stack);
    char name[64];
    python_thread_name(&python, &thread, name, sizeof(name));
    struct python_thread *threads = NULL;
    size_t capacity = 0;
    python_threads(&python, &threads, &capacity);
    free(threads);
    return 0;
}
