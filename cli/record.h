/* What run and attach share: options, the wait with its progress line, and the files and the screen at the end. */
#ifndef KEISOKU_CLI_RECORD_H
#define KEISOKU_CLI_RECORD_H

#include "command.h"

#include "keisoku.h"

/* Fills the library's options. False after a message (an --export that cannot work). */
bool record_options(const struct command *command, const struct settings *settings, struct kei_options *options);
/* Waits for the end, finishes the recording, writes what was asked for and frees the session. The exit status. */
int record(const struct command *command, const struct settings *settings, struct kei_session *session);

#endif
