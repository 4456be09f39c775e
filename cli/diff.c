/* keisoku diff: what changed from one recording to another, as a screen, JSON or a page. */
#include "message.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct asked {
    const char *const *a, *const *b; /* each ends with NULL */
    const char *format;
    struct kei_diff_options options;
};

static int produce(void *context, struct output_target *target, struct kei_error *error)
{
    const struct asked *asked = context;
    return kei_diff_runs(asked->a, asked->b, asked->format, &asked->options, output_write, target, error);
}

/* Puts the words into two lists: one each, or several on both sides of "--". False where they are neither. */
static bool split(char **words, int count, const char **list, struct asked *asked)
{
    int at = 0, from = 0;
    while (at < count && strcmp(words[at], "--") != 0)
        at++;
    if (at == count && count == 2)
        at = 1;
    else if (at == count)
        return false;
    else
        from = 1; /* the "--" itself */
    if (at == 0 || at + from >= count)
        return false;
    for (int i = 0; i < at; i++)
        list[i] = words[i];
    list[at] = NULL;
    for (int i = at + from; i < count; i++) {
        if (strcmp(words[i], "--") == 0)
            return false;
        list[i - from + 1] = words[i];
    }
    list[count - from + 1] = NULL;
    asked->a = list;
    asked->b = list + at + 1;
    return true;
}

int command_diff(const struct command *command, const struct settings *settings, int count, char **words)
{
    const char *formats[] = {"html", "json", "text"};
    const char *paths[] = {settings->html, settings->json, NULL};
    bool wanted[] = {settings->html != NULL, settings->json != NULL, settings->html == NULL && settings->json == NULL};
    struct asked asked = {.options = {.per = (enum kei_diff_per)settings->per,
                                      .cpu_clock = settings->clock == 1,
                                      .color = color_wanted(settings->color, STDOUT_FILENO),
                                      .width = screen_width(STDOUT_FILENO),
                                      .top = settings->top}};
    const char **list = calloc((size_t)count + 2, sizeof *list);
    if (list == NULL || !split(words, count, list, &asked)) {
        free(list);
        return message_usage(command, count < 2 ? "it compares two recordings"
                                                : "it compares two recordings, or several of each: A1 A2 -- B1 B2");
    }
    int status = 0;
    for (size_t i = 0; status == 0 && i < 3; i++) {
        struct kei_error error = {0};
        char taken[OUTPUT_PATH_BYTES];
        asked.format = formats[i];
        if (!wanted[i])
            continue;
        if (output_to(paths[i], produce, &asked, taken, &error) != 0)
            status = message_error(command, &error);
        else if (taken[0] != '\0')
            message("wrote %s", taken);
    }
    free(list);
    return status;
}
