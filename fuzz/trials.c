/*
 * What `bench`, `scale` and `stat` take from others: results that were saved, and what is made of them;
 * commands, parameters and sizes; what a timed statement's process answered. The first byte chooses.
 */
#include "capture/trials/command_line.h"
#include "capture/trials/snippet.h"
#include "data/baseline.h"
#include "data/scan.h"
#include "diagnose/ratio.h"
#include "fuzz.h"

#include <math.h>
#include <string.h>

enum { SCANS_MAX = 4, COMBINATIONS_MAX = 64, FILLED_MAX = 1 << 16 };

/* What is made of a variant's runs, and of those of the one that it was compared with. */
static void hold_against(const struct baseline_variant *variant, const struct baseline_variant *reference)
{
    const struct estimate today = {.known = true, .log = 0.1, .low = -0.1, .high = 0.2, .n = 8};
    struct estimate sessions[2];
    int m = 0;
    while (m < BENCH_MEASURES && variant->n[m] < RATIO_ROUNDS_MIN)
        m++;
    if (m == BENCH_MEASURES)
        return;
    size_t both = variant->n[m] < reference->n[m] ? variant->n[m] : reference->n[m];
    MUST(estimate_value(variant->runs[m], variant->n[m], 0.05, &sessions[0]) == 0);
    MUST(estimate_ratio(reference->runs[m], variant->runs[m], both, 0.05, &sessions[1]) == 0);
    for (size_t i = 0; i < 2; i++) {
        struct estimate change = estimate_change(&today, &sessions[i], sessions[i].known);
        MUST(!sessions[i].known || (isfinite(sessions[i].log) && sessions[i].low <= sessions[i].high));
        MUST(!change.known || (isfinite(change.log) && change.low <= change.high));
    }
}

static void read_baseline(char *text, size_t size)
{
    struct baseline baseline;
    struct buf buf = {0};
    struct err err = {0};
    buf_add(&buf, text, size);
    if (baseline_parse(&buf, "earlier.json", &baseline, &err) == 0) {
        MUST(baseline.n > 0 && baseline.n <= BENCH_VARIANTS_MAX);
        for (size_t i = 0; i < baseline.n; i++) {
            const struct baseline_variant *variant = &baseline.variants[i];
            MUST(variant->reference < BENCH_VARIANTS_MAX && (variant->command == NULL || variant->parameters != NULL));
        }
        hold_against(&baseline.variants[baseline.n - 1], &baseline.variants[0]);
        baseline_release(&baseline);
    } else {
        MUST(err.text[0] != '\0');
    }
    buf_release(&buf);
}

static void read_command(char *text, size_t size)
{
    struct command_line line;
    struct err err = {0};
    (void)size;
    if (command_line_split(text, &line, &err) != 0) {
        MUST(err.text[0] != '\0');
        return;
    }
    size_t bytes = 0;
    for (size_t i = 0; line.argv[i] != NULL; i++)
        bytes += strlen(line.argv[i]) + 1;
    MUST(line.argv[0] != NULL && bytes <= strlen(text) + sizeof "/bin/sh" + sizeof "-c" + 1);
    command_line_release(&line);
}

static void read_answer(char *text, size_t size)
{
    struct snippet_answer answer;
    FILE *file = size > 0 ? fmemopen(text, size, "r") : NULL;
    if (file == NULL)
        return;
    if (snippet_read(file, &answer) == 0) {
        MUST(answer.loops > 0 && answer.n > 0 && answer.n <= SNIPPET_VALUES);
        for (size_t i = 0; i < answer.n; i++)
            MUST(isfinite(answer.wall[i]) && isfinite(answer.cpu[i]));
    }
    fclose(file);
}

/* Lines: a command, then parameters. */
static void read_scans(char *text, size_t size)
{
    struct scan scans[SCANS_MAX];
    struct err err = {0};
    size_t n = 0;
    (void)size;
    char *command = strsep(&text, "\n");
    while (text != NULL && n < SCANS_MAX) {
        if (scan_read(strsep(&text, "\n"), &scans[n], &err) == 0)
            n++;
        else
            MUST(err.text[0] != '\0');
    }
    for (size_t i = 0; i < COMBINATIONS_MAX; i++) {
        struct buf filled = {0};
        scan_fill(command, scans, n, &filled);
        MUST(filled.failed || filled.size <= FILLED_MAX * (size + 1));
        buf_release(&filled);
        for (size_t k = 0; k < n; k++)
            MUST(scans[k].at < scans[k].count);
        if (!scan_next(scans, n))
            break;
    }
}

static void read_sizes(char *text, size_t size)
{
    struct err err = {0};
    (void)size;
    for (const char *at = text; *at != '\0'; at += *at == ',') {
        size_t length = strcspn(at, ",");
        double value;
        if (scan_size(at, length, &value, &err) == 0)
            MUST(isfinite(value) && value > 0 && memchr(at, '/', length) == NULL); /* it becomes a file's name */
        at += length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(char *, size_t) = {read_baseline, read_command, read_answer, read_scans, read_sizes};
    if (size < 1)
        return 0;
    char *text = malloc(size); /* its own, so that a byte behind it is seen */
    MUST(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    readers[data[0] % (sizeof readers / sizeof readers[0])](text, size - 1);
    free(text);
    return 0;
}
