/*
 * Sums over a profile that several exporters and the diagnosis need: functions, lines, call tree. Threads that were
 * idle workers all along are left out, unless the filter wants them. Less than everything: data/part.h.
 */
#ifndef KEISOKU_DATA_AGGREGATE_H
#define KEISOKU_DATA_AGGREGATE_H

#include "data/profile.h"

struct filter {
    bool idle; /* include the threads that were idle workers all along */
};

struct function_sum {
    uint32_t function;
    double self_wall_ns, total_wall_ns, self_cpu_ns, total_cpu_ns; /* total counts a sample once under recursion */
    double inner_cpu_ns; /* with its frame innermost of all, native ones too, and no instruction of the interpreter */
    double self_python_ns, self_native_ns; /* of self_wall: state python/import/gc; native, native+gil, kernel */
    double self_elsewhere_ns;              /* of self_wall, state on-cpu: surely not in the interpreter */
    double place_cpu_ns[PLACE_COUNT];      /* of self_cpu: where the instruction pointer lay */
    double state_ns[STATE_COUNT], state_cpu_ns[STATE_COUNT]; /* self_wall_ns and self_cpu_ns by state */
    uint64_t state_ticks[STATE_COUNT];                       /* samples by state */
    uint64_t samples;                                        /* ticks with the function innermost */
    uint32_t hot_line;                                       /* the line with most self time */
};

struct line_sum {
    uint32_t file, line, function;                           /* file: string id; function: the one with most of it */
    double wall_ns, cpu_ns;                                  /* self: the innermost Python frame is on this line */
    double total_wall_ns;                                    /* anywhere on the stack, once a sample */
    double state_ns[STATE_COUNT], state_cpu_ns[STATE_COUNT]; /* wall_ns and cpu_ns by state */
    uint64_t state_ticks[STATE_COUNT];                       /* ticks by state */
    double place_cpu_ns[PLACE_COUNT];                        /* cpu_ns by where the instruction pointer lay */
    uint64_t ticks;
};

struct tree_node {
    uint32_t parent, function, line; /* node index; line 0 when nodes are functions */
    uint32_t first_child, next_sibling;
    double self_wall_ns, total_wall_ns, self_cpu_ns, total_cpu_ns;
    double state_ns[STATE_COUNT]; /* of self_wall */
};

/* What code had the CPU, as far as instruction pointers tell. */
enum code_kind {
    CODE_LOOP,        /* PLACE_LOOP */
    CODE_RUNTIME,     /* PLACE_RUNTIME */
    CODE_INTERPRETER, /* one of the two: where its loop lies is not known */
    CODE_LIBRARY,     /* PLACE_LIBRARY */
    CODE_NATIVE,      /* any other native code, by name in diagnose/native_code.h */
    CODE_KERNEL,
    CODE_UNKNOWN, /* no instruction pointer, or in no known object */
    CODE_COUNT
};

struct aggregate {
    double wall_ns, cpu_ns; /* what shares are of */
    double state_wall_ns[STATE_COUNT], state_cpu_ns[STATE_COUNT];
    double code_cpu_ns[CODE_COUNT]; /* cpu_ns by what code ran */
    double elsewhere_ns;            /* of state on-cpu: surely not in the interpreter, though where is not known */
    uint64_t ticks;                 /* sampled instants in it */
    uint64_t state_ticks[STATE_COUNT];
    struct function_sum *functions; /* by self_wall, descending */
    size_t n_functions;
    struct line_sum *lines; /* by wall, descending */
    size_t n_lines;
};

/* The "self" of a sample is its innermost Python frame: native and kernel frames below it are states of that frame. */
/* A NULL filter: everything but the idle workers. An `idle` sample of another thread counts: its time is thread time.
 */
int aggregate_new(const struct profile *profile, const struct filter *filter, struct aggregate **result);
void aggregate_free(struct aggregate *aggregate);

/* The call tree, node 0 the root; nodes are functions, or places (function, line) when by_line. Children are in
 * descending order of total_wall. */
struct tree {
    struct tree_node *nodes;
    size_t n_nodes;
};
int tree_new(const struct profile *profile, const struct filter *filter, bool by_line, struct tree **result);
void tree_free(struct tree *tree);

#endif
