/* See control.h: the side of who asks. */
#include "base/file.h"
#include "capture/control.h"
#include "capture/control_place.h"
#include "data/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Nobody answers for it: because it is no recording, is whole, or its recorder was killed. */
static int explain_silence(const char *path, bool stale, struct err *err)
{
    struct profile *profile = NULL;
    int rc = profile_load(path, &profile, err);
    if (rc != 0)
        return rc;
    bool complete = profile->complete;
    profile_free(profile);
    if (complete)
        return err_set(err, ERR_GONE, "nothing records %s any more: it is complete", path);
    return err_set(err, ERR_GONE,
                   "nothing records %s any more: its recorder was killed%s; it holds all up to its last commit", path,
                   stale ? " and left its socket, which is removed" : "");
}

/* A connected socket, or -1; *refused: one was there that nobody listens to. */
static int connect_to(const struct stat *file, struct sockaddr_un *address, bool *refused, bool *denied)
{
    for (int place = 0; place < CONTROL_PLACES; place++) {
        control_address(file, place, address);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
            return fd;
        *denied = *denied || errno == EACCES || errno == EPERM;
        *refused = errno == ECONNREFUSED;
        if (fd >= 0)
            close(fd);
        if (*refused)
            break;
    }
    return -1;
}

static bool send_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, text, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        size -= (size_t)n;
    }
    return true;
}

/* Up to the end of the line; what is longer is cut. */
static bool receive_line(int fd, char *line, size_t size)
{
    size_t have = 0;
    while (have + 1 < size) {
        ssize_t n = recv(fd, line + have, size - 1 - have, 0);
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

static int exchange(int fd, const char *path, enum control_command command, const char *output, char *reply,
                    struct err *err)
{
    char line[CONTROL_REPLY_BYTES];
    struct buf request = {0};
    buf_printf(&request, "%s%s%s\n", control_names[command], output != NULL ? " " : "", output != NULL ? output : "");
    bool sent = !request.failed && send_all(fd, buf_text(&request), request.size);
    buf_release(&request);
    if (!sent || !receive_line(fd, line, sizeof line))
        return err_set(err, ERR_GONE, "the recorder of %s went away before it answered; look at the file", path);
    char *text = strchr(line, ' ');
    int rc = (int)strtol(line, NULL, 10);
    if (text == NULL || rc > 0)
        return err_set(err, ERR_IO, "what answered for %s is no recorder of this keisoku", path);
    strcpy(reply, text + 1);
    return rc == 0 ? 0 : err_set(err, rc, "%s: %.900s", path, text + 1);
}

int control_ask(const char *path, enum control_command command, const char *output, char reply[CONTROL_REPLY_BYTES],
                struct err *err)
{
    struct stat file;
    struct sockaddr_un address;
    bool refused = false, denied = false;
    uid_t user;
    if (stat(path, &file) != 0)
        return file_error(err, errno, "open", path);
    if (output != NULL && strchr(output, '\n') != NULL)
        return err_set(err, ERR_BAD_INPUT, "ctl save: a name with a line break cannot be passed on; choose another");
    int fd = connect_to(&file, &address, &refused, &denied);
    if (fd < 0 && denied)
        return err_set(err, ERR_PERMISSION, "%s is recorded by user %u; ask as that user", path, (unsigned)file.st_uid);
    if (fd < 0 && refused && control_directory(&address, false))
        unlink(address.sun_path);
    if (fd < 0)
        return explain_silence(path, refused, err);
    int rc = control_peer(fd, &user) && (user == file.st_uid || user == 0)
                 ? exchange(fd, path, command, output, reply, err)
                 : err_set(err, ERR_PERMISSION, "what answers for %s is not its owner's; it was asked nothing", path);
    close(fd);
    return rc;
}
