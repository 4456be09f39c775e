/*
 * The time strip of report --threads: what each thread did when, a line for each, in the letters of the bars. A column
 * is a stretch of time, all equally long, and shows one state; those of a mixed stretch take turns, so that letters are
 * to each other as the times are. Blank: the thread was not there. See text.h.
 */
#include "diagnose/ledger_parts.h"
#include "export/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 10, NAME_COLUMNS = 16, LEFT = NAME_COLUMNS + 2, RIGHT = 2, LABEL_COLUMNS = 9 };

struct strip {
    struct screen *screen;
    uint32_t *row_of;              /* by thread id */
    size_t rows, threads, columns; /* rows: one for each of `threads`, and one more for all others, if there are any */
    double (*cells)[STATE_COUNT];
};

/* A state for the column. Each has a claim that grows by its share in every column; the one with most of those that are
 * in this column gets it. STATE_COUNT: nobody was there. */
static size_t pick(const double ns[STATE_COUNT], double claims[STATE_COUNT])
{
    size_t most = STATE_COUNT;
    double sum = 0;
    for (int i = 0; i < STATE_COUNT; i++)
        sum += ns[i];
    for (size_t i = 0; i < STATE_COUNT && sum > 0; i++) {
        claims[i] += ns[i] / sum;
        if (ns[i] > 0 && (most == STATE_COUNT || claims[i] > claims[most]))
            most = i;
    }
    if (most < STATE_COUNT)
        claims[most] -= 1;
    return most;
}

static void add_letters(struct strip *strip, size_t row)
{
    double claims[STATE_COUNT] = {0};
    size_t run = 0, last = STATE_COUNT;
    for (size_t i = 0; i < strip->columns; i++) {
        size_t state = pick(strip->cells[row * strip->columns + i], claims);
        if (state != last) {
            text_run(strip->screen, last, run);
            run = 0;
        }
        run++;
        last = state;
    }
    if (last < STATE_COUNT)
        text_run(strip->screen, last, run);
    buf_add_byte(&strip->screen->out, '\n');
}

static bool several_processes(const struct strip *strip)
{
    const struct diagnosis *diagnosis = strip->screen->diagnosis;
    const struct thread *threads = strip->screen->profile->threads;
    for (size_t i = 1; i < diagnosis->n_threads; i++)
        if (threads[diagnosis->threads[i].thread].process != threads[diagnosis->threads[0].thread].process)
            return true;
    return false;
}

static void add_row(struct strip *strip, size_t row, uint32_t thread)
{
    struct screen *screen = strip->screen;
    struct buf name = {0};
    if (row == strip->threads) {
        buf_printf(&name, "%zu others", screen->diagnosis->n_threads - strip->threads);
    } else {
        if (several_processes(strip)) {
            profile_process_name(screen->profile, screen->profile->threads[thread].process, &name);
            buf_add_byte(&name, ' ');
        }
        text_thread_name(&name, screen->profile, thread);
    }
    cells_add_buf(&screen->out, &name, NAME_COLUMNS, false, true);
    buf_add_text(&screen->out, "  ");
    add_letters(strip, row);
    text_done(screen, &name);
}

/* The least time between two marks of the axis, s: one that is easily counted on. */
static double step_of(double least_s)
{
    static const double steps[] = {1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600, 43200, 86400};
    if (least_s <= 1) {
        double decade = pow(10, floor(log10(fmax(least_s, 1e-6))));
        double part = least_s / decade;
        return decade * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
    }
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] >= least_s)
            return steps[i];
    return 86400 * ceil(least_s / 86400);
}

static void add_axis(struct strip *strip)
{
    struct screen *screen = strip->screen;
    double whole_s = (double)screen->profile->duration_ns / 1e9, column_s = whole_s / (double)strip->columns;
    double step_s = step_of(column_s * LABEL_COLUMNS), unit_s = 1;
    const char *unit = "s";
    if (whole_s < 1)
        unit = "ms", unit_s = 1e-3;
    else if (step_s >= 3600)
        unit = "h", unit_s = 3600;
    else if (step_s >= 60)
        unit = "min", unit_s = 60;
    size_t at = 0;
    buf_printf(&screen->out, "%*s", LEFT, "");
    for (size_t i = 0;; i++) {
        char label[40];
        size_t column = (size_t)((double)i * step_s / column_s + 1e-6);
        int length = snprintf(label, sizeof label, "|%g %s", (double)i * step_s / unit_s, unit);
        if (i > 0 && (column < at || column + (size_t)length > strip->columns + RIGHT))
            break;
        buf_printf(&screen->out, "%*s%s", (int)(column - at), "", label);
        at = column + (size_t)length;
    }
    buf_add_byte(&screen->out, '\n');
}

/* Where the recorder was told to pause, its clock stood still: a pause has no width. */
static void add_pauses(struct strip *strip)
{
    struct screen *screen = strip->screen;
    const struct profile *profile = screen->profile;
    size_t at = 0;
    if (profile->n_gaps == 0)
        return;
    buf_printf(&screen->out, "%-*s", LEFT, "paused");
    for (size_t i = 0; i < profile->n_gaps; i++) {
        double place = (double)profile->gaps[i].time_ns / (double)profile->duration_ns * (double)strip->columns;
        size_t column = (size_t)fmin(place, (double)(strip->columns - 1));
        if (column < at)
            continue;
        buf_printf(&screen->out, "%*s^", (int)(column - at), "");
        at = column + 1;
    }
    buf_add_byte(&screen->out, '\n');
}

/* What a column is, and the letters that stand in the rows. */
static void add_key(struct strip *strip)
{
    struct screen *screen = strip->screen;
    struct buf line = {0};
    char length[24];
    bool met[STATE_COUNT] = {false};
    for (size_t i = 0; i < strip->rows * strip->columns; i++)
        for (int state = 0; state < STATE_COUNT; state++)
            met[state] = met[state] || strip->cells[i][state] > 0;
    cells_seconds(length, sizeof length, (double)screen->profile->duration_ns / (double)strip->columns / 1e9);
    buf_printf(&line, "when     a column is %s:", length);
    for (int state = 0; state < STATE_COUNT; state++) {
        if (!met[state])
            continue;
        if (line.size + strlen(state_name((enum state)state)) + 4 > screen->width) {
            buf_printf(&screen->out, "%s\n", buf_text(&line));
            line.size = 0; /* not buf_clear: a failure stays */
            buf_add_text(&line, "       ");
        }
        buf_printf(&line, "  %c %s", state_letter((enum state)state), state_name((enum state)state));
    }
    buf_printf(&screen->out, "%s\n", buf_text(&line));
    text_done(screen, &line);
}

/* No more columns than instants at which samples were taken. */
static size_t columns_of(const struct screen *screen)
{
    double instants = (double)screen->profile->duration_ns / 1e9 * screen->profile->self.rate_hz;
    size_t columns = screen->width - LEFT - RIGHT;
    return instants <= 0 || instants >= (double)columns ? columns : instants < 1 ? 1 : (size_t)instants;
}

static int fill(struct strip *strip)
{
    const struct diagnosis *diagnosis = strip->screen->diagnosis;
    size_t most = strip->screen->input->options->top > 0 ? strip->screen->input->options->top : ROWS;
    strip->threads = diagnosis->n_threads <= most ? diagnosis->n_threads : most > 1 ? most - 1 : 1;
    strip->rows = strip->threads + (diagnosis->n_threads > strip->threads);
    strip->columns = columns_of(strip->screen);
    strip->row_of = mem_alloc(strip->screen->profile->n_threads * sizeof *strip->row_of);
    if (strip->row_of == NULL)
        return ERR_NOMEM;
    memset(strip->row_of, 0xff, strip->screen->profile->n_threads * sizeof *strip->row_of); /* in no row */
    for (size_t i = 0; i < diagnosis->n_threads; i++)
        strip->row_of[diagnosis->threads[i].thread] = (uint32_t)strip->threads;
    const struct thread_ledger *one = NULL;
    for (size_t row = 0; row < strip->threads && (one = text_next_thread(diagnosis, one)) != NULL; row++)
        strip->row_of[one->thread] = (uint32_t)row;
    return ledger_of_cells(strip->screen->profile, strip->row_of, strip->rows, strip->columns, &strip->cells);
}

void text_strip(struct screen *screen)
{
    struct strip strip = {.screen = screen};
    const struct thread_ledger *one = NULL;
    if (screen->diagnosis->n_threads == 0 || screen->profile->duration_ns == 0)
        return;
    if (fill(&strip) == 0) {
        buf_add_byte(&screen->out, '\n');
        add_key(&strip);
        for (size_t row = 0; row < strip.rows; row++) {
            one = text_next_thread(screen->diagnosis, one);
            add_row(&strip, row, one->thread);
        }
        add_axis(&strip);
        add_pauses(&strip);
    } else {
        screen->out.failed = true;
    }
    mem_free(strip.row_of);
    mem_free(strip.cells);
}
