/*
 * The samples of a profile while they are filled: columns that grow, entries in the order they come. Of very many
 * samples, those of a second that are alike become one entry, found by a hash that forgets: where two kinds meet in one
 * slot, an entry more is made and nothing is lost.
 */
#include "data/profile_private.h"

#include <string.h>

enum {
    ALIKE_SLOTS = 1 << 15,
    ALIKE_NS = 1000000000 /* samples within such a slice of time are summed */
};

/* A slot of the hash; `place` is never 0, which an empty one has. */
struct alike {
    uint64_t place, what, slice;
    size_t entry;
};

enum { COLUMNS = 11 };

struct column {
    void *at; /* address of the pointer */
    size_t size;
};

static size_t list(struct profile_samples *samples, bool tasks, struct column columns[static COLUMNS])
{
    const struct column all[COLUMNS] = {
        {&samples->time_ns, sizeof *samples->time_ns}, {&samples->thread, sizeof *samples->thread},
        {&samples->stack, sizeof *samples->stack},     {&samples->ticks, sizeof *samples->ticks},
        {&samples->wall_ns, sizeof *samples->wall_ns}, {&samples->cpu_ns, sizeof *samples->cpu_ns},
        {&samples->state, sizeof *samples->state},     {&samples->marks, sizeof *samples->marks},
        {&samples->reader, sizeof *samples->reader},   {&samples->place, sizeof *samples->place},
        {&samples->task, sizeof *samples->task}};
    memcpy(columns, all, sizeof all);
    return tasks ? COLUMNS : COLUMNS - 1;
}

int columns_reserve(struct sample_columns *columns, size_t more)
{
    struct column list_of[COLUMNS];
    size_t need = columns->samples->count + more;
    if (need <= columns->capacity)
        return 0;
    size_t capacity = need + need / 4, n = list(columns->samples, columns->tasks, list_of);
    for (size_t i = 0; i < n; i++) {
        void *block;
        memcpy(&block, list_of[i].at, sizeof block);
        block = mem_realloc(block, capacity, list_of[i].size);
        if (block == NULL)
            return ERR_NOMEM;
        memcpy(list_of[i].at, &block, sizeof block);
    }
    columns->capacity = capacity;
    return 0;
}

int columns_sum_alike(struct sample_columns *columns)
{
    columns->alike = mem_zalloc(ALIKE_SLOTS, sizeof *columns->alike);
    return columns->alike != NULL ? 0 : ERR_NOMEM;
}

/* What makes samples alike, in one comparison of few words. */
static struct alike key_of(uint32_t thread, const struct chunk_row *row, uint32_t ticks)
{
    return (struct alike){
        .place = (uint64_t)thread << 32 | row->stack,
        .what = (uint64_t)row->task << 19 | (uint64_t)row->place << 17 | (uint64_t)row->marks << 9 |
                (uint64_t)row->reader << 6 | (uint64_t)row->state << 1 | (ticks == 0),
        .slice = chunk_row_ns(row) / ALIKE_NS,
    };
}

static bool alike(const struct alike *one, const struct alike *other)
{
    return one->place == other->place && one->what == other->what && one->slice == other->slice;
}

int columns_add(struct sample_columns *columns, uint32_t thread, const struct chunk_row *row, uint32_t ticks,
                double wall, double cpu, size_t *at)
{
    struct profile_samples *samples = columns->samples;
    struct alike key = {0}, *last = NULL;
    if (columns->alike != NULL) {
        key = key_of(thread, row, ticks);
        last = &columns->alike[hash_u64(key.place ^ hash_u64(key.what)) % ALIKE_SLOTS];
    }
    if (last != NULL && alike(last, &key) && ticks <= UINT32_MAX - samples->ticks[last->entry]) {
        *at = last->entry;
        samples->ticks[*at] += ticks;
        samples->wall_ns[*at] += wall;
        samples->cpu_ns[*at] += cpu;
        return 0;
    }
    if (samples->count == columns->capacity && columns_reserve(columns, 1) != 0)
        return ERR_NOMEM;
    size_t i = *at = samples->count++;
    key.entry = i;
    if (last != NULL)
        *last = key;
    samples->time_ns[i] = chunk_row_ns(row);
    samples->thread[i] = thread;
    samples->stack[i] = row->stack;
    samples->ticks[i] = ticks;
    samples->wall_ns[i] = wall;
    samples->cpu_ns[i] = cpu;
    samples->state[i] = row->state;
    samples->marks[i] = row->marks;
    samples->reader[i] = row->reader;
    samples->place[i] = row->place;
    if (columns->tasks)
        samples->task[i] = row->task;
    return 0;
}

static bool in_order(const struct profile_samples *samples)
{
    for (size_t i = 1; i < samples->count; i++) {
        if (samples->thread[i] < samples->thread[i - 1])
            return false;
    }
    return true;
}

/* Where each entry goes. NULL: no memory. */
static size_t *places(const struct profile_samples *samples, size_t n_threads)
{
    size_t *next = mem_zalloc(n_threads + 1, sizeof *next);
    size_t *place = mem_realloc(NULL, samples->count + 1, sizeof *place);
    if (next == NULL || place == NULL) {
        mem_free(next);
        mem_free(place);
        return NULL;
    }
    for (size_t i = 0; i < samples->count; i++)
        next[samples->thread[i] + 1]++;
    for (size_t t = 1; t < n_threads; t++)
        next[t] += next[t - 1];
    for (size_t i = 0; i < samples->count; i++)
        place[i] = next[samples->thread[i]]++;
    mem_free(next);
    return place;
}

/* memcpy of a size that is known is a move. */
static void put(char *to, const char *from, size_t size, const size_t *place, size_t count)
{
    for (size_t i = 0; size == 8 && i < count; i++)
        memcpy(to + place[i] * 8, from + i * 8, 8);
    for (size_t i = 0; size == 4 && i < count; i++)
        memcpy(to + place[i] * 4, from + i * 4, 4);
    for (size_t i = 0; size == 1 && i < count; i++)
        to[place[i]] = from[i];
}

int columns_order(struct sample_columns *columns, size_t n_threads)
{
    struct column list_of[COLUMNS];
    size_t n = list(columns->samples, columns->tasks, list_of), count = columns->samples->count;
    if (in_order(columns->samples))
        return 0;
    size_t *place = places(columns->samples, n_threads);
    int rc = place != NULL ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        void *from, *to = mem_realloc(NULL, count, list_of[i].size);
        if (to == NULL) {
            rc = ERR_NOMEM;
            break;
        }
        memcpy(&from, list_of[i].at, sizeof from);
        put(to, from, list_of[i].size, place, count);
        memcpy(list_of[i].at, &to, sizeof to);
        mem_free(from);
    }
    columns->capacity = count;
    mem_free(place);
    return rc;
}

void columns_release(struct sample_columns *columns)
{
    mem_free(columns->alike);
}
