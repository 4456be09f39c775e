/*
 * Talking to the recorder of a recording in progress (`keisoku ctl`): a local socket in a directory of its user's own,
 * named after the recording's file, and one line each way. A thread of its own answers, and makes the copies, those
 * that a trigger asked for too; it touches the target in no way. Only the recorder's user, and root, is answered.
 *
 * The recorder's side: control_new when the threads run, control_free before they stop. The other side: control_ask.
 */
#ifndef KEISOKU_CAPTURE_CONTROL_H
#define KEISOKU_CAPTURE_CONTROL_H

#include "capture/measure.h"

/* X(name, "name") */
#define CONTROL_LIST(X) X(SAVE, "save") X(PAUSE, "pause") X(RESUME, "resume") X(STOP, "stop") X(STATUS, "status")
enum control_command {
#define X(name, text) CONTROL_##name,
    CONTROL_LIST(X)
#undef X
        CONTROL_COUNT
};
extern const char *const control_names[CONTROL_COUNT + 1]; /* NULL behind the last */

/* Where there can be no socket the recording gets a note that says why. */
void control_new(struct measurement *m);
void control_free(struct control *control);

enum { CONTROL_REPLY_BYTES = 4096 + 512 };
/* Asks the recorder of that file; `output` (absolute) goes with CONTROL_SAVE, NULL: beside the recording. The answer is
 * one line. ERR_GONE: nothing records it; ERR_PERMISSION: another user does. */
int control_ask(const char *path, enum control_command command, const char *output, char reply[CONTROL_REPLY_BYTES],
                struct err *err);

#endif
