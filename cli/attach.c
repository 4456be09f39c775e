/* keisoku attach: joins running processes until --duration, Ctrl-C or their end. */
#include "held.h"
#include "message.h"
#include "options.h"
#include "record.h"
#include "signals.h"

enum { PIDS_MAX = 256 };

int command_attach(const struct command *command, const struct settings *settings, int count, char **words)
{
    pid_t pids[PIDS_MAX];
    struct kei_options options;
    struct kei_session *session = NULL;
    struct kei_error error = {0};
    if (count == 0)
        return message_usage(command, "PID is missing");
    if (count > PIDS_MAX)
        return message_usage(command, "more than 256 PIDs");
    for (int i = 0; i < count; i++) {
        double value;
        const char *why;
        if (!option_number(OPTION_ID, words[i], &value, &why)) {
            message("attach: %s is no PID: %s", words[i], why);
            return command->usage_status;
        }
        pids[i] = (pid_t)value;
    }
    if (!record_options(command, settings, &options))
        return command->usage_status;
    if (!signals_start(false))
        return command->failure_status;
    held_watch(command->failure_status, "nothing was measured", NULL);
    int rc = kei_attach(&options, pids, (size_t)count, &session, &error);
    held_watch_end();
    if (rc != 0)
        return message_error(command, &error);
    return record(command, settings, session);
}
