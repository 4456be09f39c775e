/* Help, made from the tables. */
#ifndef KEISOKU_CLI_HELP_H
#define KEISOKU_CLI_HELP_H

#include "command.h"

#include <stdio.h>

void help_print(FILE *file);
void help_print_command(const struct command *command, FILE *file);

#endif
