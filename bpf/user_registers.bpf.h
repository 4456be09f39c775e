/* The registers of a thread in user space, by their DWARF numbers. */
#ifndef KEISOKU_BPF_USER_REGISTERS_BPF_H
#define KEISOKU_BPF_USER_REGISTERS_BPF_H

#include "bpf/kernel.bpf.h"
#include "wire/kernel_sample.h"

#if defined(__TARGET_ARCH_arm64)
static void copy_registers(struct wire_registers *to, const struct pt_regs___here *of)
{
    for (int i = 0; i < 31; i++)
        to->registers[i] = BPF_CORE_READ(of, regs[i]);
    to->registers[31] = BPF_CORE_READ(of, sp);
    to->ip = BPF_CORE_READ(of, pc);
}
enum { STACK_REGISTER = 31 };
#else
static void copy_registers(struct wire_registers *to, const struct pt_regs___here *of)
{
    to->registers[0] = BPF_CORE_READ(of, ax);
    to->registers[1] = BPF_CORE_READ(of, dx);
    to->registers[2] = BPF_CORE_READ(of, cx);
    to->registers[3] = BPF_CORE_READ(of, bx);
    to->registers[4] = BPF_CORE_READ(of, si);
    to->registers[5] = BPF_CORE_READ(of, di);
    to->registers[6] = BPF_CORE_READ(of, bp);
    to->registers[7] = BPF_CORE_READ(of, sp);
    to->registers[8] = BPF_CORE_READ(of, r8);
    to->registers[9] = BPF_CORE_READ(of, r9);
    to->registers[10] = BPF_CORE_READ(of, r10);
    to->registers[11] = BPF_CORE_READ(of, r11);
    to->registers[12] = BPF_CORE_READ(of, r12);
    to->registers[13] = BPF_CORE_READ(of, r13);
    to->registers[14] = BPF_CORE_READ(of, r14);
    to->registers[15] = BPF_CORE_READ(of, r15);
    to->ip = BPF_CORE_READ(of, ip);
}
enum { STACK_REGISTER = 7 };
#endif

#endif
