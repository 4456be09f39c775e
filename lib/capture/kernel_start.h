/*
 * Loads the kernel sampler beside a program that runs already: tens of milliseconds that delay nothing, and that a
 * short program never sees.
 */
#ifndef KEISOKU_CAPTURE_KERNEL_START_H
#define KEISOKU_CAPTURE_KERNEL_START_H

#include "capture/kernel_sampler.h"

struct kernel_start;

/* Begins to, in a thread of its own, once the program has run for a while: a shorter one where a rate was asked for,
 * which no budget bounds. NULL when memory or threads are short: there is no kernel sampler then. */
struct kernel_start *kernel_start_new(bool rate_asked);
/* The sampler, once it is there, given away; NULL: not yet, or it cannot be had here. */
struct kernel_sampler *kernel_start_take(struct kernel_start *start);
/* It may still come, or waits to be taken. */
bool kernel_start_awaited(const struct kernel_start *start);
/* Waits for the end of a loading that has begun. */
void kernel_start_free(struct kernel_start *start);

#endif
