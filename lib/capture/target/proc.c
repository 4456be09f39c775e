/*
 * What /proc says of a process or thread. proc_thread_* run on the timed path: one pread on a kept descriptor and a
 * parser written by hand (proc_text.c), no allocation. The rest opens files and allocates.
 */
#include "capture/target/proc.h"

#include "base/mem.h"
#include "capture/target/proc_text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- threads, timed ------------------------------------------------------------------------------------------------
 */

static int open_task_file(pid_t pid, pid_t tid, const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool proc_thread_open(struct proc_thread *thread, pid_t pid, pid_t tid)
{
    thread->schedstat_fd = open_task_file(pid, tid, "schedstat");
    thread->stat_fd = open_task_file(pid, tid, "stat");
    thread->syscall_fd = open_task_file(pid, tid, "syscall"); /* may be refused: the others still serve */
    if (thread->schedstat_fd >= 0 && thread->stat_fd >= 0)
        return true;
    int saved = errno;
    proc_thread_close(thread);
    errno = saved;
    return false;
}

void proc_thread_close(struct proc_thread *thread)
{
    int *fds[] = {&thread->schedstat_fd, &thread->stat_fd, &thread->syscall_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

static bool read_kept(int fd, char *text, size_t size)
{
    if (fd < 0)
        return false;
    ssize_t got = pread(fd, text, size - 1, 0);
    if (got <= 0)
        return false;
    text[got] = 0;
    return true;
}

bool proc_thread_schedstat(const struct proc_thread *thread, struct proc_schedstat *result)
{
    char text[96];
    return read_kept(thread->schedstat_fd, text, sizeof(text)) && proc_text_schedstat(text, result);
}

bool proc_thread_stat(const struct proc_thread *thread, struct proc_stat *result)
{
    char text[1024];
    return read_kept(thread->stat_fd, text, sizeof(text)) && proc_text_stat(text, result);
}

enum { SYSCALL_TEXT_MAX = 320 };

bool proc_thread_syscall(const struct proc_thread *thread, struct proc_syscall *result)
{
    char text[SYSCALL_TEXT_MAX];
    return read_kept(thread->syscall_fd, text, sizeof(text)) && proc_text_syscall(text, result);
}

/* --- whole files ---------------------------------------------------------------------------------------------------
 */

enum { FILE_MAX = 256 << 20 };

/* One read of a small file; false when gone. */
static bool read_small(const char *path, char *text, size_t size, ssize_t *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, size - 1);
    int saved = errno;
    close(fd);
    errno = saved;
    if (got < 0)
        return false;
    text[got] = 0;
    *length = got;
    return true;
}

bool proc_thread_ended(pid_t pid, pid_t tid)
{
    char path[64], text[1024];
    ssize_t length;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
    if (!read_small(path, text, sizeof(text), &length))
        return errno == ENOENT || errno == ESRCH; /* anything else (no descriptors left) tells nothing of it */
    char state = proc_text_state(text);
    return state == 'Z' || state == 'X';
}

pid_t proc_living_thread(pid_t pid)
{
    pid_t *tids = NULL, found = pid;
    size_t capacity = 0;
    if (!proc_thread_ended(pid, pid))
        return pid;
    int count = proc_threads(pid, &tids, &capacity); /* oldest first */
    for (int i = 0; i < count && found == pid; i++) {
        if (tids[i] != pid && !proc_thread_ended(pid, tids[i]))
            found = tids[i];
    }
    mem_free(tids);
    return found;
}

void proc_path(pid_t pid, const char *name, char *path, size_t size)
{
    pid_t tid = proc_living_thread(pid);
    if (tid == pid)
        snprintf(path, size, "/proc/%d/%s", (int)pid, name);
    else
        snprintf(path, size, "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
}

/* The whole of a /proc file, zero-terminated, into a new block; NULL with errno. */
static char *slurp(const char *path, size_t *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *text = NULL;
    size_t capacity = 0, used = 0;
    int error = 0;
    for (;;) {
        if (mem_grow(&text, &capacity, used + 65537, 1) || used > FILE_MAX) {
            error = ENOMEM;
            break;
        }
        ssize_t got = read(fd, text + used, capacity - used - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            error = errno;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    close(fd);
    if (error) {
        mem_free(text);
        errno = error;
        return NULL;
    }
    text[used] = 0;
    *length = used;
    return text;
}

int proc_maps_read(pid_t pid, struct proc_maps *result, struct err *err)
{
    char path[64];
    size_t length = 0;
    memset(result, 0, sizeof(*result));
    proc_path(pid, "maps", path, sizeof(path));
    result->text = slurp(path, &length);
    if (!result->text) {
        int code = errno == ENOENT || errno == ESRCH   ? ERR_GONE
                   : errno == EACCES || errno == EPERM ? ERR_PERMISSION
                   : errno == ENOMEM                   ? ERR_NOMEM
                                                       : ERR_IO;
        return err_set(err, code, "cannot read the memory map of process %d: %s; %s", (int)pid, strerror(errno),
                       err_hint(code));
    }
    if (proc_text_maps(result->text, result) != 0) {
        proc_maps_release(result);
        return err_set(err, ERR_NOMEM, "cannot keep the memory map of process %d: out of memory", (int)pid);
    }
    return 0;
}

void proc_maps_release(struct proc_maps *maps)
{
    mem_free(maps->maps);
    mem_free(maps->text);
    memset(maps, 0, sizeof(*maps));
}

int proc_threads(pid_t pid, pid_t **tids, size_t *capacity)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *directory = opendir(path);
    if (!directory)
        return errno == EACCES || errno == EPERM ? ERR_PERMISSION : ERR_GONE;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        pid_t tid;
        if (!proc_text_tid(entry->d_name, &tid))
            continue;
        if (mem_grow(tids, capacity, (size_t)count + 1, sizeof(**tids))) {
            closedir(directory);
            return ERR_NOMEM;
        }
        (*tids)[count++] = tid;
    }
    closedir(directory);
    return count;
}

bool proc_syscall_once(pid_t pid, pid_t tid, struct proc_syscall *result)
{
    char path[64], text[SYSCALL_TEXT_MAX];
    ssize_t length;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
    return read_small(path, text, sizeof(text), &length) && length > 0 && proc_text_syscall(text, result);
}

bool proc_cpu_clock_ns(pid_t pid, uint64_t *ns)
{
    struct timespec now;
    clockid_t clock =
        (clockid_t)(~(unsigned)pid << 3 | 2); /* CPUCLOCK_SCHED of the whole process, linux/posix-timers.h */
    if (clock_gettime(clock, &now) != 0)
        return false;
    *ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return true;
}

uint64_t proc_start_ticks(pid_t pid, pid_t *parent)
{
    char path[64], text[1024];
    ssize_t length;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    return read_small(path, text, sizeof(text), &length) ? proc_text_start_ticks(text, parent) : 0;
}

uint64_t proc_now_ticks(void)
{
    struct timespec boot;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    uint64_t ticks_a_second = (uint64_t)sysconf(_SC_CLK_TCK);
    return (uint64_t)boot.tv_sec * ticks_a_second + (uint64_t)boot.tv_nsec / (1000000000u / ticks_a_second);
}

bool proc_ended(pid_t pid, int *wait_status)
{
    char path[64], text[1024];
    ssize_t length;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    *wait_status = -1;
    if (!read_small(path, text, sizeof(text), &length))
        return errno == ENOENT || errno == ESRCH; /* anything else (no descriptors left) tells nothing of it */
    return proc_text_ended(text, wait_status);
}

bool proc_comm(pid_t pid, pid_t tid, char comm[16])
{
    char path[64], text[64];
    ssize_t length;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)pid, (int)tid);
    if (!read_small(path, text, sizeof(text), &length))
        return false;
    if (length > 0 && text[length - 1] == '\n')
        length--;
    if (length > 15)
        length = 15;
    memcpy(comm, text, (size_t)length);
    comm[length] = 0;
    return true;
}

ssize_t proc_cmdline(pid_t pid, char *text, size_t size)
{
    char path[64];
    ssize_t length;
    if (size == 0)
        return ERR_BAD_INPUT;
    proc_path(pid, "cmdline", path, sizeof(path));
    if (!read_small(path, text, size, &length))
        return errno == EACCES || errno == EPERM ? ERR_PERMISSION : ERR_GONE;
    return length;
}

bool proc_environment(pid_t pid, const char *name, char *value, size_t size)
{
    char path[64];
    size_t length = 0, n = strlen(name);
    proc_path(pid, "environ", path, sizeof(path));
    char *text = slurp(path, &length);
    const char *found = NULL;
    for (size_t at = 0; text != NULL && found == NULL && at < length; at += strlen(text + at) + 1) {
        if (strncmp(text + at, name, n) == 0 && text[at + n] == '=')
            found = text + at + n + 1;
    }
    if (found != NULL)
        snprintf(value, size, "%s", found);
    mem_free(text);
    return found != NULL;
}

size_t proc_auxv(pid_t pid, char *bytes, size_t size)
{
    char path[64];
    ssize_t length;
    proc_path(pid, "auxv", path, sizeof(path));
    return size > 0 && read_small(path, bytes, size, &length) ? (size_t)length : 0;
}

static bool read_link(pid_t pid, const char *name, char *path, size_t size)
{
    char link[64];
    if (size == 0)
        return false;
    proc_path(pid, name, link, sizeof(link));
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0)
        return false;
    path[length] = 0;
    return true;
}

bool proc_exe(pid_t pid, char *path, size_t size)
{
    return read_link(pid, "exe", path, size);
}

/* The links say where things are below our root; under chroot the program has another one. */
bool proc_directory(pid_t pid, char *path, size_t size)
{
    char root[4096];
    if (!read_link(pid, "cwd", path, size))
        return false;
    size_t length = read_link(pid, "root", root, sizeof(root)) && strcmp(root, "/") != 0 ? strlen(root) : 0;
    if (length == 0 || strncmp(path, root, length) != 0 || (path[length] != '/' && path[length] != 0))
        return true;
    memmove(path, path + length, strlen(path + length) + 1);
    if (path[0] == 0)
        snprintf(path, size, "/");
    return true;
}
