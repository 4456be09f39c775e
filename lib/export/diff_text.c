/* The comparison on a screen: verdict, the changes with their intervals, what is inside the noise, stacks. */
#include "export/diff.h"

#include "export/cells.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 10, CHANGE_COLUMNS = 20, VALUE_COLUMNS = 9, NAME_COLUMNS = 22, PATH_BYTES = 100000, PATH_FRAMES = 40 };

struct screen {
    const struct diff_input *input;
    const struct comparison *comparison;
    struct buf out;
};

static void style(struct screen *screen, const char *code)
{
    if (screen->input->color)
        buf_printf(&screen->out, "\033[%sm", code);
}

static void print_seconds(char *out, size_t size, double seconds)
{
    if (seconds > 0)
        cells_seconds(out, size, seconds);
    else
        snprintf(out, size, "-");
}

/* "-5.20 s ±0.31": the sign says what red and blue repeat. */
static void print_change(char *out, size_t size, const struct change *change)
{
    double noise = fmax(change->high - change->change, change->change - change->low), by = fabs(change->change);
    const char *sign = change->change < 0 ? "-" : "+";
    if (fmax(by, noise) >= 0.1)
        snprintf(out, size, "%s%.2f s ±%.2f", sign, by, noise);
    else
        snprintf(out, size, "%s%.1f ms ±%.1f", sign, by * 1e3, noise * 1e3);
}

static void add_side(struct screen *screen, int side)
{
    const struct comparison *comparison = screen->comparison;
    const struct profile *profile = comparison->profile[side];
    struct buf line = {0};
    char wall[32], cpu[32], samples[32];
    const char *slash = strrchr(profile->path, '/'), *name = slash != NULL ? slash + 1 : profile->path;
    size_t more = comparison->runs[side].count - 1;
    cells_seconds(wall, sizeof wall, comparison->duration_s[side]);
    cells_seconds(cpu, sizeof cpu, comparison->cpu_s[side]);
    cells_count(samples, sizeof samples, comparison->all[side].ticks);
    if (more > 0)
        buf_printf(&line, " and %zu more", more);
    buf_printf(&line, "  %s wall  %s CPU  %s samples", wall, cpu, samples);
    size_t room = screen->input->width - 9, taken = cells_width_of(&line);
    buf_add_text(&screen->out, side == SIDE_A ? "A        " : "B        ");
    cells_add(&screen->out, name, strlen(name), room > taken ? room - taken : 1, true, false);
    buf_add_text(&screen->out, buf_text(&line));
    buf_add_byte(&screen->out, '\n');
    buf_release(&line);
}

static void add_head(struct screen *screen)
{
    const struct comparison *comparison = screen->comparison;
    struct buf notes = {0};
    add_side(screen, SIDE_A);
    add_side(screen, SIDE_B);
    diff_add_notes(comparison, &notes);
    const char *first = "of       ";
    for (const char *at = buf_text(&notes); *at != '\0';) {
        size_t length = strcspn(at, "\n");
        struct buf one = {0};
        buf_add(&one, at, length);
        cells_wrap(&screen->out, first, "         ", buf_text(&one), screen->input->width);
        buf_release(&one);
        first = "note     ";
        at += length + 1;
    }
    buf_add_byte(&screen->out, '\n');
    style(screen, "1");
    cells_wrap(&screen->out, "  ", "  ", comparison->headline, screen->input->width);
    style(screen, "0");
    cells_wrap(&screen->out, "  ", "  ", comparison->detail, screen->input->width);
    buf_add_byte(&screen->out, '\n');
    screen->out.failed = screen->out.failed || notes.failed;
    buf_release(&notes);
}

static void add_numbers(struct screen *screen, const struct change *change)
{
    char by[64], a[32], b[32];
    print_change(by, sizeof by, change);
    print_seconds(a, sizeof a, change->value[SIDE_A]);
    print_seconds(b, sizeof b, change->value[SIDE_B]);
    style(screen, change->change > 0 ? "31" : "34");
    cells_padded(&screen->out, by, CHANGE_COLUMNS, true);
    style(screen, "0");
    cells_padded(&screen->out, a, VALUE_COLUMNS, true);
    cells_padded(&screen->out, b, VALUE_COLUMNS, true);
    buf_add_text(&screen->out, "  ");
}

static const char *tag(enum change_kind kind)
{
    return kind == CHANGE_NEW ? "new: " : kind == CHANGE_VANISHED ? "gone: " : "";
}

static void add_function(struct screen *screen, uint32_t index)
{
    const struct compare_function *function = &screen->comparison->functions[index];
    struct compare_place place = compare_place(screen->comparison, index);
    struct buf name = {0}, file = {0};
    buf_add_text(&name, tag(function->self.kind));
    buf_add(&name, place.profile->strings[place.name], place.profile->string_lengths[place.name]);
    buf_add_text(&file, profile_short_file(place.profile->strings[place.file]));
    if (place.line > 0)
        buf_printf(&file, ":%u", place.line);
    add_numbers(screen, &function->self);
    size_t left = screen->input->width - CHANGE_COLUMNS - 2 * VALUE_COLUMNS - 2 - NAME_COLUMNS - 1;
    cells_add_buf(&screen->out, &name, NAME_COLUMNS, false, true);
    buf_add_byte(&screen->out, ' ');
    cells_add_buf(&screen->out, &file, left, true, false);
    buf_add_byte(&screen->out, '\n');
    screen->out.failed = screen->out.failed || name.failed || file.failed;
    buf_release(&name);
    buf_release(&file);
}

static void add_title(struct screen *screen, const char *last)
{
    style(screen, "2");
    cells_padded(&screen->out, "change", CHANGE_COLUMNS, true);
    cells_padded(&screen->out, "A", VALUE_COLUMNS, true);
    cells_padded(&screen->out, "B", VALUE_COLUMNS, true);
    buf_printf(&screen->out, "  %s", last);
    style(screen, "0");
    buf_add_byte(&screen->out, '\n');
}

static void add_noise(struct screen *screen)
{
    const struct comparison *comparison = screen->comparison;
    double sums[SIDES] = {0};
    size_t n = 0;
    for (size_t i = comparison->n_changed; i + 1 < comparison->n_functions; i++, n++) {
        for (int side = 0; side < SIDES; side++)
            sums[side] += comparison->functions[comparison->order[i]].self.value[side];
    }
    char a[32], b[32], text[256];
    if (n == 0)
        return;
    cells_seconds(a, sizeof a, sums[SIDE_A]);
    cells_seconds(b, sizeof b, sums[SIDE_B]);
    snprintf(text, sizeof text,
             "Inside the noise, or less than 1 %% of the whole: %zu function%s, %s in A and %s in B.", n,
             n == 1 ? "" : "s", a, b);
    cells_wrap(&screen->out, "", "", text, screen->input->width);
}

static void add_functions(struct screen *screen)
{
    const struct comparison *comparison = screen->comparison;
    size_t rows = screen->input->top > 0 ? screen->input->top : ROWS;
    if (comparison->n_changed > 0)
        add_title(screen, "function               file:line");
    for (size_t i = 0; i < comparison->n_changed && i < rows; i++)
        add_function(screen, comparison->order[i]);
    if (comparison->n_changed > rows)
        buf_printf(&screen->out, "%zu more changed; --top %zu shows all\n", comparison->n_changed - rows,
                   comparison->n_changed);
    add_noise(screen);
}

/* The path of a node, outermost first; the middle of a deep one is left out by the cutting at its beginning. */
static void add_path(const struct comparison *comparison, uint32_t node, struct buf *out)
{
    uint32_t path[PATH_FRAMES];
    size_t n = 0;
    for (; node != 0 && n < PATH_FRAMES; node = comparison->nodes[node].parent)
        path[n++] = comparison->nodes[node].function;
    if (node != 0)
        buf_add_text(out, "…;");
    while (n-- > 0 && out->size < PATH_BYTES) {
        struct compare_place place = compare_place(comparison, path[n]);
        buf_add(out, place.profile->strings[place.name], place.profile->string_lengths[place.name]);
        buf_add_text(out, n > 0 ? ";" : "");
    }
}

static void add_stacks(struct screen *screen)
{
    const struct comparison *comparison = screen->comparison;
    size_t rows = screen->input->top > 0 ? screen->input->top : ROWS;
    if (comparison->n_stacks == 0)
        return;
    buf_add_byte(&screen->out, '\n');
    add_title(screen, "stack, its own time");
    for (size_t i = 0; i < comparison->n_stacks && i < rows; i++) {
        uint32_t node = comparison->stacks[i];
        struct buf path = {0};
        add_numbers(screen, &comparison->nodes[node].self);
        const char *what = tag(comparison->nodes[node].self.kind);
        buf_add_text(&screen->out, what);
        add_path(comparison, node, &path);
        cells_add_buf(&screen->out, &path, screen->input->width - CHANGE_COLUMNS - 2 * VALUE_COLUMNS - 2 - strlen(what),
                      true, false);
        buf_add_byte(&screen->out, '\n');
        screen->out.failed = screen->out.failed || path.failed;
        buf_release(&path);
    }
    if (comparison->n_stacks > rows)
        buf_printf(&screen->out, "%zu more; --top %zu shows all\n", comparison->n_stacks - rows, comparison->n_stacks);
}

/* "orders.py:41>43  for order in orders:": the line in A and in B where it moved. */
static void add_line(struct screen *screen, const struct compare_line *line)
{
    struct compare_place place = compare_place(screen->comparison, line->function);
    struct buf text = {0};
    uint32_t a = line->line[SIDE_A], b = line->line[SIDE_B];
    add_numbers(screen, &line->self);
    buf_printf(&text, "%s%s:%u", tag(line->self.kind), profile_short_file(place.profile->strings[place.file]),
               a > 0 ? a : b);
    if (a > 0 && b > 0 && a != b)
        buf_printf(&text, ">%u", b);
    if (line->text != NULL) {
        buf_add_text(&text, "  ");
        buf_add(&text, line->text, line->text_length);
    }
    cells_add_buf(&screen->out, &text, screen->input->width - CHANGE_COLUMNS - 2 * VALUE_COLUMNS - 2, false, false);
    buf_add_byte(&screen->out, '\n');
    screen->out.failed = screen->out.failed || text.failed;
    buf_release(&text);
}

static void add_lines(struct screen *screen)
{
    const struct comparison *comparison = screen->comparison;
    size_t rows = screen->input->top > 0 ? screen->input->top : ROWS;
    if (comparison->n_changed_lines == 0)
        return;
    buf_add_byte(&screen->out, '\n');
    add_title(screen, "line, its own time");
    for (size_t i = 0; i < comparison->n_changed_lines && i < rows; i++)
        add_line(screen, &comparison->lines[i]);
    if (comparison->n_changed_lines > rows)
        buf_printf(&screen->out, "%zu more; --top %zu shows all\n", comparison->n_changed_lines - rows,
                   comparison->n_changed_lines);
}

static void add_states(struct screen *screen)
{
    bool any = false;
    for (int state = 0; state < STATE_COUNT; state++) {
        const struct change *change = &screen->comparison->states[state];
        if (change->kind == CHANGE_NOISE)
            continue;
        if (!any) {
            buf_add_byte(&screen->out, '\n');
            add_title(screen, "state of the threads");
        }
        any = true;
        add_numbers(screen, change);
        buf_printf(&screen->out, "%s\n", state_name((enum state)state));
    }
}

int diff_text(const struct diff_input *input, const struct sink *sink, struct err *err)
{
    struct diff_input wide = *input;
    wide.width = input->width >= 60 ? input->width : 80;
    struct screen screen = {.input = &wide, .comparison = input->comparison};
    add_head(&screen);
    add_functions(&screen);
    add_lines(&screen);
    add_stacks(&screen);
    add_states(&screen);
    int rc = screen.out.failed ? err_set(err, ERR_NOMEM, "cannot compare: out of memory")
                               : sink_write(sink, screen.out.data, screen.out.size);
    buf_release(&screen.out);
    return rc;
}
