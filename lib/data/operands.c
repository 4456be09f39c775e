/*
 * What instructions worked on: the rows of the table `operand`, written and read. A row sums the looks at one place,
 * operation, side and type, so that there are no more of them than places and types.
 */
#include "data/profile_private.h"
#include "data/recording_private.h"

#include <string.h>

enum { OPERANDS_MAX = 1 << 16, SHAPES_MAX = 1 << 12 };

/* What the file has of a row that was let go. */
static void recall(struct recording *recording, struct operand *operand, const uint32_t *key)
{
    sqlite3_stmt *stored = recording_find(recording, STATEMENT_FIND_OPERAND, key, 4);
    if (stored != NULL) {
        operand->looks = (uint64_t)sqlite3_column_int64(stored, 0);
        operand->sized = (uint64_t)sqlite3_column_int64(stored, 1);
        operand->least = sqlite3_column_int64(stored, 2);
        operand->most = sqlite3_column_int64(stored, 3);
        operand->first = sqlite3_column_int64(stored, 4);
        operand->latest = sqlite3_column_int64(stored, 5);
        operand->total = sqlite3_column_int64(stored, 6);
    }
    sqlite3_reset(stored);
}

static struct recorded_operand *find_operand(struct recording *recording, const struct operand *operand)
{
    uint32_t key[] = {operand->frame, operand->operation, operand->type, operand->slot}, index = 0;
    bool found = false;
    if (recording->failure.code != 0 || operand->frame == 0 || operand->frame > recording->n_frames ||
        operand->operation == 0 || operand->operation > recording->n_strings || operand->type == 0 ||
        operand->type > recording->n_strings || operand->shape > recording->n_strings ||
        recording->n_operands >= OPERANDS_MAX)
        return NULL;
    if (map_put(&recording->operand_index, key, sizeof key, (uint32_t)recording->n_operands, &index, &found) != 0 ||
        mem_grow(&recording->operands, &recording->operand_capacity, recording->n_operands + 1,
                 sizeof *recording->operands) != 0) {
        recording_out_of_memory(recording);
        return NULL;
    }
    struct recorded_operand *row = &recording->operands[index];
    if (!found) {
        *row = (struct recorded_operand){.operand = *operand};
        row->operand.looks = row->operand.sized = 0;
        row->operand.total = 0;
        recall(recording, &row->operand, key);
        recording->n_operands++;
    }
    row->dirty = true;
    return row;
}

void recording_merge_operand(struct recording *recording, const struct operand *operand)
{
    struct recorded_operand *row = find_operand(recording, operand);
    if (row == NULL)
        return;
    struct operand *sum = &row->operand;
    sum->looks += operand->looks;
    sum->shape = operand->shape != 0 ? operand->shape : sum->shape;
    if (operand->sized == 0)
        return;
    sum->least = sum->sized == 0 || operand->least < sum->least ? operand->least : sum->least;
    sum->most = sum->sized == 0 || operand->most > sum->most ? operand->most : sum->most;
    sum->first = sum->sized == 0 ? operand->first : sum->first;
    sum->latest = operand->latest;
    if (__builtin_add_overflow(sum->total, operand->total, &sum->total))
        sum->total = INT64_MAX;
    sum->sized += operand->sized;
}

void recording_add_operand(struct recording *recording, const struct operand *operand, int64_t length)
{
    struct operand one = *operand;
    one.sized = length >= 0 ? operand->looks : 0;
    one.least = one.most = one.first = one.latest = length >= 0 ? length : 0;
    one.total = one.least * (int64_t)one.sized;
    recording_merge_operand(recording, &one);
}

static void write_shape(struct recording *recording, const struct operand *operand)
{
    sqlite3_stmt *statement = operand->shape != 0 ? recording_statement(recording, STATEMENT_SHAPE) : NULL;
    if (statement == NULL)
        return;
    sqlite3_bind_int64(statement, 1, operand->frame);
    sqlite3_bind_int64(statement, 2, operand->operation);
    sqlite3_bind_int64(statement, 3, operand->slot);
    sqlite3_bind_int64(statement, 4, operand->type);
    sqlite3_bind_int64(statement, 5, operand->shape);
    recording_step(recording, statement);
}

void recording_write_operands(struct recording *recording)
{
    for (size_t i = 0; i < recording->n_operands; i++) {
        struct recorded_operand *row = &recording->operands[i];
        sqlite3_stmt *statement = row->dirty ? recording_statement(recording, STATEMENT_OPERAND) : NULL;
        if (statement == NULL)
            continue;
        const struct operand *operand = &row->operand;
        sqlite3_bind_int64(statement, 1, operand->frame);
        sqlite3_bind_int64(statement, 2, operand->operation);
        sqlite3_bind_int64(statement, 3, operand->slot);
        sqlite3_bind_int64(statement, 4, operand->type);
        recording_bind_u64(statement, 5, operand->looks);
        recording_bind_u64(statement, 6, operand->sized);
        sqlite3_bind_int64(statement, 7, operand->least);
        sqlite3_bind_int64(statement, 8, operand->most);
        sqlite3_bind_int64(statement, 9, operand->first);
        sqlite3_bind_int64(statement, 10, operand->latest);
        sqlite3_bind_int64(statement, 11, operand->total);
        row->dirty = !recording_step(recording, statement);
        write_shape(recording, operand);
    }
}

static bool read_id(sqlite3_stmt *statement, int column, size_t limit, uint32_t *id)
{
    sqlite3_int64 value = sqlite3_column_int64(statement, column);
    *id = value > 0 && (uint64_t)value < limit ? (uint32_t)value : 0;
    return *id != 0;
}

static int64_t read_count(sqlite3_stmt *statement, int column)
{
    sqlite3_int64 value = sqlite3_column_int64(statement, column);
    return value > 0 ? value : 0;
}

int profile_read_operand(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    struct operand row = {.looks = (uint64_t)read_count(statement, 4), .sized = (uint64_t)read_count(statement, 5)};
    sqlite3_int64 slot = sqlite3_column_int64(statement, 2);
    if (!read_id(statement, 0, profile->n_frames, &row.frame) ||
        !read_id(statement, 1, profile->n_strings, &row.operation) ||
        !read_id(statement, 3, profile->n_strings, &row.type) || slot < 0 || slot > 1 || row.sized > row.looks ||
        row.looks > UINT32_MAX)
        return loader_corrupt(loader, "what an instruction worked on names something that is not there");
    if (profile->n_operands >= OPERANDS_MAX)
        return 0;
    row.slot = (uint8_t)slot;
    row.least = read_count(statement, 6);
    row.most = read_count(statement, 7);
    row.first = read_count(statement, 8);
    row.latest = read_count(statement, 9);
    row.total = read_count(statement, 10);
    if (mem_grow(&profile->operands, &profile->operand_capacity, profile->n_operands + 1, sizeof row) != 0)
        return loader_no_memory(loader);
    profile->operands[profile->n_operands++] = row;
    return 0;
}

int profile_read_shape(struct loader *loader, sqlite3_stmt *statement)
{
    struct profile *profile = loader->profile;
    struct operand row = {0};
    sqlite3_int64 slot = sqlite3_column_int64(statement, 2);
    if (!read_id(statement, 0, profile->n_frames, &row.frame) ||
        !read_id(statement, 1, profile->n_strings, &row.operation) ||
        !read_id(statement, 3, profile->n_strings, &row.type) || !read_id(statement, 4, profile->n_strings, &row.shape))
        return loader_corrupt(loader, "the shape of an array names something that is not there");
    for (size_t i = 0; i < profile->n_operands && loader->n_shapes < SHAPES_MAX; i++) {
        struct operand *one = &profile->operands[i];
        if (one->frame == row.frame && one->operation == row.operation && one->type == row.type && one->slot == slot)
            one->shape = row.shape;
    }
    loader->n_shapes++;
    return 0;
}

static bool is_at(const struct profile *profile, const struct operand *one, uint32_t file, uint32_t line,
                  const char *operation, int slot)
{
    const struct frame *frame = &profile->frames[one->frame];
    return one->slot == slot && frame->line == line && profile->functions[frame->function].file == file &&
           strcmp(profile->strings[one->operation], operation) == 0;
}

bool profile_line_operand(const struct profile *profile, uint32_t file, uint32_t line, const char *operation, int slot,
                          struct line_operand *found)
{
    const struct operand *best = NULL;
    *found = (struct line_operand){.type = ""};
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        if (!is_at(profile, one, file, line, operation, slot))
            continue;
        found->looks += one->looks;
        if (best == NULL || one->looks > best->looks)
            best = one;
    }
    if (best == NULL)
        return false;
    found->type = profile->strings[best->type];
    found->shape = best->shape != 0 ? profile->strings[best->shape] : NULL;
    found->type_looks = best->looks;
    found->least = best->least;
    found->most = best->most;
    found->first = best->first;
    found->latest = best->latest;
    found->sized = best->sized;
    found->mean = best->sized > 0 ? (double)best->total / (double)best->sized : 0;
    return true;
}
