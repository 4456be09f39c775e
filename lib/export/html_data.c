/*
 * The page's columns: which places (nodes), functions and strings a page carries, and the cells of time over them.
 * page_new makes a node of every stack in use; where those, or the cells over them, pass the page's bounds, it starts
 * again with fewer time buckets and then with the smallest places counted at their callers.
 *
 * May fail: ERR_NOMEM only.
 */
#include "export/html_page.h"

#include "base/map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct page_bounds page_bounds = {
    .nodes = 60000, .cells = 700000, .buckets_least = 37, .buckets_most = 300, .bucket_ticks = 32};

static uint32_t parent_of(const struct profile *profile, uint32_t stack)
{
    uint32_t parent = profile->stacks[stack].parent;
    return parent < stack ? parent : 0; /* parents come first; anything else is no tree */
}

static int by_total_descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The smallest total that still gets a node, so that there are at most `nodes`; 0 keeps all. */
static int smallest_kept(const double *totals, size_t count, size_t nodes, double *smallest)
{
    *smallest = 0;
    if (count <= nodes)
        return 0;
    double *sorted = mem_alloc(count * sizeof *sorted);
    if (sorted == NULL)
        return ERR_NOMEM;
    memcpy(sorted, totals, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_total_descending);
    *smallest = sorted[nodes];
    mem_free(sorted);
    return 0;
}

/* Wall time of every stack with all below it; stacks without samples stay at -1 and get no node. */
static void sum_stacks(const struct profile *profile, double *totals)
{
    const struct profile_samples *samples = &profile->samples;
    for (size_t i = 0; i < profile->n_stacks; i++)
        totals[i] = -1;
    for (size_t i = 0; i < samples->count; i++)
        if (samples->stack[i] < profile->n_stacks) {
            double *total = &totals[samples->stack[i]];
            *total = (*total < 0 ? 0 : *total) + samples->wall_ns[i];
        }
    for (size_t i = profile->n_stacks; i-- > 1;)
        if (totals[i] >= 0) {
            double *above = &totals[parent_of(profile, (uint32_t)i)];
            *above = (*above < 0 ? 0 : *above) + totals[i];
        }
}

static int choose_nodes(const struct profile *profile, size_t most, struct page *page)
{
    size_t n = profile->n_stacks;
    double smallest, *totals = mem_alloc(n * sizeof *totals);
    if (totals == NULL)
        return ERR_NOMEM;
    sum_stacks(profile, totals);
    int rc = smallest_kept(totals, n, most, &smallest);
    page->n_nodes = 1;
    page->nodes[0] = 0;
    page->node_of_stack[0] = 0;
    for (size_t i = 1; i < n && rc == 0; i++) {
        uint32_t parent = parent_of(profile, (uint32_t)i);
        bool parent_kept = page->nodes[page->node_of_stack[parent]] == parent;
        if (totals[i] >= 0 && (smallest == 0 || totals[i] > smallest) && parent_kept) {
            page->nodes[page->n_nodes] = (uint32_t)i;
            page->node_of_stack[i] = (uint32_t)page->n_nodes++;
        } else {
            page->node_of_stack[i] = page->node_of_stack[parent];
        }
    }
    mem_free(totals);
    return rc;
}

struct cell_key {
    uint32_t thread, node;
    uint16_t bucket, state;
};

/* Adds to a cell. ERR_FULL: more cells than a page holds. */
static int add_cell(struct page *page, struct map *map, struct cell_key key, const double amounts[3])
{
    uint32_t at;
    bool found;
    if (map_put(map, &key, sizeof key, (uint32_t)page->n_cells, &at, &found) != 0)
        return ERR_NOMEM;
    if (!found) {
        if (page->n_cells >= page->cells_most)
            return ERR_FULL;
        if (mem_grow(&page->cells, &page->cells_capacity, page->n_cells + 1, sizeof *page->cells) != 0)
            return ERR_NOMEM;
        page->cells[page->n_cells++] =
            (struct page_cell){.thread = key.thread, .node = key.node, .bucket = key.bucket, .state = key.state};
    }
    struct page_cell *cell = &page->cells[at];
    cell->wall_ns += amounts[0];
    cell->cpu_ns += amounts[1];
    cell->ticks += amounts[2];
    return 0;
}

static size_t bucket_at(const struct profile *profile, double time_ns, size_t buckets)
{
    double at = profile->duration_ns > 0 ? time_ns / (double)profile->duration_ns * (double)buckets : 0;
    return at <= 0 ? 0 : at >= (double)buckets ? buckets - 1 : (size_t)at;
}

/* The stretch of its thread that the last sample stood for. */
struct stretch {
    uint64_t from_ns, to_ns;
};

/* A sample stands for the time since the one before it; an entry at the same instant shares that stretch. */
static struct stretch stretch_of(const struct profile *profile, size_t i, struct stretch *last)
{
    uint64_t time = profile->samples.time_ns[i];
    if (time != last->to_ns) {
        last->from_ns = last->to_ns < time ? last->to_ns : time;
        last->to_ns = time;
    }
    return *last;
}

/* Adds a sample to every bucket that its stretch reaches. */
static int add_sample(const struct profile *profile, size_t i, struct stretch stretch, struct page *page,
                      struct map *map)
{
    const struct profile_samples *samples = &profile->samples;
    double wall = samples->wall_ns[i] > 0 ? samples->wall_ns[i] : 0;
    double start = (double)stretch.from_ns, end = (double)stretch.to_ns;
    size_t first = bucket_at(profile, start, page->buckets), last = bucket_at(profile, end, page->buckets);
    double width = (double)profile->duration_ns / (double)page->buckets;
    uint32_t stack = samples->stack[i] < profile->n_stacks ? samples->stack[i] : 0;
    struct cell_key key = {.thread = samples->thread[i],
                           .node = page->node_of_stack[stack],
                           .state = samples->state[i] < STATE_COUNT ? samples->state[i] : STATE_UNKNOWN};
    double ticks_before = 0;
    if (page->nodes[key.node] != stack)
        page->folded_ns += wall;
    for (size_t bucket = first; bucket <= last; bucket++) {
        double from = bucket == first ? start : (double)bucket * width;
        double to = bucket == last ? end : (double)(bucket + 1) * width;
        double part = first == last || end <= start ? 1 : (to - from) / (end - start);
        double until = bucket == last ? 1 : (to - start) / (end - start);
        double ticks = floor(samples->ticks[i] * until + 0.5) - ticks_before; /* whole ones; their sum is exact */
        ticks_before += ticks;
        key.bucket = (uint16_t)bucket;
        int rc = add_cell(page, map, key, (double[]){wall * part, samples->cpu_ns[i] * part, ticks});
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int fill_cells(const struct profile *profile, struct page *page)
{
    struct map map = {0};
    struct stretch *last = mem_zalloc(profile->n_threads, sizeof *last);
    int rc = last != NULL ? 0 : ERR_NOMEM;
    page->n_cells = 0;
    page->folded_ns = 0;
    for (size_t i = 1; i < profile->n_threads && rc == 0; i++)
        last[i].from_ns = last[i].to_ns = profile->threads[i].start_ns;
    for (size_t i = 0; i < profile->samples.count && rc == 0; i++) {
        uint32_t thread = profile->samples.thread[i];
        if (thread < profile->n_threads)
            rc = add_sample(profile, i, stretch_of(profile, i, &last[thread]), page, &map);
    }
    map_release(&map);
    mem_free(last);
    return rc;
}

/* As many buckets as leave the busiest thread some samples in each. */
static int choose_buckets(const struct profile *profile, const struct page_bounds *bounds, size_t *buckets)
{
    uint64_t *ticks = mem_zalloc(profile->n_threads, sizeof *ticks), most = 0;
    if (ticks == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < profile->samples.count; i++) {
        uint32_t thread = profile->samples.thread[i];
        if (thread >= profile->n_threads)
            continue;
        ticks[thread] += profile->samples.ticks[i];
        most = ticks[thread] > most ? ticks[thread] : most;
    }
    mem_free(ticks);
    uint64_t wanted = most / bounds->bucket_ticks;
    wanted = wanted < bounds->buckets_most ? wanted : bounds->buckets_most;
    *buckets = wanted > bounds->buckets_least ? (size_t)wanted : bounds->buckets_least;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct page_cell *x = a, *y = b;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    return (x->bucket > y->bucket) - (x->bucket < y->bucket);
}

uint32_t page_string(struct page *page, uint32_t string)
{
    if (page->index_of_string[string] == 0 && string != 0) {
        page->index_of_string[string] = (uint32_t)page->n_strings;
        page->strings[page->n_strings++] = string;
    }
    return page->index_of_string[string];
}

static uint32_t checked(uint32_t id, size_t count)
{
    return id < count ? id : 0;
}

static void take_function(const struct profile *profile, struct page *page, uint32_t function)
{
    if (function == 0 || page->index_of_function[function] != 0)
        return;
    page->index_of_function[function] = (uint32_t)page->n_functions;
    page->functions[page->n_functions++] = function;
    page_string(page, checked(profile->functions[function].name, profile->n_strings));
    page_string(page, checked(profile->functions[function].file, profile->n_strings));
}

static uint32_t function_of(const struct profile *profile, uint32_t stack)
{
    uint32_t frame = checked(profile->stacks[stack].frame, profile->n_frames);
    return checked(profile->frames[frame].function, profile->n_functions);
}

static int allocate(const struct profile *profile, struct page *page)
{
    page->nodes = mem_zalloc(profile->n_stacks + 1, sizeof(uint32_t));
    page->node_of_stack = mem_zalloc(profile->n_stacks + 1, sizeof(uint32_t));
    page->functions = mem_zalloc(profile->n_functions + 1, sizeof(uint32_t));
    page->index_of_function = mem_zalloc(profile->n_functions + 1, sizeof(uint32_t));
    page->strings = mem_zalloc(profile->n_strings + 1, sizeof(uint32_t));
    page->index_of_string = mem_zalloc(profile->n_strings + 1, sizeof(uint32_t));
    page->n_strings = page->n_functions = 1; /* entry 0: none */
    return page->nodes == NULL || page->node_of_stack == NULL || page->functions == NULL ||
                   page->index_of_function == NULL || page->strings == NULL || page->index_of_string == NULL
               ? ERR_NOMEM
               : 0;
}

int page_new(const struct profile *profile, const struct page_bounds *bounds, struct page **result)
{
    struct page *page = mem_zalloc(1, sizeof *page);
    int rc = ERR_NOMEM;
    if (page == NULL || allocate(profile, page) != 0)
        goto out;
    size_t nodes = bounds->nodes, buckets;
    rc = choose_buckets(profile, bounds, &buckets);
    if (rc != 0)
        goto out;
    page->cells_most = bounds->cells;
    do {
        page->buckets = buckets;
        rc = choose_nodes(profile, nodes, page);
        if (rc == 0)
            rc = fill_cells(profile, page);
        if (buckets > bounds->buckets_least)
            buckets = buckets / 2 > bounds->buckets_least ? buckets / 2 : bounds->buckets_least;
        else
            nodes /= 2;
    } while (rc == ERR_FULL && nodes > 0);
    if (rc != 0)
        goto out;
    if (page->n_cells > 0)
        qsort(page->cells, page->n_cells, sizeof *page->cells, by_place);
    for (size_t i = 1; i < page->n_nodes; i++)
        take_function(profile, page, function_of(profile, page->nodes[i]));
    *result = page;
    page = NULL;
    rc = 0;
out:
    page_free(page);
    return rc;
}

void page_free(struct page *page)
{
    if (page == NULL)
        return;
    mem_free(page->nodes);
    mem_free(page->node_of_stack);
    mem_free(page->functions);
    mem_free(page->index_of_function);
    mem_free(page->strings);
    mem_free(page->index_of_string);
    mem_free(page->cells);
    mem_free(page);
}

void page_add_nodes(struct buf *out, struct page *page, const struct profile *profile)
{
    buf_add_varint(out, page->n_functions);
    for (size_t i = 1; i < page->n_functions; i++) {
        uint32_t id = page->functions[i];
        const struct function *function = &profile->functions[id];
        buf_add_varint(out, page_string(page, checked(function->name, profile->n_strings)));
        buf_add_varint(out, page_string(page, checked(function->file, profile->n_strings)));
        buf_add_varint(out, function->first_line);
        buf_add_varint(out, (uint64_t)function->kind << 1 | profile->function_own[id]);
    }
    buf_add_varint(out, page->n_nodes);
    for (size_t i = 1; i < page->n_nodes; i++)
        buf_add_varint(out, i - page->node_of_stack[parent_of(profile, page->nodes[i])]);
    for (size_t i = 1; i < page->n_nodes; i++)
        buf_add_varint(out, page->index_of_function[function_of(profile, page->nodes[i])]);
    for (size_t i = 1; i < page->n_nodes; i++) {
        uint32_t stack = page->nodes[i], frame = checked(profile->stacks[stack].frame, profile->n_frames);
        uint32_t first = profile->functions[function_of(profile, stack)].first_line;
        buf_add_signed_varint(out, (int64_t)profile->frames[frame].line - first);
    }
}

static uint64_t microseconds(double ns)
{
    return ns > 0 && ns < 1e18 ? (uint64_t)(ns / 1e3 + 0.5) : 0;
}

void page_add_cells(struct buf *out, const struct page *page)
{
    const struct page_cell *cells = page->cells;
    struct page_cell none = {0};
    buf_add_varint(out, page->n_cells);
    for (size_t i = 0; i < page->n_cells; i++)
        buf_add_varint(out, cells[i].thread - (i == 0 ? none : cells[i - 1]).thread);
    for (size_t i = 0; i < page->n_cells; i++)
        buf_add_signed_varint(out, (int64_t)cells[i].node - (i == 0 ? none : cells[i - 1]).node);
    for (size_t i = 0; i < page->n_cells; i++)
        buf_add_varint(out, cells[i].state);
    for (size_t i = 0; i < page->n_cells; i++)
        buf_add_signed_varint(out, (int64_t)cells[i].bucket - (i == 0 ? none : cells[i - 1]).bucket);
    for (size_t i = 0; i < page->n_cells; i++)
        buf_add_varint(out, microseconds(cells[i].wall_ns));
    for (size_t i = 0; i < page->n_cells; i++)
        buf_add_varint(out, microseconds(cells[i].cpu_ns));
    for (size_t i = 0; i < page->n_cells; i++)
        buf_add_varint(out, (uint64_t)cells[i].ticks);
}
