/* See facts.h. Called once by diagnose(), before the rules; fails only when memory is short. */
#include "diagnose/facts.h"

#include "base/beside.h"
#include "data/counter_sums.h"
#include "diagnose/rules.h"

#include <math.h>
#include <string.h>

/* A share of the time on the CPU, with its interval. */
static struct share on_cpu_part(const struct facts *facts, double ns)
{
    struct strata only_on = {.on_ns = facts->strata.on_ns, .on_ticks = facts->strata.on_ticks};
    return share_of(&only_on, ns, 0, 0);
}

static void make_cpu(struct facts *facts)
{
    const double *ns = facts->aggregate->state_wall_ns;
    double ticks[STATE_COUNT];
    for (int i = 0; i < STATE_COUNT; i++)
        ticks[i] = (double)facts->aggregate->state_ticks[i];
    facts->strata = strata_of(ns, ticks);
    facts->on_cpu = on_cpu_part(facts, ns[STATE_ON_CPU]);
    facts->told_apart = facts->on_cpu.share < LIMIT_OF(HOT_LOOP, UNTOLD_MAX) && facts->strata.on_ns > 0;
    /* What nothing told apart is taken to be like the rest, where there is enough of a rest; but what surely is not the
     * interpreter's (of a brief process, whose libraries were not read in time) is not like it. */
    struct strata told = {.on_ns = facts->strata.on_ns, .on_ticks = facts->strata.on_ticks};
    double untold = ns[STATE_ON_CPU] - facts->aggregate->elsewhere_ns;
    if (facts->told_apart && untold > 0) {
        told.on_ns -= untold;
        told.on_ticks -= ticks[STATE_ON_CPU] * untold / ns[STATE_ON_CPU];
    }
    facts->python = share_of(&told, ns[STATE_PYTHON], 0, 0);
    facts->native = share_of(&told, ns[STATE_NATIVE] + ns[STATE_NATIVE_GIL], 0, 0);
    facts->import = share_of(&told, ns[STATE_IMPORT], 0, 0);
    facts->gc = share_of(&told, ns[STATE_GC], 0, 0);
}

static void make_delay(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    double wall = 0;
    for (size_t i = 1; i < profile->n_threads; i++) {
        const struct thread *thread = &profile->threads[i];
        if (profile->thread_idle[i])
            continue;
        facts->delay_ns += (double)thread->delay_ns;
    }
    wall = facts->strata.on_ns + facts->strata.exact_ns;
    facts->delay = wall > 0 ? facts->strata.exact_ns / wall : 0;
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->kind == COUNTER_THROTTLED && (double)counter->value > facts->throttled_ns)
            facts->throttled_ns = (double)counter->value;
    }
}

enum { CORES_MAX = 4096 };

/* Time that every core was busy with anybody's work, and how many cores were counted. */
static int sum_cores(const struct profile *profile, double *busy_ns, uint32_t *cores)
{
    int64_t *busy = mem_zalloc(CORES_MAX, sizeof *busy);
    bool *counted = mem_zalloc(CORES_MAX, sizeof *counted);
    *busy_ns = 0;
    *cores = 0;
    if (busy == NULL || counted == NULL) {
        mem_free(busy);
        mem_free(counted);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->kind != COUNTER_CORE_BUSY || counter->subject >= CORES_MAX)
            continue;
        counted[counter->subject] = true;
        if (counter->value > busy[counter->subject])
            busy[counter->subject] = counter->value;
    }
    for (size_t i = 0; i < CORES_MAX; i++) {
        *cores += counted[i];
        *busy_ns += (double)busy[i];
    }
    mem_free(busy);
    mem_free(counted);
    return 0;
}

/* By the kernel's last word of a program and all its children: what brief ones did before they were found, and while
 * they ended, is in no thread's. 0: not known. */
static double tree_ns(const struct profile *profile)
{
    double ns = 0;
    for (size_t i = 0; i < profile->n_counters; i++) {
        if (profile->counters[i].kind == COUNTER_TREE_TIME)
            ns = fmax(ns, (double)profile->counters[i].value);
    }
    return ns;
}

/* CPU time of our own. Of a part: as much of the whole's as it is long. */
static double own_ns(const struct profile *profile)
{
    const struct profile *whole = profile->whole;
    double own = (double)profile->self.own_cpu_ns;
    if (whole == NULL || whole->duration_ns == 0)
        return own;
    return own * fmin(1, (double)profile->duration_ns / (double)whole->duration_ns);
}

/*
 * Cores that were free: allowed by affinity and quota, and idle during the recording, or ours: we are not there when
 * nothing is measured. When more cores are counted than the program may use, which of them it may use is not known, so
 * both bounds hold.
 */
static int make_cores(struct facts *facts, struct diagnosis *diagnosis)
{
    const struct profile *profile = facts->profile;
    double allowed = profile->cores_allowed > 0 ? profile->cores_allowed : profile->cores;
    double busy_ns, run_ns = 0, duration_ns = (double)profile->duration_ns;
    uint32_t counted;
    for (size_t i = 1; i < profile->n_threads; i++)
        run_ns += (double)profile->threads[i].run_ns;
    double used = duration_ns > 0 ? run_ns / duration_ns : 0;
    int rc = sum_cores(profile, &busy_ns, &counted);
    if (rc != 0)
        return rc;
    if (counted > 0 && duration_ns > 0)
        used = fmax(used, fmin(tree_ns(profile), busy_ns) / duration_ns);
    diagnosis->cores_used = used;
    double available = allowed - used;
    facts->cores_known = duration_ns > 0 && counted > 0;
    if (facts->cores_known) {
        double least = fmin(used * duration_ns, busy_ns); /* what we took at the ends is in no core's count */
        double busy = fmax(least, busy_ns - own_ns(profile)) / duration_ns;
        available = fmin(available, (double)counted - busy);
        facts->others = fmax(0, busy - used);
    }
    if (profile->cores_quota > 0)
        available = fmin(available, profile->cores_quota - used);
    facts->cores_allowed = (uint32_t)allowed;
    diagnosis->cores_free = fmax(0, available);
    diagnosis->cores_measured = facts->cores_known;
    return 0;
}

static int make_written(struct facts *facts)
{
    struct counter_sums sums;
    int rc = counter_sums_of(facts->profile, &sums);
    facts->written = rc == 0 && sums.any[COUNTER_WRITE_CALLS] ? sums.sum[COUNTER_WRITE_CALLS] : -1;
    return rc;
}

/* Of a function's own time: the least range of lines around its hottest that holds nearly all. */
static void hot_range(struct facts *facts)
{
    const struct aggregate *aggregate = facts->aggregate;
    uint32_t function = facts->hot->function;
    double all = 0, kept = 0, hottest = 0;
    for (size_t i = 0; i < aggregate->n_lines; i++) {
        if (aggregate->lines[i].function == function)
            all += aggregate->lines[i].wall_ns;
    }
    for (size_t i = 0; i < aggregate->n_lines && kept < LIMIT_OF(HOT_LOOP, RANGE) * all; i++) {
        const struct line_sum *line = &aggregate->lines[i];
        if (line->function != function || line->line == 0)
            continue;
        kept += line->wall_ns;
        hottest = fmax(hottest, line->wall_ns);
        if (facts->line_first == 0 || line->line < facts->line_first)
            facts->line_first = line->line;
        if (line->line > facts->line_last)
            facts->line_last = line->line;
    }
    facts->hot_line_share = all > 0 ? hottest / all : 0;
}

/* A function's own time in the interpreter: of its CPU time, as much as of what was told apart. */
static double python_time(const struct facts *facts, const struct function_sum *sum)
{
    double told = sum->self_python_ns + sum->self_native_ns + sum->self_elsewhere_ns;
    if (!facts->told_apart)
        return sum->self_cpu_ns;
    return told > 0 ? sum->self_cpu_ns * sum->self_python_ns / told : 0;
}

static void make_hot(struct facts *facts)
{
    const struct aggregate *aggregate = facts->aggregate;
    double best = 0;
    for (size_t i = 0; i < aggregate->n_functions; i++) {
        const struct function_sum *sum = &aggregate->functions[i];
        double ns = python_time(facts, sum);
        if (sum->function == 0 || facts->profile->functions[sum->function].kind != FUNCTION_PYTHON || ns <= best)
            continue;
        best = ns;
        facts->hot = sum;
    }
    double line_ns = 0;
    for (size_t i = 0; i < aggregate->n_lines; i++) {
        double on = 0;
        for (int state = 0; state < STATE_COUNT; state++)
            on += state_on_cpu((enum state)state) ? aggregate->lines[i].state_ns[state] : 0;
        if (on <= line_ns)
            continue;
        line_ns = on;
        facts->hottest = &aggregate->lines[i];
    }
    facts->hottest_share = on_cpu_part(facts, line_ns);
    if (facts->hot == NULL)
        return;
    facts->hot_share = on_cpu_part(facts, best);
    facts->hot_cpu_share = facts->hot_share.share;
    facts->hot_own = facts->profile->function_own[facts->hot->function];
    hot_range(facts);
}

struct gil_sums {
    double wait_ns, hold_ns, wall_ns;
    uint32_t threads;
};

/* The process whose threads wait most for its GIL; what they do while they hold it is `python` and its like. */
static int make_gil(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    const struct diagnosis *diagnosis = facts->diagnosis;
    struct gil_sums *sums = mem_zalloc(profile->n_processes + 1, sizeof *sums);
    if (sums == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < profile->samples.count; i++) {
        if (!sample_counts(profile, i))
            continue;
        uint32_t process = profile->threads[profile->samples.thread[i]].process;
        uint8_t state = profile->samples.state[i];
        double ns = profile->samples.wall_ns[i];
        if (process >= profile->n_processes)
            continue;
        sums[process].wall_ns += ns;
        if (state == STATE_GIL_WAIT)
            sums[process].wait_ns += ns;
        else if (state_on_cpu(state) && state != STATE_NATIVE)
            sums[process].hold_ns += ns;
    }
    for (size_t i = 0; i < diagnosis->n_threads; i++) {
        uint32_t process = profile->threads[diagnosis->threads[i].thread].process;
        if (process < profile->n_processes &&
            diagnosis->threads[i].wall[STATE_GIL_WAIT].share >= LIMIT_OF(GIL_CONTENTION, NOTICED_MIN))
            sums[process].threads++;
    }
    for (uint32_t i = 1; i < profile->n_processes; i++) {
        if (sums[i].wait_ns <= facts->gil_wait_ns)
            continue;
        facts->gil_process = i;
        facts->gil_wait_ns = sums[i].wait_ns;
        facts->gil_hold_ns = sums[i].hold_ns;
        facts->gil_wall_ns = sums[i].wall_ns;
        facts->gil_threads = sums[i].threads;
    }
    mem_free(sums);
    return 0;
}

/* Recording begins before the program's first thread is there and ends after its last. */
static void make_elapsed(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    double first = (double)profile->duration_ns, last = 0;
    for (size_t i = 1; i < profile->n_threads; i++) {
        const struct thread *thread = &profile->threads[i];
        if (profile->thread_idle[i])
            continue;
        first = fmin(first, (double)thread->start_ns);
        last = fmax(last, thread->end_ns > 0 ? (double)thread->end_ns : (double)profile->duration_ns);
    }
    last = fmin(last, (double)profile->duration_ns);
    bool known = first < last;
    facts->start_ns = known ? first : 0;
    facts->elapsed_ns = known ? last - first : (double)profile->duration_ns;
}

/* Of the thread that ran most. No other fact is made of them. */
static int find_loops(void *context)
{
    struct facts *facts = context;
    if (facts->busiest == 0)
        return 0;
    int rc = loop_find(facts->profile, facts->busiest, &facts->loop);
    return rc == 0 ? free_rounds_find(facts->profile, facts->busiest, &facts->free_rounds) : rc;
}

int facts_make(const struct profile *profile, const struct aggregate *aggregate, struct diagnosis *diagnosis,
               struct facts *facts)
{
    *facts = (struct facts){.profile = profile, .aggregate = aggregate, .diagnosis = diagnosis};
    make_elapsed(facts);
    make_cpu(facts);
    make_delay(facts);
    make_hot(facts);
    int rc = make_cores(facts, diagnosis);
    if (rc == 0)
        rc = make_written(facts);
    if (rc == 0)
        rc = builtin_find(facts);
    if (rc == 0)
        rc = waits_find(facts);
    struct beside loops;
    beside_begin(&loops, find_loops, facts, rc == 0 && profile->samples.count >= BESIDE_SAMPLES);
    if (rc == 0)
        rc = timeline_measure(profile, facts);
    /* All that was seen were workers with nothing to do. */
    if (facts->aggregate->ticks == 0 && diagnosis->trust.samples > 0) {
        facts->active = facts->io = facts->lock = facts->other = 0;
        facts->rest = 1;
    }
    if (rc == 0)
        rc = make_gil(facts);
    if (rc == 0)
        rc = handed_find(facts);
    if (rc == 0)
        rc = reach_find(facts);
    if (rc == 0)
        rc = calls_find(facts);
    if (rc == 0)
        rc = imports_find(facts);
    if (rc == 0)
        rc = trend_of_memory(profile, &facts->memory);
    if (rc == 0)
        rc = held_find(profile, facts->memory.process, HELD_BYTES, &facts->held);
    if (rc == 0)
        rc = held_find(profile, 0, HELD_BLOCKS, &facts->held_blocks);
    if (rc == 0)
        rc = crowd_find(facts);
    if (rc == 0)
        rc = collecting_find(facts);
    int loops_rc = beside_end(&loops);
    rc = rc == 0 ? loops_rc : rc;
    return rc == 0 ? evidence_find(facts) : rc;
}

void facts_release(struct facts *facts)
{
    mem_free(facts->sets);
    mem_free(facts->for_one);
    facts->sets = NULL;
    facts->for_one = NULL;
}
