/* Strings of the target: compact ones of one, two or four bytes a character, or plain bytes. All of it is hostile. */
#include "base/mem.h"
#include "capture/cpython/internal.h"

enum { CHARACTERS_MAX = 1 << 30, KIND_MASK = 7, COMPACT_BIT = 8, ASCII_BIT = 16, SHORT_TEXT = 64 };

uint32_t text_ascii_bits(const struct layout *row)
{
    return (uint32_t)ASCII_BIT << row->str_kind_shift;
}

struct text_part text_part_of(const struct layout *row, uint64_t address, const uint8_t *head, uint32_t limit)
{
    struct text_part none = {0};
    uint64_t length = load_u64(head + row->str_length);
    if (length > CHARACTERS_MAX)
        return none;
    length = length < limit ? length : limit;
    if (row->byte_strings)
        return (struct text_part){address + row->str_ascii_size, 1, (uint32_t)length};
    uint32_t state = load_u32(head + row->str_state) >> row->str_kind_shift;
    uint32_t kind = state & KIND_MASK;
    if ((kind != 1 && kind != 2 && kind != 4) || !(state & COMPACT_BIT))
        return none;
    uint32_t header = state & ASCII_BIT ? row->str_ascii_size : row->str_compact_size;
    return (struct text_part){.address = address + header, .kind = kind, .length = (uint32_t)length};
}

bool text_is(const struct layout *row, uint64_t address, const uint8_t *head, const char *wanted)
{
    size_t length = strlen(wanted);
    struct text_part part = text_part_of(row, address, head, UINT32_MAX);
    return part.kind == 1 && part.length == length && part.address == address + row->str_ascii_size &&
           memcmp(head + row->str_ascii_size, wanted, length) == 0;
}

static void add_character(struct buf *buf, uint32_t character)
{
    if (character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff) || character == 0)
        character = 0xfffd;
    if (character < 0x80) {
        buf_add_byte(buf, (uint8_t)character);
    } else if (character < 0x800) {
        buf_add_byte(buf, (uint8_t)(0xc0 | character >> 6));
        buf_add_byte(buf, (uint8_t)(0x80 | (character & 63)));
    } else if (character < 0x10000) {
        buf_add_byte(buf, (uint8_t)(0xe0 | character >> 12));
        buf_add_byte(buf, (uint8_t)(0x80 | (character >> 6 & 63)));
        buf_add_byte(buf, (uint8_t)(0x80 | (character & 63)));
    } else {
        buf_add_byte(buf, (uint8_t)(0xf0 | character >> 18));
        buf_add_byte(buf, (uint8_t)(0x80 | (character >> 12 & 63)));
        buf_add_byte(buf, (uint8_t)(0x80 | (character >> 6 & 63)));
        buf_add_byte(buf, (uint8_t)(0x80 | (character & 63)));
    }
}

/* Bytes that are meant to be UTF-8. */
static void add_bytes(struct buf *buf, const uint8_t *data, uint32_t length)
{
    for (uint32_t i = 0; i < length;) {
        uint8_t byte = data[i];
        uint32_t size = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
        bool good = byte != 0 && size <= length - i && utf8_valid((const char *)data + i, size);
        if (good)
            buf_add(buf, data + i, size);
        else
            add_character(buf, 0);
        i += good ? size : 1;
    }
}

void text_to_utf8(const struct layout *row, struct buf *buf, const uint8_t *data, uint32_t kind, uint32_t length)
{
    if (row->byte_strings) {
        add_bytes(buf, data, length);
        return;
    }
    for (uint32_t i = 0; i < length && kind; i++) {
        uint32_t character = 0;
        memcpy(&character, data + (size_t)i * kind, kind);
        add_character(buf, character);
    }
}

/* Most texts are short: one read has head and characters, but for those at the very end of a mapping. */
bool text_read(struct python *python, uint64_t address, uint32_t limit, struct buf *buf)
{
    uint8_t head[TEXT_HEAD_MAX + SHORT_TEXT], *data = NULL;
    size_t head_size = python->layout.str_ascii_size, whole = head_size + SHORT_TEXT;
    buf_clear(buf);
    if (!plausible(address))
        return false;
    if (!remote_read(&python->remote, address, head, whole)) {
        whole = 0;
        if (!remote_read(&python->remote, address, head, head_size))
            return false;
    }
    struct text_part part = text_part_of(&python->layout, address, head, limit);
    size_t size = (size_t)part.kind * part.length;
    bool good = part.kind != 0, here = good && part.address - address + size <= whole;
    if (good && !here) {
        data = mem_alloc(size + 1);
        good = data && remote_read(&python->remote, part.address, data, size);
    }
    if (good) {
        const uint8_t *text = here ? head + (part.address - address) : data;
        text_to_utf8(&python->layout, buf, text, part.kind, part.length);
        buf_text(buf);
        good = !buf->failed;
    }
    mem_free(data);
    return good;
}
