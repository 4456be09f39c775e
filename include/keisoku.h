/*
 * keisoku's C interface: all that the command line uses, and all that another program needs to measure Python.
 *
 * Functions return 0 (or a count) or a negative code and fill a caller-supplied `struct kei_error` with one printable
 * line. Nothing here prints or exits. Times are nanoseconds unless named otherwise.
 */
#ifndef KEISOKU_H
#define KEISOKU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KEI_API __attribute__((visibility("default")))

/* Codes. Same numbers as lib/base/err.h, checked at build time. */
enum kei_code {
    KEI_ERR_NOMEM = -1,
    KEI_ERR_IO = -2,
    KEI_ERR_FULL = -3,
    KEI_ERR_CORRUPT = -4,
    KEI_ERR_VERSION = -5,
    KEI_ERR_GONE = -6,
    KEI_ERR_PERMISSION = -7,
    KEI_ERR_NOT_PYTHON = -8,
    KEI_ERR_BAD_INPUT = -9,
    KEI_ERR_NOT_FOUND = -10,
    KEI_ERR_NOT_SUPPORTED = -11,
    KEI_ERR_UNREADABLE = -12,
    KEI_ERR_NOT_EXECUTABLE = -13
};

struct kei_error {
    int code;
    char text[1024];
};

KEI_API const char *kei_version(void);

/* ---- measuring ----------------------------------------------------------------------------------------------------
 */

enum kei_reader { KEI_READER_AUTO, KEI_READER_CORE, KEI_READER_FREE, KEI_READER_KERNEL, KEI_READER_STOP };

struct kei_options {
    const char *output; /* recording; NULL: NAME.PID.kei in the current directory */
    double rate_hz;     /* 0: 1000; KEI_RATE_MAX: as fast as it goes */
    bool rate_asked;    /* the user asked for it: the budget does not lower it */
    double budget;      /* share of a core's time that may be taken; 0: 0.01 */
    double duration_s;  /* 0: until the program ends */
    double delay_s;     /* start sampling that long after the start */
    double keep_s;      /* keep only the last so many seconds; 0: all */
    uint64_t max_bytes; /* the recording never takes more; 0: no limit */
    /* A copy is saved when all processes together take more than that; 0: not */
    double when_cpu;         /* cores */
    uint64_t when_rss_bytes; /* resident memory */
    double when_stuck_s;     /* or a thread stands at one place for so long, where it does not usually wait */
    bool no_children;
    bool no_source;       /* keep source text out of the recording */
    bool no_operands;     /* do not look at the types and sizes that lines work on */
    bool redact_args;     /* keep arguments of commands out of it */
    bool native;          /* frames of native code too */
    bool calls;           /* kei_run: count calls, by an agent in the program */
    bool argument_hashes; /* and compare their arguments, by hashes */
    bool allocations;     /* kei_run: sample what memory Python asks for, by the agent too */
    enum kei_reader reader;
};
#define KEI_RATE_MAX 1e6 /* Hz, in recordings too: as fast as it goes */

struct kei_session;

struct kei_status {
    bool ended; /* the program (or everything attached to) has ended, or the duration is over */
    double elapsed_s;
    uint64_t samples, dropped;
    bool paused;                          /* by kei_control */
    bool stopped;                         /* ended before the program: by kei_control, or `full` */
    bool full;                            /* by max_bytes */
    uint32_t n_said;                      /* grows with each copy that a trigger saved */
    char said[4352];                      /* the last one's line */
    uint32_t processes, pythons, threads; /* alive now; pythons: processes with an interpreter */
    int error; /* the recording stopped (full disk …): code, message in error_text; the program goes on */
    char error_text[1024];
};

struct kei_result {
    char path[4096]; /* the recording; "" when there is none */
    pid_t pid;       /* the program */
    int wait_status; /* of the program, as waitpid(2) gives it; -1 for attach */
    uint64_t samples;
    uint32_t pythons; /* processes with an interpreter that were measured */
    char note[1024];  /* why nothing was measured, when nothing was */
};

/* Starts a program under measurement. `argv` is resolved as docs/interface.md says (script, -m, -c, -, zipapp,
 * executable). KEI_ERR_NOT_FOUND and KEI_ERR_NOT_EXECUTABLE as env(1) tells 127 and 126 apart; after any error the
 * program was not started. */
KEI_API int kei_run(const struct kei_options *options, char *const argv[], struct kei_session **session,
                    struct kei_error *error);
/* Joins running processes. */
KEI_API int kei_attach(const struct kei_options *options, const pid_t *pids, size_t count, struct kei_session **session,
                       struct kei_error *error);
/* Waits up to `timeout_ms` for the end (or 0: only looks). */
KEI_API int kei_session_wait(struct kei_session *session, int timeout_ms, struct kei_status *status);
/* Passes a signal to the program (run only). */
KEI_API void kei_session_signal(struct kei_session *session, int signal);
/* When the program's process was made (run only), in nanoseconds of CLOCK_MONOTONIC: signals that its process group got
 * before did not reach it. */
KEI_API uint64_t kei_session_born_ns(const struct kei_session *session);
/* The program's process (run only; 0: attached) and its status as waitpid(2) gives it, -1 while it runs or when nobody
 * knows. From any thread, also while kei_session_finish runs. */
KEI_API pid_t kei_session_program(const struct kei_session *session, int *wait_status);
/* Ends the recording: whatever still runs is left as it is. */
KEI_API int kei_session_finish(struct kei_session *session, struct kei_result *result, struct kei_error *error);
KEI_API void kei_session_free(struct kei_session *session);

/* ---- whole runs ---------------------------------------------------------------------------------------------------
 */

/* What a front end hears while programs are run one after the other; every member but `context` may be NULL. */
struct kei_watch {
    void *context;
    void (*started)(void *context, pid_t pid, uint64_t born_ns); /* as kei_session_born_ns */
    void (*ended)(void *context, pid_t pid); /* nobody has waited for it yet: the number is its own */
    bool (*stop)(void *context);             /* asked between runs: no further ones */
    void (*progress)(void *context, const char *what, uint32_t done, uint32_t of);
};

/* What came out: a screen ("text"), "json", "csv", of a bench also "markdown". */
struct kei_outcome;
struct kei_outcome_options {
    bool color;
    uint32_t width; /* text: columns; 0: 80 */
};
KEI_API int kei_outcome_write(const struct kei_outcome *outcome, const char *format,
                              const struct kei_outcome_options *options,
                              int (*write)(void *context, const void *data, size_t size), void *context,
                              struct kei_error *error);
/* What the command's exit status says: of stat the program's own (the first that is not 0). */
KEI_API int kei_outcome_status(const struct kei_outcome *outcome);
KEI_API void kei_outcome_free(struct kei_outcome *outcome);

/* Runs a program `repeat` times (0: once) and counts what it used. `argv` as kei_run takes it; errors too. */
KEI_API int kei_stat(uint32_t repeat, char *const argv[], const struct kei_watch *watch, struct kei_outcome **outcome,
                     struct kei_error *error);

struct kei_words {
    const char *const *items;
    size_t count;
};

/* What decides: the sentence, the check, the notes. */
enum kei_bench_measure { KEI_BENCH_WALL, KEI_BENCH_CPU, KEI_BENCH_PEAK, KEI_BENCH_FAULTS };

struct kei_bench_options {
    struct kei_words commands; /* one text each; of snippets, statements */
    struct kei_words scans;    /* "n=1,10,100": each value in place of {n}, several: every combination */
    uint32_t rounds;           /* 0: 20, or as many as go into a minute, but 8 at least */
    uint32_t warmups;
    bool equal_output, ignore_failure;
    const char *prepare, *conclude; /* commands around each run; NULL: none */
    bool python;                    /* the commands are Python statements */
    const char *setup, *interpreter;
    uint64_t seed; /* of the order of runs; 0: from the clock */
    enum kei_bench_measure measure;
    struct kei_words baselines; /* saved results (JSON) to check against */
    const char *recording;      /* whose prediction the gain of the second over the first is held to; NULL: none. Where
                                 * something is claimed, the recording keeps it (kei_gains) */
    uint32_t finding;           /* which of its findings, from 1; 0: the first */
};

/* Runs commands turn by turn and compares them. KEI_ERR_GONE: a command, or what is around it, failed at its first run.
 * kei_outcome_status: 0; 1 when a check found more than the noise; 3 when nothing can be claimed (a command failed,
 * outputs differ). */
KEI_API int kei_bench(const struct kei_bench_options *options, const struct kei_watch *watch,
                      struct kei_outcome **outcome, struct kei_error *error);

/* What benches with a recording made of its predictions (kei_bench_options.recording), of several recordings together:
 * "text" or "json". kei_outcome_status: 0. */
KEI_API int kei_gains(struct kei_words paths, struct kei_outcome **outcome, struct kei_error *error);

struct kei_scale_options {
    const char *sizes;           /* "1000,2000,4000,8000": each in place of {n} in the program's words */
    struct kei_words recordings; /* or "FILE=SIZE" of runs that were recorded; then nothing is run */
    uint32_t repeat;             /* runs at each size; 0: 1 */
    double rate_hz;              /* 0: 1000 */
    const char *output;          /* recordings are kept as OUTPUT + SIZE + ".kei"; NULL: not kept */
    const char *function;        /* only this one; NULL: all */
    struct kei_words predict;    /* sizes to foretell the time at */
    bool calls;                  /* count those of each function too */
};

/* How time grows with a size, per function. What the program prints goes nowhere. KEI_ERR_GONE: a run failed.
 * kei_outcome_status: 0; 1 when nothing can be claimed, the outcome says why. */
KEI_API int kei_scale(const struct kei_scale_options *options, char *const argv[], const struct kei_watch *watch,
                      struct kei_outcome **outcome, struct kei_error *error);

/* What the recorder of a recording in progress can be asked for: "save", "pause", "resume", "stop", "status"; NULL ends
 * them. */
KEI_API const char *const *kei_control_commands(void);
enum { KEI_CONTROL_REPLY_BYTES = 4608 };
/* Asks the recorder of the file `path`, by a socket of this machine and this user; `output` (or NULL) is the name of
 * the copy to save. `reply` becomes its answer of one line. */
KEI_API int kei_control(const char *path, const char *command, const char *output, char reply[KEI_CONTROL_REPLY_BYTES],
                        struct kei_error *error);

/* ---- looking once -------------------------------------------------------------------------------------------------
 */

struct kei_dump_frame {
    const char *function, *file;
    uint32_t line;
    bool native; /* of compiled code; "(...)" without a file: there are others, which are not known */
};
struct kei_dump_task {   /* of asyncio, or a greenlet that does not run */
    const char *name;    /* of a greenlet: its outermost function */
    const char *state;   /* "runs", "waits", "ready" (it has not begun) */
    const char *on;      /* what it waits for: the name of a task, "3 tasks", a type; "" when not known */
    const char *awaiter; /* name of a task that waits for this one; "" when none does */
    const struct kei_dump_frame *frames; /* innermost first: its coroutines, the functions that they call */
    size_t n_frames;
    bool greenlet;
};
struct kei_dump_thread {
    pid_t tid;
    const char *name;   /* "" when there is none */
    const char *state;  /* a state's name */
    const char *detail; /* system call or lock it waits in; "" when not known */
    bool holds_gil;
    bool proved;                         /* the stack is exact */
    const struct kei_dump_frame *frames; /* innermost first */
    size_t n_frames;
    const struct kei_dump_task *tasks; /* those of its event loop, then its greenlets */
    size_t n_tasks;
    uint64_t tasks_left_out; /* there are so many more, at least */
    bool tasks_proved;       /* they are exact */
    const char *native;      /* of its native frames: "whole", "cut" (at "(...)"), "none"; "" when not asked for */
    const char *native_why;  /* why there is none; else "" */
};
struct kei_dump {
    pid_t pid;
    const char *command, *python;
    const struct kei_dump_thread *threads;
    size_t n_threads;
};
/* `native`: with the frames of compiled code; KEI_ERR_NOT_SUPPORTED where this build has none. */
KEI_API int kei_dump(pid_t pid, bool native, struct kei_dump **dump, struct kei_error *error);
KEI_API void kei_dump_free(struct kei_dump *dump);

struct kei_check {
    const char *name;   /* "read its memory" */
    const char *answer; /* "yes", "no", "not supported here" */
    const char *detail; /* one line */
    const char *remedy; /* the command that helps; "" when none is needed or none exists */
};
/* What can be measured here (pid 0) or of that process. Returns the number of checks, at most `capacity`; the strings
 * live as long as the program. */
KEI_API int kei_doctor(pid_t pid, struct kei_check *checks, size_t capacity, struct kei_error *error);

/* ---- reading and exporting a recording ------------------------------------------------------------------------------
 */

struct kei_recording;
KEI_API int kei_open(const char *path, struct kei_recording **recording, struct kei_error *error);
KEI_API void kei_close(struct kei_recording *recording);

/* A format that kei_export writes: "text" (the verdict screen), "json", "html", or another tool's: "collapsed" and what
 * else kei_formats lists. */
struct kei_format {
    const char *name, *summary;
    const char *extension; /* "json" */
    bool foreign;          /* another tool's format: listed by export --format help */
};
KEI_API const struct kei_format *kei_formats(size_t *count);

struct kei_export_options {
    bool cpu_clock;   /* weights are CPU time instead of wall time */
    bool color;       /* text: terminal colours */
    uint32_t width;   /* text: columns; 0: 80 */
    uint32_t height;  /* text: lines that the screen may take, 20 at least; 0: 24 */
    uint32_t top;     /* rows of each table; 0: as the format likes */
    const char *sort; /* functions: "own" code first, each by self time, or by "self" or "total" alone; NULL: own */
    int32_t process, thread; /* pid, tid; 0: all */
    double from_s, to_s;     /* to 0: the end */
    const char *lines_of;    /* report --lines FUNCTION; NULL: none */
    const char *callers_of, *callees_of;
    bool tasks;            /* report --tasks */
    bool threads;          /* report --threads */
    bool findings;         /* report --findings */
    const char *page_path; /* text: the page that was written beside the recording; NULL: none */
};
/* Writes to `write` piece by piece; a non-zero return of it ends the export with that code. */
KEI_API int kei_export(struct kei_recording *recording, const char *format, const struct kei_export_options *options,
                       int (*write)(void *context, const void *data, size_t size), void *context,
                       struct kei_error *error);

enum kei_query_format { KEI_QUERY_TABLE, KEI_QUERY_CSV, KEI_QUERY_JSON };
/* Asks a recording in SQL: one statement that reads, over the views of docs/recording.md; NULL lists those and their
 * columns. `width`: columns of a table, whose long texts are cut; 0: as wide as it gets. */
KEI_API int kei_query(const char *path, const char *sql, enum kei_query_format format, uint32_t width,
                      int (*write)(void *context, const void *data, size_t size), void *context,
                      struct kei_error *error);

enum kei_diff_per { KEI_PER_CHOSEN, KEI_PER_RUN, KEI_PER_CPU_SECOND };
struct kei_diff_options {
    enum kei_diff_per per; /* chosen: per run where both are whole runs, else per second of CPU time */
    bool cpu_clock;        /* CPU time instead of wall time */
    bool color;            /* text: terminal colours */
    uint32_t width, top;   /* text: columns, 0: 80; rows of each table, 0: as the format likes */
};
/* What changed from A to B, with the noise of both: "text", "json" (docs/diff.schema.json) or "html". Of several
 * recordings of a side (lists that end with NULL) the means are compared, and the noise is how much runs of one side
 * differ among themselves. */
KEI_API int kei_diff_runs(const char *const *a, const char *const *b, const char *format,
                          const struct kei_diff_options *options,
                          int (*write)(void *context, const void *data, size_t size), void *context,
                          struct kei_error *error);
/* The same of one recording each. */
KEI_API int kei_diff(const char *a, const char *b, const char *format, const struct kei_diff_options *options,
                     int (*write)(void *context, const void *data, size_t size), void *context,
                     struct kei_error *error);

struct kei_merged {
    char path[4096]; /* the file made */
    uint64_t samples;
    uint32_t processes, hosts;
};
/* Makes one recording of several: of processes, runs and hosts, on one clock (each one's start by its host's clock). No
 * sample is lost. `output` is made new as every file; after an error there is none. */
KEI_API int kei_merge(const char *const *paths, size_t count, const char *output, struct kei_merged *merged,
                      struct kei_error *error);

/* Creates an output file as every file of keisoku is made: new, 0600, never through a link, numbered when the name is
 * taken. The name goes to `taken`. Returns the descriptor or a negative code. */
KEI_API int kei_create_file(const char *path, char *taken, size_t taken_size, struct kei_error *error);

/* ---- small help for front ends --------------------------------------------------------------------------------------
 */

/* Text of a target made safe for a terminal (control characters and broken UTF-8 become \xNN), or quoted as a JSON
 * string. Like snprintf: at most `size` bytes with the zero are written, the length needed is returned. */
KEI_API size_t kei_visible_text(const char *text, char *out, size_t size);
KEI_API size_t kei_json_text(const char *text, char *out, size_t size);
/* The candidate that a misspelt word most likely meant, or NULL. */
KEI_API const char *kei_nearest_word(const char *word, const char *const *candidates, size_t count);

#ifdef __cplusplus
}
#endif

#endif
