/*
 * Tries the kernel sampler on the calling thread: a stack of made-up frames in our own memory must come back as it is,
 * and what an interrupt takes is measured. About 10 ms.
 */
#ifndef KEISOKU_CAPTURE_KERNEL_TRIAL_H
#define KEISOKU_CAPTURE_KERNEL_TRIAL_H

#include "capture/kernel_sampler.h"

/* ERR_NOT_SUPPORTED when something else came back, or nothing. `interrupt_ns`: beyond the reading itself; `waits`:
 * waits of ours were told of as they were. */
int kernel_trial(struct kernel_sampler *sampler, double *interrupt_ns, bool *waits, struct err *err);

#endif
