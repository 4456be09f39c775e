/*
 * The registers that a sleeping thread has in user space, all of them (bpf/registers.bpf.c); /proc tells two. Needs
 * CAP_BPF and CAP_PERFMON (root), the kernel's type information, Linux 6.1. The thread is neither waked nor stopped.
 */
#ifndef KEISOKU_CAPTURE_KERNEL_REGISTERS_H
#define KEISOKU_CAPTURE_KERNEL_REGISTERS_H

#include "base/err.h"
#include "wire/kernel_sample.h"

#include <stdbool.h>
#include <sys/types.h>

struct kernel_registers;
/* ERR_PERMISSION, ERR_NOT_SUPPORTED. */
int kernel_registers_new(struct kernel_registers **result, struct err *err);
void kernel_registers_free(struct kernel_registers *registers);
/* As they were when it left user space: the caller proves that it did not come back since. */
bool kernel_registers_read(struct kernel_registers *registers, pid_t tid, struct wire_registers *result);

#endif
