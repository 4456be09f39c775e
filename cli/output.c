#include "output.h"

#include "message.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int output_write(void *context, const void *data, size_t size)
{
    struct output_target *target = context;
    const char *at = data;
    while (size > 0) {
        ssize_t written = write(target->fd, at, size);
        if (written > 0) {
            at += written;
            size -= (size_t)written;
        } else if (errno == EAGAIN) {
            struct pollfd ready = {.fd = target->fd, .events = POLLOUT};
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            target->error = errno;
            return errno == ENOSPC || errno == EDQUOT ? KEI_ERR_FULL : KEI_ERR_IO;
        }
    }
    return 0;
}

static int write_error(struct kei_error *error, int code, int number, const char *name)
{
    const char *hint = code == KEI_ERR_FULL ? "; free some space or choose another place" : "";
    error->code = code;
    snprintf(error->text, sizeof error->text, "cannot write %s: %s%s", name, strerror(number), hint);
    return code;
}

int output_result(const struct output_target *target, int rc, const char *name, struct kei_error *error)
{
    return target->error != 0 ? write_error(error, rc, target->error, name) : rc;
}

int output_to(const char *path, output_producer *produce, void *context, char taken[OUTPUT_PATH_BYTES],
              struct kei_error *error)
{
    taken[0] = '\0';
    bool standard = path == NULL || strcmp(path, "-") == 0;
    int fd = standard ? STDOUT_FILENO : kei_create_file(path, taken, OUTPUT_PATH_BYTES, error);
    if (fd < 0) {
        taken[0] = '\0'; /* the name that was tried */
        return fd;
    }
    struct output_target target = {.fd = fd};
    const char *name = standard ? "standard output" : taken;
    int rc = output_result(&target, produce(context, &target, error), name, error);
    if (standard)
        return rc;
    if (close(fd) != 0 && rc == 0)
        rc = write_error(error, errno == ENOSPC || errno == EDQUOT ? KEI_ERR_FULL : KEI_ERR_IO, errno, taken);
    if (rc != 0) {
        unlink(taken);
        taken[0] = '\0';
    }
    return rc;
}

int output_export_fd(struct kei_recording *recording, const char *format, const struct kei_export_options *options,
                     int fd, const char *name, struct kei_error *error)
{
    struct output_target target = {.fd = fd};
    int rc = kei_export(recording, format, options, output_write, &target, error);
    return output_result(&target, rc, name, error);
}

struct exported {
    struct kei_recording *recording;
    const char *format;
    const struct kei_export_options *options;
};

static int produce_export(void *context, struct output_target *target, struct kei_error *error)
{
    const struct exported *exported = context;
    return kei_export(exported->recording, exported->format, exported->options, output_write, target, error);
}

int output_export(struct kei_recording *recording, const char *format, const struct kei_export_options *options,
                  const char *path, char taken[OUTPUT_PATH_BYTES], struct kei_error *error)
{
    struct exported exported = {recording, format, options};
    return output_to(path, produce_export, &exported, taken, error);
}

const struct kei_format *output_format(const char *who, const char *name)
{
    enum { NAMES_MAX = 64 };
    size_t count;
    const struct kei_format *formats = kei_formats(&count);
    const char *names[NAMES_MAX];
    for (size_t i = 0; i < count && i < NAMES_MAX; i++) {
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
        names[i] = formats[i].name;
    }
    const char *near = kei_nearest_word(name, names, count < NAMES_MAX ? count : NAMES_MAX);
    if (near != NULL)
        message("%s: there is no format %s; did you mean %s?", who, name, near);
    else
        message("%s: there is no format %s; keisoku export --format help lists them", who, name);
    return NULL;
}
