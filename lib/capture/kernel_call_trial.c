#include "capture/kernel_call_trial.h"

#include "base/clock.h"
#include "capture/schedule.h"

#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum { PERIOD_NS = 50 * 1000, LEARN = 16, LEARN_MAX = 64, LEARN_NS = 20 * 1000 * 1000 };

static void *make_calls(void *context)
{
    struct call_trial *trial = context;
    const struct timespec period = {.tv_nsec = PERIOD_NS};
    prctl(PR_SET_NAME, "kei-caller");
    prctl(PR_SET_TIMERSLACK, 1);
    while (!atomic_load(&trial->stop)) {
        if (atomic_load(&trial->calls)) {
            bool made = kernel_sampler_try_call(trial->sampler, trial->core);
            atomic_fetch_add(&trial->made, made ? 1 : 0);
            atomic_store(&trial->refused, !made);
        }
        clock_nanosleep(CLOCK_MONOTONIC, 0, &period, NULL);
    }
    return NULL;
}

bool call_trial_start(struct call_trial *trial, struct kernel_sampler *sampler)
{
    cpu_set_t others;
    pthread_attr_t attr;
    int core = sched_getcpu();
    memset(trial, 0, sizeof *trial);
    trial->sampler = sampler;
    trial->core = (uint32_t)core;
    if (core < 0 || sched_getaffinity(0, sizeof trial->allowed, &trial->allowed) != 0)
        return false;
    others = trial->allowed;
    CPU_CLR((size_t)core, &others);
    if (CPU_COUNT(&others) == 0 || !schedule_pin(core))
        return false;
    pthread_attr_init(&attr);
    bool started = pthread_attr_setaffinity_np(&attr, sizeof others, &others) == 0 &&
                   pthread_create(&trial->thread, &attr, make_calls, trial) == 0;
    pthread_attr_destroy(&attr);
    if (!started)
        schedule_unpin(&trial->allowed);
    return started;
}

bool call_trial_learn(struct call_trial *trial)
{
    uint64_t start_ns = clock_monotonic_ns();
    struct wire_call usual = {0};
    unsigned agreed = 0, seen = 0, made = atomic_load(&trial->made);
    call_trial_turn(trial, true);
    while (agreed < LEARN && seen < LEARN_MAX && !atomic_load(&trial->refused) &&
           clock_monotonic_ns() - start_ns < LEARN_NS) {
        if (atomic_load(&trial->made) == made)
            continue;
        made = atomic_load(&trial->made);
        struct wire_call call = kernel_sampler_last_call(trial->sampler);
        bool same = call.entry == usual.entry && call.depth == usual.depth;
        agreed = same ? agreed + 1 : 0; /* in a row: now and then one finds us in the kernel */
        usual = call;
        seen++;
    }
    call_trial_turn(trial, false);
    if (agreed < LEARN || usual.entry == 0 || usual.depth == 0 || usual.depth >= WIRE_CALL_FRAMES)
        return false;
    kernel_sampler_know_call(trial->sampler, &usual);
    return true;
}

void call_trial_turn(struct call_trial *trial, bool calls)
{
    atomic_store(&trial->calls, calls);
}

void call_trial_end(struct call_trial *trial)
{
    atomic_store(&trial->stop, true);
    pthread_join(trial->thread, NULL);
    schedule_unpin(&trial->allowed);
}
