/*
 * Bytes that processes send and receive on sockets of every kind, UNIX sockets included, as the kernel counts them
 * behind each call (bpf/sockets.bpf.c). Needs CAP_BPF and CAP_PERFMON (root), the kernel's type information, Linux 6.3.
 * What goes from a socket straight into a pipe (splice) is not seen.
 *
 * Use: new, which tries it on a pair of sockets of our own; watch a process when it is joined; read as often as wanted,
 * also after its end; drop it then. Any thread may.
 */
#ifndef KEISOKU_CAPTURE_KERNEL_SOCKETS_H
#define KEISOKU_CAPTURE_KERNEL_SOCKETS_H

#include "base/err.h"
#include "capture/usage.h"

#include <stdbool.h>
#include <sys/types.h>

struct kernel_sockets;
/* `children`: those of watched processes are watched from their first byte on. ERR_PERMISSION, ERR_NOT_SUPPORTED. */
int kernel_sockets_new(bool children, struct kernel_sockets **result, struct err *err);
/* NULL is none, here and below: then nothing is known of any process. */
void kernel_sockets_free(struct kernel_sockets *sockets);
/* Counts from now on, or goes on. When there are too many, nothing is known of it. */
void kernel_sockets_watch(struct kernel_sockets *sockets, pid_t pid);
void kernel_sockets_drop(struct kernel_sockets *sockets, pid_t pid);
/* Adds COUNTER_SOCKET_SENT and COUNTER_SOCKET_RECEIVED to what is known. False: they are not known. */
bool kernel_sockets_read(struct kernel_sockets *sockets, pid_t pid, struct usage *usage);

#endif
