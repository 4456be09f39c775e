/*
 * Kernel addresses that say nothing of what a thread was doing: the scheduler switching it in, and interrupts returning
 * to it. A timer that expired while interrupts were off fires there; our own wake-ups on the target's core make that
 * common. Where /proc/kallsyms hides addresses there are none to leave out.
 */
#ifndef KEISOKU_CAPTURE_KERNEL_NOISE_H
#define KEISOKU_CAPTURE_KERNEL_NOISE_H

#include <stdbool.h>
#include <stdint.h>

enum { KERNEL_NOISE_RANGES = 64 };
struct kernel_noise {
    struct {
        uint64_t start, end;
    } ranges[KERNEL_NOISE_RANGES];
    int count;
};

/* From a file like /proc/kallsyms; none when it cannot be read. */
void kernel_noise_load(struct kernel_noise *noise, const char *path);
bool kernel_noise_at(const struct kernel_noise *noise, uint64_t address);

#endif
