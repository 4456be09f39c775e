/*
 * Locks of the interpreter (threading.Lock, threading.RLock): which one a thread waits for, and which frame holds it.
 * Nothing in a Lock says who has it. But a `with` block keeps the lock's `__exit__` on its frame's evaluation stack
 * until it is left: as a bound method, since 3.14 as the method with the lock above it. What is there is read by the
 * depth that the stack has at the frame's instruction (opcodes.h), so nothing that is left over from an earlier block
 * counts. A lock that was taken with `acquire()` leaves nothing on a stack. An RLock has its owner in a field.
 *
 * Free reads, off the timed path. Whether they are true is the caller's question, as with stacks.
 */
#ifndef KEISOKU_CAPTURE_LOCKS_H
#define KEISOKU_CAPTURE_LOCKS_H

#include "capture/cpython/python.h"

struct python_lock {
    uint64_t address;
    uint64_t owner; /* of an RLock: the thread's identifier of the C library; 0: a Lock */
};

/* The lock that the innermost instruction of a waiting thread is about to take. False: none, or not to be told. */
bool python_lock_wanted(struct python *python, const struct python_frame *frame, struct python_lock *lock);
enum lock_frame {
    LOCK_CALLER, /* another frame runs in it */
    LOCK_INNERMOST,
    LOCK_GIL_WAITS /* innermost, and its thread waits for the GIL */
};
/* Is the frame within a `with` of that lock? One that is about to enter it is not. But before 3.14 a thread that has
 * waited for the lock has it when it waits for the GIL again. */
bool python_lock_held(struct python *python, const struct python_frame *frame, enum lock_frame which, uint64_t lock);

#endif
