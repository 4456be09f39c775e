/*
 * From raw stacks to nodes of the stack store, on the timed path: frames that are where they were at the thread's last
 * sample keep their nodes, code objects are looked at when they were not seen in place for a moment, new ones are
 * copied while their frames are alive (docs/design/001). The sampler's alone. No allocation but for what was never seen
 * before.
 */
#ifndef KEISOKU_CAPTURE_INTERNER_H
#define KEISOKU_CAPTURE_INTERNER_H

#include "capture/stack_store.h"
#include "capture/track.h"

struct interner {
    struct stack_store *store;   /* of the present stack's process */
    uint64_t *codes, *checksums; /* code objects to look at, each PYTHON_DEPTH_MAX */
    uint32_t *code_of;           /* id of the code of each frame, outermost first */
    uint64_t read_ns;            /* when the present stack was read, CLOCK_MONOTONIC */
    bool all_checked;            /* every code object of it was looked at then */
    bool same;                   /* it is the thread's last one */
    bool looked;                 /* one at least was: the target was read behind the stack */
    struct buf learned;          /* the copy of a code object of the kernel sampler, while it is made */
};

int interner_init(struct interner *interner);
void interner_release(struct interner *interner);
/* Gives the thread (frames, nodes, depth) the nodes of `stack`. False when one of its code pointers points at no code
 * object, or memory is short. */
bool interner_intern(struct interner *interner, struct tracked_thread *thread, const struct python_stack *stack,
                     uint64_t read_ns);
/* Gives the thread the nodes of a stack that may be torn. False unless it is one that an exact read has found: nothing
 * is made. */
bool interner_find(struct interner *interner, struct tracked_thread *thread, const struct python_stack *stack,
                   uint64_t read_ns);
/* Takes over a code object that the kernel sampler copied in place at `now_ns`. False when its name could not be had.
 */
struct wire_code;
bool interner_learn(struct interner *interner, struct tracked_process *process, const struct wire_code *code,
                    const uint8_t *table, uint64_t now_ns);
/* interner_intern of a stack that the kernel sampler read, whose frames bear the marks that their code objects had. */
bool interner_intern_marked(struct interner *interner, struct tracked_thread *thread, const struct python_stack *stack,
                            uint64_t read_ns);

#endif
