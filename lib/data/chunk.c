/*
 * Encoder and decoder of sample chunks. The encoder is called by the recording at each commit, the decoder by the
 * profile on bytes that may be anything: every count, size and sum is checked there. Layout: docs/recording.md.
 */
#include "data/chunk.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/column.h"
#include "data/dictionary.h"

#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, FORMAT_TASKS = 2, FORMAT_PLACES = 3, FORMAT_BOTH = 4 };

enum column {
    COLUMN_GROUPS,     /* per thread: id, rows, model of the run column */
    COLUMN_TIME_LOW,   /* time since the previous row of the thread, low 8 bits */
    COLUMN_TIME_HIGH,  /* … the rest */
    COLUMN_STACKS,     /* the distinct stacks, each as difference to the one before */
    COLUMN_STACK_LOW,  /* index into them, low 8 bits */
    COLUMN_STACK_HIGH, /* … the rest */
    COLUMN_TICKS,      /* less 1 */
    COLUMN_DELAY,
    COLUMN_RUN,
    COLUMN_STATUSES, /* the distinct (state, marks, reader), and place where one is known */
    COLUMN_STATUS,   /* index into them */
    COLUMN_TASK,     /* only where one has a task */
    COLUMN_COUNT
};

/* How the run column of a thread is written: as it is, or less what a thread that never left the CPU would have run. */
enum run_model { RUN_PLAIN, RUN_BUSY };

struct columns {
    struct buf raw[COLUMN_COUNT];
};

static void columns_release(struct columns *columns)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        buf_release(&columns->raw[i]);
}

/* What RUN_BUSY expects of a row that took `elapsed`. */
static int64_t expected_run(uint64_t elapsed, uint64_t delay, uint8_t state)
{
    return state_on_cpu(state) && elapsed > delay ? (int64_t)(elapsed - delay) : 0;
}

static uint64_t distance(int64_t value)
{
    return value < 0 ? (uint64_t)-value : (uint64_t)value;
}

static enum run_model choose_model(const struct chunk_row *const *rows, size_t count)
{
    uint64_t plain = 0, busy = 0;
    for (size_t i = 1; i < count; i++) {
        int64_t expected = expected_run(rows[i]->time - rows[i - 1]->time, rows[i]->delay, rows[i]->state);
        plain += rows[i]->run;
        busy += distance((int64_t)rows[i]->run - expected);
    }
    return busy < plain ? RUN_BUSY : RUN_PLAIN;
}

static void add_group(struct columns *columns, const struct chunk_row *const *rows, size_t count, uint64_t base)
{
    enum run_model model = choose_model(rows, count);
    buf_add_varint(&columns->raw[COLUMN_GROUPS], rows[0]->thread);
    buf_add_varint(&columns->raw[COLUMN_GROUPS], count);
    buf_add_byte(&columns->raw[COLUMN_GROUPS], (uint8_t)model);
    uint64_t last = base;
    for (size_t i = 0; i < count; i++) {
        const struct chunk_row *row = rows[i];
        uint64_t elapsed = row->time - last;
        last = row->time;
        buf_add_byte(&columns->raw[COLUMN_TIME_LOW], (uint8_t)elapsed);
        buf_add_varint(&columns->raw[COLUMN_TIME_HIGH], elapsed >> 8);
        buf_add_varint(&columns->raw[COLUMN_TICKS], row->ticks - 1);
        buf_add_varint(&columns->raw[COLUMN_TASK], row->task);
        buf_add_varint(&columns->raw[COLUMN_DELAY], row->delay);
        int64_t expected = model == RUN_BUSY && i > 0 ? expected_run(elapsed, row->delay, row->state) : 0;
        buf_add_signed_varint(&columns->raw[COLUMN_RUN], (int64_t)row->run - expected);
    }
}

struct stack_use {
    uint32_t index, uses;
};

static int by_use(const void *a, const void *b)
{
    const struct stack_use *x = a, *y = b;
    return x->uses != y->uses ? (x->uses < y->uses ? 1 : -1) : (x->index > y->index ? 1 : -1);
}

/* The distinct stacks, most used first, so that the high column is mostly zeros when there are many. */
static int add_stacks(struct columns *columns, const struct chunk_row *const *rows, size_t count)
{
    struct dictionary seen = {0};
    struct stack_use *uses = mem_zalloc(count, sizeof *uses);
    uint32_t *rank = mem_realloc(NULL, count, sizeof *rank);
    int rc = uses == NULL || rank == NULL ? ERR_NOMEM : dictionary_init(&seen, count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        uint32_t index = dictionary_index(&seen, rows[i]->stack);
        uses[index].index = index;
        uses[index].uses++;
    }
    if (rc == 0 && seen.count > 256)
        qsort(uses, seen.count, sizeof *uses, by_use);
    int64_t last = 0;
    for (size_t i = 0; rc == 0 && i < seen.count; i++) {
        int64_t stack = (int64_t)seen.keys[uses[i].index];
        buf_add_signed_varint(&columns->raw[COLUMN_STACKS], stack - last);
        last = stack;
        rank[uses[i].index] = (uint32_t)i;
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        uint32_t at = rank[dictionary_index(&seen, rows[i]->stack)];
        buf_add_byte(&columns->raw[COLUMN_STACK_LOW], (uint8_t)at);
        buf_add_varint(&columns->raw[COLUMN_STACK_HIGH], at >> 8);
    }
    dictionary_release(&seen);
    mem_free(uses);
    mem_free(rank);
    return rc;
}

static int add_statuses(struct columns *columns, const struct chunk_row *const *rows, size_t count, bool places)
{
    struct dictionary seen = {0};
    int rc = dictionary_init(&seen, count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct chunk_row *row = rows[i];
        size_t before = seen.count;
        uint32_t at = dictionary_index(&seen, (uint64_t)row->place << 24 | (uint64_t)row->state << 16 |
                                                  (uint64_t)row->marks << 8 | (uint64_t)row->reader);
        if (seen.count > before) {
            buf_add_byte(&columns->raw[COLUMN_STATUSES], (uint8_t)row->state);
            buf_add_byte(&columns->raw[COLUMN_STATUSES], row->marks);
            buf_add_byte(&columns->raw[COLUMN_STATUSES], row->reader);
            if (places)
                buf_add_byte(&columns->raw[COLUMN_STATUSES], row->place);
        }
        buf_add_varint(&columns->raw[COLUMN_STATUS], at);
    }
    dictionary_release(&seen);
    return rc;
}

/* Pointers to the rows, those of one thread together, `starts` the first of each thread (and the end). */
static int group_rows(const struct chunk_row *rows, size_t count, const struct chunk_row **grouped, size_t *starts,
                      size_t *n_groups)
{
    struct dictionary threads = {0};
    int rc = dictionary_init(&threads, count);
    if (rc != 0)
        return rc;
    memset(starts, 0, (count + 1) * sizeof *starts);
    for (size_t i = 0; i < count; i++)
        starts[dictionary_index(&threads, rows[i].thread) + 1]++;
    for (size_t i = 0; i < threads.count; i++)
        starts[i + 1] += starts[i];
    for (size_t i = 0; i < count; i++)
        grouped[starts[dictionary_index(&threads, rows[i].thread)]++] = &rows[i];
    for (size_t i = threads.count; i > 0; i--)
        starts[i] = starts[i - 1];
    starts[0] = 0;
    *n_groups = threads.count;
    dictionary_release(&threads);
    return 0;
}

static uint64_t first_time(const struct chunk_row *rows, size_t count)
{
    uint64_t first = rows[0].time;
    for (size_t i = 1; i < count; i++)
        first = rows[i].time < first ? rows[i].time : first;
    return first;
}

static bool has_tasks(const struct chunk_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].task != 0)
            return true;
    }
    return false;
}

static bool has_places(const struct chunk_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].place != PLACE_UNKNOWN)
            return true;
    }
    return false;
}

int chunk_encode(struct buf *out, const struct chunk_row *rows, size_t count)
{
    struct columns columns = {0};
    uint64_t base = first_time(rows, count);
    size_t n_groups = 0;
    const struct chunk_row **grouped = mem_realloc(NULL, count, sizeof(struct chunk_row *));
    size_t *starts = mem_realloc(NULL, count + 1, sizeof *starts);
    int rc = grouped == NULL || starts == NULL ? ERR_NOMEM : group_rows(rows, count, grouped, starts, &n_groups);
    for (size_t i = 0; rc == 0 && i < n_groups; i++)
        add_group(&columns, grouped + starts[i], starts[i + 1] - starts[i], base);
    if (rc == 0)
        rc = add_stacks(&columns, grouped, count);
    bool tasks = has_tasks(rows, count), places = has_places(rows, count);
    if (rc == 0)
        rc = add_statuses(&columns, grouped, count, places);
    if (rc == 0) {
        buf_add_byte(out, places ? (tasks ? FORMAT_BOTH : FORMAT_PLACES) : (tasks ? FORMAT_TASKS : FORMAT));
        buf_add_varint(out, count);
        buf_add_varint(out, base);
        for (size_t i = 0; i < (tasks ? COLUMN_COUNT : COLUMN_TASK); i++)
            column_pack(out, &columns.raw[i]);
        rc = out->failed ? ERR_NOMEM : 0;
    }
    columns_release(&columns);
    mem_free(grouped);
    mem_free(starts);
    return rc;
}

/* ---- decoding -----------------------------------------------------------------------------------------------------
 */

/* The columns as readers, with what the bytes claimed. */
struct decoder {
    struct columns columns;
    struct reader at[COLUMN_COUNT];
    uint32_t *stacks;
    size_t count, n_stacks, n_columns;
    size_t status_bytes;  /* of one of the distinct statuses */
    uint64_t base, total; /* units; total: sum of all times, runs and delays */
};

static int unpack_columns(struct decoder *decoder, struct reader *reader)
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
    for (size_t i = 0; i < decoder->n_columns; i++) {
        /* A varint takes at most 10 bytes; a row of the groups three of them. */
        int rc = column_unpack(reader, &decoder->columns.raw[i], decoder->count * (i == COLUMN_GROUPS ? 21 : 10));
        if (rc != 0)
            return rc;
        decoder->at[i] = column_reader(&decoder->columns.raw[i]);
    }
    if (decoder->columns.raw[COLUMN_TIME_LOW].size != count || decoder->columns.raw[COLUMN_STACK_LOW].size != count ||
        reader->at != reader->end)
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

static int read_groups(struct decoder *decoder, struct chunk_row *rows)
{
    struct reader *groups = &decoder->at[COLUMN_GROUPS];
    size_t done = 0;
    while (done < decoder->count) {
        uint64_t thread = reader_varint(groups), count = reader_varint(groups);
        uint8_t model = reader_byte(groups);
        if (groups->failed || thread > UINT32_MAX || count == 0 || count > decoder->count - done || model > RUN_BUSY)
            return ERR_CORRUPT;
        uint64_t last = decoder->base;
        for (size_t i = 0; i < count; i++) {
            struct chunk_row *row = &rows[done + i];
            int rc = read_row(decoder, row, model, last, i == 0);
            if (rc != 0)
                return rc;
            row->thread = (uint32_t)thread;
            last = row->time;
        }
        done += count;
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
