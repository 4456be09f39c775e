/* report --findings: every finding with all that it says, one below the other. See text.h. */
#include "diagnose/diagnose.h"
#include "export/text.h"

#include <stdio.h>
#include <string.h>

enum { LABEL = 16 }; /* what is said begins in this column */

/* "do this         If what stands right of …" on as many lines as it takes. */
static void add_labelled(struct screen *screen, const char *label, const char *text)
{
    char first[LABEL + 1], hang[LABEL + 1];
    snprintf(first, sizeof first, "  %-*s", LABEL - 2, label);
    snprintf(hang, sizeof hang, "%*s", LABEL, "");
    cells_wrap(&screen->out, first, hang, text, screen->width);
}

/* "1  list-membership  (algorithm)  orders.py:3-7  match_orders" */
static void add_title(struct screen *screen, const struct finding *finding, size_t rank)
{
    const struct profile *profile = screen->profile;
    struct buf text = {0}, first = {0};
    buf_printf(&text, "%s (%s)", finding->tag, prescription_name(finding->prescription));
    if (finding->file != 0) {
        const char *file = diagnosis_file(profile, finding->file);
        buf_add_text(&text, "  ");
        buf_add(&text, file, strlen(file));
        if (finding->line != 0)
            buf_printf(&text, ":%u", finding->line);
        if (finding->line_first < finding->line_last)
            buf_printf(&text, " (%u-%u)", finding->line_first, finding->line_last);
    }
    if (finding->function != 0) {
        const char *name = profile->strings[profile->functions[finding->function].name];
        buf_add_text(&text, "  ");
        buf_add(&text, name, strlen(name));
    }
    buf_printf(&first, "%zu  ", rank);
    text_style(screen, "1");
    cells_wrap(&screen->out, buf_text(&first), "   ", buf_text(&text), screen->width);
    text_style(screen, "0");
    text_done(screen, &first);
    text_done(screen, &text);
}

static void add_evidence(struct screen *screen, const struct finding *finding)
{
    for (size_t i = 0; i < finding->n_evidence; i++) {
        struct buf text = {0};
        text_evidence(&text, &finding->evidence[i]);
        add_labelled(screen, i == 0 ? "evidence" : "", buf_text(&text));
        text_done(screen, &text);
    }
}

/* A command as a shell takes it, below its label if it has one; one with a word wider than the screen stands on one
 * line, however long. */
static void add_command(struct screen *screen, const char *label, const char *command)
{
    struct buf text = {0};
    if (label != NULL)
        buf_printf(&screen->out, "  %s\n", label);
    if (text_command(&text, command, screen->width) > 0) {
        buf_add(&screen->out, text.data, text.size);
    } else {
        buf_add_text(&screen->out, "  ");
        buf_add_visible(&screen->out, command, strlen(command));
        buf_add_byte(&screen->out, '\n');
    }
    text_done(screen, &text);
}

static void add_finding(struct screen *screen, const struct finding *finding, size_t rank)
{
    struct buf gain = {0};
    char confidence[24];
    add_title(screen, finding, rank);
    cells_wrap(&screen->out, "  ", "  ", finding->sentence, screen->width);
    add_labelled(screen, "do this", finding->action);
    text_gain(&gain, finding);
    if (gain.size > 0 && finding->gain_law[0] != '\0')
        buf_printf(&gain, " (%s)", finding->gain_law);
    if (gain.size > 0)
        add_labelled(screen, "gain", buf_text(&gain));
    add_evidence(screen, finding);
    cells_percent(confidence, sizeof confidence, finding->confidence);
    add_labelled(screen, "confidence", confidence);
    for (size_t i = 0; i < finding->n_not_measured; i++)
        add_labelled(screen, i == 0 ? "not measured" : "", finding->not_measured[i]);
    add_command(screen, "check with", finding->check_command);
    if (finding->next_tells != NULL) {
        add_labelled(screen, "measure next", finding->next_tells);
        add_command(screen, NULL, finding->next_command);
    }
    text_done(screen, &gain);
}

void text_findings_in_full(struct screen *screen)
{
    const struct diagnosis *diagnosis = screen->diagnosis;
    for (size_t i = 0; i < diagnosis->n_findings; i++) {
        if (i > 0)
            buf_add_byte(&screen->out, '\n');
        add_finding(screen, &diagnosis->findings[i], i + 1);
    }
}
