/* Where the socket of a recording is: named after the file's device and inode, so that it is found under any of the
 * file's names, in /run/user/UID/keisoku or, without that, /tmp/keisoku-UID. */
#ifndef KEISOKU_CAPTURE_CONTROL_PLACE_H
#define KEISOKU_CAPTURE_CONTROL_PLACE_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { CONTROL_PLACES = 2 };

/* The address of the recording with that status, at place 0 or 1. */
void control_address(const struct stat *file, int place, struct sockaddr_un *address);
/* Its directory, made where it is missing: true when it is ours, a directory and closed to others. */
bool control_directory(const struct sockaddr_un *address, bool make);
/* The user at the other end. False when it cannot be told. */
bool control_peer(int fd, uid_t *user);

#endif
