#include "diagnose/crowd.h"

#include "diagnose/rules.h"
#include "diagnose/source_body.h"

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
enum { IN_PYTHON = 1, MAKES_READY = 2, IN_WORKER = 4, MAKES_ONCE = 8 };

/* Does the own line run once in a process? A frame is asked once. */
static bool runs_once(const struct profile *profile, uint32_t frame, uint8_t *frames)
{
    enum { ASKED = 1, ONCE = 2 };
    const struct frame *at = &profile->frames[frame];
    if (frames[frame] == 0 && profile->function_own[at->function])
        frames[frame] = source_runs_once(profile, at->function, at->line) ? ASKED | ONCE : ASKED;
    return (frames[frame] & ONCE) != 0;
}

/* A worker may be started by one of another pool: what led to it is that one's. */
static uint8_t mark_in_worker(const struct profile *profile, uint32_t frame, uint8_t before, uint8_t *frames)
{
    if (is_worker(profile, frame))
        return IN_WORKER;
    bool once = (before & MAKES_ONCE) != 0 || ((before & IN_WORKER) != 0 && runs_once(profile, frame, frames));
    return (before & IN_WORKER) | (once ? MAKES_ONCE : 0);
}

/* A stack's parent comes before it. */
static void mark_stacks(const struct profile *profile, uint8_t *stacks, uint8_t *frames)
{
    uint32_t first = UINT32_MAX, last = 0;
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        uint32_t line = worker_line(profile, i);
        first = line != 0 && line < first ? line : first;
        last = line > last ? line : last;
    }
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        const struct frame *frame = &profile->frames[profile->stacks[i].frame];
        uint8_t before = stacks[profile->stacks[i].parent];
        stacks[i] =
            (before & (IN_PYTHON | MAKES_READY)) | mark_in_worker(profile, profile->stacks[i].frame, before, frames);
        if (profile->functions[frame->function].kind == FUNCTION_PYTHON)
            stacks[i] |= IN_PYTHON;
        if (first < last && worker_line(profile, i) == first)
            stacks[i] |= MAKES_READY;
    }
}

static bool is_starting(const struct profile *profile, size_t i, uint8_t what)
{
    const struct profile_samples *samples = &profile->samples;
    bool imports = samples->state[i] == STATE_IMPORT || (samples->marks[i] & MARK_IMPORT) != 0;
    return (what & MAKES_READY) != 0 || (imports && profile->threads[samples->thread[i]].process > 1);
}

static void sum_samples(const struct profile *profile, const uint8_t *stacks, bool *python, struct crowd *crowd)
{
    const struct profile_samples *samples = &profile->samples;
    for (size_t i = 0; i < samples->count; i++) {
        uint8_t what = stacks[samples->stack[i]];
        python[samples->thread[i]] = python[samples->thread[i]] || (what & IN_PYTHON) != 0;
        if (state_on_cpu((enum state)samples->state[i]) && is_starting(profile, i, what))
            crowd->started_ns += samples->wall_ns[i];
    }
}

/* What each process makes for itself when it first needs it; nothing, where processes were seen to come to that again
 * and again. */
static void sum_once(const struct profile *profile, const uint8_t *stacks, bool *made, struct crowd *crowd)
{
    const struct profile_samples *samples = &profile->samples;
    uint32_t thread = 0;
    size_t visits = 0, n_made = 0;
    bool before = false;
    double ns = 0;
    for (size_t i = 0; i < samples->count; i++) {
        uint8_t what = stacks[samples->stack[i]];
        bool there = (what & MAKES_ONCE) != 0 && !is_starting(profile, i, what);
        if (samples->ticks[i] == 0 || samples->stack[i] == 0)
            continue; /* nothing was seen there */
        if (there && state_on_cpu((enum state)samples->state[i]))
            ns += samples->wall_ns[i];
        visits += there && (!before || samples->thread[i] != thread);
        thread = samples->thread[i];
        before = there;
        if (!there || profile->threads[thread].process >= profile->n_processes)
            continue;
        n_made += !made[profile->threads[thread].process];
        made[profile->threads[thread].process] = true;
    }
    if ((double)visits <= LIMIT_OF(OVERSUBSCRIBED, ONCE_MAX) * (double)n_made)
        crowd->once_ns = ns;
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
    uint8_t *frames = mem_zalloc(profile->n_frames + 1, sizeof *frames);
    bool *python = mem_zalloc(profile->n_threads + 1, sizeof *python);
    bool *made = mem_zalloc(profile->n_processes + 1, sizeof *made);
    double *processes = mem_zalloc(profile->n_processes + 1, sizeof *processes);
    bool done = stacks != NULL && frames != NULL && made != NULL && python != NULL && processes != NULL;
    if (done && facts->elapsed_ns > 0) {
        mark_stacks(profile, stacks, frames);
        sum_samples(profile, stacks, python, &facts->crowd);
        sum_once(profile, stacks, made, &facts->crowd);
        sum_threads(facts, python, processes, &facts->crowd);
    }
    mem_free(stacks);
    mem_free(frames);
    mem_free(made);
    mem_free(python);
    mem_free(processes);
    return done ? 0 : ERR_NOMEM;
}
