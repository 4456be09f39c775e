/* A recording made up for tests: several hot stacks, 1 kHz, exponentially jittered intervals, as a CPU-bound thread
 * with short waits gives. The same seed gives the same recording. */
#ifndef KEISOKU_TESTS_SYNTHETIC_H
#define KEISOKU_TESTS_SYNTHETIC_H

#include "data/profile.h"
#include "data/recording.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

struct synthetic {
    uint64_t samples;
    uint32_t hot_stacks; /* that take nearly all samples */
    uint32_t threads;
    uint64_t random;
    /* filled */
    uint64_t run_ns[64], delay_ns[64], time_ns[64];
    uint32_t stack[512], thread[64];
};

static inline double synthetic_random(struct synthetic *synthetic)
{
    synthetic->random = synthetic->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(synthetic->random >> 11) + 0.5) / 9007199254740992.0;
}

static inline uint32_t text_id(struct recording *recording, const char *text)
{
    return recording_add_string(recording, text, strlen(text));
}

static inline struct recording *synthetic_open(const char *path)
{
    static const char *const command[] = {"orders.py", "--fast", NULL};
    struct recording_info info = {.command = command,
                                  .directory = "/home/a",
                                  .host = "here",
                                  .mode = "run",
                                  .evidence = "/proc",
                                  .start_unix_ns = UINT64_C(1800000000000000000),
                                  .cores = 4,
                                  .cores_allowed = 2,
                                  .rate_hz = 1000};
    struct recording *recording = NULL;
    struct err err = {0};
    if (recording_new(path, &info, &recording, &err) != 0)
        return NULL;
    return recording;
}

/* Processes, threads and a tree of stacks about 20 deep. */
static inline void synthetic_tables(struct synthetic *synthetic, struct recording *recording)
{
    struct process process = {.pid = 100,
                              .command = recording_add_string(recording, "python\0orders.py", 16),
                              .executable = text_id(recording, "/usr/bin/python3"),
                              .python = text_id(recording, "3.13.0"),
                              .exit_status = EXIT_STATUS_RUNNING};
    recording_add_process(recording, &process);
    for (uint32_t i = 0; i < synthetic->threads; i++) {
        char name[32];
        snprintf(name, sizeof name, "worker-%u", i);
        struct thread thread = {.process = 1, .tid = 100 + (int32_t)i, .name = text_id(recording, name)};
        synthetic->thread[i] = recording_add_thread(recording, &thread);
    }
    uint32_t file = text_id(recording, "/home/a/orders.py"), trunk = 0;
    for (uint32_t i = 0; i < 18 + synthetic->hot_stacks; i++) {
        char name[32];
        snprintf(name, sizeof name, "function_%u", i);
        struct function function = {.name = text_id(recording, name), .file = file, .first_line = i * 20 + 1};
        uint32_t id = recording_add_function(recording, &function);
        uint32_t frame = recording_add_frame(recording, id, i * 20 + 5);
        if (i < 18)
            trunk = recording_add_stack(recording, trunk, frame);
        else
            synthetic->stack[i - 18] = recording_add_stack(recording, trunk, frame);
    }
}

/* One sample of one thread. Stacks are geometrically distributed: half of the samples on the first, and so on, with a
 * tail over all of them. */
static inline struct sample synthetic_sample(struct synthetic *synthetic, uint32_t thread)
{
    uint64_t elapsed = (uint64_t)(-1e6 * log(synthetic_random(synthetic)));
    double choice = synthetic_random(synthetic);
    uint32_t hot = 0;
    while (hot + 1 < synthetic->hot_stacks && choice > 0.5 && choice > 0.05) {
        hot++;
        choice = hot > 4 ? synthetic_random(synthetic) : (choice - 0.5) * 2;
    }
    bool waits = synthetic_random(synthetic) < 0.04;
    uint64_t noise = (uint64_t)(synthetic_random(synthetic) * 8000);
    uint64_t run = waits ? elapsed / 3 : elapsed - (elapsed > noise ? noise : 0);
    uint64_t delay = synthetic_random(synthetic) < 0.02 ? elapsed / 5 : 0;
    run = run > elapsed - delay ? elapsed - delay : run;
    synthetic->time_ns[thread] += elapsed;
    synthetic->run_ns[thread] += run;
    synthetic->delay_ns[thread] += delay;
    return (struct sample){.time_ns = synthetic->time_ns[thread],
                           .thread = synthetic->thread[thread],
                           .stack = synthetic->stack[hot],
                           .ticks = 1,
                           .run_ns = run,
                           .delay_ns = delay,
                           .state = waits                                ? STATE_IO
                                    : synthetic_random(synthetic) < 0.85 ? STATE_PYTHON
                                                                         : STATE_NATIVE,
                           .marks = MARK_GIL,
                           .reader = waits ? READER_ASLEEP : READER_CORE};
}

static inline void synthetic_end(struct synthetic *synthetic, struct recording *recording, uint64_t duration)
{
    for (uint32_t i = 0; i < synthetic->threads; i++) {
        struct thread thread = {.process = 1,
                                .tid = 100 + (int32_t)i,
                                .end_ns = duration,
                                .run_ns = synthetic->run_ns[i],
                                .delay_ns = synthetic->delay_ns[i]};
        recording_set_thread(recording, synthetic->thread[i], &thread);
    }
}

/* Writes the whole recording, a commit every 500 samples. The last time goes to *duration. */
static inline int synthetic_write(struct synthetic *synthetic, struct recording *recording, uint64_t *duration)
{
    struct err err = {0};
    int rc = 0;
    *duration = 0;
    synthetic_tables(synthetic, recording);
    for (uint64_t i = 0; i < synthetic->samples && rc == 0; i++) {
        struct sample sample = synthetic_sample(synthetic, (uint32_t)(i % synthetic->threads));
        recording_add_sample(recording, &sample);
        *duration = sample.time_ns > *duration ? sample.time_ns : *duration;
        if (i % 500 == 499)
            rc = recording_commit(recording, *duration, &err);
    }
    synthetic_end(synthetic, recording, *duration);
    return rc;
}

#endif
