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
    double place_cpu_ns[PLACE_COUNT]; /* cpu_ns by where the instruction pointer lay */
    double elsewhere_ns;              /* of wall_ns, state on-cpu: outside of the interpreter, in what is not known */
    double interpreter_cpu_ns;        /* state python at PLACE_UNKNOWN: in the interpreter, its loop not known */
    uint64_t state_ticks[STATE_COUNT];
};

struct stack_sums {
    struct stack_total *totals; /* in the order of first appearance */
    size_t count, capacity;
    uint32_t *index; /* by stack id: index + 1 */
    /* By stack id: the stack whose frame a sample on it counts for: the innermost with a Python function, or, where
     * there is none, the stack itself. */
    uint32_t *leaf;
};

int stack_sums_init(struct stack_sums *sums, const struct profile *profile, const struct filter *filter);
void stack_sums_release(struct stack_sums *sums);

/*
 * The stacks that occur and their callers as a tree, with the time under each. Children are linked in the order of
 * their ids; [0] is the root. Everything is by stack id and linear in the number of stacks, however deep they are.
 */
struct subtrees {
    double *wall_ns, *cpu_ns;
    uint32_t *first_child, *next_sibling;
};

int subtrees_init(struct subtrees *subtrees, const struct profile *profile, const struct stack_sums *sums);
void subtrees_release(struct subtrees *subtrees);

#endif
