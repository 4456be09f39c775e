/*
 * Errors. Every function of the library that can fail returns 0 or a negative code of the list below and, where it
 * takes a `struct err`, leaves a message there that is complete enough to print as it is: what failed, on what, why,
 * and what to try. The library itself never prints and never exits.
 */
#ifndef KEISOKU_BASE_ERR_H
#define KEISOKU_BASE_ERR_H

#include <stdarg.h>

/* X(NAME, number, sentence, what to try). The numbers are part of the C ABI. */
#define ERR_LIST(X)                                                                                                    \
    X(NOMEM, 1, "out of memory", "free some memory or record with a lower --rate")                                     \
    X(IO, 2, "reading or writing a file failed", "see the system's reason in the message")                             \
    X(FULL, 3, "no space left on the device", "free some space or choose another place with -o")                       \
    X(CORRUPT, 4, "the file is damaged or no recording", "record again; a copy cut short cannot be repaired")          \
    X(VERSION, 5, "the format or version is not known", "use a newer keisoku")                                         \
    X(GONE, 6, "the process has ended", "start it with keisoku run")                                                   \
    X(PERMISSION, 7, "not permitted",                                                                                  \
      "keisoku doctor PID names the missing permission and the command that grants it")                                \
    X(NOT_PYTHON, 8, "no Python interpreter in the process", "name a process that runs Python")                        \
    X(BAD_INPUT, 9, "an argument is not usable", "see --help")                                                         \
    X(NOT_FOUND, 10, "not found", "check the name")                                                                    \
    X(NOT_SUPPORTED, 11, "not supported here", "keisoku doctor says what is")                                          \
    X(UNREADABLE, 12, "the process's memory could not be read as expected", "try again")                               \
    X(NOT_EXECUTABLE, 13, "the program cannot be executed", "check its permissions")

enum err_code {
#define ERR_ENUM(name, number, sentence, hint) ERR_##name = -(number),
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

struct err {
    int code;        /* 0 or one of err_code */
    char text[1024]; /* the whole message, one line, without the leading "keisoku: " */
};

/* Sets the message (printf form) and returns `code`, so that `return err_set(err, ERR_IO, …)` reads well. A NULL err is
 * allowed. The text should say what failed, on what, why and what to try. */
int err_set(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The list's sentence and hint of a code; never NULL. */
const char *err_sentence(int code);
const char *err_hint(int code);

#endif
