/*
 * Source text for the recording, read while the process lives. A file that a target names is not trusted: it is opened
 * in the target's root, as the target's own user, only when it is a regular file, and up to a size.
 */
#ifndef KEISOKU_CAPTURE_SOURCE_TEXT_H
#define KEISOKU_CAPTURE_SOURCE_TEXT_H

#include "capture/track.h"
#include "data/recording.h"

enum {
    SOURCE_PATH_BYTES = 8192,
    SOURCE_NAME_BYTES = SOURCE_PATH_BYTES + 32 /* of what source_text_file says */
};

struct source_text;
/* no_arguments: the text of -c, which stands among a command's arguments, stays out. */
int source_text_new(struct recording *recording, bool no_arguments, struct source_text **result);
void source_text_free(struct source_text *sources);
/* What the recording calls the file that the process has at `path`: so, but where a process with another root (of a
 * mount namespace, of a container) was met with another file there, by a path that leads to it from here,
 * "/proc/PID/root…" with the PID of one that has it. For a name has one text. `name`: room for it. */
const char *source_text_file(struct source_text *sources, struct tracked_process *process, const char *path, char *name,
                             size_t size);
/* Adds the text of `path` (whose name in the recording has the string id `file`) to the recording, once. Names in angle
 * brackets have no file; the text of `<string>` is the process's -c argument. */
void source_text_want(struct source_text *sources, struct tracked_process *process, uint32_t file, const char *path);

#endif
