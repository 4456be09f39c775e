/*
 * Counted calls (run --calls): the agent counts in the program, in a segment of shared memory for each process; the
 * writer looks at these about once a second, and at one whose process has ended for the last time. Nothing is lost with
 * the program, however it ends. What a segment says is not trusted.
 */
#ifndef KEISOKU_CAPTURE_CALLS_H
#define KEISOKU_CAPTURE_CALLS_H

#include "capture/agent_place.h"
#include "capture/names.h"

struct calls;

/* Makes the place for the agent. Errors as agent_place_init. */
int calls_new(bool hashes, bool only, struct calls **result, struct err *err);
/* For the program; stays until calls_free. */
char **calls_environment(const struct calls *calls);
/* Whose processes' calls are told, and where to. */
struct calls_view {
    struct measurement *m;
    struct names *names;
    struct tracked_process *const *processes;
    size_t n_processes;
};

/* [W] Takes what is new into the recording; `last`: of all, else of segments that are due. */
void calls_write(struct calls *calls, const struct calls_view *view, uint64_t now_ns, bool last);
/* [W] Does the path name the agent as a process has it mapped? NULL: calls are not counted. */
bool calls_is_agent(const struct calls *calls, const char *path);
/* At the end: was any process's segment found? */
bool calls_any(const struct calls *calls);
/* Tells the agents that nothing need be counted any more. NULL is fine. */
void calls_free(struct calls *calls);

#endif
