/* The screen and the Markdown table of keisoku bench. */
#include "export/bench.h"

#include "export/cells.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_COLUMNS = 11, SIDE_COLUMNS = 19, VALUE_COLUMNS = 16, SMALL_COLUMNS = 9 };

static const char *const measure_names[BENCH_MEASURES] = {"wall", "CPU", "peak", "faults"};

/* "1.84 s ±0.03": the half width in the unit of the value. */
static void print_value(const struct variant_verdict *verdict, int measure, bool noise, char *out, size_t size)
{
    enum measure_unit unit = measure_rows[bench_measures[measure]].unit;
    const struct estimate *value = &verdict->value[measure];
    double shown = value->known ? exp(value->log) : verdict->summary[measure].median;
    trials_value(out, size, unit, shown);
    if (!noise || !value->known)
        return;
    double half = (exp(value->high) - exp(value->low)) / 2;
    char text[32];
    trials_value(text, sizeof text, unit, half);
    size_t taken = strlen(out);
    const char *own_unit = strrchr(out, ' '), *half_unit = strrchr(text, ' ');
    if (unit != UNIT_COUNT && own_unit != NULL && half_unit != NULL) {
        /* The same unit, and as many digits behind the point as the value has. */
        const char *point = strchr(out, '.');
        int places = point != NULL ? (int)(own_unit - point) - 1 : 0;
        double scale = shown > 0 ? strtod(out, NULL) / shown : 1;
        snprintf(out + taken, size - taken, " ±%.*f", places, half * scale);
    } else {
        snprintf(out + taken, size - taken, " ±%s", text);
    }
}

static void add_lines(struct buf *out, const char *first, const char *indent, struct buf *lines, uint32_t width)
{
    for (const char *at = buf_text(lines); *at != '\0';) {
        size_t length = strcspn(at, "\n");
        struct buf one = {0};
        buf_add(&one, at, length);
        cells_wrap(out, first, indent, buf_text(&one), width);
        buf_release(&one);
        at += length + 1;
    }
}

static void add_head(const struct verdicts *verdicts, const struct trials_screen *screen, struct buf *out)
{
    const struct bench *bench = verdicts->bench;
    struct buf sentences = {0};
    buf_printf(out, "%u interleaved %s, %u warm-up", bench->rounds, bench->rounds == 1 ? "round" : "rounds",
               bench->warmups);
    if (bench->output_compared && !verdicts->failed)
        buf_add_text(out, ", outputs equal");
    if (bench->python)
        buf_add_text(out, ", a process each");
    buf_add_byte(out, '\n');
    for (size_t i = 0; i < bench->n; i++) {
        const struct bench_variant *variant = &bench->variants[i];
        struct buf command = {0};
        buf_add_text(&command, variant->command);
        if (variant->parameters[0] != '\0')
            buf_printf(&command, "  [%s]", variant->parameters);
        buf_printf(out, "%c  ", (char)('A' + i));
        cells_add_buf(out, &command, screen->width - 3, false, false);
        buf_add_byte(out, '\n');
        buf_release(&command);
    }
    bench_sentences(verdicts, &sentences);
    if (sentences.size > 0) {
        buf_add_byte(out, '\n');
        trials_style(out, screen, "1");
        add_lines(out, "  ", "  ", &sentences, screen->width);
        trials_style(out, screen, "0");
    }
    out->failed = out->failed || sentences.failed;
    buf_release(&sentences);
}

/* Two commands side by side. */
static void add_pair(const struct verdicts *verdicts, const struct trials_screen *screen, struct buf *out)
{
    char text[96];
    trials_style(out, screen, "2");
    cells_padded(out, "", LABEL_COLUMNS, false);
    cells_padded(out, "A", SIDE_COLUMNS, false);
    cells_padded(out, "B", SIDE_COLUMNS, false);
    buf_add_text(out, verdicts->claims ? "B is" : "");
    trials_style(out, screen, "0");
    buf_add_byte(out, '\n');
    for (int measure = 0; measure < BENCH_MEASURES; measure++) {
        cells_padded(out, measure_names[measure], LABEL_COLUMNS, false);
        for (size_t i = 0; i < 2; i++) {
            print_value(&verdicts->variants[i], measure, true, text, sizeof text);
            cells_padded(out, text, SIDE_COLUMNS, false);
        }
        bench_ratio(verdicts, 1, measure, text, sizeof text);
        buf_add_text(out, text);
        buf_add_byte(out, '\n');
    }
}

/* A row for each of several, or of one. */
static void add_rows(const struct verdicts *verdicts, const struct trials_screen *screen, struct buf *out)
{
    char text[96];
    trials_style(out, screen, "2");
    cells_padded(out, "", 3, false);
    cells_padded(out, "wall", VALUE_COLUMNS, false);
    for (int measure = 1; measure < BENCH_MEASURES; measure++)
        cells_padded(out, measure_names[measure], SMALL_COLUMNS, false);
    if (verdicts->comparisons > 0 && verdicts->claims)
        buf_printf(out, "%s", verdicts->measure == 0 ? "wall is" : measure_names[verdicts->measure]);
    trials_style(out, screen, "0");
    buf_add_byte(out, '\n');
    for (size_t i = 0; i < verdicts->bench->n; i++) {
        buf_printf(out, "%c  ", (char)('A' + i));
        for (int measure = 0; measure < BENCH_MEASURES; measure++) {
            print_value(&verdicts->variants[i], measure, measure == 0, text, sizeof text);
            cells_padded(out, text, measure == 0 ? VALUE_COLUMNS : SMALL_COLUMNS, false);
        }
        bench_ratio(verdicts, i, verdicts->measure, text, sizeof text);
        buf_add_text(out, text);
        size_t reference = verdicts->bench->variants[i].reference;
        if (text[0] != '\0' && reference != 0)
            buf_printf(out, " by %c", (char)('A' + reference));
        buf_add_byte(out, '\n');
    }
}

/* As timeit and pyperf tell it. */
static void add_loops(const struct verdicts *verdicts, struct buf *out)
{
    for (size_t i = 0; i < verdicts->bench->n; i++) {
        const struct summary *loops = &verdicts->variants[i].loops;
        char least[32], mean[32], sd[32];
        trials_value(least, sizeof least, UNIT_SECONDS, loops->least);
        trials_value(mean, sizeof mean, UNIT_SECONDS, loops->mean);
        trials_value(sd, sizeof sd, UNIT_SECONDS, loops->sd);
        buf_printf(out, "%c  %llu loops, best of %zu: %s a loop; mean %s ±%s (sd)\n", (char)('A' + i),
                   (unsigned long long)verdicts->bench->variants[i].loops, loops->n, least, mean, sd);
    }
}

static void add_gain(const struct verdicts *verdicts, struct buf *out)
{
    const char *word = bench_gain_word(verdicts);
    char low[32], high[32], achieved[32];
    if (verdicts->promise.recording == NULL)
        return;
    if (!verdicts->promise.given) {
        buf_printf(out, "predicted   nothing: finding %u of %s promises no gain\n", verdicts->promise.rank,
                   verdicts->promise.recording);
        return;
    }
    cells_gain(low, sizeof low, verdicts->promise.low);
    cells_gain(high, sizeof high, verdicts->promise.high);
    cells_gain(achieved, sizeof achieved, exp(-verdicts->variants[1].ratio[verdicts->promise.measure].log));
    cells_padded(out, "predicted", LABEL_COLUMNS, false);
    buf_printf(out, "%s to %s", low, high);
    if (word != NULL)
        buf_printf(out, "      achieved %s      %s", achieved, word);
    if (verdicts->promise.kept)
        buf_printf(out, "\n           kept in %s (keisoku report --gains)", verdicts->promise.recording);
    buf_add_byte(out, '\n');
}

void bench_text(const struct verdicts *verdicts, const struct trials_screen *screen, struct buf *out)
{
    struct buf notes = {0};
    add_head(verdicts, screen, out);
    buf_add_byte(out, '\n');
    if (verdicts->bench->n == 2 && verdicts->comparisons == 1)
        add_pair(verdicts, screen, out);
    else
        add_rows(verdicts, screen, out);
    add_gain(verdicts, out);
    if (verdicts->bench->python) {
        buf_add_byte(out, '\n');
        add_loops(verdicts, out);
    }
    bench_notes(verdicts, &notes);
    if (notes.size > 0)
        buf_add_byte(out, '\n');
    add_lines(out, "note  ", "      ", &notes, screen->width);
    out->failed = out->failed || notes.failed;
    buf_release(&notes);
}

/* ---- Markdown ------------------------------------------------------------------------------------------------------
 */

static void add_markdown_text(struct buf *out, const char *text)
{
    struct buf visible = {0};
    buf_add_visible(&visible, text, strlen(text));
    for (const char *at = buf_text(&visible); *at != '\0'; at++) {
        if (*at == '|' || *at == '`')
            buf_add_byte(out, '\\');
        buf_add_byte(out, (uint8_t)*at);
    }
    out->failed = out->failed || visible.failed;
    buf_release(&visible);
}

void bench_markdown(const struct verdicts *verdicts, struct buf *out)
{
    buf_add_text(out, "| | command | wall | least | most | CPU | peak | faults | compared |\n");
    buf_add_text(out, "|---|---|---:|---:|---:|---:|---:|---:|---|\n");
    for (size_t i = 0; i < verdicts->bench->n; i++) {
        const struct bench_variant *variant = &verdicts->bench->variants[i];
        const struct variant_verdict *verdict = &verdicts->variants[i];
        char text[96];
        buf_printf(out, "| %c | ", (char)('A' + i));
        add_markdown_text(out, variant->command);
        if (variant->parameters[0] != '\0') {
            buf_add_text(out, " (");
            add_markdown_text(out, variant->parameters);
            buf_add_text(out, ")");
        }
        print_value(verdict, 0, true, text, sizeof text);
        buf_printf(out, " | %s", text);
        trials_value(text, sizeof text, UNIT_SECONDS, verdict->summary[0].least);
        buf_printf(out, " | %s", text);
        trials_value(text, sizeof text, UNIT_SECONDS, verdict->summary[0].most);
        buf_printf(out, " | %s", text);
        for (int measure = 1; measure < BENCH_MEASURES; measure++) {
            print_value(verdict, measure, false, text, sizeof text);
            buf_printf(out, " | %s", text);
        }
        bench_ratio(verdicts, i, verdicts->measure, text, sizeof text);
        buf_printf(out, " | %s |\n", text);
    }
    for (size_t i = 0; i < verdicts->n_means; i++) {
        const struct mean_verdict *mean = &verdicts->means[i];
        char text[96];
        buf_add_text(out, "| | geometric mean of ");
        bench_mean_labels(verdicts, mean, false, out);
        bench_ratio_words(&mean->ratio[verdicts->measure], verdicts->measure, text, sizeof text);
        buf_printf(out, " | | | | | | | %s |\n", text);
    }
}
