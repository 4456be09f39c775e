/*
 * What has a copy of the recording saved by itself (--save-when): much CPU time, much memory, a thread that is stuck.
 * The writer's own; it looks at what it writes anyway.
 */
#ifndef KEISOKU_CAPTURE_TRIGGER_H
#define KEISOKU_CAPTURE_TRIGGER_H

#include "capture/measure.h"

struct counters;

struct trigger {
    uint64_t cpu_at_ns; /* when `cpu_ns` was taken */
    int64_t cpu_ns;
    uint64_t again_ns[TRIGGER_COUNT]; /* not before that */
    bool held[TRIGGER_COUNT];         /* it held at the last look: a copy is made when it begins to */
    uint32_t fired[TRIGGER_COUNT];
};

/* CPU time and memory of all processes together, ten times in the time that counters are read in. */
void trigger_usage(struct trigger *trigger, struct measurement *m, uint64_t now_ns, int64_t cpu_ns, int64_t rss_bytes);
/* A sample as it is written; `idle`: it waits for work. */
void trigger_sample(struct trigger *trigger, struct measurement *m, const struct raw_sample *raw, bool idle);
/* Time stood still: what was seen before says nothing. */
void trigger_forget(struct trigger *trigger);

#endif
