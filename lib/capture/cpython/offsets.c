/* Parses the target's own debug-offset table into a row; see offsets.h. */
#include "capture/cpython/offsets.h"

#include <string.h>

enum { SIZE_MAX_BYTES = 64 << 20, FIELD_BYTES = 4 };

static uint64_t word_at(const uint8_t *bytes, uint32_t word)
{
    uint64_t value;
    memcpy(&value, bytes + (size_t)word * 8, sizeof(value));
    return value;
}

bool offsets_parse_head(const uint8_t *bytes, size_t size, struct offset_head *head)
{
    if (size < OFFSETS_HEAD_BYTES || memcmp(bytes, OFFSETS_COOKIE, 8) != 0)
        return false;
    uint64_t version = word_at(bytes, 1), threaded = word_at(bytes, 2);
    if (version >> 32 || version >> 24 != 3 || threaded > 1)
        return false;
    *head = (struct offset_head){.major = (int)(version >> 24),
                                 .minor = (int)(version >> 16 & 0xff),
                                 .micro = (int)(version >> 8 & 0xff),
                                 .level = (int)(version >> 4 & 0xf),
                                 .serial = (int)(version & 0xf),
                                 .free_threaded = threaded != 0};
    return true;
}

static bool parse_entry(const uint8_t *bytes, const struct offset_entry *entry, struct layout *layout)
{
    uint64_t value = word_at(bytes, entry->word), limit = SIZE_MAX_BYTES;
    if (entry->bound) {
        limit = word_at(bytes, entry->bound);
        if (limit < FIELD_BYTES || limit > SIZE_MAX_BYTES)
            return false;
        limit -= 1;
    } else if (value < FIELD_BYTES) {
        return false;
    }
    if (value > limit)
        return false;
    if (entry->add) {
        uint64_t more = word_at(bytes, entry->add);
        if (more > limit || value + more > limit)
            return false;
        value += more;
    }
    uint32_t narrow = (uint32_t)value;
    memcpy((char *)layout + entry->field, &narrow, sizeof(narrow));
    return true;
}

/* Sizes that the walkers rely on: small structures whose window is copied at once. */
static bool sizes_sane(const struct layout *layout)
{
    return layout->frame_size <= 4096 && layout->thread_size <= 65536 && layout->code_size <= 4096 &&
           layout->str_ascii_size >= layout->str_state + 4 && layout->str_ascii_size <= 128 &&
           layout->bytes_data <= 128 && layout->frame_ip % 8 == 0 && layout->frame_previous % 8 == 0 &&
           layout->frame_code % 8 == 0 && layout->thread_frame % 8 == 0;
}

/* Threads with copies of the bytecode of their own: the number of the copy lies before a frame's owner, the pointer to
 * the copies before the instructions. */
static bool copies_as_in_headers(const struct layout *layout, const struct layout *row, uint32_t longer)
{
    return layout->frame_tlbc_index == row->frame_owner - 2 && layout->frame_owner == row->frame_owner + 4 &&
           layout->code_instructions == row->code_instructions + longer + 8 &&
           layout->code_tlbc == layout->code_instructions - 8;
}

/*
 * What is the same in every build of a minor, but for the object header, which is `longer` in free-threaded ones:
 * frames, code objects, strings. Only sizes and what belongs to the runtime, interpreters and threads moves. A table
 * that says otherwise is damaged or another program's, and believed it would show wrong names and lines as good ones.
 */
static bool as_in_headers(const struct layout *layout, const struct layout *row, uint32_t longer)
{
#define SAME(field)  (layout->field == row->field)
#define MOVED(field) (layout->field == row->field + longer)
    return SAME(frame_previous) && SAME(frame_code) && SAME(frame_ip) && MOVED(object_type) && MOVED(var_size) &&
           MOVED(code_argcount) && MOVED(code_firstlineno) && MOVED(code_filename) && MOVED(code_name) &&
           MOVED(code_qualname) && MOVED(code_linetable) && MOVED(str_length) && MOVED(str_state) &&
           MOVED(str_ascii_size) && MOVED(bytes_data) &&
           (layout_has(layout->code_tlbc) ? copies_as_in_headers(layout, row, longer)
                                          : SAME(frame_owner) && MOVED(code_instructions));
#undef SAME
#undef MOVED
}

bool offsets_parse(const uint8_t *bytes, size_t size, const struct offset_head *head, struct layout *layout)
{
    const struct layout *row = layout_find(head->major, head->minor);
    const struct layout *newest = layout_newest();
    bool newer = !row && head->minor > newest->minor;
    if (newer)
        row = newest;
    const struct offset_table *table = row ? offset_table_find(row->minor) : NULL;
    if (!table || size < (size_t)table->words * 8)
        return false;
    *layout = *row;
    for (const struct offset_entry *entry = table->entries; entry->field; entry++) {
        if (!parse_entry(bytes, entry, layout))
            return false;
    }
    if (head->free_threaded)
        layout->str_kind_shift = row->str_kind_shift_threaded;
    else
        layout->code_tlbc = layout->frame_tlbc_index = LAYOUT_NONE;
    /* Fields that only the headers tell begin behind the object header, which free-threaded builds make longer. */
    uint32_t longer = layout->type_name - row->type_name;
    if (longer > 64 || (!newer && !as_in_headers(layout, row, longer)))
        return false;
    layout->type_basicsize += longer;
    layout->type_dictoffset += longer;
    layout->type_cached_keys += longer;
    layout->module_dict += longer;
    layout->str_compact_size += longer;
    layout->function_closure += longer;
    layout->function_qualname += longer;
    layout->task_size = (uint16_t)(layout->task_size + longer);
    layout->task_coro = (uint16_t)(layout->task_coro + longer);
    layout->task_name = (uint16_t)(layout->task_name + longer);
    if (layout->generator_iframe == row->generator_iframe) { /* not in every minor's table */
        layout->generator_iframe += longer;
        layout->generator_state += longer;
    }
    /* Counts beside the number of the first line. */
    layout->code_locals = layout->code_firstlineno + (row->code_locals - row->code_firstlineno);
    layout->code_stacksize = layout->code_firstlineno + (row->code_stacksize - row->code_firstlineno);
    /* Not in the table, may move between micros: leave out rather than guess. */
    layout->code_flags = layout->code_consts = LAYOUT_NONE;
    if (newer)
        layout->code_version_before = 0;
    /* Between fields that are where the headers have them, so is what lies between. */
    if (newer || layout->thread_frame != row->thread_frame || layout->thread_pthread != row->thread_pthread)
        layout->thread_raising = layout->thread_handling = layout->thread_handlers = LAYOUT_NONE;
    return sizes_sane(layout);
}
