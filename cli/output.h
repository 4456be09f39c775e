/* Where exports go: a descriptor, or a file made new (0600, numbered when the name is taken, removed after a failure).
 */
#ifndef KEISOKU_CLI_OUTPUT_H
#define KEISOKU_CLI_OUTPUT_H

#include "keisoku.h"

enum { OUTPUT_PATH_BYTES = 4096 };

/* A descriptor as the library writes to it: output_write is the function that the library's calls take, and their
 * result goes through output_result, which says what went wrong in the writing. */
struct output_target {
    int fd, error; /* errno of the first failed write */
};
int output_write(void *target, const void *data, size_t size);
int output_result(const struct output_target *target, int rc, const char *name, struct kei_error *error);

/* What writes a whole output; returns what the library's call returned. */
typedef int output_producer(void *context, struct output_target *target, struct kei_error *error);
/* To standard output when `path` is NULL or "-", else to a new file whose name goes to `taken`. 0 or a negative code.
 */
int output_to(const char *path, output_producer *produce, void *context, char taken[OUTPUT_PATH_BYTES],
              struct kei_error *error);

/* Writes `format` to standard output when `path` is NULL or "-", else to a new file whose name goes to `taken`. 0 or a
 * negative code with its message. */
int output_export(struct kei_recording *recording, const char *format, const struct kei_export_options *options,
                  const char *path, char taken[OUTPUT_PATH_BYTES], struct kei_error *error);
/* To an open descriptor, called `name` in messages. */
int output_export_fd(struct kei_recording *recording, const char *format, const struct kei_export_options *options,
                     int fd, const char *name, struct kei_error *error);
/* The row of a format that exists, else NULL after a message that starts with `who`. */
const struct kei_format *output_format(const char *who, const char *name);

#endif
