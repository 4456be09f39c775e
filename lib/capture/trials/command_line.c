#include "capture/trials/command_line.h"

#include "base/mem.h"

#include <string.h>

/* Does a shell do more with it than to take quotes off? */
static bool needs_shell(const char *text)
{
    char quote = 0;
    bool first_word = true;
    for (const char *at = text + strspn(text, " \t"); *at != '\0'; at++) {
        if (quote == '\'') {
            quote = *at == '\'' ? 0 : quote;
        } else if (quote == '"') {
            if (strchr("$`\\", *at) != NULL)
                return true;
            quote = *at == '"' ? 0 : quote;
        } else if (*at == '\'' || *at == '"') {
            quote = *at;
        } else if (strchr("|&;<>()$`\\*?[]#~\n!{}", *at) != NULL || (*at == '=' && first_word)) {
            return true;
        } else if (*at == ' ' || *at == '\t') {
            first_word = false;
        }
    }
    return false;
}

/* Takes the words apart in place; *count of them. False when a quote does not end. */
static bool split(char *text, char **argv, size_t *count)
{
    char *from = text, *to = text;
    *count = 0;
    for (;;) {
        while (*from == ' ' || *from == '\t')
            from++;
        if (*from == '\0')
            return true;
        argv[(*count)++] = to;
        while (*from != '\0' && *from != ' ' && *from != '\t') {
            char quote = *from;
            if (quote != '\'' && quote != '"') {
                *to++ = *from++;
                continue;
            }
            for (from++; *from != quote; from++) {
                if (*from == '\0')
                    return false;
                *to++ = *from;
            }
            from++;
        }
        bool last = *from == '\0';
        *to++ = '\0';
        if (last)
            return true;
        from++;
    }
}

int command_line_split(const char *text, struct command_line *result, struct err *err)
{
    *result = (struct command_line){.shell = needs_shell(text)};
    size_t count = 0, length = strlen(text);
    if (text[strspn(text, " \t\n")] == '\0')
        return err_set(err, ERR_BAD_INPUT, "a command is empty");
    result->text = mem_strdup(text);
    result->argv = mem_zalloc(length / 2 + 5, sizeof *result->argv);
    if (result->text == NULL || result->argv == NULL) {
        command_line_release(result);
        return err_set(err, ERR_NOMEM, "cannot read a command: out of memory; free some memory");
    }
    if (result->shell) {
        static char shell[] = "/bin/sh", option[] = "-c";
        result->argv[0] = shell;
        result->argv[1] = option;
        result->argv[2] = result->text;
    } else if (!split(result->text, result->argv, &count)) {
        command_line_release(result);
        return err_set(err, ERR_BAD_INPUT, "command %.200s has a quote that does not end", text);
    }
    return 0;
}

void command_line_release(struct command_line *line)
{
    mem_free(line->text);
    mem_free(line->argv);
    *line = (struct command_line){0};
}
