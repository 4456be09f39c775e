/*
 * The plain data that flows from capture to export: states, samples, functions, processes, threads, counters, losses.
 * Numbers of enums are stored in recordings: append only.
 */
#ifndef KEISOKU_DATA_TYPES_H
#define KEISOKU_DATA_TYPES_H

#include <stdbool.h>
#include <stdint.h>

enum state {
#define X(name, text, letter, on_cpu, line) STATE_##name,
#include "data/states.def"
#undef X
    STATE_COUNT
};
const char *state_name(enum state state); /* "gil-wait" */
char state_letter(enum state state);      /* for the bar */
extern const bool state_is_on_cpu[STATE_COUNT];
static inline bool state_on_cpu(enum state state) /* the thread was executing */
{
    return (unsigned)state < STATE_COUNT && state_is_on_cpu[state];
}
const char *state_line(enum state state); /* one line of explanation */
/* The state of that name; STATE_COUNT when there is none. */
enum state state_by_name(const char *name);

/* How a sample's stack was read and why it can be trusted (design section 3, step 4). */
enum reader_kind {
    READER_NONE,   /* no stack was read (dropped, or no Python frame) */
    READER_ASLEEP, /* the thread slept through the whole read: exact */
    READER_CORE,   /* read from its own core with unchanged scheduler counters: exact */
    READER_KERNEL, /* kernel sampler: exact */
    READER_FREE,   /* read while it may have run: not proved */
    READER_STOP,   /* stopped on request: exact */
    READER_KIND_COUNT
};
const char *reader_kind_name(enum reader_kind kind);

/* Deeper stacks are not recorded; a file that has one is damaged. */
enum { STACK_DEPTH_MAX = 100000 };

enum sample_mark {                      /* bits */
                   MARK_GC = 1,         /* a collection was running in the interpreter */
                   MARK_IMPORT = 2,     /* import machinery on the stack */
                   MARK_GIL = 4,        /* the thread held the GIL */
                   MARK_LATE = 8,       /* taken more than 1 ms after its planned time */
                   MARK_TRUNCATED = 16, /* the stack was deeper than what is kept; outermost frames are missing */
                   MARK_ATTACHED = 32,  /* the thread was let run Python code where there is no GIL */
                   MARK_EXCEPTION = 64, /* the thread was handling an exception, or one was on its way up */
                   MARKS_ALL = 127
};

/* What the instruction pointer of a sample on the CPU lay in. Other native code and the kernel are frames of its stack.
 */
enum code_place {
    PLACE_UNKNOWN,
    PLACE_LOOP,    /* the interpreter's loop over the instructions of Python */
    PLACE_RUNTIME, /* the rest of the interpreter: allocation, dict, str, collection, built-in modules */
    PLACE_LIBRARY, /* the C library and the loader, whoever called them; in state on-cpu: not in the interpreter, and
                      of which object is not known */
    PLACE_COUNT
};

/* How often the innermost instruction belonged to an expression. Columns are bytes of a line, counted from 0. */
struct expression {
    uint32_t frame; /* whose line it begins on */
    uint32_t end_line, column, end_column;
    uint64_t ticks;
};

/*
 * What instructions of a line worked on, by a few looks a second: the type of an operand and how many items it had.
 * slot 0: what is searched, extended, called on or iterated over; 1: what with.
 */
struct operand {
    uint32_t frame, operation, type; /* of the last two string ids: "in", "list" */
    uint8_t slot;
    uint64_t looks, sized;              /* those that saw it; of them with a number of items */
    int64_t least, most, first, latest; /* items, where sized > 0 */
    int64_t total;                      /* items of all looks together */
    uint32_t shape;                     /* string id: of the latest array of more than one dimension; 0: none */
};

/* Who held the lock that a place waited for, by a few looks a second. */
struct lock_holder {
    uint32_t frame;  /* that waits */
    uint32_t held;   /* the frame of the other thread whose `with` holds the lock, where it was then; 0: not told */
    uint32_t thread; /* string id: name of the thread that holds it; 0: not told */
    uint64_t looks;
};

/*
 * How often a function of Python was called in a process: counted in it, not sampled (run --calls). The rest by
 * --arg-hash, of calls whose arguments are all plain values (numbers, texts, small tuples, lists and dicts of such)
 * and that came back, not by an exception.
 */
struct call_count {
    uint32_t process, function;
    uint64_t calls;
    uint64_t told;      /* calls with plain arguments that came back */
    uint64_t repeats;   /* of these, with arguments that the function had been called with before */
    uint64_t gave_none; /* of the told ones, those that gave None */
    uint64_t compared;  /* of the repeats, those whose result is a plain value as the earlier one was */
    uint64_t changed;   /* of these, those that gave another one */
};

/*
 * Memory that Python's own allocators were asked for at a place in a process, estimated from sampled bytes (run
 * --allocs); a block that grew was asked for again. `most`: of it, what was not given back when the process had most
 * of all. Added up; a recording that goes on may take from `most` again.
 */
struct allocation {
    uint32_t process, stack; /* stack 0: where no Python ran, or no room was */
    int64_t blocks, bytes, most_blocks, most_bytes;
};

/*
 * One thread at one instant. A sample stands for `ticks` sweeps that ended at time_ns and saw the same thing (a thread
 * that sleeps is not written a thousand times a second). run_ns and delay_ns are what the scheduler's counters of the
 * thread grew by since its previous sample: exact, and independent of what was sampled.
 */
struct sample {
    uint64_t time_ns; /* CLOCK_MONOTONIC since the recording's start */
    uint32_t thread;  /* id of recording_add_thread */
    uint32_t stack;   /* id of recording_add_stack; 0: none */
    uint32_t task;    /* id of recording_add_task: of asyncio, running; 0: none, or not known */
    uint32_t ticks;   /* >= 1 */
    uint64_t run_ns, delay_ns;
    uint8_t state;  /* enum state */
    uint8_t marks;  /* bits of sample_mark */
    uint8_t reader; /* enum reader_kind */
    uint8_t place;  /* enum code_place */
};

/* Below the stack of a thread that waits for the GIL stands a frame that says who holds it: kind FUNCTION_KERNEL, its
 * file this with the thread's name behind it, its name "held", or this and the function in which that thread was. */
#define PROFILE_HOLDER_FILE "[GIL] "
#define PROFILE_HOLDER_NAME "held in "

enum function_kind {
    FUNCTION_PYTHON,
    FUNCTION_NATIVE, /* outside of the interpreter: file is the shared object's or executable's, name the function's or,
                      * where the file does not say, its own */
    FUNCTION_KERNEL,
    FUNCTION_TASK /* no function: a task of asyncio in stacks that tell them apart (task_stacks.h); never recorded */
};

struct function {
    uint32_t name;       /* string id; qualified name where the interpreter has it */
    uint32_t file;       /* string id; as the code object has it, made absolute where that is known */
    uint32_t first_line; /* of the definition; 0: none */
    uint8_t kind;        /* enum function_kind */
};

/* Exit of a process: the wait status of waitpid(2), or one of these. */
enum { EXIT_STATUS_RUNNING = -1, EXIT_STATUS_UNKNOWN = -2 };

struct process {
    int32_t pid;
    uint32_t parent;           /* process id of this recording; 0: none. Ids count from 1 */
    uint32_t command;          /* string id: arguments joined by NUL, keisoku's own redaction applied */
    uint32_t executable;       /* string id */
    uint32_t python;           /* string id, "3.13.0"; 0: no Python seen in it */
    uint64_t start_ns, end_ns; /* when it was joined and when it ended or was left; end 0: still there */
    int32_t exit_status;
    uint32_t host, recording;       /* string ids, of a merged recording: its host, the file it was in; 0: this one's */
    bool tell_host, tell_recording; /* its number alone does not tell it from the others (set by profile_load) */
};

struct thread {
    uint32_t process;
    int32_t tid;
    uint32_t name; /* string id; 0: none known */
    uint64_t start_ns, end_ns;
    uint64_t run_ns, delay_ns; /* totals of the scheduler's counters over the recording */
};

/* A task of asyncio. Tasks that nobody can tell apart (the same name and function) may be one. */
struct task {
    uint32_t thread;    /* that runs its event loop */
    uint32_t name;      /* string id */
    uint32_t coroutine; /* function id; 0: not known */
    uint32_t awaiter;   /* task id: one that waits for this one; 0: none was seen to */
    uint32_t alike;     /* the first task that reports show as the same row (set by profile_load) */
};

/* Where a task was found to wait, and for how long by the looks at its loop, some ten a second. */
struct task_wait {
    uint32_t task, stack; /* stack: of its coroutines; 0: it had not begun */
    uint32_t on;          /* string id: type of what it waits for; 0: not known */
    uint64_t looks, wait_ns;
};

/* X(NAME, "name", "unit", cumulative, "what its subject is") */
#define COUNTER_LIST(X)                                                                                                \
    X(CORE_BUSY, "core_busy", "ns", 1, "core") /* every process's time on it */                                        \
    X(RSS, "rss", "bytes", 0, "process")                                                                               \
    X(PEAK_RSS, "peak_rss", "bytes", 0, "process")                                                                     \
    X(MINOR_FAULTS, "minor_faults", "1", 1, "process")                                                                 \
    X(MAJOR_FAULTS, "major_faults", "1", 1, "process")                                                                 \
    X(VOLUNTARY_SWITCHES, "voluntary_switches", "1", 1, "process")                                                     \
    X(INVOLUNTARY_SWITCHES, "involuntary_switches", "1", 1, "process")                                                 \
    X(READ_BYTES, "read_bytes", "bytes", 1, "process")                                                                 \
    X(WRITE_BYTES, "write_bytes", "bytes", 1, "process")                                                               \
    X(THROTTLED, "throttled", "ns", 1, "process") /* by the control group's CPU quota */                               \
    X(USER_TIME, "user_time", "ns", 1, "process")                                                                      \
    X(SYSTEM_TIME, "system_time", "ns", 1, "process")                                                                  \
    X(READ_CALLS, "read_by_calls", "bytes", 1, "process") /* from files, pipes, sockets, whatever holds them */        \
    X(WRITE_CALLS, "written_by_calls", "bytes", 1, "process")                                                          \
    X(TREE_TIME, "tree_time", "ns", 1, "process") /* its CPU time and that of all below it, to their very ends */      \
    X(CORE_USED, "core_used", "ns", 1, "core")    /* CPU time of the program's threads that were found on it */        \
    X(CORE_DELAY, "core_delay", "ns", 1, "core")  /* for which these had wanted a core and had none */                 \
    X(SOCKET_SENT, "socket_sent", "bytes", 1, "process") /* on sockets of every kind, UNIX ones among them */          \
    X(SOCKET_RECEIVED, "socket_received", "bytes", 1, "process")

enum counter_kind {
#define X(name, text, unit, cumulative, subject) COUNTER_##name,
    COUNTER_LIST(X)
#undef X
        COUNTER_KIND_COUNT
};
const char *counter_name(enum counter_kind kind);
const char *counter_unit(enum counter_kind kind);
bool counter_cumulative(uint32_t kind); /* one that only grows: what it grew by counts */
bool counter_of_core(uint32_t kind);    /* its subject is a core */
enum { COUNTER_CORES_MAX = 4096 };      /* those above are left out */

struct counter {
    uint64_t time_ns;
    uint32_t subject; /* a core's number or a process id of this recording */
    uint8_t kind;
    int64_t value; /* cumulative kinds: since the recording's start */
};

/* Why something was not measured, each counted. X(NAME, "name", "one line") */
#define LOSS_LIST(X)                                                                                                   \
    X(RAN_MEANWHILE, "ran-meanwhile", "the thread ran while it was read, every retry included")                        \
    X(UNREADABLE, "unreadable", "a remote read failed")                                                                \
    X(INVALID_STACK, "invalid-stack", "the frames did not form a stack that ends where stacks end")                    \
    X(OTHER_CORE, "other-core", "the thread ran on a core that we may not or could not run on")                        \
    X(OVERRUN, "overrun", "the next sweep was due before this one was done")                                           \
    X(QUEUE_FULL, "queue-full", "the writer did not keep up")                                                          \
    X(UNRESOLVED, "unresolved", "a name or line table could not be read")                                              \
    X(PROCESS_MISSED, "process-missed", "a process ended before it was looked into; it may have run Python")           \
    X(IP_LOST, "ip-lost", "the kernel dropped instruction pointers, or births and ends")                               \
    X(THREAD_MISSED, "thread-missed",                                                                                  \
      "a thread was not followed: it ended first, or no descriptors or memory were left")                              \
    X(CODE_GONE, "code-gone", "a function was gone before its name could be read")                                     \
    X(UNLEARNED, "unlearned", "read free, the stack was none that an exact reading had found before")                  \
    X(NOT_STOPPED, "not-stopped", "the thread did not stop when it was to, or another program traces it")              \
    X(CALL_UNCOUNTED, "call-uncounted",                                                                                \
      "a call was not counted: more functions, or longer names, than there is room for")                               \
    X(ALLOC_UNSAMPLED, "allocation-unsampled",                                                                         \
      "memory was not followed, or its place is not told: more blocks or places than there is room for")

enum loss_kind {
#define X(name, text, line) LOSS_##name,
    LOSS_LIST(X)
#undef X
        LOSS_KIND_COUNT
};
const char *loss_name(enum loss_kind kind);
const char *loss_line(enum loss_kind kind);

/* From so much of the time on it is told that we waited for a core (waited_ns). */
#define WAITED_TOLD 0.2

/* What the recorder says of itself, at the end of a recording. */
struct self_report {
    uint64_t own_cpu_ns;    /* all our threads */
    uint64_t core_taken_ns; /* time our sampler ran on cores that threads of the target wanted */
    uint64_t core_awake_ns; /* of that from waking to sleeping: without the timer and the switches */
    uint64_t own_rss_bytes;
    uint64_t sweeps; /* taken */
    uint64_t sweeps_planned;
    uint64_t late;                 /* sweeps more than 1 ms after their time */
    uint64_t reads, rereads;       /* stack reads, and those repeated because the proof failed */
    uint64_t stops;                /* threads stopped (only --reader stop) */
    uint64_t native_whole;         /* --native: samples on the CPU whose native frames reached the interpreter's loop */
    uint64_t native_cut;           /* and those that are shown without: no unwinding table, not in what was copied */
    uint64_t waited_ns;            /* for a core, by whichever of our threads did longest; 0 before the end */
    uint64_t page_wait_ns;         /* for pages of the program's memory that did not come: nothing was read meanwhile */
    double rate_asked_hz, rate_hz; /* asked (or default), reached */
};

#endif
