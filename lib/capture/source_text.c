#include "capture/source_text.h"

#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    FILE_BYTES_MAX = 512 * 1024,
    TOTAL_BYTES_MAX = 16 * 1024 * 1024,
    FILES_MAX = 1 << 15 /* a program may make up names for ever */
};

struct source_text {
    struct recording *recording;
    struct map done; /* path */
    size_t total;
    bool no_arguments;
};

int source_text_new(struct recording *recording, bool no_arguments, struct source_text **result)
{
    *result = mem_zalloc(1, sizeof **result);
    if (*result == NULL)
        return ERR_NOMEM;
    (*result)->recording = recording;
    (*result)->no_arguments = no_arguments;
    return 0;
}

void source_text_free(struct source_text *sources)
{
    if (sources == NULL)
        return;
    map_release(&sources->done);
    mem_free(sources);
}

/* Opens `path` below `root` so that no link in it leads out. O_NONBLOCK: a pipe must not hold us. */
static int open_in_root(int root, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/*
 * With the rights of `owner`: file system ids and groups are a thread's own (by system call; the C library would change
 * every thread's), and dropping root's drops its right to read all. Who may not change them reads for nobody else.
 */
static int open_as(const struct stat *owner, int root, const char *path)
{
    if (owner->st_uid == geteuid())
        return open_in_root(root, path);
    gid_t groups[NGROUPS_MAX];
    int fd = -1, n_groups = getgroups(NGROUPS_MAX, groups);
    if (n_groups < 0 || syscall(SYS_setgroups, 0, NULL) != 0)
        return -1;
    int old_gid = setfsgid(owner->st_gid), old_uid = setfsuid(owner->st_uid);
    if (setfsuid((uid_t)-1) == (int)owner->st_uid && setfsgid((gid_t)-1) == (int)owner->st_gid)
        fd = open_in_root(root, path);
    setfsuid((uid_t)old_uid);
    setfsgid((gid_t)old_gid);
    syscall(SYS_setgroups, (size_t)n_groups, groups);
    return fd;
}

static int open_as_target(const struct tracked_process *process, const char *path)
{
    char name[64];
    struct stat owner;
    proc_path(process->pid, "root", name, sizeof name);
    int root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    snprintf(name, sizeof name, "/proc/%d", process->pid);
    int fd = -1;
    if (stat(name, &owner) == 0)
        fd = open_as(&owner, root, path);
    close(root);
    return fd;
}

static void add_file(struct source_text *sources, const struct tracked_process *process, uint32_t file,
                     const char *path)
{
    struct stat status;
    int fd = open_as_target(process, path);
    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 && status.st_size <= FILE_BYTES_MAX &&
        sources->total + (size_t)status.st_size <= TOTAL_BYTES_MAX) {
        size_t size = (size_t)status.st_size, have = 0;
        char *text = mem_alloc(size);
        ssize_t n = 0;
        while (text != NULL && have < size && (n = read(fd, text + have, size - have)) > 0)
            have += (size_t)n;
        if (have > 0) {
            recording_add_source(sources->recording, file, 1, text, have);
            sources->total += have;
        }
        mem_free(text);
    }
    close(fd);
}

/* The text behind -c, when the interpreter was started with it; one that was cut is left out. */
static void add_command_text(struct source_text *sources, const struct tracked_process *process, uint32_t file)
{
    const char *at = process->command, *end = at + process->command_size;
    if (sources->no_arguments || process->command_size >= sizeof process->command - 1)
        return;
    at += strnlen(at, (size_t)(end - at)) + 1; /* the interpreter */
    while (at < end && at[0] == '-' && strcmp(at, "-c") != 0)
        at += strnlen(at, (size_t)(end - at)) + 1;
    if (end - at < 4 || strcmp(at, "-c") != 0)
        return;
    at += 3;
    recording_add_source(sources->recording, file, 1, at, strnlen(at, (size_t)(end - at)));
}

void source_text_want(struct source_text *sources, const struct tracked_process *process, uint32_t file,
                      const char *path)
{
    uint32_t ignored;
    bool known, command = strcmp(path, "<string>") == 0;
    if (file == 0 || (!command && path[0] != '/') || sources->done.count >= FILES_MAX)
        return;
    if (map_put(&sources->done, path, strlen(path), 1, &ignored, &known) != 0 || known)
        return;
    if (command)
        add_command_text(sources, process, file);
    else
        add_file(sources, process, file, path);
}
