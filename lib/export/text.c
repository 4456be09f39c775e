/*
 * The verdict on one screen: at most 24 lines of `width` columns unless rows are asked for with --top. Order: what was
 * measured, can it be trusted, what to do, where the time went, which functions and lines, what else. Colour only
 * repeats what words and marks say. Text from the target passes through buf_add_visible. The sizes of the written files
 * are all that is asked of the system.
 */
#include "export/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { LINES_MAX = 24, ROWS_LEAST = 2, FINDINGS_SHOWN = 3, LEFT = 9 };
static const char hang[] = "         "; /* LEFT spaces */

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

/* ---- header and trust ----------------------------------------------------------------------------------------------
 */

static void add_pythons(struct buf *out, const struct profile *profile, size_t *n_pythons)
{
    uint32_t shown[4], n = 0;
    *n_pythons = 0;
    for (size_t i = 1; i < profile->n_processes; i++) {
        uint32_t python = profile->processes[i].python;
        bool known = python == 0;
        *n_pythons += python != 0;
        for (uint32_t j = 0; j < n; j++)
            known = known || shown[j] == python;
        if (known || n == sizeof shown / sizeof shown[0])
            continue;
        buf_add_text(out, n == 0 ? "Python " : ", ");
        buf_add_visible(out, profile->strings[python], strnlen(profile->strings[python], 20));
        shown[n++] = python;
    }
    if (n == 0)
        buf_add_text(out, "no Python");
}

/* The program as one thinks of it: without the interpreter before it and the folders of its script. */
static void add_command(struct buf *out, const char *const *words)
{
    if (words == NULL || words[0] == NULL)
        return;
    const char *slash = strrchr(words[0], '/');
    const char *name = slash != NULL ? slash + 1 : words[0];
    if (strncmp(name, "python", 6) == 0 && words[1] != NULL && words[1][0] != '-')
        words++;
    slash = strrchr(words[0], '/');
    buf_add_text(out, slash != NULL && slash[1] != '\0' ? slash + 1 : words[0]);
    for (size_t i = 1; words[i] != NULL; i++) {
        buf_add_byte(out, ' ');
        buf_add_text(out, words[i]);
    }
}

static void add_header(struct screen *screen)
{
    const struct profile *profile = screen->profile;
    struct buf command = {0}, rest = {0};
    char wall[32], cpu[32];
    double run_ns = 0;
    size_t pythons, threads = profile->n_threads > 0 ? profile->n_threads - 1 : 0;
    for (size_t i = 1; i < profile->n_threads; i++)
        run_ns += (double)profile->threads[i].run_ns;
    cells_seconds(wall, sizeof wall, (double)profile->duration_ns / 1e9);
    cells_seconds(cpu, sizeof cpu, run_ns / 1e9);
    add_pythons(&rest, profile, &pythons);
    buf_printf(&rest, "  %s wall  %s CPU  %zu process%s  %zu thread%s", wall, cpu, pythons, pythons == 1 ? "" : "es",
               threads, threads == 1 ? "" : "s");
    add_command(&command, profile->command);
    if (command.size == 0 && profile->n_processes > 1)
        buf_printf(&command, "process %d", profile->processes[1].pid);
    size_t right = cells_width(buf_text(&rest), rest.size),
           room = LEFT + 2 + right < screen->width ? screen->width - LEFT - 2 - right : 8;
    text_style(screen, "1");
    buf_add_text(&screen->out, "keisoku  ");
    text_style(screen, "0");
    cells_add(&screen->out, buf_text(&command), command.size, room < 8 ? 8 : room, false, false);
    buf_printf(&screen->out, "  %s\n", buf_text(&rest));
    text_done(screen, &command);
    text_done(screen, &rest);
}

/* " (9000 read from its own core, 400 asleep)"; without the number when there is one way only. */
static void add_how_proved(struct buf *out, const struct trust *trust)
{
    static const char *const how[READER_KIND_COUNT] = {[READER_ASLEEP] = "asleep",
                                                       [READER_CORE] = "read from its own core",
                                                       [READER_KERNEL] = "by the kernel",
                                                       [READER_STOP] = "stopped"};
    const char *separator = " (";
    for (int i = READER_KIND_COUNT - 1; i >= 0; i--) {
        char count[40];
        if (trust->proved_by[i] == 0 || how[i] == NULL)
            continue;
        cells_count(count, sizeof count, trust->proved_by[i]);
        if (trust->proved_by[i] == trust->exact)
            buf_printf(out, "%s%s", separator, how[i]);
        else
            buf_printf(out, "%s%s %s", separator, count, how[i]);
        separator = ", ";
    }
    buf_add_text(out, separator[0] == ',' ? ")" : "");
}

static void add_losses(struct buf *out, const struct profile *profile, const struct trust *trust)
{
    char count[40];
    cells_count(count, sizeof count, trust->dropped + trust->lost);
    buf_printf(out, "%s lost", count);
    bool first = true;
    for (int i = 0; i < LOSS_KIND_COUNT; i++) {
        if (profile->losses[i] == 0)
            continue;
        cells_count(count, sizeof count, profile->losses[i]);
        buf_printf(out, "%s%s %s", first ? " (" : ", ", loss_name((enum loss_kind)i), count);
        first = false;
    }
    buf_add_text(out, first ? "" : ")");
}

static void add_trust(struct screen *screen)
{
    const struct profile *profile = screen->profile;
    const struct trust *trust = &screen->diagnosis->trust;
    struct buf text = {0};
    char count[40];
    cells_count(count, sizeof count, trust->samples);
    buf_printf(&text, "%s samples", count);
    if (trust->samples > 0 && trust->exact == trust->samples)
        buf_add_text(&text, ", all exact");
    else if (trust->samples > 0)
        cells_count(count, sizeof count, trust->exact), buf_printf(&text, ", %s exact", count);
    add_how_proved(&text, trust);
    if (trust->unproved > 0)
        cells_count(count, sizeof count, trust->unproved), buf_printf(&text, ", %s not proved (read free)", count);
    if (trust->no_stack > 0)
        cells_count(count, sizeof count, trust->no_stack), buf_printf(&text, ", %s without a stack", count);
    buf_add_text(&text, "; ");
    add_losses(&text, profile, trust);
    if (profile->self.sweeps > 0)
        buf_printf(&text, "; we took %.1f %% of its time", trust->core_taken * 100);
    if (profile->self.rate_hz > 0)
        buf_printf(&text, "; %.0f Hz", profile->self.rate_hz);
    if (profile->evidence != NULL && profile->evidence[0] != '\0')
        buf_printf(&text, "; evidence: %s", profile->evidence);
    if (!profile->complete)
        buf_add_text(&text, "; the recorder was cut off, this is all up to its last commit");
    cells_wrap(&screen->out, "trust    ", hang, buf_text(&text), screen->width);
    text_done(screen, &text);
    for (size_t i = 0; profile->notes != NULL && profile->notes[i] != NULL && i < 2; i++)
        cells_wrap(&screen->out, "note     ", hang, profile->notes[i], screen->width);
}

/* ---- verdict -------------------------------------------------------------------------------------------------------
 */

static void add_evidence(struct buf *out, const struct evidence *evidence)
{
    char value[48];
    if (strcmp(evidence->unit, "share") == 0 && evidence->interval)
        cells_percent_range(value, sizeof value, evidence->value, evidence->low, evidence->high);
    else if (strcmp(evidence->unit, "share") == 0)
        cells_percent(value, sizeof value, evidence->value);
    else if (strcmp(evidence->unit, "s") == 0)
        cells_seconds(value, sizeof value, evidence->value);
    else if (strcmp(evidence->unit, "1") == 0)
        cells_count(value, sizeof value, (uint64_t)fmax(0, evidence->value));
    else
        snprintf(value, sizeof value, "%.1f", evidence->value);
    buf_printf(out, "%s  %s", value, evidence->measure);
}

static void add_gain(struct buf *out, const struct finding *finding)
{
    char low[24], high[24], most[24];
    if (!(finding->max_gain > 0) && !(finding->predicted_high > 0))
        return;
    cells_gain(low, sizeof low, finding->predicted_low);
    cells_gain(high, sizeof high, finding->predicted_high);
    cells_gain(most, sizeof most, finding->max_gain);
    if (finding->predicted_high > 0 && strcmp(low, high) != 0)
        buf_printf(out, "%s to %s faster", low, high);
    if (finding->predicted_high > 0 && finding->max_gain > 0 && strcmp(high, most) != 0)
        buf_printf(out, ", at most %s", most);
    else if (finding->max_gain > 0 && (!(finding->predicted_high > 0) || strcmp(low, high) == 0))
        buf_printf(out, "at most %s faster", most);
}

static void add_verdict(struct screen *screen)
{
    const struct diagnosis *diagnosis = screen->diagnosis;
    if (diagnosis->n_findings == 0)
        return;
    const struct finding *first = &diagnosis->findings[0];
    struct buf text = {0};
    text_style(screen, "1");
    cells_wrap(&screen->out, "  ", "  ", first->sentence, screen->width);
    text_style(screen, "0");
    cells_wrap(&screen->out, "  ", "  ", first->action, screen->width);
    add_gain(&text, first);
    buf_add_text(&text, text.size > 0 ? "; check with: " : "Check with: ");
    buf_add_text(&text, first->check_command);
    cells_wrap(&screen->out, "  ", "  ", buf_text(&text), screen->width);
    text_done(screen, &text);
}

/* ---- states --------------------------------------------------------------------------------------------------------
 */

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

static void add_states(struct screen *screen, const char *title, const double *shares)
{
    unsigned percent[STATE_COUNT];
    struct buf line = {0};
    unsigned other = 0;
    apportion(shares, STATE_COUNT, 100, percent);
    for (int i = 0; i < STATE_COUNT; i++) {
        char one[40];
        if (percent[i] == 0)
            continue;
        snprintf(one, sizeof one, "%s%s %u %%", line.size > 0 ? "  " : "", state_name((enum state)i), percent[i]);
        /* Room is kept for "  other 99 %". */
        if (percent[i] < 1 || LEFT + line.size + strlen(one) + 13 > screen->width)
            other += percent[i];
        else
            buf_add_text(&line, one);
    }
    if (other > 0)
        buf_printf(&line, "  other %u %%", other);
    buf_printf(&screen->out, "%-9s%s\n", title, line.size > 0 ? buf_text(&line) : "nothing was measured");
    text_done(screen, &line);
}

static void add_bar(struct screen *screen, const double *shares)
{
    static const char *const colors[STATE_COUNT] = {
        [STATE_PYTHON] = "34", [STATE_NATIVE_GIL] = "36", [STATE_NATIVE] = "32",  [STATE_ON_CPU] = "34",
        [STATE_KERNEL] = "31", [STATE_GC] = "35",         [STATE_IMPORT] = "36",  [STATE_GIL_WAIT] = "31",
        [STATE_LOCK] = "35",   [STATE_IO] = "33",         [STATE_RUNNABLE] = "31"};
    unsigned units[STATE_COUNT];
    unsigned columns = screen->width > LEFT + 10 ? (unsigned)screen->width - LEFT - 3 : 10;
    apportion(shares, STATE_COUNT, columns, units);
    buf_add_text(&screen->out, hang);
    for (int i = 0; i < STATE_COUNT; i++) {
        if (units[i] == 0)
            continue;
        text_style(screen, colors[i] != NULL ? colors[i] : "2");
        for (unsigned j = 0; j < units[i]; j++)
            buf_add_byte(&screen->out, (uint8_t)state_letter((enum state)i));
        text_style(screen, "0");
    }
    buf_add_byte(&screen->out, '\n');
}

static void add_ledger(struct screen *screen)
{
    const struct aggregate *aggregate = screen->aggregate;
    double wall[STATE_COUNT], cpu[STATE_COUNT];
    for (int i = 0; i < STATE_COUNT; i++) {
        wall[i] = aggregate->wall_ns > 0 ? aggregate->state_wall_ns[i] / aggregate->wall_ns : 0;
        cpu[i] = aggregate->cpu_ns > 0 ? aggregate->state_cpu_ns[i] / aggregate->cpu_ns : 0;
    }
    add_states(screen, "wall", wall);
    if (aggregate->wall_ns > 0)
        add_bar(screen, wall);
    if (aggregate->cpu_ns > 0)
        add_states(screen, "CPU", cpu);
}

/* ---- functions and lines -------------------------------------------------------------------------------------------
 */

static void add_place(struct screen *screen, uint32_t file, uint32_t line)
{
    struct buf text = {0};
    buf_add_text(&text, diagnosis_file(screen->profile, file));
    if (line != 0)
        buf_printf(&text, ":%u", line);
    size_t room = screen->width > 52 ? screen->width - 48 : 20;
    cells_add(&screen->out, buf_text(&text), text.size, room, true, false);
    text_done(screen, &text);
    buf_add_byte(&screen->out, '\n');
}

static bool by_total(const struct screen *screen)
{
    const char *sort = screen->input->options->sort;
    return sort != NULL && strcmp(sort, "total") == 0;
}

static double function_weight(const struct screen *screen, const struct function_sum *sum)
{
    bool total = by_total(screen), cpu = screen->input->options->cpu_clock;
    return cpu ? (total ? sum->total_cpu_ns : sum->self_cpu_ns) : (total ? sum->total_wall_ns : sum->self_wall_ns);
}

static double whole(const struct screen *screen)
{
    return screen->input->options->cpu_clock ? screen->aggregate->cpu_ns : screen->aggregate->wall_ns;
}

/* The next index by descending weight after `last` among own (or library) rows; SIZE_MAX when there is none. */
typedef double weight_at(const struct screen *screen, size_t index, bool *own);

static double function_at(const struct screen *screen, size_t index, bool *own)
{
    const struct function_sum *sum = &screen->aggregate->functions[index];
    *own = screen->profile->function_own[sum->function];
    return sum->function == 0 ? 0 : function_weight(screen, sum);
}

static double line_at(const struct screen *screen, size_t index, bool *own)
{
    const struct line_sum *line = &screen->aggregate->lines[index];
    *own = screen->profile->function_own[line->function];
    return line->line == 0 ? 0 : screen->input->options->cpu_clock ? line->cpu_ns : line->wall_ns;
}

static size_t pick(const struct screen *screen, weight_at *at, size_t n, bool want_own, double least, size_t *picked,
                   size_t most)
{
    size_t count = 0;
    while (count < most) {
        size_t best = SIZE_MAX;
        double best_weight = 0;
        for (size_t i = 0; i < n; i++) {
            bool own, taken = false;
            double weight = at(screen, i, &own);
            for (size_t j = 0; j < count; j++)
                taken = taken || picked[j] == i;
            if (own == want_own && !taken && weight > best_weight && weight >= least) {
                best = i;
                best_weight = weight;
            }
        }
        if (best == SIZE_MAX)
            break;
        picked[count++] = best;
    }
    return count;
}

/*
 * Rows of a table: own code first, then the libraries, each by weight. A library row of a tenth or more keeps a place.
 */
static size_t pick_rows(const struct screen *screen, weight_at *at, size_t n, size_t rows, size_t *picked)
{
    double all = whole(screen);
    size_t heavy[1];
    size_t kept = rows > 1 ? pick(screen, at, n, false, 0.1 * all, heavy, 1) : 0;
    size_t count = pick(screen, at, n, true, 0.005 * all, picked, rows - kept);
    return count + pick(screen, at, n, false, 0.005 * all, picked + count, rows - count);
}

enum { PICKED_MAX = 1000 };

static int add_functions(struct screen *screen, size_t rows)
{
    size_t *picked = mem_zalloc(rows + 1, sizeof *picked);
    if (picked == NULL)
        return ERR_NOMEM;
    size_t n = pick_rows(screen, function_at, screen->aggregate->n_functions, rows, picked);
    if (n > 0) {
        text_style(screen, "2");
        buf_add_text(&screen->out, " self  total  function                       file:line\n");
        text_style(screen, "0");
    }
    for (size_t i = 0; i < n; i++) {
        const struct function_sum *sum = &screen->aggregate->functions[picked[i]];
        const struct function *function = &screen->profile->functions[sum->function];
        bool cpu = screen->input->options->cpu_clock;
        char self[24], total[24];
        cells_percent(self, sizeof self, (cpu ? sum->self_cpu_ns : sum->self_wall_ns) / whole(screen));
        cells_percent(total, sizeof total, (cpu ? sum->total_cpu_ns : sum->total_wall_ns) / whole(screen));
        buf_printf(&screen->out, "%5s  %5s  ", self, total);
        cells_add(&screen->out, screen->profile->strings[function->name],
                  screen->profile->string_lengths[function->name], 29, false, true);
        buf_add_text(&screen->out, "  ");
        add_place(screen, function->file, sum->hot_line != 0 ? sum->hot_line : function->first_line);
    }
    mem_free(picked);
    return 0;
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
    size_t length = 0, room = screen->width > 60 ? screen->width - 18 : 42;
    const char *source = profile_source_line(profile, line->file, line->line, &length);
    if (source != NULL) {
        while (length > 0 && (*source == ' ' || *source == '\t'))
            source++, length--;
        size_t used = cells_add(&screen->out, source, length, room > 26 ? room - 24 : room, false, true);
        room = room > used + 1 ? room - used - 1 : 0;
        buf_add_byte(&screen->out, ' ');
    }
    const char *file = diagnosis_file(profile, line->file);
    cells_add(&screen->out, file, strlen(file), room, true, false);
    buf_add_byte(&screen->out, '\n');
}

static int add_lines(struct screen *screen, size_t rows)
{
    size_t *picked = mem_zalloc(rows + 1, sizeof *picked);
    if (picked == NULL)
        return ERR_NOMEM;
    size_t n = pick_rows(screen, line_at, screen->aggregate->n_lines, rows, picked);
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

/* ---- findings and files --------------------------------------------------------------------------------------------
 */

/* "1  hot-loop        orders.py:41      2.1-4.0x  80 % ±1  CPU time in its Python" */
static void add_finding(struct screen *screen, const struct finding *finding, size_t rank)
{
    struct buf place = {0}, text = {0};
    char low[24], high[24], gain[56] = "";
    if (finding->file != 0) {
        buf_add_text(&place, diagnosis_file(screen->profile, finding->file));
        if (finding->line != 0)
            buf_printf(&place, ":%u", finding->line);
    }
    if (finding->predicted_high > 0) {
        cells_gain(low, sizeof low, finding->predicted_low);
        cells_gain(high, sizeof high, finding->predicted_high);
        low[strcspn(low, "x")] = '\0';
        snprintf(gain, sizeof gain, "%s-%s", low, high);
    }
    buf_printf(&screen->out, "%zu  %-14s  ", rank, finding->tag);
    cells_add(&screen->out, buf_text(&place), place.size, 18, true, true);
    buf_printf(&screen->out, "  %-8s  ", gain);
    if (finding->n_evidence > 0)
        add_evidence(&text, &finding->evidence[0]);
    cells_add(&screen->out, buf_text(&text), text.size, screen->width - 49, false, false);
    buf_add_byte(&screen->out, '\n');
    text_done(screen, &place);
    text_done(screen, &text);
}

static void add_findings(struct screen *screen)
{
    const struct diagnosis *diagnosis = screen->diagnosis;
    size_t shown = diagnosis->n_findings < FINDINGS_SHOWN ? diagnosis->n_findings : FINDINGS_SHOWN;
    for (size_t i = 0; i < shown; i++)
        add_finding(screen, &diagnosis->findings[i], i + 1);
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
    BLOCK_LEDGER,
    BLOCK_FUNCTIONS,
    BLOCK_LINES,
    BLOCK_FINDINGS,
    BLOCK_FILES,
    BLOCKS
};

static int draw_block(struct screen *screen, enum block block, size_t rows)
{
    switch (block) {
    case BLOCK_HEAD:
        add_header(screen);
        add_trust(screen);
        return 0;
    case BLOCK_VERDICT:
        add_verdict(screen);
        return 0;
    case BLOCK_LEDGER:
        add_ledger(screen);
        return 0;
    case BLOCK_FUNCTIONS:
        return add_functions(screen, rows);
    case BLOCK_LINES:
        return add_lines(screen, rows);
    case BLOCK_FINDINGS:
        add_findings(screen);
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

/* What is left of the screen goes to blank lines and rows, in this order; with --top nothing is limited. */
static int spend_rest(struct screen *screen, struct buf *blocks, bool *blank, size_t rows, size_t used)
{
    static const struct {
        enum block block;
        bool row;
    } wishes[] = {{BLOCK_FUNCTIONS, false}, {BLOCK_FINDINGS, false}, {BLOCK_FUNCTIONS, true}, {BLOCK_LINES, true},
                  {BLOCK_LINES, false},     {BLOCK_FILES, false},    {BLOCK_FUNCTIONS, true}, {BLOCK_LINES, true},
                  {BLOCK_FUNCTIONS, true},  {BLOCK_LINES, true}};
    size_t given[BLOCKS] = {[BLOCK_FUNCTIONS] = rows, [BLOCK_LINES] = rows}, top = screen->input->options->top;
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0] && (used < LINES_MAX || top > 0); i++) {
        enum block block = wishes[i].block;
        if (blocks[block].size == 0)
            continue;
        if (!wishes[i].row) {
            blank[block] = true;
            used++;
        } else if (top == 0) {
            size_t before = count_lines(&blocks[block]);
            int rc = draw_apart(screen, block, ++given[block], &blocks[block]);
            if (rc != 0)
                return rc;
            used += count_lines(&blocks[block]) - before;
        }
    }
    return 0;
}

static int draw_screen(struct screen *screen)
{
    struct buf blocks[BLOCKS] = {0};
    bool blank[BLOCKS] = {[BLOCK_VERDICT] = true, [BLOCK_LEDGER] = true};
    size_t used = 2, top = screen->input->options->top, rows = top > 0 ? top : ROWS_LEAST;
    int rc = 0;
    if (rows > PICKED_MAX)
        rows = PICKED_MAX;
    for (int i = 0; rc == 0 && i < BLOCKS; i++) {
        rc = draw_apart(screen, (enum block)i, rows, &blocks[i]);
        used += count_lines(&blocks[i]);
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
    if (options->lines_of != NULL || options->callers_of != NULL || options->callees_of != NULL)
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
    if (input->options->sort != NULL && strcmp(input->options->sort, "self") != 0 &&
        strcmp(input->options->sort, "total") != 0)
        return err_set(err, ERR_BAD_INPUT, "cannot sort by %s: it is self or total", input->options->sort);
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
