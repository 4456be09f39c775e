/*
 * Names of threads: sys.modules["threading"]._active maps the pthread identifier to the Thread object, whose _name it
 * is (`_Thread__name` in 2.7). Free reading of live objects, off the timed path: what does not look as expected counts
 * as no name. Reads whole key tables at once and never follows more than a fixed number of pointers.
 */
#include "base/map.h"
#include "base/mem.h"
#include "capture/cpython/internal.h"

#include <stdio.h>

enum {
    TABLE_LOG2_MAX = 22, /* of slots in a dict */
    ENTRY_GENERAL = 24,  /* hash, key, value */
    ENTRY_UNICODE = 16,  /* key, value */
    KEY_CHARACTERS_MAX = 64,
    NAME_CHARACTERS_MAX = 1024,
    KEYS_HEAD_MAX = 64,
    KEYS_AT_ONCE = 64,
    KEY_BYTES_MAX = TEXT_HEAD_MAX,
};

/* The entries of a dict's key table. */
struct entries {
    uint8_t *data;
    size_t count, size; /* of them, of each */
    bool hashes;        /* an entry begins with its hash */
};

/* Where the entries begin behind the table of indices, and how large they are. */
static bool entries_shape(const struct layout *row, const uint8_t *head, uint64_t *start, struct entries *entries)
{
    uint64_t indices, slots;
    entries->hashes = true;
    if (layout_has(row->keys_log2_size)) {
        uint8_t log2_size = head[row->keys_log2_size], log2_index = head[row->keys_log2_index_size];
        if (log2_size > TABLE_LOG2_MAX || log2_index > TABLE_LOG2_MAX + 3)
            return false;
        slots = UINT64_C(1) << log2_size;
        indices = UINT64_C(1) << log2_index;
        entries->hashes = head[row->keys_kind] == 0;
    } else {
        slots = load_u64(head + row->keys_table_size);
        if (slots == 0 || slots > UINT64_C(1) << TABLE_LOG2_MAX)
            return false;
        indices = slots * (slots <= 0xff ? 1 : slots <= 0xffff ? 2 : 4);
    }
    entries->size = entries->hashes ? ENTRY_GENERAL : ENTRY_UNICODE;
    *start = row->keys_indices + indices;
    uint64_t count = load_u64(head + row->keys_entry_count);
    entries->count = (size_t)count;
    return count <= slots;
}

static bool read_entries(struct python *python, uint64_t keys, struct entries *entries)
{
    const struct layout *row = &python->layout;
    uint8_t head[KEYS_HEAD_MAX];
    uint64_t start;
    if (!plausible(keys) || row->keys_indices > sizeof(head) ||
        !remote_read(&python->remote, keys, head, row->keys_indices) || !entries_shape(row, head, &start, entries))
        return false;
    size_t size = entries->count * entries->size;
    entries->data = mem_alloc(size + 1);
    if (entries->data && remote_read(&python->remote, keys + start, entries->data, size))
        return true;
    mem_free(entries->data);
    entries->data = NULL;
    return false;
}

static uint64_t entry_key(const struct entries *entries, size_t i)
{
    return load_u64(entries->data + i * entries->size + (entries->hashes ? 8 : 0));
}

static uint64_t entry_value(const struct entries *entries, size_t i)
{
    return load_u64(entries->data + i * entries->size + (entries->hashes ? 16 : 8));
}

static bool is_text(struct python *python, uint64_t object, const char *wanted, struct buf *text)
{
    return object && text_read(python, object, KEY_CHARACTERS_MAX, text) && strcmp(buf_text(text), wanted) == 0;
}

/* The keys from index `from` on that one call reads: the index of the one that is `wanted`, -1 when it is none of them.
 */
static long find_among(struct python *python, const struct entries *entries, size_t from, const char *wanted)
{
    uint8_t heads[KEYS_AT_ONCE][KEY_BYTES_MAX];
    struct remote_part parts[KEYS_AT_ONCE];
    size_t which[KEYS_AT_ONCE] = {0}, count = 0, size = python->layout.str_ascii_size + strlen(wanted);
    for (size_t i = from; i < entries->count && i < from + KEYS_AT_ONCE && size <= KEY_BYTES_MAX; i++) {
        uint64_t key = entry_key(entries, i);
        if (!plausible(key))
            continue;
        parts[count] = (struct remote_part){key, heads[count], size};
        which[count++] = i;
    }
    for (size_t at = 0; at < count; at++) { /* `at`: the first that has not been read; it cannot be, the next time */
        size_t end = at + remote_read_past_pages(&python->remote, parts + at, count - at);
        for (; at < end; at++) {
            if (text_is(&python->layout, parts[at].address, heads[at], wanted))
                return (long)which[at];
        }
    }
    return -1;
}

/* The index of the string key `wanted`, -1 when there is none. Names of attributes are one and the same object all over
 * an interpreter: the one that was last found saves reading the others' text. */
static long find_key(struct python *python, const struct entries *entries, const char *wanted)
{
    struct buf text = {0};
    long found = -1;
    uint64_t *hint = &python->key_hints[hash_bytes(wanted, strlen(wanted)) % KEY_HINTS];
    uint64_t known = __atomic_load_n(hint, __ATOMIC_RELAXED);
    if (is_text(python, known, wanted, &text)) {
        for (size_t i = 0; i < entries->count && found < 0; i++)
            found = entry_key(entries, i) == known ? (long)i : -1;
    }
    for (size_t i = 0; i < entries->count && found < 0; i += KEYS_AT_ONCE) {
        found = find_among(python, entries, i, wanted);
        if (found >= 0)
            __atomic_store_n(hint, entry_key(entries, (size_t)found), __ATOMIC_RELAXED);
    }
    buf_release(&text);
    return found;
}

/* Keys, and where their values are: among the entries, or (split) at their places from `values` on. */
struct members {
    struct entries entries;
    uint64_t values; /* 0: among the entries */
};

static void members_release(struct members *members)
{
    mem_free(members->entries.data);
}

/* The value of a string key; 0: none. */
static uint64_t pick(struct python *python, const struct members *members, const char *wanted)
{
    uint64_t value = 0;
    long at = find_key(python, &members->entries, wanted);
    if (at < 0)
        return 0;
    if (members->values == 0)
        return entry_value(&members->entries, (size_t)at);
    return remote_read_u64(&python->remote, members->values + (uint64_t)at * 8, &value) ? value : 0;
}

/* 2.7: the slots of an open table. Free ones hold no value. */
static bool read_slots(struct python *python, uint64_t dict, struct entries *entries)
{
    const struct layout *row = &python->layout;
    uint64_t mask, table;
    if (!plausible(dict) || !remote_read_u64(&python->remote, dict + row->dict_mask, &mask) ||
        !remote_read_u64(&python->remote, dict + row->dict_table, &table) || mask >= UINT64_C(1) << TABLE_LOG2_MAX ||
        !plausible(table))
        return false;
    *entries = (struct entries){.count = (size_t)mask + 1, .size = ENTRY_GENERAL, .hashes = true};
    entries->data = mem_alloc(entries->count * entries->size);
    if (entries->data && remote_read(&python->remote, table, entries->data, entries->count * entries->size))
        return true;
    mem_free(entries->data);
    entries->data = NULL;
    return false;
}

static uint64_t values_start(const struct layout *row, uint64_t values)
{
    return values && layout_has(row->values_array) ? values + row->values_array : values;
}

static bool read_dict(struct python *python, uint64_t dict, struct members *members)
{
    const struct layout *row = &python->layout;
    uint64_t keys, values;
    *members = (struct members){0};
    if (layout_has(row->dict_table))
        return read_slots(python, dict, &members->entries);
    if (!plausible(dict) || !remote_read_u64(&python->remote, dict + row->dict_keys, &keys) ||
        !remote_read_u64(&python->remote, dict + row->dict_values, &values))
        return false;
    members->values = values_start(row, values);
    return read_entries(python, keys, &members->entries);
}

static uint64_t dict_look_up(struct python *python, uint64_t dict, const char *wanted)
{
    struct members members;
    uint64_t value = read_dict(python, dict, &members) ? pick(python, &members, wanted) : 0;
    members_release(&members);
    return value;
}

/* --- attributes of an instance -------------------------------------------------------------------------------------
 */

/* Where an instance's attributes are: a dict, or values to go with the keys that its type shares. */
struct attributes {
    uint64_t dict, values;
};

static bool find_attributes(struct python *python, uint64_t object, uint64_t type, struct attributes *found)
{
    const struct layout *row = &python->layout;
    struct remote *remote = &python->remote;
    uint64_t word = 0;
    *found = (struct attributes){0};
    switch ((enum instance_kind)row->instance_kind) {
    case INSTANCE_DICT_OFFSET:
        return remote_read_u64(remote, type + row->type_dictoffset, &word) && word > 0 && word < 4096 &&
               remote_read_u64(remote, object + word, &found->dict);
    case INSTANCE_VALUES_BEFORE:
        return remote_read_u64(remote, object - 32, &found->values) &&
               remote_read_u64(remote, object - 24, &found->dict);
    case INSTANCE_TAGGED_BEFORE:
        if (!remote_read_u64(remote, object - 24, &word))
            return false;
        *(word & 1 ? &found->values : &found->dict) = word & 1 ? word + 1 : word;
        return true;
    case INSTANCE_INLINE:
        if (!remote_read_u64(remote, object - 24, &found->dict) ||
            !remote_read_u64(remote, type + row->type_basicsize, &word) || word < 16 || word > 65536)
            return false;
        found->values = object + word;
        return true;
    }
    return false;
}

/* All attributes of an instance; false: none can be had. */
static bool read_attributes(struct python *python, uint64_t object, struct members *members)
{
    const struct layout *row = &python->layout;
    struct attributes at;
    uint64_t type, keys;
    *members = (struct members){0};
    if (!plausible(object) || !remote_read_u64(&python->remote, object + row->object_type, &type) || !plausible(type) ||
        !find_attributes(python, object, type, &at))
        return false;
    if (at.dict)
        return read_dict(python, at.dict, members);
    if (!plausible(at.values) || !remote_read_u64(&python->remote, type + row->type_cached_keys, &keys))
        return false;
    members->values = values_start(row, at.values);
    return read_entries(python, keys, &members->entries);
}

uint64_t python_attribute(struct python *python, uint64_t object, const char *name)
{
    struct members members;
    uint64_t value = read_attributes(python, object, &members) ? pick(python, &members, name) : 0;
    members_release(&members);
    return value;
}

/* --- threads -------------------------------------------------------------------------------------------------------
 */

uint64_t python_module_member(struct python *python, uint64_t interpreter, const char *name, const char *member)
{
    const struct layout *row = &python->layout;
    uint64_t modules, dict;
    if (!remote_read_u64(&python->remote, interpreter + row->interpreter_modules, &modules))
        return 0;
    uint64_t module = dict_look_up(python, modules, name);
    if (!plausible(module) || !remote_read_u64(&python->remote, module + row->module_dict, &dict))
        return 0;
    return dict_look_up(python, dict, member);
}

/* The Thread object of an identifier. An int's hash is the int itself, so that the keys need not be read. */
static uint64_t find_thread(struct python *python, uint64_t active, uint64_t identifier)
{
    const struct layout *row = &python->layout;
    struct entries entries = {0};
    uint64_t keys, found = 0;
    bool read = layout_has(row->dict_table)
                    ? read_slots(python, active, &entries)
                    : plausible(active) && remote_read_u64(&python->remote, active + row->dict_keys, &keys) &&
                          read_entries(python, keys, &entries);
    if (!read)
        return 0;
    for (size_t i = 0; i < entries.count && entries.hashes && !found; i++) {
        if (load_u64(entries.data + i * entries.size) == identifier)
            found = entry_value(&entries, i);
    }
    mem_free(entries.data);
    return found;
}

static void copy_name(const struct buf *text, char *name, size_t size)
{
    size_t length = text->size < size - 1 ? text->size : size - 1;
    while (length < text->size && length && ((uint8_t)text->data[length] & 0xc0) == 0x80)
        length--; /* no half character at the end */
    memcpy(name, text->data, length);
    name[length] = 0;
}

/* Identifiers are given again as soon as a thread has ended, and a table that changes while it is read may show who had
 * this one before. From 3.8 on the object knows the kernel's number too, an int of one digit behind its size. The main
 * thread of a forked child may still have its parent's. */
static bool is_object_of(struct python *python, const struct members *object, const struct python_thread *thread)
{
    uint64_t number = pick(python, object, "_native_id");
    uint32_t digit;
    return number == 0 || thread->inner == python->main_tid ||
           (remote_read(&python->remote, number + python->layout.object_type + 16, &digit, sizeof(digit)) &&
            digit == (uint32_t)thread->inner);
}

/* The name that the Thread object has, if it is this thread's. Both are looked up in one copy of its attributes. */
static bool name_of(struct python *python, uint64_t object, const struct python_thread *thread, struct buf *text)
{
    struct members members;
    bool good = read_attributes(python, object, &members) && is_object_of(python, &members, thread) &&
                text_read(python, pick(python, &members, python->layout.thread_name_field), NAME_CHARACTERS_MAX, text);
    members_release(&members);
    return good;
}

/* The name by the threads that one interpreter knows. */
static bool name_in(struct python *python, uint64_t interpreter, uint64_t identifier,
                    const struct python_thread *thread, struct buf *text)
{
    bool is_main = interpreter == python->main_interpreter;
    uint64_t active = is_main ? python->active_threads : 0;
    uint64_t object = active ? find_thread(python, active, identifier) : 0;
    if (!object) {
        active = python_module_member(python, interpreter, "threading", "_active");
        object = active ? find_thread(python, active, identifier) : 0;
    }
    if (!object || !name_of(python, object, thread, text))
        return false;
    if (is_main)
        python->active_threads = active;
    return true;
}

/* A thread may run in several interpreters, each of which may know it by another name: the main one's goes first. */
bool python_thread_name(struct python *python, const struct python_thread *thread, char *name, size_t size)
{
    struct buf text = {0};
    uint64_t identifier, first = python->main_interpreter;
    if (size == 0 || !remote_read_u64(&python->remote, thread->address + python->layout.thread_pthread, &identifier))
        return false;
    bool found = (first && name_in(python, first, identifier, thread, &text)) ||
                 (first != thread->interpreter && name_in(python, thread->interpreter, identifier, thread, &text));
    if (found) {
        copy_name(&text, name, size);
    } else if (thread->inner == python->main_tid) {
        /* A program that never imported threading: its main thread would be called so. */
        found = true;
        snprintf(name, size, "MainThread");
    }
    buf_release(&text);
    return found;
}
