/* Text in columns of a terminal: display width, cutting, padding, wrapping, numbers with their unit. */
#ifndef KEISOKU_EXPORT_CELLS_H
#define KEISOKU_EXPORT_CELLS_H

#include "base/buf.h"

/* Columns that valid UTF-8 without control characters takes; other bytes count one each. */
size_t cells_width(const char *text, size_t length);
/* Adds text from a target, escaped, in at most `width` columns; too long text gets "…" at its end, or at its beginning
 * when `keep_end`. Padded with spaces to `width` when `pad`. Returns the columns taken. */
size_t cells_add(struct buf *out, const char *text, size_t length, size_t width, bool keep_end, bool pad);
/* The same of a buffer, which may have failed (it is then empty). */
size_t cells_width_of(struct buf *buf);
size_t cells_add_buf(struct buf *out, struct buf *text, size_t width, bool keep_end, bool pad);
/* Adds our own text as it is, padded with spaces to `width`: on its left when `right`. */
void cells_padded(struct buf *out, const char *text, size_t width, bool right);
/* Adds text escaped and wrapped at spaces, each line after `indent` (the first after `first`). Returns the lines. */
size_t cells_wrap(struct buf *out, const char *first, const char *indent, const char *text, size_t width);

void cells_percent(char *out, size_t size, double share);                                /* "71 %", "<1 %" */
void cells_percent_range(char *out, size_t size, double share, double low, double high); /* "71 % ±1" */
void cells_count(char *out, size_t size, uint64_t value);                                /* "11 940" */
void cells_seconds(char *out, size_t size, double seconds);                              /* "12.4 s", "3.2 ms" */
void cells_bytes(char *out, size_t size, double bytes);                                  /* "410 kB" */
void cells_gain(char *out, size_t size, double gain);                                    /* "3.4x", "38x" */

#endif
