#include "capture/wait_state.h"

#include <string.h>
#include <sys/syscall.h>

/* X(system call, state). `poll`-like calls without descriptors are timed sleeps: CPython up to 3.10 sleeps in select.
 */
#define WAIT_CALLS_COMMON(X)                                                                                           \
    X(futex, LOCK)                                                                                                     \
    X(nanosleep, SLEEP)                                                                                                \
    X(clock_nanosleep, SLEEP)                                                                                          \
    X(rt_sigtimedwait, SLEEP)                                                                                          \
    X(rt_sigsuspend, SLEEP)                                                                                            \
    X(pselect6, IO)                                                                                                    \
    X(ppoll, IO)                                                                                                       \
    X(epoll_pwait, IO)                                                                                                 \
    X(read, IO)                                                                                                        \
    X(readv, IO)                                                                                                       \
    X(pread64, IO)                                                                                                     \
    X(preadv, IO)                                                                                                      \
    X(write, IO)                                                                                                       \
    X(writev, IO)                                                                                                      \
    X(pwrite64, IO)                                                                                                    \
    X(pwritev, IO)                                                                                                     \
    X(fsync, IO)                                                                                                       \
    X(fdatasync, IO)                                                                                                   \
    X(openat, IO)                                                                                                      \
    X(close, IO)                                                                                                       \
    X(accept, IO)                                                                                                      \
    X(accept4, IO)                                                                                                     \
    X(connect, IO)                                                                                                     \
    X(recvfrom, IO)                                                                                                    \
    X(recvmsg, IO)                                                                                                     \
    X(recvmmsg, IO)                                                                                                    \
    X(sendto, IO)                                                                                                      \
    X(sendmsg, IO)                                                                                                     \
    X(sendfile, IO)                                                                                                    \
    X(splice, IO)                                                                                                      \
    X(flock, LOCK)                                                                                                     \
    X(fcntl, LOCK)                                                                                                     \
    X(semtimedop, LOCK)                                                                                                \
    X(msgrcv, IO)                                                                                                      \
    X(wait4, IO)                                                                                                       \
    X(clone, IO) /* with CLONE_VFORK: for the child to start its program */                                            \
    X(execve, IO)                                                                                                      \
    X(newfstatat, IO)                                                                                                  \
    X(statx, IO)                                                                                                       \
    X(faccessat, IO)                                                                                                   \
    X(readlinkat, IO)                                                                                                  \
    X(mkdirat, IO)                                                                                                     \
    X(unlinkat, IO)                                                                                                    \
    X(renameat2, IO)                                                                                                   \
    X(ftruncate, IO)                                                                                                   \
    X(fallocate, IO)                                                                                                   \
    X(copy_file_range, IO)                                                                                             \
    X(sync, IO)                                                                                                        \
    X(syncfs, IO)                                                                                                      \
    X(sync_file_range, IO)                                                                                             \
    X(msync, IO)                                                                                                       \
    X(waitid, IO)                                                                                                      \
    X(io_uring_enter, IO)                                                                                              \
    X(getdents64, IO)

#ifdef SYS_poll /* old calls that newer architectures lack */
#define WAIT_CALLS_OLD(X)                                                                                              \
    X(poll, IO)                                                                                                        \
    X(select, IO)                                                                                                      \
    X(epoll_wait, IO)                                                                                                  \
    X(pause, SLEEP)                                                                                                    \
    X(vfork, IO)                                                                                                       \
    X(open, IO)                                                                                                        \
    X(stat, IO)                                                                                                        \
    X(lstat, IO)                                                                                                       \
    X(access, IO)                                                                                                      \
    X(readlink, IO)                                                                                                    \
    X(mkdir, IO)                                                                                                       \
    X(rmdir, IO)                                                                                                       \
    X(unlink, IO)                                                                                                      \
    X(rename, IO)
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
#define X(name, state)                                                                                                 \
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

const char *wait_call_name(int64_t number)
{
    switch (number) {
#define X(name, state)                                                                                                 \
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
