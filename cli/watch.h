/* The terminal's side of runs of whole programs (stat, bench, scale): signals go to the program that runs, Ctrl-C ends
 * the series, a line tells how far it is. */
#ifndef KEISOKU_CLI_WATCH_H
#define KEISOKU_CLI_WATCH_H

#include "progress.h"

struct watch {
    struct kei_watch hears; /* for the library */
    struct progress progress;
    double start_s;
    pid_t pid; /* the program that runs */
};

/* False after a message. */
bool watch_start(struct watch *watch, const struct settings *settings);
/* The line is erased. */
void watch_end(struct watch *watch);

#endif
