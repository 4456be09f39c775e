/* What keisoku bench says in words. */
#include "export/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static const struct {
    const char *name, *less, *more;
} measure_words[BENCH_MEASURES] = {{"wall time", "faster", "slower"},
                                   {"CPU time", "less", "more"},
                                   {"peak memory", "less", "more"},
                                   {"page faults", "less", "more"}};

static const double rounds_hopeless = 1000;

/* Digits behind the point: of narrow intervals more, of large numbers fewer. */
static int digits(double low, double high)
{
    return low >= 100 ? 0 : low >= 10 ? 1 : high - low < 0.02 ? 3 : 2;
}

void bench_ratio_words(const struct estimate *ratio, int measure, char *out, size_t size)
{
    double value = exp(ratio->log), low = exp(ratio->low), high = exp(ratio->high);
    out[0] = '\0';
    switch (estimate_verdict(ratio)) {
    case VERDICT_LESS:
        snprintf(out, size, "%.*fx %s (%.*f-%.*f)", digits(1 / high, 1 / low), 1 / value, measure_words[measure].less,
                 digits(1 / high, 1 / low), 1 / high, digits(1 / high, 1 / low), 1 / low);
        break;
    case VERDICT_MORE:
        snprintf(out, size, "%.*fx %s (%.*f-%.*f)", digits(low, high), value, measure_words[measure].more,
                 digits(low, high), low, digits(low, high), high);
        break;
    case VERDICT_NO_DIFFERENCE:
        snprintf(out, size, "no difference (%.*f-%.*f)", digits(low, high), low, digits(low, high), high);
        break;
    default:
        break;
    }
}

void bench_ratio(const struct verdicts *verdicts, size_t variant, int measure, char *out, size_t size)
{
    out[0] = '\0';
    if (verdicts->claims)
        bench_ratio_words(&verdicts->variants[variant].ratio[measure], measure, out, size);
}

static char label(size_t variant)
{
    return (char)('A' + variant);
}

static void add_comparison(const struct verdicts *verdicts, size_t i, struct buf *out)
{
    const struct estimate *ratio = &verdicts->variants[i].ratio[verdicts->measure];
    char other = label(verdicts->bench->variants[i].reference), text[96];
    bench_ratio(verdicts, i, verdicts->measure, text, sizeof text);
    char *bracket = strchr(text, '(');
    if (bracket == NULL)
        return;
    if (estimate_verdict(ratio) != VERDICT_NO_DIFFERENCE) {
        bracket[-1] = '\0';
        buf_printf(out, verdicts->measure == 0 ? "%c is %s than %c (%s\n" : "%c takes %s than %c (%s", label(i), text,
                   other, bracket + 1);
        if (verdicts->measure != 0)
            buf_printf(out, " of %s\n", measure_words[verdicts->measure].name);
        return;
    }
    double missing = estimate_missing_rounds(ratio, 0.02);
    buf_printf(out, "no difference found between %c and %c %s; ", other, label(i), bracket);
    if (missing > rounds_hopeless)
        buf_add_text(out, "the noise is too large to show 2 %\n");
    else if (missing > 0)
        buf_printf(out, "%.0f rounds more would show 2 %%\n", missing);
    else
        buf_add_text(out, "2 % would have shown\n");
}

void bench_mean_labels(const struct verdicts *verdicts, const struct mean_verdict *mean, bool references,
                       struct buf *out)
{
    size_t told = 0;
    for (size_t i = 0; i < verdicts->bench->n; i++) {
        if (!verdicts_in_mean(verdicts->bench, i, mean->number))
            continue;
        told++;
        buf_printf(out, "%s%c",
                   told == 1        ? ""
                   : told < mean->n ? ", "
                                    : " and ",
                   label(references ? verdicts->bench->variants[i].reference : i));
    }
}

static void add_mean(const struct verdicts *verdicts, const struct mean_verdict *mean, struct buf *out)
{
    struct buf own = {0}, others = {0};
    char text[96];
    int measure = verdicts->measure;
    bench_mean_labels(verdicts, mean, false, &own);
    bench_mean_labels(verdicts, mean, true, &others);
    bench_ratio_words(&mean->ratio[measure], measure, text, sizeof text);
    char *bracket = strchr(text, '(');
    if (bracket != NULL && estimate_verdict(&mean->ratio[measure]) == VERDICT_NO_DIFFERENCE) {
        buf_printf(out, "no difference found from %s to %s in the geometric mean %s\n", buf_text(&others),
                   buf_text(&own), bracket);
    } else if (bracket != NULL) {
        bracket[-1] = '\0';
        buf_printf(out, "%s %s %s than %s in the geometric mean %s", buf_text(&own), measure == 0 ? "are" : "take",
                   text, buf_text(&others), bracket);
        if (measure != 0)
            buf_printf(out, " of %s", measure_words[measure].name);
        buf_add_byte(out, '\n');
    }
    out->failed = out->failed || own.failed || others.failed;
    buf_release(&own);
    buf_release(&others);
}

static void add_failures(const struct verdicts *verdicts, struct buf *out)
{
    const struct bench *bench = verdicts->bench;
    for (size_t i = 0; i < bench->n; i++) {
        const struct bench_variant *variant = &bench->variants[i];
        char end[96];
        trials_end(end, sizeof end, variant->failure);
        if (variant->failures > 0 && !bench->failures_ignored)
            buf_printf(out, "%c ended with %s in %u of %u runs: nothing is claimed; --ignore-failure measures all\n",
                       label(i), end, variant->failures, bench->rounds + bench->warmups);
        if (variant->output_varies)
            buf_printf(out, "%c prints something else from run to run: nothing is claimed with --equal-output\n",
                       label(i));
        else if (variant->output_differs)
            buf_printf(out, "%c prints something else than %c, from byte %llu (line %llu) on: nothing is claimed\n",
                       label(i), label(variant->reference), (unsigned long long)variant->differs_byte,
                       (unsigned long long)variant->differs_line);
    }
}

static void add_check(const struct verdicts *verdicts, size_t i, struct buf *out)
{
    const struct variant_verdict *verdict = &verdicts->variants[i];
    const struct estimate *change = &verdict->check;
    const char *what = verdict->check_is_ratio ? "against its reference" : "by itself";
    if (verdicts->comparisons > 0 && !verdicts_compared(verdicts->bench, i))
        return;
    if (!change->known) {
        buf_printf(out, "check: %c is in none of the saved results, or they have too few runs\n", label(i));
        return;
    }
    enum change_verdict which = estimate_verdict(change);
    buf_printf(out, "check: %c %s, %s: %+.1f %% (%+.1f to %+.1f)\n", label(i), what,
               which == VERDICT_MORE   ? "WORSE beyond the noise"
               : which == VERDICT_LESS ? "better beyond the noise"
                                       : "no change beyond the noise",
               100 * expm1(change->log), 100 * expm1(change->low), 100 * expm1(change->high));
}

void bench_sentences(const struct verdicts *verdicts, struct buf *out)
{
    const struct bench *bench = verdicts->bench;
    add_failures(verdicts, out);
    if (!verdicts->failed && !verdicts->claims)
        buf_printf(out, "%u rounds are too few to tell anything: ask for %d at least\n", bench->rounds,
                   RATIO_ROUNDS_MIN);
    if (!verdicts->claims)
        return;
    for (size_t i = 0; i < bench->n && verdicts->comparisons == 1; i++)
        if (verdicts_compared(bench, i))
            add_comparison(verdicts, i, out);
    for (size_t i = 0; i < verdicts->n_means; i++)
        add_mean(verdicts, &verdicts->means[i], out);
    for (size_t i = 0; i < bench->n && verdicts->baselines > 0; i++)
        add_check(verdicts, i, out);
}

static void add_steadiness(const struct verdicts *verdicts, size_t i, struct buf *out)
{
    const struct steadiness *s = &verdicts->variants[i].steadiness;
    enum measure_unit unit = measure_rows[bench_measures[verdicts->measure]].unit;
    char low[32], high[32];
    if (s->two_speeds) {
        trials_value(low, sizeof low, unit, s->low);
        trials_value(high, sizeof high, unit, s->high);
        buf_printf(out, "%c has two speeds, %s and %s\n", label(i), low, high);
    } else if (s->spread > 0.1) {
        buf_printf(out, "%c is unsteady: half of its runs are %.0f %% apart\n", label(i), 100 * s->spread);
    }
    if (s->first_slow)
        buf_printf(out, "%c's first run was slow: more --warmup\n", label(i));
    else if (s->outliers > 0)
        buf_printf(out, "%c: %zu of %u runs far from the rest\n", label(i), s->outliers, verdicts->bench->rounds);
    if (s->drift != 0)
        buf_printf(out, "%c got %.0f %% %s over the rounds\n", label(i), 100 * fabs(s->drift),
                   s->drift > 0 ? "slower" : "faster");
}

void bench_notes(const struct verdicts *verdicts, struct buf *out)
{
    const struct bench *bench = verdicts->bench;
    if (bench->rounds < bench->asked)
        buf_printf(out, "stopped after %u of %u rounds\n", bench->rounds, bench->asked);
    for (size_t i = 0; i < bench->n; i++)
        add_steadiness(verdicts, i, out);
    for (size_t i = 0; i < bench->n && bench->failures_ignored; i++)
        if (bench->variants[i].failures > 0)
            buf_printf(out, "%c did not end with status 0 in %u runs\n", label(i), bench->variants[i].failures);
    if (verdicts->comparisons > 1)
        buf_printf(out, "%zu comparisons: the intervals of all hold together in 95 of 100 benches\n",
                   verdicts->comparisons);
    if (verdicts->promise.lost != NULL)
        buf_printf(out, "the gain was not kept: %s\n", verdicts->promise.lost);
    if (verdicts->baselines == 1 && verdicts->claims)
        buf_add_text(out, "one saved result does not tell how sessions differ; --check with several does\n");
}

const char *bench_gain_word(const struct verdicts *verdicts)
{
    const struct estimate *ratio = &verdicts->variants[verdicts->bench->n > 1 ? 1 : 0].ratio[verdicts->promise.measure];
    if (!verdicts->promise.given || !verdicts->claims || !ratio->known)
        return NULL;
    if (-ratio->low < log(verdicts->promise.low))
        return "less than predicted";
    if (ratio->high >= 0)
        return "not decided"; /* it may be no gain at all */
    return -ratio->high > log(verdicts->promise.high) ? "more than predicted" : "as predicted";
}
