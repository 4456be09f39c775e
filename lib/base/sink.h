/*
 * Where an exporter writes. `write` returns 0 or a negative code; after a failure the exporter stops and passes the
 * code on.
 */
#ifndef KEISOKU_BASE_SINK_H
#define KEISOKU_BASE_SINK_H

#include "base/buf.h"

struct sink {
    int (*write)(void *context, const void *data, size_t size);
    void *context;
};

static inline int sink_write(const struct sink *sink, const void *data, size_t size)
{
    return size == 0 ? 0 : sink->write(sink->context, data, size);
}

/* A sink that appends to a buffer. */
struct sink sink_to_buf(struct buf *buf);
/* A sink that writes to a file descriptor. */
struct sink sink_to_fd(const int *fd);

#endif
