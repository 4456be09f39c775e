#include "capture/wait_state.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* X(system call, state, what the wait is for, or what tells). `poll`-like calls without descriptors are timed sleeps:
 * CPython up to 3.10 sleeps in select.
 */
#define WAIT_CALLS_COMMON(X)                                                                                           \
    X(futex, LOCK, NONE)                                                                                               \
    X(nanosleep, SLEEP, NONE)                                                                                          \
    X(clock_nanosleep, SLEEP, NONE)                                                                                    \
    X(rt_sigtimedwait, SLEEP, NONE)                                                                                    \
    X(rt_sigsuspend, SLEEP, NONE)                                                                                      \
    X(pselect6, IO, SELECT)                                                                                            \
    X(ppoll, IO, POLL)                                                                                                 \
    X(epoll_pwait, IO, NONE)                                                                                           \
    X(read, IO, FD)                                                                                                    \
    X(readv, IO, FD)                                                                                                   \
    X(pread64, IO, DISK)                                                                                               \
    X(preadv, IO, DISK)                                                                                                \
    X(write, IO, FD)                                                                                                   \
    X(writev, IO, FD)                                                                                                  \
    X(pwrite64, IO, DISK)                                                                                              \
    X(pwritev, IO, DISK)                                                                                               \
    X(fsync, IO, DISK)                                                                                                 \
    X(fdatasync, IO, DISK)                                                                                             \
    X(openat, IO, DISK)                                                                                                \
    X(close, IO, NONE)                                                                                                 \
    X(accept, IO, NETWORK)                                                                                             \
    X(accept4, IO, NETWORK)                                                                                            \
    X(connect, IO, NETWORK)                                                                                            \
    X(recvfrom, IO, NETWORK)                                                                                           \
    X(recvmsg, IO, NETWORK)                                                                                            \
    X(recvmmsg, IO, NETWORK)                                                                                           \
    X(sendto, IO, NETWORK)                                                                                             \
    X(sendmsg, IO, NETWORK)                                                                                            \
    X(sendfile, IO, FD)                                                                                                \
    X(splice, IO, FD)                                                                                                  \
    X(flock, LOCK, NONE)                                                                                               \
    X(fcntl, LOCK, NONE)                                                                                               \
    X(semtimedop, LOCK, NONE)                                                                                          \
    X(msgrcv, IO, NONE)                                                                                                \
    X(wait4, IO, SUBPROCESS)                                                                                           \
    X(clone, IO, SUBPROCESS) /* with CLONE_VFORK: for the child to start its program */                                \
    X(execve, IO, SUBPROCESS)                                                                                          \
    X(newfstatat, IO, DISK)                                                                                            \
    X(statx, IO, DISK)                                                                                                 \
    X(faccessat, IO, DISK)                                                                                             \
    X(readlinkat, IO, DISK)                                                                                            \
    X(mkdirat, IO, DISK)                                                                                               \
    X(unlinkat, IO, DISK)                                                                                              \
    X(renameat2, IO, DISK)                                                                                             \
    X(ftruncate, IO, DISK)                                                                                             \
    X(fallocate, IO, DISK)                                                                                             \
    X(copy_file_range, IO, DISK)                                                                                       \
    X(sync, IO, DISK)                                                                                                  \
    X(syncfs, IO, DISK)                                                                                                \
    X(sync_file_range, IO, DISK)                                                                                       \
    X(msync, IO, DISK)                                                                                                 \
    X(waitid, IO, SUBPROCESS)                                                                                          \
    X(io_uring_enter, IO, NONE)                                                                                        \
    X(getdents64, IO, DISK)

#ifdef SYS_poll /* old calls that newer architectures lack */
#define WAIT_CALLS_OLD(X)                                                                                              \
    X(poll, IO, POLL)                                                                                                  \
    X(select, IO, SELECT)                                                                                              \
    X(epoll_wait, IO, NONE)                                                                                            \
    X(pause, SLEEP, NONE)                                                                                              \
    X(vfork, IO, SUBPROCESS)                                                                                           \
    X(open, IO, DISK)                                                                                                  \
    X(stat, IO, DISK)                                                                                                  \
    X(lstat, IO, DISK)                                                                                                 \
    X(access, IO, DISK)                                                                                                \
    X(readlink, IO, DISK)                                                                                              \
    X(mkdir, IO, DISK)                                                                                                 \
    X(rmdir, IO, DISK)                                                                                                 \
    X(unlink, IO, DISK)                                                                                                \
    X(rename, IO, DISK)
#else
#define WAIT_CALLS_OLD(X)
#endif

static bool no_descriptors(const struct proc_syscall *call)
{
    switch (call->number) {
    case SYS_pselect6:
#ifdef SYS_select
    case SYS_select:
#endif
        return call->args[0] == 0;
    case SYS_ppoll:
#ifdef SYS_poll
    case SYS_poll:
#endif
        return call->args[1] == 0;
    default:
        return false;
    }
}

enum state wait_state(char proc_state, const struct proc_syscall *call, uint64_t gil_address, uint32_t gil_size)
{
    if (proc_state == 'T' || proc_state == 't')
        return STATE_UNKNOWN; /* stopped by somebody */
    if (call->running)
        return STATE_UNKNOWN;
    if (call->number == SYS_futex && gil_address != 0 && call->args[0] >= gil_address &&
        call->args[0] < gil_address + gil_size)
        return STATE_GIL_WAIT;
    if (no_descriptors(call))
        return STATE_SLEEP;
    switch (call->number) {
#define X(name, state, purpose)                                                                                        \
    case SYS_##name:                                                                                                   \
        return STATE_##state;
        WAIT_CALLS_COMMON(X)
        WAIT_CALLS_OLD(X)
#undef X
    default:
        /* asleep and not interruptible, or in a fault: the disk */
        return proc_state == 'D' || call->number == -1 ? STATE_IO : STATE_UNKNOWN;
    }
}

struct wait_for wait_for(const struct proc_syscall *call)
{
    struct wait_for result = {.what = WAIT_FOR_NONE};
    switch (call->number) {
#define X(name, state, purpose)                                                                                        \
    case SYS_##name:                                                                                                   \
        result.what = WAIT_FOR_##purpose;                                                                              \
        break;
        WAIT_CALLS_COMMON(X)
        WAIT_CALLS_OLD(X)
#undef X
    case -1: /* a page of a file or of swap */
        result.what = WAIT_FOR_DISK;
        break;
    default:
        break;
    }
    result.at = call->args[0];
    if (result.what == WAIT_FOR_SELECT && result.at > 0) {
        result.what = WAIT_FOR_FD; /* its first argument is one more than the highest */
        result.at--;
    }
    return result;
}

static enum wait_what what_of_link(const char *link)
{
    static const struct {
        const char *start;
        enum wait_what what;
    } starts[] = {{"socket:", WAIT_FOR_NETWORK},
                  {"pipe:", WAIT_FOR_PIPE},
                  {"anon_inode:[pidfd]", WAIT_FOR_SUBPROCESS},
                  {"anon_inode:", WAIT_FOR_NONE},
                  {"/dev/", WAIT_FOR_NONE},
                  {"/proc/", WAIT_FOR_NONE},
                  {"/", WAIT_FOR_DISK}};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(link, starts[i].start, strlen(starts[i].start)) == 0)
            return starts[i].what;
    return WAIT_FOR_NONE;
}

struct wait_for wait_polled(pid_t tid, struct wait_for wait)
{
    int32_t first = -1; /* of struct pollfd */
    struct iovec here = {&first, sizeof first}, there = {(void *)(uintptr_t)wait.at, sizeof first};
    if (process_vm_readv(tid, &here, 1, &there, 1, 0) != sizeof first || first < 0)
        return (struct wait_for){WAIT_FOR_NONE, 0};
    return (struct wait_for){WAIT_FOR_FD, (uint64_t)first};
}

enum wait_what wait_what(pid_t tid, struct wait_for wait)
{
    char path[64], link[256];
    if (wait.what != WAIT_FOR_FD)
        return wait.what;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)tid, (int)(wait.at & INT32_MAX));
    ssize_t length = readlink(path, link, sizeof link - 1);
    if (length < 0)
        return WAIT_FOR_NONE;
    link[length] = '\0';
    return what_of_link(link);
}

const char *wait_what_name(enum wait_what what)
{
    static const char *const names[] = {[WAIT_FOR_DISK] = "disk",
                                        [WAIT_FOR_NETWORK] = "network",
                                        [WAIT_FOR_PIPE] = "pipe",
                                        [WAIT_FOR_SUBPROCESS] = "subprocess"};
    return (unsigned)what < sizeof names / sizeof *names ? names[what] : NULL;
}

const char *wait_call_name(int64_t number)
{
    switch (number) {
#define X(name, state, purpose)                                                                                        \
    case SYS_##name:                                                                                                   \
        return #name;
        WAIT_CALLS_COMMON(X)
        WAIT_CALLS_OLD(X)
#undef X
    default:
        return "";
    }
}

struct idle_place {
    const char *file, *function;
    const char *caller_file, *caller_function; /* NULL: any */
    enum idle idle;
};

static const struct idle_place idle_places[] = {
#define CALL(file, function)                               {file, function, NULL, NULL, IDLE_CALL},
#define LEAF(file, function)                               {file, function, NULL, NULL, IDLE_LEAF},
#define PAIR(file, function, caller_file, caller_function) {file, function, caller_file, caller_function, IDLE_CALL},
#include "capture/idle.def"
#undef CALL
#undef LEAF
#undef PAIR
};

bool wait_path_ends(const char *path, const char *tail)
{
    size_t length = strlen(path), tail_length = strlen(tail);
    return length >= tail_length && strcmp(path + length - tail_length, tail) == 0 &&
           (length == tail_length || path[length - tail_length - 1] == '/');
}

static bool is_function(const char *file, const char *function, const char *place_file, const char *place_function)
{
    return strcmp(function, place_function) == 0 && wait_path_ends(file, place_file);
}

enum idle wait_idle_at(const char *file, const char *function, const char *caller_file, const char *caller_function)
{
    for (size_t i = 0; i < sizeof idle_places / sizeof *idle_places; i++) {
        const struct idle_place *place = &idle_places[i];
        if (!is_function(file, function, place->file, place->function))
            continue;
        if (place->caller_file == NULL ||
            (caller_file != NULL &&
             is_function(caller_file, caller_function, place->caller_file, place->caller_function)))
            return place->idle;
    }
    return IDLE_NO;
}
