/*
 * Builds a struct profile by hand, as profile_load would leave it: for tests that compute what must come out.
 * Capacities are small and fixed. profile_file_is_own is not asked: own or not is said with each function.
 */
#ifndef KEISOKU_TESTS_PROFILE_BUILDER_H
#define KEISOKU_TESTS_PROFILE_BUILDER_H

#include "data/profile.h"

#include <string.h>

enum { BUILT_FEW = 64, BUILT_SAMPLES = 40000 };

struct built {
    struct profile profile;
    const char *strings[BUILT_FEW];
    uint32_t lengths[BUILT_FEW];
    struct function functions[BUILT_FEW];
    bool own[BUILT_FEW];
    struct frame frames[BUILT_FEW];
    struct stack stacks[BUILT_FEW];
    struct process processes[BUILT_FEW];
    struct thread threads[BUILT_FEW];
    bool idle[BUILT_FEW];
    struct counter counters[BUILT_FEW];
    const char *command[4], *notes[4];
    uint64_t time_ns[BUILT_SAMPLES];
    uint32_t thread[BUILT_SAMPLES], stack[BUILT_SAMPLES], ticks[BUILT_SAMPLES];
    double wall_ns[BUILT_SAMPLES], cpu_ns[BUILT_SAMPLES];
    uint8_t state[BUILT_SAMPLES], marks[BUILT_SAMPLES], reader[BUILT_SAMPLES], place[BUILT_SAMPLES];
};

/* An empty profile with one process: 4 cores, perf evidence, 1 kHz. */
static inline struct built *built_new(void)
{
    struct built *built = calloc(1, sizeof *built);
    struct profile *profile = &built->profile;
    profile->path = (char *)"test.1.kei";
    profile->command = built->command;
    built->command[0] = "test.py";
    profile->notes = built->notes;
    profile->directory = "/home/u";
    profile->host = "";
    profile->mode = "run";
    profile->evidence = "perf clock,/proc";
    profile->keisoku_version = "test";
    profile->cores = profile->cores_allowed = 4;
    profile->complete = true;
    profile->self.rate_hz = profile->self.rate_asked_hz = 1000;
    profile->strings = built->strings;
    profile->string_lengths = built->lengths;
    built->strings[0] = "";
    profile->functions = built->functions;
    profile->function_own = built->own;
    profile->frames = built->frames;
    profile->stacks = built->stacks;
    profile->processes = built->processes;
    profile->threads = built->threads;
    profile->thread_idle = built->idle;
    profile->counters = built->counters;
    profile->samples = (struct profile_samples){.time_ns = built->time_ns,
                                                .thread = built->thread,
                                                .stack = built->stack,
                                                .ticks = built->ticks,
                                                .wall_ns = built->wall_ns,
                                                .cpu_ns = built->cpu_ns,
                                                .state = built->state,
                                                .marks = built->marks,
                                                .reader = built->reader,
                                                .place = built->place};
    profile->n_strings = profile->n_functions = profile->n_frames = profile->n_stacks = profile->n_threads = 1;
    profile->n_processes = 2;
    built->processes[1] = (struct process){.pid = 100, .exit_status = 0};
    return built;
}

static inline uint32_t built_string(struct built *built, const char *text)
{
    uint32_t id = (uint32_t)built->profile.n_strings++;
    built->strings[id] = text;
    built->lengths[id] = (uint32_t)strlen(text);
    return id;
}

static inline uint32_t built_function(struct built *built, const char *name, const char *file, bool own)
{
    uint32_t id = (uint32_t)built->profile.n_functions++;
    built->functions[id].name = built_string(built, name);
    built->functions[id].file = built_string(built, file);
    built->own[id] = own;
    return id;
}

/* A stack entry: `function` at `line`, called from `parent` (0: outermost). */
static inline uint32_t built_stack(struct built *built, uint32_t parent, uint32_t function, uint32_t line)
{
    uint32_t frame = (uint32_t)built->profile.n_frames++, id = (uint32_t)built->profile.n_stacks++;
    built->frames[frame] = (struct frame){function, line};
    built->stacks[id] = (struct stack){parent, frame, built->stacks[parent].depth + 1};
    return id;
}

static inline uint32_t built_thread(struct built *built, uint32_t process)
{
    uint32_t id = (uint32_t)built->profile.n_threads++;
    built->threads[id] = (struct thread){.process = process, .tid = (int32_t)(100 + id)};
    return id;
}

/* One sample; its time on the CPU counts as run time of the thread, `runnable` as run delay. The recording lasts until
 * the latest sample. */
static inline void built_sample(struct built *built, uint64_t time_ns, uint32_t thread, uint32_t stack,
                                enum state state, uint32_t ticks, double wall_ns)
{
    size_t i = built->profile.samples.count++;
    built->time_ns[i] = time_ns;
    built->thread[i] = thread;
    built->stack[i] = stack;
    built->state[i] = (uint8_t)state;
    built->ticks[i] = ticks;
    built->wall_ns[i] = wall_ns;
    built->cpu_ns[i] = state_on_cpu(state) ? wall_ns : 0;
    built->reader[i] = state_on_cpu(state) ? READER_CORE : READER_ASLEEP;
    if (state_on_cpu(state))
        built->threads[thread].run_ns += (uint64_t)wall_ns;
    if (state == STATE_RUNNABLE)
        built->threads[thread].delay_ns += (uint64_t)wall_ns;
    if (time_ns > built->profile.duration_ns)
        built->profile.duration_ns = time_ns;
    if (time_ns > built->threads[thread].end_ns)
        built->threads[thread].end_ns = time_ns;
}

/* All cores' counters at the end: `busy` cores' worth of time in all, spread evenly. */
static inline void built_cores(struct built *built, double busy)
{
    for (uint32_t core = 0; core < built->profile.cores; core++)
        built->counters[built->profile.n_counters++] =
            (struct counter){.time_ns = built->profile.duration_ns,
                             .subject = core,
                             .kind = COUNTER_CORE_BUSY,
                             .value = (int64_t)(busy * (double)built->profile.duration_ns / built->profile.cores)};
}

/* Bytes that calls of its process wrote, in all. */
static inline void built_written(struct built *built, int64_t bytes)
{
    built->counters[built->profile.n_counters++] = (struct counter){
        .time_ns = built->profile.duration_ns, .subject = 1, .kind = COUNTER_WRITE_CALLS, .value = bytes};
}

#endif
