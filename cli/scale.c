/* keisoku scale: how a program's time grows with its size, function by function. */
#include "message.h"
#include "outcome.h"
#include "signals.h"
#include "watch.h"

#include <unistd.h>

/* The recordings: what --from names, and the words behind it. */
static bool list_recordings(const struct settings *settings, int count, char **words, struct list *list)
{
    *list = settings->from_files;
    for (int i = 0; i < count; i++) {
        if (list->count == LIST_MAX)
            return false;
        list->items[list->count++] = words[i];
    }
    return true;
}

static const char *misuse(const struct settings *settings, int count)
{
    bool reads = settings->from_files.count > 0;
    if (reads && settings->sizes != NULL)
        return "--from reads recordings, --sizes makes them: give one";
    if (!reads && settings->sizes == NULL)
        return "--sizes is missing";
    return !reads && count == 0 ? "PROGRAM is missing" : NULL;
}

int command_scale(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct watch watch;
    struct list recordings = {0};
    struct kei_outcome *outcome = NULL;
    struct kei_error error = {0};
    const char *wrong = misuse(settings, count);
    if (wrong != NULL)
        return message_usage(command, wrong);
    bool reads = settings->from_files.count > 0;
    if (reads && !list_recordings(settings, count, words, &recordings))
        return message_usage(command, "too many recordings");
    const struct kei_scale_options options = {
        .sizes = settings->sizes,
        .recordings = {recordings.items, recordings.count},
        .repeat = settings->repeat,
        .rate_hz = settings->rate_hz,
        .output = settings->output,
        .function = settings->function,
        .predict = {settings->predict.items, settings->predict.count},
        .calls = settings->calls,
    };
    if (!watch_start(&watch, settings))
        return command->failure_status;
    signals_pass_to(NULL, NULL, 0); /* what ends us ends the series */
    int rc = kei_scale(&options, reads ? NULL : words, &watch.hears, &outcome, &error);
    watch_end(&watch);
    if (rc != 0)
        return error.code == KEI_ERR_GONE ? (message("%s", error.text), command->failure_status)
                                          : message_error(command, &error);
    int status = kei_outcome_status(outcome);
    if (!outcome_show(settings, outcome, STDOUT_FILENO))
        status = command->failure_status;
    kei_outcome_free(outcome);
    return status;
}
