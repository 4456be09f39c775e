/*
 * Source text for the recording, read while the process lives. A file that a target names is not trusted: it is opened
 * in the target's root, as the target's own user, only when it is a regular file, and up to a size.
 */
#ifndef KEISOKU_CAPTURE_SOURCE_TEXT_H
#define KEISOKU_CAPTURE_SOURCE_TEXT_H

#include "capture/track.h"
#include "data/recording.h"

struct source_text;
/* no_arguments: the text of -c, which stands among a command's arguments, stays out. */
int source_text_new(struct recording *recording, bool no_arguments, struct source_text **result);
void source_text_free(struct source_text *sources);
/* Adds the text of `path` (string id `file`) to the recording, once. Names in angle brackets have no file; the text of
 * `<string>` is the process's -c argument. */
void source_text_want(struct source_text *sources, const struct tracked_process *process, uint32_t file,
                      const char *path);

#endif
