#include "capture/kernel_sockets.h"

#include "base/mem.h"
#include "wire/kernel_sockets.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sockets.skel.h"

/* PROC_PID_INIT_INO: the inode of the first one, where ids are the kernel's own. */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCu

enum { TRIAL_BYTES = 7, TRIAL_RECEIVED = 3 };

struct kernel_sockets {
    struct sockets_bpf *program;
    int processes_fd;
};

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
    (void)level;
    (void)format;
    (void)arguments;
    return 0;
}

/* 0 or an errno. */
static int load(struct kernel_sockets *sockets, bool children)
{
    struct stat namespace;
    struct sockets_bpf *program = sockets->program = sockets_bpf__open();
    if (program == NULL)
        return errno;
    if (stat("/proc/self/ns/pid", &namespace) == 0 && (uint32_t) namespace.st_ino != FIRST_PID_NAMESPACE)
        program->rodata->pid_namespace = (uint32_t) namespace.st_ino;
    program->rodata->with_children = children;
    int rc = sockets_bpf__load(program);
    if (rc == 0)
        rc = sockets_bpf__attach(program);
    if (rc == 0)
        sockets->processes_fd = bpf_map__fd(program->maps.processes);
    return -rc;
}

/* What we send to ourselves is counted as it is; a look ahead is not. */
static bool try_it(struct kernel_sockets *sockets)
{
    char data[TRIAL_BYTES] = {0};
    int pair[2];
    struct usage usage = {0};
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    kernel_sockets_watch(sockets, getpid());
    bool good = send(pair[0], data, sizeof data, 0) == sizeof data && recv(pair[1], data, sizeof data, MSG_PEEK) > 0 &&
                recv(pair[1], data, TRIAL_RECEIVED, 0) == TRIAL_RECEIVED &&
                kernel_sockets_read(sockets, getpid(), &usage) && usage.values[COUNTER_SOCKET_SENT] == TRIAL_BYTES &&
                usage.values[COUNTER_SOCKET_RECEIVED] == TRIAL_RECEIVED;
    kernel_sockets_drop(sockets, getpid());
    close(pair[0]);
    close(pair[1]);
    return good;
}

int kernel_sockets_new(bool children, struct kernel_sockets **result, struct err *err)
{
    struct kernel_sockets *sockets = mem_zalloc(1, sizeof *sockets);
    *result = NULL;
    if (sockets == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    libbpf_set_print(say_nothing);
    int error = load(sockets, children);
    if (error == 0 && !try_it(sockets))
        error = EOPNOTSUPP;
    if (error == 0) {
        *result = sockets;
        return 0;
    }
    kernel_sockets_free(sockets);
    if (error == EPERM || error == EACCES)
        return err_set(err, ERR_PERMISSION, "it needs CAP_BPF and CAP_PERFMON, which root has");
    return err_set(err, ERR_NOT_SUPPORTED, "the kernel refuses its program: %s", strerror(error));
}

void kernel_sockets_free(struct kernel_sockets *sockets)
{
    if (sockets == NULL)
        return;
    sockets_bpf__destroy(sockets->program);
    mem_free(sockets);
}

void kernel_sockets_watch(struct kernel_sockets *sockets, pid_t pid)
{
    uint32_t key = (uint32_t)pid;
    struct wire_sockets none = {0};
    if (sockets != NULL)
        bpf_map_update_elem(sockets->processes_fd, &key, &none, BPF_NOEXIST);
}

void kernel_sockets_drop(struct kernel_sockets *sockets, pid_t pid)
{
    uint32_t key = (uint32_t)pid;
    if (sockets != NULL)
        bpf_map_delete_elem(sockets->processes_fd, &key);
}

bool kernel_sockets_read(struct kernel_sockets *sockets, pid_t pid, struct usage *usage)
{
    uint32_t key = (uint32_t)pid;
    struct wire_sockets sums;
    if (sockets == NULL || bpf_map_lookup_elem(sockets->processes_fd, &key, &sums) != 0)
        return false;
    usage->values[COUNTER_SOCKET_SENT] = (int64_t)(sums.sent & INT64_MAX);
    usage->values[COUNTER_SOCKET_RECEIVED] = (int64_t)(sums.received & INT64_MAX);
    usage->known[COUNTER_SOCKET_SENT] = usage->known[COUNTER_SOCKET_RECEIVED] = true;
    return true;
}
