/*
 * A question to a recording in SQL: one statement that reads, over the views of docs/recording.md. The views are ours,
 * whatever the file has under those names; the tables are checked as for a profile. The statement can change nothing,
 * reach no other file, and take no more than QUERY_BYTES_MAX of memory.
 *
 * query_new, query_step until it gives 0, query_free.
 */
#ifndef KEISOKU_DATA_QUERY_H
#define KEISOKU_DATA_QUERY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { QUERY_BYTES_MAX = 1024 * 1024 * 1024 };

enum query_kind { QUERY_NULL, QUERY_INTEGER, QUERY_REAL, QUERY_TEXT };

struct query_value {
    enum query_kind kind;
    int64_t integer;
    double real;
    const char *text; /* may hold anything, NULs too: bytes of a text or a blob; valid until the next step */
    size_t length;
};

struct query;

/* `sql` NULL: the views and their columns. What SQLite finds wrong with it is ERR_BAD_INPUT, with its words. */
int query_new(const char *path, const char *sql, struct query **result, struct err *err);
void query_free(struct query *query);
size_t query_columns(const struct query *query);
const char *query_column_name(const struct query *query, size_t column); /* from the question or the file: any text */
/* 1: the next row; 0: there is none; or a negative code. */
int query_step(struct query *query, struct err *err);
struct query_value query_value(const struct query *query, size_t column);

#endif
