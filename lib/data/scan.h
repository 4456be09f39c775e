/*
 * What is put in place of {NAME} in a command: the values of bench's parameters ("n=1,10,100") and the sizes of scale
 * ("1000,2000"). What a user wrote, or a script: any bytes. Pure.
 */
#ifndef KEISOKU_DATA_SCAN_H
#define KEISOKU_DATA_SCAN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A parameter, and which of its values is meant. The text must last as long. */
struct scan {
    const char *name, *values;
    size_t name_length, count, at;
};

/* ERR_BAD_INPUT: it is no NAME=VALUE,VALUE,… */
int scan_read(const char *text, struct scan *scan, struct err *err);
/* The value that is meant, of *length bytes. */
const char *scan_value(const struct scan *scan, size_t *length);
/* The text with these values in it. */
void scan_fill(const char *text, const struct scan *scans, size_t n, struct buf *out);
/* The next combination of values, the last parameter fastest. False: that was the last, and the first is meant again.
 */
bool scan_next(struct scan *scans, size_t n);

/* A number above 0 in decimal, with nothing else in its `length` bytes. ERR_BAD_INPUT. */
int scan_size(const char *text, size_t length, double *size, struct err *err);

#endif
