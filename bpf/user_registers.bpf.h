/* The registers of a thread in user space, by their DWARF numbers. */
#ifndef KEISOKU_BPF_USER_REGISTERS_BPF_H
#define KEISOKU_BPF_USER_REGISTERS_BPF_H

#include "bpf/kernel.bpf.h"
#include "wire/kernel_sample.h"

#if defined(__TARGET_ARCH_arm64)
static void copy_registers(struct wire_registers *to, const struct pt_regs___here *of)
{
    for (int i = 0; i < 31; i++)
        to->registers[i] = of->regs[i];
    to->registers[31] = of->sp;
    to->ip = of->pc;
}
enum { STACK_REGISTER = 31 };
#else
static void copy_registers(struct wire_registers *to, const struct pt_regs___here *of)
{
    to->registers[0] = of->ax;
    to->registers[1] = of->dx;
    to->registers[2] = of->cx;
    to->registers[3] = of->bx;
    to->registers[4] = of->si;
    to->registers[5] = of->di;
    to->registers[6] = of->bp;
    to->registers[7] = of->sp;
    to->registers[8] = of->r8;
    to->registers[9] = of->r9;
    to->registers[10] = of->r10;
    to->registers[11] = of->r11;
    to->registers[12] = of->r12;
    to->registers[13] = of->r13;
    to->registers[14] = of->r14;
    to->registers[15] = of->r15;
    to->ip = of->ip;
}
enum { STACK_REGISTER = 7 };
#endif

#endif
