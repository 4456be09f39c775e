/*
 * What a frame's current instruction works on: types and sizes of its operands, never a value. A plan (opcodes.h) is
 * made of a code object once, off the timed path; a look copies the heads of the operands, on the timed path: two
 * reads, no allocation; names and sizes are made of the copy at leisure. Whether a look is true is the caller's
 * question, as with stacks: the thread must not have run meanwhile.
 */
#ifndef KEISOKU_CAPTURE_OPERANDS_H
#define KEISOKU_CAPTURE_OPERANDS_H

#include "capture/cpython/opcodes.h"
#include "capture/cpython/python.h"
#include "wire/kernel_sample.h"

enum { OPERAND_HEAD_BYTES = 64, OPERAND_TYPE_BYTES = 96 };

struct operand_plan; /* one block of mem_alloc */

/* NULL with 0: nothing of interest in it, a version without a table, or the code was not there any more.
 * `checksum`: of python_code_checksums, by which the code object is known. */
int python_operand_plan(struct python *python, uint64_t code, uint64_t checksum, struct operand_plan **plan);

struct operand_heads {
    uint8_t operation;   /* enum operation */
    bool read[OPERANDS]; /* there is such an operand, and it was read */
    uint64_t address[OPERANDS];
    uint8_t bytes[OPERANDS][OPERAND_HEAD_BYTES];
};
/* False when the instruction is none of interest or could not be read. Timed path. */
bool python_read_operands(struct python *python, const struct operand_plan *plan, const struct python_frame *frame,
                          struct operand_heads *heads);

/* Where that instruction's operands stand in its frame. False: it is none of interest. */
bool python_operand_slots(const struct python *python, const struct operand_plan *plan, int32_t offset,
                          struct wire_wanted *wanted);
/* What the kernel sampler copied of them. False when it could read none. */
bool python_operands_recorded(const struct python *python, const struct operand_plan *plan, int32_t offset,
                              const struct wire_operands *wire, struct operand_heads *heads);

/* What the method that runs in a frame was called on, and its argument if it has one: its first local variables. */
bool python_read_self(struct python *python, const struct python_frame *frame, struct operand_heads *heads);
/* A frame stands as it was sampled, and still runs the callee that it ran then, as far as can be told without a proof.
 * Frees the reader of what it knew: not for every sample. */
bool python_frames_stand(struct python_reader *reader, const struct python_frame *callee,
                         const struct python_frame *caller);

/* Address of the operand's type. */
uint64_t python_operand_type(const struct python *python, const uint8_t *head);
/* What the object at `type` calls itself, if it is a type; free read, off the timed path. */
bool python_type_name(struct python *python, uint64_t type, char name[static OPERAND_TYPE_BYTES], uint32_t *flags);
/* Number of its items (bytes, characters); -1: the type has none that is known. */
int64_t python_operand_length(const struct python *python, const uint8_t *head, const char *type, uint32_t flags);
/* Items of the list or tuple that an iterator goes over (listiterobject, tupleiterobject: an index, then what is gone
 * over; the same from 3.8 to 3.15). Free read, off the timed path: told only while it still goes over the same. -1: it
 * is no such iterator, or no more. */
int64_t python_iterated_length(struct python *python, uint64_t address, const uint8_t *head, const char *type);
/* Lengths of an array's dimensions (NumPy's PyArrayObject: data, number of dimensions, their lengths follow the head;
 * the same since NumPy 1.0, numpy/core/include/numpy/ndarraytypes.h). Free read, off the timed path: told only while
 * the array is still what the look saw. Returns how many; 0: not an array, or no more. */
enum { ARRAY_DIMENSIONS = 8 };
size_t python_array_shape(struct python *python, uint64_t address, const uint8_t *head, const char *type,
                          int64_t shape[static ARRAY_DIMENSIONS]);
/* A loop over a Series goes over a map of its array's method `item`: the array behind such a map; 0: it is none. */
uint64_t python_mapped_array(struct python *python, const uint8_t *head, const char *type);
/* Is that map, of which `head` was copied, still there, and with it the array? Asked after that was read: a map that is
 * done is freed, and another array comes to the place. */
bool python_map_stands(struct python *python, uint64_t address, const uint8_t *head);
/* The same of a pandas DataFrame (rows, columns) or Series (data_frame.c). */
size_t python_data_frame_shape(struct python *python, uint64_t address, const uint8_t *head, const char *type,
                               int64_t shape[static ARRAY_DIMENSIONS]);

#endif
