/* keisoku completion: a script that completes commands, options and their choices in a shell, made from the tables. */
#include "message.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

static void print_choices(const struct command *command, const struct option_row *row)
{
    printf("    %s:--%s) words=\"", command->name, row->name);
    for (const char *at = row->argument; *at != '\0'; at++)
        putchar(*at == '|' ? ' ' : *at);
    printf("\" ;;\n");
}

/* The values of options that have a few. */
static void print_values(void)
{
    printf("    case $command:$before in\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        for (size_t j = 0; j < option_row_count; j++)
            if (option_rows[j].commands & commands[i].bit && option_rows[j].kind == OPTION_CHOICE)
                print_choices(&commands[i], &option_rows[j]);
    printf("    export:--format) words=\"$(keisoku export --format help 2>/dev/null | cut -d' ' -f1)\" ;;\n");
    printf("    ctl:*) words=\"");
    for (const char *const *name = kei_control_commands(); *name != NULL; name++)
        printf("%s ", *name);
    printf("\"; compopt -o default ;;\n    esac\n");
}

static void print_options(void)
{
    printf("    case $command in\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf("    %s) words=\"", commands[i].name);
        for (size_t j = 0; j < option_row_count; j++)
            if (option_rows[j].commands & commands[i].bit)
                printf("--%s ", option_rows[j].name);
        printf("\" ;;\n");
    }
    printf("    esac\n");
}

static void print_script(void)
{
    printf("# bash completion of keisoku; use: source <(keisoku completion bash)\n"
           "_keisoku() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} "
           "words=\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        words=\"--help --version");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf(" %s", commands[i].name);
    printf("\"\n    elif [ \"${current#-}\" != \"$current\" ]; then\n");
    print_options();
    printf("    else\n");
    print_values();
    printf("    fi\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "}\n"
           "complete -o default -F _keisoku keisoku\n");
}

int command_completion(const struct command *command, const struct settings *settings, int count, char **words)
{
    (void)settings;
    if (count != 1 || strcmp(words[0], "bash") != 0)
        return message_usage(command, "it knows bash only");
    print_script();
    return message_printed(0);
}
