#include "data/sums.h"

#include <string.h>

uint32_t stack_python_leaf(const struct profile *profile, uint32_t stack)
{
    for (uint32_t at = stack; at != 0; at = profile->stacks[at].parent) {
        uint32_t function = profile->frames[profile->stacks[at].frame].function;
        if (profile->functions[function].kind == FUNCTION_PYTHON)
            return at;
    }
    return stack;
}

static bool thread_passes(const struct profile *profile, const struct filter *filter, uint32_t thread)
{
    if (profile->thread_idle[thread] && (filter == NULL || !filter->idle))
        return false;
    return filter == NULL || ((filter->thread == 0 || filter->thread == thread) &&
                              (filter->process == 0 || filter->process == profile->threads[thread].process));
}

static bool sample_passes(const struct profile_samples *samples, const struct filter *filter, size_t i)
{
    return filter == NULL ||
           (samples->time_ns[i] >= filter->from_ns && (filter->to_ns == 0 || samples->time_ns[i] <= filter->to_ns));
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
    *sums = (struct stack_sums){.index = mem_zalloc(profile->n_stacks, sizeof *sums->index)};
    if (sums->index == NULL)
        return ERR_NOMEM;
    uint32_t thread = 0;
    bool passes = false;
    for (size_t i = 0; i < samples->count; i++) {
        if (samples->thread[i] != thread) {
            thread = samples->thread[i];
            passes = thread_passes(profile, filter, thread);
        }
        if (!passes || !sample_passes(samples, filter, i))
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
    }
    return 0;
}

void stack_sums_release(struct stack_sums *sums)
{
    mem_free(sums->totals);
    mem_free(sums->index);
    *sums = (struct stack_sums){0};
}
