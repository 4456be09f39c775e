/* Samples with any counters: their weights must be finite, never negative, and add up to the thread's time and run. */
#include "data/profile_private.h"
#include "fuzz.h"

#include <math.h>
#include <string.h>

enum { ROWS_MAX = 200 };

struct input {
    const uint8_t *at, *end;
};

static uint64_t take(struct input *input, size_t bytes)
{
    uint64_t value = 0;
    for (; bytes > 0; bytes--)
        value = value << 8 | (input->at < input->end ? *input->at++ : 0);
    return value;
}

/* Up to about three seconds, short and long ones alike. */
static uint64_t take_units(struct input *input)
{
    uint64_t value = take(input, 2);
    return value & 1 ? value * 5 : value >> 8;
}

static size_t take_rows(struct input *input, struct chunk_row *rows)
{
    size_t count = 0;
    uint64_t time = 0;
    while (count < ROWS_MAX && input->at < input->end) {
        time += take_units(input);
        rows[count++] = (struct chunk_row){.time = time,
                                           .run = take_units(input),
                                           .delay = take_units(input) / 4,
                                           .thread = 1,
                                           .ticks = (uint32_t)take(input, 1) + 1,
                                           .state = (uint8_t)(take(input, 1) % STATE_COUNT)};
    }
    return count;
}

static void check(const struct profile *profile, const struct chunk_row *rows, size_t count)
{
    const struct profile_samples *samples = &profile->samples;
    const struct thread *thread = &profile->threads[1];
    double wall = 0, cpu = 0, run = 0, delay = 0;
    uint64_t last = 0, on_ticks = 0;
    for (size_t i = 0; i < samples->count; i++) {
        MUST(isfinite(samples->wall_ns[i]) && isfinite(samples->cpu_ns[i]));
        MUST(samples->wall_ns[i] >= 0 && samples->cpu_ns[i] >= 0);
        MUST(samples->time_ns[i] >= last);
        last = samples->time_ns[i];
        wall += samples->wall_ns[i];
        cpu += samples->cpu_ns[i];
    }
    for (size_t i = 0; i < count; i++) {
        run += (double)(rows[i].run * CHUNK_UNIT_NS);
        delay += (double)(rows[i].delay * CHUNK_UNIT_NS);
        on_ticks += state_on_cpu((enum state)rows[i].state) ? rows[i].ticks : 0;
    }
    uint64_t end = thread->end_ns != 0 ? thread->end_ns : profile->duration_ns, start = thread->start_ns;
    uint64_t seen = count > 0 ? chunk_row_ns(&rows[count - 1]) : start;
    end = end < seen ? seen : end;
    start = count > 0 && chunk_row_ns(&rows[0]) < start ? chunk_row_ns(&rows[0]) : start;
    double life = end > start ? (double)(end - start) : 0;
    MUST(fabs(wall - life) <= 1 + life * 1e-9);
    double total = (double)thread->run_ns > run ? (double)thread->run_ns : run;
    bool counted = total > 0 || delay > 0 || thread->delay_ns > 0;
    MUST(!counted || fabs(cpu - total) <= 1 + total * 1e-9);
    MUST(counted || on_ticks > 0 || cpu == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    struct chunk_row rows[ROWS_MAX];
    struct thread threads[2] = {{0}};
    threads[1] = (struct thread){.start_ns = take_units(&input) * CHUNK_UNIT_NS,
                                 .end_ns = take_units(&input) * CHUNK_UNIT_NS,
                                 .run_ns = take_units(&input) * CHUNK_UNIT_NS,
                                 .delay_ns = take_units(&input) * CHUNK_UNIT_NS};
    struct profile *profile = mem_zalloc(1, sizeof(*profile));
    MUST(profile != NULL);
    profile->threads = threads;
    profile->n_threads = 2;
    profile->duration_ns = take_units(&input) * CHUNK_UNIT_NS;
    bool sums = (take(&input, 1) & 1) != 0;
    size_t count = take_rows(&input, rows);
    struct weighing *weighing = weighing_new(profile, sums ? 0 : ROWS_MAX);
    MUST(weighing != NULL);
    weighing_count(weighing, &(struct chunk_group){1, (uint32_t)count});
    if (weighing_asks(weighing, 1))
        weighing_look(weighing, rows, count);
    MUST(weighing_add(weighing, rows, count) == 0);
    MUST(weighing_end(weighing) == 0);
    weighing_free(weighing);
    check(profile, rows, count);
    profile->threads = NULL; /* ours */
    profile_free(profile);
    return 0;
}
