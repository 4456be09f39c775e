/*
 * The sums of a recording that is being written, for the views that any SQLite client asks (docs/recording.md): samples
 * by thread, stack and state, and their time, weighed window by window as the reader weighs them (weigher.h). Memory: a
 * window for each thread that lives.
 */
#include "data/recording_private.h"

#include <string.h>

/* A thread's samples may come this late: the recorder's queue is shorter. */
static const uint64_t late_samples_ns = UINT64_C(2000000000);

/* What the file has of a row that was let go. */
static void recall_sum(struct recording *recording, struct stack_sum *sum, const uint32_t *key)
{
    sqlite3_stmt *stored = recording_find(recording, STATEMENT_FIND_SUM, key, 3);
    if (stored != NULL) {
        sum->ticks = (uint64_t)sqlite3_column_int64(stored, 0);
        sum->run_ns = (uint64_t)sqlite3_column_int64(stored, 1);
    }
    sqlite3_reset(stored);
    stored = recording_find(recording, STATEMENT_FIND_TIME, key, 3);
    if (stored != NULL) {
        sum->wall_ns = (double)sqlite3_column_int64(stored, 0);
        sum->cpu_ns = (double)sqlite3_column_int64(stored, 1);
        sum->open_ticks = (uint64_t)sqlite3_column_int64(stored, 2);
    }
    sqlite3_reset(stored);
}

/* The row, marked as changed; NULL when memory is short. */
static struct stack_sum *sum_of(struct recording *recording, uint32_t thread, uint32_t stack, uint32_t state)
{
    uint32_t key[] = {thread, stack, state}, index = 0;
    bool found = false;
    if (map_put(&recording->sum_index, key, sizeof key, (uint32_t)recording->n_sums, &index, &found) != 0 ||
        mem_grow(&recording->sums, &recording->sum_capacity, recording->n_sums + 1, sizeof *recording->sums) != 0 ||
        mem_grow(&recording->dirty_sums, &recording->dirty_capacity, recording->n_dirty + 1,
                 sizeof *recording->dirty_sums) != 0) {
        recording_out_of_memory(recording);
        return NULL;
    }
    struct stack_sum *sum = &recording->sums[index];
    if (!found) {
        *sum = (struct stack_sum){.thread = thread, .stack = stack, .state = state};
        recall_sum(recording, sum, key);
        recording->n_sums++;
    }
    if (!sum->dirty)
        recording->dirty_sums[recording->n_dirty++] = index;
    sum->dirty = true;
    return sum;
}

static int emit(struct weigher *weigher, const struct chunk_row *row, uint32_t ticks, double wall, double cpu)
{
    struct open_window *window = (struct open_window *)weigher;
    struct stack_sum *sum = sum_of(window->recording, window->thread, row->stack, row->state);
    if (sum == NULL)
        return ERR_NOMEM;
    sum->open_ticks -= ticks;
    sum->wall_ns += wall;
    sum->cpu_ns += cpu;
    if (ticks > 0 && state_on_cpu((enum state)row->state)) {
        window->ran = true;
        window->last_stack = row->stack;
        window->last_state = row->state;
    }
    return 0;
}

static bool add_cpu(struct weigher *weigher, double cpu)
{
    struct open_window *window = (struct open_window *)weigher;
    if (!window->ran)
        return false;
    struct stack_sum *sum = sum_of(window->recording, window->thread, window->last_stack, window->last_state);
    if (sum != NULL)
        sum->cpu_ns += cpu;
    return true;
}

static void open_window(struct open_window *window, struct recording *recording, uint32_t thread, uint64_t start_ns)
{
    *window = (struct open_window){.recording = recording, .thread = thread, .start_ns = start_ns};
    window->weigher.emit = emit;
    window->weigher.add_cpu = add_cpu;
}

static bool is_counted(const struct recorded_thread *thread)
{
    return thread->run_ns >= CHUNK_UNIT_NS || thread->delay_ns >= CHUNK_UNIT_NS || thread->thread.run_ns > 0 ||
           thread->thread.delay_ns > 0;
}

static void add_to_window(struct recording *recording, const struct chunk_row *row)
{
    struct recorded_thread *thread = &recording->threads[row->thread - 1];
    struct open_window *window = thread->window;
    if (thread->weighed)
        return;
    if (window == NULL) {
        window = thread->window = mem_alloc(sizeof *window);
        if (window == NULL) {
            recording_out_of_memory(recording);
            return;
        }
        uint64_t first_ns = chunk_row_ns(row), start_ns = thread->thread.start_ns;
        open_window(window, recording, row->thread, first_ns < start_ns ? first_ns : start_ns);
    }
    if (!weigher_holds(window->count, window->start_ns, row->time)) {
        window->weigher.counted = window->weigher.counted || is_counted(thread);
        weigher_window(&window->weigher, window->rows, window->count, window->start_ns, &window->start_ns);
        window->count = 0;
    }
    window->rows[window->count++] = *row;
}

void recording_sum_sample(struct recording *recording, const struct sample *sample, const struct chunk_row *row)
{
    struct stack_sum *sum = sum_of(recording, sample->thread, sample->stack, sample->state);
    if (sum == NULL)
        return;
    sum->ticks += sample->ticks;
    sum->run_ns += sample->run_ns;
    sum->open_ticks += sample->ticks;
    add_to_window(recording, row);
}

/* `last_ns`: the recording's end where it is known, which cuts what is said to end behind it; 0: not known yet. */
static void weigh_to_end(struct recording *recording, uint32_t id, uint64_t last_ns)
{
    struct recorded_thread *thread = &recording->threads[id - 1];
    struct open_window none, *window = thread->window;
    uint64_t end_ns = thread->thread.end_ns != 0 ? thread->thread.end_ns : last_ns;
    uint64_t start_ns = thread->thread.start_ns;
    if (last_ns != 0) {
        end_ns = end_ns < last_ns ? end_ns : last_ns;
        start_ns = start_ns < last_ns ? start_ns : last_ns;
    }
    if (window == NULL) {
        window = &none;
        open_window(window, recording, id, start_ns);
    }
    uint64_t last_sample_ns = window->count > 0 ? chunk_row_ns(&window->rows[window->count - 1]) : start_ns;
    struct weigher_end end = {.start_ns = window->start_ns,
                              .end_ns = end_ns < last_sample_ns ? last_sample_ns : end_ns,
                              .known_end_ns = thread->thread.end_ns,
                              .run_ns = thread->thread.run_ns,
                              .delay_ns = thread->thread.delay_ns,
                              .sampled_run_ns = thread->run_ns / CHUNK_UNIT_NS * CHUNK_UNIT_NS,
                              .sampled_delay_ns = thread->delay_ns / CHUNK_UNIT_NS * CHUNK_UNIT_NS};
    window->weigher.counted = window->weigher.counted || is_counted(thread);
    weigher_end(&window->weigher, window->rows, window->count, &end);
    mem_free(thread->window);
    thread->window = NULL;
    thread->weighed = true;
}

void recording_weigh_ended(struct recording *recording, uint64_t now_ns)
{
    for (size_t i = 0; i < recording->n_threads && !recording->whole_or_nothing; i++) {
        const struct recorded_thread *thread = &recording->threads[i];
        if (thread->window != NULL && thread->thread.end_ns != 0 && thread->thread.end_ns + late_samples_ns <= now_ns &&
            recording->failure.code == 0)
            weigh_to_end(recording, (uint32_t)i + 1, 0);
    }
}

void recording_weigh_all(struct recording *recording, uint64_t duration_ns)
{
    for (size_t i = 0; i < recording->n_threads && recording->failure.code == 0; i++) {
        if (!recording->threads[i].weighed)
            weigh_to_end(recording, (uint32_t)i + 1, duration_ns);
    }
}
