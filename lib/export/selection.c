#include "export/selection.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

bool selection_holds(const struct export_input *input, size_t index)
{
    const struct profile *profile = input->profile;
    uint32_t thread = profile->samples.thread[index];
    return thread != 0 && thread < profile->n_threads && (input->filter.idle || !profile->thread_idle[thread]);
}

double selection_weight(const struct export_input *input, size_t index)
{
    const struct profile_samples *samples = &input->profile->samples;
    return input->options->cpu_clock ? samples->cpu_ns[index] : samples->wall_ns[index];
}

static int add_sample(struct selection *selection, struct map *map, const struct profile *profile, size_t index)
{
    const struct profile_samples *samples = &profile->samples;
    uint32_t task = samples->task != NULL ? profile->tasks[samples->task[index]].alike : 0, at;
    uint32_t key[] = {samples->thread[index], samples->stack[index], task};
    bool found;
    int rc = map_put(map, key, sizeof key, (uint32_t)selection->count, &at, &found);
    if (rc != 0)
        return rc;
    if (!found) {
        rc = mem_grow(&selection->stacks, &selection->capacity, selection->count + 1, sizeof *selection->stacks);
        if (rc != 0)
            return rc;
        selection->stacks[selection->count++] =
            (struct weighted_stack){.thread = key[0], .stack = key[1], .task = task};
    }
    selection->stacks[at].wall_ns += samples->wall_ns[index];
    selection->stacks[at].cpu_ns += samples->cpu_ns[index];
    selection->stacks[at].ticks += samples->ticks[index];
    return 0;
}

static bool has_many_processes(const struct profile *profile, const struct selection *selection)
{
    for (size_t i = 1; i < selection->count; i++)
        if (profile->threads[selection->stacks[i].thread].process !=
            profile->threads[selection->stacks[0].thread].process)
            return true;
    return false;
}

int selection_new(const struct export_input *input, struct selection *selection)
{
    struct map map = {0};
    uint32_t *order = NULL;
    size_t *start = NULL;
    *selection = (struct selection){0};
    int rc = selection_by_thread(input->profile, &order, &start);
    for (size_t i = 0; rc == 0 && i < input->profile->samples.count; i++)
        if (selection_holds(input, order[i]))
            rc = add_sample(selection, &map, input->profile, order[i]);
    if (rc == 0)
        selection->many_processes = has_many_processes(input->profile, selection);
    else
        selection_release(selection);
    map_release(&map);
    mem_free(order);
    mem_free(start);
    return rc;
}

void selection_release(struct selection *selection)
{
    mem_free(selection->stacks);
    *selection = (struct selection){0};
}

int64_t selection_frames(const struct profile *profile, uint32_t stack, uint32_t **frames, size_t *capacity)
{
    size_t depth = 0;
    for (uint32_t at = stack; at != 0 && at < profile->n_stacks && depth < profile->n_stacks;
         at = profile->stacks[at].parent)
        depth++;
    int rc = mem_grow(frames, capacity, depth + 1, sizeof **frames);
    if (rc != 0)
        return rc;
    size_t left = depth;
    for (uint32_t at = stack; left > 0; at = profile->stacks[at].parent)
        (*frames)[--left] = profile->stacks[at].frame;
    return (int64_t)depth;
}

void selection_thread_name(const struct profile *profile, uint32_t thread, bool with_process, struct buf *name)
{
    const struct thread *row = &profile->threads[thread];
    if (with_process && row->process < profile->n_processes) {
        profile_process_name(profile, row->process, name);
        buf_add_byte(name, '/');
    }
    if (row->name != 0 && profile->string_lengths[row->name] > 0)
        buf_add_visible(name, profile->strings[row->name], profile->string_lengths[row->name]);
    else
        buf_printf(name, "thread %d", (int)row->tid);
}

const char *selection_file(const struct profile *profile, uint32_t function)
{
    uint32_t file = profile->functions[function].file;
    return file != 0 ? profile->strings[file] : "";
}

int selection_by_thread(const struct profile *profile, uint32_t **order, size_t **start)
{
    const struct profile_samples *samples = &profile->samples;
    size_t *at = mem_zalloc(profile->n_threads + 2, sizeof *at);
    uint32_t *result = mem_zalloc(samples->count + 1, sizeof *result);
    if (at == NULL || result == NULL) {
        mem_free(at);
        mem_free(result);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < samples->count; i++)
        at[samples->thread[i] + 1]++;
    for (size_t thread = 1; thread < profile->n_threads + 1; thread++)
        at[thread] += at[thread - 1];
    for (size_t i = 0; i < samples->count; i++)
        result[at[samples->thread[i]]++] = (uint32_t)i;
    /* Every start has moved to its end, which is the next one's start. */
    memmove(at + 1, at, (profile->n_threads + 1) * sizeof *at);
    at[0] = 0;
    *order = result;
    *start = at;
    return 0;
}
