#include "data/bench.h"

#include "base/mem.h"

const enum measure bench_measures[BENCH_MEASURES] = {MEASURE_WALL, MEASURE_CPU, MEASURE_PEAK, MEASURE_MINOR_FAULTS};

void bench_release(struct bench *bench)
{
    for (size_t i = 0; i < bench->n; i++) {
        struct bench_variant *variant = &bench->variants[i];
        mem_free(variant->command);
        mem_free(variant->parameters);
        mem_free(variant->trials);
        mem_free(variant->values);
    }
    *bench = (struct bench){0};
}
