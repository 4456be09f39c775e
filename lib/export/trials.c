/* The pieces that the screens of stat, bench and scale share. */
#include "export/trials.h"

#include "export/cells.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Three digits that count, at any size. */
static void print_seconds(char *out, size_t size, double value)
{
    static const struct {
        double from, factor;
        const char *unit;
    } scales[] = {{1, 1, "s"}, {1e-3, 1e3, "ms"}, {1e-6, 1e6, "us"}, {0, 1e9, "ns"}};
    size_t i = 0;
    while (value < scales[i].from * 0.9995)
        i++;
    double shown = value * scales[i].factor;
    int digits = value == 0 || shown >= 99.95 ? 0 : shown >= 9.995 ? 1 : 2;
    snprintf(out, size, "%.*f %s", digits, shown, value == 0 ? "s" : scales[i].unit);
}

void trials_value(char *out, size_t size, enum measure_unit unit, double value)
{
    switch (unit) {
    case UNIT_SECONDS:
        print_seconds(out, size, value);
        break;
    case UNIT_BYTES:
        cells_bytes(out, size, value);
        break;
    case UNIT_COUNT:
        if (value < 10 && value != floor(value))
            snprintf(out, size, "%.1f", value);
        else
            cells_count(out, size, (uint64_t)(value + 0.5));
        break;
    default:
        snprintf(out, size, "%.2f", value);
    }
}

void trials_style(struct buf *out, const struct trials_screen *screen, const char *code)
{
    if (screen->color)
        buf_printf(out, "\033[%sm", code);
}

static void add_word(struct buf *out, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./=:,+@%{}";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        buf_add_text(out, word);
        return;
    }
    buf_add_byte(out, '\'');
    for (const char *at = word; *at != '\0'; at++) {
        if (*at == '\'')
            buf_add_text(out, "'\\''");
        else
            buf_add_byte(out, (uint8_t)*at);
    }
    buf_add_byte(out, '\'');
}

void trials_command(struct buf *out, char *const *command)
{
    for (size_t i = 0; command[i] != NULL; i++) {
        if (i > 0)
            buf_add_byte(out, ' ');
        add_word(out, command[i]);
    }
}

void trials_csv_text(struct buf *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        buf_add_text(out, text);
        return;
    }
    buf_add_byte(out, '"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"')
            buf_add_byte(out, '"');
        buf_add_byte(out, (uint8_t)*at);
    }
    buf_add_byte(out, '"');
}

void trials_end(char *out, size_t size, int wait_status)
{
    if (!WIFSIGNALED(wait_status))
        snprintf(out, size, "exit status %d", WEXITSTATUS(wait_status));
    else
        snprintf(out, size, "signal %d (%s)%s", WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)),
                 WCOREDUMP(wait_status) ? ", core dumped" : "");
}
