/*
 * A command as one text, as `bench` takes it: into its words where it has nothing that a shell would act on, else for
 * `sh -c`. Pure.
 */
#ifndef KEISOKU_CAPTURE_COMMAND_LINE_H
#define KEISOKU_CAPTURE_COMMAND_LINE_H

#include "base/err.h"

#include <stdbool.h>

struct command_line {
    char *text;  /* the words point into it */
    char **argv; /* NULL-terminated */
    bool shell;
};

/* ERR_BAD_INPUT: nothing in it, or a quote that does not end. */
int command_line_split(const char *text, struct command_line *result, struct err *err);
void command_line_release(struct command_line *line);

#endif
