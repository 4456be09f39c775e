/*
 * Loads the kernel sampler, and what counts bytes on sockets, beside a program that runs already: tens of milliseconds
 * that delay nothing, and that a short program never sees.
 */
#ifndef KEISOKU_CAPTURE_KERNEL_START_H
#define KEISOKU_CAPTURE_KERNEL_START_H

#include "capture/kernel_sampler.h"
#include "capture/kernel_sockets.h"

struct kernel_start;

/* Begins to, in a thread of its own, once the program has run for a while: a shorter one where a rate was asked for,
 * which no budget bounds. `children`: as kernel_sockets_new has it. NULL when memory or threads are short: there is no
 * kernel sampler then. */
struct kernel_start *kernel_start_new(bool rate_asked, bool children);
/* The sampler, once it is there, given away; NULL: not yet, or it cannot be had here. */
struct kernel_sampler *kernel_start_take(struct kernel_start *start);
/* Likewise. */
struct kernel_sockets *kernel_start_take_sockets(struct kernel_start *start);
/* The sampler may still come, or waits to be taken. */
bool kernel_start_awaited(const struct kernel_start *start);
/* Waits for the end of a loading that has begun. */
void kernel_start_free(struct kernel_start *start);

#endif
