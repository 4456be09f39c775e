#include "diagnose/unfollowed.h"

#include "base/err.h"
#include "base/mem.h"

#include <math.h>

static const double tell_ns = 1e8; /* the kernel counts in ticks of 10 ms; ten tell something */

struct used {
    double user_ns, system_ns; /* as the kernel counted them for the process */
    double run_ns;             /* of its followed threads */
};

int unfollowed_part(const struct profile *profile, double *part)
{
    double counted_ns = 0, left_ns = 0;
    struct used *used = mem_zalloc(profile->n_processes, sizeof *used);
    *part = 0;
    if (used == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->kind == COUNTER_USER_TIME && counter->subject < profile->n_processes)
            used[counter->subject].user_ns = fmax(used[counter->subject].user_ns, (double)counter->value);
        if (counter->kind == COUNTER_SYSTEM_TIME && counter->subject < profile->n_processes)
            used[counter->subject].system_ns = fmax(used[counter->subject].system_ns, (double)counter->value);
    }
    for (size_t i = 1; i < profile->n_threads; i++)
        if (profile->threads[i].process < profile->n_processes)
            used[profile->threads[i].process].run_ns += (double)profile->threads[i].run_ns;
    for (size_t i = 1; i < profile->n_processes; i++) {
        double one_ns = used[i].user_ns + used[i].system_ns;
        if (profile->processes[i].python == 0)
            continue;
        counted_ns += one_ns;
        left_ns += one_ns > used[i].run_ns + tell_ns ? one_ns - used[i].run_ns : 0;
    }
    mem_free(used);
    *part = counted_ns > 0 ? left_ns / counted_ns : 0;
    return 0;
}
