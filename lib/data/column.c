#include "data/column.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>
#include <zstd.h>

enum packing { PACKING_CONSTANT, PACKING_PLAIN, PACKING_ZSTD };

/* Measured on steady recordings: higher levels gain under 2 % and cost several times the CPU. */
enum { LEVEL = 3, ZSTD_LEAST = 32 };

static bool is_constant(const struct buf *raw)
{
    return raw->size > 0 && memcmp(raw->data, raw->data + 1, raw->size - 1) == 0;
}

void column_pack(struct buf *out, const struct buf *raw)
{
    if (raw->failed)
        out->failed = true;
    buf_add_varint(out, raw->size);
    if (is_constant(raw)) {
        buf_add_byte(out, PACKING_CONSTANT);
        buf_add_byte(out, (uint8_t)raw->data[0]);
        return;
    }
    size_t bound = ZSTD_compressBound(raw->size), packed = raw->size;
    char *space = raw->size >= ZSTD_LEAST ? mem_alloc(bound) : NULL;
    if (space != NULL)
        packed = ZSTD_compress(space, bound, raw->data, raw->size, LEVEL);
    if (space != NULL && !ZSTD_isError(packed) && packed < raw->size) {
        buf_add_byte(out, PACKING_ZSTD);
        buf_add_varint(out, packed);
        buf_add(out, space, packed);
    } else {
        buf_add_byte(out, PACKING_PLAIN);
        buf_add(out, raw->data, raw->size);
    }
    mem_free(space);
}

static int unpack_zstd(struct reader *reader, char *to, size_t size)
{
    uint64_t packed = reader_varint(reader);
    if (reader->failed || packed > (size_t)(reader->end - reader->at))
        return ERR_CORRUPT;
    size_t got = ZSTD_decompress(to, size, reader->at, packed);
    reader->at += packed;
    return ZSTD_isError(got) || got != size ? ERR_CORRUPT : 0;
}

int column_unpack(struct reader *reader, struct buf *raw, size_t max)
{
    buf_clear(raw);
    uint64_t size = reader_varint(reader);
    uint8_t packing = reader_byte(reader);
    if (reader->failed || size > max)
        return ERR_CORRUPT;
    if (mem_grow(&raw->data, &raw->capacity, size + 1, 1) != 0)
        return ERR_NOMEM;
    int rc = 0;
    if (packing == PACKING_CONSTANT) {
        memset(raw->data, reader_byte(reader), size);
        rc = reader->failed ? ERR_CORRUPT : 0;
    } else if (packing == PACKING_PLAIN && size <= (size_t)(reader->end - reader->at)) {
        memcpy(raw->data, reader->at, size);
        reader->at += size;
    } else if (packing == PACKING_ZSTD) {
        rc = unpack_zstd(reader, raw->data, size);
    } else {
        rc = ERR_CORRUPT;
    }
    raw->size = rc == 0 ? size : 0;
    return rc;
}

struct reader column_reader(const struct buf *raw)
{
    const uint8_t *data = (const uint8_t *)raw->data;
    return (struct reader){data, data + raw->size, false};
}
