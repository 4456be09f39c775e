/* How often functions were called: the rows of the table `call_count`, written and read. */
#include "base/mem.h"
#include "data/profile_private.h"
#include "data/recording_private.h"

enum { CALL_COUNTS_MAX = 1 << 20 };

void recording_add_call_count(struct recording *recording, const struct call_count *count)
{
    if (recording->failure.code != 0 || count->process == 0 || count->process > recording->n_processes ||
        count->function == 0 || count->function > recording->n_functions)
        return;
    sqlite3_stmt *statement = recording_statement(recording, STATEMENT_CALL_COUNT);
    if (statement == NULL)
        return;
    const uint64_t numbers[] = {count->process, count->function,  count->calls,    count->told,
                                count->repeats, count->gave_none, count->compared, count->changed};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        recording_bind_u64(statement, (int)i + 1, numbers[i]);
    recording_step(recording, statement);
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

/* Each is a part of one before it: of a program that writes into its counts, no number is to be believed. */
static struct call_count sound(struct call_count count)
{
    count.calls = at_most(count.calls, INT64_MAX);
    count.told = at_most(count.told, count.calls);
    count.repeats = at_most(count.repeats, count.told);
    count.gave_none = at_most(count.gave_none, count.told);
    count.compared = at_most(count.compared, count.repeats);
    count.changed = at_most(count.changed, count.compared);
    return count;
}

static int read_row(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    uint64_t numbers[8];
    for (int i = 0; i < 8; i++)
        numbers[i] = (uint64_t)sqlite3_column_int64(statement, i); /* negative: too large */
    if (numbers[0] == 0 || numbers[0] >= profile->n_processes || numbers[1] == 0 || numbers[1] >= profile->n_functions)
        return loader_corrupt(loader, "a count of calls is not what it should be");
    if (profile->n_call_counts >= CALL_COUNTS_MAX)
        return 0;
    if (mem_grow(&profile->call_counts, &profile->call_count_capacity, profile->n_call_counts + 1,
                 sizeof *profile->call_counts) != 0)
        return loader_no_memory(loader);
    profile->call_counts[profile->n_call_counts++] =
        sound((struct call_count){(uint32_t)numbers[0], (uint32_t)numbers[1], numbers[2], numbers[3], numbers[4],
                                  numbers[5], numbers[6], numbers[7]});
    return 0;
}

int profile_read_call_counts(struct loader *loader)
{
    return loader_each(loader,
                       "SELECT process, function, calls, told, repeats, gave_none, compared, changed FROM call_count"
                       " ORDER BY function, process",
                       read_row);
}

/* The first row of that function or of one behind it. */
static size_t first_of(const struct profile *profile, uint32_t function)
{
    size_t low = 0, high = profile->n_call_counts;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (profile->call_counts[middle].function < function)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct call_count profile_calls_of(const struct profile *profile, uint32_t function)
{
    struct call_count sum = {.function = function};
    for (size_t i = first_of(profile, function);
         i < profile->n_call_counts && profile->call_counts[i].function == function; i++) {
        const struct call_count *one = &profile->call_counts[i];
        sum.calls += one->calls;
        sum.told += one->told;
        sum.repeats += one->repeats;
        sum.gave_none += one->gave_none;
        sum.compared += one->compared;
        sum.changed += one->changed;
    }
    return sum;
}
