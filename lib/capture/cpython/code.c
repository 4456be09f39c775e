/*
 * Code objects: checksums that tell when an address was reused (timed path), copies taken while a frame is alive, and
 * names and lines made of the copies at leisure.
 *
 * A copy is struct copy_head followed by the bytes of its parts: file, name and qualified name as the target has them,
 * and the line table.
 */
#include "base/map.h"
#include "base/mem.h"
#include "capture/cpython/internal.h"
#include "wire/kernel_sample.h"

#include <errno.h>

enum {
    CO_COROUTINE = 0x80,
    CO_ASYNC_GENERATOR = 0x200,
    NAME_BYTES_MAX = 64 << 10,
    LINES_BYTES_MAX = 16 << 20,
    TEXTS = 3, /* file, name, qualified name */
    PARTS = 4, /* and the line table */
};

/* --- heads ---------------------------------------------------------------------------------------------------------
 */

static uint32_t head_bytes(const struct layout *row)
{
    return row->code_size < PYTHON_CODE_HEAD_BYTES ? row->code_size : PYTHON_CODE_HEAD_BYTES;
}

static bool has_field(const struct layout *row, uint32_t offset, uint32_t size)
{
    return layout_has(offset) && offset + size <= head_bytes(row);
}

static bool has_version(const struct layout *row)
{
    return row->code_version_before && row->code_version_before <= row->code_filename;
}

/* Over the fields that are set at creation and never change: not the counters, caches and instrumentation beside. 0: no
 * code object. */
static uint64_t checksum(struct python *python, const uint8_t *head)
{
    const struct layout *row = &python->layout;
    const uint32_t words[] = {row->object_type,   row->var_size,  row->code_consts,   row->code_names,
                              row->code_filename, row->code_name, row->code_qualname, row->code_linetable};
    const uint32_t halves[] = {row->code_argcount, row->code_flags, row->code_firstlineno};
    uint64_t parts[sizeof(words) / sizeof(words[0]) + sizeof(halves) / sizeof(halves[0]) + 1];
    size_t count = 0;
    if (!python_is_code(python, load_u64(head + row->object_type)))
        return 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        /* Before 3.11 a code object has no size of its own in that place, but counts that do not change either. */
        if (has_field(row, words[i], 8))
            parts[count++] = load_u64(head + words[i]);
    }
    for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
        if (has_field(row, halves[i], 4))
            parts[count++] = load_u32(head + halves[i]);
    }
    if (has_version(row)) /* no two code objects of a process have the same */
        parts[count++] = load_u32(head + row->code_filename - row->code_version_before);
    uint64_t sum = hash_bytes(parts, count * sizeof(parts[0]));
    return sum ? sum : 1;
}

enum { BATCH = 64 };

static uint64_t add_text(const struct layout *row, uint64_t sum, uint64_t address, const uint8_t *bytes)
{
    struct text_part text = text_part_of(row, address, bytes, NAME_BYTES_MAX);
    size_t start = (size_t)(text.address - address), size = (size_t)text.kind * text.length;
    if (sum == 0 || text.kind == 0 || start >= TEXT_HEAD_MAX)
        return sum;
    sum = sum * 31 + hash_bytes(bytes + start, size < TEXT_HEAD_MAX - start ? size : TEXT_HEAD_MAX - start);
    return sum + (sum == 0);
}

/*
 * A program that compiles, runs and throws away, again and again, makes code objects whose every pointer is that of the
 * one before. Where they have no number of their own, the beginnings of their names and files tell them apart.
 */
static void add_texts(struct python *python, uint8_t (*heads)[PYTHON_CODE_HEAD_BYTES], uint64_t *sums, size_t count)
{
    const struct layout *row = &python->layout;
    const uint32_t fields[] = {row->code_filename, row->code_name};
    enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };
    uint8_t texts[BATCH * FIELDS][TEXT_HEAD_MAX];
    struct remote_part parts[BATCH * FIELDS];
    for (size_t i = 0; i < count * FIELDS; i++)
        parts[i] = (struct remote_part){load_u64(heads[i / FIELDS] + fields[i % FIELDS]), texts[i], TEXT_HEAD_MAX};
    for (size_t at = 0, n = count * FIELDS; at < n; at++) {
        at += remote_read_parts(&python->remote, parts + at, n - at);
        if (at < n) /* a part that cannot be read */
            memset(texts[at], 0, TEXT_HEAD_MAX);
    }
    for (size_t i = 0; i < count * FIELDS; i++) {
        uint64_t *sum = &sums[i / FIELDS];
        *sum = add_text(row, *sum, parts[i].address, texts[i]);
    }
}

bool python_code_checksums(struct python *python, const uint64_t *codes, size_t count, uint64_t *checksums)
{
    uint8_t heads[BATCH][PYTHON_CODE_HEAD_BYTES];
    struct remote_part parts[BATCH];
    size_t size = head_bytes(&python->layout);
    for (size_t at = 0; at < count;) {
        size_t batch = count - at < BATCH ? count - at : BATCH;
        for (size_t i = 0; i < batch; i++)
            parts[i] = (struct remote_part){.address = codes[at + i], .local = heads[i], .size = size};
        size_t got = remote_read_parts(&python->remote, parts, batch);
        if (got == 0 && errno != EFAULT)
            return false;
        for (size_t i = 0; i < got; i++)
            checksums[at + i] = checksum(python, heads[i]);
        if (!has_version(&python->layout))
            add_texts(python, heads, checksums + at, got);
        at += got;
        if (got < batch)
            checksums[at++] = 0;
    }
    return true;
}

/* Fields that checksum uses too, for the mark; one that is missing is stood for by another. */
bool python_wire_code(const struct layout *row, struct wire_layout *wire)
{
    const uint32_t words[WIRE_MARK_WORDS] = {row->code_consts, row->code_names,    row->code_filename,
                                             row->code_name,   row->code_qualname, row->code_linetable};
    const uint32_t version = has_version(row) ? row->code_filename - row->code_version_before : row->code_firstlineno;
    const uint32_t halves[WIRE_MARK_HALVES] = {row->code_argcount, row->code_flags, row->code_firstlineno, version};
    uint32_t low = UINT32_MAX, high = 0;
    for (int i = 0; i < WIRE_MARK_WORDS + WIRE_MARK_HALVES; i++) {
        uint32_t at = i < WIRE_MARK_WORDS ? words[i] : halves[i - WIRE_MARK_WORDS];
        uint32_t size = i < WIRE_MARK_WORDS ? 8 : 4;
        if (!has_field(row, at, size))
            continue;
        low = at < low ? at : low;
        high = at + size > high ? at + size : high;
    }
    if (high == 0 || !has_field(row, row->code_linetable, 8) || !has_field(row, row->code_firstlineno, 4))
        return false;
    wire->code_low = low;
    wire->code_bytes = high - low;
    for (int i = 0; i < WIRE_MARK_WORDS; i++)
        wire->mark_words[i] = (uint16_t)((has_field(row, words[i], 8) ? words[i] : row->code_linetable) - low);
    for (int i = 0; i < WIRE_MARK_HALVES; i++)
        wire->mark_halves[i] = (uint16_t)((has_field(row, halves[i], 4) ? halves[i] : row->code_firstlineno) - low);
    bool told = has_version(row) || !has_field(row, row->code_filename, 8);
    wire->mark_text = told ? WIRE_NONE : row->code_filename - low;
    wire->text_length = row->str_length;
    wire->text_state = row->byte_strings ? WIRE_NONE : row->str_state;
    wire->text_ascii = text_ascii_bits(row);
    wire->text_start[0] = row->str_ascii_size;
    wire->text_start[1] = row->str_compact_size;
    const uint32_t texts[WIRE_TEXTS] = {row->code_filename, row->code_name, row->code_qualname};
    for (int i = 0; i < WIRE_TEXTS; i++)
        wire->code_texts[i] = has_field(row, texts[i], 8) ? texts[i] : WIRE_NONE;
    wire->code_size = head_bytes(row);
    wire->code_table = row->code_linetable;
    wire->table_size = row->var_size;
    wire->table_head = row->bytes_data;
    return wire->code_bytes <= WIRE_FIELDS_BYTES;
}

/* --- copies --------------------------------------------------------------------------------------------------------
 */

/* Both ends are this program, so the copy is a plain structure. */
struct copy_head {
    uint32_t first_line;
    bool coroutine;
    uint32_t kinds[PARTS];   /* bytes a character; 0: no such part */
    uint32_t lengths[PARTS]; /* characters */
};

/* Where a table of offsets leaves them out (3.13 on) they stand before the counts, whose place it tells. */
static uint32_t flags_of(const struct layout *row, const uint8_t *code)
{
    uint32_t at = layout_has(row->code_flags) ? row->code_flags : row->code_argcount - 4;
    return has_field(row, at, 4) ? load_u32(code + at) : 0;
}

static void fill_head(const struct layout *row, const uint8_t *code, const struct text_part *found,
                      struct copy_head *out)
{
    uint32_t line = load_u32(code + row->code_firstlineno);
    *out = (struct copy_head){
        .first_line = line <= INT32_MAX ? line : 0,
        .coroutine = (flags_of(row, code) & (CO_COROUTINE | CO_ASYNC_GENERATOR)) != 0,
    };
    for (size_t i = 0; i < PARTS; i++) {
        out->kinds[i] = found[i].kind;
        out->lengths[i] = found[i].length;
    }
}

/* Where the characters of the names and the bytes of the line table are: one call for the four heads. */
static int find_parts(struct python *python, const uint8_t *head, struct text_part *found)
{
    const struct layout *row = &python->layout;
    const uint32_t fields[PARTS] = {row->code_filename, row->code_name, row->code_qualname, row->code_linetable};
    uint8_t heads[PARTS][TEXT_HEAD_MAX];
    struct remote_part parts[PARTS];
    size_t which[PARTS], count = 0;
    for (size_t i = 0; i < PARTS; i++) {
        found[i] = (struct text_part){0};
        if (!has_field(row, fields[i], 8))
            continue;
        uint64_t address = load_u64(head + fields[i]);
        if (!plausible(address))
            return ERR_UNREADABLE;
        which[count] = i;
        parts[count++] = (struct remote_part){
            .address = address, .local = heads[i], .size = i < TEXTS ? row->str_ascii_size : row->var_size + 8};
    }
    if (remote_read_parts(&python->remote, parts, count) != count)
        return ERR_UNREADABLE;
    for (size_t i = 0; i < count; i++) {
        size_t at = which[i];
        if (at < TEXTS) {
            found[at] = text_part_of(row, parts[i].address, heads[at], NAME_BYTES_MAX);
            if (found[at].kind == 0)
                return ERR_UNREADABLE;
            continue;
        }
        uint64_t size = load_u64(heads[at] + row->var_size);
        found[at].address = parts[i].address + row->bytes_data;
        found[at].kind = 1;
        found[at].length = size <= LINES_BYTES_MAX ? (uint32_t)size : 0;
    }
    return 0;
}

/* Makes room at the end of the buffer; NULL when memory is short. */
static uint8_t *extend(struct buf *buf, size_t size)
{
    if (mem_grow(&buf->data, &buf->capacity, buf->size + size + 1, 1))
        return NULL;
    uint8_t *at = (uint8_t *)buf->data + buf->size;
    buf->size += size;
    return at;
}

int python_code_copy(struct python *python, uint64_t code, struct buf *copy)
{
    const struct layout *row = &python->layout;
    uint8_t head[PYTHON_CODE_HEAD_BYTES];
    struct text_part found[PARTS];
    struct remote_part parts[PARTS];
    struct copy_head out;
    size_t count = 0, total = 0;
    buf_clear(copy);
    if (!remote_read(&python->remote, code, head, head_bytes(row)) ||
        !python_is_code(python, load_u64(head + row->object_type)))
        return ERR_UNREADABLE;
    int rc = find_parts(python, head, found);
    if (rc)
        return rc;
    fill_head(row, head, found, &out);
    for (size_t i = 0; i < PARTS; i++)
        total += (size_t)found[i].kind * found[i].length;
    buf_add(copy, &out, sizeof(out));
    uint8_t *data = copy->failed ? NULL : extend(copy, total);
    if (!data)
        return ERR_NOMEM;
    for (size_t i = 0; i < PARTS; i++) {
        size_t size = (size_t)found[i].kind * found[i].length;
        if (size)
            parts[count++] = (struct remote_part){.address = found[i].address, .local = data, .size = size};
        data += size;
    }
    return remote_read_parts(&python->remote, parts, count) == count ? 0 : ERR_UNREADABLE;
}

/* The parts of a code object as the kernel sampler copied them. */
static int find_recorded(struct python *python, const struct wire_code *code, const uint8_t *table,
                         struct text_part *found, const uint8_t **data)
{
    const struct layout *row = &python->layout;
    for (size_t i = 0; i < TEXTS; i++) {
        found[i] = (struct text_part){0};
        data[i] = NULL;
        if (code->text_addresses[i] == 0)
            continue;
        if (code->text_bytes[i] < row->str_ascii_size || code->text_bytes[i] > WIRE_TEXT_BYTES)
            return ERR_UNREADABLE;
        found[i] = text_part_of(row, code->text_addresses[i], code->texts[i], NAME_BYTES_MAX);
        if (found[i].kind == 0)
            return ERR_UNREADABLE;
        uint64_t at = found[i].address - code->text_addresses[i];
        if (at > code->text_bytes[i] || (uint64_t)found[i].kind * found[i].length > code->text_bytes[i] - at)
            return ERR_FULL;
        data[i] = code->texts[i] + at;
    }
    if (code->table_bytes < row->bytes_data)
        return ERR_FULL;
    found[TEXTS] = (struct text_part){.kind = 1, .length = code->table_bytes - row->bytes_data};
    data[TEXTS] = table + row->bytes_data;
    return 0;
}

int python_code_recorded(struct python *python, const struct wire_code *code, const uint8_t *table, uint64_t *sum,
                         struct buf *copy)
{
    struct text_part found[PARTS];
    const uint8_t *data[PARTS];
    *sum = checksum(python, code->head);
    if (*sum == 0)
        return ERR_UNREADABLE;
    for (size_t i = 0; i < 2 && !has_version(&python->layout); i++) /* file and name, as add_texts */
        *sum = add_text(&python->layout, *sum, code->text_addresses[i], code->texts[i]);
    int rc = find_recorded(python, code, table, found, data);
    if (rc == ERR_FULL) { /* longer than a record holds: from memory, where it is the same object if it is there */
        uint8_t head[PYTHON_CODE_HEAD_BYTES];
        rc = python_code_copy(python, code->address, copy);
        bool same = rc == 0 && remote_read(&python->remote, code->address, head, head_bytes(&python->layout)) &&
                    checksum(python, head) == checksum(python, code->head);
        return rc != 0 || same ? rc : ERR_UNREADABLE;
    }
    if (rc != 0)
        return rc;
    struct copy_head out;
    fill_head(&python->layout, code->head, found, &out);
    buf_clear(copy);
    buf_add(copy, &out, sizeof(out));
    for (size_t i = 0; i < PARTS; i++) {
        if (data[i])
            buf_add(copy, data[i], (size_t)found[i].kind * found[i].length);
    }
    return copy->failed ? ERR_NOMEM : 0;
}

/* --- resolving -----------------------------------------------------------------------------------------------------
 */

static char *part_text(const struct layout *row, const uint8_t *data, uint32_t kind, uint32_t length)
{
    struct buf text = {0};
    text_to_utf8(row, &text, data, kind, length);
    if (length == NAME_BYTES_MAX) /* it was cut */
        buf_add(&text, "…", sizeof("…") - 1);
    const char *done = buf_text(&text);
    char *result = text.failed ? NULL : mem_strdup(done);
    buf_release(&text);
    return result;
}

int python_code_resolve(const struct python *python, const struct buf *copy, struct python_code *code)
{
    const struct layout *row = &python->layout;
    struct copy_head head;
    memset(code, 0, sizeof(*code));
    if (copy->size < sizeof(head))
        return ERR_BAD_INPUT;
    memcpy(&head, copy->data, sizeof(head));
    const uint8_t *data[PARTS], *at = (const uint8_t *)copy->data + sizeof(head);
    size_t left = copy->size - sizeof(head);
    for (size_t i = 0; i < PARTS; i++) {
        size_t size = (size_t)head.kinds[i] * head.lengths[i];
        if (head.kinds[i] > 4 || size > left)
            return ERR_BAD_INPUT;
        data[i] = at;
        at += size;
        left -= size;
    }
    code->first_line = head.first_line;
    code->coroutine = head.coroutine;
    code->line_format = row->line_format;
    code->file = part_text(row, data[0], head.kinds[0], head.lengths[0]);
    code->name = part_text(row, data[1], head.kinds[1], head.lengths[1]);
    size_t qualified = head.kinds[2] ? 2 : 1;
    code->qualname = part_text(row, data[qualified], head.kinds[qualified], head.lengths[qualified]);
    code->lines_size = head.lengths[3];
    code->lines = mem_alloc(code->lines_size + 1);
    if (!code->file || !code->name || !code->qualname || !code->lines) {
        python_code_release(code);
        return ERR_NOMEM;
    }
    memcpy(code->lines, data[3], code->lines_size);
    return 0;
}

void python_code_release(struct python_code *code)
{
    mem_free(code->name);
    mem_free(code->qualname);
    mem_free(code->file);
    mem_free(code->lines);
    memset(code, 0, sizeof(*code));
}
