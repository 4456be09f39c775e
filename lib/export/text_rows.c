/*
 * The tables of functions and lines: own code first, then the libraries, each by weight. See text.h.
 */
#include "diagnose/native_line.h"
#include "diagnose/operand_words.h"
#include "export/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double work_shown = 0.05;

void text_place(struct screen *screen, uint32_t file, uint32_t line, size_t width, bool pad)
{
    const char *name = file != 0 ? diagnosis_file(screen->profile, file) : "", *slash = strrchr(name, '/');
    struct buf text = {0};
    for (int brief = 0; brief < 2; brief++) {
        text.size = 0;
        buf_add_text(&text, brief && slash != NULL ? slash + 1 : name);
        if (line != 0 && file != 0)
            buf_printf(&text, ":%u", line);
        if (cells_width_of(&text) <= width)
            break;
    }
    cells_add_buf(&screen->out, &text, width, true, pad);
    text_done(screen, &text);
}

static bool sorted_by(const struct screen *screen, const char *key)
{
    const char *sort = screen->input->options->sort;
    return strcmp(sort != NULL ? sort : "own", key) == 0;
}

static double function_weight(const struct screen *screen, const struct function_sum *sum)
{
    bool total = sorted_by(screen, "total"), cpu = screen->input->options->cpu_clock;
    return cpu ? (total ? sum->total_cpu_ns : sum->self_cpu_ns) : (total ? sum->total_wall_ns : sum->self_wall_ns);
}

static double whole(const struct screen *screen)
{
    return screen->input->options->cpu_clock ? screen->aggregate->cpu_ns : screen->aggregate->wall_ns;
}

/* The weight of a row, and whether it stands among own code: all do where only the weight decides. */
typedef double weight_at(const struct screen *screen, size_t index, bool *own);

static double function_at(const struct screen *screen, size_t index, bool *own)
{
    const struct function_sum *sum = &screen->aggregate->functions[index];
    *own = !sorted_by(screen, "own") || screen->profile->function_own[sum->function];
    return sum->function == 0 ? 0 : function_weight(screen, sum);
}

static double line_at(const struct screen *screen, size_t index, bool *own)
{
    const struct line_sum *line = &screen->aggregate->lines[index];
    *own = screen->profile->function_own[line->function];
    return line->line == 0 ? 0 : screen->input->options->cpu_clock ? line->cpu_ns : line->wall_ns;
}

struct candidate {
    size_t index;
    double weight;
    bool own;
};

static int heavier(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->weight != right->weight)
        return left->weight < right->weight ? 1 : -1;
    return left->index < right->index ? -1 : left->index > right->index;
}

/* Takes up to `most` of the sorted candidates that are own code, or not. */
static size_t take(const struct candidate *candidates, size_t n, bool own, double least, size_t *picked, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < n && count < most; i++) {
        if (candidates[i].own == own && candidates[i].weight > 0 && candidates[i].weight >= least)
            picked[count++] = candidates[i].index;
    }
    return count;
}

/*
 * Rows of a table: own code first, then the libraries, each by weight. A library row of a tenth or more keeps a place.
 * `picked` has room for `rows`.
 */
static int pick_rows(const struct screen *screen, weight_at *at, size_t n, size_t rows, size_t *picked, size_t *count)
{
    double all = whole(screen);
    size_t heavy;
    struct candidate *candidates = mem_zalloc(n + 1, sizeof *candidates);
    if (candidates == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        candidates[i].index = i;
        candidates[i].weight = at(screen, i, &candidates[i].own);
    }
    qsort(candidates, n, sizeof *candidates, heavier);
    size_t kept = rows > 1 ? take(candidates, n, false, 0.1 * all, &heavy, 1) : 0;
    *count = take(candidates, n, true, 0.005 * all, picked, rows - kept);
    *count += take(candidates, n, false, 0.005 * all, picked + *count, rows - *count);
    mem_free(candidates);
    return 0;
}

enum { NAME_COLUMN = 14, NAME_WIDTH = 29, CALLS_WIDTH = 12, PLACE_MIN = 20 };

/* Counts take a column of their own, from the place's; a function that was not counted has none. */
static size_t calls_width(const struct screen *screen)
{
    return screen->profile->n_call_counts > 0 ? CALLS_WIDTH : 0;
}

static void add_calls(struct screen *screen, uint32_t function)
{
    uint64_t calls = profile_calls_of(screen->profile, function).calls;
    char text[32] = "";
    if (calls > 99999999) { /* wider than its column */
        cells_count(text, sizeof text, (calls + 500000) / 1000000);
        strcat(text, " M");
    } else if (calls > 0) {
        cells_count(text, sizeof text, calls);
    }
    if (calls_width(screen) > 0)
        buf_printf(&screen->out, "%*s  ", CALLS_WIDTH - 2, text);
}

static void add_functions_title(struct screen *screen)
{
    const char *name = sorted_by(screen, "own") ? "function (own code first)" : "function";
    text_style(screen, "2");
    buf_add_text(&screen->out, " self  total  ");
    if (calls_width(screen) > 0)
        buf_printf(&screen->out, "%*s  ", CALLS_WIDTH - 2, "calls");
    cells_padded(&screen->out, name, NAME_WIDTH + 2, false);
    buf_add_text(&screen->out, "file:line\n");
    text_style(screen, "0");
}

static void add_function(struct screen *screen, const struct function_sum *sum)
{
    const struct function *function = &screen->profile->functions[sum->function];
    bool cpu = screen->input->options->cpu_clock;
    size_t before = NAME_COLUMN + calls_width(screen) + NAME_WIDTH + 5;
    char self[24], total[24];
    cells_percent(self, sizeof self, (cpu ? sum->self_cpu_ns : sum->self_wall_ns) / whole(screen));
    cells_percent(total, sizeof total, (cpu ? sum->total_cpu_ns : sum->total_wall_ns) / whole(screen));
    buf_printf(&screen->out, "%5s  %5s  ", self, total);
    add_calls(screen, sum->function);
    cells_add(&screen->out, screen->profile->strings[function->name], screen->profile->string_lengths[function->name],
              NAME_WIDTH, false, true);
    buf_add_text(&screen->out, "  ");
    text_place(screen, function->file, sum->hot_line != 0 ? sum->hot_line : function->first_line,
               screen->width > before + PLACE_MIN ? screen->width - before : PLACE_MIN, false);
    buf_add_byte(&screen->out, '\n');
}

int text_functions(struct screen *screen, size_t rows)
{
    size_t *picked = mem_zalloc(rows + 1, sizeof *picked);
    if (picked == NULL)
        return ERR_NOMEM;
    size_t n = 0;
    if (pick_rows(screen, function_at, screen->aggregate->n_functions, rows, picked, &n) != 0) {
        mem_free(picked);
        return ERR_NOMEM;
    }
    if (n > 0)
        add_functions_title(screen);
    for (size_t i = 0; i < n; i++)
        add_function(screen, &screen->aggregate->functions[picked[i]]);
    mem_free(picked);
    return 0;
}

/* What it works on, and what compiled code it runs, below the line. */
static void add_work(struct screen *screen, const struct line_sum *line, double share)
{
    static void (*const add_words[])(const struct profile *, uint32_t file, uint32_t line,
                                     struct buf *) = {operand_words, native_line_words};
    if (share < work_shown || screen->tight >= TIGHT_FINDINGS)
        return;
    for (size_t i = 0; i < sizeof add_words / sizeof *add_words; i++) {
        struct buf words = {0};
        add_words[i](screen->profile, line->file, line->line, &words);
        if (words.size > 0) {
            buf_printf(&screen->out, "%18s", "");
            cells_add_buf(&screen->out, &words, screen->width > 60 ? screen->width - 18 : 42, false, false);
            buf_add_byte(&screen->out, '\n');
        }
        text_done(screen, &words);
    }
}

void text_add_source(struct screen *screen, uint32_t file, uint32_t line, const char *place)
{
    size_t length = 0, room = screen->width > 60 ? screen->width - 18 : 42;
    const char *source = profile_source_line(screen->profile, file, line, &length);
    if (source != NULL) {
        while (length > 0 && (*source == ' ' || *source == '\t'))
            source++, length--;
        size_t used = cells_add(&screen->out, source, length, room > 26 ? room - 24 : room, false, true);
        room = room > used + 1 ? room - used - 1 : 0;
        buf_add_byte(&screen->out, ' ');
    }
    cells_add(&screen->out, place, strlen(place), room, true, false);
    buf_add_byte(&screen->out, '\n');
}

static void add_line(struct screen *screen, const struct line_sum *line)
{
    const struct profile *profile = screen->profile;
    double on = 0, off = 0, exact = line->state_ns[STATE_RUNNABLE];
    for (int i = 0; i < STATE_COUNT; i++) {
        if (i != STATE_RUNNABLE)
            *(state_on_cpu((enum state)i) ? &on : &off) += line->state_ns[i];
    }
    struct share share = share_of(&screen->strata, on, off, exact);
    if (screen->input->options->cpu_clock) {
        struct strata cpu = {.on_ns = screen->strata.on_ns, .on_ticks = screen->strata.on_ticks};
        share = share_of(&cpu, on, 0, 0);
    }
    char number[16], text[48];
    snprintf(number, sizeof number, "%u", line->line);
    cells_percent_range(text, sizeof text, share.share, share.low, share.high);
    buf_printf(&screen->out, " %-6s ", number);
    cells_add(&screen->out, text, strlen(text), 9, false, true);
    buf_add_byte(&screen->out, ' ');
    text_add_source(screen, line->file, line->line, diagnosis_file(profile, line->file));
    add_work(screen, line, share.share);
}

int text_source_lines(struct screen *screen, size_t rows)
{
    size_t *picked = mem_zalloc(rows + 1, sizeof *picked);
    if (picked == NULL)
        return ERR_NOMEM;
    size_t n = 0;
    if (pick_rows(screen, line_at, screen->aggregate->n_lines, rows, picked, &n) != 0) {
        mem_free(picked);
        return ERR_NOMEM;
    }
    if (n > 0) {
        text_style(screen, "2");
        buf_add_text(&screen->out, " line   of time   source\n");
        text_style(screen, "0");
    }
    for (size_t i = 0; i < n; i++)
        add_line(screen, &screen->aggregate->lines[picked[i]]);
    mem_free(picked);
    return 0;
}
