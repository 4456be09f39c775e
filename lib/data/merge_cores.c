/* Counters of cores, of recordings that may overlap in time and be of several hosts. */
#include "data/merge_private.h"

#include <stdlib.h>
#include <string.h>

/* 100 MB. Behind so many rows a counter grows at the time of its last one that was kept. */
enum { GROWTHS_MAX = 1 << 22 };

/* The index of a key's entry in an array that grows with the map; SIZE_MAX when memory is short. */
static size_t entry(struct map *map, const uint32_t *key, size_t bytes, void *array, size_t *count, size_t *capacity,
                    size_t size)
{
    uint32_t index = 0;
    bool found = false;
    if (mem_grow(array, capacity, *count + 1, size) != 0 ||
        map_put(map, key, bytes, (uint32_t)*count, &index, &found) != 0)
        return SIZE_MAX;
    if (!found) {
        char *rows;
        memcpy(&rows, array, sizeof rows);
        memset(rows + *count * size, 0, size);
        ++*count;
    }
    return index;
}

/* What the programs of several recordings did on a core adds up, also at the same time: see merge_growths. */
static int keep_growth(struct merger *merger, struct core_last *last, const struct core_growth *growth)
{
    if (merger->n_growths >= GROWTHS_MAX && last->growth != 0) {
        int64_t *grown = &merger->growths[last->growth - 1].grown, sum;
        if (!__builtin_add_overflow(*grown, growth->grown, &sum))
            *grown = sum;
        return 0;
    }
    if (mem_grow(&merger->growths, &merger->growths_capacity, merger->n_growths + 1, sizeof *merger->growths) != 0)
        return ERR_NOMEM;
    merger->growths[merger->n_growths++] = *growth;
    last->growth = merger->n_growths;
    return 0;
}

/*
 * A core counts for every recording on its host. Where two overlap in time the first to tell how busy it was is taken,
 * and what follows goes on from there: cores are counted once. Cores of several hosts are numbered one after the other.
 */
int merge_core(struct merger *merger, struct core_counters *here, uint32_t host, struct counter *counter)
{
    if (counter->subject >= COUNTER_CORES_MAX)
        return 0;
    uint32_t key[] = {host, counter->subject}, key_here[] = {counter->subject, counter->kind};
    size_t core = entry(&merger->cores, key, sizeof key, &merger->merged_cores, &merger->n_cores,
                        &merger->cores_capacity, sizeof *merger->merged_cores);
    size_t place =
        entry(&here->places, key_here, sizeof key_here, &here->last, &here->count, &here->capacity, sizeof *here->last);
    if (core == SIZE_MAX || place == SIZE_MAX)
        return ERR_NOMEM;
    struct core_last *last = &here->last[place];
    int64_t grown, sum;
    bool too_much = __builtin_sub_overflow(counter->value, last->value, &grown);
    last->value = counter->value;
    if (too_much)
        return 0;
    if (merger->n_hosts > 1)
        counter->subject = (uint32_t)core;
    if (counter->kind != COUNTER_CORE_BUSY)
        return keep_growth(merger, last,
                           &(struct core_growth){counter->time_ns, counter->subject, counter->kind, grown});
    struct merged_core *merged = &merger->merged_cores[core];
    if ((merged->last_ns != 0 && counter->time_ns <= merged->last_ns) ||
        __builtin_add_overflow(merged->value, grown, &sum))
        return 0;
    *merged = (struct merged_core){counter->time_ns, sum};
    counter->value = sum;
    recording_add_counter(merger->recording, counter);
    return 0;
}

void merge_cores_end(struct core_counters *here)
{
    map_release(&here->places);
    mem_free(here->last);
}

static int by_core_then_time(const void *a, const void *b)
{
    const struct core_growth *x = a, *y = b;
    if (x->core != y->core)
        return x->core < y->core ? -1 : 1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

void merge_growths(struct merger *merger)
{
    const struct core_growth *growths = merger->growths;
    int64_t value = 0, sum;
    if (merger->n_growths > 0)
        qsort(merger->growths, merger->n_growths, sizeof *merger->growths, by_core_then_time);
    for (size_t i = 0; i < merger->n_growths; i++) {
        if (i == 0 || growths[i].core != growths[i - 1].core || growths[i].kind != growths[i - 1].kind)
            value = 0;
        if (__builtin_add_overflow(value, growths[i].grown, &sum))
            continue;
        value = sum;
        struct counter counter = {
            .time_ns = growths[i].time_ns, .subject = growths[i].core, .kind = growths[i].kind, .value = value};
        recording_add_counter(merger->recording, &counter);
    }
}
