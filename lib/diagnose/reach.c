/* See reach.h. One pass over the stacks marks those that lead through a function of a set, one over the samples sums
 * their time. */
#include "diagnose/reach.h"

#include "diagnose/facts.h"
#include "diagnose/rules.h"

#include <string.h>

static const struct {
    uint8_t set;
    bool runs;
    const char *file, *function;
} rows[] = {
#define REACH(name, file, function) {REACH_##name, false, file, function},
#define RUNS(name, file, function)  {REACH_##name, true, file, function},
#include "diagnose/reaches.def"
#undef REACH
#undef RUNS
};

enum { ROWS = sizeof rows / sizeof rows[0] };

struct pass {
    const struct profile *profile;
    uint16_t *functions;          /* sets that each function belongs to, one bit each */
    uint16_t *runs;               /* those that it runs for, what it was given */
    uint16_t *sets;               /* those of each stack */
    uint16_t *left;               /* of them, those that have called own code again, or run what they were given */
    uint32_t *own;                /* the innermost own frame of each stack */
    bool *async;                  /* functions that are `async def` */
    uint32_t *coroutine;          /* the innermost own frame of such a one, of each stack; 0: none */
    uint32_t *near;               /* the same, where all that is further in is of one file; else 0 */
    bool *direct;                 /* by set and stack: own code itself called the set */
    bool *blocked;                /* tasks that waited in a callback */
    uint32_t task;                /* the one that did so last, of this thread */
    uint32_t *callers;            /* by set and stack: the own frame that led to the set */
    double *caller_ns, *inner_ns; /* by set and frame */
};

static bool ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text), size = strlen(tail);
    return length >= size && strcmp(text + length - size, tail) == 0;
}

/* `name` is a qualified one where the interpreter has it. */
static bool is_named(const char *name, const char *last)
{
    const char *dot = strrchr(name, '.');
    if (strchr(last, '.') != NULL)
        return strcmp(name, last) == 0;
    return last[0] == '\0' || strcmp(dot != NULL ? dot + 1 : name, last) == 0;
}

/* A file of own code, or of a package that happens to be called the same, is not meant. */
static bool is_meant(const struct profile *profile, uint32_t function, const char *file)
{
    static const char *const packages[] = {"/pandas/", "/sqlalchemy/", "/django/"};
    bool package = false;
    for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++)
        package = package || strncmp(file, packages[i], strlen(packages[i])) == 0;
    const char *path = profile->strings[profile->functions[function].file];
    return !profile->function_own[function] && ends_with(path, file) && (package || strstr(path, "-packages/") == NULL);
}

/* `async def`, behind its decorators. */
static bool is_async(const struct profile *profile, uint32_t function)
{
    enum { HEAD_LINES_MAX = 24 };
    const struct function *of = &profile->functions[function];
    for (uint32_t line = of->first_line; line < of->first_line + HEAD_LINES_MAX; line++) {
        size_t length = 0;
        const char *text = profile_source_line(profile, of->file, line, &length);
        size_t indent = text != NULL ? source_indent(text, length) : 0;
        if (text == NULL || (length - indent >= 4 && memcmp(text + indent, "def ", 4) == 0))
            return false;
        if (length - indent >= 10 && memcmp(text + indent, "async def ", 10) == 0)
            return true;
    }
    return false;
}

static void mark_functions(struct pass *pass)
{
    const struct profile *profile = pass->profile;
    for (uint32_t i = 1; i < profile->n_functions; i++) {
        const struct function *function = &profile->functions[i];
        for (size_t k = 0; function->kind == FUNCTION_PYTHON && k < ROWS; k++) {
            if (is_meant(profile, i, rows[k].file) && is_named(profile->strings[function->name], rows[k].function))
                (rows[k].runs ? pass->runs : pass->functions)[i] |= (uint16_t)(1u << rows[k].set);
        }
        pass->async[i] = profile->function_own[i] && is_async(profile, i);
    }
}

/* Is the caller own code, or of the same file and so called itself? */
static bool leads_on(const struct pass *pass, uint32_t stack)
{
    const struct profile *profile = pass->profile;
    uint32_t parent = profile->stacks[stack].parent;
    uint32_t function = profile->frames[profile->stacks[stack].frame].function;
    uint32_t caller = profile->frames[profile->stacks[parent].frame].function;
    return parent != 0 && pass->near[parent] != 0 &&
           (profile->function_own[caller] || profile->functions[caller].file == profile->functions[function].file);
}

/* A stack's parent comes before it. */
static void mark_stacks(struct pass *pass)
{
    const struct profile *profile = pass->profile;
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        uint32_t parent = profile->stacks[i].parent, frame = profile->stacks[i].frame;
        uint32_t function = profile->frames[frame].function;
        uint32_t caller = profile->frames[profile->stacks[parent].frame].function;
        pass->sets[i] = pass->sets[parent] | pass->functions[function];
        bool own = profile->function_own[function];
        pass->own[i] = own ? frame : pass->own[parent];
        pass->coroutine[i] = pass->async[function] ? frame : pass->coroutine[parent];
        if (profile->functions[function].kind == FUNCTION_KERNEL) /* what it waits for */
            pass->near[i] = pass->near[parent];
        else
            pass->near[i] = own || leads_on(pass, (uint32_t)i) ? pass->own[i] : 0;
        uint16_t back = pass->functions[function] & pass->runs[caller]; /* to the set, from what runs for it */
        pass->left[i] = (uint16_t)(pass->left[parent] & ~back) | (own ? pass->sets[parent] : 0) | pass->runs[function];
        for (uint32_t set = 0; set < REACH_COUNT; set++) {
            uint32_t *callers = pass->callers + (size_t)set * profile->n_stacks;
            bool *direct = pass->direct + (size_t)set * profile->n_stacks;
            if ((pass->sets[parent] >> set & 1) != 0) {
                callers[i] = callers[parent];
                direct[i] = direct[parent];
            } else if ((pass->sets[i] >> set & 1) != 0) {
                callers[i] = pass->own[parent];
                direct[i] = pass->near[i] != 0;
            }
        }
    }
}

static bool is_wait(uint8_t state)
{
    return state == STATE_SLEEP || state == STATE_IO || state == STATE_LOCK;
}

static bool computes(const struct profile_samples *samples, size_t i)
{
    return state_on_cpu((enum state)samples->state[i]) && (samples->marks[i] & MARK_IMPORT) == 0 &&
           samples->state[i] != STATE_IMPORT;
}

static void add_sample(struct pass *pass, size_t i, struct reach *reaches, uint16_t before, bool goes_on)
{
    const struct profile *profile = pass->profile;
    const struct profile_samples *samples = &profile->samples;
    uint32_t stack = samples->stack[i];
    uint8_t state = samples->state[i];
    for (uint32_t set = 0; set < REACH_COUNT; set++) {
        if ((pass->sets[stack] >> set & 1) == 0)
            continue;
        struct reach *reach = &reaches[set];
        uint32_t caller = pass->callers[(size_t)set * profile->n_stacks + stack];
        /* In an event loop, what could wait for others is the coroutine, not the function that it calls. */
        bool awaits = set == REACH_CALLBACK && pass->coroutine[stack] != 0;
        uint32_t inner = awaits ? pass->coroutine[stack] : pass->own[stack];
        reach->wall_ns += samples->wall_ns[i];
        reach->visits += (before >> set & 1) == 0;
        pass->caller_ns[(size_t)set * profile->n_frames + caller] += samples->wall_ns[i];
        if (is_wait(state)) {
            reach->off_ns += samples->wall_ns[i];
            reach->waits += !goes_on;
            pass->inner_ns[(size_t)set * profile->n_frames + inner] += samples->wall_ns[i];
        } else if (computes(samples, i) && (pass->left[stack] >> set & 1) == 0) {
            uint32_t function = profile->frames[profile->stacks[stack].frame].function;
            reach->on_ns += samples->wall_ns[i];
            reach->ticks += samples->ticks[i];
            reach->direct_ns += pass->direct[(size_t)set * profile->n_stacks + stack] ? samples->wall_ns[i] : 0;
            reach->self_ns += (pass->functions[function] >> set & 1) != 0 ? samples->wall_ns[i] : 0;
        }
    }
}

/* Tasks that wait in turn, each coming back to it, were there together. */
static void add_held_up(struct pass *pass, size_t i, struct held_up *held_up)
{
    const struct profile_samples *samples = &pass->profile->samples;
    uint32_t task = samples->task != NULL ? samples->task[i] : 0;
    if (task == 0 || task >= pass->profile->n_tasks || !is_wait(samples->state[i]) ||
        (pass->sets[samples->stack[i]] >> REACH_CALLBACK & 1) == 0)
        return;
    held_up->tasks += !pass->blocked[task];
    held_up->returns += pass->task != 0 && task != pass->task && pass->blocked[task];
    pass->blocked[task] = true;
    pass->task = task;
}

/* It waits for nothing, at its function's beginning. */
static bool had_not_begun(const struct profile *profile, const struct task_wait *wait)
{
    const struct frame *frame = &profile->frames[profile->stacks[wait->stack].frame];
    return wait->stack == 0 || (wait->on == 0 && frame->line == profile->functions[frame->function].first_line);
}

/* Tasks that had not begun while their loop stood still. */
static void add_not_begun(const struct pass *pass, struct held_up *held_up)
{
    const struct profile *profile = pass->profile;
    for (size_t i = 0; i < profile->n_task_waits; i++) {
        const struct task_wait *wait = &profile->task_waits[i];
        if (wait->task < profile->n_tasks && pass->blocked[wait->task] && had_not_begun(profile, wait))
            held_up->not_begun_ns += (double)wait->wait_ns;
    }
}

/* One thread's time on the CPU, and of it what no sample saw. */
struct on_cpu {
    double ns, unseen_ns;
};

/* What no sample saw of a thread is taken to be like what was seen of it: at a low rate, short runs are often missed.
 */
static void add_unseen(const struct reach *before, const struct on_cpu *on, struct reach *reach)
{
    double more = on->ns > on->unseen_ns ? on->unseen_ns / (on->ns - on->unseen_ns) : 0;
    reach->on_ns += more * (reach->on_ns - before->on_ns);
    reach->direct_ns += more * (reach->direct_ns - before->direct_ns);
    reach->self_ns += more * (reach->self_ns - before->self_ns);
}

/* What the thread did on the CPU beside each set. `before`: the sums without it. */
static void end_thread(struct reach *reaches, const struct on_cpu *on, struct reach *before)
{
    for (uint32_t set = 0; set < REACH_COUNT; set++) {
        add_unseen(&before[set], on, &reaches[set]);
        double apart = on->ns - (reaches[set].on_ns - before[set].on_ns);
        reaches[set].apart_ns = apart > reaches[set].apart_ns ? apart : reaches[set].apart_ns;
        before[set] = reaches[set];
    }
}

static void add_samples(struct pass *pass, struct reach *reaches, struct held_up *held_up)
{
    const struct profile_samples *samples = &pass->profile->samples;
    struct reach sums[REACH_COUNT] = {0};
    struct on_cpu on = {0};
    uint32_t thread = 0, stack = 0;
    uint16_t before = 0;
    uint8_t state = STATE_COUNT;
    for (size_t i = 0; i < samples->count; i++) {
        if (samples->thread[i] != thread) {
            end_thread(reaches, &on, sums);
            thread = samples->thread[i];
            on = (struct on_cpu){0};
            pass->task = 0;
            before = 0;
            state = STATE_COUNT;
        }
        double on_ns = state_on_cpu((enum state)samples->state[i]) ? samples->wall_ns[i] : 0;
        if (!sample_counts(pass->profile, i))
            continue;
        on.ns += on_ns;
        if (samples->ticks[i] == 0) {
            on.unseen_ns += on_ns;
            continue;
        }
        add_sample(pass, i, reaches, before, is_wait(state) && stack == samples->stack[i]);
        add_held_up(pass, i, held_up);
        stack = samples->stack[i];
        before = pass->sets[stack];
        state = samples->state[i];
    }
    end_thread(reaches, &on, sums);
    add_not_begun(pass, held_up);
}

/* The frame with most time; entry 0 stands for none. */
static uint32_t most(const double *ns, size_t n)
{
    uint32_t best = 0;
    double highest = 0;
    for (size_t i = 1; i < n; i++) {
        if (ns[i] > highest) {
            highest = ns[i];
            best = (uint32_t)i;
        }
    }
    return best;
}

static bool pass_new(const struct profile *profile, struct pass *made)
{
    struct pass pass = {.profile = profile};
    size_t stacks = profile->n_stacks + 1, frames = profile->n_frames + 1;
    pass.functions = mem_zalloc(profile->n_functions + 1, sizeof *pass.functions);
    pass.runs = mem_zalloc(profile->n_functions + 1, sizeof *pass.runs);
    pass.sets = mem_zalloc(stacks, sizeof *pass.sets);
    pass.own = mem_zalloc(stacks, sizeof *pass.own);
    pass.callers = mem_zalloc(stacks * REACH_COUNT, sizeof *pass.callers);
    pass.caller_ns = mem_zalloc(frames * REACH_COUNT, sizeof *pass.caller_ns);
    pass.inner_ns = mem_zalloc(frames * REACH_COUNT, sizeof *pass.inner_ns);
    pass.async = mem_zalloc(profile->n_functions + 1, sizeof *pass.async);
    pass.coroutine = mem_zalloc(stacks, sizeof *pass.coroutine);
    pass.left = mem_zalloc(stacks, sizeof *pass.left);
    pass.near = mem_zalloc(stacks, sizeof *pass.near);
    pass.direct = mem_zalloc(stacks * REACH_COUNT, sizeof *pass.direct);
    pass.blocked = mem_zalloc(profile->n_tasks + 1, sizeof *pass.blocked);
    *made = pass;
    return pass.functions != NULL && pass.runs != NULL && pass.sets != NULL && pass.own != NULL &&
           pass.callers != NULL && pass.caller_ns != NULL && pass.inner_ns != NULL && pass.left != NULL &&
           pass.async != NULL && pass.coroutine != NULL && pass.near != NULL && pass.direct != NULL &&
           pass.blocked != NULL;
}

static void pass_release(struct pass *pass)
{
    mem_free(pass->functions);
    mem_free(pass->runs);
    mem_free(pass->sets);
    mem_free(pass->own);
    mem_free(pass->callers);
    mem_free(pass->caller_ns);
    mem_free(pass->inner_ns);
    mem_free(pass->left);
    mem_free(pass->async);
    mem_free(pass->coroutine);
    mem_free(pass->near);
    mem_free(pass->direct);
    mem_free(pass->blocked);
}

int reach_find(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    struct pass pass;
    int rc = pass_new(profile, &pass) ? 0 : ERR_NOMEM;
    if (rc == 0) {
        mark_functions(&pass);
        mark_stacks(&pass);
        add_samples(&pass, facts->reaches, &facts->held_up);
    }
    for (size_t set = 0; rc == 0 && set < REACH_COUNT; set++) {
        facts->reaches[set].caller = most(pass.caller_ns + set * profile->n_frames, profile->n_frames);
        facts->reaches[set].inner = most(pass.inner_ns + set * profile->n_frames, profile->n_frames);
    }
    if (rc == 0) {
        facts->sets = pass.sets;
        pass.sets = NULL;
    }
    pass_release(&pass);
    return rc;
}

bool reach_leads(const struct facts *facts, uint32_t stack, enum reach_id set)
{
    return (facts->sets[stack] >> set & 1) != 0;
}
