/*
 * Output files: made new, mode 0600, never through a link. An existing name gets a number before its ending
 * (orders.kei, orders-2.kei, …).
 */
#ifndef KEISOKU_BASE_FILE_H
#define KEISOKU_BASE_FILE_H

#include "base/err.h"

#include <stddef.h>

/* Creates `path` or its first free numbered form; the name taken goes to `taken` (of `taken_size` bytes). Returns the
 * descriptor or a negative code. */
int file_create(const char *path, char *taken, size_t taken_size, struct err *err);

/* The message and code for errno `number` of an operation on `path`: "cannot <doing> <path>: <reason>; <hint>". */
int file_error(struct err *err, int number, const char *doing, const char *path);

#endif
