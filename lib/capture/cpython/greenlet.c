/* See greenlet.h. */
#include "capture/cpython/greenlet.h"

#include "base/map.h"
#include "base/mem.h"
#include "capture/cpython/internal.h"

enum {
    LISTS_BEFORE = 1024, /* bytes before the collector's flag, and behind, in which its lists begin */
    LISTS_BEHIND = 256,
    TRACKED_HEAD = 16, /* of a tracked object: the links */
    LINK_FLAGS = 3,    /* in their low bits */
    BLOCK_BYTES = 4096,
    BLOCKS = 512,
    TYPES = 1 << 14,      /* seen, by address */
    LOOKUPS_MAX = 100000, /* of types */
    BASES_MAX = 8,
    NAME_BYTES = 24,
};

bool python_is_greenlet_module(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && (strncmp(slash, "/_greenlet.", 11) == 0 || strncmp(slash, "/greenlet.", 10) == 0);
}

/* --- where greenlets keep their stacks ------------------------------------------------------------------------------
 */

/*
 * By version of greenlet: 3.1, 2.0, 1.0. From 2 on the object has a pointer to one of C++: its table and, from 3.1 on,
 * the greenlet's address; the exception state (a pointer and an item of the exception stack, which has two words since
 * CPython 3.11 and four before); two arguments; then the C stack: where it starts, stops, its copy, the copy's size,
 * the next; context; frame.
 */
static const struct greenlet_layout {
    uint32_t pointer; /* to what the offsets below are of; 0: the object itself */
    uint32_t self;    /* 0: none */
    uint32_t stack;   /* less the exception state's item */
    uint32_t frame;   /* behind the stack's start */
    bool item;
} layouts[] = {
    {.pointer = 32, .self = 8, .stack = 40, .frame = 48, .item = true},
    {.pointer = 32, .stack = 32, .frame = 48, .item = true},
    {.stack = 16, .frame = 56},
};

struct left_stack {
    uint64_t start, stop, copy, saved, frame;
};

static bool is_frame(struct python_reader *reader, uint64_t address)
{
    char name[NAME_BYTES];
    object_type_name(reader, address, name, sizeof(name));
    return strcmp(name, "frame") == 0;
}

static bool by_layout(struct python_reader *reader, uint64_t address, const struct greenlet_layout *row,
                      struct left_stack *left)
{
    bool short_item = layout_has(reader->python->layout.frame_owner); /* CPython 3.11+ */
    uint64_t base = row->pointer ? object_word(reader, address + row->pointer) : address;
    uint64_t at = base + row->stack + (row->item ? short_item ? 16 : 32 : 0);
    if (!plausible(base) || (row->self && object_word(reader, base + row->self) != address))
        return false;
    *left = (struct left_stack){object_word(reader, at), object_word(reader, at + 8), object_word(reader, at + 16),
                                object_word(reader, at + 24), object_word(reader, at + row->frame)};
    return plausible(left->frame) && left->start != 0 && left->start < left->stop &&
           left->saved <= left->stop - left->start && is_frame(reader, left->frame);
}

static bool find_left(struct python_reader *reader, uint64_t address, struct left_stack *left)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        if (by_layout(reader, address, &layouts[i], left))
            return true;
    }
    return false;
}

uint64_t python_greenlet_left_at(struct python_reader *reader, uint64_t address)
{
    struct left_stack left;
    python_tasks_begin(reader);
    bool found = find_left(reader, address, &left);
    python_tasks_end(reader);
    return found ? left.start : 0;
}

bool python_read_greenlet(struct python_reader *reader, uint64_t address, uint64_t *left_at, struct python_stack *stack)
{
    struct left_stack left;
    stack->depth = 0;
    if (!find_left(reader, address, &left))
        return false;
    struct moved_stack moved = {left.start, left.saved, left.copy};
    uint64_t frame = left.frame;
    if (layout_has(reader->python->layout.frame_owner))
        frame = object_word(reader, frame + object_head(reader) + 8); /* behind that of its caller */
    *left_at = left.start;
    return python_frames_from(reader, frame, &moved, stack);
}

/* --- finding them ---------------------------------------------------------------------------------------------------
 */

struct search {
    struct python_reader *reader;
    struct remote *remote;
    uint64_t blocks[BLOCKS]; /* addresses + 1 of what lies in `bytes` */
    uint8_t *bytes;
    uint64_t types[TYPES]; /* address, bit 0: a greenlet's */
    uint64_t **found;
    size_t *capacity, count;
    uint32_t steps, steps_max, lookups;
    bool failed;
};

static uint64_t word_at(struct search *search, uint64_t address)
{
    uint64_t block = address & ~(uint64_t)(BLOCK_BYTES - 1);
    size_t slot = (block / BLOCK_BYTES) % BLOCKS;
    uint8_t *bytes = search->bytes + slot * BLOCK_BYTES;
    if (!plausible(address))
        return 0;
    if (search->blocks[slot] != block + 1) {
        search->blocks[slot] = 0;
        if (!remote_read(search->remote, block, bytes, BLOCK_BYTES))
            return 0;
        search->blocks[slot] = block + 1;
    }
    return load_u64(bytes + (address - block));
}

static bool named_greenlet(struct search *search, uint64_t type)
{
    static const char wanted[] = "greenlet.greenlet";
    uint64_t name = word_at(search, type + search->reader->python->layout.type_name);
    char text[sizeof(wanted)];
    return name && remote_read(search->remote, name, text, sizeof(text)) && memcmp(text, wanted, sizeof(wanted)) == 0;
}

/* By its bases. */
static bool is_greenlet_type(struct search *search, uint64_t type)
{
    uint64_t *slot = &search->types[hash_u64(type) % TYPES];
    if ((*slot & ~UINT64_C(1)) == type)
        return *slot & 1;
    uint64_t base_offset = search->reader->python->layout.type_dictoffset - 32, at = type;
    bool is = false;
    if (++search->lookups > LOOKUPS_MAX)
        return false;
    for (int i = 0; i < BASES_MAX && plausible(at) && !is; i++) {
        is = named_greenlet(search, at);
        at = word_at(search, at + base_offset);
    }
    *slot = type | is;
    return is;
}

static bool is_list(struct search *search, uint64_t head, uint64_t next, uint64_t previous)
{
    return plausible(next) && plausible(previous) && next != head &&
           (word_at(search, next + 8) & ~(uint64_t)LINK_FLAGS) == head &&
           (word_at(search, previous) & ~(uint64_t)LINK_FLAGS) == head;
}

/* From the object `at` to the list's head. */
static void go_through(struct search *search, uint64_t head, uint64_t at)
{
    uint32_t type_offset = TRACKED_HEAD + search->reader->python->layout.object_type;
    for (; plausible(at) && at != head && search->steps < search->steps_max; search->steps++) {
        uint64_t type = word_at(search, at + type_offset);
        if (plausible(type) && is_greenlet_type(search, type) && search->count < GREENLETS_MAX) {
            if (mem_grow(search->found, search->capacity, search->count + 1, sizeof(**search->found)) != 0) {
                search->failed = true;
                return;
            }
            (*search->found)[search->count++] = at + TRACKED_HEAD;
        }
        at = word_at(search, at) & ~(uint64_t)LINK_FLAGS;
    }
}

/* The collector's lists are rings that begin beside the flag that says it runs: whatever is linked like one is one.
 * Their heads need not be aligned as pointers are: in Debian's 3.13.15 they stand at odd multiples of four. */
static void go_through_all(struct search *search)
{
    uint8_t beside[LISTS_BEFORE + LISTS_BEHIND + 16];
    uint64_t from = (search->reader->gc_address & ~UINT64_C(7)) - LISTS_BEFORE;
    if (!remote_read(search->remote, from, beside, sizeof beside))
        return;
    for (size_t at = 0; at < LISTS_BEFORE + LISTS_BEHIND; at += 4) {
        uint64_t next = load_u64(beside + at) & ~(uint64_t)LINK_FLAGS;
        uint64_t previous = load_u64(beside + at + 8) & ~(uint64_t)LINK_FLAGS;
        if (is_list(search, from + at, next, previous))
            go_through(search, from + at, next);
    }
}

int python_greenlets(struct python_reader *reader, uint32_t objects_max, uint64_t **found, size_t *capacity)
{
    if (!reader->gc_address || reader->python->info.free_threaded)
        return 0;
    struct search *search = mem_zalloc(1, sizeof(*search));
    int rc = ERR_NOMEM;
    if (!search)
        return ERR_NOMEM;
    search->reader = reader;
    search->remote = &reader->python->remote;
    search->steps_max = objects_max;
    search->found = found;
    search->capacity = capacity;
    search->bytes = mem_alloc((size_t)BLOCKS * BLOCK_BYTES);
    if (search->bytes) {
        go_through_all(search);
        rc = search->failed ? ERR_NOMEM : (int)search->count;
    }
    mem_free(search->bytes);
    mem_free(search);
    return rc;
}
