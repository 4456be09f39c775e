/* keisoku doctor: what can be measured here, or of one process, and the exact remedy for what cannot. */
#include "held.h"
#include "message.h"
#include "options.h"

#include <stdio.h>

enum { CHECKS_MAX = 32, NAME_COLUMN = 22, ANSWER_COLUMN = 6 };

static void print_visible(const char *text)
{
    char visible[2048];
    kei_visible_text(text, visible, sizeof visible);
    fputs(visible, stdout);
}

static void print_check(const struct kei_check *check, bool color)
{
    bool good = check->answer[0] == 'y' || check->answer[0] == '\0';
    printf("%-*s ", NAME_COLUMN, check->name);
    printf("%s%-*s%s ",
           !color ? ""
           : good ? "\033[32m"
                  : "\033[33m",
           ANSWER_COLUMN, check->answer, color ? "\033[0m" : "");
    print_visible(check->detail);
    printf("\n");
    if (check->remedy[0] == '\0')
        return;
    printf("%*s", NAME_COLUMN + 1 + ANSWER_COLUMN + 1, "");
    print_visible(check->remedy);
    printf("\n");
}

int command_doctor(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct kei_check checks[CHECKS_MAX];
    struct kei_error error = {0};
    double pid = 0;
    const char *why;
    if (count > 1)
        return message_usage(command, "it takes one PID");
    if (count == 1 && !option_number(OPTION_ID, words[0], &pid, &why)) {
        message("doctor: %s is no PID: %s", words[0], why);
        return command->usage_status;
    }
    held_watch(command->failure_status, "it cannot be measured", NULL);
    int n_checks = kei_doctor((pid_t)pid, checks, CHECKS_MAX, &error);
    held_watch_end();
    if (n_checks < 0)
        return message_error(command, &error);
    for (int i = 0; i < n_checks; i++)
        print_check(&checks[i], color_wanted(settings->color, 1));
    return message_printed(0);
}
