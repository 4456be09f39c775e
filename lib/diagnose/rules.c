/*
 * What the rules make findings of, and the two gates: without a core, or with too little seen, nothing else is said.
 * See rules.h. Rules are pure: facts in, one finding out. Shares of elapsed and CPU time leave the run delay out.
 */
#include "diagnose/rules.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct evidence *finding_add(struct finding *finding, const char *measure, const char *unit, double value)
{
    static struct evidence spare;
    struct evidence *evidence = finding->n_evidence < EVIDENCE_MAX ? &finding->evidence[finding->n_evidence++] : &spare;
    memset(evidence, 0, sizeof *evidence);
    snprintf(evidence->measure, sizeof evidence->measure, "%s", measure);
    snprintf(evidence->unit, sizeof evidence->unit, "%s", unit);
    evidence->value = value;
    return evidence;
}

void finding_add_share(struct finding *finding, const char *measure, struct share share)
{
    struct evidence *evidence = finding_add(finding, measure, "share", share.share);
    evidence->low = share.low;
    evidence->high = share.high;
    evidence->interval = true;
}

void finding_add_elapsed(const struct facts *facts, struct finding *finding, const char *measure, double part)
{
    double period = facts->profile->self.rate_hz > 0 ? 1e9 / facts->profile->self.rate_hz : 1e6;
    struct share share = {.share = part};
    wilson(part, facts->elapsed_ns / period, &share.low, &share.high);
    finding_add_share(finding, measure, share);
}

void finding_not_measured(struct finding *finding, const char *what)
{
    if (finding->n_not_measured < NOT_MEASURED_MAX)
        finding->not_measured[finding->n_not_measured++] = what;
}

void finding_not_told_apart(const struct facts *facts, struct finding *finding)
{
    if (!facts->told_apart)
        finding_not_measured(finding, "interpreter or native code: no instruction pointers (keisoku doctor says why)");
    else if (facts->on_cpu.share >= LIMIT_OF(HOT_LOOP, UNTOLD_SAID))
        finding_not_measured(finding, "interpreter or native code, for a part of the CPU time (state on-cpu)");
}

void words_percent(char *out, size_t size, double share)
{
    snprintf(out, size, "%.0f %%", share * 100);
}

double gain_amdahl(double part, double factor)
{
    return 1 / (1 - part + part / factor);
}

double gain_gustafson(double part, double cores)
{
    return 1 - part + part * cores;
}

void finding_place_hot(const struct facts *facts, struct finding *finding)
{
    const struct function *function = &facts->profile->functions[facts->hot->function];
    finding->function = facts->hot->function;
    finding->file = function->file;
    finding->line = facts->hot->hot_line;
    finding->line_first = facts->line_first;
    finding->line_last = facts->line_last;
}

void finding_place_line(const struct line_sum *line, struct finding *finding)
{
    finding->function = line->function;
    finding->file = line->file;
    finding->line = finding->line_first = finding->line_last = line->line;
}

void finding_place_frame(const struct facts *facts, uint32_t frame, struct finding *finding)
{
    const struct profile *profile = facts->profile;
    finding->function = profile->frames[frame].function;
    finding->file = profile->functions[finding->function].file;
    finding->line = finding->line_first = finding->line_last = profile->frames[frame].line;
}

void finding_add_held(const struct facts *facts, struct finding *finding, const struct held_line *line, enum held_by by)
{
    const struct profile *profile = facts->profile;
    const struct frame *frame = &profile->frames[line->frame];
    const char *path = profile->strings[profile->functions[frame->function].file], *slash = strrchr(path, '/');
    char measure[sizeof finding->evidence[0].measure];
    snprintf(measure, sizeof measure, "of them, asked for at %.40s:%" PRIu32, slash != NULL ? slash + 1 : path,
             frame->line);
    finding_add(finding, measure, by == HELD_BYTES ? "bytes" : "1", held_most(line, by));
}

struct share cpu_part(const struct facts *facts, double ns)
{
    struct strata only_on = {.on_ns = facts->strata.on_ns, .on_ticks = facts->strata.on_ticks};
    return share_of(&only_on, ns, 0, 0);
}

struct share elapsed_part(const struct facts *facts, double ns)
{
    double period = facts->profile->self.rate_hz > 0 ? 1e9 / facts->profile->self.rate_hz : 1e6;
    struct share share = {.share = facts->elapsed_ns > 0 ? fmin(1, ns / facts->elapsed_ns) : 0};
    wilson(share.share, facts->elapsed_ns / period, &share.low, &share.high);
    return share;
}

double known_part(const struct facts *facts, double ns)
{
    const struct profile_samples *samples = &facts->profile->samples;
    double all = 0, known = 0;
    for (size_t i = 0; i < samples->count; i++) {
        all += samples->wall_ns[i];
        known += samples->stack[i] != 0 && samples->ticks[i] != 0 ? samples->wall_ns[i] : 0;
    }
    return all > 0 ? fmin(1, ns / facts->elapsed_ns / fmax(known / all, 0.5)) : 0;
}

void finding_predict(struct finding *finding, double sure, double part, double low, double high)
{
    finding->max_gain = part < 1 ? 1 / (1 - part) : 0;
    finding->predicted_low = gain_amdahl(sure, low);
    finding->predicted_high = gain_amdahl(fmin(part, 0.999), high);
}

struct share line_cpu(const struct facts *facts, const struct line_sum *line)
{
    double on = 0;
    for (int state = 0; state < STATE_COUNT; state++)
        on += state_on_cpu((enum state)state) ? line->state_ns[state] : 0;
    return cpu_part(facts, on);
}

/* Run delay that other programs can have caused, and enough of it. */
static bool delayed_by_others(const struct facts *facts, double lost)
{
    double own = facts->cores_allowed > 0 ? facts->diagnosis->cores_used / facts->cores_allowed : 0;
    if (lost < LIMIT_OF(STARVED, DELAY_MIN) || facts->delay_ns / 1e9 < LIMIT_OF(STARVED, DELAY_S_MIN))
        return false;
    if (facts->cores_known && facts->others < LIMIT_OF(STARVED, OTHERS_MIN))
        return false;
    return own < LIMIT_OF(STARVED, OWN_CORES_MAX);
}

/* The share is that of the bar, of all threads' time: where others wait, more of the elapsed time is lost than that. */
static void starved_words(const struct facts *facts, double lost, bool by_quota, struct words *words)
{
    char cost[48] = "";
    double runnable = facts->diagnosis->wall[STATE_RUNNABLE].share;
    words_percent(words->share, sizeof words->share, runnable);
    if (lost > runnable + LIMIT_OF(STARVED, COST_MIN))
        snprintf(cost, sizeof cost, ", which cost %.0f %% of the elapsed time", lost * 100);
    if (by_quota)
        snprintf(words->reason, sizeof words->reason, "the control group's CPU quota held it back for %.1f s%s",
                 facts->throttled_ns / 1e9, cost);
    else
        snprintf(words->reason, sizeof words->reason, "other programs had the cores%s", cost);
}

bool rule_starved(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                  struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    if (!(facts->elapsed_ns > 0) || (double)facts->aggregate->ticks < LIMIT_OF(STARVED, SAMPLES_MIN))
        return false;
    double throttled = facts->throttled_ns / facts->elapsed_ns;
    double lost = facts->delay * facts->active; /* of elapsed time; a program that mostly waits loses little */
    bool by_quota = fmin(throttled, lost) >= LIMIT_OF(STARVED, THROTTLED_MIN);
    if (!by_quota && !delayed_by_others(facts, lost))
        return false;
    finding_add(finding, "runnable, of its threads' time", "share", facts->diagnosis->wall[STATE_RUNNABLE].share);
    finding_add(finding, "lost to it, of elapsed time", "share", lost);
    finding_add(finding, "run delay", "s", facts->delay_ns / 1e9);
    if (by_quota)
        finding_add(finding, "throttled by the CPU quota", "s", facts->throttled_ns / 1e9);
    finding_add(finding, "cores used", "cores", facts->diagnosis->cores_used);
    if (facts->cores_known)
        finding_add(finding, "cores free", "cores", facts->diagnosis->cores_free);
    else
        finding_not_measured(finding, "how busy the cores were with other programs");
    if (!by_quota)
        finding_not_measured(finding, "which other program had the cores");
    starved_words(facts, lost, by_quota, words);
    finding->confidence = 0.95;
    return true;
}

/* The half width of the share that decides: of the hottest function when the program computes, else of its states. */
static double deciding_half_width(const struct facts *facts)
{
    double widest = 0;
    if (facts->hot != NULL && facts->active >= LIMIT_OF(INSUFFICIENT, ACTIVE_MIN))
        return fmax(facts->hot_share.high - facts->hot_share.low, facts->native.high - facts->native.low) / 2;
    for (int i = 0; i < STATE_COUNT; i++) {
        const struct share *share = &facts->diagnosis->wall[i];
        if (share->share > 0)
            widest = fmax(widest, (share->high - share->low) / 2);
    }
    return widest;
}

static void reason_unfollowed(const struct trust *trust, struct finding *finding, struct words *words)
{
    finding_add(finding, "CPU time in threads that were not followed", "share", trust->unfollowed);
    snprintf(words->reason, sizeof words->reason,
             "%.0f %% of the CPU time was in threads that ended before they could be followed%s",
             trust->unfollowed * 100, trust->held_off ? ", for keisoku waited for a core" : "");
    if (trust->held_off) {
        words->action =
            "Measure it where keisoku gets a core, or give it a priority above what has them (chrt): it came "
            "too late to see these threads, however long they lived.";
        return;
    }
    words->action =
        "Measure it with threads that stay (a ThreadPoolExecutor, a server with a fixed number of threads): "
        "a longer run tells no more of such brief ones.";
}

bool rule_insufficient(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                       struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct trust *trust = &facts->diagnosis->trust;
    if (facts->aggregate->ticks == 0 && (double)trust->samples >= LIMIT_OF(INSUFFICIENT, SAMPLES_MIN))
        return false; /* nothing but idle workers: known well enough */
    double samples = (double)facts->aggregate->ticks, seconds = facts->elapsed_ns / 1e9;
    double half = samples > 0 ? deciding_half_width(facts) : 1;
    double tried = (double)(trust->samples + trust->dropped);
    double dropped = tried > 0 ? (double)trust->dropped / tried : 0;
    double unknown = facts->diagnosis->wall[STATE_UNKNOWN].share;
    finding_add(finding, "samples", "1", samples);
    finding_add(finding, "half width of the deciding share", "share", half);
    if (samples <= 0)
        snprintf(words->reason, sizeof words->reason, "no Python was seen in %.2f s", seconds);
    else if (samples < LIMIT_OF(INSUFFICIENT, SAMPLES_MIN))
        snprintf(words->reason, sizeof words->reason, "%.0f samples in %.2f s, %.0f are needed", samples, seconds,
                 LIMIT_OF(INSUFFICIENT, SAMPLES_MIN));
    else if (dropped > LIMIT_OF(INSUFFICIENT, DROPPED_MAX))
        snprintf(words->reason, sizeof words->reason, "%.0f %% of the stacks could not be proved", dropped * 100);
    else if (half > LIMIT_OF(INSUFFICIENT, HALF_WIDTH_MAX))
        snprintf(words->reason, sizeof words->reason,
                 "with %.0f samples the largest share is known to ±%.0f points only", samples, half * 100);
    else if (unknown > LIMIT_OF(INSUFFICIENT, UNKNOWN_MAX))
        snprintf(words->reason, sizeof words->reason,
                 "what its threads did could not be told for %.0f %% of their time", unknown * 100);
    else if (facts->hot == NULL && facts->active * facts->python.share > LIMIT_OF(INSUFFICIENT, UNKNOWN_MAX))
        snprintf(words->reason, sizeof words->reason, "it ran Python of which no stack was read");
    else if (trust->unfollowed > LIMIT_OF(INSUFFICIENT, UNFOLLOWED_MAX))
        reason_unfollowed(trust, finding, words);
    else
        return false;
    finding_not_measured(finding, "what costs the time: so little was seen that advice would be a guess");
    if (dropped > 0)
        finding_add(finding, "dropped stacks", "share", dropped);
    finding->confidence = 1;
    return true;
}
