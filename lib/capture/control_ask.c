/* See control.h: the side of who asks. */
#include "base/file.h"
#include "capture/control.h"
#include "capture/control_place.h"
#include "capture/control_words.h"
#include "data/profile.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ENDING_NS = 100 * 1000 * 1000, ENDING_TRIES = 20 };

static int is_complete(const char *path, bool *complete, struct err *err)
{
    struct profile *profile = NULL;
    int rc = profile_load(path, &profile, err);
    *complete = rc == 0 && profile->complete;
    profile_free(profile);
    return rc;
}

/* Nobody answers for it: because it is no recording, is whole, or its recorder was killed. One that ends takes its
 * socket away first: then the rest of the file comes a moment later. */
static int explain_silence(const char *path, bool stale, struct err *err)
{
    const struct timespec moment = {.tv_nsec = ENDING_NS};
    bool complete;
    int rc = is_complete(path, &complete, err);
    for (int i = 0; i < ENDING_TRIES && rc == 0 && !complete && !stale; i++) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
        rc = is_complete(path, &complete, err);
    }
    if (rc != 0)
        return rc;
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

static int exchange(int fd, const char *path, enum control_command command, const char *output, char *reply,
                    struct err *err)
{
    char line[CONTROL_REPLY_BYTES];
    struct buf request = {0};
    control_say(&request, command, output);
    bool sent = !request.failed && send_all(fd, buf_text(&request), request.size);
    buf_release(&request);
    if (!sent || !control_listen(fd, line))
        return err_set(err, ERR_GONE, "the recorder of %s went away before it answered; look at the file", path);
    return control_reply(line, path, reply, err);
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
