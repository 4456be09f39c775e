#include "data/core_sums.h"

#include <math.h>

int core_sums_of(const struct profile *profile, struct core_sum **sums, size_t *n)
{
    struct core_sum *cores = mem_zalloc(COUNTER_CORES_MAX, sizeof *cores);
    *sums = cores;
    *n = 0;
    if (cores == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (!counter_of_core(counter->kind) || counter->subject >= COUNTER_CORES_MAX)
            continue;
        struct core_sum *core = &cores[counter->subject];
        double *value = counter->kind == COUNTER_CORE_USED    ? &core->used_ns
                        : counter->kind == COUNTER_CORE_DELAY ? &core->delay_ns
                                                              : &core->busy_ns;
        *value = fmax(*value, (double)counter->value);
    }
    for (uint32_t i = 0; i < COUNTER_CORES_MAX; i++) {
        struct core_sum core = cores[i];
        core.core = i;
        if (core.used_ns > 0 || core.delay_ns > 0)
            cores[(*n)++] = core;
    }
    return 0;
}
