/* See callgraph.h. One walk over the tree of stacks: linear in its size, however deep it is. */
#include "export/callgraph.h"

#include "data/sums.h"

struct walker {
    const struct profile *profile;
    struct callgraph *graph;
    bool by_caller;
    struct stack_sums sums;
    struct subtrees subtrees;
    struct cost *self;                     /* by stack id */
    uint64_t *samples;                     /* by stack id: under it */
    uint32_t *function_depth, *call_depth; /* how many of them the walk is in */
    size_t call_depth_capacity;
};

static void add_cost(struct cost *to, const struct cost *cost)
{
    to->wall_ns += cost->wall_ns;
    to->cpu_ns += cost->cpu_ns;
    to->samples += cost->samples;
}

/* The call by which the frame of stack `at` was entered; SIZE_MAX when memory is short. */
static size_t call_of(struct walker *walker, uint32_t at)
{
    const struct profile *profile = walker->profile;
    struct callgraph *graph = walker->graph;
    const struct stack *stack = &profile->stacks[at];
    const struct frame *callee = &profile->frames[stack->frame];
    const struct frame *caller = &profile->frames[profile->stacks[stack->parent].frame];
    uint32_t key[] = {caller->function, walker->by_caller ? caller->line : 0, callee->function}, index;
    bool found;
    if (map_put(&graph->index, key, sizeof key, (uint32_t)graph->n_calls, &index, &found) != 0)
        return SIZE_MAX;
    if (found)
        return index;
    if (mem_grow(&graph->calls, &graph->capacity, (size_t)index + 1, sizeof *graph->calls) != 0 ||
        mem_grow(&walker->call_depth, &walker->call_depth_capacity, (size_t)index + 1, sizeof *walker->call_depth) != 0)
        return SIZE_MAX;
    uint32_t *first = &graph->first[walker->by_caller ? key[0] : key[2]];
    graph->calls[index] = (struct call){.caller = key[0], .line = key[1], .callee = key[2], .next = *first};
    walker->call_depth[index] = 0;
    *first = index + 1;
    graph->n_calls++;
    return index;
}

static int enter(struct walker *walker, uint32_t at)
{
    struct callgraph *graph = walker->graph;
    uint32_t frame = walker->profile->stacks[at].frame, function = walker->profile->frames[frame].function;
    struct cost under = {walker->subtrees.wall_ns[at], walker->subtrees.cpu_ns[at], walker->samples[at]};
    add_cost(&graph->self[function], &walker->self[at]);
    add_cost(&graph->frame_self[frame], &walker->self[at]);
    if (walker->function_depth[function]++ == 0)
        add_cost(&graph->total[function], &under);
    if (walker->profile->stacks[at].parent == 0)
        return 0;
    size_t call = call_of(walker, at);
    if (call == SIZE_MAX)
        return ERR_NOMEM;
    add_cost(&graph->calls[call].self, &walker->self[at]);
    if (walker->call_depth[call]++ == 0)
        add_cost(&graph->calls[call].total, &under);
    return 0;
}

static void leave(struct walker *walker, uint32_t at)
{
    walker->function_depth[walker->profile->frames[walker->profile->stacks[at].frame].function]--;
    if (walker->profile->stacks[at].parent != 0)
        walker->call_depth[call_of(walker, at)]--;
}

static int walk(struct walker *walker)
{
    const struct stack *stacks = walker->profile->stacks;
    const struct subtrees *subtrees = &walker->subtrees;
    int rc = 0;
    for (uint32_t at = subtrees->first_child[0]; rc == 0 && at != 0;) {
        rc = enter(walker, at);
        if (subtrees->first_child[at] != 0) {
            at = subtrees->first_child[at];
            continue;
        }
        while (rc == 0 && at != 0) {
            leave(walker, at);
            if (subtrees->next_sibling[at] != 0) {
                at = subtrees->next_sibling[at];
                break;
            }
            at = stacks[at].parent;
        }
    }
    return rc;
}

/* What was sampled on each stack, and below it. */
static int add_up(struct walker *walker)
{
    size_t n = walker->profile->n_stacks;
    walker->self = mem_zalloc(n, sizeof *walker->self);
    walker->samples = mem_zalloc(n, sizeof *walker->samples);
    if (walker->self == NULL || walker->samples == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < walker->sums.count; i++) {
        const struct stack_total *total = &walker->sums.totals[i];
        walker->self[total->stack] = (struct cost){total->wall_ns, total->cpu_ns, total->ticks};
        walker->samples[total->stack] = total->ticks;
    }
    for (size_t at = n - 1; at > 0; at--)
        walker->samples[walker->profile->stacks[at].parent] += walker->samples[at];
    walker->graph->self[0] = walker->graph->total[0] = walker->self[0];
    return 0;
}

int callgraph_init(struct callgraph *graph, const struct export_input *input, bool by_caller)
{
    const struct profile *profile = input->profile;
    struct walker walker = {.profile = profile, .graph = graph, .by_caller = by_caller};
    *graph = (struct callgraph){.self = mem_zalloc(profile->n_functions, sizeof *graph->self),
                                .total = mem_zalloc(profile->n_functions, sizeof *graph->total),
                                .frame_self = mem_zalloc(profile->n_frames, sizeof *graph->frame_self),
                                .first = mem_zalloc(profile->n_functions, sizeof *graph->first)};
    walker.function_depth = mem_zalloc(profile->n_functions, sizeof *walker.function_depth);
    int rc = graph->self != NULL && graph->total != NULL && graph->frame_self != NULL && graph->first != NULL &&
                     walker.function_depth != NULL
                 ? stack_sums_init(&walker.sums, profile, &input->filter)
                 : ERR_NOMEM;
    if (rc == 0)
        rc = subtrees_init(&walker.subtrees, profile, &walker.sums);
    if (rc == 0)
        rc = add_up(&walker);
    if (rc == 0)
        rc = walk(&walker);
    stack_sums_release(&walker.sums);
    subtrees_release(&walker.subtrees);
    mem_free(walker.self);
    mem_free(walker.samples);
    mem_free(walker.function_depth);
    mem_free(walker.call_depth);
    if (rc != 0)
        callgraph_release(graph);
    return rc;
}

void callgraph_release(struct callgraph *graph)
{
    mem_free(graph->self);
    mem_free(graph->total);
    mem_free(graph->frame_self);
    mem_free(graph->calls);
    mem_free(graph->first);
    map_release(&graph->index);
    *graph = (struct callgraph){0};
}
