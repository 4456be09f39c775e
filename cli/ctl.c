/* keisoku ctl: speaks to the recorder of a recording in progress. */
#include "message.h"

#include <stdio.h>
#include <string.h>

int command_ctl(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct kei_error error = {0};
    char reply[KEI_CONTROL_REPLY_BYTES];
    if (count != 2)
        return message_usage(command, count == 0 ? "FILE is missing" : "it takes FILE and one command");
    if (settings->output != NULL && strcmp(words[1], "save") != 0)
        return message_usage(command, "-o is for save");
    if (kei_control(words[0], words[1], settings->output, reply, &error) != 0)
        return message_error(command, &error);
    message("%s", reply);
    return 0;
}
