/* Chunks of counters: groups of one (kind, subject) each; times and values as differences. See docs/recording.md. */
#include "data/chunk.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/column.h"
#include "data/dictionary.h"

#include <string.h>

enum { FORMAT = 1 };
enum column { COLUMN_GROUPS, COLUMN_TIME, COLUMN_VALUE, COLUMN_COUNT };

struct columns {
    struct buf raw[COLUMN_COUNT];
};

static void columns_release(struct columns *columns)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        buf_release(&columns->raw[i]);
}

static void add_group(struct columns *columns, const struct chunk_counter *rows, size_t count, const uint32_t *group_of,
                      uint32_t group, uint64_t base)
{
    uint64_t members = 0, last = base;
    int64_t value = 0;
    const struct chunk_counter *first = NULL;
    for (size_t i = 0; i < count; i++) {
        if (group_of[i] != group)
            continue;
        first = first != NULL ? first : &rows[i];
        members++;
        buf_add_signed_varint(&columns->raw[COLUMN_TIME], (int64_t)(rows[i].time - last));
        buf_add_signed_varint(&columns->raw[COLUMN_VALUE], (int64_t)((uint64_t)rows[i].value - (uint64_t)value));
        last = rows[i].time;
        value = rows[i].value;
    }
    buf_add_byte(&columns->raw[COLUMN_GROUPS], first != NULL ? first->kind : 0);
    buf_add_varint(&columns->raw[COLUMN_GROUPS], first != NULL ? first->subject : 0);
    buf_add_varint(&columns->raw[COLUMN_GROUPS], members);
}

int chunk_encode_counters(struct buf *out, const struct chunk_counter *rows, size_t count)
{
    struct columns columns = {0};
    struct dictionary groups = {0};
    uint32_t *group_of = mem_realloc(NULL, count, sizeof *group_of);
    int rc = group_of == NULL ? ERR_NOMEM : dictionary_init(&groups, count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        group_of[i] = dictionary_index(&groups, (uint64_t)rows[i].kind << 32 | rows[i].subject);
    for (uint32_t group = 0; rc == 0 && group < groups.count; group++)
        add_group(&columns, rows, count, group_of, group, rows[0].time);
    if (rc == 0) {
        buf_add_byte(out, FORMAT);
        buf_add_varint(out, count);
        buf_add_varint(out, rows[0].time);
        for (size_t i = 0; i < COLUMN_COUNT; i++)
            column_pack(out, &columns.raw[i]);
        rc = out->failed ? ERR_NOMEM : 0;
    }
    columns_release(&columns);
    dictionary_release(&groups);
    mem_free(group_of);
    return rc;
}

static int read_groups(const struct columns *columns, struct chunk_counter *rows, size_t count, uint64_t base)
{
    struct reader groups = column_reader(&columns->raw[COLUMN_GROUPS]);
    struct reader times = column_reader(&columns->raw[COLUMN_TIME]);
    struct reader values = column_reader(&columns->raw[COLUMN_VALUE]);
    for (size_t done = 0; done < count;) {
        uint8_t kind = reader_byte(&groups);
        uint64_t subject = reader_varint(&groups), members = reader_varint(&groups);
        if (groups.failed || kind >= COUNTER_KIND_COUNT || subject > UINT32_MAX || members == 0 ||
            members > count - done)
            return ERR_CORRUPT;
        uint64_t time = base, value = 0;
        for (size_t end = done + members; done < end; done++) {
            time += (uint64_t)reader_signed_varint(&times);
            value += (uint64_t)reader_signed_varint(&values);
            if (time > CHUNK_UNITS_MAX)
                return ERR_CORRUPT;
            rows[done] = (struct chunk_counter){time, (int64_t)value, (uint32_t)subject, kind};
        }
    }
    return times.failed || values.failed || groups.at != groups.end || times.at != times.end || values.at != values.end
               ? ERR_CORRUPT
               : 0;
}

int chunk_decode_counters(const void *data, size_t size, struct chunk_counter **rows, size_t *capacity, size_t *count)
{
    struct columns columns = {0};
    struct reader reader = {data, (const uint8_t *)data + size, false};
    *count = 0;
    uint8_t format = reader_byte(&reader);
    uint64_t claimed = reader_varint(&reader), base = reader_varint(&reader);
    if (reader.failed || format != FORMAT || claimed == 0 || claimed > CHUNK_ROWS_MAX || base > CHUNK_UNITS_MAX)
        return ERR_CORRUPT;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < COLUMN_COUNT; i++)
        rc = column_unpack(&reader, &columns.raw[i], claimed * 21);
    if (rc == 0 && reader.at != reader.end)
        rc = ERR_CORRUPT;
    if (rc == 0)
        rc = mem_grow(rows, capacity, claimed, sizeof **rows);
    if (rc == 0)
        rc = read_groups(&columns, *rows, claimed, base);
    if (rc == 0)
        *count = claimed;
    columns_release(&columns);
    return rc;
}
