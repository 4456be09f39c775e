#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double first_s = 2, every_s = 0.5;

void progress_start(struct progress *progress, const struct settings *settings)
{
    const char *terminal = getenv("TERM");
    bool can = isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
    *progress = (struct progress){.wanted = !settings->quiet && (settings->progress || can), .next_s = first_s};
}

/* In the background the line belongs to the shell, and writing could stop us. */
static bool in_background(void)
{
    pid_t foreground = isatty(STDERR_FILENO) ? tcgetpgrp(STDERR_FILENO) : -1;
    return foreground >= 0 && foreground != getpgrp();
}

static void put(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

void progress_line(struct progress *progress, double elapsed_s, const char *line)
{
    if (!progress->wanted || elapsed_s < progress->next_s || in_background())
        return;
    char text[176];
    struct winsize size;
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
    snprintf(text, sizeof text, "\r\033[K%.*s", width, line); /* a wrapped line would not be erased */
    put(text);
    progress->shown = true;
    progress->next_s = elapsed_s + every_s;
}

void progress_show(struct progress *progress, const struct kei_status *status)
{
    char line[160];
    snprintf(line, sizeof line, "keisoku  %.0f s  %llu sample%s  %u process%s, %u with Python  %u thread%s",
             status->elapsed_s, (unsigned long long)status->samples, plural(status->samples), status->processes,
             status->processes == 1 ? "" : "es", status->pythons, status->threads, plural(status->threads));
    progress_line(progress, status->elapsed_s, line);
}

void progress_erase(struct progress *progress)
{
    if (progress->shown && !in_background())
        put("\r\033[K");
    progress->shown = false;
}
