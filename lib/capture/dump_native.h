/* What dump_native.c (native frames of threads that sleep) and dump_running.c (of those that run) share. */
#ifndef KEISOKU_CAPTURE_DUMP_NATIVE_H
#define KEISOKU_CAPTURE_DUMP_NATIVE_H

#include "capture/dump_private.h"
#include "capture/native_stack.h"

struct dump_natives {
    struct tracked_process process; /* as modules.h wants it */
    struct module_files files;
    struct native_reader reader;
    struct kernel_registers *registers; /* NULL: two of them are known */
    struct kernel_sampler *sampler;     /* NULL: not tried yet, or it cannot be had: */
    const char *why_no_sampler;
    uint64_t sampled_until_ns; /* no longer, for all threads together */
    struct wire_thread wire;   /* the one that was sampled last */
    struct python_loops loops; /* of the stack at hand */
    struct native_stack stack;
    bool several;              /* the thread has states in several interpreters */
    bool copied;               /* its piece is there */
    bool sampled;              /* by the kernel */
    struct native_piece piece; /* last: its bytes follow */
};

/* Makes stack and piece those of one sample of the thread; false: there is none. */
bool dump_running_sample(struct dumper *d, pid_t tid, struct python_reader *reader);
/* Are the code objects of that sample still those that lie there? */
bool dump_running_holds(struct dumper *d);

#endif
