/* report --threads: when each thread did what (text_strip.c), then the ledger of each that was no idle worker, busiest
 * first, and what it is for. See text.h. */
#include "export/text.h"

#include <stdio.h>
#include <string.h>

enum { ROWS = 20, NAME_COLUMNS = 24 };
static const double holder_share_min = 0.005; /* of a thread's time; who held the GIL for less is not worth a line */
static const double aside_cores = 0.05;       /* of a core; threads that had less are not worth a line */

void text_thread_name(struct buf *out, const struct profile *profile, uint32_t id)
{
    const struct thread *thread = &profile->threads[id];
    if (thread->name != 0)
        buf_add_visible(out, profile->strings[thread->name], profile->string_lengths[thread->name]);
    else
        buf_printf(out, "%d", thread->tid);
}

/* "python 85 % ±1  io 5 %": wrapped at two blanks, as many lines as it takes. */
static void add_shares(struct screen *screen, const char *title, const struct share shares[STATE_COUNT], bool cpu)
{
    size_t column = 0;
    for (int i = 0; i < STATE_COUNT; i++) {
        char share[40], text[80];
        if (!(shares[i].share > 0) || (cpu && !state_on_cpu((enum state)i)))
            continue;
        cells_percent_range(share, sizeof share, shares[i].share, shares[i].low, shares[i].high);
        snprintf(text, sizeof text, "%s %s", state_name((enum state)i), share);
        size_t width = cells_width(text, strlen(text));
        if (column > 0 && column + 2 + width > screen->width) {
            buf_add_byte(&screen->out, '\n');
            column = 0;
        }
        if (column == 0)
            buf_printf(&screen->out, "%-9s", title);
        else
            buf_add_text(&screen->out, "  ");
        column += (column == 0 ? TEXT_LEFT : 2) + width;
        buf_add_text(&screen->out, text);
        title = "";
    }
    if (column > 0)
        buf_add_byte(&screen->out, '\n');
}

/* "GIL      27 % ±2 held by worker-2 in totals()" */
static void add_holders(struct screen *screen, const struct thread_ledger *ledger)
{
    struct buf text = {0};
    for (size_t i = 0; i < ledger->n_holders; i++) {
        const struct share *share = &ledger->holders[i].share;
        const char *thread, *inside;
        char range[40];
        if (share->share < holder_share_min ||
            !holder_names(screen->profile, ledger->holders[i].function, &thread, &inside))
            break;
        cells_percent_range(range, sizeof range, share->share, share->low, share->high);
        buf_printf(&text, "%s%s held by ", i > 0 ? ", " : "waited ", range);
        buf_add_visible(&text, thread, strlen(thread));
        if (inside[0] != '\0') {
            buf_add_text(&text, " in ");
            buf_add_visible(&text, inside, strlen(inside));
            buf_add_text(&text, "()");
        }
    }
    if (text.size > 0)
        cells_wrap(&screen->out, "GIL      ", text_hang, buf_text(&text), screen->width);
    text_done(screen, &text);
}

static void add_head(struct screen *screen, const struct thread_ledger *ledger)
{
    const struct profile *profile = screen->profile;
    const struct thread *thread = &profile->threads[ledger->thread];
    const struct thread_role *role = &screen->diagnosis->roles[ledger->thread];
    struct buf name = {0}, process = {0};
    char wall[24], cpu[24];
    text_thread_name(&name, profile, ledger->thread);
    profile_process_name(profile, thread->process, &process);
    cells_seconds(wall, sizeof wall, ledger->wall_ns / 1e9);
    cells_seconds(cpu, sizeof cpu, ledger->cpu_ns / 1e9);
    text_style(screen, "1");
    cells_add_buf(&screen->out, &name, NAME_COLUMNS, false, true);
    text_style(screen, "0");
    buf_printf(&screen->out, "  %s/%d  %s  %s wall  %s CPU\n", buf_text(&process), thread->tid,
               role->aside ? "nobody waits" : role_name((enum role)role->role), wall, cpu);
    text_done(screen, &name);
    text_done(screen, &process);
}

/* The indexes of the ledgers, most CPU time first, then wall time. */
static bool before(const struct thread_ledger *a, const struct thread_ledger *b)
{
    return a->cpu_ns != b->cpu_ns ? a->cpu_ns > b->cpu_ns : a->wall_ns > b->wall_ns;
}

const struct thread_ledger *text_next_thread(const struct diagnosis *diagnosis, const struct thread_ledger *last)
{
    const struct thread_ledger *best = NULL;
    for (size_t i = 0; i < diagnosis->n_threads; i++) {
        const struct thread_ledger *one = &diagnosis->threads[i];
        if (last != NULL && (one == last || before(one, last) || (!before(last, one) && one < last)))
            continue;
        if (best == NULL || before(one, best))
            best = one;
    }
    return best;
}

int text_threads(struct screen *screen)
{
    const struct diagnosis *diagnosis = screen->diagnosis;
    size_t most = screen->input->options->top > 0 ? screen->input->options->top : ROWS, shown = 0;
    text_style(screen, "1");
    buf_add_text(&screen->out, "threads");
    text_style(screen, "0");
    buf_printf(&screen->out, "  %zu that were no idle workers; shares of each one's own time, ± at 95 %%\n",
               diagnosis->n_threads);
    text_strip(screen);
    text_cores(screen);
    for (const struct thread_ledger *one = text_next_thread(diagnosis, NULL); one != NULL && shown < most;
         one = text_next_thread(diagnosis, one), shown++) {
        double shares[STATE_COUNT];
        for (int i = 0; i < STATE_COUNT; i++)
            shares[i] = one->wall[i].share;
        buf_add_byte(&screen->out, '\n');
        add_head(screen, one);
        add_shares(screen, "wall", one->wall, false);
        text_bar(screen, shares);
        add_holders(screen, one);
        add_shares(screen, "CPU", one->cpu, true);
    }
    if (diagnosis->n_threads > shown)
        buf_printf(&screen->out, "\n… and %zu more: --top %zu\n", diagnosis->n_threads - shown, diagnosis->n_threads);
    return 0;
}

/* "beside   poller: 97 % of a core; nobody was seen to wait for it" */
void text_aside(struct screen *screen)
{
    const struct diagnosis *diagnosis = screen->diagnosis;
    struct buf text = {0};
    uint32_t busiest = 0, others = 0;
    double most = 0, duration = (double)screen->profile->duration_ns;
    for (size_t i = 0; i < diagnosis->n_threads && diagnosis->aside > 0; i++) {
        const struct thread_ledger *one = &diagnosis->threads[i];
        if (!diagnosis->roles[one->thread].aside || one->cpu_ns < aside_cores * duration)
            continue;
        others++;
        if (one->cpu_ns > most)
            most = one->cpu_ns, busiest = one->thread;
    }
    if (busiest == 0)
        return;
    buf_add_text(&text, "thread ");
    text_thread_name(&text, screen->profile, busiest);
    if (others > 1)
        buf_printf(&text, " and %u more", others - 1);
    buf_printf(&text, " took %.0f %% of a core and nobody was seen to wait for %s: no advice is about %s",
               most / duration * 100, others > 1 ? "them" : "it", others > 1 ? "them" : "it");
    cells_wrap(&screen->out, "aside    ", text_hang, buf_text(&text), screen->width);
    text_done(screen, &text);
}
