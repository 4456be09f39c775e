/* Writes what came out of stat, bench and scale: the files that were asked for, and the screen. */
#ifndef KEISOKU_CLI_OUTCOME_H
#define KEISOKU_CLI_OUTCOME_H

#include "command.h"

#include "keisoku.h"

/* `screen_fd`: where the screen goes; it is left out where `quiet`, or a file went to the same stream. False after a
 * message. */
bool outcome_show(const struct settings *settings, const struct kei_outcome *outcome, int screen_fd);
/* The exit status of an error before anything ran: 126 and 127 as env(1) uses them. */
int outcome_error_status(const struct command *command, const struct kei_error *error);

#endif
