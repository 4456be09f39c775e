/*
 * Finding the loop that a program spends its time in, from samples alone: going down the dominating chain of calls, the
 * first depth at which places come back again and again while time goes by. Phases that run one after the other never
 * come back to an earlier place; rounds do.
 */
#include "diagnose/rules.h"

#include <string.h>

enum { DEPTH_MAX = 48, PARTS = 10 };

struct search {
    const struct profile *profile;
    uint32_t *at;    /* by stack: its ancestor at the depth looked at, 0 when it ends before */
    bool *chain;     /* by stack: on the dominating chain down to the depth above */
    double *ns;      /* by stack: the thread's time there on the CPU */
    double *weights; /* by function */
    bool *seen;      /* by frame */
    uint32_t thread; /* the one that ran most: rounds of several threads would be taken for returns */
    double total_ns, chain_ns;
};

/* Entry 0 of the chain, which is no stack, is not on it. */
static bool on_chain(const struct search *search, size_t index)
{
    const struct profile_samples *samples = &search->profile->samples;
    return search->chain[samples->stack[index]] && samples->thread[index] == search->thread &&
           samples->ticks[index] > 0 && state_on_cpu(samples->state[index]);
}

/* Parents are stored before their children, so one pass in id order finds every ancestor. */
static void find_ancestors(struct search *search, uint32_t depth)
{
    const struct profile *profile = search->profile;
    for (size_t i = 1; i < profile->n_stacks; i++) {
        const struct stack *stack = &profile->stacks[i];
        if (stack->depth == depth)
            search->at[i] = (uint32_t)i;
        else
            search->at[i] = stack->depth > depth && stack->parent < i ? search->at[stack->parent] : 0;
    }
}

static uint32_t place_at(const struct search *search, uint32_t stack)
{
    return search->at[stack] == 0 ? 0 : search->profile->stacks[search->at[stack]].frame;
}

/* The function with most weight among the chain's samples at this depth; 0 when it is too little. */
static uint32_t dominating(struct search *search)
{
    const struct profile *profile = search->profile;
    memset(search->weights, 0, profile->n_functions * sizeof *search->weights);
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        uint32_t frame = search->chain[i] ? place_at(search, i) : 0;
        if (frame != 0)
            search->weights[profile->frames[frame].function] += search->ns[i];
    }
    uint32_t best = 0;
    for (uint32_t i = 1; i < profile->n_functions; i++) {
        if (search->weights[i] > search->weights[best])
            best = i;
    }
    return best != 0 && search->weights[best] >= LIMIT_OF(ONE_CORE, CHAIN_MIN) * search->total_ns ? best : 0;
}

/*
 * Counts returns to an earlier frame, or only to an earlier function, at this depth; `spread`: over how much of the
 * chain's time they go on. A stack that ends above this depth is a place too.
 */
static uint64_t count_returns(struct search *search, bool functions, double *spread)
{
    const struct profile *profile = search->profile;
    uint64_t returns = 0, in_part[PARTS] = {0};
    double done = 0;
    uint32_t last = 0;
    bool first = true;
    memset(search->seen, 0, (profile->n_frames + profile->n_functions) * sizeof *search->seen);
    for (size_t i = 0; i < profile->samples.count; i++) {
        if (!on_chain(search, i))
            continue;
        uint32_t place = place_at(search, profile->samples.stack[i]);
        if (functions)
            place = profile->frames[place].function;
        if (!first && place != last && search->seen[place]) {
            int part = (int)(done / search->chain_ns * PARTS);
            in_part[part < PARTS ? part : PARTS - 1]++;
            returns++;
        }
        search->seen[place] = true;
        last = place;
        first = false;
        done += profile->samples.wall_ns[i];
    }
    int parts = 0;
    for (int i = 0; i < PARTS; i++)
        parts += (double)in_part[i] >= LIMIT_OF(ONE_CORE, RETURNS_MIN);
    *spread = (double)parts / PARTS;
    return returns;
}

static void narrow(struct search *search, uint32_t function)
{
    for (size_t i = 1; i < search->profile->n_stacks; i++) {
        uint32_t frame = place_at(search, (uint32_t)i);
        search->chain[i] = search->chain[i] && frame != 0 && search->profile->frames[frame].function == function;
    }
}

static double chain_time(const struct search *search)
{
    double sum = 0;
    for (size_t i = 1; i < search->profile->n_stacks; i++)
        sum += search->chain[i] ? search->ns[i] : 0;
    return sum;
}

/* The line of the chain at this depth that has most of it. */
static uint32_t heaviest_line(const struct search *search)
{
    const struct profile *profile = search->profile;
    double best_ns = 0, ns = 0;
    uint32_t best = 0, current = 0;
    /* One candidate at a time (majority vote): the call that leads on has most of the time or does not matter. */
    for (size_t i = 0; i < profile->samples.count; i++) {
        if (!on_chain(search, i))
            continue;
        uint32_t frame = place_at(search, profile->samples.stack[i]);
        ns = frame == current ? ns + profile->samples.wall_ns[i] : ns - profile->samples.wall_ns[i];
        if (ns < 0) {
            current = frame;
            ns = -ns;
        }
        if (frame == current && ns > best_ns) {
            best_ns = ns;
            best = frame;
        }
    }
    return best;
}

static bool loops(struct search *search, bool functions, uint32_t function, uint32_t caller, struct loop *loop)
{
    const struct profile *profile = search->profile;
    double spread;
    search->chain_ns = chain_time(search);
    uint64_t returns = count_returns(search, functions, &spread);
    if (function == 0 || spread < LIMIT_OF(ONE_CORE, SPREAD_MIN))
        return false;
    loop->function = function;
    loop->share = search->chain_ns / search->total_ns * spread;
    loop->returns = returns;
    loop->caller_line = profile->frames[caller].line;
    loop->caller_file = profile->functions[profile->frames[caller].function].file;
    return true;
}

/* At each depth: do the functions called from the one above come back? Else, do the lines of the dominating one? */
static void descend(struct search *search, struct loop *loop)
{
    uint32_t caller = 0, above = 0;
    for (uint32_t depth = 1; depth <= DEPTH_MAX; depth++) {
        find_ancestors(search, depth);
        if (loops(search, true, above, caller, loop))
            return;
        uint32_t function = dominating(search);
        if (function == 0)
            return;
        narrow(search, function);
        if (loops(search, false, function, caller, loop))
            return;
        caller = heaviest_line(search);
        above = function;
    }
}

static void sum_stacks(struct search *search)
{
    const struct profile_samples *samples = &search->profile->samples;
    for (size_t i = 0; i < samples->count; i++) {
        if (on_chain(search, i))
            search->ns[samples->stack[i]] += samples->wall_ns[i];
    }
}

int loop_find(const struct profile *profile, uint32_t thread, struct loop *loop)
{
    struct search search = {.profile = profile, .thread = thread};
    memset(loop, 0, sizeof *loop);
    search.at = mem_zalloc(profile->n_stacks + 1, sizeof *search.at);
    search.chain = mem_alloc((profile->n_stacks + 1) * sizeof *search.chain);
    search.ns = mem_zalloc(profile->n_stacks + 1, sizeof *search.ns);
    search.weights = mem_zalloc(profile->n_functions + 1, sizeof *search.weights);
    search.seen = mem_zalloc(profile->n_frames + profile->n_functions + 1, sizeof *search.seen);
    int rc = ERR_NOMEM;
    if (search.at != NULL && search.chain != NULL && search.ns != NULL && search.weights != NULL &&
        search.seen != NULL) {
        memset(search.chain, 1, (profile->n_stacks + 1) * sizeof *search.chain);
        search.chain[0] = false;
        sum_stacks(&search);
        search.total_ns = chain_time(&search);
        if (search.total_ns > 0)
            descend(&search, loop);
        rc = 0;
    }
    mem_free(search.at);
    mem_free(search.chain);
    mem_free(search.ns);
    mem_free(search.weights);
    mem_free(search.seen);
    return rc;
}
