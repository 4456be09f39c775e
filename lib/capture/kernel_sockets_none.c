/* In place of kernel_sockets.c where the build found no clang, bpftool or libbpf. */
#include "capture/kernel_sockets.h"

#include <stddef.h>

int kernel_sockets_new(bool children, struct kernel_sockets **result, struct err *err)
{
    (void)children;
    *result = NULL;
    return err_set(err, ERR_NOT_SUPPORTED,
                   "this keisoku was built without it; build again where clang, bpftool and libbpf are");
}

void kernel_sockets_free(struct kernel_sockets *sockets)
{
    (void)sockets;
}

void kernel_sockets_watch(struct kernel_sockets *sockets, pid_t pid)
{
    (void)sockets;
    (void)pid;
}

void kernel_sockets_drop(struct kernel_sockets *sockets, pid_t pid)
{
    (void)sockets;
    (void)pid;
}

bool kernel_sockets_read(struct kernel_sockets *sockets, pid_t pid, struct usage *usage)
{
    (void)sockets;
    (void)pid;
    (void)usage;
    return false;
}
