/* keisoku bench: commands turn by turn, compared with the noise of all. */
#include "message.h"
#include "outcome.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_NOTHING_CLAIMED = 3, WARMUPS = 2 };

/* The lines of --setup, one behind the other; NULL: none, or no memory (*failed). */
static char *join_setup(const struct list *lines, bool *failed)
{
    size_t size = 1;
    for (size_t i = 0; i < lines->count; i++)
        size += strlen(lines->items[i]) + 1;
    char *text = lines->count > 0 ? calloc(size, 1) : NULL;
    *failed = lines->count > 0 && text == NULL;
    for (size_t i = 0; text != NULL && i < lines->count; i++) {
        strcat(text, lines->items[i]);
        strcat(text, "\n");
    }
    return text;
}

static struct kei_words words_of(const struct list *list)
{
    return (struct kei_words){list->items, list->count};
}

/* True after a message when options do not go together. */
static bool misused(const struct command *command, const struct settings *settings)
{
    const char *wrong = NULL;
    if (settings->setup.count > 0 && !settings->python)
        wrong = "--setup is for Python statements: add --python";
    else if (settings->interpreter != NULL && !settings->python)
        wrong = "--interpreter is for Python statements: add --python";
    else if (settings->no_warmup && settings->warmups > 0)
        wrong = "--warmup and --no-warmup contradict each other";
    else if (settings->finding > 0 && settings->from_file == NULL)
        wrong = "--finding is one of a recording: add --from FILE.kei";
    if (wrong != NULL)
        message_usage(command, wrong);
    return wrong != NULL;
}

static int show(const struct command *command, const struct settings *settings, struct kei_outcome *outcome)
{
    int status = kei_outcome_status(outcome);
    if (!outcome_show(settings, outcome, STDOUT_FILENO) && status == 0)
        status = command->failure_status;
    kei_outcome_free(outcome);
    return status;
}

int command_bench(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct watch watch;
    struct kei_outcome *outcome = NULL;
    struct kei_error error = {0};
    bool failed;
    if (count == 0)
        return message_usage(command, "a command is missing");
    if (misused(command, settings))
        return command->usage_status;
    if (!watch_start(&watch, settings))
        return command->usage_status;
    char *setup = join_setup(&settings->setup, &failed);
    struct kei_bench_options options = {
        .commands = {(const char *const *)words, (size_t)count},
        .scans = words_of(&settings->scans),
        .rounds = settings->rounds,
        .warmups = settings->no_warmup     ? 0
                   : settings->warmups > 0 ? settings->warmups
                                           : WARMUPS,
        .equal_output = settings->equal_output,
        .ignore_failure = settings->ignore_failure,
        .prepare = settings->prepare,
        .conclude = settings->conclude,
        .python = settings->python,
        .setup = setup,
        .interpreter = settings->interpreter,
        .seed = settings->seed,
        .measure = (enum kei_bench_measure)settings->measure,
        .baselines = words_of(&settings->checks),
        .recording = settings->from_file,
        .finding = settings->finding,
    };
    if (failed)
        return command->failure_status;
    int rc = kei_bench(&options, &watch.hears, &outcome, &error);
    watch_end(&watch);
    free(setup);
    if (rc != 0)
        return error.code == KEI_ERR_GONE ? (message("%s", error.text), EXIT_NOTHING_CLAIMED)
                                          : outcome_error_status(command, &error);
    return show(command, settings, outcome);
}
