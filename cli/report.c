/* keisoku report: the verdict and the tables of a recording, as text, JSON or the page. */
#include "message.h"
#include "outcome.h"
#include "output.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What --top, --lines and the rest mean for an export. */
static struct kei_export_options options_of(const struct settings *settings)
{
    static const char *const sorts[] = {"own", "self", "total"};
    return (struct kei_export_options){
        .color = color_wanted(settings->color, STDOUT_FILENO),
        .width = screen_width(STDOUT_FILENO),
        .height = screen_height(STDOUT_FILENO),
        .top = settings->top,
        .sort = sorts[settings->sort],
        .process = settings->process,
        .thread = settings->thread,
        .from_s = settings->from_s,
        .to_s = settings->to_s,
        .lines_of = settings->lines,
        .callers_of = settings->callers,
        .callees_of = settings->callees,
        .tasks = settings->tasks,
        .threads = settings->threads,
        .findings = settings->findings,
    };
}

/* The page, the JSON, or the screen when neither was asked for. */
static int write_report(const struct command *command, const struct settings *settings, struct kei_recording *recording)
{
    struct kei_error error = {0};
    struct kei_export_options options = options_of(settings);
    char taken[OUTPUT_PATH_BYTES];
    const char *formats[] = {"html", "json", "text"};
    const char *paths[] = {settings->html, settings->json, NULL};
    bool wanted[] = {settings->html != NULL, settings->json != NULL, settings->html == NULL && settings->json == NULL};
    for (size_t i = 0; i < 3; i++) {
        if (!wanted[i])
            continue;
        if (output_export(recording, formats[i], &options, paths[i], taken, &error) != 0)
            return message_error(command, &error);
        if (taken[0] != '\0')
            message("wrote %s", taken);
    }
    return 0;
}

static bool to_standard_output(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static int show_gains(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct kei_outcome *outcome = NULL;
    struct kei_error error = {0};
    if (settings->html != NULL)
        return message_usage(command, "--gains has no page: it is text or --json");
    if (kei_gains((struct kei_words){(const char *const *)words, (size_t)count}, &outcome, &error) != 0)
        return message_error(command, &error);
    int status = outcome_show(settings, outcome, STDOUT_FILENO) ? 0 : command->failure_status;
    kei_outcome_free(outcome);
    return status;
}

int command_report(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct kei_recording *recording = NULL;
    struct kei_error error = {0};
    if (settings->gains && count > 0)
        return show_gains(command, settings, count, words);
    if (count != 1)
        return message_usage(command, count == 0 ? "FILE is missing" : "it reads one FILE (write --json=OUT with =)");
    if (settings->to_s > 0 && settings->to_s <= settings->from_s)
        return message_usage(command, "--to must be later than --from");
    if (to_standard_output(settings->html) && to_standard_output(settings->json))
        return message_usage(command, "--html and --json cannot both go to standard output");
    int status = 0;
    if (kei_open(words[0], &recording, &error) != 0)
        status = message_error(command, &error);
    else
        status = write_report(command, settings, recording);
    kei_close(recording);
    return status;
}
