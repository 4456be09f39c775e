/* All stacks of a process, once: each thread's state, name and stack, proved where it can be. */
#ifndef KEISOKU_CAPTURE_DUMP_H
#define KEISOKU_CAPTURE_DUMP_H

#include "base/err.h"
#include "base/mem.h"
#include "data/types.h"

#include <sys/types.h>

struct dump_frame {
    const char *function, *file;
    uint32_t line;
    bool native; /* of compiled code; "(...)": and others that are not known */
};
enum dump_native { DUMP_NATIVE_NONE, DUMP_NATIVE_CUT, DUMP_NATIVE_WHOLE };
struct dump_task {
    const char *name, *state, *on, *awaiter; /* "" when there is none */
    bool greenlet;                           /* named after its outermost function; else a task of asyncio */
    struct dump_frame *frames;               /* innermost first */
    size_t n_frames;
};
struct dump_thread {
    pid_t tid;
    const char *name, *detail;
    enum state state;
    bool holds_gil, proved;
    struct dump_frame *frames; /* innermost first */
    size_t n_frames;
    struct dump_task *tasks; /* asyncio's, and greenlets that do not run */
    size_t n_tasks;
    uint64_t tasks_left_out; /* there are so many more, at least */
    bool tasks_proved;
    enum dump_native native; /* what of its native frames is there */
    const char *native_why;  /* why there is none; "" where none was asked for */
};
struct dump {
    struct arena arena; /* of all texts and arrays */
    pid_t pid;
    const char *command, *python;
    struct dump_thread *threads;
    size_t n_threads;
};

/* `native`: with native frames; ERR_NOT_SUPPORTED: this build cannot. */
int dump_new(pid_t pid, bool native, struct dump **result, struct err *err);
void dump_free(struct dump *dump);

#endif
