/* Who held the lock that a place waited for: the rows of the table `lock_holder`, written and read. There are a few
 * looks a second, so each is added to its row in the file. */
#include "data/profile_private.h"
#include "data/recording_private.h"

enum { LOCK_HOLDERS_MAX = 1 << 16 };

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
    sqlite3_bind_int64(statement, 3, holder->thread);
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

bool profile_line_holder(const struct profile *profile, uint32_t file, uint32_t line, struct line_holder *found)
{
    const struct lock_holder *most = NULL;
    *found = (struct line_holder){0};
    for (size_t i = 0; i < profile->n_lock_holders; i++) {
        const struct lock_holder *row = &profile->lock_holders[i];
        if (!waits_at(profile, row, file, line))
            continue;
        found->looks += row->looks;
        if (row->held != 0 && (most == NULL || row->looks > most->looks))
            most = row;
    }
    if (most == NULL)
        return false;
    found->function = profile->frames[most->held].function;
    found->line = profile->frames[most->held].line;
    for (size_t i = 0; i < profile->n_lock_holders; i++) {
        const struct lock_holder *row = &profile->lock_holders[i];
        if (row->held != 0 && profile->frames[row->held].function == found->function &&
            waits_at(profile, row, file, line))
            found->held += row->looks;
    }
    return true;
}
