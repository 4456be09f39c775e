/* See roles.h. Called once by diagnose(), before the facts; fails only when memory is short. */
#include "diagnose/roles.h"

#include "diagnose/rules.h"

#include <math.h>
#include <string.h>

enum { BINS = 2000 };

static const struct {
    uint8_t role;
    const char *file, *function;
} rows[] = {
#define ROLE(name, file, function) {ROLE_##name, file, function},
#include "diagnose/roles.def"
#undef ROLE
};

const char *role_name(enum role role)
{
    static const char *const names[] = {"other", "main", "request", "worker"};
    return (unsigned)role < sizeof names / sizeof names[0] ? names[role] : names[0];
}

/* What a stack leads through: bits of roles, and beside them how its innermost frame waits. */
enum { LEADS_ACCEPT = 16, LEADS_SELECT = 32 };

struct pass {
    const struct profile *profile;
    uint8_t *functions, *stacks;
    size_t *first;                /* of each thread's samples; one more behind the last */
    bool *acceptor, *main_thread; /* by process: somebody accepts connections; its main thread was seen */
    double *bins;                 /* threads that wait for others of the process, on average */
    double bin_ns;
};

static bool ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text), size = strlen(tail);
    return length >= size && strcmp(text + length - size, tail) == 0;
}

static bool is_named(const char *name, const char *last)
{
    const char *dot = strrchr(name, '.');
    return strcmp(dot != NULL ? dot + 1 : name, last) == 0;
}

static uint8_t leads_of(const struct profile *profile, uint32_t function)
{
    const char *file = profile->strings[profile->functions[function].file];
    const char *name = profile->strings[profile->functions[function].name];
    uint8_t bits = 0;
    if (profile->function_own[function] || profile->functions[function].kind != FUNCTION_PYTHON)
        return 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (ends_with(file, rows[i].file) && is_named(name, rows[i].function))
            bits |= (uint8_t)(1u << rows[i].role);
    if (ends_with(file, "/socket.py") && is_named(name, "accept"))
        bits |= LEADS_ACCEPT;
    return ends_with(file, "/selectors.py") ? bits | LEADS_SELECT : bits;
}

/* A stack's parent comes before it. Whether it selects is its innermost Python frame's matter. */
static void mark_stacks(struct pass *pass)
{
    const struct profile *profile = pass->profile;
    for (uint32_t i = 1; i < profile->n_functions; i++)
        pass->functions[i] = leads_of(profile, i);
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        uint32_t parent = profile->stacks[i].parent;
        uint32_t function = profile->frames[profile->stacks[i].frame].function;
        uint8_t above = pass->stacks[parent];
        if (profile->functions[function].kind == FUNCTION_PYTHON)
            above &= (uint8_t)~LEADS_SELECT;
        pass->stacks[i] = above | pass->functions[function];
    }
}

static bool is_busy(uint8_t state)
{
    return state_on_cpu((enum state)state) || state == STATE_IO || state == STATE_RUNNABLE;
}

static void see_samples(struct pass *pass, struct thread_role *roles)
{
    const struct profile *profile = pass->profile;
    const struct profile_samples *samples = &profile->samples;
    for (size_t i = 0, thread = 0; i <= samples->count; i++) {
        for (; thread < profile->n_threads + 1 && (i == samples->count || thread <= samples->thread[i]); thread++)
            pass->first[thread] = i;
        if (i == samples->count)
            break;
        struct thread_role *one = &roles[samples->thread[i]];
        const struct thread *row = &profile->threads[samples->thread[i]];
        uint8_t leads = pass->stacks[samples->stack[i]];
        if (is_busy(samples->state[i]))
            one->busy_ns += samples->wall_ns[i];
        if (one->role == ROLE_OTHER && (leads & 1u << ROLE_REQUEST) != 0)
            one->role = ROLE_REQUEST;
        else if (one->role == ROLE_OTHER && (leads & 1u << ROLE_WORKER) != 0)
            one->role = ROLE_WORKER;
        if (row->process < profile->n_processes && (leads & LEADS_ACCEPT) != 0)
            pass->acceptor[row->process] = true;
        if (one->role == ROLE_MAIN && samples->stack[i] != 0)
            pass->main_thread[row->process] = true;
    }
}

/* A server's own threads for its connections have no place that tells them. */
static void find_handlers(const struct pass *pass, struct thread_role *roles)
{
    const struct profile *profile = pass->profile;
    for (size_t i = 1; i < profile->n_threads; i++) {
        const struct thread *thread = &profile->threads[i];
        if (roles[i].role == ROLE_OTHER && pass->acceptor[thread->process] &&
            (double)thread->start_ns / 1e9 >
                (double)profile->processes[thread->process].start_ns / 1e9 + LIMIT_OF(FLAT, LATER_MIN))
            roles[i].role = ROLE_REQUEST;
    }
}

/* ---- who waits meanwhile -------------------------------------------------------------------------------------------
 */

/* Does the sample wait for another thread? An event loop, and a pool's worker without work, wait for anything. */
static bool waits_for_thread(const struct pass *pass, size_t sample, enum role role)
{
    const struct profile_samples *samples = &pass->profile->samples;
    uint8_t state = samples->state[sample];
    if (state == STATE_IDLE)
        return role == ROLE_MAIN && samples->stack[sample] != 0 &&
               (pass->stacks[samples->stack[sample]] & LEADS_SELECT) == 0;
    return state == STATE_LOCK || state == STATE_GIL_WAIT;
}

/* The stretch from..to: added to the bins (`add`), or how much of it lies where these say that somebody waits. */
static double over_bins(struct pass *pass, double from, double to, bool add)
{
    double end = pass->bin_ns * BINS, sum = 0;
    from = fmax(0, from);
    to = fmin(end, to);
    for (size_t bin = from < to ? (size_t)(from / pass->bin_ns) : BINS; bin < BINS; bin++) {
        double left = fmax(from, pass->bin_ns * (double)bin), right = fmin(to, pass->bin_ns * (double)(bin + 1));
        if (left >= to)
            break;
        if (add)
            pass->bins[bin] += (right - left) / pass->bin_ns;
        else
            sum += (right - left) * fmin(1, pass->bins[bin]);
    }
    return sum;
}

/* Lays the thread's samples end to end; what is wanted of them goes into the bins, or is held against them. */
static double walk(struct pass *pass, const struct thread_role *roles, size_t thread, bool add)
{
    const struct profile *profile = pass->profile;
    double cursor = (double)profile->threads[thread].start_ns, sum = 0;
    for (size_t i = pass->first[thread]; i < pass->first[thread + 1]; i++) {
        double to = cursor + profile->samples.wall_ns[i];
        bool wanted =
            add ? waits_for_thread(pass, i, (enum role)roles[thread].role) : is_busy(profile->samples.state[i]);
        if (wanted)
            sum += over_bins(pass, cursor, to, add);
        cursor = to;
    }
    return sum;
}

static bool is_candidate(const struct pass *pass, const struct thread_role *roles, size_t thread)
{
    return roles[thread].role == ROLE_OTHER && roles[thread].busy_ns / 1e9 >= LIMIT_OF(FLAT, BUSY_MIN) &&
           pass->main_thread[pass->profile->threads[thread].process];
}

static size_t judge_process(struct pass *pass, struct thread_role *roles, uint32_t process)
{
    const struct profile *profile = pass->profile;
    size_t aside = 0;
    memset(pass->bins, 0, BINS * sizeof *pass->bins);
    for (size_t i = 1; i < profile->n_threads; i++)
        if (profile->threads[i].process == process && roles[i].role != ROLE_OTHER)
            walk(pass, roles, i, true);
    for (size_t i = 1; i < profile->n_threads; i++) {
        if (profile->threads[i].process != process || !is_candidate(pass, roles, i))
            continue;
        roles[i].waited = walk(pass, roles, i, false) / roles[i].busy_ns;
        roles[i].aside = roles[i].waited < LIMIT_OF(FLAT, WAITED_MIN);
        aside += roles[i].aside;
    }
    return aside;
}

static size_t judge(struct pass *pass, struct thread_role *roles)
{
    const struct profile *profile = pass->profile;
    size_t aside = 0;
    for (size_t i = 1; i < profile->n_threads; i++) /* all candidates of a process are judged with its first */
        if (is_candidate(pass, roles, i) && !(roles[i].waited > 0) && !roles[i].aside)
            aside += judge_process(pass, roles, profile->threads[i].process);
    return aside;
}

int roles_make(const struct profile *profile, struct thread_role **result, size_t *aside)
{
    struct pass pass = {.profile = profile, .bin_ns = fmax(1, (double)profile->duration_ns / BINS)};
    struct thread_role *roles = mem_zalloc(profile->n_threads + 1, sizeof *roles);
    int rc = ERR_NOMEM;
    *result = NULL;
    *aside = 0;
    pass.functions = mem_zalloc(profile->n_functions + 1, sizeof *pass.functions);
    pass.stacks = mem_zalloc(profile->n_stacks + 1, sizeof *pass.stacks);
    pass.first = mem_zalloc(profile->n_threads + 2, sizeof *pass.first);
    pass.acceptor = mem_zalloc(profile->n_processes + 1, sizeof *pass.acceptor);
    pass.main_thread = mem_zalloc(profile->n_processes + 1, sizeof *pass.main_thread);
    pass.bins = mem_zalloc(BINS, sizeof *pass.bins);
    if (roles == NULL || pass.functions == NULL || pass.stacks == NULL || pass.first == NULL || pass.acceptor == NULL ||
        pass.main_thread == NULL || pass.bins == NULL)
        goto out;
    for (size_t i = 1; i < profile->n_threads; i++) {
        const struct thread *thread = &profile->threads[i];
        roles[i].role = thread->tid == profile->processes[thread->process].pid ? ROLE_MAIN : ROLE_OTHER;
    }
    mark_stacks(&pass);
    see_samples(&pass, roles);
    find_handlers(&pass, roles);
    *aside = judge(&pass, roles);
    *result = roles;
    roles = NULL;
    rc = 0;
out:
    mem_free(roles);
    mem_free(pass.functions);
    mem_free(pass.stacks);
    mem_free(pass.first);
    mem_free(pass.acceptor);
    mem_free(pass.main_thread);
    mem_free(pass.bins);
    return rc;
}
