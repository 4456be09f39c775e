/* Rules on what is spent under functions of the library (reaches.def), and on the kernel's and locks' part. See
 * rules.h. */
#include "diagnose/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct share reach_cpu(const struct facts *facts, const struct reach *reach)
{
    struct strata only_on = {.on_ns = facts->strata.on_ns, .on_ticks = facts->strata.on_ticks};
    return share_of(&only_on, reach->on_ns, 0, 0);
}

static void predict(struct finding *finding, double part, double low, double high)
{
    finding->max_gain = part < 1 ? 1 / (1 - part) : 0;
    finding->predicted_low = gain_amdahl(part, low);
    finding->predicted_high = gain_amdahl(fmin(part, 0.999), high);
}

bool rule_deep_copy(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                    struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct reach *reach = &facts->reaches[REACH_DEEP_COPY];
    struct share share = reach_cpu(facts, reach);
    if (facts->active < LIMIT_OF(DEEP_COPY, ACTIVE_MIN) || share.share < LIMIT_OF(DEEP_COPY, SHARE_MIN) ||
        reach->caller == 0)
        return false;
    predict(finding, facts->active * share.share, LIMIT_OF(DEEP_COPY, FACTOR_LOW), 1000);
    finding_add_share(finding, "CPU time under copy.deepcopy", share);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_place_frame(facts, reach->caller, finding);
    finding_not_measured(finding, "which parts of the copy are changed afterwards");
    finding->confidence = 0.8;
    words_percent(words->share, sizeof words->share, share.share);
    return true;
}

/* Own time of re's `_compile` itself: patterns that it finds in its cache. New ones are compiled further in. */
bool rule_regex_recompile(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                          struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct reach *reach = &facts->reaches[REACH_PATTERN];
    struct share share = reach_cpu(facts, reach);
    double own = 0;
    for (size_t i = 0; i < facts->aggregate->n_functions; i++) {
        const struct function_sum *sum = &facts->aggregate->functions[i];
        const struct function *function = &facts->profile->functions[sum->function];
        if (strcmp(facts->profile->strings[function->name], "_compile") == 0 &&
            strstr(facts->profile->strings[function->file], "/re") != NULL)
            own += sum->self_cpu_ns;
    }
    if (facts->active < LIMIT_OF(REGEX_RECOMPILE, ACTIVE_MIN) || share.share < LIMIT_OF(REGEX_RECOMPILE, SHARE_MIN) ||
        own < LIMIT_OF(REGEX_RECOMPILE, FOUND_MIN) * reach->on_ns || reach->caller == 0)
        return false;
    double part = facts->active * share.share;
    predict(finding, part, LIMIT_OF(REGEX_RECOMPILE, FACTOR_LOW), 1000);
    /* The call of `_compile` and its answer's way back lie outside of it. */
    finding->max_gain = 1 / (1 - fmin(0.9, part * LIMIT_OF(REGEX_RECOMPILE, AROUND)));
    finding->predicted_high = finding->max_gain;
    finding_add_share(finding, "CPU time looking patterns up", share);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_place_frame(facts, reach->caller, finding);
    finding->confidence = 0.85;
    words_percent(words->share, sizeof words->share, share.share);
    return true;
}

bool rule_subprocess(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                     struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct reach *child = &facts->reaches[REACH_CHILD], *spawn = &facts->reaches[REACH_SPAWN];
    double part = facts->elapsed_ns > 0 ? fmin(1, child->wall_ns / facts->elapsed_ns) : 0;
    double mean_ns = spawn->visits > 0 ? child->wall_ns / (double)spawn->visits : 0;
    if (part < LIMIT_OF(SUBPROCESS_PER_ITEM, WALL_MIN) ||
        (double)spawn->visits < LIMIT_OF(SUBPROCESS_PER_ITEM, STARTS_MIN) ||
        mean_ns / 1e9 > LIMIT_OF(SUBPROCESS_PER_ITEM, MEAN_MAX) || spawn->caller == 0)
        return false;
    predict(finding, part, LIMIT_OF(SUBPROCESS_PER_ITEM, FACTOR_LOW), 1000);
    finding_add_elapsed(facts, finding, "starting children and waiting for them", part);
    finding_add(finding, "children started, at least", "1", (double)spawn->visits);
    finding_add(finding, "a child's start and wait, on average", "s", mean_ns / 1e9);
    finding_place_frame(facts, spawn->caller, finding);
    finding_not_measured(finding, "what the children do, and whether Python can do it itself");
    finding->confidence = 0.75;
    words_percent(words->share, sizeof words->share, part);
    snprintf(words->count, sizeof words->count, "%llu", (unsigned long long)spawn->visits);
    return true;
}

bool rule_blocking_in_async(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                            struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct reach *reach = &facts->reaches[REACH_CALLBACK];
    double part = facts->elapsed_ns > 0 ? fmin(1, reach->off_ns / facts->elapsed_ns) : 0;
    if (part < LIMIT_OF(BLOCKING_IN_ASYNC, WALL_MIN) || (double)reach->waits < LIMIT_OF(BLOCKING_IN_ASYNC, WAITS_MIN) ||
        reach->inner == 0)
        return false;
    predict(finding, part, LIMIT_OF(BLOCKING_IN_ASYNC, AT_ONCE_LOW),
            fmin((double)reach->waits, LIMIT_OF(BLOCKING_IN_ASYNC, AT_ONCE_HIGH)));
    finding_add_elapsed(facts, finding, "event loop held up by a wait", part);
    finding_add(finding, "separate waits, at least", "1", (double)reach->waits);
    finding_add(finding, "mean wait", "s", reach->off_ns / (double)reach->waits / 1e9);
    finding_place_frame(facts, reach->inner, finding);
    finding_not_measured(finding, "how many other tasks wait meanwhile");
    finding->confidence = 0.8;
    words_percent(words->share, sizeof words->share, part);
    return true;
}

/* ---- pools ----------------------------------------------------------------------------------------------------------
 */

static bool transfers(const struct facts *facts, bool large, struct finding *finding, struct words *words)
{
    const struct reach *all = &facts->reaches[REACH_TRANSFER], *pickling = &facts->reaches[REACH_PICKLING];
    struct share share = reach_cpu(facts, all);
    double rate = facts->profile->self.rate_hz > 0 ? facts->profile->self.rate_hz : 1000;
    /* By instants, not by time: those of a starved process stand for more than they saw. */
    double mean_ns = pickling->visits > 0 ? pickling->ticks / (double)pickling->visits / rate * 1e9 : 0;
    if (share.share < LIMIT_OF(SMALL_TASKS, SHARE_MIN) || facts->active < LIMIT_OF(SMALL_TASKS, ACTIVE_MIN) ||
        (mean_ns / 1e9 >= LIMIT_OF(PICKLE_TRANSFER, MEAN_MIN)) != large)
        return false;
    double part = facts->active * share.share;
    predict(finding, part, large ? LIMIT_OF(PICKLE_TRANSFER, FACTOR_LOW) : LIMIT_OF(SMALL_TASKS, FACTOR_LOW), 50);
    finding_add_share(finding, "CPU time sending and receiving", share);
    if (pickling->visits > 0)
        finding_add(finding, "one pickling, at least", "s", mean_ns / 1e9);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    uint32_t waits = facts->reaches[REACH_POOL].caller; /* where the results are waited for */
    if (waits != 0)
        finding_place_frame(facts, waits, finding);
    else if (facts->own != NULL)
        finding_place_line(facts->own, finding);
    finding->confidence = 0.75;
    words_percent(words->share, sizeof words->share, share.share);
    return true;
}

bool rule_small_tasks(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                      struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    if (!transfers(facts, false, finding, words))
        return false;
    finding_not_measured(finding, "how many tasks there are");
    return true;
}

bool rule_pickle_transfer(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                          struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    if (!transfers(facts, true, finding, words))
        return false;
    finding_not_measured(finding, "how many bytes go to and fro");
    return true;
}

/* ---- tiny-writes ----------------------------------------------------------------------------------------------------
 */

static bool writes_little(const struct facts *facts, const struct line_sum *line)
{
    struct line_operand written;
    size_t length = 0;
    const char *text = profile_source_line(facts->profile, line->file, line->line, &length);
    if (text == NULL || !source_writes(text, length))
        return false;
    return !profile_line_operand(facts->profile, line->file, line->line, "call", 1, &written) || written.sized == 0 ||
           written.mean <= LIMIT_OF(TINY_WRITES, BYTES_MAX);
}

bool rule_tiny_writes(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                      struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    for (size_t i = 0; i < facts->aggregate->n_lines && facts->active >= LIMIT_OF(TINY_WRITES, ACTIVE_MIN); i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        struct share share = line_cpu(facts, line);
        double kernel = facts->strata.on_ns > 0 ? line->state_ns[STATE_KERNEL] / facts->strata.on_ns : 0;
        if (line->line == 0 || !facts->profile->function_own[line->function] ||
            kernel < LIMIT_OF(TINY_WRITES, KERNEL_MIN) || !writes_little(facts, line))
            continue;
        predict(finding, facts->active * share.share, LIMIT_OF(TINY_WRITES, FACTOR_LOW),
                LIMIT_OF(TINY_WRITES, FACTOR_HIGH));
        finding_add(finding, "CPU time in the kernel on the line", "share", kernel);
        finding_add_share(finding, "CPU time on the line", share);
        finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
        finding_place_line(line, finding);
        finding_not_measured(finding, "whether somebody must see each piece at once");
        finding->confidence = 0.75;
        words_percent(words->share, sizeof words->share, share.share);
        return true;
    }
    return false;
}

/* ---- lock-held-waiting ----------------------------------------------------------------------------------------------
 */

struct held {
    double lock_ns, wait_ns; /* waiting for a lock; waiting for something else further down in the function */
    double line_ns;          /* of the line with most of the first */
    uint32_t lock_line, wait_line;
};

static bool is_lock_line(const struct profile *profile, const struct line_sum *line)
{
    size_t length = 0;
    const char *text = profile_source_line(profile, line->file, line->line, &length);
    return text != NULL && source_locks(text, length);
}

/* The function in which threads wait for a lock at one line and for something else below it. */
static uint32_t find_held(const struct facts *facts, struct held *found)
{
    const struct aggregate *aggregate = facts->aggregate;
    uint32_t best = 0;
    for (size_t i = 0; i < aggregate->n_lines; i++) {
        const struct line_sum *lock = &aggregate->lines[i];
        struct held held = {.lock_ns = lock->state_ns[STATE_LOCK], .lock_line = lock->line};
        if (held.lock_ns <= found->lock_ns || lock->line == 0 || !facts->profile->function_own[lock->function] ||
            !is_lock_line(facts->profile, lock))
            continue;
        for (size_t k = 0; k < aggregate->n_lines; k++) {
            const struct line_sum *wait = &aggregate->lines[k];
            double ns = wait->state_ns[STATE_SLEEP] + wait->state_ns[STATE_IO];
            if (wait->function != lock->function || wait->line <= lock->line)
                continue;
            held.wait_ns += ns;
            if (ns > held.line_ns) {
                held.line_ns = ns;
                held.wait_line = wait->line;
            }
        }
        if (held.wait_ns <= 0)
            continue;
        *found = held;
        best = lock->function;
    }
    return best;
}

bool rule_lock_held(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                    struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    struct held held = {0};
    uint32_t function = find_held(facts, &held);
    if (function == 0 || !(facts->elapsed_ns > 0))
        return false;
    double waiting = held.lock_ns / facts->elapsed_ns, part = fmin(1, held.wait_ns / facts->elapsed_ns);
    /* Threads that wait below without the lock would wait side by side. */
    if (waiting < LIMIT_OF(LOCK_HELD_WAITING, LOCK_MIN) || part < LIMIT_OF(LOCK_HELD_WAITING, WAIT_MIN) ||
        held.wait_ns > LIMIT_OF(LOCK_HELD_WAITING, OVERLAP_MAX) * facts->elapsed_ns)
        return false;
    predict(finding, part, fmin(2, 1 + waiting), 1 + waiting);
    finding_add(finding, "threads that wait for the lock", "threads", waiting);
    finding_add_elapsed(facts, finding, "something else is waited for meanwhile", part);
    finding->function = function;
    finding->file = facts->profile->functions[function].file;
    finding->line = held.wait_line;
    finding->line_first = held.lock_line;
    finding->line_last = held.wait_line;
    finding_not_measured(finding, "which thread holds the lock: the one that waits below is taken to");
    finding->confidence = 0.7;
    words_percent(words->share, sizeof words->share, part);
    snprintf(words->count, sizeof words->count, "%.1f", waiting);
    return true;
}
