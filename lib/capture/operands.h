/*
 * Operand evidence: a few times a second, behind a stack that was proved, the sampler looks at what the innermost
 * instruction works on; the writer plans code objects that are hot, and gives the looks their names. What was read
 * counts only if the thread's scheduler counters are still those of the proof.
 */
#ifndef KEISOKU_CAPTURE_OPERANDS_QUEUE_H
#define KEISOKU_CAPTURE_OPERANDS_QUEUE_H

#include "capture/cpython/operands.h"
#include "capture/track.h"

struct measurement;
struct names;
struct proof;
struct sampler;

struct operand_look {
    struct tracked_process *process;
    uint32_t node;   /* of the instruction, or of the call */
    uint32_t callee; /* code of the method that it called, whose object was looked at; 0: the instruction's operands */
    struct operand_heads heads;
};

/* Often at first, so that a short program shows something; then rarely: a look takes 3 µs. */
enum {
    OPERAND_LOOKS = 64,
    OPERAND_METHODS = 64, /* frames of a package, from the innermost on, that are passed over to find what called it */
    OPERAND_FIRST_LOOKS = 150,
    OPERAND_FIRST_PERIOD_NS = 8 * 1000 * 1000,
    OPERAND_PERIOD_NS = 50 * 1000 * 1000
};

struct operand_queue {
    pthread_mutex_t lock; /* the sampler only tries it */
    struct operand_look looks[OPERAND_LOOKS];
    size_t count;
    uint64_t due_ns; /* of the next look */
    uint64_t tried;  /* looks */
};

int operand_queue_init(struct operand_queue *queue);

/* [S] Behind a proved read of a thread that was on the CPU. Timed path. */
void operands_look(struct sampler *s, struct tracked_thread *t, const struct proof *proof);

/* [S] Behind a sample by the kernel: the instruction's operands are wanted with the next one that finds it, if a look
 * is due; and here they come, with the sample just taken. */
void operands_want(struct sampler *s, struct tracked_thread *t, const struct wire_frame *innermost);
void operands_take(struct sampler *s, struct tracked_thread *t, const struct wire_operands *wire);

struct operand_writer;
/* *result NULL with 0: not wanted. */
int operand_writer_new(struct measurement *m, struct names *names, struct operand_writer **result);
void operand_writer_free(struct operand_writer *writer);
/* [W] A sample on the CPU with that node innermost: its code is planned when it is hot. */
void operands_count(struct operand_writer *writer, struct tracked_process *process, uint32_t node);
/* [W] The recording has given out its ids anew. */
void operands_restart(struct operand_writer *writer);
/* [W] Writes the looks that are there. */
void operands_write(struct operand_writer *writer);

#endif
