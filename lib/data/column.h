/*
 * One column of a chunk: a run of bytes, packed the shortest of three ways (docs/recording.md, "Columns").
 * A reader never gets more bytes than it says it can take.
 */
#ifndef KEISOKU_DATA_COLUMN_H
#define KEISOKU_DATA_COLUMN_H

#include "base/buf.h"

/* Appends the packed form of `raw` to `out`. A failure shows in out->failed. */
void column_pack(struct buf *out, const struct buf *raw);

/* Reads one column of at most `max` raw bytes into `raw` (cleared first). 0, ERR_CORRUPT or ERR_NOMEM. */
int column_unpack(struct reader *reader, struct buf *raw, size_t max);

/* A reader over a buffer. */
struct reader column_reader(const struct buf *raw);

#endif
