/* Calls as sys.monitoring tells them (3.12 on): all threads of the main interpreter, from the next call on. */
#ifndef KEISOKU_AGENT_MONITOR_H
#define KEISOKU_AGENT_MONITOR_H

#include "python.h"

/* [thread] With the GIL held; `system` is sys.monitoring. Nothing is counted where others have all of its numbers. */
void monitor_begin(struct object *system);

#endif
