/*
 * The verdict on one screen: at most `height` lines (24) of `width` columns unless rows are asked for with --top.
 * Order: what was measured, can it be trusted, what to do, where the time went, which functions and lines, what else.
 * Colour only repeats what words and marks say. Text from the target passes through buf_add_visible. The sizes of the
 * written files are all that is asked of the system.
 */
#include "export/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { HEIGHT_LEAST = 20, HEIGHT = 24, ROWS_LEAST = 2, ROWS_MAX = 1000 };

void text_style(struct screen *screen, const char *code)
{
    if (screen->input->options->color)
        buf_printf(&screen->out, "\033[%sm", code);
}

void text_done(struct screen *screen, struct buf *part)
{
    screen->out.failed = screen->out.failed || part->failed;
    buf_release(part);
}

static size_t count_lines(const struct buf *buf)
{
    size_t lines = 0;
    for (size_t i = 0; i < buf->size; i++)
        lines += buf->data[i] == '\n';
    return lines;
}

static void add_path(struct buf *out, const char *path)
{
    struct stat status;
    char size[32];
    buf_add_visible(out, path, strlen(path));
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
        cells_bytes(size, sizeof size, (double)status.st_size);
        buf_printf(out, "  (%s)", size);
    }
}

static void add_files(struct screen *screen)
{
    const char *path = screen->profile->path, *page = screen->input->options->page_path;
    if (path == NULL)
        return;
    add_path(&screen->out, path);
    if (page != NULL) {
        buf_add_text(&screen->out, "   ");
        add_path(&screen->out, page);
    }
    buf_add_byte(&screen->out, '\n');
}

/* ---- the screen ----------------------------------------------------------------------------------------------------
 */

enum block {
    BLOCK_HEAD,
    BLOCK_VERDICT,
    BLOCK_NEXT, /* where a line is free */
    BLOCK_LEDGER,
    BLOCK_FUNCTIONS,
    BLOCK_LINES,
    BLOCK_MEMORY,
    BLOCK_FINDINGS,
    BLOCK_FILES,
    BLOCKS
};

static int draw_block(struct screen *screen, enum block block, size_t rows)
{
    switch (block) {
    case BLOCK_HEAD:
        text_header(screen);
        text_trust(screen);
        return 0;
    case BLOCK_VERDICT:
        text_verdict(screen);
        return 0;
    case BLOCK_NEXT:
        if (rows > 0)
            text_next_measurement(screen);
        return 0;
    case BLOCK_LEDGER:
        text_ledger(screen);
        return 0;
    case BLOCK_FUNCTIONS:
        return text_functions(screen, rows);
    case BLOCK_LINES:
        return text_source_lines(screen, rows);
    case BLOCK_MEMORY:
        return text_memory(screen, rows);
    case BLOCK_FINDINGS:
        text_finding_rows(screen);
        return 0;
    default:
        add_files(screen);
        return 0;
    }
}

/* Draws one block into its own buffer: what is left of the screen decides about the next. */
static int draw_apart(struct screen *screen, enum block block, size_t rows, struct buf *out)
{
    struct buf whole_screen = screen->out;
    screen->out = (struct buf){0};
    int rc = draw_block(screen, block, rows);
    buf_release(out);
    *out = screen->out;
    screen->out = whole_screen;
    screen->out.failed = screen->out.failed || out->failed;
    return rc;
}

static void join(struct screen *screen, const struct buf *blocks, const bool *blank)
{
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i].size == 0)
            continue;
        if (blank[i])
            buf_add_byte(&screen->out, '\n');
        buf_add(&screen->out, blocks[i].data, blocks[i].size);
        screen->out.failed = screen->out.failed || blocks[i].failed;
    }
}

/* One row more of the block, where there is room: a row can take several lines. */
static int add_row(struct screen *screen, enum block block, size_t *given, struct buf *drawn, size_t *used)
{
    struct buf more = {0};
    int rc = draw_apart(screen, block, *given + 1, &more);
    size_t lines = *used - count_lines(drawn) + count_lines(&more);
    if (rc == 0 && lines <= screen->height) {
        struct buf before = *drawn;
        *drawn = more;
        more = before;
        *used = lines;
        ++*given;
    }
    buf_release(&more);
    return rc;
}

/* What is left of the screen goes to blank lines and rows, in this order; with --top nothing is limited. */
static int spend_rest(struct screen *screen, struct buf *blocks, bool *blank, size_t rows, size_t used)
{
    static const struct {
        enum block block;
        bool row;
    } wishes[] = {{BLOCK_VERDICT, false},  {BLOCK_LEDGER, false},   {BLOCK_NEXT, true},   {BLOCK_FUNCTIONS, false},
                  {BLOCK_FINDINGS, false}, {BLOCK_FUNCTIONS, true}, {BLOCK_LINES, true},  {BLOCK_LINES, false},
                  {BLOCK_MEMORY, false},   {BLOCK_MEMORY, true},    {BLOCK_FILES, false}, {BLOCK_FUNCTIONS, true},
                  {BLOCK_LINES, true},     {BLOCK_FUNCTIONS, true}, {BLOCK_LINES, true}};
    size_t given[BLOCKS] = {[BLOCK_FUNCTIONS] = rows, [BLOCK_LINES] = rows, [BLOCK_MEMORY] = rows},
           top = screen->input->options->top;
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0] && (used < screen->height || top > 0); i++) {
        enum block block = wishes[i].block;
        if ((blocks[block].size == 0 && block != BLOCK_NEXT) || (!wishes[i].row && blank[block]))
            continue;
        if (!wishes[i].row) {
            blank[block] = true;
            used++;
        } else if (top == 0) {
            int rc = add_row(screen, block, &given[block], &blocks[block], &used);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

static int draw_blocks(struct screen *screen, size_t rows, struct buf *blocks, size_t *used)
{
    int rc = 0;
    *used = screen->tight >= TIGHT_BLANKS ? 0 : 2;
    for (int i = 0; rc == 0 && i < BLOCKS; i++) {
        rc = draw_apart(screen, (enum block)i, i == BLOCK_NEXT && screen->input->options->top == 0 ? 0 : rows,
                        &blocks[i]);
        *used += count_lines(&blocks[i]);
    }
    return rc;
}

static int draw_screen(struct screen *screen)
{
    struct buf blocks[BLOCKS] = {0};
    bool blank[BLOCKS] = {[BLOCK_VERDICT] = true, [BLOCK_LEDGER] = true};
    size_t used, top = screen->input->options->top, rows = top > 0 ? top : ROWS_LEAST;
    if (rows > ROWS_MAX)
        rows = ROWS_MAX;
    int rc = draw_blocks(screen, rows, blocks, &used);
    while (rc == 0 && top == 0 && used > screen->height && screen->tight < TIGHT_MOST) {
        screen->tight++;
        rows = screen->tight >= TIGHT_ROWS ? 1 : rows;
        blank[BLOCK_VERDICT] = blank[BLOCK_LEDGER] = screen->tight < TIGHT_BLANKS;
        rc = draw_blocks(screen, rows, blocks, &used);
    }
    rc = rc == 0 ? spend_rest(screen, blocks, blank, rows, used) : rc;
    join(screen, blocks, blank);
    for (int i = 0; i < BLOCKS; i++)
        buf_release(&blocks[i]);
    return rc;
}

static int draw(struct screen *screen, struct err *err)
{
    const struct kei_export_options *options = screen->input->options;
    int rc = 0;
    if (options->lines_of != NULL)
        rc = text_lines(screen, options->lines_of, err);
    if (rc == 0 && options->callers_of != NULL)
        rc = text_calls(screen, options->callers_of, true, err);
    if (rc == 0 && options->callees_of != NULL)
        rc = text_calls(screen, options->callees_of, false, err);
    if (rc == 0 && options->tasks)
        rc = text_tasks(screen, err);
    if (rc == 0 && options->threads)
        rc = text_threads(screen);
    if (rc == 0 && options->findings)
        text_findings_in_full(screen);
    if (options->tasks || options->threads || options->findings || options->lines_of != NULL ||
        options->callers_of != NULL || options->callees_of != NULL)
        return rc;
    rc = draw_screen(screen);
    return rc == 0 ? 0 : err_set(err, rc, "writing the report: %s", err_sentence(rc));
}

int export_text(const struct export_input *input, const struct sink *sink, struct err *err)
{
    struct err spare = {0};
    if (err == NULL)
        err = &spare;
    struct screen screen = {.input = input, .profile = input->profile, .diagnosis = input->diagnosis};
    screen.width = input->options->width == 0 ? 80 : input->options->width < 60 ? 60 : input->options->width;
    uint32_t height = input->options->height;
    screen.height = height == 0 ? HEIGHT : height < HEIGHT_LEAST ? HEIGHT_LEAST : height;
    const char *sort = input->options->sort;
    if (sort != NULL && strcmp(sort, "own") != 0 && strcmp(sort, "self") != 0 && strcmp(sort, "total") != 0)
        return err_set(err, ERR_BAD_INPUT, "cannot sort by %s: it is own, self or total", sort);
    int rc = aggregate_new(input->profile, &input->filter, &screen.aggregate);
    if (rc != 0)
        return err_set(err, rc, "writing the report: %s", err_sentence(rc));
    double ticks[STATE_COUNT];
    for (int i = 0; i < STATE_COUNT; i++)
        ticks[i] = (double)screen.aggregate->state_ticks[i];
    screen.strata = strata_of(screen.aggregate->state_wall_ns, ticks);
    rc = draw(&screen, err);
    if (rc == 0 && screen.out.failed)
        rc = err_set(err, ERR_NOMEM, "writing the report: %s", err_sentence(ERR_NOMEM));
    if (rc == 0)
        rc = sink_write(sink, screen.out.data, screen.out.size);
    buf_release(&screen.out);
    aggregate_free(screen.aggregate);
    return rc;
}
