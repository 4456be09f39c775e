/*
 * What kind of object an address leads to: by the name of its type, where no class of the program can have that name.
 * Types that stay are remembered; classes of the program, which may go, are looked at every time.
 */
#include "base/map.h"
#include "capture/cpython/internal.h"

enum { TYPE_NAME_BYTES = 32, BASES_MAX = 8, HEAP_TYPE = 1 << 9 };

/* Names without a dot are those of types inside the interpreter, which are no heap types. */
static const struct {
    const char *name;
    enum object_kind kind;
} kinds[] = {
    {"coroutine", OBJECT_COROUTINE},
    {"generator", OBJECT_COROUTINE},
    {"async_generator", OBJECT_COROUTINE},
    {"async_generator_asend", OBJECT_ASEND},
    {"async_generator_athrow", OBJECT_ASEND},
    {"coroutine_wrapper", OBJECT_WRAPPER},
    {"anext_awaitable", OBJECT_WRAPPER},
    {"_asyncio.FutureIter", OBJECT_AWAITING},
    {"_asyncio.Future", OBJECT_FUTURE},
    {"_asyncio.Task", OBJECT_TASK},
    {"TaskWakeupMethWrapper", OBJECT_WAKEUP},
    {"builtin_function_or_method", OBJECT_BUILTIN},
    {"method", OBJECT_METHOD},
    {"function", OBJECT_FUNCTION},
    {"functools.partial", OBJECT_PARTIAL},
    {"cell", OBJECT_CELL},
    {"tuple", OBJECT_TUPLE},
    {"list", OBJECT_LIST},
    {"set", OBJECT_SET},
    {"str", OBJECT_STR},
    {"int", OBJECT_INT},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

uint64_t object_word(struct python_reader *reader, uint64_t address)
{
    const uint8_t *bytes = plausible(address) ? view_at(reader->view, address, 8, 0) : NULL;
    return bytes ? load_u64(bytes) : 0;
}

/* The name of a type as it is written there; cut. */
static bool type_name(struct python_reader *reader, uint64_t type, char name[TYPE_NAME_BYTES])
{
    uint64_t at = object_word(reader, type + reader->python->layout.type_name);
    if (at < 4096)
        return false;
    size_t rest = VIEW_PAGE - (at & (VIEW_PAGE - 1)), size = rest < TYPE_NAME_BYTES ? rest : TYPE_NAME_BYTES;
    const uint8_t *bytes = view_at(reader->view, at, TYPE_NAME_BYTES, 0);
    if (!bytes) /* it may end at the end of a mapping */
        bytes = view_at(reader->view, at, size, 0);
    else
        size = TYPE_NAME_BYTES;
    if (!bytes)
        return false;
    memcpy(name, bytes, size);
    name[size < TYPE_NAME_BYTES ? size : TYPE_NAME_BYTES - 1] = 0;
    return true;
}

static enum object_kind kind_by_name(const char *name, bool heap)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0 && (!heap || strchr(name, '.')))
            return kinds[i].kind;
    }
    return heap && strcmp(name, "TaskGroup") == 0 ? OBJECT_TASK_GROUP : OBJECT_OTHER;
}

enum object_kind object_kind_of(struct python_reader *reader, uint64_t type)
{
    const struct layout *row = &reader->python->layout;
    char name[TYPE_NAME_BYTES];
    for (int i = 0; i < BASES_MAX && plausible(type); i++) {
        struct known_type *slot = &reader->types[hash_u64(type) % KNOWN_TYPES];
        if (slot->address == type)
            return slot->kind;
        bool heap = object_word(reader, type + row->type_flags) & HEAP_TYPE;
        if (!type_name(reader, type, name))
            return OBJECT_OTHER;
        enum object_kind kind = kind_by_name(name, heap);
        if (kind != OBJECT_OTHER || !heap) {
            if (kind != OBJECT_TASK_GROUP)
                *slot = (struct known_type){type, (uint8_t)kind};
            return kind;
        }
        type = object_word(reader, type + row->type_dictoffset - 32); /* its base */
    }
    return OBJECT_OTHER;
}

enum object_kind object_kind(struct python_reader *reader, uint64_t object)
{
    uint64_t type = plausible(object) ? object_word(reader, object + reader->python->layout.object_type) : 0;
    return plausible(type) ? object_kind_of(reader, type) : OBJECT_OTHER;
}

void object_type_name(struct python_reader *reader, uint64_t object, char *name, size_t size)
{
    char whole[TYPE_NAME_BYTES];
    name[0] = 0;
    uint64_t type = plausible(object) ? object_word(reader, object + reader->python->layout.object_type) : 0;
    if (!plausible(type) || !type_name(reader, type, whole))
        return;
    const char *dot = strrchr(whole, '.'), *from = dot ? dot + 1 : whole;
    size_t length = strlen(from) < size ? strlen(from) : size - 1;
    if (!utf8_valid(from, length))
        return;
    memcpy(name, from, length);
    name[length] = 0;
}
