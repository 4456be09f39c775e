#include "data/schema.h"

#define TABLE(name, columns)                                                                                           \
    {                                                                                                                  \
        "table", #name, "CREATE TABLE " #name "(" columns, false                                                       \
    }
#define LATER_TABLE(name, columns)                                                                                     \
    {                                                                                                                  \
        "table", #name, "CREATE TABLE " #name "(" columns, true                                                        \
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
    /* Of processes of a merged recording: the host's name and the name of the recording it was in, both strings. */
    LATER_TABLE(origin, "process INTEGER PRIMARY KEY, host INTEGER, recording INTEGER)"),
    VIEW(processes, "SELECT process.id, pid, parent, command_text AS command, e.text AS executable, p.text AS python,"
                    " start_ns / 1e9 AS start_s, nullif(end_ns, 0) / 1e9 AS end_s, exit_status,"
                    " coalesce(h.text, (SELECT value FROM meta WHERE key = 'host')) AS host, r.text AS recording"
                    " FROM process LEFT JOIN string e ON e.id = executable LEFT JOIN string p ON p.id = python"
                    " LEFT JOIN origin ON origin.process = process.id LEFT JOIN string h ON h.id = host"
                    " LEFT JOIN string r ON r.id = recording"),
    VIEW(threads, "SELECT thread.id, pid, tid, text AS name, thread.start_ns / 1e9 AS start_s,"
                  " nullif(thread.end_ns, 0) / 1e9 AS end_s, run_ns / 1e9 AS run_s, delay_ns / 1e9 AS delay_s,"
                  " (SELECT sum(ticks) FROM stack_sum WHERE thread = thread.id) AS ticks"
                  " FROM thread JOIN process ON process.id = process LEFT JOIN string ON string.id = thread.name"),
    /* Helpers: per thread its times and ticks; per row of stack_sum its share of them, by the ticks. A view cannot
     * unpack chunks, so this is the rule of profile.h with one window, the whole life of the thread. */
    VIEW(
        thread_times,
        "WITH sums(thread, on_ticks, off_ticks, run_ns) AS (SELECT thread, sum(ticks * on_cpu), sum(ticks * (NOT on_cpu"
        " AND name <> 'runnable')), sum(run_ns) FROM stack_sum JOIN state ON state.id = state GROUP BY thread),"
        " ends(ns) AS (SELECT max(value) FROM meta WHERE key IN ('duration_ns', 'committed_ns'))"
        " SELECT id AS thread, max(coalesce(nullif(end_ns, 0), ns) - start_ns, 0) / 1e9 AS life_s,"
        " max(thread.run_ns, coalesce(sums.run_ns, 0)) / 1e9 AS run_s, delay_ns / 1e9 AS delay_s,"
        " coalesce(on_ticks, 0) AS on_ticks, coalesce(off_ticks, 0) AS off_ticks"
        " FROM thread JOIN ends LEFT JOIN sums ON sums.thread = id"),
    VIEW(stack_times,
         "SELECT stack_sum.thread, stack, name AS state, on_cpu, ticks,"
         " CASE WHEN name = 'runnable' THEN 0.0 WHEN run_s + delay_s = 0 THEN ticks * life_s / (on_ticks + off_ticks)"
         " WHEN NOT on_cpu THEN ticks * max(life_s - run_s - delay_s, 0) / off_ticks"
         " WHEN off_ticks = 0 THEN ticks * max(life_s - delay_s, 0) / on_ticks ELSE ticks * run_s / on_ticks END AS"
         " wall_s, CASE WHEN on_cpu THEN ticks * run_s / on_ticks ELSE 0.0 END AS cpu_s"
         " FROM stack_sum JOIN state ON state.id = state JOIN thread_times ON thread_times.thread = stack_sum.thread"),
    VIEW(states, "SELECT thread, state, on_cpu, sum(ticks) AS ticks, sum(wall_s) AS wall_s, sum(cpu_s) AS cpu_s"
                 " FROM (SELECT thread, state, on_cpu, ticks, wall_s, cpu_s FROM stack_times UNION ALL"
                 " SELECT thread, 'runnable', 0, 0, delay_s, 0.0 FROM thread_times WHERE delay_s > 0)"
                 " GROUP BY thread, state"),
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
    VIEW(counters, "SELECT name AS counter, unit, CASE WHEN name LIKE 'core%' THEN NULL ELSE subject END AS process,"
                   " CASE WHEN name LIKE 'core%' THEN subject END AS core, count, last_ns / 1e9 AS last_s, last, least,"
                   " most FROM counter_sum JOIN counter_kind ON counter_kind.id = kind"),
    {NULL, NULL, NULL, false},
};
