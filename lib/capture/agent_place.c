/* See agent_place.h. */
#include "capture/agent_place.h"

#include "base/mem.h"
#include "capture/agent_bytes.h"
#include "capture/cpython/python.h"
#include "wire/agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define PRELOAD "LD_PRELOAD="
#define NAME    "keisoku-agent-"

enum { LEFT_S = 10 };

extern char **environ;

/* A path that stands in LD_PRELOAD has neither of these. */
static bool may_hold(const char *parent)
{
    struct statvfs about;
    return parent != NULL && parent[0] == '/' && strpbrk(parent, ": ") == NULL && statvfs(parent, &about) == 0 &&
           (about.f_flag & ST_NOEXEC) == 0;
}

/* PID.N */
static bool is_segment(const char *name)
{
    size_t pid = strspn(name, "0123456789");
    return pid > 0 && name[pid] == '.' && name[pid + 1] != '\0' &&
           strspn(name + pid + 1, "0123456789") == strlen(name + pid + 1);
}

/* Of what an agent's directory holds; of anything else nothing, and then the directory stays. */
static void empty(int directory)
{
    DIR *list = fdopendir(fcntl(directory, F_DUPFD_CLOEXEC, 0));
    struct dirent *entry;
    if (list == NULL)
        return;
    rewinddir(list);
    while ((entry = readdir(list)) != NULL)
        if (strcmp(entry->d_name, WIRE_AGENT_FILE) == 0 || strcmp(entry->d_name, WIRE_AGENT_LAYOUTS) == 0 ||
            is_segment(entry->d_name))
            unlinkat(directory, entry->d_name, 0);
    closedir(list);
}

/* What a recorder left that was killed: nobody holds it. One that is being made is younger. */
static void clear_left(int parent, const char *name)
{
    struct stat about;
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return;
    if (fstat(directory, &about) == 0 && about.st_uid == geteuid() && (about.st_mode & 0777) == 0700 &&
        about.st_mtime + LEFT_S < time(NULL) && flock(directory, LOCK_EX | LOCK_NB) == 0) {
        empty(directory);
        unlinkat(parent, name, AT_REMOVEDIR);
    }
    close(directory);
}

static void clear_all_left(const char *parent)
{
    DIR *list = opendir(parent);
    struct dirent *entry;
    if (list == NULL)
        return;
    while ((entry = readdir(list)) != NULL)
        if (strncmp(entry->d_name, NAME, strlen(NAME)) == 0 && strlen(entry->d_name) == strlen(NAME "XXXXXX"))
            clear_left(dirfd(list), entry->d_name);
    closedir(list);
}

static int make_directory(struct agent_place *place, struct err *err)
{
    const char *const parents[] = {"/dev/shm", getenv("TMPDIR"), "/tmp", "/var/tmp"};
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        if (!may_hold(parents[i]) ||
            (size_t)snprintf(place->path, sizeof place->path, "%s/" NAME "XXXXXX", parents[i]) >= sizeof place->path)
            continue;
        clear_all_left(parents[i]);
        if (mkdtemp(place->path) == NULL)
            continue;
        place->directory = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (place->directory >= 0) {
            flock(place->directory, LOCK_EX | LOCK_NB); /* says that somebody holds it */
            return 0;
        }
        rmdir(place->path);
    }
    return err_set(
        err, ERR_NOT_SUPPORTED,
        "cannot count in the program: no directory for it in /dev/shm, /tmp or /var/tmp that we may write to and run "
        "programs from; set TMPDIR to one");
}

static int write_file(struct agent_place *place, const char *name, const void *data, size_t size, mode_t mode,
                      struct err *err)
{
    int fd = openat(place->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    ssize_t written = fd >= 0 ? write(fd, data, size) : -1;
    int number = written < 0 ? errno : ENOSPC;
    if (fd >= 0)
        close(fd);
    return written == (ssize_t)size
               ? 0
               : err_set(err, ERR_IO, "cannot count in the program: cannot write %s/%s: %s; free some space",
                         place->path, name, strerror(number));
}

static int write_layouts(struct agent_place *place, struct err *err)
{
    struct wire_agent_layout layouts[WIRE_AGENT_MINORS] = {0};
    for (int minor = 0; minor < WIRE_AGENT_MINORS; minor++)
        python_agent_layout(minor, &layouts[minor]);
    return write_file(place, WIRE_AGENT_LAYOUTS, layouts, sizeof layouts, 0600, err);
}

/* Our environment with both variables in it, in place of what it has of them. */
static int make_environment(struct agent_place *place, const char *flags)
{
    size_t n = 0, left = 0;
    const char *before = getenv("LD_PRELOAD");
    while (environ[n] != NULL)
        n++;
    place->environment = mem_zalloc(n + 3, sizeof *place->environment);
    size_t room = sizeof PRELOAD WIRE_AGENT_FILE + sizeof place->path + (before != NULL ? strlen(before) : 0) + 4;
    place->preload = mem_alloc(room);
    place->variable = mem_alloc(room + sizeof WIRE_AGENT_VARIABLE + strlen(flags));
    if (place->environment == NULL || place->preload == NULL || place->variable == NULL)
        return ERR_NOMEM;
    snprintf(place->preload, room, PRELOAD "%s/" WIRE_AGENT_FILE "%s%s", place->path, before != NULL ? ":" : "",
             before != NULL ? before : "");
    snprintf(place->variable, room + sizeof WIRE_AGENT_VARIABLE + strlen(flags), WIRE_AGENT_VARIABLE "=%s:0:%s", flags,
             place->path);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], PRELOAD, strlen(PRELOAD)) != 0)
            place->environment[left++] = environ[i];
    place->environment[left++] = place->preload;
    place->environment[left] = place->variable;
    return 0;
}

int agent_place_init(struct agent_place *place, const char *flags, struct err *err)
{
    *place = (struct agent_place){.directory = -1};
    int rc = make_directory(place, err);
    if (rc == 0)
        rc = write_file(place, WIRE_AGENT_FILE, agent_bytes, agent_bytes_size, 0700, err);
    if (rc == 0)
        rc = write_layouts(place, err);
    if (rc == 0 && make_environment(place, flags) != 0)
        rc = err_set(err, ERR_NOMEM, "cannot count in the program: out of memory; free some memory");
    if (rc != 0)
        agent_place_release(place);
    return rc;
}

void agent_place_release(struct agent_place *place)
{
    if (place->directory >= 0) {
        empty(place->directory);
        close(place->directory);
        rmdir(place->path);
    }
    mem_free(place->environment);
    mem_free(place->preload);
    mem_free(place->variable);
    *place = (struct agent_place){.directory = -1};
}
