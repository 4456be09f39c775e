#include "data/schema.h"

#define TABLE(name, columns)                                                                                           \
    {                                                                                                                  \
        "table", #name, "CREATE TABLE " #name "(" columns, false                                                       \
    }
#define LATER_TABLE(name, columns)                                                                                     \
    {                                                                                                                  \
        "table", #name, "CREATE TABLE " #name "(" columns, true                                                        \
    }
#define LATER_VIEW(name, query)                                                                                        \
    {                                                                                                                  \
        "view", #name, "CREATE VIEW " #name " AS " query, true                                                         \
    }
#define VIEW(name, query)                                                                                              \
    {                                                                                                                  \
        "view", #name, "CREATE VIEW " #name " AS " query, false                                                        \
    }

/* Every stack that was sampled with itself and all its callers: (leaf, at). */
#define CALLERS                                                                                                        \
    "callers(leaf, at) AS (SELECT DISTINCT stack, stack FROM stack_sum WHERE stack > 0"                                \
    " UNION ALL SELECT leaf, parent FROM callers JOIN stack ON stack.id = at WHERE parent > 0)"

/* Time of each sampled stack over the threads and states. */
#define LEAVES                                                                                                         \
    "leaves(stack, ticks, wall_s, cpu_s) AS (SELECT stack, sum(ticks), sum(wall_s), sum(cpu_s) FROM stack_times"       \
    " WHERE stack > 0 GROUP BY stack)"

const struct schema_item schema_items[] = {
    TABLE(meta, "key TEXT PRIMARY KEY, value) WITHOUT ROWID"),
    TABLE(string, "id INTEGER PRIMARY KEY, text)"),
    TABLE(function, "id INTEGER PRIMARY KEY, name INTEGER, file INTEGER, first_line INTEGER, kind INTEGER)"),
    TABLE(frame, "id INTEGER PRIMARY KEY, function INTEGER, line INTEGER)"),
    TABLE(stack, "id INTEGER PRIMARY KEY, parent INTEGER, frame INTEGER)"),
    TABLE(process, "id INTEGER PRIMARY KEY, pid INTEGER, parent INTEGER, command INTEGER, executable INTEGER,"
                   " python INTEGER, start_ns INTEGER, end_ns INTEGER, exit_status INTEGER, command_text TEXT)"),
    TABLE(thread, "id INTEGER PRIMARY KEY, process INTEGER, tid INTEGER, name INTEGER, start_ns INTEGER,"
                  " end_ns INTEGER, run_ns INTEGER, delay_ns INTEGER)"),
    TABLE(sample_chunk, "id INTEGER PRIMARY KEY, start_ns INTEGER, end_ns INTEGER, samples INTEGER, data BLOB)"),
    TABLE(counter_chunk, "id INTEGER PRIMARY KEY, start_ns INTEGER, end_ns INTEGER, counters INTEGER, data BLOB)"),
    TABLE(stack_sum, "thread INTEGER, stack INTEGER, state INTEGER, ticks INTEGER, run_ns INTEGER,"
                     " PRIMARY KEY(thread, stack, state)) WITHOUT ROWID"),
    /* The time of those samples. Of the open windows there are only the ticks yet. */
    LATER_TABLE(stack_time, "thread INTEGER, stack INTEGER, state INTEGER, wall_ns INTEGER, cpu_ns INTEGER,"
                            " open_ticks INTEGER, PRIMARY KEY(thread, stack, state)) WITHOUT ROWID"),
    TABLE(counter_sum, "kind INTEGER, subject INTEGER, count INTEGER, last_ns INTEGER, last INTEGER, least INTEGER,"
                       " most INTEGER, PRIMARY KEY(kind, subject)) WITHOUT ROWID"),
    TABLE(loss, "kind INTEGER PRIMARY KEY, name TEXT, count INTEGER)"),
    TABLE(note, "id INTEGER PRIMARY KEY, text TEXT)"),
    TABLE(source, "id INTEGER PRIMARY KEY, file INTEGER, first_line INTEGER, length INTEGER, data BLOB)"),
    TABLE(self, "key TEXT PRIMARY KEY, value) WITHOUT ROWID"),
    TABLE(state, "id INTEGER PRIMARY KEY, name TEXT, on_cpu INTEGER)"),
    TABLE(counter_kind, "id INTEGER PRIMARY KEY, name TEXT, unit TEXT)"),
    /* What the innermost instructions of the samples belonged to (3.11 on). */
    LATER_TABLE(expression, "frame INTEGER, end_line INTEGER, first_column INTEGER, end_column INTEGER, ticks INTEGER,"
                            " PRIMARY KEY(frame, end_line, first_column, end_column)) WITHOUT ROWID"),
    /* What innermost instructions worked on, by a few looks a second (3.8 on). */
    LATER_TABLE(operand, "frame INTEGER, operation INTEGER, slot INTEGER, type INTEGER, looks INTEGER, sized INTEGER,"
                         " least INTEGER, most INTEGER, first INTEGER, latest INTEGER, total INTEGER,"
                         " PRIMARY KEY(frame, operation, slot, type)) WITHOUT ROWID"),
    /* The latest shape of arrays that they worked on: "1000 x 1000". */
    LATER_TABLE(shape, "frame INTEGER, operation INTEGER, slot INTEGER, type INTEGER, shape INTEGER,"
                       " PRIMARY KEY(frame, operation, slot, type)) WITHOUT ROWID"),
    /* Who held the lock that a place waited for, by a few looks a second (3.8 on). */
    LATER_TABLE(lock_holder, "frame INTEGER, held INTEGER, thread INTEGER, looks INTEGER,"
                             " PRIMARY KEY(frame, held, thread)) WITHOUT ROWID"),
    /* How often functions were called, counted (run --calls), and with which arguments (--arg-hash). */
    LATER_TABLE(call_count, "process INTEGER, function INTEGER, calls INTEGER, told INTEGER, repeats INTEGER,"
                            " gave_none INTEGER, compared INTEGER, changed INTEGER, PRIMARY KEY(process, function))"
                            " WITHOUT ROWID"),
    /* Memory that Python's allocators were asked for, by place (run --allocs): estimates. */
    LATER_TABLE(allocation, "process INTEGER, stack INTEGER, blocks INTEGER, bytes INTEGER, most_blocks INTEGER,"
                            " most_bytes INTEGER, PRIMARY KEY(process, stack)) WITHOUT ROWID"),
    /* Tasks of asyncio, with what the samples add up to for them, and where they were found to wait. */
    LATER_TABLE(task, "id INTEGER PRIMARY KEY, thread INTEGER, name INTEGER, coroutine INTEGER, awaiter INTEGER,"
                      " ticks INTEGER, run_ns INTEGER)"),
    LATER_TABLE(task_wait, "task INTEGER, stack INTEGER, awaited INTEGER, looks INTEGER, wait_ns INTEGER,"
                           " PRIMARY KEY(task, stack, awaited)) WITHOUT ROWID"),
    /* Of processes of a merged recording: the host's name and the name of the recording it was in, both strings. */
    LATER_TABLE(origin, "process INTEGER PRIMARY KEY, host INTEGER, recording INTEGER)"),
    /* Where the recording's clock stood still: nothing was measured for that long. */
    LATER_TABLE(gap, "time_ns INTEGER, length_ns INTEGER)"),
    /* What benches made of the recording's predictions (gain.h); the only rows that come after its end. */
    LATER_TABLE(gain, "unix_ns INTEGER, tag TEXT, place TEXT, low REAL, high REAL, most REAL, achieved REAL,"
                      " achieved_low REAL, achieved_high REAL, before TEXT, after TEXT)"),
    VIEW(processes, "SELECT process.id, pid, parent, command_text AS command, e.text AS executable, p.text AS python,"
                    " start_ns / 1e9 AS start_s, nullif(end_ns, 0) / 1e9 AS end_s, exit_status,"
                    " coalesce(h.text, (SELECT value FROM meta WHERE key = 'host')) AS host, r.text AS recording"
                    " FROM process LEFT JOIN string e ON e.id = executable LEFT JOIN string p ON p.id = python"
                    " LEFT JOIN origin ON origin.process = process.id LEFT JOIN string h ON h.id = host"
                    " LEFT JOIN string r ON r.id = recording"),
    VIEW(threads, "SELECT thread.id, pid, tid, text AS name, thread.start_ns / 1e9 AS start_s,"
                  " nullif(thread.end_ns, 0) / 1e9 AS end_s, run_ns / 1e9 AS run_s, delay_ns / 1e9 AS delay_s,"
                  " (SELECT sum(ticks) FROM stack_sum WHERE thread = thread.id) AS ticks,"
                  " CASE WHEN EXISTS (SELECT 1 FROM stack_sum WHERE thread = thread.id) THEN NOT EXISTS (SELECT 1 FROM"
                  " stack_sum JOIN state ON state.id = state WHERE thread = thread.id AND state.name <> 'idle'"
                  " AND NOT ((on_cpu OR state.name = 'runnable') AND thread.run_ns BETWEEN 1 AND 999999)) AND EXISTS"
                  " (SELECT 1 FROM stack_sum JOIN state ON state.id = state WHERE thread = thread.id AND state.name ="
                  " 'idle')"
                  " ELSE run_ns = 0 END AS idle"
                  " FROM thread JOIN process ON process.id = process LEFT JOIN string ON string.id = thread.name"),
    /* Helpers. What of a thread's times has not been weighed yet is shared by the samples of its open window (there is
     * none once the recording is complete): the rule of profile.h, but for run delay, which is no stack's then. */
    VIEW(thread_times,
         "WITH sums AS (SELECT thread, sum(wall_ns) / 1e9 AS wall_s, sum(cpu_ns) / 1e9 AS cpu_s,"
         " sum(wall_ns * (name = 'runnable')) / 1e9 AS waited_s, sum(open_ticks * on_cpu) AS on_ticks,"
         " sum(open_ticks * (NOT on_cpu AND name <> 'runnable')) AS off_ticks,"
         " sum(open_ticks * (name = 'runnable')) AS runnable_ticks"
         " FROM stack_time JOIN state ON state.id = state GROUP BY thread),"
         " runs AS (SELECT thread, sum(run_ns) AS run_ns FROM stack_sum GROUP BY thread),"
         " ends(ns) AS (SELECT max(value) FROM meta WHERE key IN ('duration_ns', 'committed_ns')),"
         " times AS (SELECT id AS thread, max(min(coalesce(nullif(end_ns, 0), ns), ns) - start_ns, 0) / 1e9 AS life_s,"
         " max(thread.run_ns, coalesce(runs.run_ns, 0)) / 1e9 AS run_s, delay_ns / 1e9 AS delay_s,"
         " coalesce(wall_s, 0) AS wall_s, coalesce(cpu_s, 0) AS cpu_s, coalesce(waited_s, 0) AS waited_s,"
         " coalesce(on_ticks, 0) AS on_ticks, coalesce(off_ticks, 0) AS off_ticks,"
         " coalesce(runnable_ticks, 0) AS runnable_ticks,"
         " NOT coalesce((SELECT value FROM meta WHERE key = 'complete'), 0) AS growing FROM thread JOIN ends"
         " LEFT JOIN sums ON sums.thread = id LEFT JOIN runs ON runs.thread = id)"
         " SELECT thread, life_s, run_s, delay_s, on_ticks, off_ticks, runnable_ticks,"
         " growing * max(run_s - cpu_s, 0) AS left_run_s, growing * max(delay_s - waited_s, 0) AS left_delay_s,"
         " growing * max(life_s - wall_s - max(run_s - cpu_s, 0) - max(delay_s - waited_s, 0), 0) AS left_off_s"
         " FROM times"),
    VIEW(stack_times,
         "SELECT stack_time.thread, stack_time.stack, name AS state, on_cpu, coalesce(ticks, 0) AS ticks,"
         " wall_ns / 1e9 + CASE WHEN open_ticks = 0 THEN 0.0 WHEN run_s + delay_s = 0 THEN open_ticks * left_off_s"
         " / (on_ticks + off_ticks + runnable_ticks) WHEN name = 'runnable' THEN open_ticks * left_delay_s"
         " / runnable_ticks WHEN NOT on_cpu THEN open_ticks * left_off_s / off_ticks ELSE open_ticks * (left_run_s"
         " + CASE WHEN off_ticks = 0 THEN left_off_s ELSE 0.0 END) / on_ticks END AS wall_s,"
         " cpu_ns / 1e9 + CASE WHEN NOT on_cpu OR open_ticks = 0 THEN 0.0 WHEN run_s + delay_s = 0 THEN open_ticks"
         " * left_off_s / (on_ticks + off_ticks + runnable_ticks) ELSE open_ticks * left_run_s / on_ticks END AS cpu_s"
         " FROM stack_time JOIN state ON state.id = stack_time.state"
         " JOIN thread_times ON thread_times.thread = stack_time.thread LEFT JOIN stack_sum ON stack_sum.thread ="
         " stack_time.thread AND stack_sum.stack = stack_time.stack AND stack_sum.state = stack_time.state"
         " UNION ALL SELECT thread, 0, 'runnable', 0, 0, left_delay_s, 0.0 FROM thread_times WHERE left_delay_s > 0"
         " AND runnable_ticks = 0 UNION ALL SELECT thread, 0, 'on-cpu', 1, 0, left_run_s, left_run_s FROM thread_times"
         " WHERE left_run_s > 0 AND on_ticks = 0 UNION ALL SELECT thread, 0, 'unknown', 0, 0, left_off_s, 0.0"
         " FROM thread_times WHERE left_off_s > 0 AND on_ticks + off_ticks = 0"
         " AND (runnable_ticks = 0 OR run_s + delay_s > 0)"),
    VIEW(states, "SELECT thread, state, on_cpu, sum(ticks) AS ticks, sum(wall_s) AS wall_s, sum(cpu_s) AS cpu_s"
                 " FROM stack_times GROUP BY thread, state"),
    VIEW(stacks, "WITH RECURSIVE path(leaf, up, text) AS (SELECT DISTINCT stack, stack, '' FROM stack_sum WHERE stack"
                 " > 0 UNION ALL SELECT leaf, parent, n.text || ' (' || f.text || ':' || line || ')' ||"
                 " CASE WHEN path.text = '' THEN '' ELSE ';' END || path.text FROM path JOIN stack ON stack.id = up"
                 " JOIN frame ON frame.id = frame JOIN function ON function.id = function JOIN string n ON n.id ="
                 " function.name JOIN string f ON f.id = file)"
                 " SELECT leaf AS stack, thread, state, ticks, wall_s, cpu_s, text AS path"
                 " FROM path JOIN stack_times ON stack_times.stack = leaf WHERE up = 0"),
    VIEW(functions, "WITH RECURSIVE " CALLERS ", " LEAVES ", places(leaf, at, function) AS (SELECT leaf, at, function"
                    " FROM callers JOIN stack ON stack.id = at JOIN frame ON frame.id = frame), totals(function, ticks,"
                    " wall_s) AS (SELECT function, sum(ticks), sum(wall_s) FROM (SELECT DISTINCT leaf, function FROM"
                    " places) JOIN leaves ON leaves.stack = leaf GROUP BY function), selfs(function, ticks, wall_s,"
                    " cpu_s) AS (SELECT function, sum(ticks), sum(wall_s), sum(cpu_s) FROM places JOIN leaves ON"
                    " leaves.stack = leaf WHERE leaf = at GROUP BY function)"
                    " SELECT function.id, n.text AS name, f.text AS file, first_line,"
                    " coalesce(selfs.ticks, 0) AS self_ticks, totals.ticks AS total_ticks,"
                    " coalesce(selfs.wall_s, 0) AS self_wall_s, totals.wall_s AS total_wall_s,"
                    " coalesce(selfs.cpu_s, 0) AS self_cpu_s"
                    " FROM totals LEFT JOIN selfs ON selfs.function = totals.function"
                    " JOIN function ON function.id = totals.function LEFT JOIN string n ON n.id = function.name"
                    " LEFT JOIN string f ON f.id = function.file"),
    VIEW(lines, "WITH " LEAVES " SELECT f.text AS file, line, n.text AS function, sum(ticks) AS self_ticks,"
                " sum(wall_s) AS self_wall_s, sum(cpu_s) AS self_cpu_s"
                " FROM leaves JOIN stack ON stack.id = leaves.stack JOIN frame ON frame.id = frame"
                " JOIN function ON function.id = function LEFT JOIN string n ON n.id = function.name"
                " LEFT JOIN string f ON f.id = function.file GROUP BY function.file, line, function.name"),
    LATER_VIEW(memory, "SELECT f.text AS file, line, n.text AS function, sum(blocks) AS blocks, sum(bytes) AS bytes,"
                       " sum(most_blocks) AS most_blocks, sum(most_bytes) AS most_bytes"
                       " FROM allocation JOIN stack ON stack.id = allocation.stack JOIN frame ON frame.id = frame"
                       " JOIN function ON function.id = function LEFT JOIN string n ON n.id = function.name"
                       " LEFT JOIN string f ON f.id = function.file GROUP BY function.file, line, function.name"),
    LATER_VIEW(tasks, "SELECT x.id, x.thread, n.text AS name, f.text AS coroutine, a.text AS awaited_by, x.ticks,"
                      " x.run_ns / 1e9 AS run_s, coalesce((SELECT sum(wait_ns) FROM task_wait WHERE task = x.id), 0)"
                      " / 1e9 AS wait_s FROM task x LEFT JOIN string n ON n.id = x.name LEFT JOIN function ON"
                      " function.id = x.coroutine LEFT JOIN string f ON f.id = function.name LEFT JOIN task t ON t.id ="
                      " x.awaiter LEFT JOIN string a ON a.id = t.name"),
    VIEW(counters, "SELECT name AS counter, unit, CASE WHEN name LIKE 'core%' THEN NULL ELSE subject END AS process,"
                   " CASE WHEN name LIKE 'core%' THEN subject END AS core, count, last_ns / 1e9 AS last_s, last, least,"
                   " most FROM counter_sum JOIN counter_kind ON counter_kind.id = kind"),
    {NULL, NULL, NULL, false},
};
