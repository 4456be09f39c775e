/*
 * Reading a process's memory waits where nobody brings the page: userfaultfd without an answer, a FUSE or network file
 * system that is gone. Such a wait ends by no signal but the one that kills, so a watcher ends us instead.
 */
#ifndef KEISOKU_CLI_HELD_H
#define KEISOKU_CLI_HELD_H

/* From now on: where one reading lasts for seconds, a message that closes with `what`, and exit with `status`, or with
 * what `status_of` gives where it is not NULL; it may wait. Without a thread for it nothing is watched. */
void held_watch(int status, const char *what, int (*status_of)(int status));
void held_watch_end(void);

#endif
