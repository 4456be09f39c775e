/* Memory that was asked for: the rows of the table `allocation`, written and read. */
#include "base/mem.h"
#include "data/profile_private.h"
#include "data/recording_private.h"

enum { ALLOCATIONS_MAX = 1 << 20 };

void recording_add_allocation(struct recording *recording, const struct allocation *allocation)
{
    if (recording->failure.code != 0 || allocation->process == 0 || allocation->process > recording->n_processes ||
        allocation->stack > recording->n_stacks)
        return;
    sqlite3_stmt *statement = recording_statement(recording, STATEMENT_ALLOCATION);
    if (statement == NULL)
        return;
    const int64_t numbers[] = {allocation->process, allocation->stack,       allocation->blocks,
                               allocation->bytes,   allocation->most_blocks, allocation->most_bytes};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sqlite3_bind_int64(statement, (int)i + 1, numbers[i]);
    recording_step(recording, statement);
}

/* Of a program that writes into its counts, no number is to be believed. */
static int64_t sound(int64_t value, int64_t most)
{
    return value < 0 ? 0 : value < most ? value : most;
}

static int read_row(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    int64_t numbers[6];
    for (int i = 0; i < 6; i++)
        numbers[i] = sqlite3_column_int64(statement, i);
    if (numbers[0] <= 0 || numbers[0] >= (int64_t)profile->n_processes || numbers[1] < 0 ||
        (numbers[1] != 0 && numbers[1] >= (int64_t)profile->n_stacks))
        return loader_corrupt(loader, "memory that was asked for is not what it should be");
    if (profile->n_allocations >= ALLOCATIONS_MAX)
        return 0;
    if (mem_grow(&profile->allocations, &profile->allocation_capacity, profile->n_allocations + 1,
                 sizeof *profile->allocations) != 0)
        return loader_no_memory(loader);
    int64_t blocks = sound(numbers[2], INT64_MAX / ALLOCATIONS_MAX);
    int64_t bytes = sound(numbers[3], INT64_MAX / ALLOCATIONS_MAX);
    profile->allocations[profile->n_allocations++] = (struct allocation){
        (uint32_t)numbers[0], (uint32_t)numbers[1], blocks, bytes, sound(numbers[4], blocks), sound(numbers[5], bytes)};
    return 0;
}

int profile_read_allocations(struct loader *loader)
{
    return loader_each(loader,
                       "SELECT process, stack, blocks, bytes, most_blocks, most_bytes FROM allocation"
                       " ORDER BY stack, process",
                       read_row);
}
