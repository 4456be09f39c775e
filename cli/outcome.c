#include "outcome.h"

#include "message.h"
#include "output.h"

#include <string.h>
#include <unistd.h>

struct asked {
    const struct kei_outcome *outcome;
    const char *format;
    struct kei_outcome_options options;
};

static int produce(void *context, struct output_target *target, struct kei_error *error)
{
    const struct asked *asked = context;
    return kei_outcome_write(asked->outcome, asked->format, &asked->options, output_write, target, error);
}

static bool write_file(struct asked *asked, const char *format, const char *path)
{
    struct kei_error error = {0};
    char taken[OUTPUT_PATH_BYTES];
    asked->format = format;
    if (path == NULL)
        return true;
    if (output_to(path, produce, asked, taken, &error) != 0) {
        message("%s", error.text);
        return false;
    }
    if (taken[0] != '\0')
        message("wrote %s", taken);
    return true;
}

bool outcome_show(const struct settings *settings, const struct kei_outcome *outcome, int screen_fd)
{
    struct asked asked = {.outcome = outcome};
    const struct {
        const char *format, *path;
    } files[] = {{"json", settings->json},
                 {"json", settings->save},
                 {"csv", settings->csv_out},
                 {"markdown", settings->markdown}};
    bool screen = !settings->quiet, written = true;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i].path != NULL && strcmp(files[i].path, "-") == 0 && screen_fd == STDOUT_FILENO)
            screen = false;
        written = write_file(&asked, files[i].format, files[i].path) && written;
    }
    if (!screen)
        return written;
    struct kei_error error = {0};
    struct output_target target = {.fd = screen_fd};
    asked.format = "text";
    asked.options = (struct kei_outcome_options){color_wanted(settings->color, screen_fd), screen_width(screen_fd)};
    int rc = output_result(&target, produce(&asked, &target, &error),
                           screen_fd == STDOUT_FILENO ? "standard output" : "standard error", &error);
    if (rc != 0)
        message("%s", error.text);
    return written && rc == 0;
}

int outcome_error_status(const struct command *command, const struct kei_error *error)
{
    int status = message_error(command, error);
    return error->code == KEI_ERR_NOT_FOUND ? 127 : error->code == KEI_ERR_NOT_EXECUTABLE ? 126 : status;
}
