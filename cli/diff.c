/* keisoku diff: what changed from one recording to another, as a screen, JSON or a page. */
#include "message.h"
#include "output.h"

#include <unistd.h>

struct asked {
    char **paths;
    const char *format;
    struct kei_diff_options options;
};

static int produce(void *context, struct output_target *target, struct kei_error *error)
{
    const struct asked *asked = context;
    return kei_diff(asked->paths[0], asked->paths[1], asked->format, &asked->options, output_write, target, error);
}

int command_diff(const struct command *command, const struct settings *settings, int count, char **words)
{
    if (count != 2)
        return message_usage(command, count < 2 ? "it compares two recordings" : "it compares two recordings, no more");
    const char *formats[] = {"html", "json", "text"};
    const char *paths[] = {settings->html, settings->json, NULL};
    bool wanted[] = {settings->html != NULL, settings->json != NULL, settings->html == NULL && settings->json == NULL};
    struct asked asked = {.paths = words,
                          .options = {.per = (enum kei_diff_per)settings->per,
                                      .cpu_clock = settings->clock == 1,
                                      .color = color_wanted(settings->color, STDOUT_FILENO),
                                      .width = screen_width(STDOUT_FILENO),
                                      .top = settings->top}};
    for (size_t i = 0; i < 3; i++) {
        struct kei_error error = {0};
        char taken[OUTPUT_PATH_BYTES];
        asked.format = formats[i];
        if (!wanted[i])
            continue;
        if (output_to(paths[i], produce, &asked, taken, &error) != 0)
            return message_error(command, &error);
        if (taken[0] != '\0')
            message("wrote %s", taken);
    }
    return 0;
}
