/* See held.h. */
#include "diagnose/held.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

static bool is_of(const struct allocation *allocation, uint32_t process)
{
    return process == 0 || allocation->process == process;
}

static double amount_of(const struct allocation *allocation, enum held_by by)
{
    return (double)(by == HELD_BYTES ? allocation->most_bytes : allocation->most_blocks);
}

static uint32_t own_frame(const struct profile *profile, uint32_t stack)
{
    for (; stack != 0; stack = profile->stacks[stack].parent) {
        uint32_t frame = profile->stacks[stack].frame;
        if (profile->function_own[profile->frames[frame].function] && profile->frames[frame].line != 0)
            return frame;
    }
    return 0;
}

static int compare_frames(const void *a, const void *b)
{
    const struct held_line *one = a, *other = b;
    return (one->frame > other->frame) - (one->frame < other->frame);
}

static int compare_amounts(const void *a, const void *b)
{
    const struct held_line *one = a, *other = b;
    if (one->amount != other->amount)
        return one->amount > other->amount ? -1 : 1;
    return compare_frames(a, b);
}

int held_find(const struct profile *profile, uint32_t process, enum held_by by, struct held *held)
{
    *held = (struct held){0};
    if (profile->n_allocations == 0)
        return 0;
    struct held_line *lines = mem_alloc(profile->n_allocations * sizeof *lines);
    size_t n = 0, kept = 0;
    if (lines == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < profile->n_allocations; i++) {
        const struct allocation *one = &profile->allocations[i];
        uint32_t frame = own_frame(profile, one->stack);
        if (!is_of(one, process))
            continue;
        held->all += amount_of(one, by);
        if (frame != 0)
            lines[n++] = (struct held_line){frame, amount_of(one, by)};
    }
    qsort(lines, n, sizeof *lines, compare_frames);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && lines[kept - 1].frame == lines[i].frame)
            lines[kept - 1].amount += lines[i].amount;
        else
            lines[kept++] = lines[i];
    }
    qsort(lines, kept, sizeof *lines, compare_amounts);
    for (; held->n < HELD_LINES && held->n < kept && lines[held->n].amount > 0; held->n++)
        held->lines[held->n] = lines[held->n];
    mem_free(lines);
    return 0;
}

double held_under(const struct profile *profile, uint32_t process, enum held_by by, uint32_t function)
{
    double under = 0;
    for (size_t i = 0; i < profile->n_allocations; i++) {
        const struct allocation *one = &profile->allocations[i];
        uint32_t stack = is_of(one, process) ? one->stack : 0;
        while (stack != 0 && profile->frames[profile->stacks[stack].frame].function != function)
            stack = profile->stacks[stack].parent;
        under += stack != 0 ? amount_of(one, by) : 0;
    }
    return under;
}
