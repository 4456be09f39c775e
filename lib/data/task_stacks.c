#include "data/task_stacks.h"

#include "base/buf.h"
#include "base/map.h"
#include "data/task_sums.h"

#include <string.h>

struct task_stacks {
    struct profile profile; /* its own: strings, functions, frames, stacks and the samples' stacks */
    struct arena names;     /* texts of the new strings */
    struct map children;    /* (parent, frame) → new stack */
    struct map moved;       /* (stack, task) → new stack */
    uint32_t *frame_of;     /* by task: its frame; 0: none yet */
    uint32_t *path;         /* of the stack being made, innermost first */
    size_t path_capacity, stack_capacity;
};

/* A copy with room for one more entry of each task. */
static void *extended(const void *from, size_t count, size_t more, size_t size)
{
    char *copy = mem_zalloc(count + more, size);
    if (copy != NULL)
        memcpy(copy, from, count * size);
    return copy;
}

static int copy_tables(struct task_stacks *to, const struct profile *from)
{
    struct profile *profile = &to->profile;
    size_t more = from->n_tasks;
    *profile = *from;
    profile->strings = extended(from->strings, from->n_strings, more, sizeof *from->strings);
    profile->string_lengths = extended(from->string_lengths, from->n_strings, more, sizeof *from->string_lengths);
    profile->functions = extended(from->functions, from->n_functions, more, sizeof *from->functions);
    profile->function_own = extended(from->function_own, from->n_functions, more, sizeof *from->function_own);
    profile->frames = extended(from->frames, from->n_frames, more, sizeof *from->frames);
    profile->stacks = extended(from->stacks, from->n_stacks, 0, sizeof *from->stacks);
    profile->samples.stack = extended(from->samples.stack, from->samples.count, 1, sizeof *from->samples.stack);
    to->stack_capacity = from->n_stacks;
    to->frame_of = mem_zalloc(more, sizeof *to->frame_of);
    bool whole = profile->strings != NULL && profile->string_lengths != NULL && profile->functions != NULL &&
                 profile->function_own != NULL && profile->frames != NULL && profile->stacks != NULL &&
                 profile->samples.stack != NULL && to->frame_of != NULL;
    return whole ? 0 : ERR_NOMEM;
}

/* The frame that names the task. 0: out of memory. */
static uint32_t frame_of(struct task_stacks *to, uint32_t id)
{
    struct profile *profile = &to->profile;
    uint32_t string = task_label(profile, id);
    if (to->frame_of[id] != 0)
        return to->frame_of[id];
    struct buf name = {0};
    buf_add_text(&name, "task ");
    buf_add(&name, profile->strings[string], profile->string_lengths[string]);
    char *text = name.failed ? NULL : arena_strndup(&to->names, (const char *)name.data, name.size);
    if (text != NULL) {
        profile->strings[profile->n_strings] = text;
        profile->string_lengths[profile->n_strings] = (uint32_t)name.size;
        profile->functions[profile->n_functions] =
            (struct function){.name = (uint32_t)profile->n_strings++, .kind = FUNCTION_TASK};
        profile->function_own[profile->n_functions] = true;
        profile->frames[profile->n_frames] = (struct frame){.function = (uint32_t)profile->n_functions++};
        to->frame_of[id] = (uint32_t)profile->n_frames++;
    }
    buf_release(&name);
    return to->frame_of[id];
}

static int add_child(struct task_stacks *to, uint32_t frame, uint32_t *at)
{
    struct profile *profile = &to->profile;
    uint32_t key[] = {*at, frame}, depth = profile->stacks[*at].depth + 1;
    bool found;
    if (map_put(&to->children, key, sizeof key, (uint32_t)profile->n_stacks, at, &found) != 0 ||
        mem_grow(&profile->stacks, &to->stack_capacity, profile->n_stacks + 1, sizeof *profile->stacks) != 0)
        return ERR_NOMEM;
    if (!found)
        profile->stacks[profile->n_stacks++] = (struct stack){.parent = key[0], .frame = frame, .depth = depth};
    return 0;
}

/* The stack with the task's frame in it. */
static int make_stack(struct task_stacks *to, uint32_t stack, uint32_t task, uint32_t *made)
{
    const struct profile *profile = &to->profile;
    uint32_t coroutine = profile->tasks[task].coroutine, frame = frame_of(to, task), above = 0;
    size_t depth = 0, inside = 0; /* frames from the innermost to the coroutine's */
    for (uint32_t at = stack; at != 0; at = profile->stacks[at].parent) {
        if (mem_grow(&to->path, &to->path_capacity, depth + 1, sizeof *to->path) != 0)
            return ERR_NOMEM;
        to->path[depth++] = profile->stacks[at].frame;
        if (coroutine != 0 && profile->frames[profile->stacks[at].frame].function == coroutine) {
            inside = depth;
            above = profile->stacks[at].parent;
        }
    }
    inside = inside != 0 ? inside : depth;
    int rc = frame != 0 ? add_child(to, frame, &above) : ERR_NOMEM;
    while (rc == 0 && inside > 0)
        rc = add_child(to, to->path[--inside], &above);
    *made = above;
    return rc;
}

static int move_sample(struct task_stacks *to, size_t i)
{
    const struct profile_samples *samples = &to->profile.samples;
    uint32_t key[] = {samples->stack[i], to->profile.tasks[samples->task[i]].alike}, made;
    if (samples->task[i] == 0)
        return 0;
    if (!map_get(&to->moved, key, sizeof key, &made)) {
        bool found;
        if (make_stack(to, key[0], key[1], &made) != 0 ||
            map_put(&to->moved, key, sizeof key, made, &made, &found) != 0)
            return ERR_NOMEM;
    }
    samples->stack[i] = made;
    return 0;
}

int task_stacks_new(const struct profile *profile, struct task_stacks **result)
{
    *result = NULL;
    if (profile->samples.task == NULL)
        return 0;
    struct task_stacks *stacks = mem_zalloc(1, sizeof *stacks);
    int rc = stacks != NULL ? copy_tables(stacks, profile) : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < profile->samples.count; i++)
        rc = move_sample(stacks, i);
    if (rc == 0)
        *result = stacks;
    else
        task_stacks_free(stacks);
    return rc;
}

const struct profile *task_stacks_profile(const struct task_stacks *stacks)
{
    return &stacks->profile;
}

void task_stacks_free(struct task_stacks *stacks)
{
    if (stacks == NULL)
        return;
    struct profile *profile = &stacks->profile;
    void *own[] = {
        profile->strings, profile->string_lengths, profile->functions, profile->function_own, profile->frames,
        profile->stacks,  profile->samples.stack,  stacks->frame_of,   stacks->path,          stacks};
    arena_release(&stacks->names);
    map_release(&stacks->children);
    map_release(&stacks->moved);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        mem_free(own[i]);
}
