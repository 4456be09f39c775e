#include "data/counter_sums.h"

#include <math.h>
#include <string.h>

struct last {
    double value[COUNTER_KIND_COUNT];
    double inside[COUNTER_KIND_COUNT]; /* of children that are in `value` */
    uint64_t time_ns;                  /* until when children that ended are: its last reading, or its end */
    bool in_parent;
};

static bool with_children(int kind)
{
    return kind == COUNTER_READ_BYTES || kind == COUNTER_WRITE_BYTES || kind == COUNTER_READ_CALLS ||
           kind == COUNTER_WRITE_CALLS;
}

static void read_last(const struct profile *profile, struct last *last, struct counter_sums *sums)
{
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        if (counter->kind >= COUNTER_KIND_COUNT || counter_of_core(counter->kind) ||
            counter->subject >= profile->n_processes)
            continue;
        struct last *of = &last[counter->subject];
        of->value[counter->kind] = fmax(of->value[counter->kind], (double)counter->value);
        if (counter->time_ns > of->time_ns)
            of->time_ns = counter->time_ns;
        sums->any[counter->kind] = true;
    }
    for (size_t i = 1; i < profile->n_processes; i++) { /* parents come first: they were there before */
        const struct process *process = &profile->processes[i];
        last[i].in_parent = process->parent != 0 && process->parent < i && process->end_ns != 0 &&
                            process->end_ns <= last[process->parent].time_ns;
        if (last[i].in_parent)
            last[i].time_ns = process->end_ns;
    }
}

int counter_sums_of(const struct profile *profile, struct counter_sums *sums)
{
    struct last *last = mem_zalloc(profile->n_processes + 1, sizeof *last);
    memset(sums, 0, sizeof *sums);
    if (last == NULL)
        return ERR_NOMEM;
    read_last(profile, last, sums);
    for (size_t i = profile->n_processes; i-- > 0;) {
        struct last *parent = last[i].in_parent ? &last[profile->processes[i].parent] : NULL;
        for (int kind = 0; kind < COUNTER_KIND_COUNT; kind++) {
            double *sum = &sums->sum[kind], value = last[i].value[kind];
            if (with_children(kind)) {
                value = fmax(value, last[i].inside[kind]); /* nobody waited for them, or its own was not read */
                sum = parent != NULL ? &parent->inside[kind] : sum;
            }
            *sum = kind == COUNTER_THROTTLED ? fmax(*sum, value) : *sum + value;
        }
    }
    mem_free(last);
    return 0;
}
