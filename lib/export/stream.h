/* Output in pieces: text gathers in `out` and leaves for the sink whenever a piece is full. */
#ifndef KEISOKU_EXPORT_STREAM_H
#define KEISOKU_EXPORT_STREAM_H

#include "base/err.h"
#include "base/sink.h"

struct stream {
    const struct sink *sink;
    struct buf out;
};

enum { STREAM_PIECE_BYTES = 1 << 16 };

static inline int stream_end(struct stream *stream)
{
    if (stream->out.failed)
        return ERR_NOMEM;
    int rc = sink_write(stream->sink, stream->out.data, stream->out.size);
    buf_clear(&stream->out);
    return rc;
}

/* After each row: 0 or a negative code. */
static inline int stream_row(struct stream *stream)
{
    return stream->out.size < STREAM_PIECE_BYTES && !stream->out.failed ? 0 : stream_end(stream);
}

#endif
