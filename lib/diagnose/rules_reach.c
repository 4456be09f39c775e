/* Rules on what is spent under functions of the library (reaches.def), and on the kernel's and locks' part. See
 * rules.h. */
#include "diagnose/operand_words.h"
#include "diagnose/rules.h"
#include "diagnose/source_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct share reach_cpu(const struct facts *facts, const struct reach *reach)
{
    return cpu_part(facts, reach->on_ns);
}

void finding_bound(const struct facts *facts, const struct reach *reach, struct finding *finding)
{
    if (!(reach->apart_ns > 0))
        return;
    double most = fmax(1, facts->elapsed_ns / reach->apart_ns);
    finding->max_gain = finding->max_gain > 0 ? fmin(finding->max_gain, most) : most;
    finding->predicted_high = fmin(finding->predicted_high, finding->max_gain);
    finding->predicted_low = fmin(finding->predicted_low, finding->predicted_high);
}

/* Own code calls it, not a library that could not be changed. */
static bool is_called_directly(const struct reach *reach)
{
    return reach->caller != 0 && reach->direct_ns >= LIMIT_OF(DEEP_COPY, DIRECT_MIN) * reach->on_ns;
}

bool rule_deep_copy(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                    struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct reach *reach = &facts->reaches[REACH_DEEP_COPY];
    struct share share = reach_cpu(facts, reach);
    if (facts->active < LIMIT_OF(DEEP_COPY, ACTIVE_MIN) || share.low < LIMIT_OF(DEEP_COPY, SHARE_MIN) ||
        (double)reach->visits < LIMIT_OF(DEEP_COPY, COPIES_MIN) || !is_called_directly(reach))
        return false;
    finding_predict(finding, facts->active * share.low, facts->active * share.share, LIMIT_OF(DEEP_COPY, FACTOR_LOW),
                    1000);
    finding_bound(facts, reach, finding);
    finding_add_share(finding, "CPU time under copy.deepcopy", share);
    finding_add(finding, "copies, at least", "1", (double)reach->visits);
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
    if (facts->active < LIMIT_OF(REGEX_RECOMPILE, ACTIVE_MIN) || share.low < LIMIT_OF(REGEX_RECOMPILE, SHARE_MIN) ||
        reach->self_ns < LIMIT_OF(REGEX_RECOMPILE, FOUND_MIN) * reach->on_ns || !is_called_directly(reach))
        return false;
    double part = facts->active * share.share;
    double sure =
        fmin(LIMIT_OF(REGEX_RECOMPILE, GOES_MOST), facts->active * share.low * LIMIT_OF(REGEX_RECOMPILE, AROUND_LOW));
    finding_predict(finding, sure, part, LIMIT_OF(REGEX_RECOMPILE, FACTOR_LOW), 1000);
    /* The call of `_compile` and its answer's way back lie outside of it. */
    finding->max_gain = 1 / (1 - fmin(LIMIT_OF(REGEX_RECOMPILE, GOES_MOST), part * LIMIT_OF(REGEX_RECOMPILE, AROUND)));
    finding->predicted_high = finding->max_gain;
    finding_add_share(finding, "CPU time looking patterns up", share);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_place_frame(facts, reach->caller, finding);
    finding_not_measured(finding, "how many patterns there are: each wants to be compiled once");
    finding->confidence = 0.85;
    words_percent(words->share, sizeof words->share, share.share);
    return true;
}

/* Children that run no Python, as the recorder met them, or as samples saw them started: starts that are very brief are
 * missed there. What a child that runs no Python starts in turn is none of the program's. */
static double children_started(const struct profile *profile, const struct reach *spawn)
{
    double children = 0;
    for (size_t i = 1; i < profile->n_processes; i++) {
        const struct process *process = &profile->processes[i];
        children += process->python == 0 && process->parent != 0 && profile->processes[process->parent].python != 0;
    }
    return fmax((double)spawn->visits, children);
}

bool rule_subprocess(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                     struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct reach *child = &facts->reaches[REACH_CHILD], *spawn = &facts->reaches[REACH_SPAWN];
    struct share part = elapsed_part(facts, known_part(facts, child->wall_ns) * facts->elapsed_ns);
    double started = children_started(facts->profile, spawn);
    double mean_ns = started > 0 ? child->wall_ns / started : 0;
    bool brief = mean_ns / 1e9 <= LIMIT_OF(SUBPROCESS_PER_ITEM, MEAN_SURE);
    /* What a child does itself is not told from its end, so only the cost of its start is sure to go; several at once
     * overlap. */
    if (part.low < LIMIT_OF(SUBPROCESS_PER_ITEM, WALL_MIN) ||
        child->wall_ns > LIMIT_OF(SUBPROCESS_PER_ITEM, OVERLAP_MAX) * facts->elapsed_ns ||
        (!brief && spawn->wall_ns < LIMIT_OF(SUBPROCESS_PER_ITEM, START_MIN) * child->wall_ns) ||
        started < LIMIT_OF(SUBPROCESS_PER_ITEM, STARTS_MIN) ||
        mean_ns / 1e9 > LIMIT_OF(SUBPROCESS_PER_ITEM, MEAN_MAX) || spawn->caller == 0)
        return false;
    double sure = elapsed_part(facts, LIMIT_OF(SUBPROCESS_PER_ITEM, SURE) * spawn->wall_ns).low;
    sure = brief ? fmax(sure, LIMIT_OF(SUBPROCESS_PER_ITEM, GOES_LOW) * part.low) : sure;
    finding_predict(finding, fmin(sure, part.low), fmin(LIMIT_OF(SUBPROCESS_PER_ITEM, GOES_HIGH), part.share),
                    LIMIT_OF(SUBPROCESS_PER_ITEM, FACTOR_LOW), 1000);
    finding_bound(facts, child, finding);
    finding_add_share(finding, "starting children and waiting for them", part);
    finding_add_elapsed(facts, finding, "of it only starting them", spawn->wall_ns / facts->elapsed_ns);
    finding_add(finding, "children started, at least", "1", started);
    finding_add(finding, "a child's start and wait, at most on average", "s", mean_ns / 1e9);
    finding_place_frame(facts, spawn->caller, finding);
    finding_not_measured(finding, "what the children do, and whether Python can do it itself");
    finding->confidence = 0.75;
    words_percent(words->share, sizeof words->share, part.share);
    snprintf(words->count, sizeof words->count, "%.0f", started);
    return true;
}

/* Tasks that would have gone on meanwhile: some had not begun though they could, or they take turns in waiting so. */
static bool others_are_held_up(const struct facts *facts, const struct reach *reach)
{
    const struct held_up *held_up = &facts->held_up;
    return (double)held_up->tasks >= LIMIT_OF(BLOCKING_IN_ASYNC, TASKS_MIN) &&
           (held_up->not_begun_ns >= LIMIT_OF(BLOCKING_IN_ASYNC, READY_MIN) * reach->off_ns ||
            (double)held_up->returns >= LIMIT_OF(BLOCKING_IN_ASYNC, RETURNS_MIN));
}

bool rule_blocking_in_async(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                            struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct reach *reach = &facts->reaches[REACH_CALLBACK];
    struct share part = elapsed_part(facts, reach->off_ns);
    double waits = fmax((double)reach->waits, (double)facts->held_up.tasks); /* samples tell few of them apart */
    if (part.low < LIMIT_OF(BLOCKING_IN_ASYNC, WALL_MIN) || waits < LIMIT_OF(BLOCKING_IN_ASYNC, WAITS_MIN) ||
        reach->inner == 0 || !others_are_held_up(facts, reach))
        return false;
    double at_once = fmin((double)facts->held_up.tasks, LIMIT_OF(BLOCKING_IN_ASYNC, AT_ONCE_HIGH));
    finding_predict(finding, part.low, part.share, LIMIT_OF(BLOCKING_IN_ASYNC, AT_ONCE_LOW), at_once);
    finding_bound(facts, reach, finding);
    finding_add_share(finding, "event loop held up by a wait", part);
    finding_add(finding, "tasks that wait so", "1", (double)facts->held_up.tasks);
    finding_add(finding, "separate waits, at least", "1", waits);
    finding_add(finding, "tasks ready to begin meanwhile", "tasks", facts->held_up.not_begun_ns / facts->elapsed_ns);
    finding_place_frame(facts, reach->inner, finding);
    finding_not_measured(finding, "whether a task needs what another one waits for");
    finding->confidence = 0.8;
    words_percent(words->share, sizeof words->share, part.share);
    return true;
}

/* ---- pools ----------------------------------------------------------------------------------------------------------
 */

/* Of the CPU time, what is not workers being made ready: short work is little beside that, whatever each task costs. */
static double besides_starting(const struct facts *facts)
{
    return 1 - cpu_part(facts, facts->crowd.started_ns).share;
}

static bool transfers(const struct facts *facts, bool large, struct finding *finding, struct words *words)
{
    const struct reach *all = &facts->reaches[REACH_TRANSFER], *pickling = &facts->reaches[REACH_PICKLING];
    struct share share = reach_cpu(facts, all);
    double rate = facts->profile->self.rate_hz > 0 ? facts->profile->self.rate_hz : 1000;
    /* By instants, not by time: those of a starved process stand for more than they saw. */
    double mean_ns = pickling->visits > 0 ? pickling->ticks / (double)pickling->visits / rate * 1e9 : 0;
    bool many = pickling->ticks >= LIMIT_OF(PICKLE_TRANSFER, SAMPLES_MIN) * (double)pickling->visits;
    bool heavy = facts->written >= LIMIT_OF(PICKLE_TRANSFER, RATE_MIN) * 1e6 * all->on_ns / 1e9;
    bool fits = large == (heavy || (many && mean_ns / 1e9 >= LIMIT_OF(PICKLE_TRANSFER, MEAN_MIN)));
    uint32_t waits = facts->reaches[REACH_POOL].caller; /* where the results are waited for; other processes talk too */
    double least = LIMIT_OF(SMALL_TASKS, SHARE_MIN) * (large ? 1 : besides_starting(facts));
    if (share.low < least || facts->active < LIMIT_OF(SMALL_TASKS, ACTIVE_MIN) || !fits || waits == 0 ||
        facts->reaches[REACH_PROXY].on_ns > LIMIT_OF(SMALL_TASKS, PROXY_MAX) * all->on_ns)
        return false;
    finding_predict(finding, facts->active * share.low, facts->active * share.share,
                    large ? LIMIT_OF(PICKLE_TRANSFER, FACTOR_LOW) : LIMIT_OF(SMALL_TASKS, FACTOR_LOW),
                    LIMIT_OF(SMALL_TASKS, FACTOR_HIGH));
    finding_bound(facts, all, finding);
    finding_add_share(finding, "CPU time sending and receiving", share);
    if (pickling->visits > 0)
        finding_add(finding, "one pickling, at least", "s", mean_ns / 1e9);
    if (facts->written >= 0)
        finding_add(finding, "written a second of that CPU time", "bytes", facts->written / (all->on_ns / 1e9));
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_place_frame(facts, waits, finding);
    finding->confidence = 0.75;
    words_percent(words->share, sizeof words->share, share.share);
    return true;
}

/* A plain loop has no pool at all: what that does beside the sending, and what makes its workers ready, goes too. What
 * it leaves, one after the other, is surely less than all took, where it is. */
static void promise_plain_loop(const struct facts *facts, struct finding *finding)
{
    const struct reach *pool = &facts->reaches[REACH_MACHINERY];
    struct share goes = cpu_part(facts, pool->on_ns + facts->crowd.started_ns);
    struct share most = cpu_part(facts, pool->on_ns + LIMIT_OF(OVERSUBSCRIBED, AROUND) * facts->crowd.started_ns);
    double took = facts->elapsed_ns * (1 - facts->delay * facts->active);
    double stays = facts->elapsed_ns * (1 - facts->active) + (1 - goes.low) * facts->strata.on_ns;
    struct finding plain = *finding;
    finding_predict(&plain, 0, facts->active * fmin(most.share, LIMIT_OF(OVERSUBSCRIBED, GOES_MOST)), 1,
                    LIMIT_OF(SMALL_TASKS, FACTOR_HIGH));
    finding_bound(facts, pool, &plain);
    if (plain.predicted_high <= finding->predicted_high)
        return;
    finding->predicted_high = plain.predicted_high;
    finding->predicted_low = fmax(finding->predicted_low, fmin(plain.predicted_high, took / stays));
    finding->max_gain = fmax(finding->max_gain, plain.max_gain);
    finding_add_share(finding, "CPU time in all that the pool does", goes);
}

bool rule_small_tasks(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                      struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    if (!transfers(facts, false, finding, words))
        return false;
    promise_plain_loop(facts, finding);
    finding_not_measured(finding, "how many tasks there are, and how much goes with each");
    return true;
}

bool rule_pickle_transfer(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                          struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    if (!transfers(facts, true, finding, words))
        return false;
    finding_not_measured(finding, "what of it the workers need");
    return true;
}

/* ---- tiny-writes ----------------------------------------------------------------------------------------------------
 */

/* A line of the function whose words say that it writes, and which was seen to write little each time. */
static bool is_seen_to_write_little(const struct profile *profile, uint32_t file, uint32_t line)
{
    struct line_operand written;
    size_t length = 0;
    const char *text = source_line(profile, file, line, &length);
    return text != NULL && source_writes(text, length) &&
           profile_line_operand(profile, file, line, "call", 1, &written) && written.sized > 0 &&
           (strcmp(written.type, "str") == 0 || strcmp(written.type, "bytes") == 0) &&
           written.mean <= LIMIT_OF(TINY_WRITES, BYTES_MAX);
}

/* What a flush sends off is what the function's other lines wrote. */
static bool function_writes_little(const struct profile *profile, const struct line_sum *line)
{
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct frame *frame = &profile->frames[profile->operands[i].frame];
        if (frame->function == line->function && is_seen_to_write_little(profile, line->file, frame->line))
            return true;
    }
    return false;
}

/* What the program wrote is little for the kernel's time on the line: whatever it was, it went in small pieces. */
static bool is_little_for_its_time(const struct facts *facts, double kernel_ns)
{
    return facts->written >= 0 && facts->written <= LIMIT_OF(TINY_WRITES, RATE_MAX) * 1e6 * kernel_ns / 1e9;
}

/* Either nothing buffers, or somebody flushes; a buffered file goes to the kernel for 8 KiB at once. */
static bool writes_little(const struct facts *facts, const struct line_sum *line, double kernel_ns)
{
    const struct profile *profile = facts->profile;
    struct line_operand file;
    size_t length = 0;
    const char *text = source_line(profile, line->file, line->line, &length);
    if (text == NULL || !source_writes(text, length))
        return false;
    if (source_writes_at_once(text, length))
        return is_little_for_its_time(facts, kernel_ns) || function_writes_little(profile, line);
    return profile_line_operand(profile, line->file, line->line, "call", 0, &file) &&
           strcmp(file.type, "_io.FileIO") == 0 && (double)file.looks >= LIMIT_OF(TINY_WRITES, LOOKS_MIN) &&
           is_seen_to_write_little(profile, line->file, line->line);
}

/* What going to the kernel costs: where each call flushes, several times what the kernel itself takes. */
static double going_there(const struct profile *profile, const struct line_sum *line, double kernel)
{
    size_t length = 0;
    const char *text = source_line(profile, line->file, line->line, &length);
    bool flushes = text != NULL && source_flushes(text, length);
    return kernel * (flushes ? LIMIT_OF(TINY_WRITES, FLUSH_TIMES) : 1);
}

/* Of a line that flushes, that is sure to go and no more: the rest may be what makes the text. */
static void bound_by_the_kernel(const struct facts *facts, const struct line_sum *line, struct share kernel,
                                struct finding *finding)
{
    double goes = facts->active * going_there(facts->profile, line, kernel.share);
    if (goes > kernel.share && goes < 1)
        finding->predicted_low = fmin(finding->predicted_low, 1 / (1 - goes));
}

/* What a `print` makes of its arguments stays. */
static double least_factor(const struct profile *profile, const struct line_sum *line)
{
    size_t length = 0;
    const char *text = source_line(profile, line->file, line->line, &length);
    bool prints = text != NULL && memmem(text, length, "print(", 6) != NULL;
    return prints ? LIMIT_OF(TINY_WRITES, PRINT_LOW) : LIMIT_OF(TINY_WRITES, FACTOR_LOW);
}

/* The line's part of the time in the kernel: short calls are often not told apart from the interpreter, and are taken
 * to be like those that were. */
static struct share kernel_part(const struct facts *facts, const struct line_sum *line)
{
    double on = 0;
    for (int state = 0; state < STATE_COUNT; state++)
        on += state_on_cpu((enum state)state) ? line->state_ns[state] : 0;
    double told = on - line->state_ns[STATE_ON_CPU];
    bool known = told >= LIMIT_OF(TINY_WRITES, TOLD_MIN) * on && told > 0;
    return cpu_part(facts, known ? on * line->state_ns[STATE_KERNEL] / told : line->state_ns[STATE_KERNEL]);
}

bool rule_tiny_writes(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                      struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    for (size_t i = 0; i < facts->aggregate->n_lines && facts->active >= LIMIT_OF(TINY_WRITES, ACTIVE_MIN); i++) {
        const struct line_sum *line = &facts->aggregate->lines[i];
        struct share share = line_cpu(facts, line), kernel = kernel_part(facts, line);
        if (line->line == 0 || !facts->profile->function_own[line->function] ||
            share.low < LIMIT_OF(TINY_WRITES, LINE_MIN) ||
            going_there(facts->profile, line, kernel.low) < LIMIT_OF(TINY_WRITES, KERNEL_MIN) ||
            !writes_little(facts, line, kernel.share * facts->strata.on_ns))
            continue;
        finding_predict(finding, facts->active * share.low, facts->active * share.share,
                        least_factor(facts->profile, line), LIMIT_OF(TINY_WRITES, FACTOR_HIGH));
        bound_by_the_kernel(facts, line, kernel, finding);
        finding_add_share(finding, "CPU time in the kernel on the line", kernel);
        finding_add_share(finding, "CPU time on the line", share);
        if (facts->written >= 0)
            finding_add(finding, "written, all in all", "bytes", facts->written);
        finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
        finding_place_line(line, finding);
        finding_not_measured(finding, "whether somebody must see each piece at once");
        finding->confidence = 0.75;
        words_percent(words->share, sizeof words->share, share.share);
        return true;
    }
    return false;
}
