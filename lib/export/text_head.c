/* The top of the screen: what was measured, and whether it can be trusted. See text.h. */
#include "export/text.h"
#include "export/trials.h"

#include <stdio.h>
#include <string.h>

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

enum { WORDS_MAX = 32, NAME_LEAST = 16 };

static const double unfollowed_told = 0.05;
static const double rate_told = 0.9; /* of the rate asked for: what is less is said */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* Past an interpreter, its options and `-m`; `-c` and `-` stay. `words` itself where nothing is left then. */
static const char *const *after_python(const char *const *words)
{
    const char *const *at = words;
    if (strncmp(base_name(*at), "python", 6) == 0)
        at++;
    while (*at != NULL && (*at)[0] == '-' && strchr("mc", (*at)[1]) == NULL)
        at += 1 + ((strcmp(*at, "-X") == 0 || strcmp(*at, "-W") == 0) && at[1] != NULL);
    if (*at != NULL && strcmp(*at, "-m") == 0)
        at++;
    return *at != NULL ? at : words;
}

/* The program as one thinks of it: without the interpreter before it and the folders of its script. */
static void add_command(struct buf *out, const char *const *words)
{
    if (words == NULL || words[0] == NULL)
        return;
    words = after_python(words);
    buf_add_text(out, base_name(words[0]));
    for (size_t i = 1; words[i] != NULL; i++) {
        buf_add_byte(out, ' ');
        buf_add_text(out, words[i]);
    }
}

/* After an attach: the first process that was joined. */
static void add_process(struct buf *out, const struct profile *profile)
{
    const char *words[WORDS_MAX + 1] = {NULL};
    if (profile->n_processes < 2)
        return;
    uint32_t command = profile->processes[1].command;
    buf_printf(out, "%d ", profile->processes[1].pid);
    size_t n = 0, length = command < profile->n_strings ? profile->string_lengths[command] : 0;
    for (size_t i = 0; i < length && n < WORDS_MAX; i += strlen(profile->strings[command] + i) + 1)
        words[n++] = profile->strings[command] + i;
    add_command(out, words);
}

static void add_numbers(struct buf *out, const struct profile *profile, int brief)
{
    char wall[32], cpu[32];
    double run_ns = 0;
    size_t pythons, threads = profile->n_threads > 0 ? profile->n_threads - 1 : 0;
    for (size_t i = 1; i < profile->n_threads; i++)
        run_ns += (double)profile->threads[i].run_ns;
    cells_seconds(wall, sizeof wall, (double)profile->duration_ns / 1e9);
    cells_seconds(cpu, sizeof cpu, run_ns / 1e9);
    out->size = 0; /* not buf_clear: a failure stays */
    add_pythons(out, profile, &pythons);
    buf_printf(out, "  %s wall  %s CPU", wall, cpu);
    if (pythons != 1 || brief < 1)
        buf_printf(out, "  %zu process%s", pythons, pythons == 1 ? "" : "es");
    if (brief < 3 && (threads != 1 || brief < 2))
        buf_printf(out, "  %zu thread%s", threads, threads == 1 ? "" : "s");
}

/* How the program ended, where that was no success. */
static void add_end(struct screen *screen)
{
    const struct profile *profile = screen->profile;
    int status = profile->n_processes > 1 ? profile->processes[1].exit_status : 0;
    char end[80];
    if (status <= 0 || profile->whole != NULL)
        return;
    trials_end(end, sizeof end, status);
    buf_printf(&screen->out, "ended    with %s\n", end);
}

/* That there is one process, or one thread, need not be said where the program's name needs the room, nor how many
 * threads where there is none for it at all. */
void text_header(struct screen *screen)
{
    struct buf command = {0}, numbers = {0};
    size_t wanted, room = 0;
    if (screen->profile->command != NULL && screen->profile->command[0] != NULL)
        add_command(&command, screen->profile->command);
    else
        add_process(&command, screen->profile);
    wanted = cells_width_of(&command);
    for (int brief = 0; brief < 4; brief++) {
        add_numbers(&numbers, screen->profile, brief);
        size_t taken = TEXT_LEFT + 2 + cells_width_of(&numbers);
        room = taken + 8 < screen->width ? screen->width - taken : 8;
        if (room >= wanted || (brief == 2 && room >= NAME_LEAST))
            break;
    }
    text_style(screen, "1");
    buf_add_text(&screen->out, "keisoku  ");
    text_style(screen, "0");
    cells_add_buf(&screen->out, &command, room, false, false);
    buf_printf(&screen->out, "  %s\n", buf_text(&numbers));
    add_end(screen);
    text_done(screen, &command);
    text_done(screen, &numbers);
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

enum { CAUSES_SHOWN = 3 };

/* "137 lost (other-core 23, unreadable 20, others 94)": the causes that cost most. */
static void add_losses(struct buf *out, const struct profile *profile, const struct trust *trust)
{
    char count[40];
    bool shown[LOSS_KIND_COUNT] = {false};
    uint64_t left = trust->dropped + trust->lost;
    cells_count(count, sizeof count, left);
    buf_printf(out, "%s lost", count);
    const char *separator = " (";
    for (int n = 0; n < CAUSES_SHOWN && left > 0; n++) {
        int most = -1;
        for (int i = 0; i < LOSS_KIND_COUNT; i++) {
            if (!shown[i] && profile->losses[i] > 0 && (most < 0 || profile->losses[i] > profile->losses[most]))
                most = i;
        }
        if (most < 0)
            break;
        shown[most] = true;
        left -= profile->losses[most];
        cells_count(count, sizeof count, profile->losses[most]);
        buf_printf(out, "%s%s %s", separator, loss_name((enum loss_kind)most), count);
        separator = ", ";
    }
    if (left > 0)
        cells_count(count, sizeof count, left), buf_printf(out, ", others %s", count);
    buf_add_text(out, separator[0] == ',' ? ")" : "");
}

/* "perf clock,/proc", as it is recorded, with a blank after each comma. */
static void add_evidence_list(struct buf *out, const char *list)
{
    buf_add_text(out, "; evidence: ");
    for (; *list != '\0'; list++)
        buf_add_text(out, *list == ',' ? ", " : (const char[]){*list, '\0'});
}

/* "native stacks: 3,912 whole, 40 cut": of --native. */
static void add_native(struct buf *out, const struct self_report *self)
{
    char whole[40], cut[40];
    if (self->native_whole + self->native_cut == 0)
        return;
    cells_count(whole, sizeof whole, self->native_whole);
    cells_count(cut, sizeof cut, self->native_cut);
    buf_printf(out, "; native stacks: %s whole, %s cut", whole, cut);
}

/* "; 998 Hz", "; 350 Hz of 1000": where what was wanted was not reached, for the budget or for want of a core. */
static void add_rate(struct buf *out, const struct self_report *self)
{
    if (self->rate_hz <= 0)
        return;
    buf_printf(out, "; %.0f Hz", self->rate_hz);
    if (self->rate_hz < rate_told * self->rate_asked_hz && self->rate_asked_hz < KEI_RATE_MAX)
        buf_printf(out, " of %.0f", self->rate_asked_hz);
}

void text_trust(struct screen *screen)
{
    const struct profile *profile = screen->profile;
    const struct trust *trust = &screen->diagnosis->trust;
    struct buf text = {0}, left_out = {0};
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
    if (trust->unfollowed >= unfollowed_told)
        buf_printf(&text, "; %.0f %% of its CPU time in threads %s", trust->unfollowed * 100,
                   trust->held_off ? "that ended while keisoku waited for a core" : "too brief to be followed");
    if (profile->self.sweeps > 0)
        buf_printf(&text, "; we took %.1f %% of its time", trust->core_taken * 100);
    add_rate(&text, &profile->self);
    add_native(&text, &profile->self);
    if (profile->evidence != NULL && profile->evidence[0] != '\0')
        add_evidence_list(&text, profile->evidence);
    profile_left_out(profile, &left_out);
    if (left_out.size > 0)
        buf_printf(&text, "; %s", buf_text(&left_out));
    if (!profile->complete)
        buf_add_text(&text, "; not ended: the recorder was cut off or is still at work, this is up to its last commit");
    size_t notes = screen->tight >= TIGHT_NOTES ? 1 : 2;
    cells_wrap(&screen->out, "trust    ", text_hang, buf_text(&text), screen->width);
    text_done(screen, &text);
    text_done(screen, &left_out);
    for (size_t i = 0; profile->notes != NULL && profile->notes[i] != NULL && i < notes; i++)
        cells_wrap(&screen->out, "note     ", text_hang, profile->notes[i], screen->width);
}
