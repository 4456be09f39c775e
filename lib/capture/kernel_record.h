/*
 * One record of the kernel sampler's ring (wire/kernel_sample.h): told by its kind, held to its length, handed to who
 * takes it. What it says of the target comes from the target's memory and is the taker's to check; what it says of its
 * own length is checked here.
 */
#ifndef KEISOKU_CAPTURE_KERNEL_RECORD_H
#define KEISOKU_CAPTURE_KERNEL_RECORD_H

#include "wire/kernel_sample.h"

#include <stdbool.h>
#include <stddef.h>

/* What takes the records; all but `sample` may be NULL. A thread's samples come in their order, each behind the code
 * objects that are new in it. */
struct kernel_taker {
    void *context;
    void (*sample)(void *context, const struct wire_sample *sample, const struct wire_frame *frames);
    void (*waited)(void *context, const struct wire_waited *waited);
    void (*delayed)(void *context, const struct wire_delayed *delayed);
    void (*code)(void *context, const struct wire_code *code, const uint8_t *table);
    void (*native)(void *context, const struct wire_native *native);       /* of the thread's next sample */
    void (*task)(void *context, const struct wire_task *task);             /* likewise */
    void (*operands)(void *context, const struct wire_operands *operands); /* likewise */
};

/* `data`: `size` bytes, aligned as a uint64_t. False: nobody took it, for it is of no kind that a taker has, or shorter
 * than it says. */
bool kernel_record_give(const struct kernel_taker *taker, const void *data, size_t size);

#endif
