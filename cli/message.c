#include "message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One write, so that lines of several processes do not mix. A closed standard error is nobody's failure. */
void message(const char *format, ...)
{
    char text[2048] = "keisoku: ", visible[4 * sizeof text];
    size_t prefix = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + prefix, sizeof text - prefix - 1, format, arguments);
    va_end(arguments);
    size_t length = kei_visible_text(text, visible, sizeof visible - 1);
    length = length < sizeof visible - 1 ? length : sizeof visible - 2;
    visible[length++] = '\n';
    ssize_t written = write(STDERR_FILENO, visible, length);
    (void)written;
}

/* Bad input, as opposed to a failure of ours or of the machine. */
static bool is_bad_input(int code)
{
    switch (code) {
    case KEI_ERR_BAD_INPUT:
    case KEI_ERR_CORRUPT:
    case KEI_ERR_VERSION:
    case KEI_ERR_NOT_FOUND:
    case KEI_ERR_NOT_PYTHON:
    case KEI_ERR_GONE:
        return true;
    default:
        return false;
    }
}

int message_error(const struct command *command, const struct kei_error *error)
{
    message("%s", error->text);
    return is_bad_input(error->code) ? command->usage_status : command->failure_status;
}

int message_usage(const struct command *command, const char *what)
{
    message("%s: %s; usage: keisoku %s %s", command->name, what, command->name, command->arguments);
    return command->usage_status;
}

int message_printed(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    message("cannot write standard output: %s", strerror(errno));
    return 1;
}

bool color_wanted(int choice, int fd)
{
    if (choice != COLOR_AUTO)
        return choice == COLOR_ALWAYS;
    const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return (none == NULL || none[0] == '\0') && isatty(fd) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

unsigned screen_width(int fd)
{
    struct winsize size;
    if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < 60 ? 60 : size.ws_col > 200 ? 200 : size.ws_col;
}

unsigned screen_height(int fd)
{
    enum { AROUND = 2, MOST = 32 };
    struct winsize size;
    if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_row <= AROUND)
        return 0;
    return size.ws_row - AROUND > MOST ? MOST : size.ws_row - AROUND;
}
