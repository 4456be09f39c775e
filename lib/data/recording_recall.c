/*
 * What a recording keeps in memory of its own rows: names, stacks and sums, so that a row is found and added to without
 * asking the file. A program that makes new code for ever would fill any memory: over a bound everything is let go
 * after a commit, when all of it is written, and from then on a row that is not in memory is looked for in the file
 * before a new one is made. So ids and sums are what they would be had nothing been let go.
 */
#include "data/recording_private.h"

enum { NODE_BYTES = 64 }; /* of a map's entry, about */

size_t recording_row_bytes(const struct recording *recording)
{
    size_t rows = recording->strings.count + recording->functions.count + recording->frames.count +
                  recording->stacks.count + recording->old_depths.count;
    return recording->interned_bytes + rows * NODE_BYTES + recording->n_sums * (sizeof *recording->sums + NODE_BYTES) +
           recording->n_expressions * (sizeof *recording->expressions + NODE_BYTES) +
           recording->n_operands * (sizeof *recording->operands + NODE_BYTES) +
           recording->n_waits * (sizeof *recording->waits + NODE_BYTES) +
           recording->depth_capacity * sizeof *recording->depths;
}

void recording_release_rows(struct recording *recording)
{
    struct map *maps[] = {&recording->strings,       &recording->functions,  &recording->frames,
                          &recording->stacks,        &recording->sum_index,  &recording->expression_index,
                          &recording->operand_index, &recording->wait_index, &recording->old_depths};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        map_release(maps[i]);
        *maps[i] = (struct map){0};
    }
    /* Their room goes too: what grew once need not be held for good. */
    void **arrays[] = {(void **)&recording->depths,      (void **)&recording->sums,     (void **)&recording->dirty_sums,
                       (void **)&recording->expressions, (void **)&recording->operands, (void **)&recording->waits};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        mem_free(*arrays[i]);
        *arrays[i] = NULL;
    }
    recording->depth_capacity = recording->sum_capacity = recording->dirty_capacity = 0;
    recording->expression_capacity = recording->operand_capacity = recording->wait_capacity = 0;
    recording->n_sums = recording->n_dirty = recording->n_expressions = recording->n_operands = recording->n_waits = 0;
    recording->interned_bytes = 0;
}

/* By what the rows of a table are looked for. The others have their key already. */
static bool make_indices(struct recording *recording)
{
    static const char sql[] = "CREATE INDEX string_text ON string(text);"
                              "CREATE INDEX function_key ON function(name, file, first_line, kind);"
                              "CREATE INDEX frame_key ON frame(function, line);"
                              "CREATE INDEX stack_key ON stack(parent, frame)";
    if (recording_statement(recording, STATEMENT_COMMIT) == NULL) /* begins the transaction */
        return false;
    if (store_exec(recording->store.db, sql) == SQLITE_OK)
        return true;
    recording_fail(recording);
    return false;
}

void recording_forget(struct recording *recording)
{
    if (!recording->forgot && !make_indices(recording))
        return;
    recording_release_rows(recording);
    recording->forgot = true;
    recording->depths_from = recording->n_stacks + 1;
}

/* The statement where it has a row, else NULL. */
static sqlite3_stmt *first_row(struct recording *recording, sqlite3_stmt *statement)
{
    int step = sqlite3_step(statement);
    if (step == SQLITE_ROW)
        return statement;
    if (step != SQLITE_DONE)
        recording_fail(recording);
    sqlite3_reset(statement);
    return NULL;
}

sqlite3_stmt *recording_find(struct recording *recording, enum statement which, const uint32_t *key, int n)
{
    sqlite3_stmt *statement = recording->forgot ? recording_statement(recording, which) : NULL;
    if (statement == NULL)
        return NULL;
    for (int i = 0; i < n; i++)
        sqlite3_bind_int64(statement, i + 1, key[i]);
    return first_row(recording, statement);
}

uint32_t recording_find_string(struct recording *recording, const char *text, size_t length)
{
    sqlite3_stmt *statement = recording->forgot ? recording_statement(recording, STATEMENT_FIND_STRING) : NULL;
    if (statement == NULL)
        return 0;
    recording_bind_text(statement, 1, text, length);
    sqlite3_stmt *row = first_row(recording, statement);
    uint32_t id = row != NULL ? (uint32_t)sqlite3_column_int64(row, 0) : 0;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return id;
}

uint32_t recording_depth(struct recording *recording, uint32_t stack)
{
    uint32_t depth = 0, steps = 0, at = stack;
    bool found;
    while (at != 0 && at < recording->depths_from && !map_get(&recording->old_depths, &at, sizeof at, &depth)) {
        sqlite3_stmt *row = recording_find(recording, STATEMENT_FIND_PARENT, &at, 1);
        uint32_t parent = row != NULL ? (uint32_t)sqlite3_column_int64(row, 0) : 0;
        sqlite3_reset(row);
        at = parent < at ? parent : 0; /* the file is anybody's */
        steps++;
    }
    if (at >= recording->depths_from && at != 0)
        return recording->depths[at - recording->depths_from];
    if (steps > 0 && map_put(&recording->old_depths, &stack, sizeof stack, depth + steps, &at, &found) != 0)
        recording_out_of_memory(recording);
    return depth + steps;
}
