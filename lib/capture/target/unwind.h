/*
 * From a native frame to its caller's, by the tables that compilers write for unwinding (.eh_frame): no frame pointer
 * is needed. It works on copied registers and a copied piece of the stack, so the thread may have run on or be gone.
 * Each rule is looked up once and kept. Files, memory and rules are hostile input: every read and every table is
 * bounded, and what no rule tells ends the walk. Not on any timed path; one thread.
 */
#ifndef KEISOKU_CAPTURE_UNWIND_H
#define KEISOKU_CAPTURE_UNWIND_H

#include "capture/target/elf.h"

enum { UNWIND_REGISTERS = 33 }; /* by their DWARF numbers */

/* One frame: its registers, as far as they are known, and the stack from `start` on. */
struct unwind_frame {
    uint64_t ip;
    uint64_t registers[UNWIND_REGISTERS];
    uint64_t known;       /* bits */
    bool interrupted;     /* `ip` is where it goes on; else it is behind a call */
    const uint8_t *bytes; /* of the stack */
    uint64_t start, size;
};

enum unwind_result {
    UNWIND_OK,
    UNWIND_END, /* it was the outermost */
    UNWIND_CUT  /* there is no rule for the place, or what it needs is not in the piece of the stack */
};

struct unwinder;
/* ERR_NOMEM; ERR_NOT_SUPPORTED: built without libdw. */
int unwinder_new(struct unwinder **result, struct err *err);
void unwinder_free(struct unwinder *unwinder);
/* Makes `frame`, which is in `map` of the process (NULL: in none), that of its caller. */
enum unwind_result unwind_step(struct unwinder *unwinder, pid_t pid, const struct proc_maps *maps,
                               const struct proc_map *map, struct unwind_frame *frame);

#endif
