/* See control_words.h. */
#include "capture/control_words.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { REQUEST_MS = 1000 }; /* that a client may take to say what it wants */

const char *const control_names[CONTROL_COUNT + 1] = {
#define X(name, text) text,
    CONTROL_LIST(X)
#undef X
};

/* ---- the recorder's side -------------------------------------------------------------------------------------------
 */

bool control_hear(int fd, char request[CONTROL_REQUEST_BYTES])
{
    size_t have = 0;
    uint64_t until_ns = clock_monotonic_ns() + REQUEST_MS * UINT64_C(1000000);
    while (have + 1 < CONTROL_REQUEST_BYTES) {
        struct pollfd ready = {fd, POLLIN, 0};
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= until_ns || poll(&ready, 1, (int)((until_ns - now_ns) / 1000000) + 1) <= 0)
            return false;
        ssize_t n = recv(fd, request + have, CONTROL_REQUEST_BYTES - 1 - have, MSG_DONTWAIT);
        if (n <= 0)
            return false;
        have += (size_t)n;
        request[have] = '\0';
        char *end = memchr(request, '\n', have);
        if (end != NULL) {
            *end = '\0';
            return true;
        }
    }
    return false;
}

int control_request(const char *request, const char **argument)
{
    size_t length = strcspn(request, " ");
    int command = 0;
    *argument = request + length + (request[length] != '\0');
    while (command < CONTROL_COUNT &&
           (strlen(control_names[command]) != length || strncmp(control_names[command], request, length) != 0))
        command++;
    return command;
}

/* ---- the other side ------------------------------------------------------------------------------------------------
 */

void control_say(struct buf *request, enum control_command command, const char *output)
{
    buf_printf(request, "%s%s%s\n", control_names[command], output != NULL ? " " : "", output != NULL ? output : "");
}

bool control_listen(int fd, char line[CONTROL_REPLY_BYTES])
{
    size_t have = 0;
    while (have + 1 < CONTROL_REPLY_BYTES) {
        ssize_t n = recv(fd, line + have, CONTROL_REPLY_BYTES - 1 - have, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        have += (size_t)n;
        if (memchr(line, '\n', have) != NULL)
            break;
    }
    line[have] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return have > 0;
}

int control_reply(const char *line, const char *path, char reply[CONTROL_REPLY_BYTES], struct err *err)
{
    char *text;
    long code = strtol(line, &text, 10);
    if (text == line || *text != ' ' || code > 0 || code < INT_MIN)
        return err_set(err, ERR_IO, "what answered for %s is no recorder of this keisoku", path);
    text++;
    strcpy(reply, text);
    return code == 0 ? 0 : err_set(err, (int)code, "%s: %.900s", path, text);
}
