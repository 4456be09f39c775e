/* See held.h. */
#include "diagnose/held.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

static bool is_of(const struct allocation *allocation, uint32_t process)
{
    return process == 0 || allocation->process == process;
}

static struct held_line line_of(const struct allocation *allocation, uint32_t frame)
{
    return (struct held_line){frame, (double)allocation->bytes, (double)allocation->blocks,
                              (double)allocation->most_bytes, (double)allocation->most_blocks};
}

static void add(struct held_line *to, const struct held_line *from)
{
    to->bytes += from->bytes;
    to->blocks += from->blocks;
    to->most_bytes += from->most_bytes;
    to->most_blocks += from->most_blocks;
}

double held_most(const struct held_line *line, enum held_by by)
{
    return by == HELD_BYTES ? line->most_bytes : line->most_blocks;
}

size_t held_processes(const struct profile *profile)
{
    size_t n = 0;
    for (uint32_t process = 1; process < profile->n_processes; process++)
        for (size_t i = 0; i < profile->n_allocations; i++) {
            if (profile->allocations[i].process != process)
                continue;
            n++;
            break;
        }
    return n;
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

static int compare(const struct held_line *one, const struct held_line *other, enum held_by by)
{
    double first = held_most(one, by), second = held_most(other, by);
    return first != second ? (first > second ? -1 : 1) : compare_frames(one, other);
}

static int compare_bytes(const void *a, const void *b)
{
    return compare(a, b, HELD_BYTES);
}

static int compare_blocks(const void *a, const void *b)
{
    return compare(a, b, HELD_BLOCKS);
}

int held_lines(const struct profile *profile, uint32_t process, enum held_by by, struct held_line **lines, size_t *n,
               struct held_line *all)
{
    size_t found = 0;
    *lines = NULL;
    *n = 0;
    *all = (struct held_line){0};
    if (profile->n_allocations == 0)
        return 0;
    struct held_line *list = mem_alloc(profile->n_allocations * sizeof *list);
    if (list == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < profile->n_allocations; i++) {
        if (!is_of(&profile->allocations[i], process))
            continue;
        list[found] = line_of(&profile->allocations[i], own_frame(profile, profile->allocations[i].stack));
        add(all, &list[found]);
        found += list[found].frame != 0;
    }
    qsort(list, found, sizeof *list, compare_frames);
    for (size_t i = 0; i < found; i++) {
        if (*n > 0 && list[*n - 1].frame == list[i].frame)
            add(&list[*n - 1], &list[i]);
        else
            list[(*n)++] = list[i];
    }
    qsort(list, *n, sizeof *list, by == HELD_BYTES ? compare_bytes : compare_blocks);
    *lines = list;
    return 0;
}

int held_find(const struct profile *profile, uint32_t process, enum held_by by, struct held *held)
{
    struct held_line *lines, all;
    size_t n;
    *held = (struct held){0};
    int rc = held_lines(profile, process, by, &lines, &n, &all);
    held->all = held_most(&all, by);
    for (; rc == 0 && held->n < HELD_LINES && held->n < n && held_most(&lines[held->n], by) > 0; held->n++)
        held->lines[held->n] = lines[held->n];
    mem_free(lines);
    return rc;
}

double held_under(const struct profile *profile, uint32_t process, enum held_by by, uint32_t function)
{
    double under = 0;
    for (size_t i = 0; i < profile->n_allocations; i++) {
        const struct held_line line = line_of(&profile->allocations[i], 0);
        uint32_t stack = is_of(&profile->allocations[i], process) ? profile->allocations[i].stack : 0;
        while (stack != 0 && profile->frames[profile->stacks[stack].frame].function != function)
            stack = profile->stacks[stack].parent;
        under += stack != 0 ? held_most(&line, by) : 0;
    }
    return under;
}
