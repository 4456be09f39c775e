/* report --lines, --callers and --callees: see text.h. A function is named as the tables show it, or by its last part.
 */
#include "export/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_named(const char *full, const char *name)
{
    size_t full_length = strlen(full), length = strlen(name);
    if (strcmp(full, name) == 0)
        return true;
    return length > 0 && full_length > length && full[full_length - length - 1] == '.' &&
           strcmp(full + full_length - length, name) == 0;
}

/* Marks the functions of that name; an error that names the hottest ones when there is none. */
static bool *find_functions(const struct screen *screen, const char *name, struct err *err)
{
    const struct profile *profile = screen->profile;
    bool *found = mem_zalloc(profile->n_functions + 1, sizeof *found);
    bool any = false;
    if (found == NULL) {
        err_set(err, ERR_NOMEM, "looking for %s: %s", name, err_sentence(ERR_NOMEM));
        return NULL;
    }
    for (size_t i = 1; i < profile->n_functions; i++) {
        found[i] = is_named(profile->strings[profile->functions[i].name], name);
        any = any || found[i];
    }
    if (any)
        return found;
    struct buf hottest = {0};
    for (size_t i = 0, n = 0; i < screen->aggregate->n_functions && n < 3; i++) {
        uint32_t function = screen->aggregate->functions[i].function;
        if (function == 0)
            continue;
        uint32_t text = profile->functions[function].name;
        buf_printf(&hottest, "%s", n++ > 0 ? ", " : "");
        buf_add_visible(&hottest, profile->strings[text], strnlen(profile->strings[text], 60));
    }
    err_set(err, ERR_NOT_FOUND, "no function named %s in this recording; the hottest are: %s", name,
            hottest.size > 0 ? buf_text(&hottest) : "none");
    buf_release(&hottest);
    mem_free(found);
    return NULL;
}

/* ---- lines ---------------------------------------------------------------------------------------------------------
 */

static const struct line_sum *sum_of_line(const struct screen *screen, uint32_t file, uint32_t line)
{
    for (size_t i = 0; i < screen->aggregate->n_lines; i++) {
        const struct line_sum *sum = &screen->aggregate->lines[i];
        if (sum->file == file && sum->line == line)
            return sum;
    }
    return NULL;
}

enum { SOURCE_COLUMN = 21 };

/* Columns that a part of a source line takes as it is shown. */
static size_t shown_width(const char *text, size_t length)
{
    struct buf shown = {0};
    size_t width = cells_add(&shown, text, length, SIZE_MAX / 2, false, false);
    buf_release(&shown);
    return width;
}

/* Underlines what most of a line's samples were in, unless it is all of the line. */
static void add_underline(struct screen *screen, uint32_t file, uint32_t line, const char *source, size_t length)
{
    uint64_t ticks;
    const struct expression *hot = profile_hot_expression(screen->profile, file, line, &ticks);
    size_t first = 0, last = length;
    while (first < length && (source[first] == ' ' || source[first] == '\t'))
        first++;
    if (hot == NULL || hot->ticks * 2 < ticks || hot->column >= length || hot->column < first)
        return;
    if (hot->end_line == line && hot->end_column < length)
        last = hot->end_column;
    if (last <= hot->column || (hot->column == first && last == length))
        return;
    size_t before = shown_width(source, hot->column), width = shown_width(source + hot->column, last - hot->column);
    size_t room = screen->width > SOURCE_COLUMN ? screen->width - SOURCE_COLUMN : 0;
    if (before + width > room)
        return;
    buf_printf(&screen->out, "%*s", (int)(SOURCE_COLUMN + before), "");
    for (size_t i = 0; i < width; i++)
        buf_add_byte(&screen->out, '^');
    buf_add_byte(&screen->out, '\n');
}

static void add_source_line(struct screen *screen, uint32_t file, uint32_t line)
{
    const struct line_sum *sum = sum_of_line(screen, file, line);
    char own[24] = "", total[24] = "";
    if (sum != NULL && sum->wall_ns > 0)
        cells_percent(own, sizeof own, sum->wall_ns / screen->aggregate->wall_ns);
    if (sum != NULL && sum->total_wall_ns > 0)
        cells_percent(total, sizeof total, sum->total_wall_ns / screen->aggregate->wall_ns);
    size_t length = 0;
    const char *source = profile_source_line(screen->profile, file, line, &length);
    buf_printf(&screen->out, "%6u %5s  %5s  ", line, own, total);
    if (source != NULL)
        cells_add(&screen->out, source, length, screen->width - SOURCE_COLUMN, false, false);
    buf_add_byte(&screen->out, '\n');
    if (source != NULL && sum != NULL)
        add_underline(screen, file, line, source, length);
}

enum { SPAN_MAX = 20000 };

/* From the definition (or the first sampled line) to the last sampled line, and a little more. */
static void add_annotated(struct screen *screen, uint32_t id)
{
    const struct profile *profile = screen->profile;
    const struct function *function = &profile->functions[id];
    uint32_t first = function->first_line, last = 0;
    for (size_t i = 1; i < profile->n_frames; i++) {
        uint32_t line = profile->frames[i].line;
        if (profile->frames[i].function != id || line == 0)
            continue;
        first = first == 0 || line < first ? line : first;
        last = line > last ? line : last;
    }
    struct buf title = {0};
    buf_add_visible(&title, profile->strings[function->name], profile->string_lengths[function->name]);
    buf_add_text(&title, "  ");
    buf_add_visible(&title, profile->strings[function->file], profile->string_lengths[function->file]);
    text_style(screen, "1");
    cells_add_buf(&screen->out, &title, screen->width, false, false);
    text_style(screen, "0");
    text_done(screen, &title);
    buf_add_text(&screen->out, "\n  line  self  total  source\n");
    bool gap = false;
    if (last - first >= SPAN_MAX && first <= last)
        last = first + SPAN_MAX; /* no function is that long: damaged data */
    for (uint32_t line = first; line != 0 && line <= last; line++) {
        size_t length;
        bool known = profile_source_line(profile, function->file, line, &length) != NULL ||
                     sum_of_line(screen, function->file, line) != NULL;
        if (known)
            add_source_line(screen, function->file, line);
        else if (!gap)
            buf_add_text(&screen->out, "     …\n");
        gap = !known;
    }
    if (last == 0)
        buf_add_text(&screen->out, "  no line of it was seen\n");
}

int text_lines(struct screen *screen, const char *name, struct err *err)
{
    bool *found = find_functions(screen, name, err);
    if (found == NULL)
        return err->code;
    for (uint32_t i = 1; i < screen->profile->n_functions; i++) {
        if (found[i])
            add_annotated(screen, i);
    }
    mem_free(found);
    return 0;
}

/* ---- callers and callees -------------------------------------------------------------------------------------------
 */

struct call_row {
    uint32_t function; /* 0: none: called from nowhere, or itself at work */
    double wall_ns;
};

static int compare_rows(const void *a, const void *b)
{
    const struct call_row *left = a, *right = b;
    return (left->wall_ns < right->wall_ns) - (left->wall_ns > right->wall_ns);
}

/* Adds a subtree's neighbours: below (callees) or above (callers) the outermost frame of a found function. */
static void visit(const struct tree *tree, const bool *found, bool callers, bool *inside, double *weights)
{
    for (size_t i = 1; i < tree->n_nodes; i++) { /* a parent comes before its children */
        const struct tree_node *node = &tree->nodes[i];
        bool inner = inside[node->parent];
        inside[i] = inner || found[node->function];
        if (inner || !found[node->function])
            continue; /* recursion: counted at the outermost */
        if (callers) {
            weights[node->parent != 0 ? tree->nodes[node->parent].function : 0] += node->total_wall_ns;
            continue;
        }
        weights[0] += node->self_wall_ns;
        for (uint32_t child = node->first_child; child != 0; child = tree->nodes[child].next_sibling)
            weights[tree->nodes[child].function] += tree->nodes[child].total_wall_ns;
    }
}

static void add_call_row(struct screen *screen, const struct call_row *row, double sum, bool callers)
{
    char share[24], of_all[24];
    cells_percent(share, sizeof share, sum > 0 ? row->wall_ns / sum : 0);
    cells_percent(of_all, sizeof of_all, row->wall_ns / screen->aggregate->wall_ns);
    buf_printf(&screen->out, "%5s  %5s  ", share, of_all);
    if (row->function == 0) {
        buf_add_text(&screen->out, callers ? "(outermost)\n" : "(itself)\n");
        return;
    }
    const struct profile *profile = screen->profile;
    const struct function *function = &profile->functions[row->function];
    cells_add(&screen->out, profile->strings[function->name], profile->string_lengths[function->name], 29, false, true);
    buf_add_text(&screen->out, "  ");
    const char *file = diagnosis_file(profile, function->file);
    cells_add(&screen->out, file, strlen(file), screen->width - 48, true, false);
    buf_add_byte(&screen->out, '\n');
}

static void add_call_table(struct screen *screen, const char *name, bool callers, const double *weights,
                           struct call_row *rows)
{
    size_t n = 0, most = screen->input->options->top > 0 ? screen->input->options->top : 20;
    double sum = 0;
    for (uint32_t i = 0; i < screen->profile->n_functions; i++) {
        if (weights[i] > 0)
            rows[n++] = (struct call_row){.function = i, .wall_ns = weights[i]};
        sum += weights[i];
    }
    qsort(rows, n, sizeof *rows, compare_rows);
    text_style(screen, "1");
    buf_add_text(&screen->out, callers ? "callers of " : "callees of ");
    buf_add_visible(&screen->out, name, strlen(name));
    text_style(screen, "0");
    buf_add_text(&screen->out, "\nshare  of all  function\n");
    for (size_t i = 0; i < n && i < most; i++)
        add_call_row(screen, &rows[i], sum, callers);
    if (n == 0)
        buf_add_text(&screen->out, "  not seen in this part of the recording\n");
}

int text_calls(struct screen *screen, const char *name, bool callers, struct err *err)
{
    size_t n = screen->profile->n_functions + 1;
    struct tree *tree = NULL;
    struct call_row *rows = NULL;
    double *weights = NULL;
    bool *inside = NULL, *found = find_functions(screen, name, err);
    if (found == NULL)
        return err->code;
    int rc = tree_new(screen->profile, &screen->input->filter, false, &tree);
    if (rc == 0) {
        weights = mem_zalloc(n, sizeof *weights);
        rows = mem_zalloc(n, sizeof *rows);
        inside = mem_zalloc(tree->n_nodes, sizeof *inside); /* by node: below, or at, a found function */
        rc = weights == NULL || rows == NULL || inside == NULL ? ERR_NOMEM : 0;
    }
    if (rc == 0) {
        visit(tree, found, callers, inside, weights);
        add_call_table(screen, name, callers, weights, rows);
    } else {
        err_set(err, rc, "making the table of calls: %s", err_sentence(rc));
    }
    tree_free(tree);
    mem_free(rows);
    mem_free(weights);
    mem_free(inside);
    mem_free(found);
    return rc;
}
