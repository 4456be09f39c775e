/*
 * Sums of a profile by function and by line. Samples are first added up per stack; then one walk over the tree of
 * stacks gives the totals, so that the work grows with the samples plus the stacks and not with depth times either.
 */
#include "data/aggregate.h"

#include "data/sums.h"

#include <stdlib.h>
#include <string.h>

struct builder {
    const struct profile *profile;
    struct aggregate *aggregate;
    struct stack_sums sums;
    struct function_sum *functions; /* by function id */
    uint32_t *function_depth;       /* by function id: how many of its frames the walk is in */
    bool *function_used;
    struct line_sum *lines;
    size_t n_lines, line_capacity;
    uint32_t *line_of_frame; /* by frame id: index + 1 into lines; 0: none yet */
    uint32_t *line_depth;    /* by line index, as function_depth */
    size_t line_depth_capacity;
    struct map line_index; /* (file, line) → index into lines */
};

static bool is_python_state(size_t state)
{
    return state == STATE_PYTHON || state == STATE_IMPORT || state == STATE_GC;
}

static bool is_native_state(size_t state)
{
    return state == STATE_NATIVE || state == STATE_NATIVE_GIL || state == STATE_KERNEL;
}

/* The line of a frame: one entry for each (file, line), whatever the function. */
static struct line_sum *line_of(struct builder *builder, uint32_t frame)
{
    const struct frame *place = &builder->profile->frames[frame];
    if (builder->line_of_frame[frame] != 0)
        return &builder->lines[builder->line_of_frame[frame] - 1];
    uint32_t file = builder->profile->functions[place->function].file;
    uint32_t key[] = {file, place->line}, index;
    bool found;
    if (map_put(&builder->line_index, key, sizeof key, (uint32_t)builder->n_lines, &index, &found) != 0 ||
        mem_grow(&builder->lines, &builder->line_capacity, (size_t)index + 1, sizeof *builder->lines) != 0 ||
        mem_grow(&builder->line_depth, &builder->line_depth_capacity, (size_t)index + 1, sizeof *builder->line_depth) !=
            0)
        return NULL;
    if (!found) {
        builder->lines[index] = (struct line_sum){.file = file, .line = place->line, .function = place->function};
        builder->line_depth[index] = 0;
        builder->n_lines++;
    }
    builder->line_of_frame[frame] = index + 1;
    return &builder->lines[index];
}

static int add_self(struct builder *builder, uint32_t frame, const struct stack_total *total)
{
    struct function_sum *function = &builder->functions[builder->profile->frames[frame].function];
    struct line_sum *line = line_of(builder, frame);
    if (line == NULL)
        return ERR_NOMEM;
    function->self_wall_ns += total->wall_ns;
    function->self_cpu_ns += total->cpu_ns;
    function->self_elsewhere_ns += total->elsewhere_ns;
    function->samples += total->ticks;
    line->wall_ns += total->wall_ns;
    line->cpu_ns += total->cpu_ns;
    line->ticks += total->ticks;
    for (size_t place = 0; place < PLACE_COUNT; place++) {
        function->place_cpu_ns[place] += total->place_cpu_ns[place];
        line->place_cpu_ns[place] += total->place_cpu_ns[place];
    }
    for (size_t state = 0; state < STATE_COUNT; state++) {
        double wall = total->state_ns[state];
        line->state_ns[state] += wall;
        line->state_cpu_ns[state] += total->state_cpu_ns[state];
        line->state_ticks[state] += total->state_ticks[state];
        function->state_ns[state] += wall;
        function->state_cpu_ns[state] += total->state_cpu_ns[state];
        function->state_ticks[state] += total->state_ticks[state];
        function->self_python_ns += is_python_state(state) ? wall : 0;
        function->self_native_ns += is_native_state(state) ? wall : 0;
    }
    return 0;
}

/*
 * Steps into a frame (or, with `by` -1, out of it) on the walk below. The outermost frame of a function takes all the
 * time under it, those of the same function further in take nothing; likewise for lines.
 */
static int step(struct builder *builder, const struct subtrees *subtrees, uint32_t at, int by)
{
    uint32_t frame = builder->profile->stacks[at].frame, id = builder->profile->frames[frame].function;
    struct line_sum *line = line_of(builder, frame);
    if (line == NULL)
        return ERR_NOMEM;
    uint32_t *line_depth = &builder->line_depth[line - builder->lines];
    if (by > 0 && *line_depth == 0)
        line->total_wall_ns += subtrees->wall_ns[at];
    if (by > 0 && builder->function_depth[id] == 0) {
        builder->functions[id].total_wall_ns += subtrees->wall_ns[at];
        builder->functions[id].total_cpu_ns += subtrees->cpu_ns[at];
    }
    *line_depth += (uint32_t)by;
    builder->function_depth[id] += (uint32_t)by;
    builder->function_used[id] = true;
    return 0;
}

/* Walks the tree of stacks once, each stack entered and left. */
static int add_totals(struct builder *builder)
{
    const struct stack *stacks = builder->profile->stacks;
    struct subtrees subtrees;
    int rc = subtrees_init(&subtrees, builder->profile, &builder->sums);
    uint32_t at = rc == 0 ? subtrees.first_child[0] : 0;
    while (rc == 0 && at != 0) {
        rc = step(builder, &subtrees, at, 1);
        if (subtrees.first_child[at] != 0) {
            at = subtrees.first_child[at];
            continue;
        }
        while (rc == 0 && at != 0) {
            rc = step(builder, &subtrees, at, -1);
            if (subtrees.next_sibling[at] != 0) {
                at = subtrees.next_sibling[at];
                break;
            }
            at = stacks[at].parent;
        }
    }
    subtrees_release(&subtrees);
    return rc;
}

/* What is no place of the interpreter or of the C library is told by the stack's innermost frame. */
static void add_code(struct builder *builder, const struct stack_total *total)
{
    const struct profile *profile = builder->profile;
    double *code = builder->aggregate->code_cpu_ns, left = total->place_cpu_ns[PLACE_UNKNOWN];
    uint32_t function = profile->frames[profile->stacks[total->stack].frame].function;
    uint8_t kind = profile->functions[function].kind;
    builder->functions[function].inner_cpu_ns += left + total->place_cpu_ns[PLACE_LIBRARY];
    code[CODE_LOOP] += total->place_cpu_ns[PLACE_LOOP];
    code[CODE_RUNTIME] += total->place_cpu_ns[PLACE_RUNTIME];
    code[CODE_LIBRARY] += total->place_cpu_ns[PLACE_LIBRARY];
    if (total->stack != 0 && kind != FUNCTION_PYTHON) {
        code[kind == FUNCTION_KERNEL ? CODE_KERNEL : CODE_NATIVE] += left;
        return;
    }
    code[CODE_INTERPRETER] += total->interpreter_cpu_ns;
    code[CODE_UNKNOWN] += left - total->interpreter_cpu_ns;
}

static int add_stacks(struct builder *builder)
{
    const struct profile *profile = builder->profile;
    for (size_t i = 0; i < builder->sums.count; i++) {
        const struct stack_total *total = &builder->sums.totals[i];
        struct aggregate *aggregate = builder->aggregate;
        aggregate->wall_ns += total->wall_ns;
        aggregate->cpu_ns += total->cpu_ns;
        aggregate->ticks += total->ticks;
        aggregate->elsewhere_ns += total->elsewhere_ns;
        add_code(builder, total);
        for (size_t state = 0; state < STATE_COUNT; state++) {
            aggregate->state_wall_ns[state] += total->state_ns[state];
            aggregate->state_cpu_ns[state] += total->state_cpu_ns[state];
            aggregate->state_ticks[state] += total->state_ticks[state];
        }
        if (total->stack == 0)
            continue;
        int rc = add_self(builder, profile->stacks[builder->sums.leaf[total->stack]].frame, total);
        if (rc != 0)
            return rc;
    }
    return add_totals(builder);
}

static int by_self(const void *a, const void *b)
{
    const struct function_sum *x = a, *y = b;
    if (x->self_wall_ns != y->self_wall_ns)
        return x->self_wall_ns < y->self_wall_ns ? 1 : -1;
    if (x->total_wall_ns != y->total_wall_ns)
        return x->total_wall_ns < y->total_wall_ns ? 1 : -1;
    return x->function < y->function ? -1 : x->function > y->function;
}

static int by_wall(const void *a, const void *b)
{
    const struct line_sum *x = a, *y = b;
    if (x->wall_ns != y->wall_ns)
        return x->wall_ns < y->wall_ns ? 1 : -1;
    if (x->total_wall_ns != y->total_wall_ns)
        return x->total_wall_ns < y->total_wall_ns ? 1 : -1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/*
 * The function of a line is the one with most of it, the hot line of a function its line with most self time; both by
 * one pass over the stacks' innermost frames, added up per frame.
 */
static int choose_places(struct builder *builder)
{
    const struct profile *profile = builder->profile;
    double *frames = mem_zalloc(profile->n_frames, sizeof *frames);
    double *best_line = mem_zalloc(profile->n_functions, sizeof *best_line);
    double *best_function = mem_zalloc(builder->n_lines, sizeof *best_function);
    if (frames == NULL || best_line == NULL || best_function == NULL) {
        mem_free(frames);
        mem_free(best_line);
        mem_free(best_function);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < builder->sums.count; i++) {
        uint32_t stack = builder->sums.totals[i].stack;
        if (stack != 0)
            frames[profile->stacks[builder->sums.leaf[stack]].frame] += builder->sums.totals[i].wall_ns;
    }
    for (uint32_t frame = 1; frame < profile->n_frames; frame++) {
        uint32_t id = profile->frames[frame].function, line = builder->line_of_frame[frame];
        if (frames[frame] > best_line[id]) {
            best_line[id] = frames[frame];
            builder->functions[id].hot_line = profile->frames[frame].line;
        }
        if (line != 0 && frames[frame] > best_function[line - 1]) {
            best_function[line - 1] = frames[frame];
            builder->lines[line - 1].function = id;
        }
    }
    mem_free(frames);
    mem_free(best_line);
    mem_free(best_function);
    return 0;
}

/* Only the functions that occurred, in order; the caller gets the arrays. */
static void hand_over(struct builder *builder)
{
    struct aggregate *aggregate = builder->aggregate;
    size_t n = 0;
    for (size_t id = 1; id < builder->profile->n_functions; id++) {
        if (!builder->function_used[id])
            continue;
        builder->functions[n] = builder->functions[id];
        builder->functions[n++].function = (uint32_t)id;
    }
    qsort(builder->functions, n, sizeof *builder->functions, by_self);
    if (builder->n_lines > 0)
        qsort(builder->lines, builder->n_lines, sizeof *builder->lines, by_wall);
    aggregate->functions = builder->functions;
    aggregate->n_functions = n;
    aggregate->lines = builder->lines;
    aggregate->n_lines = builder->n_lines;
    builder->functions = NULL;
    builder->lines = NULL;
}

int aggregate_new(const struct profile *profile, const struct filter *filter, struct aggregate **result)
{
    struct builder builder = {.profile = profile};
    *result = NULL;
    builder.aggregate = mem_zalloc(1, sizeof *builder.aggregate);
    builder.functions = mem_zalloc(profile->n_functions, sizeof *builder.functions);
    builder.function_depth = mem_zalloc(profile->n_functions, sizeof *builder.function_depth);
    builder.function_used = mem_zalloc(profile->n_functions, sizeof *builder.function_used);
    builder.line_of_frame = mem_zalloc(profile->n_frames, sizeof *builder.line_of_frame);
    int rc = builder.aggregate != NULL && builder.functions != NULL && builder.function_depth != NULL &&
                     builder.function_used != NULL && builder.line_of_frame != NULL
                 ? stack_sums_init(&builder.sums, profile, filter)
                 : ERR_NOMEM;
    if (rc == 0)
        rc = add_stacks(&builder);
    if (rc == 0)
        rc = choose_places(&builder);
    if (rc == 0) {
        hand_over(&builder);
        *result = builder.aggregate;
        builder.aggregate = NULL;
    }
    stack_sums_release(&builder.sums);
    map_release(&builder.line_index);
    mem_free(builder.function_depth);
    mem_free(builder.function_used);
    mem_free(builder.line_of_frame);
    mem_free(builder.line_depth);
    mem_free(builder.functions);
    mem_free(builder.lines);
    mem_free(builder.aggregate);
    return rc;
}

void aggregate_free(struct aggregate *aggregate)
{
    if (aggregate == NULL)
        return;
    mem_free(aggregate->functions);
    mem_free(aggregate->lines);
    mem_free(aggregate);
}
