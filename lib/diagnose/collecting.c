/*
 * Where collections come from. A collection starts in whatever happens to make the object that is one too many, so one
 * function's part of them differs from run to run: the innermost own function that nearly all of them are under does
 * not. Used by facts.c.
 */
#include "diagnose/facts.h"
#include "diagnose/rules.h"

struct under {
    double ns, depth; /* collections under the function; the sum of its depth on the stack, by that time */
    size_t seen;      /* sample that counted it last, from 1 */
};

static double add_stack(const struct profile *profile, size_t sample, struct under *functions, double *frames)
{
    double ns = profile->samples.wall_ns[sample];
    bool own = false;
    for (uint32_t stack = profile->samples.stack[sample]; stack != 0; stack = profile->stacks[stack].parent) {
        uint32_t frame = profile->stacks[stack].frame, function = profile->frames[frame].function;
        struct under *under = &functions[function];
        if (!profile->function_own[function] || under->seen == sample + 1)
            continue;
        own = true;
        under->seen = sample + 1;
        under->ns += ns;
        under->depth += ns * profile->stacks[stack].depth;
        frames[frame] += ns;
    }
    return own ? ns : 0;
}

int collecting_find(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    struct under *functions = mem_zalloc(profile->n_functions + 1, sizeof *functions);
    double *frames = mem_zalloc(profile->n_frames + 1, sizeof *frames), all = 0, deepest = 0;
    int rc = functions != NULL && frames != NULL ? 0 : ERR_NOMEM;
    uint32_t best = 0;
    for (size_t i = 0; rc == 0 && i < profile->samples.count; i++) {
        if (sample_counts(profile, i) && profile->samples.state[i] == STATE_GC)
            all += add_stack(profile, i, functions, frames);
    }
    for (uint32_t i = 1; rc == 0 && i < profile->n_functions; i++) {
        const struct under *under = &functions[i];
        if (under->ns <= 0 || under->ns < LIMIT_OF(GC_PRESSURE, UNDER_MIN) * all || under->depth <= deepest * under->ns)
            continue;
        deepest = under->depth / under->ns;
        best = i;
    }
    for (uint32_t i = 1; best != 0 && i < profile->n_frames; i++) {
        if (profile->frames[i].function == best && frames[i] > frames[facts->collecting_frame])
            facts->collecting_frame = i;
    }
    mem_free(functions);
    mem_free(frames);
    return rc;
}
