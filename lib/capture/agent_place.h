/*
 * Where the agent lies while a recording lasts: a directory of ours (0700) in memory, with the agent, the layouts of
 * interpreters, and the segments that processes open (wire/agent.h); and the environment that hands it on.
 */
#ifndef KEISOKU_CAPTURE_AGENT_PLACE_H
#define KEISOKU_CAPTURE_AGENT_PLACE_H

#include "base/err.h"

#include <stdbool.h>

struct agent_place {
    int directory; /* -1: there is none */
    char path[128];
    char **environment; /* ours with the agent in it; NULL-terminated */
    char *variable, *preload;
};

/* `flags`: of wire/agent.h. ERR_NOT_SUPPORTED where no directory may hold programs, ERR_IO, ERR_NOMEM. */
int agent_place_init(struct agent_place *place, const char *flags, struct err *err);
/* Removes all of it; what still runs with the agent goes on without. */
void agent_place_release(struct agent_place *place);

#endif
