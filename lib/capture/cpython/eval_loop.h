/*
 * Where the interpreter's loop over Python's instructions lies in its file, so that an instruction pointer tells it
 * from the rest of the interpreter. The function is exported by every build that can load extension modules, stripped
 * or not. What the compiler moved away from it, which can be most of it, has no symbol in a stripped file: it is found
 * as the range of the unwinder's table (.eh_frame_hdr) that the function's own jumps lead into. Off any timed path; the
 * file and the memory are hostile input.
 */
#ifndef KEISOKU_CAPTURE_EVAL_LOOP_H
#define KEISOKU_CAPTURE_EVAL_LOOP_H

#include "capture/target/elf.h"

enum { EVAL_LOOP_PARTS = 2 };

struct eval_loop {
    uint64_t start[EVAL_LOOP_PARTS], end[EVAL_LOOP_PARTS]; /* distances from `text` */
    unsigned n;                                            /* parts; 0: not known */
};

/* `map`: an executable mapping of the interpreter's file; `text`: the first address of those. False when the process
 * could not be read (any more): nothing is known, and the next process may tell. */
bool eval_loop_find(pid_t pid, const struct proc_maps *maps, const struct proc_map *map, uint64_t text,
                    struct eval_loop *loop);

static inline bool eval_loop_has(const struct eval_loop *loop, uint64_t distance)
{
    for (unsigned i = 0; i < loop->n; i++) {
        if (distance >= loop->start[i] && distance < loop->end[i])
            return true;
    }
    return false;
}

#endif
