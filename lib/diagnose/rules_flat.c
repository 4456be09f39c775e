/* The conclusion that nothing found is worth the effort. See rules.h. */
#include "base/mem.h"
#include "diagnose/diagnose.h"
#include "diagnose/rules.h"

#include <stdio.h>
#include <string.h>

/* Where own code asks libraries written in Python for most: no function of theirs may be hot, and yet all is for that.
 */
struct asked {
    uint32_t frame, callee; /* 0: no one place; what it calls for longest */
    struct share share;     /* of CPU time, with all that is called */
};

static const char look_at_it[] = "Leave what is around it as it is, and look at what that line asks for: less of it, "
                                 "results that are kept, another function of the library.";

/* The innermost own frame, and the frame that it calls. 0: none is own, or it calls no Python. */
static uint32_t asking_frame(const struct profile *profile, uint32_t stack, uint32_t *callee)
{
    for (*callee = 0; stack != 0; stack = profile->stacks[stack].parent) {
        uint32_t frame = profile->stacks[stack].frame, function = profile->frames[frame].function;
        if (profile->function_own[function])
            return *callee != 0 ? frame : 0;
        if (profile->functions[function].kind == FUNCTION_PYTHON)
            *callee = frame;
    }
    return 0;
}

static void sum_by_stack(const struct profile *profile, double *ns)
{
    for (size_t i = 0; i < profile->samples.count; i++) {
        if (sample_counts(profile, i) && state_on_cpu((enum state)profile->samples.state[i]))
            ns[profile->samples.stack[i]] += profile->samples.cpu_ns[i];
    }
}

/* Of the stacks whose innermost own frame is `asking`, 0: of all, the frame with most time: that one, or of those that
 * it calls. `ns`: scratch, by frame. */
static uint32_t most_of(const struct profile *profile, const double *by_stack, uint32_t asking, double *ns)
{
    uint32_t best = 0;
    memset(ns, 0, profile->n_frames * sizeof *ns);
    for (uint32_t stack = 1; stack < profile->n_stacks; stack++) {
        uint32_t callee, frame = by_stack[stack] > 0 ? asking_frame(profile, stack, &callee) : 0;
        if (frame == 0 || (asking != 0 && frame != asking))
            continue;
        uint32_t one = asking != 0 ? callee : frame;
        ns[one] += by_stack[stack];
        best = ns[one] > ns[best] ? one : best;
    }
    return best;
}

static struct asked asked_of_libraries(const struct facts *facts)
{
    const struct profile *profile = facts->profile;
    struct asked asked = {0};
    double *by_stack = mem_zalloc(profile->n_stacks + 1, sizeof *by_stack);
    double *by_frame = mem_zalloc(profile->n_frames + 1, sizeof *by_frame);
    if (by_stack != NULL && by_frame != NULL) {
        sum_by_stack(profile, by_stack);
        asked.frame = most_of(profile, by_stack, 0, by_frame);
        asked.share = cpu_part(facts, by_frame[asked.frame]);
        asked.callee = most_of(profile, by_stack, asked.frame, by_frame);
    }
    mem_free(by_stack);
    mem_free(by_frame);
    if (asked.share.low < LIMIT_OF(FLAT, ASKED_MIN))
        asked.frame = 0;
    return asked;
}

static void say_asked(const struct facts *facts, const struct asked *asked, struct finding *finding,
                      struct words *words)
{
    const struct profile *profile = facts->profile;
    const char *name = profile->strings[profile->functions[profile->frames[asked->callee].function].name];
    struct buf text = {0};
    finding_place_frame(facts, asked->frame, finding);
    buf_printf(&text, "But %.0f %% of the CPU time is in library code, ", asked->share.share * 100);
    words_add_cut(&text, name, 30, false);
    buf_add_text(&text, ", for ");
    words_add_cut(&text, diagnosis_file(profile, finding->file), 40, true);
    buf_printf(&text, ":%u.", finding->line);
    words_set_reason(words, &text);
    finding_add_share(finding, "CPU time in library code for that line", asked->share);
    words->action = look_at_it;
}

/* One function may have most and yet no rule hold: what its line calls has the time then. */
static void say_hottest(const struct facts *facts, const struct function_sum *hottest, struct words *words)
{
    struct share share = cpu_part(facts, hottest->self_cpu_ns);
    bool most = share.low >= LIMIT_OF(FLAT, ASKED_MIN);
    snprintf(words->reason, sizeof words->reason, "%s hottest function has %.0f %% of the CPU time.",
             most ? "But the" : "The", share.share * 100);
    words->action = most ? look_at_it : NULL;
}

/* Most own time on the CPU, whatever the code: `hot` is of the interpreter's alone. */
static const struct function_sum *hottest_of_all(const struct facts *facts)
{
    const struct function_sum *best = facts->hot;
    for (size_t i = 0; i < facts->aggregate->n_functions; i++) {
        const struct function_sum *sum = &facts->aggregate->functions[i];
        if (sum->function != 0 && facts->profile->functions[sum->function].kind == FUNCTION_PYTHON && best != NULL &&
            sum->self_cpu_ns > best->self_cpu_ns)
            best = sum;
    }
    return best;
}

bool rule_flat(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
               struct words *words)
{
    (void)earlier;
    if (n_earlier > 0)
        return false;
    snprintf(words->gain, sizeof words->gain, "%.1fx", LIMIT_OF(FLAT, GAIN_MIN));
    const struct function_sum *hottest = facts->active >= LIMIT_OF(FLAT, ACTIVE_MIN) ? hottest_of_all(facts) : NULL;
    struct asked asked = {0};
    if (hottest != NULL)
        asked = asked_of_libraries(facts);
    double allowed = facts->cores_allowed;
    if (allowed >= LIMIT_OF(FLAT, CORES_MIN) && facts->diagnosis->cores_used >= LIMIT_OF(FLAT, CORES_FULL) * allowed)
        snprintf(words->reason, sizeof words->reason, "All %.0f cores are at work already.", allowed);
    else if (facts->import.share >= LIMIT_OF(FLAT, IMPORT_MIN) && facts->active >= LIMIT_OF(FLAT, ACTIVE_MIN))
        snprintf(words->reason, sizeof words->reason, "%.0f %% of the CPU time is importing modules.",
                 facts->import.share * 100);
    else if (asked.frame != 0)
        say_asked(facts, &asked, finding, words);
    else if (hottest != NULL)
        say_hottest(facts, hottest, words);
    if (hottest != NULL)
        finding_add_share(finding, "CPU time in its hottest", cpu_part(facts, hottest->self_cpu_ns));
    if (hottest != NULL && finding->line == 0) {
        finding->function = hottest->function;
        finding->file = facts->profile->functions[hottest->function].file;
        finding->line = finding->line_first = finding->line_last = hottest->hot_line;
    }
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_add(finding, "cores used", "cores", facts->diagnosis->cores_used);
    finding_add(finding, "cores free", "cores", facts->diagnosis->cores_free);
    finding->confidence = facts->told_apart ? 0.8 : 0.5;
    if (finding_unseen(facts, finding, words->unseen, sizeof words->unseen)) {
        size_t length = strlen(words->reason);
        snprintf(words->reason + length, sizeof words->reason - length, "%sBut %s.", length > 0 ? " " : "",
                 words->unseen);
        words->action =
            "Look again with what is missing here (Python 3.8 or later, no --no-operands or --no-source, the whole "
            "recording) before you leave it as it is.";
    }
    if (facts->active >= LIMIT_OF(FLAT, ACTIVE_MIN))
        finding_not_told_apart(facts, finding);
    finding_not_measured(finding, "how the time grows with the input");
    if (!facts->cores_known)
        finding_not_measured(finding, "how busy the cores were: whether more of them would help");
    return true;
}
