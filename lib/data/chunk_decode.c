/*
 * Decoder of sample chunks, called by the profile on bytes that may be anything: every count, size and sum is checked
 * here. Layout: docs/recording.md.
 */
#include "data/chunk.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/chunk_private.h"
#include "data/column.h"

/* The columns as readers, with what the bytes claimed. */
struct decoder {
    struct columns columns;
    struct reader at[COLUMN_COUNT];
    uint32_t *stacks;
    size_t count, n_stacks, n_columns;
    size_t status_bytes;  /* of one of the distinct statuses */
    uint64_t base, total; /* units; total: sum of all times, runs and delays */
};

static int read_head(struct decoder *decoder, struct reader *reader)
{
    uint8_t format = reader_byte(reader);
    uint64_t count = reader_varint(reader);
    decoder->base = reader_varint(reader);
    if (reader->failed || format < FORMAT || format > FORMAT_BOTH || count == 0 || count > CHUNK_ROWS_MAX ||
        decoder->base > CHUNK_UNITS_MAX)
        return ERR_CORRUPT;
    decoder->count = count;
    decoder->n_columns = format == FORMAT_TASKS || format == FORMAT_BOTH ? COLUMN_COUNT : COLUMN_TASK;
    decoder->status_bytes = format >= FORMAT_PLACES ? 4 : 3;
    return 0;
}

static int unpack_column(struct decoder *decoder, struct reader *reader, size_t i)
{
    /* A varint takes at most 10 bytes; a row of the groups three of them. */
    int rc = column_unpack(reader, &decoder->columns.raw[i], decoder->count * (i == COLUMN_GROUPS ? 21 : 10));
    if (rc == 0)
        decoder->at[i] = column_reader(&decoder->columns.raw[i]);
    return rc;
}

static int unpack_columns(struct decoder *decoder, struct reader *reader)
{
    int rc = read_head(decoder, reader);
    for (size_t i = 0; rc == 0 && i < decoder->n_columns; i++)
        rc = unpack_column(decoder, reader, i);
    if (rc != 0)
        return rc;
    if (decoder->columns.raw[COLUMN_TIME_LOW].size != decoder->count ||
        decoder->columns.raw[COLUMN_STACK_LOW].size != decoder->count || reader->at != reader->end)
        return ERR_CORRUPT;
    return 0;
}

static int read_stacks(struct decoder *decoder)
{
    struct reader *reader = &decoder->at[COLUMN_STACKS];
    decoder->stacks = mem_realloc(NULL, decoder->count, sizeof *decoder->stacks);
    if (decoder->stacks == NULL)
        return ERR_NOMEM;
    int64_t last = 0;
    while (reader->at < reader->end) {
        int64_t step = reader_signed_varint(reader);
        if (reader->failed || step > UINT32_MAX || step < -(int64_t)UINT32_MAX || decoder->n_stacks == decoder->count)
            return ERR_CORRUPT;
        last += step;
        if (last < 0 || last > UINT32_MAX)
            return ERR_CORRUPT;
        decoder->stacks[decoder->n_stacks++] = (uint32_t)last;
    }
    return 0;
}

static int check_statuses(const struct buf *statuses, size_t width)
{
    const uint8_t *bytes = (const uint8_t *)statuses->data;
    if (statuses->size % width != 0)
        return ERR_CORRUPT;
    for (size_t i = 0; i < statuses->size; i += width) {
        if (bytes[i] >= STATE_COUNT || bytes[i + 1] > MARKS_ALL || bytes[i + 2] >= READER_KIND_COUNT ||
            (width > 3 && bytes[i + 3] >= PLACE_COUNT))
            return ERR_CORRUPT;
    }
    return 0;
}

/* Takes `units` from what a chunk may hold altogether, so that no sum of its times overflows. */
static bool take(struct decoder *decoder, uint64_t units)
{
    if (units > CHUNK_UNITS_MAX - decoder->total)
        return false;
    decoder->total += units;
    return true;
}

static int read_row(struct decoder *decoder, struct chunk_row *row, enum run_model model, uint64_t last, bool first)
{
    struct reader *at = decoder->at;
    uint64_t high = reader_varint(&at[COLUMN_TIME_HIGH]);
    if (high > CHUNK_UNITS_MAX >> 8)
        return ERR_CORRUPT;
    uint64_t elapsed = high << 8 | *at[COLUMN_TIME_LOW].at++;
    uint64_t stack = reader_varint(&at[COLUMN_STACK_HIGH]) << 8 | *at[COLUMN_STACK_LOW].at++;
    uint64_t ticks = reader_varint(&at[COLUMN_TICKS]), status = reader_varint(&at[COLUMN_STATUS]);
    uint64_t task = decoder->n_columns > COLUMN_TASK ? reader_varint(&at[COLUMN_TASK]) : 0;
    row->delay = reader_varint(&at[COLUMN_DELAY]);
    if (stack >= decoder->n_stacks || ticks >= UINT32_MAX || task > UINT32_MAX ||
        status >= decoder->columns.raw[COLUMN_STATUSES].size / decoder->status_bytes)
        return ERR_CORRUPT;
    if (!take(decoder, elapsed) || !take(decoder, row->delay))
        return ERR_CORRUPT;
    const uint8_t *bytes = (const uint8_t *)decoder->columns.raw[COLUMN_STATUSES].data + status * decoder->status_bytes;
    row->task = (uint32_t)task;
    row->state = bytes[0] & 31u;
    row->marks = bytes[1] & (unsigned)MARKS_ALL;
    row->reader = bytes[2] & 7u;
    row->place = decoder->status_bytes > 3 ? bytes[3] & 3u : PLACE_UNKNOWN;
    int64_t run = reader_signed_varint(&at[COLUMN_RUN]);
    if (model == RUN_BUSY && !first && __builtin_add_overflow(run, expected_run(elapsed, row->delay, row->state), &run))
        return ERR_CORRUPT;
    if (run < 0 || !take(decoder, (uint64_t)run))
        return ERR_CORRUPT;
    row->run = (uint64_t)run;
    row->time = (last + elapsed) & CHUNK_TIME_MASK;
    row->stack = decoder->stacks[stack];
    row->ticks = (uint32_t)ticks + 1;
    return 0;
}

/* The next group, of at most `left` rows. */
static int read_group(struct decoder *decoder, size_t left, struct chunk_group *group, enum run_model *model)
{
    struct reader *groups = &decoder->at[COLUMN_GROUPS];
    uint64_t thread = reader_varint(groups), count = reader_varint(groups);
    uint8_t byte = reader_byte(groups);
    if (groups->failed || thread > UINT32_MAX || count == 0 || count > left || byte > RUN_BUSY)
        return ERR_CORRUPT;
    *group = (struct chunk_group){(uint32_t)thread, (uint32_t)count};
    *model = (enum run_model)byte;
    return 0;
}

static int read_groups(struct decoder *decoder, struct chunk_row *rows)
{
    size_t done = 0;
    while (done < decoder->count) {
        struct chunk_group group;
        enum run_model model;
        int rc = read_group(decoder, decoder->count - done, &group, &model);
        if (rc != 0)
            return rc;
        uint64_t last = decoder->base;
        for (size_t i = 0; i < group.rows; i++) {
            struct chunk_row *row = &rows[done + i];
            rc = read_row(decoder, row, model, last, i == 0);
            if (rc != 0)
                return rc;
            row->thread = group.thread;
            last = row->time;
        }
        done += group.rows;
    }
    for (size_t i = 0; i < decoder->n_columns; i++) {
        if (decoder->at[i].failed || (decoder->at[i].at != decoder->at[i].end && i != COLUMN_STATUSES))
            return ERR_CORRUPT;
    }
    return 0;
}

int chunk_decode(const void *data, size_t size, struct chunk_row **rows, size_t *capacity, size_t *count)
{
    struct decoder decoder = {0};
    struct reader reader = {data, (const uint8_t *)data + size, false};
    *count = 0;
    int rc = unpack_columns(&decoder, &reader);
    if (rc == 0)
        rc = read_stacks(&decoder);
    if (rc == 0)
        rc = check_statuses(&decoder.columns.raw[COLUMN_STATUSES], decoder.status_bytes);
    if (rc == 0)
        rc = mem_grow(rows, capacity, decoder.count, sizeof **rows);
    if (rc == 0)
        rc = read_groups(&decoder, *rows);
    if (rc == 0)
        *count = decoder.count;
    columns_release(&decoder.columns);
    mem_free(decoder.stacks);
    return rc;
}

int chunk_groups(const void *data, size_t size, struct chunk_group **groups, size_t *capacity, size_t *count)
{
    struct decoder decoder = {0};
    struct reader reader = {data, (const uint8_t *)data + size, false};
    enum run_model model;
    size_t n = 0, done = 0;
    *count = 0;
    int rc = read_head(&decoder, &reader);
    if (rc == 0)
        rc = unpack_column(&decoder, &reader, COLUMN_GROUPS);
    while (rc == 0 && done < decoder.count) {
        rc = mem_grow(groups, capacity, n + 1, sizeof **groups);
        if (rc == 0)
            rc = read_group(&decoder, decoder.count - done, &(*groups)[n], &model);
        if (rc == 0)
            done += (*groups)[n++].rows;
    }
    if (rc == 0)
        *count = n;
    columns_release(&decoder.columns);
    return rc;
}
