/*
 * See compare.h. Both recordings' stacks are poured into one call tree whose nodes are functions by name and file;
 * times add up there and by function, and each sum of the two is given its interval.
 */
#include "diagnose/compare.h"

#include "data/sums.h"
#include "diagnose/compare_lines.h"
#include "diagnose/compare_noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    struct comparison *comparison;
    struct map keys, children; /* name and file → function; (node, function) → node */
    size_t function_capacity, node_capacity;
    struct buf key;
    struct line_matcher lines;
    const struct profile *profile; /* of the run that is added */
    uint32_t run, run_of_all;      /* its number on its side, from 0; of all, from 1 */
    uint32_t *key_of, *node_of;    /* by its function ids, its stack ids */
    struct compare_sums states[STATE_COUNT], whole;
};

const char *change_kind_name(enum change_kind kind)
{
    static const char *const names[] = {"noise", "more", "less", "new", "vanished"};
    return names[kind];
}

/* ---- what is the same ----------------------------------------------------------------------------------------------
 */

/* The part of a path that is the same for another checkout, environment or Python. */
static const char *common_file(const struct profile *profile, const char *file)
{
    static const char *const roots[] = {"/site-packages/", "/dist-packages/"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        const char *at = strstr(file, roots[i]);
        if (at != NULL)
            return at + strlen(roots[i]);
    }
    const char *library = strstr(file, "/lib/python");
    if (library != NULL && strchr(library + 11, '/') != NULL)
        return strchr(library + 11, '/') + 1;
    size_t length = strlen(profile->directory);
    if (length > 1 && strncmp(file, profile->directory, length) == 0 && file[length] == '/')
        return file + length + 1;
    return file;
}

static int find_function(struct builder *builder, int side, uint32_t id, uint32_t *index)
{
    struct comparison *comparison = builder->comparison;
    const struct profile *profile = builder->profile;
    const struct function *function = &profile->functions[id];
    bool found;
    buf_clear(&builder->key);
    buf_add_byte(&builder->key, function->kind);
    buf_add(&builder->key, profile->strings[function->name], profile->string_lengths[function->name]);
    buf_add_byte(&builder->key, 0);
    buf_add_text(&builder->key, common_file(profile, profile->strings[function->file]));
    if (builder->key.failed ||
        mem_grow(&comparison->functions, &builder->function_capacity, comparison->n_functions + 1,
                 sizeof *comparison->functions) != 0 ||
        map_put(&builder->keys, builder->key.data, builder->key.size, (uint32_t)comparison->n_functions, index,
                &found) != 0)
        return ERR_NOMEM;
    if (!found)
        comparison->functions[comparison->n_functions++] = (struct compare_function){0};
    if (comparison->functions[*index].function[side] == 0) {
        comparison->functions[*index].function[side] = id;
        comparison->functions[*index].run[side] = builder->run;
    }
    return 0;
}

static int find_node(struct builder *builder, uint32_t parent, uint32_t function, uint32_t *index)
{
    struct comparison *comparison = builder->comparison;
    uint32_t key[] = {parent, function};
    bool found;
    if (mem_grow(&comparison->nodes, &builder->node_capacity, comparison->n_nodes + 1, sizeof *comparison->nodes) !=
            0 ||
        map_put(&builder->children, key, sizeof key, (uint32_t)comparison->n_nodes, index, &found) != 0)
        return ERR_NOMEM;
    if (!found) {
        struct compare_node *above = &comparison->nodes[parent];
        comparison->nodes[comparison->n_nodes] =
            (struct compare_node){.parent = parent, .function = function, .next_sibling = above->first_child};
        above->first_child = (uint32_t)comparison->n_nodes++;
    }
    return 0;
}

/* ---- sums ----------------------------------------------------------------------------------------------------------
 */

static void add_time(struct compare_time *to, const struct compare_time *from)
{
    to->on_ns += from->on_ns;
    to->off_ns += from->off_ns;
    to->ticks += from->ticks;
}

/* Run delay goes to the stacks that ran, so it is as noisy as they are. */
static struct compare_time time_of(const struct stack_total *total, bool cpu)
{
    struct compare_time time = {0};
    for (int state = 0; state < STATE_COUNT; state++) {
        bool on = state_on_cpu((enum state)state);
        if (cpu && on)
            time.on_ns += total->state_cpu_ns[state];
        else if (!cpu && (on || state == STATE_RUNNABLE))
            time.on_ns += total->state_ns[state];
        else if (!cpu)
            time.off_ns += total->state_ns[state];
        time.ticks += !cpu || on ? total->state_ticks[state] : 0;
    }
    return time;
}

/* The stacks that occur become nodes; parents come before their stacks. */
static int add_nodes(struct builder *builder, int side, const struct stack_sums *sums)
{
    const struct profile *profile = builder->profile;
    uint8_t *used = mem_zalloc(profile->n_stacks, 1);
    int rc = used == NULL ? ERR_NOMEM : 0;
    for (size_t i = 0; rc == 0 && i < sums->count; i++)
        used[sums->totals[i].stack] = 1;
    for (size_t i = profile->n_stacks; rc == 0 && i-- > 1;)
        used[profile->stacks[i].parent] |= used[i];
    for (uint32_t i = 1; rc == 0 && i < profile->n_stacks; i++) {
        if (!used[i])
            continue;
        uint32_t function = profile->frames[profile->stacks[i].frame].function;
        uint32_t *key = &builder->key_of[function];
        if (*key == 0)
            rc = find_function(builder, side, function, key);
        if (rc == 0)
            rc = find_node(builder, builder->node_of[profile->stacks[i].parent], *key, &builder->node_of[i]);
    }
    mem_free(used);
    return rc;
}

/* Into `now` of everything; *cpu_ns of the run. */
static int pour(struct builder *builder, int side, const struct stack_sums *sums, double *cpu_ns)
{
    struct comparison *comparison = builder->comparison;
    const struct profile *profile = builder->profile;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sums->count; i++) {
        const struct stack_total *total = &sums->totals[i];
        struct compare_time time = time_of(total, comparison->cpu);
        uint32_t leaf = sums->leaf[total->stack];
        uint32_t function = leaf != 0 ? builder->key_of[profile->frames[profile->stacks[leaf].frame].function] : 0;
        add_time(&comparison->nodes[builder->node_of[total->stack]].self_sums.now, &time);
        add_time(&comparison->functions[function].self_sums.now, &time);
        add_time(&comparison->all[side], &time);
        if (leaf != 0) {
            const struct line_at at = {profile, builder->run_of_all, side, function, profile->stacks[leaf].frame};
            rc = compare_lines_add(&builder->lines, comparison, &at, &time);
        }
        *cpu_ns += total->cpu_ns;
        for (int state = 0; state < STATE_COUNT; state++) {
            struct compare_time *now = &builder->states[state].now;
            bool on = state_on_cpu((enum state)state) || state == STATE_RUNNABLE;
            *(on ? &now->on_ns : &now->off_ns) += comparison->cpu ? total->state_cpu_ns[state] : total->state_ns[state];
            now->ticks += total->state_ticks[state];
        }
    }
    return rc;
}

/* Of the run that is added: under each node, and under each function once, however deep it calls itself. */
static int add_totals(struct comparison *comparison)
{
    uint32_t *open = mem_zalloc(comparison->n_functions, sizeof *open);
    if (open == NULL)
        return ERR_NOMEM;
    for (size_t i = comparison->n_nodes; i-- > 0;) {
        struct compare_node *node = &comparison->nodes[i];
        add_time(&node->total_sums.now, &node->self_sums.now);
        if (i > 0)
            add_time(&comparison->nodes[node->parent].total_sums.now, &node->total_sums.now);
    }
    for (uint32_t at = comparison->nodes[0].first_child; at != 0;) {
        const struct compare_node *node = &comparison->nodes[at];
        if (open[node->function]++ == 0)
            add_time(&comparison->functions[node->function].total_sums.now, &node->total_sums.now);
        if (node->first_child != 0) {
            at = node->first_child;
            continue;
        }
        while (at != 0 && comparison->nodes[at].next_sibling == 0) {
            open[comparison->nodes[at].function]--;
            at = comparison->nodes[at].parent;
        }
        if (at != 0) {
            open[comparison->nodes[at].function]--;
            at = comparison->nodes[at].next_sibling;
        }
    }
    mem_free(open);
    return 0;
}

static void add_seconds(struct compare_sums *sums, int side, double seconds)
{
    sums->sum[side] += seconds;
    sums->squares[side] += seconds * seconds;
}

static void end_run_of(struct compare_sums *sums, int side, double scale)
{
    add_seconds(sums, side, compare_ns(&sums->now) * scale);
    add_time(&sums->time[side], &sums->now);
    sums->now = (struct compare_time){0};
}

/* `now` of everything becomes one value of its side. */
static void end_run(struct builder *builder, int side, double cpu_ns)
{
    struct comparison *comparison = builder->comparison;
    double runs = (double)comparison->runs[side].count, duration_s = (double)builder->profile->duration_ns / 1e9;
    double scale = comparison->per == PER_RUN ? 1e-9 : cpu_ns > 0 ? 1 / cpu_ns : 0;
    for (size_t i = 0; i < comparison->n_functions; i++) {
        end_run_of(&comparison->functions[i].self_sums, side, scale);
        end_run_of(&comparison->functions[i].total_sums, side, scale);
    }
    for (size_t i = 0; i < comparison->n_nodes; i++) {
        end_run_of(&comparison->nodes[i].self_sums, side, scale);
        end_run_of(&comparison->nodes[i].total_sums, side, scale);
    }
    for (size_t i = 0; i < comparison->n_lines; i++)
        end_run_of(&comparison->lines[i].self_sums, side, scale);
    for (int state = 0; state < STATE_COUNT; state++)
        end_run_of(&builder->states[state], side, scale);
    add_seconds(&builder->whole, side, comparison->cpu ? cpu_ns / 1e9 : duration_s);
    comparison->cpu_s[side] += cpu_ns / 1e9 / runs;
    comparison->duration_s[side] += duration_s / runs;
}

static int add_run(struct builder *builder, int side)
{
    const struct profile *profile = builder->profile;
    struct stack_sums sums = {0};
    double cpu_ns = 0;
    builder->key_of = mem_zalloc(profile->n_functions, sizeof *builder->key_of);
    builder->node_of = mem_zalloc(profile->n_stacks, sizeof *builder->node_of);
    int rc = builder->key_of != NULL && builder->node_of != NULL ? stack_sums_init(&sums, profile, NULL) : ERR_NOMEM;
    if (rc == 0)
        rc = add_nodes(builder, side, &sums);
    if (rc == 0)
        rc = pour(builder, side, &sums, &cpu_ns);
    if (rc == 0)
        rc = add_totals(builder->comparison);
    if (rc == 0)
        end_run(builder, side, cpu_ns);
    stack_sums_release(&sums);
    mem_free(builder->key_of);
    mem_free(builder->node_of);
    return rc;
}

/* ---- order ---------------------------------------------------------------------------------------------------------
 */

struct ranked {
    uint32_t index;
    bool changed;
    double size;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->changed != y->changed)
        return x->changed ? -1 : 1;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static struct ranked rank(uint32_t index, const struct change *change)
{
    bool changed = change->kind != CHANGE_NOISE;
    return (struct ranked){index, changed, changed ? fabs(change->change) : fmax(change->value[0], change->value[1])};
}

static int by_line_rank(const void *a, const void *b)
{
    const struct compare_line *x = a, *y = b;
    struct ranked first = rank(0, &x->self), second = rank(0, &y->self);
    int order = by_rank(&first, &second);
    if (order != 0)
        return order;
    if (x->function != y->function)
        return x->function < y->function ? -1 : 1;
    return x->line[SIDE_B] != y->line[SIDE_B]
               ? (x->line[SIDE_B] < y->line[SIDE_B] ? -1 : 1)
               : (x->line[SIDE_A] > y->line[SIDE_A]) - (x->line[SIDE_A] < y->line[SIDE_A]);
}

static void put_lines_in_order(struct comparison *comparison)
{
    if (comparison->n_lines > 0)
        qsort(comparison->lines, comparison->n_lines, sizeof *comparison->lines, by_line_rank);
    while (comparison->n_changed_lines < comparison->n_lines &&
           comparison->lines[comparison->n_changed_lines].self.kind != CHANGE_NOISE)
        comparison->n_changed_lines++;
}

static int put_in_order(struct comparison *comparison)
{
    size_t most = comparison->n_functions > comparison->n_nodes ? comparison->n_functions : comparison->n_nodes;
    struct ranked *ranked = mem_alloc(most * sizeof *ranked);
    comparison->order = mem_zalloc(comparison->n_functions, sizeof *comparison->order);
    comparison->stacks = mem_zalloc(comparison->n_nodes, sizeof *comparison->stacks);
    if (ranked == NULL || comparison->order == NULL || comparison->stacks == NULL) {
        mem_free(ranked);
        return ERR_NOMEM;
    }
    size_t n = 0;
    for (uint32_t i = 1; i < comparison->n_functions; i++)
        ranked[n++] = rank(i, &comparison->functions[i].self);
    qsort(ranked, n, sizeof *ranked, by_rank);
    for (size_t i = 0; i < n; i++) {
        comparison->order[i] = ranked[i].index;
        comparison->n_changed += ranked[i].changed;
    }
    n = 0;
    for (uint32_t i = 1; i < comparison->n_nodes; i++) {
        if (comparison->nodes[i].self.kind != CHANGE_NOISE)
            ranked[n++] = rank(i, &comparison->nodes[i].self);
    }
    qsort(ranked, n, sizeof *ranked, by_rank);
    for (size_t i = 0; i < n; i++)
        comparison->stacks[comparison->n_stacks++] = ranked[i].index;
    mem_free(ranked);
    return 0;
}

struct compare_place compare_place(const struct comparison *comparison, uint32_t function)
{
    const struct compare_function *row = &comparison->functions[function];
    int side = row->function[SIDE_B] != 0 ? SIDE_B : SIDE_A;
    const struct profile *profile = comparison->runs[side].profiles[row->run[side]];
    uint32_t id = row->function[side];
    const struct function *place = &profile->functions[id];
    return (struct compare_place){profile,           place->name, place->file,
                                  place->first_line, place->kind, profile->function_own[id]};
}

/* ---- the whole -----------------------------------------------------------------------------------------------------
 */

static bool is_run(const struct profile *profile)
{
    return profile->complete && profile->dropped_ns == 0 && profile->n_gaps == 0 && strcmp(profile->mode, "run") == 0;
}

static bool are_runs(const struct compare_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        if (!is_run(runs->profiles[i]))
            return false;
    }
    return true;
}

static int build(struct builder *builder)
{
    struct comparison *comparison = builder->comparison;
    int rc = mem_grow(&comparison->functions, &builder->function_capacity, 1, sizeof *comparison->functions);
    if (rc == 0)
        rc = mem_grow(&comparison->nodes, &builder->node_capacity, 1, sizeof *comparison->nodes);
    if (rc != 0)
        return rc;
    comparison->functions[0] = (struct compare_function){0};
    comparison->nodes[0] = (struct compare_node){0};
    comparison->n_functions = comparison->n_nodes = 1;
    for (int side = 0; side < SIDES; side++) {
        for (size_t run = 0; rc == 0 && run < comparison->runs[side].count; run++) {
            builder->profile = comparison->runs[side].profiles[run];
            builder->run = (uint32_t)run;
            builder->run_of_all++;
            rc = add_run(builder, side);
        }
    }
    if (rc != 0)
        return rc;
    compare_find_changes(comparison, builder->states, &builder->whole);
    put_lines_in_order(comparison);
    return put_in_order(comparison);
}

int compare_new(const struct compare_runs runs[SIDES], enum compare_per per, bool cpu, struct comparison **result)
{
    struct builder builder = {.comparison = mem_zalloc(1, sizeof *builder.comparison)};
    struct comparison *comparison = builder.comparison;
    *result = NULL;
    if (comparison == NULL)
        return ERR_NOMEM;
    for (int side = 0; side < SIDES; side++) {
        comparison->runs[side] = runs[side];
        comparison->profile[side] = runs[side].profiles[0];
    }
    comparison->several = runs[SIDE_A].count + runs[SIDE_B].count > 2;
    comparison->per = per != PER_CHOSEN_BY_US                              ? per
                      : are_runs(&runs[SIDE_A]) && are_runs(&runs[SIDE_B]) ? PER_RUN
                                                                           : PER_CPU_SECOND;
    comparison->cpu = cpu || comparison->per == PER_CPU_SECOND;
    int rc = build(&builder);
    map_release(&builder.keys);
    map_release(&builder.children);
    buf_release(&builder.key);
    compare_lines_release(&builder.lines);
    if (rc != 0) {
        compare_free(comparison);
        return rc;
    }
    compare_verdict(comparison);
    *result = comparison;
    return 0;
}

void compare_free(struct comparison *comparison)
{
    if (comparison == NULL)
        return;
    mem_free(comparison->functions);
    mem_free(comparison->order);
    mem_free(comparison->nodes);
    mem_free(comparison->stacks);
    mem_free(comparison->lines);
    mem_free(comparison);
}
