/*
 * What is said on the socket of a recording in progress (control.h): one line each way. Both ends take the other's for
 * anybody's bytes: bounded, in time, and nothing behind the end of a line.
 */
#ifndef KEISOKU_CAPTURE_CONTROL_WORDS_H
#define KEISOKU_CAPTURE_CONTROL_WORDS_H

#include "base/buf.h"
#include "capture/control.h"

enum { CONTROL_REQUEST_BYTES = 4096 + 64 };

/* The recorder's side: a request without its line break. False: no whole line came in time, or it is too long. */
bool control_hear(int fd, char request[CONTROL_REQUEST_BYTES]);
/* Which command it is, CONTROL_COUNT: none that we know; *argument: what stands behind a blank, or "". */
int control_request(const char *request, const char **argument);

/* The other side: the request for `output` (NULL: none), and the answer, of which what is longer is cut. False: nothing
 * came. */
void control_say(struct buf *request, enum control_command command, const char *output);
bool control_listen(int fd, char line[CONTROL_REPLY_BYTES]);
/* What the answer of the recorder of `path` says: 0, or its error. ERR_IO: it is no answer. */
int control_reply(const char *line, const char *path, char reply[CONTROL_REPLY_BYTES], struct err *err);

#endif
