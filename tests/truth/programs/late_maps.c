/*
 * A recorder that the machine leaves waiting: loaded in front of it (LD_PRELOAD), it finds the mappings of another
 * process only when that has become a Python, and the first time a while later (after 2 s in any case).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int plain_open(const char *path, int flags, mode_t mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

static int is_python(int pid)
{
    char path[64], name[16] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    int fd = plain_open(path, O_RDONLY, 0);
    ssize_t size = fd >= 0 ? read(fd, name, sizeof name - 1) : -1;
    close(fd);
    return size < 0 || strncmp(name, "python", 6) == 0;
}

static void wait_for_python(const char *path)
{
    int pid, end = 0;
    if (sscanf(path, "/proc/%d/maps%n", &pid, &end) != 1 || end == 0 || path[end] != '\0' || pid == getpid())
        return;
    if (is_python(pid))
        return;
    for (int i = 0; i < 400 && !is_python(pid); i++)
        pause_ms(5);
    pause_ms(200);
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    wait_for_python(path);
    return plain_open(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
