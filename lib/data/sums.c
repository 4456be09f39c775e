#include "data/sums.h"

#include <string.h>

/* Parents come before their stacks, so one pass settles all. */
static uint32_t *find_leaves(const struct profile *profile)
{
    uint32_t *leaf = mem_zalloc(profile->n_stacks, sizeof *leaf);
    for (uint32_t i = 1; leaf != NULL && i < profile->n_stacks; i++) {
        const struct stack *stack = &profile->stacks[i];
        bool python = profile->functions[profile->frames[stack->frame].function].kind == FUNCTION_PYTHON;
        leaf[i] = python ? i : leaf[stack->parent];
    }
    for (uint32_t i = 1; leaf != NULL && i < profile->n_stacks; i++)
        leaf[i] = leaf[i] != 0 ? leaf[i] : i;
    return leaf;
}

static bool thread_passes(const struct profile *profile, const struct filter *filter, uint32_t thread)
{
    return !profile->thread_idle[thread] || (filter != NULL && filter->idle);
}

static struct stack_total *total_of(struct stack_sums *sums, uint32_t stack)
{
    if (sums->index[stack] != 0)
        return &sums->totals[sums->index[stack] - 1];
    if (mem_grow(&sums->totals, &sums->capacity, sums->count + 1, sizeof *sums->totals) != 0)
        return NULL;
    struct stack_total *total = &sums->totals[sums->count++];
    memset(total, 0, sizeof *total);
    total->stack = stack;
    sums->index[stack] = (uint32_t)sums->count;
    return total;
}

int stack_sums_init(struct stack_sums *sums, const struct profile *profile, const struct filter *filter)
{
    const struct profile_samples *samples = &profile->samples;
    *sums =
        (struct stack_sums){.index = mem_zalloc(profile->n_stacks, sizeof *sums->index), .leaf = find_leaves(profile)};
    if (sums->index == NULL || sums->leaf == NULL)
        return ERR_NOMEM;
    uint32_t thread = 0;
    bool passes = false;
    for (size_t i = 0; i < samples->count; i++) {
        if (samples->thread[i] != thread) {
            thread = samples->thread[i];
            passes = thread_passes(profile, filter, thread);
        }
        if (!passes)
            continue;
        struct stack_total *total = total_of(sums, samples->stack[i]);
        if (total == NULL)
            return ERR_NOMEM;
        uint8_t state = samples->state[i];
        total->ticks += samples->ticks[i];
        total->wall_ns += samples->wall_ns[i];
        total->cpu_ns += samples->cpu_ns[i];
        total->state_ns[state] += samples->wall_ns[i];
        total->state_cpu_ns[state] += samples->cpu_ns[i];
        total->state_ticks[state] += samples->ticks[i];
        bool elsewhere = state == STATE_ON_CPU && samples->place[i] == PLACE_LIBRARY;
        total->elsewhere_ns += elsewhere ? samples->wall_ns[i] : 0;
        total->place_cpu_ns[elsewhere ? PLACE_UNKNOWN : samples->place[i]] += samples->cpu_ns[i];
        if (state == STATE_PYTHON && samples->place[i] == PLACE_UNKNOWN)
            total->interpreter_cpu_ns += samples->cpu_ns[i];
    }
    return 0;
}

void stack_sums_release(struct stack_sums *sums)
{
    mem_free(sums->totals);
    mem_free(sums->index);
    mem_free(sums->leaf);
    *sums = (struct stack_sums){0};
}

int subtrees_init(struct subtrees *subtrees, const struct profile *profile, const struct stack_sums *sums)
{
    size_t n = profile->n_stacks;
    uint8_t *used = mem_zalloc(n, 1);
    *subtrees =
        (struct subtrees){mem_zalloc(n, sizeof *subtrees->wall_ns), mem_zalloc(n, sizeof *subtrees->cpu_ns),
                          mem_zalloc(n, sizeof *subtrees->first_child), mem_zalloc(n, sizeof *subtrees->next_sibling)};
    if (used == NULL || subtrees->wall_ns == NULL || subtrees->cpu_ns == NULL || subtrees->first_child == NULL ||
        subtrees->next_sibling == NULL) {
        mem_free(used);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < sums->count; i++) {
        const struct stack_total *total = &sums->totals[i];
        used[total->stack] = 1;
        subtrees->wall_ns[total->stack] = total->wall_ns;
        subtrees->cpu_ns[total->stack] = total->cpu_ns;
    }
    for (uint32_t at = (uint32_t)n - 1; at > 0; at--) {
        uint32_t parent = profile->stacks[at].parent;
        if (!used[at])
            continue;
        used[parent] = 1;
        subtrees->wall_ns[parent] += subtrees->wall_ns[at];
        subtrees->cpu_ns[parent] += subtrees->cpu_ns[at];
        subtrees->next_sibling[at] = subtrees->first_child[parent];
        subtrees->first_child[parent] = at;
    }
    mem_free(used);
    return 0;
}

void subtrees_release(struct subtrees *subtrees)
{
    mem_free(subtrees->wall_ns);
    mem_free(subtrees->cpu_ns);
    mem_free(subtrees->first_child);
    mem_free(subtrees->next_sibling);
    *subtrees = (struct subtrees){0};
}
