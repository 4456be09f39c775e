/* The answer to a query as a table for people, CSV (RFC 4180) or a JSON array of objects, row by row. */
#ifndef KEISOKU_EXPORT_QUERY_ROWS_H
#define KEISOKU_EXPORT_QUERY_ROWS_H

#include "base/err.h"
#include "base/sink.h"
#include "data/query.h"

#include "keisoku.h"

/* `width`: columns of the table, whose long texts are cut; 0: as wide as it gets. 0, or a negative code. */
int query_write(struct query *query, enum kei_query_format format, size_t width, const struct sink *sink,
                struct err *err);

#endif
