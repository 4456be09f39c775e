/* What the encoder and the decoder of sample chunks agree on. Layout: docs/recording.md. */
#ifndef KEISOKU_DATA_CHUNK_PRIVATE_H
#define KEISOKU_DATA_CHUNK_PRIVATE_H

#include "base/buf.h"
#include "data/types.h"

enum { FORMAT = 1, FORMAT_TASKS = 2, FORMAT_PLACES = 3, FORMAT_BOTH = 4 };

enum column {
    COLUMN_GROUPS,     /* per thread: id, rows, model of the run column */
    COLUMN_TIME_LOW,   /* time since the previous row of the thread, low 8 bits */
    COLUMN_TIME_HIGH,  /* … the rest */
    COLUMN_STACKS,     /* the distinct stacks, each as difference to the one before */
    COLUMN_STACK_LOW,  /* index into them, low 8 bits */
    COLUMN_STACK_HIGH, /* … the rest */
    COLUMN_TICKS,      /* less 1 */
    COLUMN_DELAY,
    COLUMN_RUN,
    COLUMN_STATUSES, /* the distinct (state, marks, reader), and place where one is known */
    COLUMN_STATUS,   /* index into them */
    COLUMN_TASK,     /* only where one has a task */
    COLUMN_COUNT
};

/* How the run column of a thread is written: as it is, or less what a thread that never left the CPU would have run. */
enum run_model { RUN_PLAIN, RUN_BUSY };

struct columns {
    struct buf raw[COLUMN_COUNT];
};

static inline void columns_release(struct columns *columns)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        buf_release(&columns->raw[i]);
}

/* What RUN_BUSY expects of a row that took `elapsed`. */
static inline int64_t expected_run(uint64_t elapsed, uint64_t delay, uint8_t state)
{
    return state_on_cpu(state) && elapsed > delay ? (int64_t)(elapsed - delay) : 0;
}

#endif
