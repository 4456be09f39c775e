/*
 * Who waits for input or output, how often, and where; and which thread ran most. A wait in selectors.py is an event
 * loop's: it waits for whatever comes first and so overlaps already; so does a server's for its next client. The first
 * process's main thread comes before all others: what it waits for, everybody waits for.
 */
#include "diagnose/rules.h"

#include <string.h>

/* A recorder writes a sleeping thread's sample anew when it ran in between, and at least this often if it did not. */
static const uint64_t kept_together_ns = 350000000, long_ns = 250000000;

struct thread_waits {
    double on_ns, io_ns, wait_ns, longest_ns; /* the wait it is in; the longest */
    uint64_t waits, last_ns, lasted_ns;
    uint32_t last_stack;
    uint8_t last_state;
};

/* Is this entry of state `io` a wait of its own, or does it go on with the one before? */
static bool new_wait(const struct thread_waits *thread, uint32_t stack)
{
    return thread->last_state != STATE_IO || thread->last_stack != stack || thread->lasted_ns < kept_together_ns;
}

/* Entries of a long wait, one after the other, are one. */
static void measure_wait(struct thread_waits *thread, uint32_t stack, double wall_ns)
{
    bool goes_on = thread->last_state == STATE_IO && thread->last_stack == stack && thread->lasted_ns >= long_ns;
    thread->wait_ns = (goes_on ? thread->wait_ns : 0) + wall_ns;
    if (thread->wait_ns > thread->longest_ns)
        thread->longest_ns = thread->wait_ns;
}

static uint32_t leaf_frame(const struct profile *profile, uint32_t stack)
{
    while (stack != 0 && stack < profile->n_stacks) {
        uint32_t frame = profile->stacks[stack].frame;
        if (profile->functions[profile->frames[frame].function].kind == FUNCTION_PYTHON)
            return frame;
        stack = profile->stacks[stack].parent;
    }
    return 0;
}

uint32_t sample_function(const struct profile *profile, size_t sample)
{
    uint32_t frame = leaf_frame(profile, profile->samples.stack[sample]);
    return frame != 0 ? profile->frames[frame].function : 0;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text), size = strlen(tail);
    return length >= size && strcmp(text + length - size, tail) == 0;
}

static bool is_for_one(const struct profile *profile, uint32_t function)
{
    const char *file = profile->strings[profile->functions[function].file];
    const char *name = profile->strings[profile->functions[function].name], *dot = strrchr(name, '.');
    if (ends_with(file, "/selectors.py"))
        return false;
    return !ends_with(file, "/socket.py") || strcmp(dot != NULL ? dot + 1 : name, "accept") != 0;
}

/* Once for each stack: there may be a thousand samples of it. */
static int mark_stacks(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    facts->for_one = mem_zalloc(profile->n_stacks + 1, sizeof *facts->for_one);
    if (facts->for_one == NULL)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < profile->n_stacks; i++)
        facts->for_one[i] = is_for_one(profile, profile->frames[leaf_frame(profile, i)].function);
    return 0;
}

bool waits_for_one(const struct facts *facts, size_t sample)
{
    return facts->for_one[facts->profile->samples.stack[sample]];
}

static void pick_threads(struct facts *facts, const struct thread_waits *waits)
{
    for (uint32_t i = 1; i < facts->profile->n_threads; i++) {
        if (waits[i].on_ns > facts->busiest_ns) {
            facts->busiest_ns = waits[i].on_ns;
            facts->busiest = i;
        }
    }
    for (uint32_t i = 1; i < facts->profile->n_threads; i++) {
        const struct thread *thread = &facts->profile->threads[i];
        bool main = thread->process == 1 && thread->tid == facts->profile->processes[1].pid &&
                    waits[i].io_ns >= LIMIT_OF(IO_WAIT, WAIT_MIN) * facts->elapsed_ns;
        if (waits[i].io_ns > facts->wait.io_ns || main) {
            facts->wait.io_ns = waits[i].io_ns;
            facts->wait.thread = i;
            facts->wait.waits = (double)waits[i].waits;
            facts->wait.longest_ns = waits[i].longest_ns;
        }
        if (main)
            break;
    }
}

/* Waits shorter than the time between two samples are missed; where the process has one thread, the kernel's count of
 * voluntary switches knows better: unless one wait is most of it, and the others are a program's start. */
static void refine_waits(struct facts *facts)
{
    if (facts->wait.longest_ns > facts->wait.io_ns / 2)
        return;
    const struct profile *profile = facts->profile;
    uint32_t process = profile->threads[facts->wait.thread].process, threads = 0;
    for (size_t i = 1; i < profile->n_threads; i++)
        threads += profile->threads[i].process == process;
    for (size_t i = 0; threads == 1 && i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->kind == COUNTER_VOLUNTARY_SWITCHES && counter->subject == process &&
            (double)counter->value > facts->wait.waits)
            facts->wait.waits = (double)counter->value;
    }
}

uint32_t sample_own_frame(const struct profile *profile, size_t sample)
{
    for (uint32_t stack = profile->samples.stack[sample]; stack != 0 && stack < profile->n_stacks;
         stack = profile->stacks[stack].parent) {
        uint32_t frame = profile->stacks[stack].frame;
        if (profile->function_own[profile->frames[frame].function])
            return frame;
    }
    return leaf_frame(profile, profile->samples.stack[sample]);
}

static bool is_its_wait(const struct facts *facts, size_t sample)
{
    return facts->profile->samples.thread[sample] == facts->wait.thread &&
           facts->profile->samples.state[sample] == STATE_IO && waits_for_one(facts, sample);
}

bool waits_beside(const struct facts *facts, size_t sample)
{
    const struct profile *profile = facts->profile;
    if (!waits_for_one(facts, sample) || sample_function(profile, sample) != facts->wait.leaf)
        return false;
    uint32_t function = profile->frames[sample_own_frame(profile, sample)].function;
    uint32_t process = profile->threads[profile->samples.thread[sample]].process;
    if (function == facts->wait.function)
        return true;
    return profile->function_own[function] && process == profile->threads[facts->wait.thread].process;
}

/* The stack with most of the waits at one place. */
static int find_stack(struct facts *facts, uint32_t place)
{
    const struct profile *profile = facts->profile;
    double *by_stack = mem_zalloc(profile->n_stacks, sizeof *by_stack);
    if (by_stack == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < profile->samples.count; i++) {
        uint32_t stack = profile->samples.stack[i];
        if (stack >= profile->n_stacks || !is_its_wait(facts, i) || sample_own_frame(profile, i) != place)
            continue;
        by_stack[stack] += profile->samples.wall_ns[i];
        if (by_stack[stack] > by_stack[facts->wait.stack])
            facts->wait.stack = stack;
    }
    mem_free(by_stack);
    return 0;
}

/* Where that thread waits: the function it is in, and the innermost own line that leads there. */
static int find_place(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    double *by_function = mem_zalloc(profile->n_functions, sizeof *by_function);
    double *by_frame = mem_zalloc(profile->n_frames, sizeof *by_frame);
    uint32_t best = 0;
    for (size_t i = 0; by_function != NULL && by_frame != NULL && i < profile->samples.count; i++) {
        if (!is_its_wait(facts, i))
            continue;
        uint32_t frame = sample_own_frame(profile, i);
        by_function[sample_function(profile, i)] += profile->samples.wall_ns[i];
        by_frame[frame] += profile->samples.wall_ns[i];
        if (frame != 0 && by_frame[frame] > by_frame[best])
            best = frame;
    }
    for (uint32_t i = 1; by_function != NULL && by_frame != NULL && i < profile->n_functions; i++)
        facts->wait.leaf = by_function[i] > by_function[facts->wait.leaf] ? i : facts->wait.leaf;
    int rc = by_function != NULL && by_frame != NULL ? 0 : ERR_NOMEM;
    if (rc == 0 && best != 0) {
        facts->wait.place_ns = by_frame[best];
        facts->wait.function = profile->frames[best].function;
        facts->wait.file = profile->functions[facts->wait.function].file;
        facts->wait.line = profile->frames[best].line;
    }
    mem_free(by_function);
    mem_free(by_frame);
    return rc == 0 && best != 0 ? find_stack(facts, best) : rc;
}

int waits_find(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    const struct profile_samples *samples = &profile->samples;
    int rc = mark_stacks(facts);
    struct thread_waits *waits = rc == 0 ? mem_zalloc(profile->n_threads + 1, sizeof *waits) : NULL;
    if (waits == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < samples->count; i++) {
        if (!sample_counts(profile, i) || samples->ticks[i] == 0)
            continue;
        struct thread_waits *one = &waits[samples->thread[i]];
        uint8_t state = samples->state[i];
        if (state_on_cpu(state))
            one->on_ns += samples->wall_ns[i];
        if (state == STATE_IO && waits_for_one(facts, i)) {
            one->io_ns += samples->wall_ns[i];
            one->waits += new_wait(one, samples->stack[i]);
            measure_wait(one, samples->stack[i], samples->wall_ns[i]);
        }
        one->lasted_ns = samples->time_ns[i] - one->last_ns;
        one->last_ns = samples->time_ns[i];
        one->last_state = state;
        one->last_stack = samples->stack[i];
    }
    pick_threads(facts, waits);
    mem_free(waits);
    if (facts->wait.thread == 0)
        return 0;
    refine_waits(facts);
    return find_place(facts);
}
