#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int file_error(struct err *err, int number, const char *doing, const char *path)
{
    int code = ERR_IO;
    if (number == ENOSPC || number == EDQUOT)
        code = ERR_FULL;
    else if (number == EACCES || number == EPERM || number == EROFS)
        code = ERR_PERMISSION;
    else if (number == ENOENT || number == ENOTDIR)
        code = ERR_NOT_FOUND;
    bool reads = strcmp(doing, "open") == 0 || strcmp(doing, "read") == 0;
    const char *hint = "";
    if (code == ERR_FULL)
        hint = "; free some space or choose another place";
    else if (code == ERR_PERMISSION)
        hint = reads ? "; read it as its owner, or have it made readable" : "; choose a place that you may write to";
    else if (code == ERR_NOT_FOUND)
        hint = reads ? "; check the name" : "; make the folder first or choose another place";
    return err_set(err, code, "cannot %s %s: %s%s", doing, path, strerror(number), hint);
}

/* A folder or a device of that name is not what an output file was meant to stand beside. */
static const char *what_else_is_there(const char *path)
{
    struct stat status;
    if (lstat(path, &status) != 0 || S_ISREG(status.st_mode) || S_ISLNK(status.st_mode))
        return NULL;
    return S_ISDIR(status.st_mode) ? "a folder" : "a device, pipe or socket";
}

int file_create(const char *path, char *taken, size_t taken_size, struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash != NULL ? slash : path, '.');
    size_t stem = dot != NULL && dot != path && dot[-1] != '/' ? (size_t)(dot - path) : strlen(path);
    for (int number = 1; number <= 9999; number++) {
        int length = number == 1 ? snprintf(taken, taken_size, "%s", path)
                                 : snprintf(taken, taken_size, "%.*s-%d%s", (int)stem, path, number, path + stem);
        if (length < 0 || (size_t)length >= taken_size)
            return err_set(err, ERR_BAD_INPUT, "cannot create %s: the name is too long; choose a shorter one", path);
        int fd = open(taken, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0)
            return fd;
        if (errno != EEXIST)
            return file_error(err, errno, "create", taken);
        const char *other = number == 1 ? what_else_is_there(taken) : NULL;
        if (other != NULL)
            return err_set(err, ERR_BAD_INPUT, "cannot create %s: there is %s of that name; choose another one", taken,
                           other);
    }
    return err_set(err, ERR_IO, "cannot create %s: 9999 files of that name exist; remove some or use -o", path);
}
