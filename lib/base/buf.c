#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buf_release(struct buf *buf)
{
    mem_free(buf->data);
    memset(buf, 0, sizeof *buf);
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

static bool reserve(struct buf *buf, size_t more)
{
    if (buf->failed)
        return false;
    size_t need;
    if (__builtin_add_overflow(buf->size, more + 1, &need) || mem_grow(&buf->data, &buf->capacity, need, 1) != 0)
        buf->failed = true;
    return !buf->failed;
}

void buf_add(struct buf *buf, const void *data, size_t size)
{
    if (size == 0 || !reserve(buf, size))
        return;
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_byte(struct buf *buf, uint8_t byte)
{
    buf_add(buf, &byte, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    char small[512];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(small, sizeof small, format, args);
    if (length >= 0 && (size_t)length < sizeof small) {
        buf_add(buf, small, (size_t)length);
    } else if (length >= 0 && reserve(buf, (size_t)length)) {
        vsnprintf(buf->data + buf->size, (size_t)length + 1, format, again);
        buf->size += (size_t)length;
    }
    va_end(again);
    va_end(args);
}

void buf_add_varint(struct buf *buf, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    do {
        bytes[n] = (uint8_t)(value & 0x7f);
        value >>= 7;
        if (value != 0)
            bytes[n] |= 0x80;
        n++;
    } while (value != 0);
    buf_add(buf, bytes, n);
}

void buf_add_signed_varint(struct buf *buf, int64_t value)
{
    buf_add_varint(buf, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

/* Length of the valid UTF-8 sequence at `text`, 0 when there is none. Overlong forms and surrogates are invalid. */
static size_t utf8_length(const unsigned char *text, size_t left)
{
    unsigned char lead = text[0];
    size_t length;
    uint32_t point;
    if (lead < 0x80)
        return 1;
    else if (lead >= 0xc2 && lead < 0xe0)
        length = 2, point = lead & 0x1f;
    else if (lead >= 0xe0 && lead < 0xf0)
        length = 3, point = lead & 0x0f;
    else if (lead >= 0xf0 && lead < 0xf5)
        length = 4, point = lead & 0x07;
    else
        return 0;
    if (left < length)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        point = (point << 6) | (text[i] & 0x3f);
    }
    if ((length == 3 && point < 0x800) || (length == 4 && (point < 0x10000 || point > 0x10ffff)) ||
        (point >= 0xd800 && point < 0xe000))
        return 0;
    return length;
}

bool utf8_valid(const char *text, size_t length)
{
    for (size_t i = 0, step; i < length; i += step) {
        step = utf8_length((const unsigned char *)text + i, length - i);
        if (step == 0)
            return false;
    }
    return true;
}

/* A character of two or three bytes that shows nothing but changes how its neighbours are shown: C1 controls, line and
 * paragraph separators, marks that turn the direction of writing. Its number, else 0. */
static unsigned invisible(const unsigned char *bytes, size_t step)
{
    unsigned c = 0;
    if (step == 2)
        c = (bytes[0] & 0x1fU) << 6 | (bytes[1] & 0x3fU);
    else if (step == 3)
        c = (bytes[0] & 0x0fU) << 12 | (bytes[1] & 0x3fU) << 6 | (bytes[2] & 0x3fU);
    bool hides = (c >= 0x80 && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
                 (c >= 0x2066 && c <= 0x2069);
    return hides ? c : 0;
}

void buf_add_json(struct buf *buf, const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    buf_add_byte(buf, '"');
    for (size_t i = 0; i < length;) {
        size_t step = utf8_length(bytes + i, length - i);
        unsigned char c = bytes[i];
        if (step == 0) {
            buf_add_text(buf, "\\ufffd");
            step = 1;
        } else if (c == '"' || c == '\\') {
            buf_printf(buf, "\\%c", c);
        } else if (c == '\n') {
            buf_add_text(buf, "\\n");
        } else if (c < 0x20 || c == 0x7f || c == '<') {
            buf_printf(buf, "\\u%04x", c);
        } else if (invisible(bytes + i, step)) {
            buf_printf(buf, "\\u%04x", invisible(bytes + i, step));
        } else {
            buf_add(buf, bytes + i, step);
        }
        i += step;
    }
    buf_add_byte(buf, '"');
}

void buf_add_visible(struct buf *buf, const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t i = 0; i < length;) {
        size_t step = utf8_length(bytes + i, length - i);
        unsigned char c = bytes[i];
        unsigned hidden = invisible(bytes + i, step);
        if (step == 0 || c < 0x20 || c == 0x7f) {
            buf_printf(buf, "\\x%02x", c);
            step = 1;
        } else if (hidden) {
            buf_printf(buf, hidden < 0x100 ? "\\x%02x" : "\\u%04x", hidden);
        } else {
            buf_add(buf, bytes + i, step);
        }
        i += step;
    }
}

const char *buf_text(struct buf *buf)
{
    if (!reserve(buf, 0)) {
        buf->size = 0; /* text and size go together, whoever asks for the one takes the other */
        return "";
    }
    buf->data[buf->size] = '\0';
    return buf->data;
}

uint8_t reader_byte(struct reader *reader)
{
    if (reader->at >= reader->end) {
        reader->failed = true;
        return 0;
    }
    return *reader->at++;
}

uint64_t reader_long_varint(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = reader_byte(reader);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    reader->failed = true;
    return 0;
}
