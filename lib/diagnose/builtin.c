/*
 * Is the hottest function's time one long call of a built-in function (re, sorted, json …)? Those are compiled code
 * inside the interpreter itself, so instruction pointers count them as Python. Told by what a loop in Python would show
 * and one long call does not: time on other lines, in Python functions further in, in the caller. Used by facts.c.
 */
#include "diagnose/rules.h"

static const struct line_sum *hottest_line(const struct facts *facts)
{
    for (size_t i = 0; i < facts->aggregate->n_lines; i++) { /* by wall time, descending */
        if (facts->aggregate->lines[i].function == facts->hot->function)
            return &facts->aggregate->lines[i];
    }
    return NULL;
}

/* Marks the functions that call `function`. */
static void mark_callers(const struct profile *profile, uint32_t function, bool *caller)
{
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        uint32_t parent = profile->stacks[i].parent;
        if (profile->frames[profile->stacks[i].frame].function == function && parent != 0)
            caller[profile->frames[profile->stacks[parent].frame].function] = true;
    }
}

/* The callers' own time; a function that calls itself is its own caller. */
static int callers_time(const struct facts *facts, double *ns)
{
    bool *caller = mem_zalloc(facts->profile->n_functions, sizeof *caller);
    *ns = 0;
    if (caller == NULL)
        return ERR_NOMEM;
    mark_callers(facts->profile, facts->hot->function, caller);
    for (size_t i = 0; i < facts->aggregate->n_functions; i++) {
        const struct function_sum *sum = &facts->aggregate->functions[i];
        *ns += caller[sum->function] ? sum->self_wall_ns : 0;
    }
    mem_free(caller);
    return 0;
}

int builtin_find(struct facts *facts)
{
    const struct line_sum *line = facts->hot != NULL ? hottest_line(facts) : NULL;
    size_t length = 0;
    const char *text = line != NULL ? profile_source_line(facts->profile, line->file, line->line, &length) : NULL;
    if (text == NULL || facts->hot_line_share < LIMIT_OF(ALREADY_NATIVE, LINE_MIN) ||
        line->total_wall_ns * LIMIT_OF(ALREADY_NATIVE, LINE_MIN) > line->wall_ns || !source_only_calls(text, length))
        return 0;
    double callers;
    int rc = callers_time(facts, &callers);
    facts->builtin = rc == 0 && callers <= LIMIT_OF(ALREADY_NATIVE, CALLER_MAX) * line->wall_ns;
    return rc;
}
