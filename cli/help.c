#include "help.h"

#include "options.h"

#include "keisoku.h"

#include <string.h>

enum { OPTION_COLUMN = 26 };

void help_print(FILE *file)
{
    fprintf(file, "keisoku %s: where a Python program's time goes, and what to do about it\n\n", kei_version());
    fprintf(file, "usage: keisoku COMMAND ...\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(file, "  %-11s %s\n", commands[i].name, commands[i].summary);
    fprintf(file, "\nFirst try: keisoku run app.py\n");
    fprintf(file, "keisoku COMMAND --help tells more; so does docs/commands. keisoku --version prints the version.\n");
}

static void print_option(const struct option_row *row, FILE *file)
{
    char left[80];
    bool takes_value = row->argument[0] != '\0', maybe = row->kind == OPTION_MAYBE_TEXT;
    snprintf(left, sizeof left, "%s%c%s--%s%s%s%s", row->letter ? "-" : "  ", row->letter ? row->letter : ' ',
             row->letter ? ", " : " ", row->name,
             maybe         ? "[="
             : takes_value ? " "
                           : "",
             row->argument, maybe ? "]" : "");
    if (strlen(left) > OPTION_COLUMN - 2)
        fprintf(file, "  %s\n  %*s", left, OPTION_COLUMN, "");
    else
        fprintf(file, "  %-*s", OPTION_COLUMN, left);
    fprintf(file, "%s\n", row->summary);
}

void help_print_command(const struct command *command, FILE *file)
{
    fprintf(file, "usage: keisoku %s %s\n\n%s\n\noptions:\n", command->name, command->arguments, command->summary);
    for (size_t i = 0; i < option_row_count; i++)
        if (option_rows[i].commands & command->bit)
            print_option(&option_rows[i], file);
    fprintf(file, "\nexamples:\n");
    for (const char *at = command->examples; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        fprintf(file, "  %.*s\n", (int)length, at);
        at += length + (at[length] == '\n');
    }
    fprintf(file, "\nmore: docs/commands/%s.md\n", command->name);
}
