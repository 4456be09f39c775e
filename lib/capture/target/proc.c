/*
 * What /proc says of a process or thread. proc_thread_* run on the timed path: one pread on a kept descriptor and a
 * parser written by hand, no allocation. The rest opens files and allocates. Everything read is taken as hostile text:
 * a name may hold blanks, brackets and line breaks.
 */
#include "capture/target/proc.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- parsing ------------------------------------------------------------------------------------------------------ */

static bool take_u64(const char **at, uint64_t *value)
{
    const char *p = *at;
    while (*p == ' ')
        p++;
    if (*p < '0' || *p > '9')
        return false;
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        v = v * 10 + (uint64_t)(*p - '0');
    *at = p;
    *value = v;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool take_hex(const char **at, uint64_t *value)
{
    const char *p = *at;
    while (*p == ' ')
        p++;
    if (p[0] == '0' && p[1] == 'x')
        p += 2;
    if (hex_digit(*p) < 0)
        return false;
    uint64_t v = 0;
    for (; hex_digit(*p) >= 0; p++)
        v = v << 4 | (uint64_t)hex_digit(*p);
    *at = p;
    *value = v;
    return true;
}

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
    if (!read_kept(thread->schedstat_fd, text, sizeof(text)))
        return false;
    const char *at = text;
    return take_u64(&at, &result->run_ns) && take_u64(&at, &result->delay_ns) && take_u64(&at, &result->switches);
}

/* The text behind "PID (comm) ": the name may hold any byte, so the last bracket ends it. */
static const char *behind_comm(const char *text)
{
    const char *bracket = strrchr(text, ')');
    return bracket && bracket[1] == ' ' ? bracket + 2 : NULL;
}

/* Moves to the start of field `number` (as proc(5) counts), `at` standing at field 3. */
static bool skip_to_field(const char **at, int number)
{
    for (int field = 3; field < number; field++) {
        const char *blank = strchr(*at, ' ');
        if (!blank)
            return false;
        *at = blank + 1;
    }
    return true;
}

bool proc_thread_stat(const struct proc_thread *thread, struct proc_stat *result)
{
    char text[1024];
    if (!read_kept(thread->stat_fd, text, sizeof(text)))
        return false;
    const char *at = behind_comm(text);
    if (!at || !*at)
        return false;
    result->state = *at;
    uint64_t processor;
    if (!skip_to_field(&at, 39) || !take_u64(&at, &processor))
        return false;
    result->processor = (int)processor;
    return true;
}

enum { SYSCALL_TEXT_MAX = 320 };

static bool parse_syscall(const char *text, struct proc_syscall *result)
{
    memset(result, 0, sizeof(*result));
    if (text[0] == 'r') {
        result->running = true;
        return true;
    }
    const char *at = text;
    uint64_t number;
    if (*at == '-') {
        result->number = -1;
        at += 2;
    } else {
        if (!take_u64(&at, &number))
            return false;
        result->number = (int64_t)number;
        for (int i = 0; i < 6; i++) {
            if (!take_hex(&at, &result->args[i]))
                return false;
        }
    }
    if (!take_hex(&at, &result->stack) || !take_hex(&at, &result->ip))
        result->stack = result->ip = 0;
    return true;
}

bool proc_thread_syscall(const struct proc_thread *thread, struct proc_syscall *result)
{
    char text[SYSCALL_TEXT_MAX];
    return read_kept(thread->syscall_fd, text, sizeof(text)) && parse_syscall(text, result);
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
    const char *state = behind_comm(text);
    return state && (*state == 'Z' || *state == 'X');
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

static bool parse_map(char *line, struct proc_map *map)
{
    const char *at = line;
    uint64_t major, minor;
    memset(map, 0, sizeof(*map));
    if (!take_hex(&at, &map->start) || *at++ != '-' || !take_hex(&at, &map->end) || *at++ != ' ')
        return false;
    if (strnlen(at, 5) < 5)
        return false;
    map->readable = at[0] == 'r';
    map->writable = at[1] == 'w';
    map->executable = at[2] == 'x';
    at += 5;
    if (!take_hex(&at, &map->offset) || !take_hex(&at, &major) || *at++ != ':' || !take_hex(&at, &minor) ||
        !take_u64(&at, &map->inode))
        return false;
    map->device_major = (uint32_t)major;
    map->device_minor = (uint32_t)minor;
    while (*at == ' ')
        at++;
    map->path = at;
    return map->start < map->end;
}

int proc_maps_read(pid_t pid, struct proc_maps *result, struct err *err)
{
    char path[64];
    size_t length = 0, capacity = 0;
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
    for (char *line = result->text, *end; *line; line = end) {
        end = strchrnul(line, '\n');
        if (*end)
            *end++ = 0;
        if (mem_grow(&result->maps, &capacity, result->count + 1, sizeof(*result->maps))) {
            proc_maps_release(result);
            return err_set(err, ERR_NOMEM, "cannot keep the memory map of process %d: out of memory", (int)pid);
        }
        if (parse_map(line, &result->maps[result->count]))
            result->count++;
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
        const char *at = entry->d_name;
        uint64_t tid;
        if (!take_u64(&at, &tid) || *at)
            continue;
        if (mem_grow(tids, capacity, (size_t)count + 1, sizeof(**tids))) {
            closedir(directory);
            return ERR_NOMEM;
        }
        (*tids)[count++] = (pid_t)tid;
    }
    closedir(directory);
    return count;
}

bool proc_syscall_once(pid_t pid, pid_t tid, struct proc_syscall *result)
{
    char path[64], text[SYSCALL_TEXT_MAX];
    ssize_t length;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
    return read_small(path, text, sizeof(text), &length) && length > 0 && parse_syscall(text, result);
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
    uint64_t value;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (!read_small(path, text, sizeof(text), &length))
        return 0;
    const char *at = behind_comm(text);
    if (!at || !skip_to_field(&at, 4) || !take_u64(&at, &value))
        return 0;
    if (parent)
        *parent = (pid_t)value;
    at = behind_comm(text);
    if (!skip_to_field(&at, 22) || !take_u64(&at, &value))
        return 0;
    return value;
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
    uint64_t threads, code;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    *wait_status = -1;
    if (!read_small(path, text, sizeof(text), &length))
        return errno == ENOENT || errno == ESRCH; /* anything else (no descriptors left) tells nothing of it */
    const char *state = behind_comm(text), *at = state;
    if (!at || (*state != 'Z' && *state != 'X'))
        return false;
    if (!skip_to_field(&at, 20) || !take_u64(&at, &threads) || threads > 1)
        return false; /* the first thread has ended, others go on */
    at = state;
    if (skip_to_field(&at, 52) && take_u64(&at, &code) && code <= 0xffff)
        *wait_status = (int)code;
    return true;
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

bool proc_directory(pid_t pid, char *path, size_t size)
{
    return read_link(pid, "cwd", path, size);
}
