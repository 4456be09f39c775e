/* keisoku export: another tool's format of a recording. */
#include "message.h"
#include "output.h"

#include <stdio.h>
#include <string.h>

static int list_formats(void)
{
    size_t count;
    const struct kei_format *formats = kei_formats(&count);
    for (size_t i = 0; i < count; i++)
        if (formats[i].foreign)
            printf("%-12s %s\n", formats[i].name, formats[i].summary);
    return message_printed(0);
}

int command_export(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct kei_recording *recording = NULL;
    struct kei_error error = {0};
    char taken[OUTPUT_PATH_BYTES];
    if (settings->format == NULL)
        return message_usage(command, "--format is missing");
    if (strcmp(settings->format, "help") == 0)
        return list_formats();
    if (output_format(command->name, settings->format) == NULL)
        return command->usage_status;
    if (count != 1)
        return message_usage(command, count == 0 ? "FILE is missing" : "it reads one FILE");
    if (settings->to_s > 0 && settings->to_s <= settings->from_s)
        return message_usage(command, "--to must be later than --from");
    struct kei_export_options options = {.cpu_clock = settings->clock == 1,
                                         .process = settings->process,
                                         .thread = settings->thread,
                                         .from_s = settings->from_s,
                                         .to_s = settings->to_s};
    int status = 0;
    if (kei_open(words[0], &recording, &error) != 0 ||
        output_export(recording, settings->format, &options, settings->output, taken, &error) != 0)
        status = message_error(command, &error);
    else if (taken[0] != '\0')
        message("wrote %s", taken);
    kei_close(recording);
    return status;
}
