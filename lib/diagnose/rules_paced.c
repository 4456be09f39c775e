/*
 * The rule on a program that rests: it sleeps, or has nothing to do. Whether it sets its own pace or its event loop
 * waits for what comes is asked of one thread, the one that all else waits with.
 */
#include "diagnose/rules.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct rest {
    double loop_ns, sleep_ns; /* a wait for whatever comes first; asleep */
};

static double rest_ns(const struct rest *rest)
{
    return rest->loop_ns + rest->sleep_ns;
}

static void sum_rests(const struct facts *facts, struct rest *rests)
{
    const struct profile *profile = facts->profile;
    const struct profile_samples *samples = &profile->samples;
    for (size_t i = 0; i < samples->count; i++) {
        if (!sample_counts(profile, i))
            continue;
        if (samples->state[i] == STATE_SLEEP)
            rests[samples->thread[i]].sleep_ns += samples->wall_ns[i];
        else if (samples->state[i] == STATE_IDLE && !waits_for_one(facts, i))
            rests[samples->thread[i]].loop_ns += samples->wall_ns[i];
    }
}

/* The main thread that rests most, where that is enough; else any. 0: none rests. */
static uint32_t pacing_thread(const struct profile *profile, const struct rest *rests, double enough)
{
    uint32_t most[2] = {0, 0};
    for (uint32_t i = 1; i < profile->n_threads; i++) {
        const struct thread *thread = &profile->threads[i];
        bool is_main = thread->tid == profile->processes[thread->process].pid;
        if (rest_ns(&rests[i]) > rest_ns(&rests[most[is_main]]))
            most[is_main] = i;
    }
    bool any = rest_ns(&rests[most[1]]) < enough && rest_ns(&rests[most[0]]) > rest_ns(&rests[most[1]]);
    return most[any ? 0 : 1];
}

static bool is_asyncio_sleep(const struct profile *profile, uint32_t stack)
{
    static const char file[] = "asyncio/tasks.py";
    const struct function *function = &profile->functions[profile->frames[profile->stacks[stack].frame].function];
    const char *path = profile->strings[function->file];
    size_t length = strlen(path);
    return strcmp(profile->strings[function->name], "sleep") == 0 && length >= sizeof file - 1 &&
           strcmp(path + length - (sizeof file - 1), file) == 0;
}

/* Do the loop's tasks mostly wait in `await asyncio.sleep()`? What waits for another task waits for what that does. */
static bool tasks_sleep(const struct profile *profile, uint32_t thread)
{
    static const char *const tasks[] = {"Task", "_GatheringFuture"};
    double asleep = 0, all = 0;
    for (size_t i = 0; i < profile->n_task_waits; i++) {
        const struct task_wait *wait = &profile->task_waits[i];
        const char *on = profile->strings[wait->on];
        if (wait->task >= profile->n_tasks || profile->tasks[wait->task].thread != thread ||
            strcmp(on, tasks[0]) == 0 || strcmp(on, tasks[1]) == 0)
            continue;
        all += (double)wait->wait_ns;
        asleep += is_asyncio_sleep(profile, wait->stack) ? (double)wait->wait_ns : 0;
    }
    return asleep > (1 - LIMIT_OF(PACED, LOOP_MIN)) * all;
}

/* Is the rest an event loop's wait for what comes first? What its tasks wait for is then not known to be a pace. */
static bool rests_in_loop(const struct facts *facts)
{
    const struct profile *profile = facts->profile;
    double enough = LIMIT_OF(PACED, LOOP_MIN) * facts->rest * facts->elapsed_ns;
    struct rest *rests = profile->n_tasks > 1 ? mem_zalloc(profile->n_threads + 1, sizeof *rests) : NULL;
    if (rests == NULL)
        return false;
    sum_rests(facts, rests);
    uint32_t thread = pacing_thread(profile, rests, enough);
    struct rest rest = rests[thread];
    mem_free(rests);
    return rest.loop_ns >= enough && rest.loop_ns > rest.sleep_ns && !tasks_sleep(profile, thread);
}

bool rule_paced(const struct facts *facts, const struct finding *earlier, size_t n_earlier, struct finding *finding,
                struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    if (facts->rest < LIMIT_OF(PACED, REST_MIN))
        return false;
    finding_add_elapsed(facts, finding, "asleep or idle", facts->rest);
    finding_add_elapsed(facts, finding, "elapsed time on the CPU", facts->active);
    finding->confidence = 0.9;
    finding_not_measured(finding, "why it sleeps: a sleep that stands for a wait on something else looks the same");
    words_percent(words->share, sizeof words->share, facts->rest);
    bool loop = rests_in_loop(facts);
    snprintf(words->reason, sizeof words->reason, "%s",
             loop ? "its event loop waits to be woken" : "the program sets its own pace");
    if (loop)
        words->action =
            "Faster code would only make it wait longer. Where a task awaits one answer after the other and "
            "no answer is needed to ask the next, start them together: asyncio.gather or a TaskGroup.";
    return true;
}
