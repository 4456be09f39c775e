/* The samples that pass a filter, added up per stack: what aggregate.c and tree.c start from. */
#ifndef KEISOKU_DATA_SUMS_H
#define KEISOKU_DATA_SUMS_H

#include "base/map.h"
#include "data/aggregate.h"

struct stack_total {
    uint32_t stack; /* 0: without one */
    uint64_t ticks;
    double wall_ns, cpu_ns;
    double state_ns[STATE_COUNT], state_cpu_ns[STATE_COUNT];
    uint64_t state_ticks[STATE_COUNT];
};

struct stack_sums {
    struct stack_total *totals; /* in the order of first appearance */
    size_t count, capacity;
    uint32_t *index; /* by stack id: index + 1 */
};

int stack_sums_init(struct stack_sums *sums, const struct profile *profile, const struct filter *filter);
void stack_sums_release(struct stack_sums *sums);

/* The stack whose frame a sample on `stack` counts for: the innermost with a Python function, or, where there is none,
 * `stack` itself. */
uint32_t stack_python_leaf(const struct profile *profile, uint32_t stack);

#endif
