/* See reach.h. One pass over the stacks marks those that lead through a function of a set, one over the samples sums
 * their time. */
#include "diagnose/reach.h"

#include "diagnose/facts.h"

#include <string.h>

static const struct {
    uint8_t set;
    const char *file, *function;
} rows[] = {
#define REACH(name, file, function) {REACH_##name, file, function},
#include "diagnose/reaches.def"
#undef REACH
};

enum { ROWS = sizeof rows / sizeof rows[0] };

struct pass {
    const struct profile *profile;
    uint16_t *functions;          /* sets that each function belongs to, one bit each */
    uint16_t *sets;               /* those of each stack */
    uint32_t *own;                /* the innermost own frame of each stack */
    uint32_t *callers;            /* by set and stack: the own frame that led to the set */
    double *caller_ns, *inner_ns; /* by set and frame */
};

static bool ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text), size = strlen(tail);
    return length >= size && strcmp(text + length - size, tail) == 0;
}

/* `name` is a qualified one where the interpreter has it. */
static bool is_named(const char *name, const char *last)
{
    const char *dot = strrchr(name, '.');
    return last[0] == '\0' || strcmp(dot != NULL ? dot + 1 : name, last) == 0;
}

static void mark_functions(struct pass *pass)
{
    const struct profile *profile = pass->profile;
    for (uint32_t i = 1; i < profile->n_functions; i++) {
        const struct function *function = &profile->functions[i];
        for (size_t k = 0; function->kind == FUNCTION_PYTHON && k < ROWS; k++) {
            if (ends_with(profile->strings[function->file], rows[k].file) &&
                is_named(profile->strings[function->name], rows[k].function))
                pass->functions[i] |= (uint16_t)(1u << rows[k].set);
        }
    }
}

/* A stack's parent comes before it. */
static void mark_stacks(struct pass *pass)
{
    const struct profile *profile = pass->profile;
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        uint32_t parent = profile->stacks[i].parent, frame = profile->stacks[i].frame;
        uint32_t function = profile->frames[frame].function;
        pass->sets[i] = pass->sets[parent] | pass->functions[function];
        pass->own[i] = profile->function_own[function] ? frame : pass->own[parent];
        for (uint32_t set = 0; set < REACH_COUNT; set++) {
            uint32_t *callers = pass->callers + (size_t)set * profile->n_stacks;
            if ((pass->sets[parent] >> set & 1) != 0)
                callers[i] = callers[parent];
            else if ((pass->sets[i] >> set & 1) != 0)
                callers[i] = pass->own[parent];
        }
    }
}

static bool is_wait(uint8_t state)
{
    return state == STATE_SLEEP || state == STATE_IO || state == STATE_LOCK;
}

static void add_sample(struct pass *pass, size_t i, struct reach *reaches, uint16_t before, bool goes_on)
{
    const struct profile *profile = pass->profile;
    const struct profile_samples *samples = &profile->samples;
    uint32_t stack = samples->stack[i];
    uint8_t state = samples->state[i];
    for (uint32_t set = 0; set < REACH_COUNT; set++) {
        if ((pass->sets[stack] >> set & 1) == 0)
            continue;
        struct reach *reach = &reaches[set];
        uint32_t caller = pass->callers[(size_t)set * profile->n_stacks + stack], inner = pass->own[stack];
        reach->wall_ns += samples->wall_ns[i];
        reach->visits += (before >> set & 1) == 0;
        pass->caller_ns[(size_t)set * profile->n_frames + caller] += samples->wall_ns[i];
        if (is_wait(state)) {
            reach->off_ns += samples->wall_ns[i];
            reach->waits += !goes_on;
            pass->inner_ns[(size_t)set * profile->n_frames + inner] += samples->wall_ns[i];
        } else if (state_on_cpu((enum state)state) && (samples->marks[i] & MARK_IMPORT) == 0 && state != STATE_IMPORT) {
            reach->on_ns += samples->wall_ns[i];
            reach->ticks += samples->ticks[i];
        }
    }
}

static void add_samples(struct pass *pass, struct reach *reaches)
{
    const struct profile_samples *samples = &pass->profile->samples;
    uint32_t thread = 0, stack = 0;
    uint16_t before = 0;
    uint8_t state = STATE_COUNT;
    for (size_t i = 0; i < samples->count; i++) {
        if (samples->thread[i] != thread) {
            thread = samples->thread[i];
            before = 0;
            state = STATE_COUNT;
        }
        if (!sample_counts(pass->profile, i) || samples->ticks[i] == 0)
            continue;
        add_sample(pass, i, reaches, before, is_wait(state) && stack == samples->stack[i]);
        stack = samples->stack[i];
        before = pass->sets[stack];
        state = samples->state[i];
    }
}

/* The frame with most time; entry 0 stands for none. */
static uint32_t most(const double *ns, size_t n)
{
    uint32_t best = 0;
    double highest = 0;
    for (size_t i = 1; i < n; i++) {
        if (ns[i] > highest) {
            highest = ns[i];
            best = (uint32_t)i;
        }
    }
    return best;
}

int reach_find(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    struct pass pass = {.profile = profile};
    size_t stacks = profile->n_stacks + 1, frames = profile->n_frames + 1;
    int rc = ERR_NOMEM;
    pass.functions = mem_zalloc(profile->n_functions + 1, sizeof *pass.functions);
    pass.sets = mem_zalloc(stacks, sizeof *pass.sets);
    pass.own = mem_zalloc(stacks, sizeof *pass.own);
    pass.callers = mem_zalloc(stacks * REACH_COUNT, sizeof *pass.callers);
    pass.caller_ns = mem_zalloc(frames * REACH_COUNT, sizeof *pass.caller_ns);
    pass.inner_ns = mem_zalloc(frames * REACH_COUNT, sizeof *pass.inner_ns);
    if (pass.functions == NULL || pass.sets == NULL || pass.own == NULL || pass.callers == NULL ||
        pass.caller_ns == NULL || pass.inner_ns == NULL)
        goto out;
    mark_functions(&pass);
    mark_stacks(&pass);
    add_samples(&pass, facts->reaches);
    for (size_t set = 0; set < REACH_COUNT; set++) {
        facts->reaches[set].caller = most(pass.caller_ns + set * profile->n_frames, profile->n_frames);
        facts->reaches[set].inner = most(pass.inner_ns + set * profile->n_frames, profile->n_frames);
    }
    rc = 0;
out:
    mem_free(pass.functions);
    mem_free(pass.sets);
    mem_free(pass.own);
    mem_free(pass.callers);
    mem_free(pass.caller_ns);
    mem_free(pass.inner_ns);
    return rc;
}
