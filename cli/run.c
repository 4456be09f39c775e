/* keisoku run: starts a program under measurement and ends as it ends. */
#include "message.h"
#include "record.h"
#include "signals.h"

int command_run(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct kei_options options;
    struct kei_session *session = NULL;
    struct kei_error error = {0};
    if (count == 0)
        return message_usage(command, "PROGRAM is missing");
    if (!record_options(command, settings, &options) || !signals_start(true))
        return command->usage_status;
    switch (kei_run(&options, words, &session, &error)) {
    case 0:
        return record(command, settings, session);
    case KEI_ERR_NOT_FOUND:
        message("%s", error.text);
        return 127;
    case KEI_ERR_NOT_EXECUTABLE:
        message("%s", error.text);
        return 126;
    default:
        return message_error(command, &error);
    }
}
