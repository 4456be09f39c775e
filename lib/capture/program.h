/*
 * What the user typed behind `run` becomes an executable and its arguments: a script, -m, -c, - (standard input), a
 * zipapp, a directory with __main__.py, or any executable.
 *
 * A Python is chosen for what does not name one: VIRTUAL_ENV's, else python3, else python of PATH. Everything else is
 * started as the shell would. Nothing is started here; the environment and the file system are only looked at.
 */
#ifndef KEISOKU_CAPTURE_PROGRAM_H
#define KEISOKU_CAPTURE_PROGRAM_H

#include "base/err.h"

#include <stddef.h>

enum { PROGRAM_NAME_BYTES = 128 };

struct program {
    char *executable;              /* for execve(2): a path with a slash in it */
    char **argv;                   /* for execve(2), NULL-terminated */
    char **environment;            /* the caller's, for execve(2); NULL: our own */
    char name[PROGRAM_NAME_BYTES]; /* NAME of the output files; safe in a file name */
};

/* `argv` is NULL-terminated and starts with what the user typed first. ERR_NOT_FOUND, ERR_NOT_EXECUTABLE,
 * ERR_BAD_INPUT (-m or -c with nothing behind it, or nothing at all) or ERR_NOMEM with one printable line. */
int program_resolve(char *const argv[], struct program *result, struct err *err);
/* NAME for a process that runs already, from its arguments joined by NUL: its script's or module's last part, else the
 * name of what it executes. */
void program_name_of(const char *command, size_t size, char name[PROGRAM_NAME_BYTES]);
void program_release(struct program *program);

#endif
