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

static const struct function_sum *sum_of(const struct facts *facts, uint32_t function)
{
    for (size_t i = 0; i < facts->aggregate->n_functions; i++) {
        if (facts->aggregate->functions[i].function == function)
            return &facts->aggregate->functions[i];
    }
    return NULL;
}

/* Time of the small functions in compiled code or the kernel: it does not go with the call. */
static double native_part(const struct facts *facts, uint32_t function)
{
    const struct function_sum *sum = sum_of(facts, function);
    return sum != NULL ? sum->self_native_ns / fmax(1, sum->self_wall_ns) : 1;
}

static double cpu_time_in(const struct facts *facts, uint32_t function)
{
    const struct function_sum *sum = sum_of(facts, function);
    return sum != NULL ? sum->total_cpu_ns : 0;
}

bool finding_add_calls(struct finding *finding, const struct call_count *counts, double ns)
{
    if (counts->calls == 0)
        return false;
    finding_add(finding, "calls", "1", (double)counts->calls);
    if (ns > 0)
        finding_add(finding, "CPU time of a call", "s", ns / 1e9 / (double)counts->calls);
    return true;
}

/* What counting them took, which goes when nobody counts. */
static double counting_ns(const struct call_count *counts)
{
    double each = counts->told > 0 ? LIMIT_OF(CALL_OVERHEAD, HASHING_TAKES) : LIMIT_OF(CALL_OVERHEAD, COUNTING_TAKES);
    return each * 1e3 * (double)counts->calls;
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
    struct call_count counts = profile_calls_of(profile, small->callee);
    double small_ns = fmax(0, small->ns - counting_ns(&counts));
    struct share share = cpu_part(facts, small_ns);
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
    double whole = facts->active * cpu_part(facts, small_ns + small->caller_ns).share;
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
    words->complete = finding_add_calls(finding, &counts, cpu_time_in(facts, small->callee));
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding_place_frame(facts, small->frame, finding);
    if (!words->complete)
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

/* Its text and the depth of its stacks say that its calls come again. */
static bool repeats_by_shape(const struct facts *facts, struct share share, struct finding *finding,
                             struct words *words)
{
    const struct repeated_calls *repeated = &facts->repeated;
    if (share.low < LIMIT_OF(REPEATED_WORK, SHARE_MIN) || !adds_numbers_only(facts->profile, repeated->function))
        return false;
    finding_predict(finding, facts->active * share.low, facts->active * share.share,
                    LIMIT_OF(REPEATED_WORK, FACTOR_LOW), 1e6);
    finding_add_share(finding, "CPU time in it and what it calls", share);
    finding_add(finding, "calls of itself within each other, at most", "1", (double)repeated->depth);
    finding_add_calls(finding, &repeated->counts, repeated->ns);
    finding_not_measured(finding, "how many calls had the same arguments");
    finding_not_measured(finding, "whether the same arguments always give the same result");
    finding->confidence = 0.75;
    /* Of its calls too few can be told: it would be no different the next time. */
    words->complete = repeated->counts.told > 0 || strstr(facts->profile->evidence, "argument hashes") != NULL;
    snprintf(words->reason, sizeof words->reason, "calls itself more than once at each of %u steps", repeated->depth);
    return true;
}

/* Where not all calls are told, each of the others may have had arguments of its own. */
static void repeated_words(const struct call_count *counts, struct words *words)
{
    char calls[32], different[32];
    words_number(calls, sizeof calls, counts->calls);
    words_number(different, sizeof different, counts->calls - counts->repeats);
    if (counts->calls - counts->repeats == 1)
        snprintf(words->reason, sizeof words->reason, "was called %s times with the same arguments", calls);
    else
        snprintf(words->reason, sizeof words->reason, "was called %s times with %s %s different arguments", calls,
                 counts->told < counts->calls ? "at most" : "only", different);
}

/* Counted calls say so. Those that came again go, but for looking their results up. */
static bool repeats_by_counts(const struct facts *facts, struct share share, struct finding *finding,
                              struct words *words)
{
    const struct repeated_calls *repeated = &facts->repeated;
    const struct call_count *counts = &repeated->counts;
    bool deep = (double)repeated->depth >= LIMIT_OF(REPEATED_WORK, DEPTH_MIN);
    double again = (double)counts->repeats / (double)counts->calls;
    double looks = (double)counts->calls / fmax(1, repeated->depth); /* what calls itself then seldom does */
    double stays = facts->active * cpu_part(facts, looks * LIMIT_OF(REPEATED_WORK, LOOK_UP) * 1e3).share;
    double sure = facts->active * share.low * again - stays, part = facts->active * share.share;
    if (sure <= 0)
        return false;
    finding_predict(finding, sure, part * again - stays,
                    deep ? LIMIT_OF(REPEATED_WORK, FACTOR_LOW) : LIMIT_OF(REPEATED_WORK, AGAIN_LOW), 1e6);
    finding->max_gain = part < 1 ? 1 / (1 - part) : 0; /* the calls that came again may be the long ones, too */
    finding_add_share(finding, "CPU time in it and what it calls", share);
    finding_add_calls(finding, counts, repeated->ns);
    finding_add(finding, "calls with arguments it had before", "share", again);
    bool compared = (double)counts->compared >= LIMIT_OF(REPEATED_WORK, COMPARED_MIN) * (double)counts->repeats;
    finding_add(finding, "of them, compared with the earlier result: all the same", "share",
                (double)counts->compared / (double)counts->repeats);
    if (repeated->depth > 1)
        finding_add(finding, "calls of itself within each other, at most", "1", (double)repeated->depth);
    finding->confidence = compared ? 0.85 : 0.6;
    if (!compared)
        finding_not_measured(finding, "whether it gave the same result each time");
    if (!repeated->text_read) {
        finding_not_measured(finding, "what its source text says: it was not kept (--no-source), or not understood");
        finding->confidence *= LIMIT_OF(FLAT, UNSEEN);
    }
    finding_not_measured(finding, "what it does beside giving its result, and whether that is changed later");
    words->complete = true;
    words->action =
        "If its result is all that it is called for, and nobody changes it: @functools.lru_cache(maxsize=None) "
        "above it (a list or dict that it is given must become a tuple), or call it once before the loop.";
    repeated_words(counts, words);
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
        !(repeated->counted ? repeats_by_counts : repeats_by_shape)(facts, share, finding, words))
        return false;
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding->function = repeated->function;
    finding->file = facts->profile->functions[repeated->function].file;
    finding->line = finding->line_first = finding->line_last = repeated->line;
    words_percent(words->share, sizeof words->share, share.share);
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
