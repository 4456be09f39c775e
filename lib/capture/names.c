#include "capture/names.h"

#include "base/mem.h"
#include "capture/source_text.h"
#include "capture/wait_state.h"
#include "data/profile.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PLACES_KEPT = 4 };

/* An instruction of a code object that was named a moment ago: of a deep recursion there are few. */
struct named_place {
    int32_t offset;
    uint32_t frame, generation; /* its frame in the recording; as of a function */
};

struct named_code {
    struct python_code code;
    struct tracked_process *process;
    uint32_t function;   /* id of the recording; 0: could not be resolved */
    uint32_t generation; /* of that id */
    bool known;
    uint32_t file;
    uint32_t ticks; /* with it innermost */
    uint8_t flags;  /* NODE_IMPORT, NODE_IDLE_*: of a frame of it alone */
    struct named_place places[PLACES_KEPT];
    const struct named_code *idle_caller; /* of the same store; NULL: not asked yet. What it was then: */
    enum idle idle;
};

enum { LIBRARY_TICKS = 50 }; /* source text of the library is kept from so many on */

struct names {
    struct measurement *m;
    uint32_t generation; /* grows when the recording gives out its ids anew */
    struct map leaves;   /* (stack, kind, module, symbol) → stack */
    struct source_text *sources;
    struct stack_node **path; /* of nodes that are to be named */
    size_t path_capacity;
};

int names_new(struct measurement *m, struct names **result)
{
    struct names *names = mem_zalloc(1, sizeof *names);
    if (names == NULL)
        return ERR_NOMEM;
    names->m = m;
    names->generation = 1;
    int rc = m->options.no_source ? 0 : source_text_new(m->recording, m->options.redact_args, &names->sources);
    if (rc != 0) {
        mem_free(names);
        return rc;
    }
    *result = names;
    return 0;
}

void names_free(struct names *names)
{
    if (names == NULL)
        return;
    source_text_free(names->sources);
    map_release(&names->leaves);
    mem_free(names->path);
    mem_free(names);
}

void names_forget(struct stack_store *store, uint32_t side)
{
    for (uint32_t i = 1; i < store->sides[side].n_codes; i++) {
        struct code_entry *entry = stack_store_code(store, i | side << 31);
        struct named_code *named = entry->resolved;
        if (named != NULL)
            python_code_release(&named->code);
        mem_free(named);
        entry->resolved = NULL;
    }
}

void names_forget_leaves(struct names *names)
{
    map_release(&names->leaves);
    names->leaves = (struct map){0};
}

void names_restart(struct names *names)
{
    names->generation++;
    names_forget_leaves(names);
}

static bool is_import(const struct python_code *code)
{
    return strncmp(code->file, "<frozen importlib", 17) == 0 || wait_path_ends(code->file, "importlib/_bootstrap.py");
}

/* What has no room is cut between two characters, and says so. */
static void copy_text(char *to, size_t size, const char *text)
{
    size_t length = strlen(text), cut = size - sizeof "…";
    if (length < size) {
        memcpy(to, text, length + 1);
        return;
    }
    while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
        cut--;
    memcpy(to, text, cut);
    memcpy(to + cut, "…", sizeof "…");
}

/* The file as an absolute path where the code has a relative one and the directory is known. */
static void absolute_file(const char *directory, const char *file, char *path, size_t size)
{
    copy_text(path, size, file);
    if (file[0] == '/' || file[0] == '<' || file[0] == '\0' || directory[0] == '\0')
        return;
    while (strncmp(file, "./", 2) == 0)
        file += 2;
    int n = snprintf(path, size, "%s/%s", strcmp(directory, "/") != 0 ? directory : "", file);
    if (n < 0 || (size_t)n >= size)
        copy_text(path, size, file);
}

static void want_source(struct names *names, const struct named_code *named, const char *path)
{
    if (names->sources != NULL)
        source_text_want(names->sources, named->process, named->file, path);
}

/* What stands under every event loop, other libraries' too. Importing asyncio runs none. */
static bool is_event_loop(const struct python_code *code)
{
    static const char *const runs[] = {"run", "run_forever", "run_until_complete", "_run_once"};
    if (strstr(code->file, "/asyncio/") == NULL && strstr(code->file, "/uvloop/") == NULL)
        return false;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        if (strcmp(code->name, runs[i]) == 0)
            return true;
    }
    return false;
}

static struct function function_of(struct names *names, const struct python_code *code, const char *path)
{
    return (struct function){
        .name = recording_add_string(names->m->recording, code->qualname, strlen(code->qualname)),
        .file = recording_add_string(names->m->recording, path, strlen(path)),
        .first_line = code->first_line,
        .kind = FUNCTION_PYTHON,
    };
}

/* A file of code: where the process has it, and the name that the recording has for that. */
struct code_file {
    char path[SOURCE_PATH_BYTES], room[SOURCE_NAME_BYTES];
    const char *name;
};

static void find_file(struct names *names, struct tracked_process *process, const struct python_code *code,
                      struct code_file *file)
{
    char directory[PROCESS_TEXT_BYTES];
    pthread_mutex_lock(&names->m->track.lock);
    memcpy(directory, process->directory, sizeof directory);
    pthread_mutex_unlock(&names->m->track.lock);
    absolute_file(directory, code->file, file->path, sizeof file->path);
    file->name = file->path;
    if (names->sources != NULL)
        file->name = source_text_file(names->sources, process, file->path, file->room, sizeof file->room);
}

uint32_t names_code_frame(struct names *names, struct tracked_process *process, const struct python_code *code,
                          int32_t offset)
{
    struct code_file file;
    find_file(names, process, code, &file);
    struct function function = function_of(names, code, file.name);
    return recording_add_frame(names->m->recording, recording_add_function(names->m->recording, &function),
                               python_code_line(code, offset));
}

uint32_t names_counted(struct names *names, struct tracked_process *process, const char *file, const char *name,
                       uint32_t first_line)
{
    const struct python_code code = {.file = (char *)file, .qualname = (char *)name, .first_line = first_line};
    struct code_file found;
    find_file(names, process, &code, &found);
    struct function function = function_of(names, &code, found.name);
    return recording_add_function(names->m->recording, &function);
}

/* Gives the code its function in the recording. */
static void add_function(struct names *names, const struct code_entry *entry, struct named_code *named)
{
    const struct python_code *code = &named->code;
    struct code_file file;
    find_file(names, entry->process, code, &file);
    struct function function = function_of(names, code, file.name);
    named->function = recording_add_function(names->m->recording, &function);
    named->generation = names->generation;
    named->flags = (uint8_t)((is_import(code) ? NODE_IMPORT : 0) | (is_event_loop(code) ? NODE_ASYNCIO : 0) |
                             (code->coroutine ? NODE_COROUTINE : 0));
    named->file = function.file;
    named->process = entry->process;
    if (profile_file_is_own(file.path) || named->ticks >= LIBRARY_TICKS)
        want_source(names, named, file.path);
}

static struct named_code *resolve(struct code_entry *entry)
{
    struct named_code *named = mem_zalloc(1, sizeof *named);
    entry->resolved = named;
    if (named == NULL || entry->copy.size == 0 ||
        python_code_resolve(entry->process->side, &entry->copy, &named->code) != 0)
        return named; /* its samples count as lost */
    named->known = true;
    __atomic_store_n(&entry->of_frames, strstr(named->code.file, "/pandas/core/") != NULL, __ATOMIC_RELAXED);
    buf_release(&entry->copy);
    return named;
}

static uint32_t frame_of(struct names *names, struct named_code *named, int32_t offset)
{
    struct named_place *place = &named->places[((uint32_t)offset >> 1) % PLACES_KEPT];
    if (place->frame == 0 || place->generation != names->generation || place->offset != offset)
        *place = (struct named_place){
            .offset = offset,
            .frame = recording_add_frame(names->m->recording, named->function, python_code_line(&named->code, offset)),
            .generation = names->generation};
    return place->frame;
}

static enum idle idle_at(struct named_code *named, const struct named_code *caller)
{
    if (caller == NULL || caller->function == 0)
        return wait_idle_at(named->code.file, named->code.name, NULL, NULL);
    if (caller != named->idle_caller)
        named->idle = wait_idle_at(named->code.file, named->code.name, caller->code.file, caller->code.name);
    named->idle_caller = caller;
    return named->idle;
}

/* Flags of the stack that ends in `code`, called from `caller` (NULL: outermost) whose stack has `above`. */
static uint32_t stack_flags(struct named_code *named, const struct named_code *caller, uint32_t above)
{
    uint32_t flags = (above & ~(uint32_t)(NODE_IDLE_LEAF | NODE_LOOP_LEAF)) | named->flags;
    enum idle idle = idle_at(named, caller);
    return flags | (idle == IDLE_CALL ? NODE_IDLE_CALL : 0u) | (idle == IDLE_LEAF ? NODE_IDLE_LEAF : 0u);
}

static struct named_code *named_at(struct names *names, const struct stack_store *store, uint32_t code)
{
    struct code_entry *entry = stack_store_code(store, code);
    struct named_code *named = entry->resolved != NULL ? entry->resolved : resolve(entry);
    if (named != NULL && named->known && named->generation != names->generation)
        add_function(names, entry, named);
    return named;
}

static struct named_code *code_of(struct names *names, const struct stack_store *store, const struct stack_node *node)
{
    return named_at(names, store, node->code);
}

/* The node's stack in the recording; 0: it has none yet. */
static uint32_t recorded(const struct names *names, const struct stack_node *node)
{
    return node->generation == names->generation ? node->recorded : 0;
}

uint32_t names_function(struct names *names, const struct stack_store *store, uint32_t code)
{
    struct named_code *named = named_at(names, store, code);
    return named != NULL ? named->function : 0;
}

const char *names_code(struct names *names, const struct stack_store *store, uint32_t code)
{
    const struct named_code *named = named_at(names, store, code);
    return named != NULL && named->known ? named->code.name : "";
}

static bool name_node(struct names *names, const struct stack_store *store, struct stack_node *node)
{
    struct named_code *named = code_of(names, store, node);
    if (named == NULL || named->function == 0)
        return false;
    struct stack_node *parent = node->parent != 0 ? stack_store_node(store, node->parent) : NULL;
    if (parent != NULL && recorded(names, parent) == 0)
        return false;
    uint32_t frame = frame_of(names, named, node->offset);
    node->recorded = recording_add_stack(names->m->recording, parent != NULL ? parent->recorded : 0, frame);
    node->generation = names->generation;
    node->flags =
        stack_flags(named, parent != NULL ? code_of(names, store, parent) : NULL, parent != NULL ? parent->flags : 0);
    if (parent != NULL && (node->flags & ~parent->flags & NODE_COROUTINE) != 0)
        parent->flags |= NODE_LOOP_LEAF;
    return node->recorded != 0;
}

/* Of the path to that node, what has no stack in the recording yet: from the outermost one inwards. Each is met twice:
 * a path may be thousands deep and new in every sample. */
static bool name_path(struct names *names, const struct stack_store *store, uint32_t id)
{
    size_t n = 0;
    for (struct stack_node *node; id != 0; id = node->parent) {
        node = stack_store_node(store, id);
        if (recorded(names, node) != 0)
            break;
        if (mem_grow(&names->path, &names->path_capacity, n + 1, sizeof(struct stack_node *)) != 0)
            return false;
        names->path[n++] = node;
    }
    while (n > 0 && name_node(names, store, names->path[n - 1]))
        n--;
    return n == 0;
}

struct named_stack names_stack(struct names *names, const struct stack_store *store, uint32_t id)
{
    if (id == 0 || !name_path(names, store, id))
        return (struct named_stack){0, 0};
    const struct stack_node *leaf = stack_store_node(store, id);
    return (struct named_stack){leaf->recorded, leaf->flags};
}

/* The expression that the innermost instruction belongs to. */
static void count_expression(struct names *names, const struct named_code *named, int32_t offset, uint32_t ticks)
{
    struct python_position at;
    if (!python_code_position(&named->code, offset, &at))
        return;
    struct expression expression = {
        .frame = recording_add_frame(names->m->recording, named->function, at.line),
        .end_line = at.end_line,
        .column = at.column,
        .end_column = at.end_column,
        .ticks = ticks,
    };
    recording_add_expression(names->m->recording, &expression);
}

void names_count(struct names *names, const struct stack_store *store, uint32_t id, uint32_t ticks)
{
    const struct stack_node *node = stack_store_node(store, id);
    struct named_code *named = code_of(names, store, node);
    if (named == NULL || named->function == 0)
        return;
    count_expression(names, named, node->offset, ticks);
    if (named->ticks >= LIBRARY_TICKS)
        return;
    named->ticks += ticks;
    if (named->ticks >= LIBRARY_TICKS)
        want_source(names, named, named->code.file);
}

uint32_t names_frame(struct names *names, const struct stack_store *store, uint32_t id)
{
    const struct stack_node *node = stack_store_node(store, id);
    const struct named_code *named = code_of(names, store, node);
    if (named == NULL || named->function == 0)
        return 0;
    return recording_add_frame(names->m->recording, named->function, python_code_line(&named->code, node->offset));
}

uint32_t names_add_leaf(struct names *names, uint32_t stack, enum function_kind kind, const char *module,
                        const char *symbol)
{
    char key[4096 + 1024];
    int length = snprintf(key, sizeof key, "%u %d %s %s", stack, (int)kind, module, symbol != NULL ? symbol : "");
    uint32_t leaf;
    if (length < 0 || (size_t)length >= sizeof key)
        return stack;
    if (map_get(&names->leaves, key, (size_t)length, &leaf))
        return leaf;
    struct recording *recording = names->m->recording;
    const char *slash = strrchr(module, '/');
    const char *name = symbol != NULL ? symbol : slash != NULL ? slash + 1 : module;
    struct function function = {
        .name = recording_add_string(recording, name, strlen(name)),
        .file = recording_add_string(recording, module, strlen(module)),
        .kind = (uint8_t)kind,
    };
    uint32_t frame = recording_add_frame(recording, recording_add_function(recording, &function), 0);
    leaf = recording_add_stack(recording, stack, frame);
    bool found;
    map_put(&names->leaves, key, (size_t)length, leaf, &leaf, &found);
    return leaf;
}

uint32_t names_add_holder(struct names *names, uint32_t stack, const struct stack_store *store, uint32_t node,
                          const char *thread)
{
    const struct named_code *named = node != 0 ? code_of(names, store, stack_store_node(store, node)) : NULL;
    char module[256], symbol[1024] = "held";
    snprintf(module, sizeof module, PROFILE_HOLDER_FILE "%s", thread);
    if (named != NULL && named->function != 0)
        snprintf(symbol, sizeof symbol, PROFILE_HOLDER_NAME "%s", named->code.qualname);
    return names_add_leaf(names, stack, FUNCTION_KERNEL, module, symbol);
}
