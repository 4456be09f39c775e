/*
 * Is the hottest function's time in long calls of built-in functions (re, sorted, sum …)? Those are compiled code of
 * the interpreter itself, and count as Python. Instruction pointers tell: hardly any lies in the interpreter's loop.
 * Without them, or where the loop is not known, what a loop in Python would show and one long call does not: time on
 * other lines, in Python functions further in, in the caller. Used by facts.c.
 */
#include "diagnose/rules.h"
#include "diagnose/source_words.h"

#include <ctype.h>
#include <string.h>

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

/* Of the hottest function's instruction pointers in the interpreter, the part in its loop; -1: too few are known. */
static double loop_share(const struct facts *facts)
{
    const double *place = facts->hot->place_cpu_ns;
    double known = place[PLACE_LOOP] + place[PLACE_RUNTIME] + place[PLACE_LIBRARY];
    bool other = facts->gc.share + facts->import.share > LIMIT_OF(ALREADY_NATIVE, OTHER_MAX);
    if (other || known < LIMIT_OF(ALREADY_NATIVE, KNOWN_MIN) * facts->hot->self_cpu_ns ||
        (double)facts->hot->samples < LIMIT_OF(ALREADY_NATIVE, SAMPLES_MIN))
        return -1;
    return place[PLACE_LOOP] / known;
}

/* The name before the first parenthesis of the line's hottest expression: what is called there. */
static void callee_of(struct facts *facts, const struct line_sum *line)
{
    uint64_t ticks;
    size_t length = 0, n = 0;
    const char *text = source_line(facts->profile, line->file, line->line, &length);
    const struct expression *hot = profile_hot_expression(facts->profile, line->file, line->line, &ticks);
    if (text == NULL || hot == NULL || hot->end_line != line->line || hot->end_column > length ||
        hot->column >= hot->end_column)
        return;
    text += hot->column;
    length = hot->end_column - hot->column;
    while (n < length && (isalnum((unsigned char)text[n]) || text[n] == '_' || text[n] == '.'))
        n++;
    if (n == 0 || n == length || text[n] != '(' || n >= sizeof facts->callee)
        return;
    memcpy(facts->callee, text, n);
    facts->callee[n] = '\0';
}

/* The module with most of the native time. */
static int native_top(struct facts *facts)
{
    struct native_module *modules;
    size_t n;
    int rc = native_modules(facts->profile, facts->aggregate, &modules, &n);
    if (rc == 0 && n > 0)
        facts->native_top = modules[0];
    mem_free(modules);
    return rc;
}

/* Where own code leads to the hottest function, which is a library's. */
static int find_own_frame(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    double *by_frame = mem_zalloc(profile->n_frames, sizeof *by_frame);
    if (by_frame == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < profile->samples.count; i++) {
        if (!sample_counts(profile, i) || sample_function(profile, i) != facts->hot->function)
            continue;
        uint32_t frame = sample_own_frame(profile, i);
        by_frame[frame] += profile->samples.wall_ns[i];
        if (profile->function_own[profile->frames[frame].function] && by_frame[frame] > by_frame[facts->own_frame])
            facts->own_frame = frame;
    }
    mem_free(by_frame);
    return 0;
}

bool works_on_much(const struct profile *profile, uint32_t function)
{
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        if (profile->frames[one->frame].function == function && one->sized > 0 &&
            (double)one->total >= LIMIT_OF(ALREADY_NATIVE, ITEMS_MIN) * (double)one->sized)
            return true;
    }
    return false;
}

/* A few lines one after the other, none of them in a loop or into Python, with much to do for each. */
static bool runs_through(const struct facts *facts)
{
    const struct function_sum *hot = facts->hot;
    return hot->total_wall_ns * LIMIT_OF(ALREADY_NATIVE, LINE_MIN) <= hot->self_wall_ns &&
           works_on_much(facts->profile, hot->function) && !source_function_loops(facts->profile, hot->function);
}

int builtin_find(struct facts *facts)
{
    int found = native_top(facts);
    facts->loop_share = facts->hot != NULL ? loop_share(facts) : -1;
    if (found == 0 && facts->hot != NULL && !facts->hot_own)
        found = find_own_frame(facts);
    if (found != 0)
        return found;
    if (facts->hot != NULL && hottest_line(facts) != NULL)
        callee_of(facts, hottest_line(facts));
    if (facts->loop_share >= 0) {
        facts->builtin = facts->loop_share <= LIMIT_OF(ALREADY_NATIVE, LOOP_MAX);
        return 0;
    }

    const struct line_sum *line = facts->hot != NULL ? hottest_line(facts) : NULL;
    size_t length = 0;
    const char *text = line != NULL ? source_line(facts->profile, line->file, line->line, &length) : NULL;
    bool one = text != NULL && facts->hot_line_share >= LIMIT_OF(ALREADY_NATIVE, LINE_MIN) &&
               line->total_wall_ns * LIMIT_OF(ALREADY_NATIVE, LINE_MIN) <= line->wall_ns &&
               source_only_calls(text, length);
    if (text == NULL || !one) {
        facts->builtin = text != NULL && runs_through(facts);
        return 0;
    }
    double callers;
    int rc = callers_time(facts, &callers);
    facts->builtin = rc == 0 && callers <= LIMIT_OF(ALREADY_NATIVE, CALLER_MAX) * facts->hot->self_wall_ns;
    return rc;
}
