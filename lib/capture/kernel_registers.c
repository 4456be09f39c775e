#include "capture/kernel_registers.h"

#include "base/mem.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "registers.skel.h"

struct kernel_registers {
    struct registers_bpf *program;
};

static int say_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
    (void)level;
    (void)format;
    (void)arguments;
    return 0;
}

int kernel_registers_new(struct kernel_registers **result, struct err *err)
{
    struct kernel_registers *registers = mem_zalloc(1, sizeof *registers);
    struct wire_registers own;
    if (registers == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    libbpf_set_print(say_nothing);
    registers->program = registers_bpf__open_and_load();
    int error = registers->program == NULL ? errno : 0;
    if (error == 0 && !kernel_registers_read(registers, gettid(), &own))
        error = EOPNOTSUPP;
    if (error == 0) {
        *result = registers;
        return 0;
    }
    kernel_registers_free(registers);
    if (error == EPERM || error == EACCES)
        return err_set(err, ERR_PERMISSION, "it needs CAP_BPF and CAP_PERFMON, which root has");
    return err_set(err, ERR_NOT_SUPPORTED, "the kernel refuses its program: %s", strerror(error));
}

void kernel_registers_free(struct kernel_registers *registers)
{
    if (registers == NULL)
        return;
    registers_bpf__destroy(registers->program);
    mem_free(registers);
}

bool kernel_registers_read(struct kernel_registers *registers, pid_t tid, struct wire_registers *result)
{
    union bpf_iter_link_info info = {.task = {.tid = (uint32_t)tid}};
    LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &info, .iter_info_len = sizeof info);
    int program = bpf_program__fd(registers->program->progs.on_task);
    int link = bpf_link_create(program, 0, BPF_TRACE_ITER, &options);
    int walk = link >= 0 ? bpf_iter_create(link) : -1;
    bool good = walk >= 0 && read(walk, result, sizeof *result) == (ssize_t)sizeof *result;
    if (walk >= 0)
        close(walk);
    if (link >= 0)
        close(link);
    return good;
}
