/* In place of kernel_registers.c where the build found no clang, bpftool or libbpf. */
#include "capture/kernel_registers.h"

#include <stddef.h>

int kernel_registers_new(struct kernel_registers **result, struct err *err)
{
    *result = NULL;
    return err_set(err, ERR_NOT_SUPPORTED,
                   "this keisoku was built without it; build again where clang, bpftool and libbpf are");
}

void kernel_registers_free(struct kernel_registers *registers)
{
    (void)registers;
}

bool kernel_registers_read(struct kernel_registers *registers, pid_t tid, struct wire_registers *result)
{
    (void)registers;
    (void)tid;
    (void)result;
    return false;
}
