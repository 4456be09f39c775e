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

/* What a file keeps where two roots show one (a container's image below its own layer, which has another device) and
 * two files never share. All 0: not known, for it is not there, or its process is not any more. */
struct file_id {
    uint64_t inode, size, changed_s, changed_ns;
};

/* A path where it was met first. */
struct first_file {
    uint32_t root;
    struct file_id id;
};

struct root_key {
    uint64_t namespace, device, inode;
};

struct source_text {
    struct recording *recording;
    struct map done;   /* names of files */
    struct map roots;  /* root_key → number from 1 on */
    struct map paths;  /* path → place in firsts */
    struct map others; /* (file_id, path) of another file at the path of a first one → PID of who has it */
    struct map chosen; /* (number of a root, path) → that PID, or 0: it has the first one's name */
    struct first_file *firsts;
    size_t n_firsts, capacity;
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
    map_release(&sources->roots);
    map_release(&sources->paths);
    map_release(&sources->others);
    map_release(&sources->chosen);
    mem_free(sources->firsts);
    mem_free(sources);
}

typedef int opener(int root, const char *path);

/*
 * The regular file at `path` below `root`, so that no link in the path leads out. The name is the target's: a device
 * may act on being opened, a pipe's other end sees it, and who has a lease on a file gets a signal. O_PATH opens
 * nothing.
 */
static int place_in_root(int root, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    struct stat status;
    int place = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (place >= 0 && (fstat(place, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(place);
        return -1;
    }
    return place;
}

/* That same file, to be read. */
static int open_in_root(int root, const char *path)
{
    char name[64];
    int place = place_in_root(root, path);
    if (place < 0)
        return -1;
    snprintf(name, sizeof name, "/proc/self/fd/%d", place);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    close(place);
    return fd;
}

/*
 * With the rights of `owner`: file system ids and groups are a thread's own (by system call; the C library would change
 * every thread's), and dropping root's drops its right to read all. Who may not change them reads for nobody else.
 */
static int open_as(const struct stat *owner, opener *open_file, int root, const char *path)
{
    if (owner->st_uid == geteuid())
        return open_file(root, path);
    gid_t groups[NGROUPS_MAX];
    int fd = -1, n_groups = getgroups(NGROUPS_MAX, groups);
    if (n_groups < 0 || syscall(SYS_setgroups, 0, NULL) != 0)
        return -1;
    int old_gid = setfsgid(owner->st_gid), old_uid = setfsuid(owner->st_uid);
    if (setfsuid((uid_t)-1) == (int)owner->st_uid && setfsgid((gid_t)-1) == (int)owner->st_gid)
        fd = open_file(root, path);
    setfsuid((uid_t)old_uid);
    setfsgid((gid_t)old_gid);
    syscall(SYS_setgroups, (size_t)n_groups, groups);
    return fd;
}

/* One that became another program is over, too, but its files are where they were. */
static bool is_gone(const struct tracked_process *process)
{
    return process->over && proc_start_ticks(process->pid, NULL) != process->start_ticks;
}

static int open_as_target(const struct tracked_process *process, opener *open_file, const char *path)
{
    char name[64];
    struct stat owner;
    if (is_gone(process)) /* its number may be another's */
        return -1;
    proc_path(process->pid, "root", name, sizeof name);
    int root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -1;
    snprintf(name, sizeof name, "/proc/%d", process->pid);
    int fd = -1;
    if (stat(name, &owner) == 0)
        fd = open_as(&owner, open_file, root, path);
    close(root);
    return fd;
}

/* ---- files of several roots ----------------------------------------------------------------------------------------
 */

/* Where the process's paths begin, as a number; 0: that was never to be had. Of one that is gone, what it was. */
static uint32_t root_of(struct source_text *sources, struct tracked_process *process)
{
    char name[64];
    struct stat namespace, root;
    bool found;
    if (is_gone(process))
        return process->root_number;
    proc_path(process->pid, "ns/mnt", name, sizeof name);
    if (stat(name, &namespace) != 0)
        return process->root_number;
    proc_path(process->pid, "root", name, sizeof name);
    if (stat(name, &root) != 0)
        return process->root_number;
    struct root_key key = {namespace.st_ino, root.st_dev, root.st_ino};
    uint32_t number = (uint32_t)sources->roots.count + 1;
    if (number <= FILES_MAX && map_put(&sources->roots, &key, sizeof key, number, &number, &found) == 0)
        process->root_number = number;
    return process->root_number;
}

static struct file_id id_of(const struct tracked_process *process, const char *path)
{
    struct stat status;
    struct file_id id = {0};
    int fd = open_as_target(process, place_in_root, path);
    if (fd < 0)
        return id;
    if (fstat(fd, &status) == 0)
        id = (struct file_id){status.st_ino, (uint64_t)status.st_size, (uint64_t)status.st_ctim.tv_sec,
                              (uint64_t)status.st_ctim.tv_nsec};
    close(fd);
    return id;
}

/* NULL: there are too many, or memory is short. */
static struct first_file *first_at(struct source_text *sources, const struct tracked_process *process, uint32_t root,
                                   const char *path)
{
    uint32_t place;
    bool found;
    if (map_get(&sources->paths, path, strlen(path), &place))
        return &sources->firsts[place];
    if (sources->n_firsts >= FILES_MAX ||
        mem_grow(&sources->firsts, &sources->capacity, sources->n_firsts + 1, sizeof *sources->firsts) != 0 ||
        map_put(&sources->paths, path, strlen(path), (uint32_t)sources->n_firsts, &place, &found) != 0)
        return NULL;
    sources->firsts[sources->n_firsts++] = (struct first_file){root, id_of(process, path)};
    return &sources->firsts[place];
}

static bool is_known(const struct file_id *id)
{
    static const struct file_id unknown;
    return memcmp(id, &unknown, sizeof unknown) != 0;
}

static size_t make_key(char *key, const void *head, size_t size, const char *path, size_t length)
{
    memcpy(key, head, size);
    memcpy(key + size, path, length);
    return size + length;
}

/* PID of one that has the file that the root has there; 0: it is the first one, as far as is known. What was found out
 * stays: later the file may be another by its change time, or nobody is left to ask. */
static uint32_t pid_that_has(struct source_text *sources, const struct tracked_process *process, uint32_t root,
                             const char *path, struct first_file *first)
{
    char key[sizeof(struct file_id) + SOURCE_PATH_BYTES];
    uint32_t pid = 0, ignored;
    bool found;
    size_t length = strlen(path), size = make_key(key, &root, sizeof root, path, length);
    if (map_get(&sources->chosen, key, size, &pid) || sources->chosen.count >= FILES_MAX)
        return pid;
    struct file_id id = id_of(process, path);
    if (!is_known(&id))
        return 0;
    if (!is_known(&first->id))
        first->id = id;
    if (memcmp(&id, &first->id, sizeof id) != 0) {
        size = make_key(key, &id, sizeof id, path, length);
        if (map_put(&sources->others, key, size, (uint32_t)process->pid, &pid, &found) != 0)
            pid = (uint32_t)process->pid;
        size = make_key(key, &root, sizeof root, path, length);
    }
    map_put(&sources->chosen, key, size, pid, &ignored, &found);
    return pid;
}

const char *source_text_file(struct source_text *sources, struct tracked_process *process, const char *path, char *name,
                             size_t size)
{
    bool absolute = path[0] == '/' && strlen(path) < SOURCE_PATH_BYTES;
    uint32_t root = absolute ? root_of(sources, process) : 0;
    struct first_file *first = root != 0 ? first_at(sources, process, root, path) : NULL;
    uint32_t pid = first != NULL && first->root != root ? pid_that_has(sources, process, root, path, first) : 0;
    if (pid == 0)
        return path;
    snprintf(name, size, "/proc/%u/root%s", pid, path);
    return name;
}

/* ---- texts --------------------------------------------------------------------------------------------------------
 */

static void add_file(struct source_text *sources, const struct tracked_process *process, uint32_t file,
                     const char *path)
{
    struct stat status;
    int fd = open_as_target(process, open_in_root, path);
    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && status.st_size > 0 && status.st_size <= FILE_BYTES_MAX &&
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

void source_text_want(struct source_text *sources, struct tracked_process *process, uint32_t file, const char *path)
{
    char buffer[SOURCE_NAME_BYTES];
    uint32_t ignored;
    bool known, command = strcmp(path, "<string>") == 0;
    if (file == 0 || (!command && path[0] != '/') || sources->done.count >= FILES_MAX)
        return;
    const char *name = source_text_file(sources, process, path, buffer, sizeof buffer);
    if (map_put(&sources->done, name, strlen(name), 1, &ignored, &known) != 0 || known)
        return;
    if (command)
        add_command_text(sources, process, file);
    else
        add_file(sources, process, file, path);
}
