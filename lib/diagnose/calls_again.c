/*
 * The function whose calls come again and cost most by it, for calls.h. Counts of calls with hashed arguments
 * (--arg-hash) tell it exactly; where a function has none, its text and the depth of its stacks must. Used by
 * calls_find, once for a recording.
 */
#include "diagnose/rules.h"
#include "diagnose/source_body.h"

#include <math.h>

enum again { AGAIN_UNTOLD, AGAIN_NO, AGAIN_YES };

/* Told by the counts alone, whatever the function takes. A result that came out otherwise once must be worked out each
 * time, and a function that gives nothing is called for what it does. */
static enum again by_counts(const struct call_count *counts)
{
    double calls = (double)counts->calls, told = (double)counts->told;
    if (counts->told == 0 || told < LIMIT_OF(REPEATED_WORK, TOLD_MIN) * calls)
        return AGAIN_UNTOLD;
    bool again = (double)counts->repeats >= LIMIT_OF(REPEATED_WORK, AGAIN_MIN) * told &&
                 (double)counts->gave_none <= LIMIT_OF(REPEATED_WORK, NOTHING_MAX) * told && counts->changed == 0;
    return again ? AGAIN_YES : AGAIN_NO;
}

/* How often the function is on the stack that has it most often, with it innermost or what it calls. */
static uint32_t deepest(const struct profile *profile, uint32_t function)
{
    uint32_t stack = 0, depth = 0;
    for (uint32_t i = 1; i < profile->n_stacks; i++) {
        if (profile->frames[profile->stacks[i].frame].function == function &&
            profile->stacks[i].depth > profile->stacks[stack].depth)
            stack = i;
    }
    for (; stack != 0; stack = profile->stacks[stack].parent)
        depth += profile->frames[profile->stacks[stack].frame].function == function;
    return depth;
}

/* Does the statement do something that a kept result would leave out, or make what can be used up only once? */
static bool acts(struct text text)
{
    static const char *const words[] = {"yield",  "await ", "print(", "global ", "nonlocal ",
                                        ".write", "input(", "random", ".sleep("};
    bool found = false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        found = found || text_find(text, words[i]) != NULL;
    return found;
}

/* `found.append(item)`, `table[key] = 1`: what the function is given is another one afterwards. */
static bool changes_what_it_is_given(struct text head, struct text text)
{
    struct text name = {text.at + source_indent(text.at, (size_t)(text.end - text.at)), text.end};
    const char *past = name.at;
    while (past < text.end && text_is_word(*past))
        past++;
    bool part = past > name.at && past + 1 < text.end && (*past == '.' || *past == '[');
    const char *open = text_find(head, "(");
    for (const char *at = open; part && at != NULL && at < head.end; at++) {
        struct text word = {at, at};
        while (word.end < head.end && text_is_word(*word.end))
            word.end++;
        if (text_same(word, (struct text){name.at, past}))
            return true;
        at = word.end;
    }
    return false;
}

/* By its text: may a result of it be kept that is not kept yet? `read`: the text is there, and tells. */
static bool may_be_kept(const struct profile *profile, uint32_t function, bool *read)
{
    struct source_body body;
    struct source_store store;
    size_t length;
    *read = source_body_begin(profile, function, &body);
    if (!*read)
        return true;
    bool may = !body.cached && !text_begins(body.head, "async ") && !source_function_stores(profile, function, &store);
    for (const char *at; may && (at = source_body_next(&body, &length)) != NULL;) {
        struct text text = {at, at + length};
        may = !acts(text) && !changes_what_it_is_given(body.head, text);
    }
    *read = !body.unclear;
    return may;
}

/* A look-up of a kept result takes its time too: of a function that calls itself, only the outermost calls are left. */
static bool takes_longer_than_a_look_up(const struct repeated_calls *one)
{
    double looks = (double)one->counts.calls / fmax(1, one->depth);
    return one->ns >= LIMIT_OF(REPEATED_WORK, CALL_MIN) * 1e3 * looks;
}

/* Of that function, if its calls come again. Text is read for those only that may be worth it. */
static bool comes_again(const struct facts *facts, const struct function_sum *sum, struct repeated_calls *one)
{
    const struct profile *profile = facts->profile;
    bool looked_at = sum->self_cpu_ns >= LIMIT_OF(CALL_OVERHEAD, LOOKED_AT_MIN) * facts->strata.on_ns;
    *one = (struct repeated_calls){.function = sum->function, .ns = sum->total_cpu_ns};
    one->counts = profile_calls_of(profile, sum->function);
    enum again again = by_counts(&one->counts);
    if (!profile->function_own[sum->function] || again == AGAIN_NO || (again == AGAIN_UNTOLD && !looked_at))
        return false;
    one->saved_ns = one->ns;
    if (again == AGAIN_YES)
        one->saved_ns *= (double)one->counts.repeats / (double)one->counts.calls;
    if (one->saved_ns < LIMIT_OF(CALL_OVERHEAD, LOOKED_AT_MIN) * facts->strata.on_ns)
        return false;
    one->depth = deepest(profile, sum->function);
    one->line = source_function_repeats(profile, sum->function);
    one->counted = again == AGAIN_YES;
    one->text_read = one->line != 0;
    if (one->line != 0 && (one->counted || (double)one->depth >= LIMIT_OF(REPEATED_WORK, DEPTH_MIN)))
        return true;
    if (!one->counted)
        return false;
    one->line = profile->functions[sum->function].first_line;
    return takes_longer_than_a_look_up(one) && may_be_kept(profile, sum->function, &one->text_read);
}

void calls_again_find(const struct facts *facts, struct repeated_calls *found)
{
    for (size_t i = 0; i < facts->aggregate->n_functions; i++) {
        const struct function_sum *sum = &facts->aggregate->functions[i];
        struct repeated_calls one;
        if (sum->function != 0 && comes_again(facts, sum, &one) && one.saved_ns > found->saved_ns)
            *found = one;
    }
}
