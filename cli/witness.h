/*
 * Was a signal sent to our whole process group, or to us alone? The kernel does not say, and it matters: what the group
 * gets, the program has got already; what we get alone, we pass on. So a process of ours stands by in the same group
 * with every signal blocked: whatever the group got waits there to be asked for. It gets a signal before we do, because
 * the kernel goes through a group from its youngest member to its oldest (docs/design/011-signals.md).
 */
#ifndef KEISOKU_CLI_WITNESS_H
#define KEISOKU_CLI_WITNESS_H

#include <stdbool.h>

/* Before any thread is started. It ends with us. False with errno: every signal then counts as sent to us alone. */
bool witness_start(void);
/* Did the group get that signal since we asked last? */
bool witness_saw(int signal);

#endif
