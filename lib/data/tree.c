/*
 * The call tree. Stacks are already a tree by (parent, frame); nodes merge those frames of one parent that are the same
 * function (or place). A stack's node is found once and kept, so the work is one step per stack that occurs.
 */
#include "data/aggregate.h"
#include "data/sums.h"

#include <stdlib.h>
#include <string.h>

struct builder {
    const struct profile *profile;
    struct tree *tree;
    size_t capacity;
    bool by_line;
    uint32_t *node_of;   /* by stack id: index + 1; 0: none yet */
    struct map children; /* (parent node, function, line) → node */
    uint32_t *path;      /* the stacks of a walk, innermost first */
    size_t path_capacity;
};

static int add_node(struct builder *builder, uint32_t parent, uint32_t frame, uint32_t *node)
{
    const struct frame *place = &builder->profile->frames[frame];
    struct tree *tree = builder->tree;
    uint32_t key[] = {parent, place->function, builder->by_line ? place->line : 0};
    bool found;
    if (mem_grow(&tree->nodes, &builder->capacity, tree->n_nodes + 1, sizeof *tree->nodes) != 0 ||
        map_put(&builder->children, key, sizeof key, (uint32_t)tree->n_nodes, node, &found) != 0)
        return ERR_NOMEM;
    if (!found)
        tree->nodes[tree->n_nodes++] =
            (struct tree_node){.parent = parent, .function = place->function, .line = key[2]};
    return 0;
}

/* The node of `stack`, made with all its parents when it is new. */
static int find_node(struct builder *builder, uint32_t stack, uint32_t *node)
{
    const struct stack *stacks = builder->profile->stacks;
    size_t depth = 0;
    uint32_t at = stack;
    for (; at != 0 && builder->node_of[at] == 0; at = stacks[at].parent) {
        if (mem_grow(&builder->path, &builder->path_capacity, depth + 1, sizeof *builder->path) != 0)
            return ERR_NOMEM;
        builder->path[depth++] = at;
    }
    *node = at != 0 ? builder->node_of[at] - 1 : 0;
    while (depth > 0) {
        at = builder->path[--depth];
        int rc = add_node(builder, *node, stacks[at].frame, node);
        if (rc != 0)
            return rc;
        builder->node_of[at] = *node + 1;
    }
    return 0;
}

static int add_stacks(struct builder *builder, const struct stack_sums *sums)
{
    for (size_t i = 0; i < sums->count; i++) {
        const struct stack_total *total = &sums->totals[i];
        uint32_t index = 0;
        int rc = find_node(builder, total->stack, &index);
        if (rc != 0)
            return rc;
        struct tree_node *node = &builder->tree->nodes[index];
        node->self_wall_ns += total->wall_ns;
        node->self_cpu_ns += total->cpu_ns;
        for (size_t state = 0; state < STATE_COUNT; state++)
            node->state_ns[state] += total->state_ns[state];
    }
    return 0;
}

struct child {
    uint32_t node, parent;
    double total;
};

/* Orders so that prepending each in turn leaves every parent's children by descending total. */
static int by_total(const void *a, const void *b)
{
    const struct child *x = a, *y = b;
    if (x->total != y->total)
        return x->total < y->total ? -1 : 1;
    return x->node > y->node ? -1 : x->node < y->node;
}

/* A parent always comes before its children in the array, so one pass from the end adds up the totals. */
static int link_children(struct tree *tree)
{
    struct child *order = mem_realloc(NULL, tree->n_nodes, sizeof *order);
    if (order == NULL)
        return ERR_NOMEM;
    for (size_t i = tree->n_nodes; i-- > 0;) {
        struct tree_node *node = &tree->nodes[i];
        node->total_wall_ns += node->self_wall_ns;
        node->total_cpu_ns += node->self_cpu_ns;
        if (i > 0) {
            tree->nodes[node->parent].total_wall_ns += node->total_wall_ns;
            tree->nodes[node->parent].total_cpu_ns += node->total_cpu_ns;
        }
        order[i] = (struct child){(uint32_t)i, node->parent, node->total_wall_ns};
    }
    qsort(order, tree->n_nodes, sizeof *order, by_total);
    for (size_t i = 0; i < tree->n_nodes; i++) {
        if (order[i].node == 0)
            continue;
        struct tree_node *parent = &tree->nodes[order[i].parent];
        tree->nodes[order[i].node].next_sibling = parent->first_child;
        parent->first_child = order[i].node;
    }
    mem_free(order);
    return 0;
}

int tree_new(const struct profile *profile, const struct filter *filter, bool by_line, struct tree **result)
{
    struct builder builder = {.profile = profile, .by_line = by_line};
    struct stack_sums sums = {0};
    *result = NULL;
    builder.tree = mem_zalloc(1, sizeof *builder.tree);
    builder.node_of = mem_zalloc(profile->n_stacks, sizeof *builder.node_of);
    int rc = builder.tree != NULL && builder.node_of != NULL &&
                     mem_grow(&builder.tree->nodes, &builder.capacity, 1, sizeof *builder.tree->nodes) == 0
                 ? stack_sums_init(&sums, profile, filter)
                 : ERR_NOMEM;
    if (rc == 0) {
        builder.tree->nodes[0] = (struct tree_node){0};
        builder.tree->n_nodes = 1;
        rc = add_stacks(&builder, &sums);
    }
    if (rc == 0)
        rc = link_children(builder.tree);
    if (rc == 0) {
        *result = builder.tree;
        builder.tree = NULL;
    }
    stack_sums_release(&sums);
    map_release(&builder.children);
    mem_free(builder.node_of);
    mem_free(builder.path);
    tree_free(builder.tree);
    return rc;
}

void tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    mem_free(tree->nodes);
    mem_free(tree);
}
