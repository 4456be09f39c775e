/*
 * Counters of cores and processes, a few times a second: what each core did for everybody, and memory, faults,
 * switches, input and output of each process. Values are written as growth since the recording's start, or since the
 * birth of a process that was born later, where they are cumulative.
 */
#ifndef KEISOKU_CAPTURE_COUNTERS_H
#define KEISOKU_CAPTURE_COUNTERS_H

#include "capture/stopwatch.h"
#include "capture/track.h"
#include "data/recording.h"

struct counters;
int counters_new(struct recording *recording, struct stopwatch *watch, struct counters **result);
void counters_free(struct counters *counters);
/* A pause is over: what grew in it does not count. */
void counters_skip(struct counters *counters);
/* The recording has given out its ids anew. */
void counters_moved(struct counters *counters, const struct recording_moved *moved);
void counters_read_cores(struct counters *counters, uint64_t now_ns);
/* A thread of the program that was found on that core has run and waited for a core so long since its sample before. A
 * number that no core has is not counted, nor is -1: not known. */
void counters_add_run(struct counters *counters, int core, uint64_t run_ns, uint64_t delay_ns);
/* These, added up, of all samples up to that time. */
void counters_write_runs(struct counters *counters, uint64_t now_ns);
/* A line of /proc/stat: which core, and how long it was not idle since the machine began. False: it is of none. For
 * counters_read_cores, tests and fuzzers. */
bool counters_core_of(const char *line, unsigned *core, int64_t *busy_ns);
/* Its switches by the kernel's last record of it; false: that is not newer than what is known. */
bool counters_take_told(struct tracked_thread *thread);
/* A reading of the process; `threads` are those known, of all processes. */
void counters_add_process(struct counters *counters, struct tracked_process *process,
                          struct tracked_thread *const *threads, size_t n_threads, const struct usage *read,
                          uint64_t now_ns);

#endif
