/* What the agent needs to know of a version, from the same rows as the readers (wire/agent.h). */
#include "capture/cpython/layout.h"
#include "capture/cpython/offsets.h"
#include "capture/cpython/python.h"
#include "wire/agent.h"

enum { FIRST_MINOR = 8 }; /* from which on there are audit hooks, by which the agent gets in */

/* The word of the interpreter's own table in which a field stands. */
static uint32_t word_of(const struct offset_table *table, size_t field)
{
    for (size_t i = 0; table != NULL && i < OFFSET_ENTRIES_MAX && table->entries[i].field != 0; i++)
        if (table->entries[i].field == field)
            return table->entries[i].word;
    return WIRE_AGENT_NONE;
}

void python_agent_layout(int minor, struct wire_agent_layout *wire)
{
    const struct layout *row = layout_find(3, minor);
    *wire = (struct wire_agent_layout){0};
    if (row == NULL || minor < FIRST_MINOR)
        return;
    *wire = (struct wire_agent_layout){
        .words = row->own_offsets,
        .thread_frame = row->thread_frame,
        .thread_cframe = row->thread_cframe,
        .cframe_frame = row->cframe_frame,
        .frame_code = row->frame_code,
        .frame_ip = row->frame_ip,
        .frame_locals = row->frame_locals,
        .frame_previous = row->frame_previous,
        .frame_owner = row->frame_owner,
        .frame_tlbc_index = WIRE_AGENT_NONE,
        .code_tlbc = WIRE_AGENT_NONE,
        .code_instructions = row->code_instructions,
        .code_filename = row->code_filename,
        .code_name = row->code_name,
        .code_qualname = row->code_qualname,
        .code_firstlineno = row->code_firstlineno,
        .ip_scale = row->ip_kind == IP_INDEX ? row->ip_scale : 0,
        .shim_owner = row->shim_owner,
        .object_type = row->object_type,
        .first_opcode = row->begin_opcode,
        .tag_mask = row->code_tag_mask,
    };
    if (row->own_offsets) {
        const struct offset_table *table = offset_table_find(minor);
        wire->thread_frame = word_of(table, offsetof(struct layout, thread_frame));
        wire->frame_locals = word_of(table, offsetof(struct layout, frame_locals));
        wire->frame_previous = word_of(table, offsetof(struct layout, frame_previous));
        wire->frame_owner = word_of(table, offsetof(struct layout, frame_owner));
        wire->frame_tlbc_index = word_of(table, offsetof(struct layout, frame_tlbc_index));
        wire->code_tlbc = word_of(table, offsetof(struct layout, code_tlbc));
        wire->frame_code = word_of(table, offsetof(struct layout, frame_code));
        wire->frame_ip = word_of(table, offsetof(struct layout, frame_ip));
        wire->code_instructions = word_of(table, offsetof(struct layout, code_instructions));
        wire->code_filename = word_of(table, offsetof(struct layout, code_filename));
        wire->code_name = word_of(table, offsetof(struct layout, code_name));
        wire->code_qualname = word_of(table, offsetof(struct layout, code_qualname));
        wire->code_firstlineno = word_of(table, offsetof(struct layout, code_firstlineno));
        wire->object_type = word_of(table, offsetof(struct layout, object_type));
    }
    bool placed = wire->thread_frame != WIRE_AGENT_NONE || !row->own_offsets;
    wire->known = wire->frame_locals != WIRE_AGENT_NONE && placed;
}
