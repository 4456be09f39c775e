/* See timeline.h. */
#include "export/timeline.h"

#include "base/mem.h"

#include <math.h>

int timeline_init(struct timeline *timeline)
{
    return selection_by_thread(timeline->input->profile, &timeline->order, &timeline->start);
}

bool timeline_has(const struct timeline *timeline, uint32_t thread)
{
    for (size_t i = timeline->start[thread]; i < timeline->start[thread + 1]; i++) {
        uint32_t index = timeline->order[i];
        if (selection_holds(timeline->input, index) && selection_weight(timeline->input, index) > 0)
            return true;
    }
    return false;
}

/* The slices of one sample, outermost first. Their number, or a negative code. */
static int64_t slices_of(struct timeline *timeline, uint32_t index)
{
    const struct profile *profile = timeline->input->profile;
    uint8_t state = profile->samples.state[index];
    int64_t depth =
        selection_frames(profile, profile->samples.stack[index], &timeline->frames, &timeline->frame_capacity);
    if (depth < 0)
        return depth;
    if (mem_grow(&timeline->next, &timeline->next_capacity, (size_t)depth + 1, sizeof *timeline->next) != 0)
        return ERR_NOMEM;
    for (int64_t i = 0; i < depth; i++)
        timeline->next[i] = (struct slice){.function = profile->frames[timeline->frames[i]].function};
    if (depth == 0 || !state_on_cpu((enum state)state))
        timeline->next[depth++] = (struct slice){.state = state};
    return depth;
}

static int close_to(struct timeline *timeline, size_t depth, uint64_t at_ns)
{
    int rc = 0;
    while (rc == 0 && timeline->depth > depth) {
        rc = timeline->end(timeline->context, at_ns);
        timeline->depth--;
    }
    return rc;
}

/* Closes what is over and opens what is new. */
static int change(struct timeline *timeline, size_t depth, uint64_t at_ns)
{
    size_t same = 0;
    while (same < depth && same < timeline->depth && timeline->open[same].function == timeline->next[same].function &&
           timeline->open[same].state == timeline->next[same].state)
        same++;
    int rc = close_to(timeline, same, at_ns);
    if (rc == 0)
        rc = mem_grow(&timeline->open, &timeline->open_capacity, depth, sizeof *timeline->open);
    for (size_t i = same; rc == 0 && i < depth; i++) {
        timeline->open[i] = timeline->next[i];
        timeline->depth = i + 1;
        rc = timeline->begin(timeline->context, &timeline->next[i], at_ns);
    }
    return rc;
}

int timeline_walk(struct timeline *timeline, uint32_t thread)
{
    const struct profile_samples *samples = &timeline->input->profile->samples;
    double at = (double)timeline->input->profile->threads[thread].start_ns;
    uint32_t stack = UINT32_MAX;
    uint8_t state = 0;
    int rc = 0;
    timeline->depth = 0;
    for (size_t i = timeline->start[thread]; rc == 0 && i < timeline->start[thread + 1]; i++) {
        uint32_t index = timeline->order[i];
        double weight = selection_holds(timeline->input, index) ? selection_weight(timeline->input, index) : 0;
        if (weight <= 0)
            continue;
        bool off = !state_on_cpu((enum state)samples->state[index]);
        uint8_t shown = off || samples->stack[index] == 0 ? samples->state[index] : (uint8_t)STATE_PYTHON;
        if (samples->stack[index] != stack || shown != state) {
            int64_t depth = slices_of(timeline, index);
            rc = depth < 0 ? (int)depth : change(timeline, (size_t)depth, (uint64_t)llround(at));
            stack = samples->stack[index];
            state = shown;
        }
        at += weight;
    }
    return rc == 0 ? close_to(timeline, 0, (uint64_t)llround(at)) : rc;
}

void timeline_release(struct timeline *timeline)
{
    mem_free(timeline->order);
    mem_free(timeline->start);
    mem_free(timeline->open);
    mem_free(timeline->next);
    mem_free(timeline->frames);
}
