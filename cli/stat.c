/* keisoku stat: runs a program, counts what it used, and ends as it ends. */
#include "message.h"
#include "outcome.h"
#include "watch.h"

#include <unistd.h>

int command_stat(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct watch watch;
    struct kei_outcome *outcome = NULL;
    struct kei_error error = {0};
    if (count == 0)
        return message_usage(command, "PROGRAM is missing");
    if (!watch_start(&watch, settings))
        return command->usage_status;
    int rc = kei_stat(settings->repeat, words, &watch.hears, &outcome, &error);
    watch_end(&watch);
    if (rc != 0)
        return outcome_error_status(command, &error);
    outcome_show(settings, outcome, STDERR_FILENO); /* a failure is told; the program's exit status stands */
    int status = kei_outcome_status(outcome);
    kei_outcome_free(outcome);
    return status;
}
