/* A chunk of samples or counters, as it lies in a recording; and what was packed must come back as it was. */
#include "data/chunk.h"
#include "base/mem.h"
#include "fuzz.h"

#include <string.h>

static void decode(const uint8_t *data, size_t size)
{
    struct chunk_row *rows = NULL;
    struct chunk_counter *counters = NULL;
    size_t capacity = 0, count = 0;
    if (chunk_decode(data, size, &rows, &capacity, &count) == 0) {
        MUST(count <= CHUNK_ROWS_MAX);
        for (size_t i = 0; i < count; i++)
            MUST(rows[i].state < STATE_COUNT && rows[i].reader < READER_KIND_COUNT && rows[i].ticks >= 1 &&
                 rows[i].time <= CHUNK_UNITS_MAX && rows[i].place < PLACE_COUNT && rows[i].marks <= MARKS_ALL);
    }
    mem_free(rows);
    capacity = 0;
    if (chunk_decode_counters(data, size, &counters, &capacity, &count) == 0) {
        MUST(count <= CHUNK_ROWS_MAX);
        for (size_t i = 0; i < count; i++)
            MUST(counters[i].kind < COUNTER_KIND_COUNT);
    }
    mem_free(counters);
}

/* Rows from the bytes of the input: six bytes each. */
static void round_trip(const uint8_t *data, size_t size)
{
    size_t count = size / 6 < 64 ? size / 6 : 64;
    struct chunk_row rows[64];
    uint64_t time = 0;
    memset(rows, 0, sizeof(rows));
    for (size_t i = 0; i < count; i++, data += 6) {
        time += data[0];
        rows[i] = (struct chunk_row){.time = time,
                                     .run = data[1],
                                     .delay = data[2],
                                     .thread = 1,
                                     .stack = data[3],
                                     .ticks = data[4] + 1U,
                                     .state = data[5] % STATE_COUNT,
                                     .reader = (uint8_t)(data[5] / STATE_COUNT % READER_KIND_COUNT),
                                     .place = data[4] & 3u};
    }
    struct buf packed = {0};
    struct chunk_row *back = NULL;
    size_t capacity = 0, n = 0;
    if (count > 0 && chunk_encode(&packed, rows, count) == 0) {
        MUST(chunk_decode(packed.data, packed.size, &back, &capacity, &n) == 0 && n == count);
        for (size_t i = 0; i < n; i++)
            MUST(back[i].time == rows[i].time && back[i].stack == rows[i].stack && back[i].state == rows[i].state &&
                 back[i].ticks == rows[i].ticks && back[i].place == rows[i].place && back[i].run == rows[i].run &&
                 back[i].delay == rows[i].delay);
    }
    mem_free(back);
    buf_release(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode(data, size);
    round_trip(data, size);
    return 0;
}
