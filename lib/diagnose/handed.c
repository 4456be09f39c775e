/*
 * What of the work of threads could be handed to processes: not the hottest line, nor a thread's endless loop over a
 * queue, but the outermost own function under them that gives something back. Used by facts.c.
 */
#include "diagnose/facts.h"
#include "diagnose/rules.h"
#include "diagnose/source_body.h"

#include <string.h>

enum gives { NOT_READ, NOTHING, A_RESULT };

/* `return` with something behind it. A generator gives its results one by one, and cannot be sent. */
static enum gives what_it_gives(const struct profile *profile, uint32_t function)
{
    struct source_body body;
    enum gives gives = NOTHING;
    size_t length;
    if (!source_body_begin(profile, function, &body))
        return NOTHING;
    for (const char *text; (text = source_body_next(&body, &length)) != NULL;) {
        struct text words = {text + source_indent(text, length), text + length};
        if (text_begins(words, "return ") && !text_begins(words, "return None"))
            gives = A_RESULT;
        if (source_mentions(text, length, "yield"))
            return NOTHING;
    }
    return gives;
}

/* The frame of that function; 0: there is none, or it is the program's first thread. */
static uint32_t handed_frame(const struct profile *profile, uint32_t stack, uint8_t *functions)
{
    uint32_t found = 0, outermost = 0;
    for (; stack != 0; stack = profile->stacks[stack].parent) {
        uint32_t frame = profile->stacks[stack].frame, function = profile->frames[frame].function;
        if (!profile->function_own[function])
            continue;
        outermost = function;
        if (functions[function] == NOT_READ)
            functions[function] = (uint8_t)what_it_gives(profile, function);
        found = functions[function] == A_RESULT ? frame : found;
    }
    return strcmp(profile->strings[profile->functions[outermost].name], "<module>") == 0 ? 0 : found;
}

static void choose(const struct profile *profile, const double *frames, double *functions, struct facts *facts)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < profile->n_frames; i++)
        functions[profile->frames[i].function] += frames[i];
    for (uint32_t i = 1; i < profile->n_functions; i++)
        best = functions[i] > functions[best] ? i : best;
    for (uint32_t i = 1; i < profile->n_frames; i++) {
        if (profile->frames[i].function == best && frames[i] > frames[facts->handed_frame])
            facts->handed_frame = i;
    }
}

int handed_find(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    const struct profile_samples *samples = &profile->samples;
    uint8_t *gives = mem_zalloc(profile->n_functions + 1, sizeof *gives);
    double *stacks = mem_zalloc(profile->n_stacks + 1, sizeof *stacks);
    double *frames = mem_zalloc(profile->n_frames + 1, sizeof *frames);
    double *functions = mem_zalloc(profile->n_functions + 1, sizeof *functions);
    int rc = gives != NULL && stacks != NULL && frames != NULL && functions != NULL ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < samples->count; i++) {
        if (samples->state[i] == STATE_GIL_WAIT && sample_counts(profile, i) &&
            profile->threads[samples->thread[i]].process == facts->gil_process)
            stacks[samples->stack[i]] += samples->wall_ns[i];
    }
    for (uint32_t i = 0; rc == 0 && i < profile->n_stacks; i++) {
        if (stacks[i] > 0)
            frames[handed_frame(profile, i, gives)] += stacks[i];
    }
    if (rc == 0)
        choose(profile, frames, functions, facts);
    mem_free(gives);
    mem_free(stacks);
    mem_free(frames);
    mem_free(functions);
    return rc;
}
