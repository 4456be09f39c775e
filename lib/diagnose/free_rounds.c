/*
 * Of the thread that computes most: the outermost loop whose rounds could go to other processes, the time under it, and
 * how long a round takes. Samples tell where the time is, the source text whether rounds need each other. Used by
 * facts.c.
 */
#include "diagnose/rules.h"
#include "diagnose/source_body.h"
#include "diagnose/source_loop.h"
#include "diagnose/source_share.h"

#include <math.h>
#include <string.h>

struct search {
    const struct profile *profile;
    double *ns;          /* by stack: with all that it leads to */
    double *by_function; /* under its lines whose rounds are free */
    double *by_frame;
    bool *below; /* by stack: the one asked about, or under it */
    enum leaves { LEAVES_UNASKED, LEAVES_NOTHING, LEAVES_SOMETHING } * leaves; /* by function, asked for once */
    double all_ns;
    uint64_t samples;
};

static bool is_counted(const struct profile *profile, uint32_t thread, size_t i)
{
    const struct profile_samples *samples = &profile->samples;
    return samples->thread[i] == thread && samples->ticks[i] > 0 && state_on_cpu(samples->state[i]) &&
           samples->stack[i] < profile->n_stacks;
}

static void sum_up(struct search *search, uint32_t thread)
{
    const struct profile *profile = search->profile;
    const struct profile_samples *samples = &profile->samples;
    for (size_t i = 0; i < samples->count; i++) {
        if (!is_counted(profile, thread, i))
            continue;
        search->ns[samples->stack[i]] += samples->wall_ns[i];
        search->all_ns += samples->wall_ns[i];
        search->samples += samples->ticks[i];
    }
    for (size_t i = profile->n_stacks; i-- > 1;) { /* parents are stored before their children */
        if (profile->stacks[i].parent < i)
            search->ns[profile->stacks[i].parent] += search->ns[i];
    }
}

static uint32_t function_of(const struct profile *profile, uint32_t stack)
{
    return profile->frames[profile->stacks[stack].frame].function;
}

/* Is the function further out on the stack too? Then its time is counted there. */
static bool is_within(const struct profile *profile, uint32_t stack)
{
    uint32_t function = function_of(profile, stack);
    for (uint32_t at = profile->stacks[stack].parent; at != 0; at = profile->stacks[at].parent) {
        if (function_of(profile, at) == function)
            return true;
    }
    return false;
}

/* Puts something where other rounds find it: a name of the module's, one declared so, or a cache. */
static bool leaves_behind(const struct profile *profile, uint32_t function)
{
    struct source_body body;
    struct source_store store;
    size_t length;
    if (source_function_stores(profile, function, &store) && strchr(store.name, '.') == NULL)
        return true;
    if (!source_body_begin(profile, function, &body))
        return false;
    if (body.cached) /* another process would not find it there */
        return true;
    for (const char *text; (text = source_body_next(&body, &length)) != NULL;) {
        if (source_mentions(text, length, "global") || source_mentions(text, length, "nonlocal"))
            return true;
    }
    return body.unclear;
}

/* Does any own function below? Parents are stored before their children. */
static bool is_left_behind(struct search *search, uint32_t top)
{
    const struct profile *profile = search->profile;
    memset(search->below, 0, profile->n_stacks * sizeof *search->below);
    for (uint32_t i = top; i < profile->n_stacks; i++) {
        uint32_t function = function_of(profile, i);
        search->below[i] = i == top || (profile->stacks[i].parent < i && search->below[profile->stacks[i].parent]);
        if (!search->below[i] || search->ns[i] <= 0 || !profile->function_own[function])
            continue;
        enum leaves *leaves = &search->leaves[function];
        if (*leaves == LEAVES_UNASKED)
            *leaves = leaves_behind(profile, function) ? LEAVES_SOMETHING : LEAVES_NOTHING;
        if (*leaves == LEAVES_SOMETHING)
            return true;
    }
    return false;
}

static void judge(struct search *search)
{
    const struct profile *profile = search->profile;
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        uint32_t parent = profile->stacks[i].parent, frame = profile->stacks[parent].frame;
        if (parent == 0 || search->ns[i] < LIMIT_OF(ONE_CORE, LINE_MIN) * search->all_ns)
            continue;
        uint32_t function = profile->frames[frame].function, callee = function_of(profile, i);
        if (!profile->function_own[function] || !profile->function_own[callee] || is_within(profile, parent) ||
            !source_rounds_shareable(profile, function, profile->frames[frame].line, callee) ||
            is_left_behind(search, i))
            continue;
        search->by_function[function] += search->ns[i];
        search->by_frame[frame] += search->ns[i];
    }
}

static void choose(const struct search *search, struct free_rounds *found)
{
    const struct profile *profile = search->profile;
    uint32_t best = 0;
    for (uint32_t i = 1; i < profile->n_functions; i++)
        best = search->by_function[i] > search->by_function[best] ? i : best;
    for (uint32_t i = 1; best != 0 && i < profile->n_frames; i++) {
        if (profile->frames[i].function == best && search->by_frame[i] > search->by_frame[found->frame])
            found->frame = i;
    }
    found->share = search->all_ns > 0 ? search->by_function[best] / search->all_ns : 0;
}

/* Is the stack's innermost frame in the loop, and not called from it? */
static bool is_in_loop(const struct profile *profile, uint32_t stack, uint32_t function, const struct loop_round *round)
{
    const struct frame *frame = &profile->frames[profile->stacks[stack].frame];
    return stack != 0 && frame->function == function && frame->line >= round->first && frame->line <= round->last &&
           !is_within(profile, stack);
}

/* The time of the loop's own steps; -1: not known. What its lines call in native code, or of the interpreter's own, may
 * take as long as it likes, and so does letting go of what a call made: no instruction pointer in the loop over
 * instructions is that. Samples without a pointer are taken to be like those with one. */
static double steps_time(const struct search *search, uint32_t thread, uint32_t function,
                         const struct loop_round *round)
{
    const struct profile *profile = search->profile;
    const struct profile_samples *samples = &profile->samples;
    double place_ns[PLACE_COUNT] = {0};
    for (size_t i = 0; i < samples->count; i++) {
        if (is_counted(profile, thread, i) && samples->place[i] < PLACE_COUNT &&
            (samples->state[i] == STATE_PYTHON || samples->state[i] == STATE_ON_CPU) &&
            is_in_loop(profile, samples->stack[i], function, round))
            place_ns[samples->place[i]] += samples->wall_ns[i];
    }
    double known = place_ns[PLACE_LOOP] + place_ns[PLACE_RUNTIME] + place_ns[PLACE_LIBRARY];
    double all = known + place_ns[PLACE_UNKNOWN];
    if (round->mapped || all <= 0)
        return all;
    return known > 0 ? all * place_ns[PLACE_LOOP] / known : -1;
}

/* How long a round takes: as long as the loop's own steps, by the part of the time that these have. Where no sample
 * met them, one nearly did. */
static void measure_round(const struct search *search, uint32_t thread, struct free_rounds *found)
{
    const struct profile *profile = search->profile;
    uint32_t function = profile->frames[found->frame].function;
    struct loop_round round;
    double all = 0;
    if (found->frame == 0 || search->samples == 0 ||
        !source_loop_round(profile, function, profile->frames[found->frame].line, &round))
        return;
    found->numbers = round.numbers;
    double own = steps_time(search, thread, function, &round);
    for (uint32_t i = 1; i < profile->n_stacks; i++)
        all += is_in_loop(profile, i, function, &round) ? search->ns[i] : 0;
    double steps =
        LIMIT_OF(ONE_CORE, LOOP_STEPS) + round.work.steps + LIMIT_OF(CALL_OVERHEAD, CALL_STEPS) * round.work.calls;
    if (own >= 0)
        found->round_s =
            steps * LIMIT_OF(ONE_CORE, STEP_NS) / 1e9 * all / fmax(own, search->all_ns / (double)search->samples);
}

int free_rounds_find(const struct profile *profile, uint32_t thread, struct free_rounds *found)
{
    struct search search = {.profile = profile};
    *found = (struct free_rounds){0};
    search.ns = mem_zalloc(profile->n_stacks + 1, sizeof *search.ns);
    search.by_function = mem_zalloc(profile->n_functions + 1, sizeof *search.by_function);
    search.by_frame = mem_zalloc(profile->n_frames + 1, sizeof *search.by_frame);
    search.below = mem_zalloc(profile->n_stacks + 1, sizeof *search.below);
    search.leaves = mem_zalloc(profile->n_functions + 1, sizeof *search.leaves);
    int rc = ERR_NOMEM;
    if (search.ns != NULL && search.by_function != NULL && search.by_frame != NULL && search.below != NULL &&
        search.leaves != NULL) {
        sum_up(&search, thread);
        judge(&search);
        choose(&search, found);
        measure_round(&search, thread, found);
        rc = 0;
    }
    mem_free(search.ns);
    mem_free(search.by_function);
    mem_free(search.by_frame);
    mem_free(search.below);
    mem_free(search.leaves);
    return rc;
}
