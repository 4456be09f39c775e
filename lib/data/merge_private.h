/* What merge.c (the plan), merge_rows.c (the copying) and merge_cores.c (counters of cores) share. */
#ifndef KEISOKU_DATA_MERGE_PRIVATE_H
#define KEISOKU_DATA_MERGE_PRIVATE_H

#include "base/map.h"
#include "data/merge.h"
#include "data/profile_private.h"
#include "data/recording.h"

/* One of the recordings, as far as all must be known before the first is copied. */
struct merge_input {
    const char *path;
    uint64_t start_unix_ns, offset_ns; /* offset: a multiple of CHUNK_UNIT_NS */
    uint64_t device, inode;
};

/* The increments of a core's counter, put one behind the other. */
struct merged_core {
    uint64_t last_ns;
    int64_t value;
};

/* What a counter that adds up over the recordings of a host grew by. */
struct core_growth {
    uint64_t time_ns;
    uint32_t core; /* as the merged recording numbers it */
    uint8_t kind;
    int64_t grown;
};

struct merger {
    struct recording *recording;
    struct merge_input *inputs;
    size_t n_inputs;
    const char *output;
    struct map hosts; /* name → index */
    uint32_t n_hosts;
    struct map cores; /* (host, core) → index in merged_cores */
    struct merged_core *merged_cores;
    size_t n_cores, cores_capacity;
    struct core_growth *growths;
    size_t n_growths, growths_capacity;
    struct map sources; /* (file, first line) */
    uint32_t n_sources, n_processes, n_threads, n_tasks;
    uint64_t source_bytes;
    bool sources_left_out;
    uint64_t end_ns, samples, ticks; /* rows; the instants that these stand for */
    struct self_report self;
    double rate_seconds; /* of rate_hz, weighted by time */
    struct err *err;
};

/* The last of each counter of a core in one recording. */
struct core_last {
    int64_t value;
    size_t growth; /* its place in merger.growths, counted from 1; 0: none */
};

struct core_counters {
    struct map places; /* (core, kind) → index in last */
    struct core_last *last;
    size_t count, capacity;
};

/* Adds one recording. 0 or a negative code with its message. */
int merge_rows(struct merger *merger, const struct merge_input *input);
/* Takes a counter of a core from a recording of that host. 0 or ERR_NOMEM. */
int merge_core(struct merger *merger, struct core_counters *here, uint32_t host, struct counter *counter);
void merge_cores_end(struct core_counters *here);
/* After the last recording: writes the counters that grow in several of them. */
void merge_growths(struct merger *merger);

#endif
