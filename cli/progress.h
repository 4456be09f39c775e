/* One line on standard error, rewritten while a program runs and erased at the end. */
#ifndef KEISOKU_CLI_PROGRESS_H
#define KEISOKU_CLI_PROGRESS_H

#include "command.h"

#include "keisoku.h"

struct progress {
    bool wanted, shown;
    double next_s; /* when to write it again */
};

void progress_start(struct progress *progress, const struct settings *settings);
/* Any line; `elapsed_s` since the start decides whether it is due. */
void progress_line(struct progress *progress, double elapsed_s, const char *line);
void progress_show(struct progress *progress, const struct kei_status *status);
void progress_erase(struct progress *progress);

#endif
