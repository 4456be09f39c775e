#include "capture/cpython/operands.h"

#include "base/mem.h"
#include "capture/cpython/internal.h"

#include <string.h>

enum {
    STACK_MAX = 4096,    /* slots of one code object, locals included */
    SUBCLASS_SHIFT = 25, /* of the type flags: list, tuple, bytes, str, dict */
};

static const int64_t length_max = (int64_t)1 << 40;

_Static_assert(WIRE_OPERANDS == (int)OPERANDS && WIRE_HEAD_BYTES == (int)OPERAND_HEAD_BYTES,
               "one look, by whichever reader");

struct operand_plan {
    size_t count;
    struct operand_row rows[];
};

/* ---- plans ----------------------------------------------------------------------------------------------------------
 */

/* Number of items of the tuple that a field points at. */
static bool tuple_size(struct python *python, const uint8_t *head, uint32_t field, uint32_t *size)
{
    uint64_t tuple = load_u64(head + field), items;
    if (!plausible(tuple) || !remote_read_u64(&python->remote, tuple + python->layout.var_size, &items) ||
        items > STACK_MAX)
        return false;
    *size += (uint32_t)items;
    return true;
}

static bool has(const struct layout *row, uint32_t offset)
{
    return layout_has(offset) && offset + 8 <= row->code_size && offset + 8 <= PYTHON_CODE_HEAD_BYTES;
}

bool python_instructions(struct python *python, uint64_t code, struct instructions *found)
{
    const struct layout *row = &python->layout;
    uint8_t head[PYTHON_CODE_HEAD_BYTES];
    size_t size = row->code_size < sizeof head ? row->code_size : sizeof head;
    uint64_t units;
    if (!has(row, row->code_locals) || !has(row, row->code_stacksize) ||
        !remote_read(&python->remote, code, head, size))
        return false;
    found->locals = load_u32(head + row->code_locals);
    found->stack = load_u32(head + row->code_stacksize);
    if (found->locals > STACK_MAX || found->stack > STACK_MAX)
        return false;
    if (!has(row, row->code_bytes)) {
        found->address = code + row->code_instructions;
        units = load_u64(head + row->var_size);
        found->size = units <= INSTRUCTION_BYTES_MAX / 2 ? (size_t)units * 2 : 0;
        return found->size > 0;
    }
    uint64_t bytes = load_u64(head + row->code_bytes);
    if (!has(row, row->code_cellvars) || !has(row, row->code_freevars) || !plausible(bytes) ||
        !tuple_size(python, head, row->code_cellvars, &found->locals) ||
        !tuple_size(python, head, row->code_freevars, &found->locals) ||
        !remote_read_u64(&python->remote, bytes + row->var_size, &units) || units > INSTRUCTION_BYTES_MAX)
        return false;
    found->address = bytes + row->bytes_data;
    found->size = (size_t)units;
    return found->size > 0;
}

static int make_plan(int minor, const uint8_t *bytes, const struct instructions *code, struct operand_plan **plan)
{
    struct operand_row *rows;
    int count = operand_rows(minor, bytes, code->size, code->locals, code->stack, &rows);
    if (count <= 0) {
        mem_free(rows);
        return count;
    }
    size_t size = (size_t)count * sizeof *rows;
    *plan = mem_alloc(sizeof **plan + size);
    if (*plan != NULL) {
        (*plan)->count = (size_t)count;
        memcpy((*plan)->rows, rows, size);
    }
    mem_free(rows);
    return *plan != NULL ? 0 : ERR_NOMEM;
}

int python_operand_plan(struct python *python, uint64_t code, uint64_t checksum, struct operand_plan **plan)
{
    struct instructions found = {0};
    uint64_t now;
    *plan = NULL;
    if (!layout_has(python->layout.frame_locals) || python->info.major != 3 ||
        !python_instructions(python, code, &found))
        return 0;
    uint8_t *bytes = mem_alloc(found.size);
    if (bytes == NULL)
        return ERR_NOMEM;
    int rc = 0;
    if (remote_read(&python->remote, found.address, bytes, found.size) &&
        python_code_checksums(python, &code, 1, &now) && now == checksum)
        rc = make_plan(python->layout.minor, bytes, &found, plan);
    mem_free(bytes);
    return rc;
}

/* ---- looks ----------------------------------------------------------------------------------------------------------
 */

static const struct operand_row *row_at(const struct operand_plan *plan, int32_t offset)
{
    size_t low = 0, high = plan->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (plan->rows[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < plan->count && plan->rows[low].offset == offset ? &plan->rows[low] : NULL;
}

/* 3.14 empties the second operand's slot once it has the result, which has taken the place of the first, and only then
 * drops what was in it: the frame says the same instruction all that time. (Before, the result stands there for a few
 * machine instructions only: 0.3 to 0.5 % of looks at `[]`; here it was 4 %. For 3.15 see the writer:
 * capture/operands.c.) */
static bool is_over(const struct python *python, const struct operand_row *row, const uint64_t values[OPERANDS + 1])
{
    const uint64_t address = ~(uint64_t)python->layout.code_tag_mask;
    return (row->slot[1] != NO_SLOT && (values[1] & address) == 0) ||
           (row->slot[0] != NO_SLOT && row->method == NO_SLOT && (values[0] & address) == 0);
}

/* By the values of the operands' slots, and of the one that says whether the first is an operand. */
static bool begin_heads(const struct python *python, const struct operand_row *row, const uint64_t values[OPERANDS + 1],
                        struct operand_heads *heads)
{
    bool any = false;
    if (is_over(python, row, values))
        return false;
    heads->operation = row->operation;
    for (size_t i = 0; i < OPERANDS; i++) {
        heads->address[i] = object_of_slot(&python->layout, values[i]);
        if (i == 0 && row->method != NO_SLOT && object_of_slot(&python->layout, values[OPERANDS]) == 0)
            heads->address[i] = 0; /* a function that is no method: nothing is called on */
        any = any || heads->address[i] != 0;
    }
    return any;
}

static uint64_t slot_offset(const struct python *python, uint16_t slot)
{
    return python->layout.frame_locals + (uint64_t)slot * 8;
}

bool python_read_operands(struct python *python, const struct operand_plan *plan, const struct python_frame *frame,
                          struct operand_heads *heads)
{
    const struct operand_row *row = row_at(plan, frame->offset);
    if (row == NULL)
        return false;
    const uint16_t slots[OPERANDS + 1] = {row->slot[0], row->slot[1], row->method};
    uint64_t values[OPERANDS + 1] = {0};
    struct remote_part parts[OPERANDS + 1];
    size_t count = 0;
    for (size_t i = 0; i < OPERANDS + 1; i++) {
        if (slots[i] != NO_SLOT)
            parts[count++] = (struct remote_part){frame->address + slot_offset(python, slots[i]), &values[i], 8};
    }
    if (remote_read_parts(&python->remote, parts, count) != count || !begin_heads(python, row, values, heads))
        return false;
    bool any = false;
    for (size_t i = 0; i < OPERANDS; i++) {
        heads->read[i] = heads->address[i] != 0 &&
                         remote_read(&python->remote, heads->address[i], heads->bytes[i], sizeof heads->bytes[i]);
        any = any || heads->read[i];
    }
    return any;
}

bool python_operand_slots(const struct python *python, const struct operand_plan *plan, int32_t offset,
                          struct wire_wanted *wanted)
{
    const struct operand_row *row = row_at(plan, offset);
    if (row == NULL)
        return false;
    const uint16_t slots[WIRE_SLOTS] = {row->slot[0], row->slot[1], row->method};
    for (size_t i = 0; i < WIRE_SLOTS; i++)
        wanted->slots[i] = slots[i] != NO_SLOT ? (uint32_t)slot_offset(python, slots[i]) : WIRE_NONE;
    return true;
}

bool python_operands_recorded(const struct python *python, const struct operand_plan *plan, int32_t offset,
                              const struct wire_operands *wire, struct operand_heads *heads)
{
    const struct operand_row *row = row_at(plan, offset);
    if (row == NULL || !begin_heads(python, row, wire->values, heads))
        return false;
    bool any = false;
    for (size_t i = 0; i < OPERANDS; i++) {
        heads->read[i] = heads->address[i] != 0 && (wire->read & 1u << i) != 0;
        memcpy(heads->bytes[i], wire->bytes[i], sizeof heads->bytes[i]);
        any = any || heads->read[i];
    }
    return any;
}

bool python_read_self(struct python *python, const struct python_frame *frame, struct operand_heads *heads)
{
    uint64_t values[OPERANDS];
    memset(heads, 0, sizeof *heads);
    if (!layout_has(python->layout.frame_locals) ||
        !remote_read(&python->remote, frame->address + slot_offset(python, 0), values, sizeof values))
        return false;
    for (size_t i = 0; i < OPERANDS; i++) {
        heads->address[i] = object_of_slot(&python->layout, values[i]);
        heads->read[i] = heads->address[i] != 0 &&
                         remote_read(&python->remote, heads->address[i], heads->bytes[i], sizeof heads->bytes[i]);
    }
    return heads->read[0];
}

bool python_frames_stand(struct python_reader *reader, const struct python_frame *callee,
                         const struct python_frame *caller)
{
    struct python_frame now[2];
    python_tasks_begin(reader);
    bool stand = python_frame_at(reader, callee->address, &now[0]) &&
                 python_frame_at(reader, caller->address, &now[1]) && now[0].code == callee->code &&
                 now[1].code == caller->code && now[1].offset == caller->offset;
    python_tasks_end(reader);
    return stand;
}

/* ---- names and sizes ------------------------------------------------------------------------------------------------
 */

uint64_t python_operand_type(const struct python *python, const uint8_t *head)
{
    uint64_t type = load_u64(head + python->layout.object_type);
    return plausible(type) ? type : 0;
}

/* A type's type is a type, and at the end of that chain stands one that is its own. */
static bool is_type(struct python *python, uint64_t type)
{
    enum { HOPS = 4 };
    for (int i = 0; i < HOPS; i++) {
        uint64_t of;
        if (!plausible(type) || !remote_read_u64(&python->remote, type + python->layout.object_type, &of))
            return false;
        if (of == type)
            return true;
        type = of;
    }
    return false;
}

bool python_type_name(struct python *python, uint64_t type, char name[static OPERAND_TYPE_BYTES], uint32_t *flags)
{
    const struct layout *row = &python->layout;
    uint64_t text, word = 0;
    if (!layout_has(row->type_name) || !layout_has(row->type_flags) || !is_type(python, type) ||
        !remote_read_u64(&python->remote, type + row->type_name, &text) || text < 4096 ||
        !remote_read_u64(&python->remote, type + row->type_flags, &word))
        return false;
    *flags = (uint32_t)word;
    for (size_t i = 0; i < OPERAND_TYPE_BYTES; i += 8) { /* it may end where its page does */
        if (!remote_read(&python->remote, text + i, name + i, 8)) {
            for (size_t k = 0; k < 8 && remote_read(&python->remote, text + i + k, name + i + k, 1); k++) {
                if (name[i + k] == '\0')
                    return i + k > 0;
            }
            return false;
        }
        for (size_t k = i; k < i + 8; k++) {
            if (name[k] == '\0')
                return k > 0;
            if ((unsigned char)name[k] < ' ' || name[k] == 127)
                return false;
        }
    }
    return false;
}

int64_t python_operand_length(const struct python *python, const uint8_t *head, const char *type, uint32_t flags)
{
    enum { LIST = 1, TUPLE = 2, BYTES = 4, STR = 8, DICT = 16 };
    static const char *const sized[] = {"bytearray", "collections.deque", "deque"};
    const struct layout *row = &python->layout;
    unsigned kind = flags >> SUBCLASS_SHIFT & 31;
    uint32_t at = LAYOUT_NONE;
    if (kind & STR)
        at = row->str_length;
    else if (kind & (LIST | TUPLE | BYTES | DICT)) /* a dict's count follows its header, like a size */
        at = row->var_size;
    else if (strcmp(type, "set") == 0 || strcmp(type, "frozenset") == 0)
        at = row->var_size + 8; /* used; slots filled come first */
    for (size_t i = 0; i < sizeof sized / sizeof sized[0] && !layout_has(at); i++)
        at = strcmp(type, sized[i]) == 0 ? row->var_size : at;
    if (!layout_has(at) || at + 8 > OPERAND_HEAD_BYTES)
        return -1;
    if ((kind & LIST) && at + 24 <= OPERAND_HEAD_BYTES && load_u64(head + at + 16) == UINT64_MAX)
        return -1; /* it is being sorted: until then it has no items and no room */
    int64_t length = (int64_t)load_u64(head + at);
    return length >= 0 && length <= length_max ? length : -1;
}

int64_t python_iterated_length(struct python *python, uint64_t address, const uint8_t *head, const char *type)
{
    const uint32_t size = python->layout.var_size;
    uint64_t length, now;
    if ((strcmp(type, "list_iterator") != 0 && strcmp(type, "tuple_iterator") != 0) || !layout_has(size) ||
        size + 16 > OPERAND_HEAD_BYTES)
        return -1;
    uint64_t over = load_u64(head + size + 8); /* behind the index */
    if (!plausible(over) || !remote_read_u64(&python->remote, over + size, &length) ||
        !remote_read_u64(&python->remote, address + size + 8, &now) || now != over)
        return -1;
    return length <= (uint64_t)length_max ? (int64_t)length : -1;
}

size_t python_array_shape(struct python *python, uint64_t address, const uint8_t *head, const char *type,
                          int64_t shape[static ARRAY_DIMENSIONS])
{
    enum { DATA = 0, COUNT = 8, LENGTHS = 16, FIELDS = 24 }; /* behind the head */
    const size_t base = python->layout.var_size;
    uint8_t now[OPERAND_HEAD_BYTES];
    if (strcmp(type, "numpy.ndarray") != 0 || !layout_has(python->layout.var_size) ||
        base + FIELDS > OPERAND_HEAD_BYTES)
        return 0;
    uint32_t count = load_u32(head + base + COUNT);
    uint64_t lengths = load_u64(head + base + LENGTHS);
    if (count == 0 || count > ARRAY_DIMENSIONS || !plausible(lengths) ||
        !remote_read(&python->remote, lengths, shape, count * sizeof *shape) ||
        !remote_read(&python->remote, address, now, sizeof now) ||
        memcmp(head + base + DATA, now + base + DATA, FIELDS) != 0)
        return 0;
    int64_t items = 1;
    for (uint32_t i = 0; i < count; i++) {
        if (shape[i] < 0 || shape[i] > length_max || __builtin_mul_overflow(items, shape[i], &items) ||
            items > length_max)
            return 0;
    }
    return count;
}
