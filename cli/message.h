/* What keisoku itself says, on standard error, each line starting with "keisoku: ". */
#ifndef KEISOKU_CLI_MESSAGE_H
#define KEISOKU_CLI_MESSAGE_H

#include "command.h"

#include "keisoku.h"

void message(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the error and returns the exit status that it means for this command. */
int message_error(const struct command *command, const struct kei_error *error);
/* "run: PROGRAM is missing; usage …"; returns the status of bad input. */
int message_usage(const struct command *command, const char *what);

/* What was printed must have arrived (a full disk behind standard output is a failure): `status`, or 1 after a message.
 */
int message_printed(int status);

/* Colours on this descriptor? */
bool color_wanted(int choice, int fd);
/* Columns for tables on this descriptor, from 60 to 200; 80 when it is no terminal. */
unsigned screen_width(int fd);
/* Lines that a screen may take on this descriptor, so that the command above it and the prompt below it stay in sight;
 * 0, which is the usual height, when it is no terminal. */
unsigned screen_height(int fd);

#endif
