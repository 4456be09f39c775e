/* The rule on more threads at once than there are cores for them. See rules.h. */
#include "diagnose/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What surely goes, and what may: the work of making workers ready that are too many; the time that a library's threads
 * spend in waiting for one another, of which the measured pairs tell. */
static void promise(const struct facts *facts, const struct crowd *crowd, bool by_library, struct finding *finding)
{
    double cores = facts->cores_allowed;
    if (by_library) {
        double part = facts->active * facts->native.share;
        finding_predict(finding, facts->active * facts->native.low, part, LIMIT_OF(OVERSUBSCRIBED, FACTOR_LOW),
                        LIMIT_OF(OVERSUBSCRIBED, FACTOR_HIGH));
        return;
    }
    double goes = crowd->n_processes > 0 ? 1 - cores / (double)crowd->n_processes : 0;
    struct share started = cpu_part(facts, crowd->started_ns + crowd->once_ns);
    double most = fmin(LIMIT_OF(OVERSUBSCRIBED, GOES_MOST),
                       facts->active * started.share * goes * LIMIT_OF(OVERSUBSCRIBED, AROUND));
    finding_predict(finding, facts->active * started.low * goes, most, 1000, 1000);
    finding->predicted_high = finding->max_gain;
    finding_add_share(finding, "CPU time making workers ready", started);
}

bool rule_oversubscribed(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                         struct finding *finding, struct words *words)
{
    (void)earlier;
    (void)n_earlier;
    const struct crowd *crowd = &facts->crowd;
    double cores = facts->cores_allowed, quota = facts->profile->cores_quota;
    cores = quota > 0 ? fmin(cores, quota) : cores;
    uint32_t waits = facts->reaches[REACH_POOL].caller;
    if (!(cores > 0) || !(facts->elapsed_ns > 0) || facts->active < LIMIT_OF(OVERSUBSCRIBED, ACTIVE_MIN) ||
        crowd->wanted < LIMIT_OF(OVERSUBSCRIBED, TIMES_MIN) * cores)
        return false;
    bool by_library = crowd->helpers >= LIMIT_OF(OVERSUBSCRIBED, HELPERS_MIN) * crowd->wanted && facts->told_apart &&
                      facts->native_top.cpu_ns > 0;
    if (!by_library && (double)crowd->n_processes < LIMIT_OF(OVERSUBSCRIBED, TIMES_MIN) * cores)
        return false;
    finding_add(finding, "threads that want a core, on average", "threads", crowd->wanted);
    finding_add(finding, "cores they may use", "cores", cores);
    promise(facts, crowd, by_library, finding);
    if (by_library)
        finding_add(finding, "threads that a library started", "threads", (double)crowd->n_helpers);
    finding_add(finding, "run delay, of it and run time", "share", facts->delay);
    finding_add(finding, "cores busy with other programs", "cores", facts->others);
    if (waits != 0)
        finding_place_frame(facts, waits, finding);
    else if (facts->own_frame != 0)
        finding_place_frame(facts, facts->own_frame, finding);
    finding_not_measured(finding, "how many are best: some more than cores help where they also wait");
    if (!facts->cores_known || facts->others >= LIMIT_OF(STARVED, OTHERS_MIN))
        finding_not_measured(finding, "how much of the delay is other programs'");
    finding->confidence = by_library ? 0.8 : 0.7;
    snprintf(words->count, sizeof words->count, "%.1f", crowd->wanted);
    if (by_library)
        snprintf(words->reason, sizeof words->reason, "%.0f cores, %zu of them started by %.60s", cores,
                 crowd->n_helpers, facts->native_top.name);
    else
        snprintf(words->reason, sizeof words->reason, "%.0f cores, in %zu processes", cores, crowd->n_processes);
    return true;
}
