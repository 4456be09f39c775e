/* What keisoku scale says in words: the answer in one sentence, and the pieces that its outputs share. */
#include "export/scale.h"

#include <stdio.h>
#include <string.h>

static const double told_share = 0.05, told_exponent = 1.3; /* what the sentence is about */

const char scale_calls_missing[] = "called at too few sizes";

bool scale_asked_for(const struct scale_input *input, const struct scaling_function *function)
{
    return input->function == NULL || strcmp(input->function, function->name) == 0;
}

void scale_curves(const struct growth *growth, char *out, size_t size)
{
    size_t taken = 0;
    out[0] = '\0';
    if (growth->decided) {
        snprintf(out, size, "%s", growth_name(growth->best));
        return;
    }
    for (int kind = 0; kind < GROWTH_KINDS; kind++) {
        if (!growth_plausible(growth, (enum growth_kind)kind) || taken >= size)
            continue;
        taken += (size_t)snprintf(out + taken, size - taken, "%s%s", taken > 0 ? " or " : "",
                                  growth_name((enum growth_kind)kind));
    }
}

const char *scale_doubt_text(enum scaling_doubt doubt)
{
    return doubt == DOUBT_FEW_SAMPLES ? "too few samples" : "seen at too few sizes";
}

/* The function that grows fastest among those that matter. */
static const struct scaling_function *fastest(const struct scale_input *input)
{
    const struct scaling_function *found = NULL;
    for (size_t i = 0; i < input->scaling->n_functions; i++) {
        const struct scaling_function *function = input->scaling->functions[i];
        if (function->doubt != DOUBT_NONE || function->share < told_share || !scale_asked_for(input, function))
            continue;
        if (found == NULL || function->growth.low > found->growth.low)
            found = function;
    }
    return found;
}

bool scale_calls_grow(const struct scaling_function *function)
{
    const struct growth *growth = &function->calls.growth;
    return growth->fitted && growth->low > 0 && !(growth->decided && growth->best == GROWTH_CONSTANT);
}

const struct scaling_function *scale_most_called(const struct scale_input *input)
{
    const struct scaling_function *found = NULL;
    for (size_t i = 0; i < input->scaling->n_functions; i++) {
        const struct scaling_function *function = input->scaling->functions[i];
        if (!scale_calls_grow(function) || !scale_asked_for(input, function))
            continue;
        bool better = found == NULL || function->own > found->own ||
                      (function->own == found->own && function->calls.growth.low > found->calls.growth.low);
        found = better ? function : found;
    }
    return found;
}

bool scale_falls(const struct growth *growth)
{
    return growth->high < 0;
}

/* "grow as n²", "do not grow", "fall". */
static void add_grows(const struct growth *growth, bool several, struct buf *out)
{
    char curves[96];
    if (growth->decided && growth->best == GROWTH_CONSTANT) {
        buf_printf(out, "%s not grow", several ? "do" : "does");
        return;
    }
    if (scale_falls(growth)) {
        buf_printf(out, "%s", several ? "fall" : "falls");
        return;
    }
    scale_curves(growth, curves, sizeof curves);
    buf_printf(out, "%s as %s", several ? "grow" : "grows", curves);
}

/* How often, and how long each: both make its time. */
static void add_calls(const struct scaling_function *function, struct buf *out)
{
    if (!function->calls.growth.fitted)
        return;
    buf_add_text(out, "; its calls ");
    add_grows(&function->calls.growth, true, out);
    if (!function->calls.time.fitted)
        return;
    buf_add_text(out, ", the time of each ");
    add_grows(&function->calls.time, false, out);
}

/* Where nothing can be said of time. */
static void add_most_called(const struct scale_input *input, struct buf *out)
{
    const struct scaling_function *function = scale_most_called(input);
    if (!scaling_tells_calls(input->scaling))
        return;
    if (function == NULL) {
        buf_add_text(out, "; no calls are seen to grow");
        return;
    }
    buf_printf(out, "; the calls of %s ", function->name);
    add_grows(&function->calls.growth, true, out);
}

void scale_sentence(const struct scale_input *input, struct buf *out)
{
    const struct scaling *scaling = input->scaling;
    const struct scaling_function *function = fastest(input);
    char curves[96];
    if (scaling->refusal[0] != '\0') {
        buf_printf(out, "nothing is claimed%s: %s", scaling_tells_calls(scaling) ? " of its time" : "",
                   scaling->refusal);
        add_most_called(input, out);
    } else if (function == NULL) {
        buf_add_text(out, "no function has enough samples at four sizes to tell how it grows");
        add_most_called(input, out);
    } else if (function->growth.low > told_exponent || input->function != NULL) {
        scale_curves(&function->growth, curves, sizeof curves);
        buf_printf(out, "%s grows as %s%s (exponent %.2f, %.2f to %.2f): %.0f %% of the CPU time at %g", function->name,
                   curves, function->growth.decided ? "" : ", not decided", function->growth.exponent,
                   function->growth.low, function->growth.high, 100 * function->share, scaling->largest);
        add_calls(function, out);
    } else if (function->growth.exponent > told_exponent) {
        buf_printf(
            out,
            "not decided: the fastest, %s, has exponent %.2f, but that may be %.2f to %.2f; larger sizes tell more",
            function->name, function->growth.exponent, function->growth.low, function->growth.high);
    } else {
        buf_printf(
            out, "nothing that matters grows faster than n^%.1f: the fastest, %s, has exponent %.2f (%.2f to %.2f)",
            told_exponent, function->name, function->growth.exponent, function->growth.low, function->growth.high);
    }
}
