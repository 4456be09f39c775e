/*
 * A growing byte buffer. Once an append fails for lack of memory, `failed` is set and every later append does nothing,
 * so that a writer checks once at its end.
 */
#ifndef KEISOKU_BASE_BUF_H
#define KEISOKU_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* zero-terminated behind `size` after buf_text */
    size_t size, capacity;
    bool failed;
};

void buf_release(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory */
void buf_add(struct buf *buf, const void *data, size_t size);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_byte(struct buf *buf, uint8_t byte);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_add_varint(struct buf *buf, uint64_t value);       /* LEB128 */
void buf_add_signed_varint(struct buf *buf, int64_t value); /* zigzag, then LEB128 */
/* JSON string with its quotes; bytes that are no UTF-8 become U+FFFD; "<", line separators, C1 controls and marks that
 * turn the direction of writing are escaped, so that the text may stand inside an HTML script element. */
void buf_add_json(struct buf *buf, const char *text, size_t length);
/* Text from a target, safe for a terminal: control characters and invalid UTF-8 become \xNN, marks that turn the
 * direction of writing \uNNNN. */
void buf_add_visible(struct buf *buf, const char *text, size_t length);
bool utf8_valid(const char *text, size_t length);
const char *buf_text(struct buf *buf); /* zero-terminated; "" when empty or failed */

/* A bounded reader over bytes from outside. After the first read beyond the end `failed` is set and reads give 0. */
struct reader {
    const uint8_t *at, *end;
    bool failed;
};
uint8_t reader_byte(struct reader *reader);
uint64_t reader_long_varint(struct reader *reader); /* of any length */
/* Nearly all that we write are one byte. */
static inline uint64_t reader_varint(struct reader *reader)
{
    return reader->at < reader->end && *reader->at < 0x80 ? *reader->at++ : reader_long_varint(reader);
}
static inline int64_t reader_signed_varint(struct reader *reader)
{
    uint64_t value = reader_varint(reader);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
