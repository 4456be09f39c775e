/*
 * The score of a recording: what its findings promised and what came of it, one row for each bench that was held to it
 * (table `gain`). The one thing that is added to a recording after its end.
 */
#ifndef KEISOKU_DATA_GAIN_H
#define KEISOKU_DATA_GAIN_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* How many times faster. Texts of a row that was read are on the heap, never NULL. */
struct gain {
    int64_t unix_ns;   /* when it was measured */
    const char *tag;   /* of the finding */
    const char *place; /* "orders.py:41"; "" none */
    double low, high, most;
    double achieved, achieved_low, achieved_high;
    const char *before, *after; /* commands */
};

struct gains {
    struct gain *rows; /* in time order */
    size_t n;
};

/* Adds a row to the recording `path`, which must be complete. A negative code with its message: nothing was added. */
int gain_keep(const char *path, const struct gain *gain, struct err *err);
/* The latest thousand at most. None: n is 0. */
int gains_read(const char *path, struct gains *gains, struct err *err);
void gains_release(struct gains *gains);

/* log2 from the range that was predicted to what was achieved: 0 inside of it, above it positive. */
double gain_distance(const struct gain *gain);

#endif
