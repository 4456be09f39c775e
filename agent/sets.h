/*
 * The arguments that functions were called with, as hashes, and what they gave back: a cache in the program's own
 * memory, of 6 MB at most. What finds no room takes the place of what came back least often, so that a repeat may be
 * missed but never made up.
 */
#ifndef KEISOKU_AGENT_SETS_H
#define KEISOKU_AGENT_SETS_H

#include "wire/agent.h"

#include <stdbool.h>

/* [thread] 0 or -1. */
int sets_open(void);
/* [hook] A call with arguments of that hash came back. `plain`: its result has a hash, which is `result`. */
void sets_add(struct wire_call_row *row, uint64_t arguments, bool plain, uint64_t result);

#endif
