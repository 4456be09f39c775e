/*
 * Both ends of the control socket. The input is what came: to the recorder, by the first byte in one piece or several,
 * and to who asked it. What was understood must be what the other end says for it.
 */
#include "capture/control_words.h"
#include "fuzz.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE_MOST = 8192 }; /* what a socket takes in without a reader, in pieces of 64 bytes too */

/* A socket on which these bytes came, and then the end. */
static int came(const uint8_t *data, size_t size, size_t piece)
{
    int ends[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    for (size_t at = 0, n; at < size; at += n) {
        n = size - at < piece ? size - at : piece;
        MUST(send(ends[0], data + at, n, MSG_NOSIGNAL) == (ssize_t)n);
    }
    close(ends[0]);
    return ends[1];
}

static void hear(const uint8_t *data, size_t size, size_t piece)
{
    char *request = malloc(CONTROL_REQUEST_BYTES); /* its own, so that a byte beside it is seen */
    const char *argument;
    int fd = came(data, size, piece);
    MUST(request != NULL);
    if (control_hear(fd, request)) {
        const void *end = memchr(data, '\n', size);
        MUST(end != NULL && strlen(request) <= (size_t)((const uint8_t *)end - data));
        int command = control_request(request, &argument);
        MUST(command >= 0 && command <= CONTROL_COUNT);
        MUST(argument >= request && argument <= request + strlen(request));
        if (command < CONTROL_COUNT) {
            struct buf said = {0};
            control_say(&said, (enum control_command)command, argument[0] != '\0' ? argument : NULL);
            size_t length = strlen(request), bare = argument[0] == '\0' && argument > request && argument[-1] == ' ';
            MUST(said.failed || (said.size == length + 1 - bare && memcmp(said.data, request, length - bare) == 0));
            buf_release(&said);
        }
    }
    close(fd);
    free(request);
}

static void listen_to(const uint8_t *data, size_t size, size_t piece)
{
    char *line = malloc(CONTROL_REPLY_BYTES), *reply = malloc(CONTROL_REPLY_BYTES);
    struct err err = {0};
    int fd = came(data, size, piece);
    MUST(line != NULL && reply != NULL);
    if (control_listen(fd, line)) {
        reply[0] = '\0';
        int rc = control_reply(line, "app.kei", reply, &err);
        MUST(rc <= 0 && (rc == 0 || (err.code == rc && err.text[0] != '\0')));
        MUST(rc != 0 || strlen(reply) < strlen(line));
    }
    close(fd);
    free(line);
    free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t piece = (size_t)data[0] * 16 + 64;
    size = size < SIZE_MOST ? size : SIZE_MOST;
    hear(data + 1, size - 1, piece);
    listen_to(data + 1, size - 1, piece);
    return 0;
}
