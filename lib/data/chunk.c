/* Encoder of sample chunks, called by the recording at each commit. Layout: docs/recording.md. */
#include "data/chunk.h"

#include "base/err.h"
#include "base/mem.h"
#include "data/chunk_private.h"
#include "data/column.h"
#include "data/dictionary.h"

#include <stdlib.h>
#include <string.h>

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
