/* Who held the lock that a place waited for: the rows of the table `lock_holder`, written and read. There are a few
 * looks a second, so each is added to its row in the file. Threads may come and go for ever, each of another name:
 * after many looks they are not told apart. */
#include "base/mem.h"
#include "data/profile_private.h"
#include "data/recording_private.h"

enum { LOCK_HOLDERS_MAX = 1 << 16, NAMED_LOOKS_MAX = 1 << 14 };

void recording_add_lock_holder(struct recording *recording, const struct lock_holder *holder)
{
    if (recording->failure.code != 0 || holder->frame == 0 || holder->frame > recording->n_frames ||
        holder->held > recording->n_frames || holder->thread > recording->n_strings)
        return;
    sqlite3_stmt *statement = recording_statement(recording, STATEMENT_LOCK_HOLDER);
    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, holder->frame);
    sqlite3_bind_int64(statement, 2, holder->held);
    sqlite3_bind_int64(statement, 3, recording->n_lock_looks++ < NAMED_LOOKS_MAX ? holder->thread : 0);
    recording_bind_u64(statement, 4, holder->looks);
    recording_step(recording, statement);
}

int profile_read_lock_holder(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    sqlite3_int64 frame = sqlite3_column_int64(statement, 0), held = sqlite3_column_int64(statement, 1);
    sqlite3_int64 thread = sqlite3_column_int64(statement, 2), looks = sqlite3_column_int64(statement, 3);
    if (frame <= 0 || (uint64_t)frame >= profile->n_frames || held < 0 || (uint64_t)held >= profile->n_frames ||
        thread < 0 || (uint64_t)thread >= profile->n_strings || looks < 0 || looks > UINT32_MAX)
        return loader_corrupt(loader, "the holder of a lock is not what it should be");
    if (profile->n_lock_holders >= LOCK_HOLDERS_MAX)
        return 0;
    if (mem_grow(&profile->lock_holders, &profile->lock_holder_capacity, profile->n_lock_holders + 1,
                 sizeof *profile->lock_holders) != 0)
        return loader_no_memory(loader);
    profile->lock_holders[profile->n_lock_holders++] =
        (struct lock_holder){(uint32_t)frame, (uint32_t)held, (uint32_t)thread, (uint64_t)looks};
    return 0;
}

static bool waits_at(const struct profile *profile, const struct lock_holder *row, uint32_t file, uint32_t line)
{
    const struct frame *frame = &profile->frames[row->frame];
    return frame->line == line && profile->functions[frame->function].file == file;
}

/* What holds in most looks, of one table of functions or frames: the index, 0: none. */
static uint32_t most_of(const uint64_t *looks, size_t n)
{
    size_t most = 0;
    for (size_t i = 1; i < n; i++)
        most = looks[i] > looks[most] ? i : most;
    return (uint32_t)most;
}

bool profile_line_holder(const struct profile *profile, uint32_t file, uint32_t line, struct line_holder *found)
{
    *found = (struct line_holder){0};
    if (profile->n_lock_holders == 0)
        return false;
    uint64_t *functions = mem_zalloc(profile->n_functions + 1, sizeof *functions);
    uint64_t *frames = mem_zalloc(profile->n_frames + 1, sizeof *frames);
    for (size_t i = 0; functions != NULL && frames != NULL && i < profile->n_lock_holders; i++) {
        const struct lock_holder *row = &profile->lock_holders[i];
        if (!waits_at(profile, row, file, line))
            continue;
        found->looks += row->looks;
        if (row->held != 0)
            functions[profile->frames[row->held].function] += row->looks;
    }
    uint32_t most = functions != NULL && frames != NULL ? most_of(functions, profile->n_functions) : 0;
    for (size_t i = 0; most != 0 && i < profile->n_lock_holders; i++) {
        const struct lock_holder *row = &profile->lock_holders[i];
        if (row->held != 0 && profile->frames[row->held].function == most && waits_at(profile, row, file, line))
            frames[row->held] += row->looks;
    }
    if (most != 0) {
        found->function = most;
        found->held = functions[most];
        found->line = profile->frames[most_of(frames, profile->n_frames)].line;
    }
    mem_free(functions);
    mem_free(frames);
    return most != 0;
}
