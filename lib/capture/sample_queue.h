/*
 * From the sampler to the writer: a ring of fixed records, one producer, one consumer, no lock. When it is full the
 * sampler drops the sample and counts it.
 */
#ifndef KEISOKU_CAPTURE_SAMPLE_QUEUE_H
#define KEISOKU_CAPTURE_SAMPLE_QUEUE_H

#include "capture/track.h"

struct native_piece;
struct raw_sample {
    struct tracked_thread *thread;
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint64_t run_ns, delay_ns;
    int core;      /* that it ran on, or wanted, last; -1: not known */
    uint32_t node; /* of the stack store; 0: no stack */
    uint32_t ticks;
    uint64_t ip, user_ip;        /* where the kernel sampler interrupted it; 0: not known */
    struct native_piece *native; /* held; NULL: none was copied */
    uint32_t task;               /* of the task store; 0: none */
    uint32_t awaiter;            /* of a waiting task: one that waits for it */
    uint64_t wait_ns;            /* of a waiting task: so long it has waited since the last look at it */
    uint8_t on;                  /* and for what, of the task store */
    bool waits;                  /* no sample: a task that waits in this stack */
    uint8_t wait_what;           /* enum wait_what, of state `io` */
    pid_t holder_tid;            /* of state `gil-wait`: the thread that holds it; 0: not known */
    uint32_t holder_node;        /* where it was */
    uint8_t state, marks, reader;
    bool checked; /* every code object of the stack was looked at when it was read */
    bool last;    /* of its thread */
};

enum { SAMPLE_QUEUE_RECORDS = 1 << 16 };

struct sample_queue {
    struct raw_sample *records;
    _Alignas(64) atomic_uint_fast64_t head; /* written by the producer */
    _Alignas(64) atomic_uint_fast64_t tail; /* written by the consumer */
};

static inline bool sample_queue_push(struct sample_queue *queue, const struct raw_sample *sample)
{
    uint64_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    if (head - atomic_load_explicit(&queue->tail, memory_order_acquire) >= SAMPLE_QUEUE_RECORDS)
        return false;
    queue->records[head % SAMPLE_QUEUE_RECORDS] = *sample;
    atomic_store_explicit(&queue->head, head + 1, memory_order_release);
    return true;
}

/* The oldest record, or NULL. sample_queue_pop takes it off. */
static inline const struct raw_sample *sample_queue_peek(struct sample_queue *queue)
{
    uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
    if (tail == atomic_load_explicit(&queue->head, memory_order_acquire))
        return NULL;
    return &queue->records[tail % SAMPLE_QUEUE_RECORDS];
}

static inline void sample_queue_pop(struct sample_queue *queue)
{
    atomic_fetch_add_explicit(&queue->tail, 1, memory_order_release);
}

#endif
