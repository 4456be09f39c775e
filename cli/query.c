/* keisoku query: asks a recording in SQL. Nothing is written but the answer, so Ctrl-C may end it at any moment. */
#include "message.h"
#include "output.h"

#include <unistd.h>

int command_query(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct kei_error error = {0};
    struct output_target target = {.fd = STDOUT_FILENO};
    if (count < 1 || count > 2)
        return message_usage(command, count == 0 ? "FILE is missing" : "it asks one FILE one thing: quote the SQL");
    if (settings->csv && settings->plain_json)
        return message_usage(command, "--csv and --json are two answers; ask for one");
    enum kei_query_format format = settings->csv          ? KEI_QUERY_CSV
                                   : settings->plain_json ? KEI_QUERY_JSON
                                                          : KEI_QUERY_TABLE;
    uint32_t width = isatty(STDOUT_FILENO) ? screen_width(STDOUT_FILENO) : 0;
    int rc = kei_query(words[0], count > 1 ? words[1] : NULL, format, width, output_write, &target, &error);
    rc = output_result(&target, rc, "standard output", &error);
    return rc == 0 ? 0 : message_error(command, &error);
}
