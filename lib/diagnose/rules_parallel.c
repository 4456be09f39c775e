/* Rules on waits, the GIL and cores: what could go on side by side. See rules.h. */
#include "diagnose/rules.h"

#include "diagnose/source_loop.h"
#include "diagnose/source_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Do the rounds that lead to the waits need each other, as far as the text tells? `frame`: the line in the loop. */
static enum loop_rounds waiting_rounds(const struct facts *facts, uint32_t *frame)
{
    const struct profile *profile = facts->profile;
    enum loop_rounds known = ROUNDS_UNREAD;
    for (uint32_t stack = facts->wait.stack; stack != 0; stack = profile->stacks[stack].parent) {
        *frame = profile->stacks[stack].frame;
        const struct frame *at = &profile->frames[*frame];
        if (!profile->function_own[at->function])
            continue;
        size_t length = 0;
        const char *text = source_line(profile, profile->functions[at->function].file, at->line, &length);
        enum loop_rounds rounds = source_loop_rounds(profile, at->function, at->line);
        if (text != NULL && source_waits_for_any(text, length))
            return ROUNDS_UNKNOWN;
        if (rounds == ROUNDS_FREE || rounds == ROUNDS_CHAINED)
            return rounds;
        known = rounds == ROUNDS_UNKNOWN ? rounds : known;
    }
    return known;
}

bool rule_io_wait(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                  struct words *words)
{
    for (size_t i = 0; i < n_earlier; i++) /* of those waits there need not be so many */
        words->after = words->after || strcmp(earlier[i].tag, "subprocess-per-item") == 0;
    double own = facts->elapsed_ns > 0 ? fmin(facts->io, facts->wait.io_ns / facts->elapsed_ns) : 0;
    if (own < LIMIT_OF(IO_WAIT, WAIT_MIN) || facts->wait.waits < LIMIT_OF(IO_WAIT, WAITS_MIN) ||
        facts->io_overlap > LIMIT_OF(IO_WAIT, OVERLAP_MAX) || facts->wait.leaf == 0)
        return false; /* without a stack it may be an event loop's */
    uint32_t loop_frame = 0;
    enum loop_rounds rounds = waiting_rounds(facts, &loop_frame);
    if (rounds == ROUNDS_CHAINED || rounds == ROUNDS_UNKNOWN)
        return false;
    double at_once = fmin(LIMIT_OF(IO_WAIT, AT_ONCE_HIGH), facts->wait.waits);
    finding->max_gain = own < 1 ? fmin(facts->wait.waits, 1 / (1 - own)) : facts->wait.waits;
    finding->predicted_low = gain_amdahl(own, LIMIT_OF(IO_WAIT, AT_ONCE_LOW));
    finding->predicted_high = gain_amdahl(own, at_once);
    finding_add_elapsed(facts, finding, "only waits for I/O", own);
    finding_add(finding, "separate waits, at least", "1", facts->wait.waits);
    finding_add(finding, "mean wait", "s", facts->wait.io_ns / facts->wait.waits / 1e9);
    finding_add(finding, "threads waiting at once", "threads", facts->io_overlap);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding->function = facts->wait.function;
    finding->file = facts->wait.file;
    finding->line = finding->line_first = finding->line_last = facts->wait.line;
    if (rounds == ROUNDS_FREE)
        finding_place_frame(facts, loop_frame, finding);
    finding_not_measured(finding, "whether one wait needs the answer of the one before");
    finding_not_measured(finding, "how many at once the other side allows");
    finding->confidence = rounds == ROUNDS_FREE ? 0.7 : 0.4;
    words_percent(words->share, sizeof words->share, own);
    snprintf(words->count, sizeof words->count, "%.0f", facts->wait.waits);
    return true;
}

/* Waits over work tells how many threads wanted the interpreter at once. */
bool rule_gil(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
              struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    double free = facts->diagnosis->cores_free;
    double delayed = facts->delay * (facts->strata.on_ns + facts->strata.exact_ns);
    double wall = fmax(facts->gil_wait_ns + facts->gil_hold_ns, facts->gil_wall_ns - delayed);
    double share = wall > 0 ? facts->gil_wait_ns / wall : 0;
    if (!facts->cores_known || share < LIMIT_OF(GIL_CONTENTION, WAIT_MIN) ||
        facts->gil_threads < LIMIT_OF(GIL_CONTENTION, THREADS_MIN) || free < LIMIT_OF(GIL_CONTENTION, FREE_MIN) ||
        !(facts->gil_hold_ns > 0))
        return false;
    double wanted = 1 + facts->gil_wait_ns / facts->gil_hold_ns;
    double held = fmin(1, facts->gil_hold_ns / facts->elapsed_ns);
    finding->max_gain = gain_amdahl(held, fmin(wanted, 1 + free));
    finding->predicted_low = gain_amdahl(held, fmin(wanted, 1 + LIMIT_OF(GIL_CONTENTION, EFFICIENCY) * free));
    finding->predicted_high = finding->max_gain;
    finding->scaled_gain = gain_gustafson(held, fmin(wanted, 1 + free));
    struct share interval = share_of(&facts->strata, 0, facts->gil_wait_ns, 0);
    finding_add_share(finding, "waits for the GIL", interval);
    finding_add(finding, "waits for the GIL, its process", "share", share);
    finding_add(finding, "threads that wait for it", "threads", facts->gil_threads);
    finding_add(finding, "threads that want it at once", "threads", wanted);
    finding_add(finding, "cores free", "cores", free);
    if (facts->handed_frame != 0)
        finding_place_frame(facts, facts->handed_frame, finding);
    else if (facts->hot != NULL)
        finding_place_hot(facts, finding);
    finding_not_measured(finding, "what processes would have to send each other");
    finding->confidence = 0.8;
    words_percent(words->share, sizeof words->share, share);
    snprintf(words->count, sizeof words->count, "%.1f", free);
    return true;
}

/* Of the time on the CPU, that of rounds which could go to other cores. */
static double shareable(const struct facts *facts)
{
    return facts->strata.on_ns > 0 ? facts->free_rounds.share * facts->busiest_ns / facts->strata.on_ns : 0;
}

/* Of a hot loop that is only a part of what can be shared, the gain; 0: there is none, it is nearly all, or it surely
 * gains more. */
static double gain_of_less(const struct finding *earlier, size_t n_earlier, double part, double own)
{
    double gain = 0;
    for (size_t i = 0; i < n_earlier; i++) {
        double of = earlier[i].max_gain > 1 ? 1 - 1 / earlier[i].max_gain : 1;
        if (strcmp(earlier[i].tag, "hot-loop") == 0 && part >= LIMIT_OF(ONE_CORE, TIMES_HOT) * of &&
            earlier[i].predicted_low <= LIMIT_OF(ONE_CORE, HOT_MAX) * own)
            gain = earlier[i].predicted_low;
    }
    return gain;
}

/* Of a round's time, what it takes to send its item to another process and its result back. */
static double sending(const struct facts *facts)
{
    double round_s = facts->free_rounds.round_s;
    double send = facts->free_rounds.numbers ? LIMIT_OF(ONE_CORE, SEND_NUMBER_US) : LIMIT_OF(ONE_CORE, SEND_US);
    return round_s > 0 ? send / 1e6 / round_s : 0;
}

static bool one_core_holds(const struct facts *facts)
{
    const struct diagnosis *diagnosis = facts->diagnosis;
    return facts->serial >= LIMIT_OF(ONE_CORE, SERIAL_MIN) && diagnosis->cores_used <= LIMIT_OF(ONE_CORE, USED_MAX) &&
           facts->cores_known && diagnosis->cores_free >= LIMIT_OF(ONE_CORE, FREE_MIN) &&
           shareable(facts) >= LIMIT_OF(ONE_CORE, LOOP_MIN) &&
           (double)facts->loop.returns >= LIMIT_OF(ONE_CORE, ROUNDS_MIN) &&
           facts->import.share <= LIMIT_OF(ONE_CORE, IMPORT_MAX);
}

bool rule_one_core(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                   struct words *words)
{
    const struct diagnosis *diagnosis = facts->diagnosis;
    /* Threads that already share the work and wait for the GIL are the other finding. */
    for (size_t i = 0; i < n_earlier; i++) {
        if (strcmp(earlier[i].tag, "gil-contention") == 0 || strcmp(earlier[i].tag, "small-tasks") == 0 ||
            strcmp(earlier[i].tag, "pickle-transfer") == 0)
            return false;
        if (strcmp(earlier[i].tag, "hot-loop") == 0 || strcmp(earlier[i].tag, "call-overhead") == 0 ||
            earlier[i].prescription == PRESCRIBE_ALGORITHM)
            words->ease = LIMIT_OF(ONE_CORE, EASE);
    }
    /* Where the time is in native code, that is the answer: what runs beside what was its author's business. Built-in
     * functions of the interpreter run nothing beside; but what they do for each of many items is as little as it takes
     * to send it. */
    bool native = facts->told_apart && facts->native.share >= LIMIT_OF(ALREADY_NATIVE, NATIVE_MIN);
    bool sent = facts->builtin && works_on_much(facts->profile, facts->hot->function);
    if (native || sent || !one_core_holds(facts))
        return false;
    double part = facts->serial * shareable(facts), busy_s = facts->strata.on_ns / 1e9, sends = part * sending(facts);
    double low = gain_amdahl(part, 1 + LIMIT_OF(ONE_CORE, EFFICIENCY) * diagnosis->cores_free);
    finding->max_gain = gain_amdahl(part, 1 + diagnosis->cores_free);
    finding->predicted_low = busy_s / (busy_s / low + busy_s * sends + LIMIT_OF(ONE_CORE, START_S));
    finding->predicted_high = 1 / (1 / finding->max_gain + sends / (1 + diagnosis->cores_free));
    finding->scaled_gain = gain_gustafson(part, 1 + diagnosis->cores_free);
    finding_add_elapsed(facts, finding, "one core busy", facts->serial);
    finding_add(finding, "cores used", "cores", diagnosis->cores_used);
    finding_add(finding, "cores free", "cores", diagnosis->cores_free);
    finding_add(finding, "CPU time in rounds with an item of their own", "share", shareable(facts));
    finding_add(finding, "returns to an earlier place, at least", "1", (double)facts->loop.returns);
    if (facts->free_rounds.round_s > 0)
        finding_add(finding, "a round takes, about", "s", facts->free_rounds.round_s);
    words->over = gain_of_less(earlier, n_earlier, part, finding->predicted_low);
    finding_place_frame(facts, facts->free_rounds.frame, finding);
    finding_not_measured(finding, "what rounds do to each other that their text does not show");
    finding_not_measured(finding, "what processes would have to send each other");
    finding->confidence = 0.6;
    words_percent(words->share, sizeof words->share, facts->serial);
    snprintf(words->count, sizeof words->count, "%.1f", diagnosis->cores_free);
    return true;
}
