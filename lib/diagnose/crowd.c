#include "diagnose/crowd.h"

#include "diagnose/rules.h"

#include <string.h>

/* A function of the standard library in which a pool's worker goes round. First in it, if at all, its initializer is
 * called, further down the tasks. */
static bool is_worker(const struct profile *profile, uint32_t frame)
{
    const struct function *function = &profile->functions[profile->frames[frame].function];
    const char *name = profile->strings[function->name], *file = profile->strings[function->file];
    return (strcmp(name, "worker") == 0 && strstr(file, "/multiprocessing/pool.py") != NULL) ||
           (strcmp(name, "_process_worker") == 0 && strstr(file, "/concurrent/futures/process.py") != NULL);
}

/* What a worker calls for `map`, where a task is some items and not one. */
static bool is_chunk(const struct profile *profile, uint32_t frame)
{
    static const char *const names[] = {"mapstar", "starmapstar", "_process_chunk"};
    const char *name = profile->strings[profile->functions[profile->frames[frame].function].name];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* The worker's line that calls own code, or a chunk, in this stack's innermost frame; 0: it is none such. */
static uint32_t worker_line(const struct profile *profile, uint32_t stack)
{
    uint32_t parent = profile->stacks[stack].parent, frame = profile->stacks[stack].frame;
    bool calls_own =
        parent != 0 && (profile->function_own[profile->frames[frame].function] || is_chunk(profile, frame));
    return calls_own && is_worker(profile, profile->stacks[parent].frame)
               ? profile->frames[profile->stacks[parent].frame].line
               : 0;
}

/* What every stack is for. */
enum { IN_PYTHON = 1, MAKES_READY = 2 };

/* A stack's parent comes before it. */
static void mark_stacks(const struct profile *profile, uint8_t *stacks)
{
    uint32_t first = UINT32_MAX, last = 0;
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        uint32_t line = worker_line(profile, i);
        first = line != 0 && line < first ? line : first;
        last = line > last ? line : last;
    }
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        const struct frame *frame = &profile->frames[profile->stacks[i].frame];
        stacks[i] = stacks[profile->stacks[i].parent];
        if (profile->functions[frame->function].kind == FUNCTION_PYTHON)
            stacks[i] |= IN_PYTHON;
        if (first < last && worker_line(profile, i) == first)
            stacks[i] |= MAKES_READY;
    }
}

static void sum_samples(const struct profile *profile, const uint8_t *stacks, bool *python, struct crowd *crowd)
{
    const struct profile_samples *samples = &profile->samples;
    for (size_t i = 0; i < samples->count; i++) {
        uint32_t thread = samples->thread[i];
        uint8_t what = stacks[samples->stack[i]];
        bool imports = samples->state[i] == STATE_IMPORT || (samples->marks[i] & MARK_IMPORT) != 0;
        python[thread] = python[thread] || (what & IN_PYTHON) != 0;
        if (state_on_cpu((enum state)samples->state[i]) &&
            ((what & MAKES_READY) != 0 || (imports && profile->threads[thread].process > 1)))
            crowd->started_ns += samples->wall_ns[i];
    }
}

static void sum_threads(const struct facts *facts, const bool *python, double *processes, struct crowd *crowd)
{
    const struct profile *profile = facts->profile;
    for (uint32_t i = 1; i < profile->n_threads; i++) {
        const struct thread *thread = &profile->threads[i];
        double wanted = (double)(thread->run_ns + thread->delay_ns) / facts->elapsed_ns;
        crowd->wanted += wanted;
        if (thread->process < profile->n_processes)
            processes[thread->process] += wanted;
        if (python[i])
            continue;
        crowd->helpers += wanted;
        crowd->helper_ns += (double)thread->run_ns;
        crowd->n_helpers += wanted >= LIMIT_OF(OVERSUBSCRIBED, WANTS_MIN);
    }
    for (uint32_t i = 1; i < profile->n_processes; i++)
        crowd->n_processes += processes[i] >= LIMIT_OF(OVERSUBSCRIBED, WANTS_MIN);
}

int crowd_find(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    uint8_t *stacks = mem_zalloc(profile->n_stacks + 1, sizeof *stacks);
    bool *python = mem_zalloc(profile->n_threads + 1, sizeof *python);
    double *processes = mem_zalloc(profile->n_processes + 1, sizeof *processes);
    bool done = stacks != NULL && python != NULL && processes != NULL;
    if (done && facts->elapsed_ns > 0) {
        mark_stacks(profile, stacks);
        sum_samples(profile, stacks, python, &facts->crowd);
        sum_threads(facts, python, processes, &facts->crowd);
    }
    mem_free(stacks);
    mem_free(python);
    mem_free(processes);
    return done ? 0 : ERR_NOMEM;
}
