/* report --threads: what the program's threads did on each core, the most used first. See text.h. */
#include "data/core_sums.h"
#include "export/text.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 10 };
static const double untold_min = 0.05; /* of all its CPU time; less is not worth a line */

static int by_use(const void *a, const void *b)
{
    const struct core_sum *x = a, *y = b;
    if (x->used_ns != y->used_ns)
        return x->used_ns > y->used_ns ? -1 : 1;
    return x->core < y->core ? -1 : x->core > y->core;
}

/* Time and its share of the recording's length, everybody's share, run delay. */
static void add_row(struct screen *screen, const struct core_sum *sum)
{
    double duration_ns = (double)screen->profile->duration_ns;
    char used[24], share[16], busy[16] = "", delay[24];
    cells_seconds(used, sizeof used, sum->used_ns / 1e9);
    cells_percent(share, sizeof share, fmin(1, sum->used_ns / duration_ns));
    if (sum->busy_ns > 0)
        cells_percent(busy, sizeof busy, fmin(1, sum->busy_ns / duration_ns));
    cells_seconds(delay, sizeof delay, sum->delay_ns / 1e9);
    buf_printf(&screen->out, "%5u  %9s  %5s  %12s  %10s\n", sum->core, used, share, busy, delay);
}

static void add_others(struct screen *screen, const struct core_sum *sums, size_t n)
{
    double used_ns = 0, delay_ns = 0;
    char used[24], delay[24];
    for (size_t i = 0; i < n; i++)
        used_ns += sums[i].used_ns, delay_ns += sums[i].delay_ns;
    cells_seconds(used, sizeof used, used_ns / 1e9);
    cells_seconds(delay, sizeof delay, delay_ns / 1e9);
    buf_printf(&screen->out, "… and %zu more: used %s, waited for %s\n", n, used, delay);
}

/* Threads that ended before they were found on any core. */
static void add_untold(struct screen *screen, const struct core_sum *sums, size_t n)
{
    const struct profile *profile = screen->profile;
    double run_ns = 0, told_ns = 0;
    char share[16];
    for (size_t i = 1; i < profile->n_threads; i++)
        run_ns += (double)profile->threads[i].run_ns;
    for (size_t i = 0; i < n; i++)
        told_ns += sums[i].used_ns;
    if (!(run_ns > 0) || told_ns > (1 - untold_min) * run_ns)
        return;
    cells_percent(share, sizeof share, 1 - told_ns / run_ns);
    buf_printf(&screen->out, "of %s of the CPU time the core is not known\n", share);
}

void text_cores(struct screen *screen)
{
    struct core_sum *sums = NULL;
    size_t n = 0, most = screen->input->options->top > 0 ? screen->input->options->top : ROWS;
    if (core_sums_of(screen->profile, &sums, &n) != 0)
        screen->out.failed = true;
    if (n > 0) {
        size_t shown = n < most ? n : most;
        qsort(sums, n, sizeof *sums, by_use);
        buf_add_byte(&screen->out, '\n');
        text_style(screen, "1");
        buf_add_text(&screen->out, " core   CPU time  share  all programs  waited for\n");
        text_style(screen, "0");
        for (size_t i = 0; i < shown; i++)
            add_row(screen, &sums[i]);
        if (n > shown)
            add_others(screen, sums + shown, n - shown);
        add_untold(screen, sums, n);
    }
    mem_free(sums);
}
