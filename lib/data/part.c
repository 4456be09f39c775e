/* See part.h. One pass over threads, processes, counters and samples each. */
#include "data/part.h"

#include "base/buf.h"
#include "base/map.h"

#include <math.h>
#include <string.h>

struct parter {
    const struct profile *whole;
    const struct part_of *of;
    struct profile *part;
    uint64_t from_ns, to_ns;       /* the stretch, within the recording */
    uint32_t *process_id, *thread; /* by the whole's ids: those of the part; 0: not in it */
};

bool part_wanted(const struct part_of *of)
{
    return of->process != 0 || of->thread != 0 || of->from_ns != 0 || of->to_ns != 0;
}

static uint64_t shifted(const struct parter *parter, uint64_t time_ns)
{
    uint64_t within = time_ns < parter->from_ns ? parter->from_ns : time_ns > parter->to_ns ? parter->to_ns : time_ns;
    return within - parter->from_ns;
}

/* An end behind the part's is none: it went on. */
static uint64_t shifted_end(const struct parter *parter, uint64_t end_ns)
{
    return end_ns == 0 || end_ns > parter->to_ns ? 0 : shifted(parter, end_ns);
}

static bool lives(const struct parter *parter, uint64_t start_ns, uint64_t end_ns)
{
    return start_ns <= parter->to_ns && (end_ns == 0 || end_ns >= parter->from_ns);
}

static bool cut_in_time(const struct parter *parter)
{
    return parter->of->from_ns != 0 || parter->of->to_ns != 0;
}

static void take_processes(struct parter *parter)
{
    const struct part_of *of = parter->of;
    struct profile *part = parter->part;
    uint32_t process = of->thread != 0 ? parter->whole->threads[of->thread].process : of->process;
    part->n_processes = 1;
    for (uint32_t i = 1; i < parter->whole->n_processes; i++) {
        const struct process *row = &parter->whole->processes[i];
        if ((process != 0 && process != i) || !lives(parter, row->start_ns, row->end_ns))
            continue;
        parter->process_id[i] = (uint32_t)part->n_processes;
        part->processes[part->n_processes] = *row;
        part->processes[part->n_processes].start_ns = shifted(parter, row->start_ns);
        part->processes[part->n_processes++].end_ns = shifted_end(parter, row->end_ns);
    }
    for (size_t i = 1; i < part->n_processes; i++)
        part->processes[i].parent = parter->process_id[part->processes[i].parent];
}

static void take_threads(struct parter *parter)
{
    const struct part_of *of = parter->of;
    struct profile *part = parter->part;
    part->n_threads = 1;
    for (uint32_t i = 1; i < parter->whole->n_threads; i++) {
        const struct thread *row = &parter->whole->threads[i];
        if ((of->thread != 0 && of->thread != i) || (of->process != 0 && of->process != row->process) ||
            !lives(parter, row->start_ns, row->end_ns))
            continue;
        parter->thread[i] = (uint32_t)part->n_threads;
        struct thread *made = &part->threads[part->n_threads];
        *made = *row;
        made->process = parter->process_id[row->process];
        made->start_ns = shifted(parter, row->start_ns);
        made->end_ns = shifted_end(parter, row->end_ns);
        part->thread_idle[part->n_threads++] = parter->whole->thread_idle[i] && of->thread != i;
    }
}

/* The share of entry `i` that lies in the part: all or nothing for an instant, what overlaps for many of them. */
static double share_inside(const struct parter *parter, size_t i)
{
    const struct profile_samples *samples = &parter->whole->samples;
    uint32_t thread = samples->thread[i];
    uint64_t to = samples->time_ns[i], from = parter->whole->threads[thread].start_ns;
    if (i > 0 && samples->thread[i - 1] == thread)
        from = samples->time_ns[i - 1];
    bool last = parter->to_ns >= parter->whole->duration_ns;
    if (samples->ticks[i] <= 1 || from >= to)
        return to >= parter->from_ns && (to < parter->to_ns || last) ? 1 : 0;
    uint64_t begin = from > parter->from_ns ? from : parter->from_ns, end = to;
    if (to > parter->to_ns && !last)
        end = parter->to_ns;
    return end > begin ? (double)(end - begin) / (double)(to - from) : 0;
}

static void take_sample(struct parter *parter, size_t i, double share)
{
    const struct profile_samples *from = &parter->whole->samples;
    struct profile_samples *to = &parter->part->samples;
    size_t n = to->count++;
    to->time_ns[n] = shifted(parter, from->time_ns[i]);
    to->thread[n] = parter->thread[from->thread[i]];
    to->stack[n] = from->stack[i];
    to->ticks[n] = (uint32_t)lround(share * from->ticks[i]);
    to->wall_ns[n] = share * from->wall_ns[i];
    to->cpu_ns[n] = share * from->cpu_ns[i];
    to->state[n] = from->state[i];
    to->marks[n] = from->marks[i];
    to->reader[n] = from->reader[i];
    to->place[n] = from->place[i];
    if (from->task != NULL)
        to->task[n] = from->task[i];
}

/* Totals of the threads and who idled all along, as the samples of the stretch have them. */
static void sum_threads(struct parter *parter)
{
    struct profile *part = parter->part;
    const struct profile_samples *samples = &part->samples;
    double run = 0, delay = 0;
    for (size_t i = 0; i < samples->count;) {
        uint32_t thread = samples->thread[i];
        bool idle = parter->of->thread == 0;
        for (run = delay = 0; i < samples->count && samples->thread[i] == thread; i++) {
            run += samples->cpu_ns[i];
            delay += samples->state[i] == STATE_RUNNABLE ? samples->wall_ns[i] : 0;
            idle = idle && samples->state[i] == STATE_IDLE;
        }
        part->threads[thread].run_ns = (uint64_t)llround(run);
        part->threads[thread].delay_ns = (uint64_t)llround(delay);
        part->thread_idle[thread] = part->thread_idle[thread] || idle;
    }
}

static void take_samples(struct parter *parter)
{
    bool cut = cut_in_time(parter);
    for (size_t i = 0; i < parter->whole->samples.count; i++) {
        uint32_t thread = parter->whole->samples.thread[i];
        double share = parter->thread[thread] == 0 ? 0 : cut ? share_inside(parter, i) : 1;
        if (share > 0)
            take_sample(parter, i, share);
    }
    for (size_t i = 1; cut && i < parter->part->n_threads; i++)
        parter->part->threads[i].run_ns = parter->part->threads[i].delay_ns = 0;
    if (cut)
        sum_threads(parter);
}

/* Where cumulative counters stood when the part began. */
struct bases {
    struct map index; /* (subject, kind) → index of values */
    int64_t *values;
    size_t count, capacity;
};

static int64_t *base_of(struct bases *bases, const struct counter *counter)
{
    uint32_t key[] = {counter->subject, counter->kind}, index;
    bool found;
    if (map_put(&bases->index, key, sizeof key, (uint32_t)bases->count, &index, &found) != 0 ||
        mem_grow(&bases->values, &bases->capacity, (size_t)index + 1, sizeof *bases->values) != 0)
        return NULL;
    if (!found)
        bases->values[bases->count++] = 0;
    return &bases->values[index];
}

static bool counter_wanted(const struct parter *parter, const struct counter *counter)
{
    if (counter->time_ns > parter->to_ns || (cut_in_time(parter) && counter->kind == COUNTER_PEAK_RSS))
        return false;
    if (counter->kind == COUNTER_CORE_USED || counter->kind == COUNTER_CORE_DELAY) /* of all its threads together */
        return parter->of->thread == 0 && parter->of->process == 0;
    return counter->kind == COUNTER_CORE_BUSY ||
           (parter->of->thread == 0 && counter->subject < parter->whole->n_processes &&
            parter->process_id[counter->subject] != 0);
}

static int take_counters(struct parter *parter)
{
    struct profile *part = parter->part;
    struct bases bases = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < parter->whole->n_counters; i++) {
        struct counter counter = parter->whole->counters[i];
        if (!counter_wanted(parter, &counter))
            continue;
        int64_t none = 0, *base = counter_cumulative(counter.kind) ? base_of(&bases, &counter) : &none;
        if (base == NULL) {
            rc = ERR_NOMEM;
        } else if (counter.time_ns < parter->from_ns) {
            *base = counter.value;
        } else {
            counter.value -= *base;
            counter.time_ns -= parter->from_ns;
            counter.subject = counter_of_core(counter.kind) ? counter.subject : parter->process_id[counter.subject];
            part->counters[part->n_counters++] = counter;
        }
    }
    map_release(&bases.index);
    mem_free(bases.values);
    return rc;
}

/* Every report of the part begins its notes with what it is of. */
static int add_note(struct parter *parter)
{
    const struct part_of *of = parter->of;
    const struct profile *whole = parter->whole;
    struct buf text = {0};
    size_t n = 0;
    while (whole->notes != NULL && whole->notes[n] != NULL)
        n++;
    buf_add_text(&text, "a part of the recording:");
    if (of->process != 0)
        buf_printf(&text, " process %d,", whole->processes[of->process].pid);
    if (of->thread != 0)
        buf_printf(&text, " thread %d,", whole->threads[of->thread].tid);
    buf_printf(&text, " %.3f s to %.3f s; losses and our own cost are the whole recording's",
               (double)parter->from_ns / 1e9, (double)parter->to_ns / 1e9);
    char *note = mem_strdup(buf_text(&text));
    parter->part->notes = mem_zalloc(n + 2, sizeof *parter->part->notes);
    if (text.failed || note == NULL || parter->part->notes == NULL) {
        mem_free(note);
        note = NULL;
    } else {
        parter->part->notes[0] = note;
        memcpy(parter->part->notes + 1, whole->notes, n * sizeof *whole->notes);
    }
    buf_release(&text);
    return note != NULL ? 0 : ERR_NOMEM;
}

/* Room for as much as the whole has. */
static int make_room(struct parter *parter)
{
    const struct profile *whole = parter->whole;
    struct profile *part = parter->part;
    struct profile_samples *samples = &part->samples;
    size_t n = whole->samples.count + 1;
    parter->process_id = mem_zalloc(whole->n_processes, sizeof *parter->process_id);
    parter->thread = mem_zalloc(whole->n_threads, sizeof *parter->thread);
    part->processes = mem_zalloc(whole->n_processes, sizeof *part->processes);
    part->threads = mem_zalloc(whole->n_threads, sizeof *part->threads);
    part->thread_idle = mem_zalloc(whole->n_threads, sizeof *part->thread_idle);
    part->counters = mem_zalloc(whole->n_counters + 1, sizeof *part->counters);
    *samples = (struct profile_samples){
        .time_ns = mem_zalloc(n, sizeof *samples->time_ns),
        .thread = mem_zalloc(n, sizeof *samples->thread),
        .stack = mem_zalloc(n, sizeof *samples->stack),
        .ticks = mem_zalloc(n, sizeof *samples->ticks),
        .wall_ns = mem_zalloc(n, sizeof *samples->wall_ns),
        .cpu_ns = mem_zalloc(n, sizeof *samples->cpu_ns),
        .state = mem_zalloc(n, sizeof *samples->state),
        .marks = mem_zalloc(n, sizeof *samples->marks),
        .reader = mem_zalloc(n, sizeof *samples->reader),
        .place = mem_zalloc(n, sizeof *samples->place),
        .task = whole->samples.task != NULL ? mem_zalloc(n, sizeof *samples->task) : NULL,
    };
    bool all = parter->process_id != NULL && parter->thread != NULL && part->processes != NULL &&
               part->threads != NULL && part->thread_idle != NULL && part->counters != NULL &&
               samples->time_ns != NULL && samples->thread != NULL && samples->stack != NULL &&
               samples->ticks != NULL && samples->wall_ns != NULL && samples->cpu_ns != NULL &&
               samples->state != NULL && samples->marks != NULL && samples->reader != NULL && samples->place != NULL &&
               (samples->task != NULL || whole->samples.task == NULL);
    return all ? 0 : ERR_NOMEM;
}

int part_new(const struct profile *whole, const struct part_of *of, struct profile **result)
{
    struct parter parter = {.whole = whole, .of = of};
    *result = NULL;
    parter.part = mem_alloc(sizeof *parter.part);
    if (parter.part == NULL)
        return ERR_NOMEM;
    *parter.part = *whole;
    parter.part->expressions = NULL; /* they are counted over the whole recording */
    parter.part->n_expressions = 0;
    parter.part->operands = NULL;
    parter.part->n_operands = 0;
    parter.part->lock_holders = NULL;
    parter.part->n_lock_holders = 0;
    parter.part->call_counts = NULL;
    parter.part->n_call_counts = 0;
    parter.part->allocations = NULL;
    parter.part->n_allocations = 0;
    parter.part->task_waits = NULL;
    parter.part->n_task_waits = 0;
    parter.part->gaps = NULL;
    parter.part->n_gaps = 0;
    parter.part->whole = whole;
    parter.part->n_counters = 0;
    parter.part->notes = NULL;
    parter.to_ns = of->to_ns != 0 && of->to_ns < whole->duration_ns ? of->to_ns : whole->duration_ns;
    parter.from_ns = of->from_ns < parter.to_ns ? of->from_ns : parter.to_ns;
    parter.part->duration_ns = parter.to_ns - parter.from_ns;
    parter.part->start_unix_ns += whole->start_unix_ns != 0 ? parter.from_ns : 0;
    int rc = make_room(&parter);
    if (rc == 0)
        rc = add_note(&parter);
    if (rc == 0) {
        take_processes(&parter);
        take_threads(&parter);
        take_samples(&parter);
        rc = take_counters(&parter);
    }
    mem_free(parter.process_id);
    mem_free(parter.thread);
    if (rc != 0)
        part_free(parter.part);
    else
        *result = parter.part;
    return rc;
}

void part_free(struct profile *part)
{
    if (part == NULL)
        return;
    struct profile_samples *samples = &part->samples;
    if (part->notes != NULL)
        mem_free((void *)part->notes[0]);
    void *blocks[] = {(void *)part->notes,
                      part->processes,
                      part->threads,
                      part->thread_idle,
                      part->counters,
                      samples->time_ns,
                      samples->thread,
                      samples->stack,
                      samples->ticks,
                      samples->wall_ns,
                      samples->cpu_ns,
                      samples->state,
                      samples->marks,
                      samples->reader,
                      samples->place,
                      samples->task,
                      part};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        mem_free(blocks[i]);
}
