/* Where a process's asyncio keeps its tasks: its own table of offsets (3.14+), or the objects of its module by name. */
#include "capture/cpython/internal.h"
#include "capture/target/elf.h"

enum { TABLE_WORDS = 13, FIELD_MAX = 1 << 16 };

/* The words of the table in its section ".AsyncioDebug". */
enum {
    WORD_TASK_SIZE,
    WORD_NAME,
    WORD_AWAITED_BY,
    WORD_IS_TASK,
    WORD_AWAITED_BY_IS_SET,
    WORD_CORO,
    WORD_NODE,
    WORD_INTERPRETER_SIZE,
    WORD_INTERPRETER_TASKS,
    WORD_THREAD_SIZE,
    WORD_RUNNING_LOOP,
    WORD_RUNNING_TASK,
    WORD_THREAD_TASKS
};

static bool in_bounds(const uint64_t *words, uint32_t first, uint32_t last, uint32_t size)
{
    if (words[size] < 16 || words[size] > FIELD_MAX)
        return false;
    for (uint32_t i = first; i <= last; i++) {
        if (i != size && words[i] >= words[size])
            return false;
    }
    return true;
}

static bool take_table(const uint64_t *words, struct python_asyncio *asyncio)
{
    if (!in_bounds(words, WORD_NAME, WORD_NODE, WORD_TASK_SIZE) ||
        !in_bounds(words, WORD_RUNNING_LOOP, WORD_THREAD_TASKS, WORD_THREAD_SIZE) || words[WORD_CORO] % 8 ||
        words[WORD_NAME] % 8 || words[WORD_NODE] % 8 || words[WORD_AWAITED_BY] % 8 || words[WORD_RUNNING_TASK] % 8 ||
        words[WORD_THREAD_TASKS] % 8)
        return false;
    *asyncio = (struct python_asyncio){
        .known = true,
        .thread_task = (uint32_t)words[WORD_RUNNING_TASK],
        .thread_tasks = (uint32_t)words[WORD_THREAD_TASKS],
        .task_node = (uint32_t)words[WORD_NODE],
        .task_awaited_by = (uint32_t)words[WORD_AWAITED_BY],
        .task_awaited_by_is_set = (uint32_t)words[WORD_AWAITED_BY_IS_SET],
        .task_coro = (uint32_t)words[WORD_CORO],
        .task_name = (uint32_t)words[WORD_NAME],
    };
    return true;
}

static bool table_in_file(struct python *python, const struct proc_maps *maps, const struct proc_map *map,
                          struct python_asyncio *asyncio)
{
    struct elf *elf = elf_open(python->remote.pid, maps, map);
    struct elf_place place;
    uint64_t words[TABLE_WORDS];
    bool found = elf && elf_section(elf, ".AsyncioDebug", &place) && place.size == sizeof(words) &&
                 remote_read(&python->remote, place.address, words, sizeof(words)) && take_table(words, asyncio);
    if (elf)
        elf_close(elf);
    return found;
}

/* In the module's own file, or where it is built in. */
static bool find_table(struct python *python, struct python_asyncio *asyncio)
{
    struct proc_maps maps = {0};
    struct err err = {0};
    bool found = false;
    if (proc_maps_read(python->remote.pid, &maps, &err))
        return false;
    for (size_t i = 0; i < maps.count && !found; i++) {
        const struct proc_map *map = &maps.maps[i];
        const char *slash = strrchr(map->path, '/');
        bool image = map->start >= python->image_start && map->end <= python->image_end;
        if (map->executable && map->inode && slash && (image || strncmp(slash, "/_asyncio.", 10) == 0))
            found = table_in_file(python, &maps, map, asyncio);
    }
    proc_maps_release(&maps);
    return found;
}

static bool has_type(struct python *python, uint64_t object, const char *wanted)
{
    const struct layout *row = &python->layout;
    uint64_t type, name;
    char text[16] = "";
    return plausible(object) && remote_read_u64(&python->remote, object + row->object_type, &type) && plausible(type) &&
           remote_read_u64(&python->remote, type + row->type_name, &name) &&
           remote_read(&python->remote, name, text, strlen(wanted) + 1) && strcmp(text, wanted) == 0;
}

/* Before 3.14: by the names of the module's members, in the main interpreter. */
static bool find_members(struct python *python, struct python_asyncio *asyncio)
{
    const struct layout *row = &python->layout;
    uint64_t interpreter = python->main_interpreter, size;
    uint64_t type = python_module_member(python, interpreter, "_asyncio", "Task");
    if (!plausible(type) || !remote_read_u64(&python->remote, type + row->type_basicsize, &size) ||
        size != row->task_size)
        return false;
    uint64_t all = python_module_member(python, interpreter, "_asyncio", "_all_tasks");
    if (!all)
        all = python_module_member(python, interpreter, "_asyncio", "_scheduled_tasks");
    *asyncio = (struct python_asyncio){
        .interpreter = interpreter,
        .thread_task = LAYOUT_NONE,
        .thread_tasks = LAYOUT_NONE,
        .task_coro = row->task_coro,
        .task_name = row->task_name,
        .current_tasks = python_module_member(python, interpreter, "_asyncio", "_current_tasks"),
        .all_tasks = python_attribute(python, all, "data"),
    };
    asyncio->known = has_type(python, asyncio->current_tasks, "dict") && has_type(python, asyncio->all_tasks, "set");
    return asyncio->known;
}

bool python_find_asyncio(struct python *python, struct python_asyncio *asyncio)
{
    *asyncio = (struct python_asyncio){0};
    if (python->layout.task_table)
        return find_table(python, asyncio);
    return python->layout.task_size && python->main_interpreter && find_members(python, asyncio);
}

/* Up to 3.11 its size is the number of its digits, later it is so from bit 3 on, behind its sign. */
bool python_read_int(struct python *python, uint64_t address, int64_t *value)
{
    uint32_t head = python->layout.object_type + 8;
    uint64_t size;
    uint32_t digits[2];
    if (!plausible(address) || !remote_read_u64(&python->remote, address + head, &size) ||
        !remote_read(&python->remote, address + head + 8, digits, sizeof(digits)))
        return false;
    size = python->layout.active_bit ? size >> 3 : size;
    *value = (int64_t)(size == 0 ? 0 : size == 1 ? digits[0] : digits[0] | (uint64_t)digits[1] << 30);
    return size <= 2;
}

uint64_t python_loop_thread(struct python *python, uint64_t loop)
{
    int64_t identifier;
    return python_read_int(python, python_attribute(python, loop, "_thread_id"), &identifier) ? (uint64_t)identifier
                                                                                              : 0;
}
