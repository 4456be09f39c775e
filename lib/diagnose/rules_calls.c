/* Rules on calls: many small ones, the same ones again, imports that nothing uses. See rules.h. */
#include "diagnose/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What it works on is small: a few items, plain numbers. A long operand's time is its own, not the call's. */
static bool works_on_little(const struct profile *profile, uint32_t function)
{
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        if (profile->frames[one->frame].function != function || strcmp(profile->strings[one->operation], "[]") == 0)
            continue;
        if (strncmp(profile->strings[one->type], "numpy.", 6) == 0 ||
            (one->sized > 0 && (double)one->total > LIMIT_OF(CALL_OVERHEAD, ITEMS_MAX) * (double)one->sized))
            return false;
    }
    return true;
}

/* Time of the small functions in compiled code or the kernel: it does not go with the call. */
static double native_part(const struct facts *facts, uint32_t function)
{
    for (size_t i = 0; i < facts->aggregate->n_functions; i++) {
        const struct function_sum *sum = &facts->aggregate->functions[i];
        if (sum->function == function)
            return sum->self_native_ns / fmax(1, sum->self_wall_ns);
    }
    return 1;
}

static double gone(double part)
{
    return 1 / (1 - fmin(LIMIT_OF(CALL_OVERHEAD, GOES_MOST), part));
}

bool rule_call_overhead(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                        struct finding *finding, struct words *words)
{
    const struct small_calls *small = &facts->small;
    const struct profile *profile = facts->profile;
    struct share share = cpu_part(facts, small->ns);
    if (small->frame == 0 || facts->active < LIMIT_OF(CALL_OVERHEAD, ACTIVE_MIN) ||
        share.low < LIMIT_OF(CALL_OVERHEAD, SHARE_MIN) || !works_on_little(profile, small->callee) ||
        native_part(facts, small->callee) > LIMIT_OF(CALL_OVERHEAD, NATIVE_MAX) ||
        (facts->builtin && facts->hot->function == small->callee)) /* large integers, say */
        return false;
    for (size_t i = 0; i < n_earlier; i++) { /* what is called needlessly need not be called faster */
        if (earlier[i].prescription == PRESCRIBE_ALGORITHM &&
            (earlier[i].function == small->callee || earlier[i].function == profile->frames[small->frame].function))
            return false;
    }
    /* Of a call and what it does, the call: in the small functions, and on the lines that hand things over to them. */
    double call = LIMIT_OF(CALL_OVERHEAD, CALL_STEPS), steps = source_function_steps(profile, small->callee);
    bool seen = small->calls >= 0;
    double goes = facts->active * (seen ? small->calls : call / (call + steps));
    double hands = cpu_part(facts, small->hands_ns).share;
    double whole = facts->active * cpu_part(facts, small->ns + small->caller_ns).share;
    finding->max_gain = 1 / (1 - fmin(whole, 0.999));
    finding->predicted_low = gone(goes * (share.low + hands) *
                                  (seen ? LIMIT_OF(CALL_OVERHEAD, SEEN_LOW) : LIMIT_OF(CALL_OVERHEAD, GOES_LOW)));
    finding->predicted_high =
        fmin(finding->max_gain, gone(goes * (share.share + hands) *
                                     (seen ? LIMIT_OF(CALL_OVERHEAD, SEEN_HIGH) : LIMIT_OF(CALL_OVERHEAD, GOES_HIGH))));
    finding_add_share(finding, "CPU time in small functions called there", share);
    finding_add_share(finding, "CPU time in the function that calls them", cpu_part(facts, small->caller_ns));
    finding_add_share(finding, "of it on the lines that call them", cpu_part(facts, small->hands_ns));
    if (seen)
        finding_add(finding, "of the time in them and on those lines, that of calling and returning", "share",
                    small->calls);
    else
        finding_add(finding, "steps in the body of the one with most", "1", steps);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_place_frame(facts, small->frame, finding);
    finding_not_measured(finding, "how many calls there are");
    finding_not_measured(finding, "what the whole loop would gain as native code");
    finding->confidence = 0.7;
    words_percent(words->share, sizeof words->share, share.share);
    snprintf(words->reason, sizeof words->reason, "%.60s", profile->strings[profile->functions[small->callee].name]);
    return true;
}

/* Sums of numbers: what is put together of lists or texts takes its time by its length. */
static bool adds_numbers_only(const struct profile *profile, uint32_t function)
{
    static const char *const numbers[] = {"int", "float", "complex", "bool", "decimal.Decimal", "Fraction"};
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        const char *operation = profile->strings[one->operation], *type = profile->strings[one->type];
        bool number = false;
        if (profile->frames[one->frame].function != function || one->slot != 0 || strcmp(operation, "+") != 0)
            continue;
        for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++)
            number = number || strstr(type, numbers[k]) != NULL;
        if (!number)
            return false;
    }
    return true;
}

bool rule_repeated_work(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                        struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct repeated_calls *repeated = &facts->repeated;
    struct share share = cpu_part(facts, repeated->ns);
    if (repeated->function == 0 || facts->active < LIMIT_OF(REPEATED_WORK, ACTIVE_MIN) ||
        share.low < LIMIT_OF(REPEATED_WORK, SHARE_MIN) ||
        (double)repeated->depth < LIMIT_OF(REPEATED_WORK, DEPTH_MIN) ||
        !adds_numbers_only(facts->profile, repeated->function))
        return false;
    finding_predict(finding, facts->active * share.low, facts->active * share.share,
                    LIMIT_OF(REPEATED_WORK, FACTOR_LOW), 1e6);
    finding_add_share(finding, "CPU time in it and what it calls", share);
    finding_add(finding, "calls of itself within each other, at most", "1", (double)repeated->depth);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding->function = repeated->function;
    finding->file = facts->profile->functions[repeated->function].file;
    finding->line = finding->line_first = finding->line_last = repeated->line;
    finding_not_measured(finding, "how many calls had the same arguments");
    finding_not_measured(finding, "whether the same arguments always give the same result");
    finding->confidence = 0.75;
    words_percent(words->share, sizeof words->share, share.share);
    snprintf(words->count, sizeof words->count, "%u", repeated->depth);
    return true;
}

bool rule_import_time(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                      struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct unused_imports *imports = &facts->imports;
    struct share all = elapsed_part(facts, imports->ns), one = elapsed_part(facts, imports->frame_ns);
    if (imports->frame == 0 || all.low < LIMIT_OF(IMPORT_TIME, UNUSED_MIN) || one.low < LIMIT_OF(IMPORT_TIME, LINE_MIN))
        return false;
    double sure = all.low * LIMIT_OF(IMPORT_TIME, GOES_LOW);
    double most = known_part(facts, fmax(imports->ns, imports->import_ns)); /* others may be theirs only */
    finding_predict(finding, sure, fmin(LIMIT_OF(IMPORT_TIME, GOES_HIGH), fmax(all.share, most)), 1e6, 1e6);
    finding_add_share(finding, "importing what nothing ran of later", all);
    finding_add_share(finding, "of it from this line", one);
    finding_add_elapsed(facts, finding, "importing anything", fmin(1, imports->import_ns / facts->elapsed_ns));
    finding_place_frame(facts, imports->frame, finding);
    finding_not_measured(finding,
                         "uses that take less than the time between two samples, and names used as types only");
    finding->confidence = 0.6;
    words_percent(words->share, sizeof words->share, all.share);
    snprintf(words->reason, sizeof words->reason, "%.80s",
             profile_short_file(facts->profile->strings[imports->module]));
    return true;
}
