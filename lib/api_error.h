/* How an error leaves the library. */
#ifndef KEISOKU_API_ERROR_H
#define KEISOKU_API_ERROR_H

#include "base/err.h"

#include "keisoku.h"

/* Copies the error out where there is one and `error` is not NULL; one without a text gets its kind's. Returns `rc`. */
int api_error(struct kei_error *error, const struct err *err, int rc);

#endif
