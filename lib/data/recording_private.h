/* What recording.c (adds), recording_commit.c (writing) and recording_life.c (beginning, end) share. */
#ifndef KEISOKU_DATA_RECORDING_PRIVATE_H
#define KEISOKU_DATA_RECORDING_PRIVATE_H

#include "base/map.h"
#include "data/chunk.h"
#include "data/recording.h"
#include "data/store.h"
#include "data/weigher.h"

/* X(NAME, sql): the statements of a recording. */
#define STATEMENT_LIST(X)                                                                                              \
    X(STRING, "INSERT INTO string VALUES(?, ?)")                                                                       \
    X(FUNCTION, "INSERT INTO function VALUES(?, ?, ?, ?, ?)")                                                          \
    X(FRAME, "INSERT INTO frame VALUES(?, ?, ?)")                                                                      \
    X(STACK, "INSERT INTO stack VALUES(?, ?, ?)")                                                                      \
    X(PROCESS, "INSERT OR REPLACE INTO process VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                                  \
    X(ORIGIN, "INSERT OR REPLACE INTO origin VALUES(?, ?, ?)")                                                         \
    X(THREAD, "INSERT OR REPLACE INTO thread VALUES(?, ?, ?, ?, ?, ?, ?, ?)")                                          \
    X(SAMPLES, "INSERT OR REPLACE INTO sample_chunk VALUES(?, ?, ?, ?, ?)")                                            \
    X(COUNTERS, "INSERT OR REPLACE INTO counter_chunk VALUES(?, ?, ?, ?, ?)")                                          \
    X(STACK_SUM, "INSERT OR REPLACE INTO stack_sum VALUES(?, ?, ?, ?, ?)")                                             \
    X(EXPRESSION, "INSERT OR REPLACE INTO expression VALUES(?, ?, ?, ?, ?)")                                           \
    X(OPERAND, "INSERT OR REPLACE INTO operand VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                               \
    X(SHAPE, "INSERT OR REPLACE INTO shape VALUES(?, ?, ?, ?, ?)")                                                     \
    X(LOCK_HOLDER, "INSERT INTO lock_holder VALUES(?, ?, ?, ?)"                                                        \
                   " ON CONFLICT(frame, held, thread) DO UPDATE SET looks = looks + excluded.looks")                   \
    X(CALL_COUNT, "INSERT INTO call_count VALUES(?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(process, function) DO UPDATE SET" \
                  " calls = calls + excluded.calls, told = told + excluded.told,"                                      \
                  " repeats = repeats + excluded.repeats, gave_none = gave_none + excluded.gave_none,"                 \
                  " compared = compared + excluded.compared, changed = changed + excluded.changed")                    \
    X(ALLOCATION, "INSERT INTO allocation VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(process, stack) DO UPDATE SET"          \
                  " blocks = blocks + excluded.blocks, bytes = bytes + excluded.bytes,"                                \
                  " most_blocks = most_blocks + excluded.most_blocks, most_bytes = most_bytes + excluded.most_bytes")  \
    X(TASK, "INSERT OR REPLACE INTO task VALUES(?, ?, ?, ?, ?, ?, ?)")                                                 \
    X(TASK_WAIT, "INSERT OR REPLACE INTO task_wait VALUES(?, ?, ?, ?, ?)")                                             \
    X(STACK_TIME, "INSERT OR REPLACE INTO stack_time VALUES(?, ?, ?, ?, ?, ?)")                                        \
    X(COUNTER_SUM, "INSERT OR REPLACE INTO counter_sum VALUES(?, ?, ?, ?, ?, ?, ?)")                                   \
    X(LOSS, "INSERT OR REPLACE INTO loss VALUES(?, ?, ?)")                                                             \
    X(NOTE, "INSERT INTO note(text) VALUES(?)")                                                                        \
    X(SOURCE, "INSERT INTO source(file, first_line, length, data) VALUES(?, ?, ?, ?)")                                 \
    X(SELF, "INSERT OR REPLACE INTO self VALUES(?, ?)")                                                                \
    X(META, "INSERT OR REPLACE INTO meta VALUES(?, ?)")                                                                \
    X(STATE, "INSERT INTO state VALUES(?, ?, ?)")                                                                      \
    X(COUNTER_KIND, "INSERT INTO counter_kind VALUES(?, ?, ?)")                                                        \
    X(GAP, "INSERT INTO gap VALUES(?, ?)")                                                                             \
    X(FIND_STRING, "SELECT id FROM string WHERE text = ?")                                                             \
    X(FIND_FUNCTION, "SELECT id FROM function WHERE name = ? AND file = ? AND first_line = ? AND kind = ?")            \
    X(FIND_FRAME, "SELECT id FROM frame WHERE function = ? AND line = ?")                                              \
    X(FIND_STACK, "SELECT id FROM stack WHERE parent = ? AND frame = ?")                                               \
    X(FIND_PARENT, "SELECT parent FROM stack WHERE id = ?")                                                            \
    X(FIND_SUM, "SELECT ticks, run_ns FROM stack_sum WHERE thread = ? AND stack = ? AND state = ?")                    \
    X(FIND_TIME, "SELECT wall_ns, cpu_ns, open_ticks FROM stack_time WHERE thread = ? AND stack = ? AND state = ?")    \
    X(FIND_EXPRESSION,                                                                                                 \
      "SELECT ticks FROM expression WHERE frame = ? AND end_line = ? AND first_column = ? AND end_column = ?")         \
    X(FIND_OPERAND, "SELECT looks, sized, least, most, first, latest, total FROM operand"                              \
                    " WHERE frame = ? AND operation = ? AND type = ? AND slot = ?")                                    \
    X(FIND_TASK_WAIT, "SELECT looks, wait_ns FROM task_wait WHERE task = ? AND stack = ? AND awaited = ?")             \
    X(TEXT, "SELECT text FROM string WHERE id = ?")                                                                    \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                                        \
    X(COMMIT, "COMMIT")

enum statement {
#define X(name, sql) STATEMENT_##name,
    STATEMENT_LIST(X)
#undef X
        STATEMENT_COUNT
};

/* The window of a thread that is not full yet, and what weighing carries from one to the next. */
struct open_window {
    struct weigher weigher; /* the first, so that its address is ours */
    struct recording *recording;
    uint32_t thread;
    uint32_t last_stack; /* of its last sample on a CPU, with the state; there is one: */
    uint8_t last_state;
    bool ran;
    uint64_t start_ns;
    size_t count;
    struct chunk_row rows[WINDOW_SAMPLES];
};

/* A thread with what turns its running sums into units without losing the remainders. */
struct recorded_thread {
    struct thread thread;
    uint64_t run_ns, delay_ns;                 /* of its samples so far */
    uint64_t dropped_run_ns, dropped_delay_ns; /* of the totals that come from outside: before what is kept */
    uint64_t last_units;                       /* time of its last sample */
    struct open_window *window; /* NULL before its first sample and when it has been weighed to its end */
    bool weighed;
    bool dirty;
};

struct recorded_process {
    struct process process;
    bool dirty;
};

/* The rows of stack_sum and stack_time. */
struct stack_sum {
    uint32_t thread, stack, state;
    bool dirty;
    uint64_t ticks, run_ns;
    uint64_t open_ticks; /* of samples whose window is not full yet */
    double wall_ns, cpu_ns;
};

/* The row of counter_sum. */
struct counter_sum {
    struct counter last;
    int64_t least, most;
    int64_t dropped; /* of a cumulative one: what it was at the beginning of what is kept */
    uint64_t count;
    bool dirty;
};

struct recorded_expression {
    struct expression expression;
    bool dirty;
};

struct recorded_operand {
    struct operand operand;
    bool dirty;
};
/* How the recorder's own figures stood. */
struct trust_mark {
    uint64_t time_ns; /* since the true start */
    struct recording_trust trust;
};
enum { TRUST_MARKS = 128 };

struct recorded_task {
    struct task task;
    uint64_t ticks, run_ns; /* of its samples */
    bool dirty;
};

struct recorded_wait {
    struct task_wait wait;
    bool dirty;
};

struct recording {
    struct store store;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    char path[4096];
    struct err failure; /* code 0: none; else everything after it does nothing */
    bool whole_or_nothing, finished;
    bool in_transaction;
    /* interned; the counts are the last ids given */
    struct map strings, functions, frames, stacks;
    uint32_t n_strings, n_functions, n_frames, n_stacks;
    uint32_t n_lock_looks; /* written so far */
    uint32_t *depths;      /* of the stacks from depths_from on, by their ids less that */
    size_t depth_capacity;
    /* recording_recall.c */
    size_t memory_max; /* of rows in memory; 0: all stay */
    bool forgot;       /* rows that are not in memory may be in the file */
    uint32_t depths_from;
    struct map old_depths; /* of stacks before that */
    struct recorded_process *processes;
    size_t n_processes, process_capacity;
    struct recorded_thread *threads;
    size_t n_threads, thread_capacity;
    /* the open chunks: rewritten at each commit until they are full */
    struct chunk_row *rows;
    size_t n_rows;
    struct chunk_counter *counters;
    size_t n_counters;
    int64_t sample_chunk, counter_chunk; /* ids of the open chunks */
    size_t rows_written, counters_written;
    struct map sum_index;
    struct stack_sum *sums;
    size_t n_sums, sum_capacity;
    uint32_t *dirty_sums;
    size_t n_dirty, dirty_capacity;
    struct map expression_index;
    struct recorded_expression *expressions;
    size_t n_expressions, expression_capacity;
    struct map operand_index;
    struct recorded_operand *operands;
    size_t n_operands, operand_capacity;
    struct recorded_task *tasks;
    size_t n_tasks, task_capacity;
    struct map wait_index;
    struct recorded_wait *waits;
    size_t n_waits, wait_capacity;
    struct map counter_index;
    struct counter_sum *counter_sums;
    size_t n_counter_sums, counter_sum_capacity;
    bool losses_dirty;
    /* recording_trim.c */
    uint64_t start_unix_ns, dropped_ns; /* the true start; how much of the time since then is no longer there */
    uint64_t max_bytes;                 /* 0: as large as it gets */
    size_t interned_bytes;              /* of the tables that are kept in memory, about */
    size_t string_bytes_max;            /* longer texts are cut */
    struct trust_mark marks[TRUST_MARKS];
    size_t n_marks;
    uint64_t mark_every_ns;
    struct recording_trust trust; /* now */
    struct trust_mark dropped;    /* at the beginning of what is kept */
    uint64_t trust_ns;
    bool self_set;
    struct buf packed;
    uint64_t samples, committed_samples, committed_ns;
};

/* A statement ready to be bound, in a transaction; NULL when the recording has failed. */
sqlite3_stmt *recording_statement(struct recording *recording, enum statement which);
/* Runs and resets it. False when the recording has (now) failed. */
bool recording_step(struct recording *recording, sqlite3_stmt *statement);
/* Text that any client can show where it is text, else a blob. */
void recording_bind_text(sqlite3_stmt *statement, int index, const char *text, size_t length);
void recording_bind_u64(sqlite3_stmt *statement, int index, uint64_t value);
void recording_out_of_memory(struct recording *recording);
/* A time since the true start as one of what is kept. */
uint64_t recording_kept_time(const struct recording *recording, uint64_t time_ns);
/* Remembers how the recorder's own figures stand. */
void recording_mark_trust(struct recording *recording, uint64_t now_ns);
void recording_release_tables(struct recording *recording);
/* Writes what it said of itself and lost, for what is kept. */
void recording_write_trust(struct recording *recording);
/* A cumulative counter was `dropped` where what is kept begins. */
void recording_rebase_counter(struct recording *recording, uint32_t kind, uint32_t subject, int64_t dropped);
/* Something failed that SQLite knows: nothing more is written. */
void recording_fail(struct recording *recording);

void recording_put_meta(struct recording *recording, const char *key, const char *text, size_t length);
void recording_put_meta_u64(struct recording *recording, const char *key, uint64_t value);
void recording_put_meta_number(struct recording *recording, const char *key, double value);
/* Adds a sample to the sums, and its window when that is full. */
void recording_sum_sample(struct recording *recording, const struct sample *sample, const struct chunk_row *row);
/* Weighs the threads to their end that ended well before `now_ns`, so that their windows go. */
void recording_weigh_ended(struct recording *recording, uint64_t now_ns);
/* Weighs all of them to the recording's end. */
void recording_weigh_all(struct recording *recording, uint64_t duration_ns);
/* recording_tasks.c */
void recording_count_task(struct recording *recording, const struct sample *sample);
void recording_write_tasks(struct recording *recording);
void recording_release_tasks(struct recording *recording);
/* Closes the open chunk of samples or counters: writes it a last time and starts the next. */
void recording_close_samples(struct recording *recording);
void recording_close_counters(struct recording *recording);

/* recording_recall.c. Lets go of the rows in memory where they take too much: all of them are written. */
void recording_forget(struct recording *recording);
void recording_release_rows(struct recording *recording);
/* The bytes that would give back. */
size_t recording_row_bytes(const struct recording *recording);
/* Runs a FIND statement for a key of `n` numbers: NULL where there is no such row in the file, or none is missing in
 * memory. The columns are read before it is reset. */
sqlite3_stmt *recording_find(struct recording *recording, enum statement which, const uint32_t *key, int n);
uint32_t recording_find_string(struct recording *recording, const char *text, size_t length);
uint32_t recording_depth(struct recording *recording, uint32_t stack);

/* operands.c: writes the rows that changed. */
void recording_write_operands(struct recording *recording);

#endif
