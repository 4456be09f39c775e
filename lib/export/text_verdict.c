/* What to do (the verdict, the list of findings) and where the time went (the states). See text.h. */
#include "data/task_sums.h"
#include "export/code_words.h"
#include "export/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FINDINGS_SHOWN = 3 };
static const double IO_SHOWN = 0.05, EXCEPTIONS_SHOWN = 0.05; /* of the time; less is not worth a line */

void text_evidence(struct buf *out, const struct evidence *evidence)
{
    char value[48];
    if (strcmp(evidence->unit, "share") == 0 && evidence->interval)
        cells_percent_range(value, sizeof value, evidence->value, evidence->low, evidence->high);
    else if (strcmp(evidence->unit, "share") == 0)
        cells_percent(value, sizeof value, evidence->value);
    else if (strcmp(evidence->unit, "s") == 0 && evidence->value > 0 && evidence->value < 1e-3)
        snprintf(value, sizeof value, "%.*f us", evidence->value < 1e-5 ? 2 : 0, evidence->value * 1e6);
    else if (strcmp(evidence->unit, "s") == 0)
        cells_seconds(value, sizeof value, evidence->value);
    else if (strcmp(evidence->unit, "bytes") == 0)
        cells_bytes(value, sizeof value, evidence->value);
    else if (strcmp(evidence->unit, "1") == 0)
        cells_count(value, sizeof value, (uint64_t)fmax(0, evidence->value));
    else
        snprintf(value, sizeof value, "%.1f", evidence->value);
    buf_printf(out, "%s  %s", value, evidence->measure);
}

void text_gain(struct buf *out, const struct finding *finding)
{
    char low[24], high[24], most[24];
    const char *word = finding_gains_memory(finding) ? "less memory" : "faster";
    if (!(finding->max_gain > 0) && !(finding->predicted_high > 0))
        return;
    cells_gain(low, sizeof low, finding->predicted_low);
    cells_gain(high, sizeof high, finding->predicted_high);
    cells_gain(most, sizeof most, finding->max_gain);
    if (finding->predicted_high > 0 && strcmp(low, high) != 0)
        buf_printf(out, "%s to %s %s", low, high, word);
    if (finding->predicted_high > 0 && finding->max_gain > 0 && strcmp(high, most) != 0)
        buf_printf(out, ", at most %s", most);
    else if (finding->max_gain > 0 && (!(finding->predicted_high > 0) || strcmp(low, high) == 0))
        buf_printf(out, "at most %s %s", most, word);
    if (finding->scaled_gain > 0) {
        cells_gain(most, sizeof most, finding->scaled_gain);
        buf_printf(out, ", or %s the work in the same time", most);
    }
}

/* The length of the shell's first word, quotes and all; that of an option with its value. */
static size_t shell_word(const char *at)
{
    size_t length = 0;
    bool quoted = false;
    if (strncmp(at, "--", 2) == 0 && at[length = strcspn(at, " ")] == ' ')
        length++;
    for (; at[length] != '\0' && (quoted || at[length] != ' '); length++)
        quoted = quoted != (at[length] == '\'' && (length == 0 || at[length - 1] != '\\'));
    return length;
}

size_t text_command(struct buf *out, const char *command, size_t width)
{
    size_t lines = 1, column = 2;
    buf_add_text(out, "  ");
    for (const char *at = command; *at != '\0';) {
        size_t length = shell_word(at), wide = cells_width(at, length);
        if (wide + 6 > width)
            return 0;
        if (column > 4 && column + 1 + wide + 2 > width) {
            buf_add_text(out, " \\\n    ");
            column = 4;
            lines++;
        } else if (column > 4) {
            buf_add_byte(out, ' ');
            column++;
        }
        buf_add_visible(out, at, length);
        column += wide;
        at += length + (at[length] == ' ');
    }
    buf_add_byte(out, '\n');
    return lines;
}

enum { COMMAND_LINES = 2 };

/* The gain, and the command that shows it: a bench is of the script and a copy of it that the reader has still to make.
 * A command that is too long to be read is not written out again. */
static void add_check(struct screen *screen, const struct finding *finding)
{
    struct buf text = {0}, command = {0};
    bool bench = strncmp(finding->check_command, "keisoku bench ", 14) == 0, apart = false;
    text_gain(&text, finding);
    buf_add_text(&text, text.size > 0 ? "; check" : "Check");
    size_t lines = text_command(&command, finding->check_command, screen->width);
    bool named = lines > 0 && lines <= COMMAND_LINES && screen->tight < TIGHT_CHECK;
    buf_add_text(&text, bench && named ? " your changed copy (…_fixed.py) with" : " with");
    if (!named)
        buf_add_text(&text, bench ? " the bench that report --findings writes out" : " the same command again");
    else if (lines == 1 && !bench && cells_width_of(&text) + cells_width_of(&command) <= screen->width)
        buf_printf(&text, ": %s", finding->check_command);
    else
        apart = true;
    buf_add_text(&text, apart ? ":" : "");
    cells_wrap(&screen->out, "  ", "  ", buf_text(&text), screen->width);
    if (apart)
        buf_add(&screen->out, command.data, command.size);
    text_done(screen, &command);
    text_done(screen, &text);
}

/* A starved program's advice is worth knowing all the same. */
static void add_second(struct screen *screen)
{
    const struct diagnosis *diagnosis = screen->diagnosis;
    struct buf text = {0};
    if (diagnosis->n_findings < 2 || strcmp(diagnosis->findings[0].tag, "starved") != 0 ||
        diagnosis->findings[1].prescription == PRESCRIBE_INSUFFICIENT)
        return;
    const struct finding *second = &diagnosis->findings[1];
    buf_printf(&text, "Besides: %s", second->sentence);
    if (second->max_gain > 0)
        buf_printf(&text, ". %s", second->action);
    cells_wrap(&screen->out, "  ", "  ", buf_text(&text), screen->width);
    text_done(screen, &text);
}

void text_verdict(struct screen *screen)
{
    const struct diagnosis *diagnosis = screen->diagnosis;
    if (diagnosis->n_findings == 0)
        return;
    text_style(screen, "1");
    cells_wrap(&screen->out, "  ", "  ", diagnosis->findings[0].sentence, screen->width);
    text_style(screen, "0");
    cells_wrap(&screen->out, "  ", "  ", diagnosis->findings[0].action, screen->width);
    add_second(screen);
    add_check(screen, &diagnosis->findings[0]);
}

void text_next_measurement(struct screen *screen)
{
    const struct diagnosis *diagnosis = screen->diagnosis;
    const struct finding *first = diagnosis->n_findings > 0 ? &diagnosis->findings[0] : NULL;
    struct buf text = {0};
    if (first == NULL || first->next_tells == NULL)
        return;
    buf_add_text(&text, "  Next: ");
    buf_add_visible(&text, first->next_command, strlen(first->next_command));
    if (cells_width_of(&text) > screen->width) {
        text.size = 0; /* not buf_clear: a failure stays */
        buf_printf(&text, "  Next, %s: see --findings", first->next_tells);
    }
    cells_add_buf(&screen->out, &text, screen->width, false, false);
    buf_add_byte(&screen->out, '\n');
    text_done(screen, &text);
}

/* Rounds shares to `whole` units that sum to it: the largest remainders get what is left. */
static void apportion(const double *shares, size_t n, unsigned whole, unsigned *units)
{
    double left[STATE_COUNT + 1], sum = 0;
    unsigned given = 0;
    for (size_t i = 0; i < n; i++)
        sum += shares[i];
    for (size_t i = 0; i < n; i++) {
        double exact = sum > 0 ? shares[i] / sum * whole : 0;
        units[i] = (unsigned)exact;
        left[i] = exact - units[i];
        given += units[i];
    }
    for (; sum > 0 && given < whole; given++) {
        size_t most = 0;
        for (size_t i = 1; i < n; i++)
            most = left[i] > left[most] ? i : most;
        units[most]++;
        left[most] = -1;
    }
}

/* "python 82 %  io 6 %  other 12 %" of the states that are shown; the rest is `other`. */
static void list_states(struct buf *line, const unsigned percent[STATE_COUNT], const bool shown[STATE_COUNT])
{
    unsigned other = 0;
    line->size = 0; /* not buf_clear: a failure stays */
    for (int i = 0; i < STATE_COUNT; i++) {
        if (shown[i])
            buf_printf(line, "%s%s %u %%", line->size > 0 ? "  " : "", state_name((enum state)i), percent[i]);
        else
            other += percent[i];
    }
    if (other > 0)
        buf_printf(line, "%sother %u %%", line->size > 0 ? "  " : "", other);
}

static const char *nothing(const struct screen *screen)
{
    return screen->diagnosis->trust.samples > 0 ? "all threads were idle workers all along" : "nothing was measured";
}

/* The smallest make room when there are too many for the line. */
static void add_states(struct screen *screen, const char *title, const double *shares)
{
    unsigned percent[STATE_COUNT];
    bool shown[STATE_COUNT];
    struct buf line = {0};
    apportion(shares, STATE_COUNT, 100, percent);
    for (int i = 0; i < STATE_COUNT; i++)
        shown[i] = percent[i] > 0;
    list_states(&line, percent, shown);
    while (TEXT_LEFT + line.size > screen->width) {
        int smallest = -1;
        for (int i = 0; i < STATE_COUNT; i++) {
            if (shown[i] && (smallest < 0 || percent[i] < percent[smallest]))
                smallest = i;
        }
        if (smallest < 0)
            break;
        shown[smallest] = false;
        list_states(&line, percent, shown);
    }
    buf_printf(&screen->out, "%-9s%s\n", title, line.size > 0 ? buf_text(&line) : nothing(screen));
    text_done(screen, &line);
}

void text_run(struct screen *screen, size_t state, size_t count)
{
    static const char *const colors[STATE_COUNT] = {
        [STATE_PYTHON] = "34", [STATE_NATIVE_GIL] = "36", [STATE_NATIVE] = "32",  [STATE_ON_CPU] = "34",
        [STATE_KERNEL] = "31", [STATE_GC] = "35",         [STATE_IMPORT] = "36",  [STATE_GIL_WAIT] = "31",
        [STATE_LOCK] = "35",   [STATE_IO] = "33",         [STATE_RUNNABLE] = "31"};
    if (count == 0)
        return;
    if (state < STATE_COUNT)
        text_style(screen, colors[state] != NULL ? colors[state] : "2");
    for (size_t i = 0; i < count; i++)
        buf_add_byte(&screen->out, state < STATE_COUNT ? (uint8_t)state_letter((enum state)state) : ' ');
    if (state < STATE_COUNT)
        text_style(screen, "0");
}

void text_bar(struct screen *screen, const double shares[STATE_COUNT])
{
    unsigned units[STATE_COUNT];
    unsigned columns = screen->width > TEXT_LEFT + 10 ? (unsigned)screen->width - TEXT_LEFT - 3 : 10;
    apportion(shares, STATE_COUNT, columns, units);
    buf_add_text(&screen->out, text_hang);
    for (size_t i = 0; i < STATE_COUNT; i++)
        text_run(screen, i, units[i]);
    buf_add_byte(&screen->out, '\n');
}

/* One line: what code had the CPU, and what tells it where there is room. */
static void add_code(struct screen *screen)
{
    struct buf line = {0}, by = {0};
    size_t room = screen->width > TEXT_LEFT ? screen->width - TEXT_LEFT : 0;
    if (!code_words(screen->profile, screen->aggregate, room, &line))
        screen->out.failed = true;
    if (line.size > 0) {
        buf_add_text(&by, "; by ");
        code_evidence(screen->profile, &by);
        if (line.size + by.size <= room)
            buf_add(&line, by.data, by.size);
        buf_printf(&screen->out, "%-*s%s\n", TEXT_LEFT, "code", buf_text(&line));
    }
    text_done(screen, &by);
    text_done(screen, &line);
}

/* Handling exceptions is no state: it is said where it is much. */
static void add_exceptions(struct screen *screen)
{
    char share[24];
    double part = mark_share(screen->profile, MARK_EXCEPTION);
    if (part < EXCEPTIONS_SHOWN || screen->tight >= TIGHT_CPU)
        return;
    cells_percent(share, sizeof share, part);
    buf_printf(&screen->out, text_hang "%s with an exception on its way or being handled\n", share);
}

/* "io       network 30 %  pipe 10 %", where it is much and told. */
static void add_io(struct screen *screen)
{
    const struct share *io = screen->diagnosis->io;
    struct buf line = {0};
    if (screen->diagnosis->wall[STATE_IO].share < IO_SHOWN || screen->tight >= TIGHT_CPU)
        return;
    for (int kind = 0; kind < IO_OTHER; kind++) {
        char share[40];
        if (!(io[kind].share >= 0.005))
            continue;
        cells_percent_range(share, sizeof share, io[kind].share, io[kind].low, io[kind].high);
        buf_printf(&line, "%s%s %s", line.size > 0 ? "  " : "", io_kind_name((enum io_kind)kind), share);
    }
    if (line.size > 0)
        buf_printf(&screen->out, "io       %s\n", buf_text(&line));
    text_done(screen, &line);
}

void text_ledger(struct screen *screen)
{
    const struct aggregate *aggregate = screen->aggregate;
    double wall[STATE_COUNT], cpu[STATE_COUNT];
    for (int i = 0; i < STATE_COUNT; i++) {
        wall[i] = aggregate->wall_ns > 0 ? aggregate->state_wall_ns[i] / aggregate->wall_ns : 0;
        cpu[i] = aggregate->cpu_ns > 0 ? aggregate->state_cpu_ns[i] / aggregate->cpu_ns : 0;
    }
    add_states(screen, "wall", wall);
    if (aggregate->wall_ns > 0 && screen->tight < TIGHT_BAR)
        text_bar(screen, wall);
    add_io(screen);
    if (aggregate->cpu_ns > 0 && screen->tight < TIGHT_CPU)
        add_states(screen, "CPU", cpu);
    text_aside(screen);
    add_exceptions(screen);
    if (aggregate->cpu_ns > 0 && screen->tight < TIGHT_CODE)
        add_code(screen);
}

/* "1  hot-loop        orders.py:41      2.1-4.0x  80 % ±1  CPU time in its Python" */
static void add_finding_row(struct screen *screen, const struct finding *finding, size_t rank)
{
    struct buf text = {0};
    char low[24], high[24], gain[56] = "";
    if (finding->predicted_high > 0) {
        cells_gain(low, sizeof low, finding->predicted_low);
        cells_gain(high, sizeof high, finding->predicted_high);
        low[strcspn(low, "x")] = '\0';
        snprintf(gain, sizeof gain, "%s-%s", low, high);
    }
    buf_printf(&screen->out, "%zu  %-14s  ", rank, finding->tag);
    text_place(screen, finding->file, finding->line, 18, true);
    buf_printf(&screen->out, "  %-8s  ", gain);
    if (finding->n_evidence > 0)
        text_evidence(&text, &finding->evidence[0]);
    cells_add_buf(&screen->out, &text, screen->width - 49, false, false);
    buf_add_byte(&screen->out, '\n');
    text_done(screen, &text);
}

void text_finding_rows(struct screen *screen)
{
    const struct diagnosis *diagnosis = screen->diagnosis;
    size_t most = screen->tight >= TIGHT_FINDINGS ? FINDINGS_SHOWN - 1 : FINDINGS_SHOWN;
    size_t shown = diagnosis->n_findings < most ? diagnosis->n_findings : most;
    for (size_t i = 0; i < shown; i++)
        add_finding_row(screen, &diagnosis->findings[i], i + 1);
}
