/*
 * Native frames of a sample (--native). The kernel sampler copies registers and the innermost piece of the stack in the
 * interrupt that reads the Python frames (a native_piece, which travels with the sample); the writer unwinds it later
 * (native_stack.c) and puts both together (writer_native.c). The frames between the innermost instruction and the
 * interpreter's loop are those of the call that the innermost Python frame makes, those between a loop and the next
 * of the call that led from one Python frame to another; the interpreter's own among them are left out.
 */
#ifndef KEISOKU_CAPTURE_NATIVE_STACK_H
#define KEISOKU_CAPTURE_NATIVE_STACK_H

#include "capture/cpython/python.h"
#include "capture/modules.h"
#include "wire/kernel_sample.h"

#include <stdatomic.h>

#define NATIVE_ALL_KNOWN ((UINT64_C(1) << WIRE_REGISTERS) - 1)
struct native_piece {
    atomic_uint holders;
    atomic_uint *living; /* counts it */
    uint64_t time_ns;    /* of the sample that it was read with */
    struct wire_registers user;
    uint64_t known;            /* bits: which of them */
    struct python_loops loops; /* of the Python stack that it was read with */
    uint64_t start, size;
    uint8_t bytes[];
};

/* A copy, held once; NULL when memory is short or too many are alive. Sampler. */
struct native_piece *native_piece_new(const struct wire_native *native, atomic_uint *living);
struct native_piece *native_piece_hold(struct native_piece *piece);
void native_piece_drop(struct native_piece *piece); /* NULL is fine */

enum { NATIVE_FRAMES_MAX = 512 };
struct native_frame {
    const char *path, *function; /* function NULL: the file does not name it */
};
struct native_stack {
    struct native_frame frames[NATIVE_FRAMES_MAX]; /* innermost first */
    size_t n;
    uint32_t loops[PYTHON_LOOPS_MAX]; /* of each loop that was met, how many frames lie further in */
    uint32_t n_loops;
    bool ended; /* nothing is missing further out, as far as the Python frames go */
};

struct unwinder;
struct native_reader {
    struct module_files *files;
    struct unwinder *unwinder;
};
/* True where the walk met the interpreter's loop; `alone`: or the thread's beginning. */
bool native_stack_read(struct native_reader *reader, struct tracked_process *process, const struct native_piece *piece,
                       bool alone, struct native_stack *stack);

#endif
