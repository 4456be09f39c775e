/* The one parser of command lines, driven by options.def. */
#ifndef KEISOKU_CLI_OPTIONS_H
#define KEISOKU_CLI_OPTIONS_H

#include "command.h"

enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_MAYBE_TEXT, /* --name or --name=TEXT; "-" when no text is given */
    OPTION_LIST,
    OPTION_CHOICE,
    OPTION_RATE,
    OPTION_TIME,     /* 0 is allowed */
    OPTION_DURATION, /* above 0 */
    OPTION_KEEP,     /* a second or more */
    OPTION_SIZE,
    OPTION_CPU, /* of one core, in % */
    OPTION_SHARE,
    OPTION_COUNT,
    OPTION_ID
};

struct option_row {
    unsigned commands;
    const char *name;
    char letter; /* 0: none */
    enum option_kind kind;
    size_t field; /* offset in struct settings */
    const char *argument, *summary;
};

extern const struct option_row option_rows[];
extern const size_t option_row_count;

/* Reads the options of `words`; what is left moves to its front, *count of them. Where a program is started the
 * first word that is no option (or -m, -c, -) ends them, as does "--" everywhere. False after a message. */
bool options_parse(const struct command *command, struct settings *settings, char **words, int *count);

/* One value, as a row of that kind reads it (for tests and for words that are no options). False: not usable; *why is
 * then what would be. */
bool option_number(enum option_kind kind, const char *text, double *value, const char **why);

#endif
