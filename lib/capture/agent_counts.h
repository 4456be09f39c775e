/*
 * What the agent counts in the program (run --calls, --allocs), in a segment of shared memory for each process: the
 * writer looks at these about once a second, and at one whose process has ended for the last time. Nothing is lost with
 * the program, however it ends. What a segment says is not trusted.
 */
#ifndef KEISOKU_CAPTURE_AGENT_COUNTS_H
#define KEISOKU_CAPTURE_AGENT_COUNTS_H

#include "capture/agent_place.h"
#include "capture/names.h"

struct agent_counts;

/* Makes the place for the agent. Errors as agent_place_init. */
int agent_counts_new(const struct measure_options *options, struct agent_counts **result, struct err *err);
/* For the program; stays until agent_counts_free. */
char **agent_counts_environment(const struct agent_counts *counts);
/* Whose processes' counts are told, and where to. */
struct agent_counts_view {
    struct measurement *m;
    struct names *names;
    struct tracked_process *const *processes;
    size_t n_processes;
};

/* [W] Takes what is new into the recording; `last`: of all, else of segments that are due. */
void agent_counts_write(struct agent_counts *counts, const struct agent_counts_view *view, uint64_t now_ns, bool last);
/* [W] Does the path name the agent as a process has it mapped? NULL: nothing is counted. */
bool agent_counts_is_agent(const struct agent_counts *counts, const char *path);
/* At the end: was any process's segment found? */
bool agent_counts_any(const struct agent_counts *counts);
/* Tells the agents that nothing need be counted any more. NULL is fine. */
void agent_counts_free(struct agent_counts *counts);

#endif
