/* keisoku merge: one recording of several. */
#include "message.h"

#include <stdio.h>

static const char *plural(uint32_t count, const char *many)
{
    return count == 1 ? "" : many;
}

int command_merge(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct kei_merged merged;
    struct kei_error error = {0};
    if (count == 0)
        return message_usage(command, "FILE is missing");
    if (settings->output == NULL)
        return message_usage(command, "-o OUT is missing");
    if (kei_merge((const char *const *)words, (size_t)count, settings->output, &merged, &error) != 0)
        return message_error(command, &error);
    message("wrote %s: %llu samples, %u process%s, %u host%s", merged.path, (unsigned long long)merged.samples,
            merged.processes, plural(merged.processes, "es"), merged.hosts, plural(merged.hosts, "s"));
    return 0;
}
