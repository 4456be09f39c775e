/*
 * Reading a live CPython from outside: 2.7 and 3.6 to 3.15. This room is the only place that knows CPython versions;
 * callers see threads, raw stacks and code, never an offset.
 *
 * Use: python_open finds the interpreter of a process; python_threads lists its thread states (not on the timed path);
 * python_read_stack reads one thread's stack (timed path: no allocation, in 3.11+ one vectored read in the usual case);
 * python_code_copy copies a code object while its frame is alive; python_code_resolve turns the copy into names and
 * lines at leisure.
 * Whether a stack that was read is *true* is the caller's question: it proves that the thread did not run meanwhile.
 */
#ifndef KEISOKU_CAPTURE_PYTHON_H
#define KEISOKU_CAPTURE_PYTHON_H

#include "base/buf.h"
#include "base/err.h"
#include "capture/cpython/tasks.h"
#include "capture/target/remote.h"

struct python;

enum { PYTHON_DEPTH_MAX = 16384, PYTHON_CODE_HEAD_BYTES = 256 };

struct python_info {
    int major, minor, micro;
    bool free_threaded;
    bool own_offsets;     /* read from the target's own debug-offset table (3.13+) */
    bool unknown_version; /* newer than any row; measured with its own offset table */
    bool greenlets;       /* their module was loaded by then */
    char version[32];     /* "3.13.0", "3.14.8t" */
    char executable[4096];
    uint64_t text_start, text_end; /* executable mapping(s) that hold the interpreter loop: an instruction pointer
                                      inside is interpreter, not extension */
    uint64_t text_inode;           /* of the file that is mapped there */
    uint32_t text_device_major, text_device_minor;
};

/* Finds the interpreter. ERR_NOT_PYTHON when the process has none (yet: a process that has just been started may map
 * it a moment later, and *maybe is then true when a libpython or python executable is mapped or memory is not set up),
 * ERR_GONE, ERR_PERMISSION, ERR_VERSION (known to be Python, layout not known). */
int python_open(pid_t pid, struct python **result, bool *maybe, struct err *err);
void python_close(struct python *python);
/* Readers that are made from now on do not know the word of their thread's core: for those who read only once. */
void python_leave_cores(struct python *python);
const struct python_info *python_info(const struct python *python);
struct remote *python_remote(struct python *python);

/* A thread state of the interpreter. */
struct python_thread {
    uint64_t address;     /* of the thread state */
    uint64_t interpreter; /* address of its interpreter state */
    uint64_t pthread;     /* of the C library */
    pid_t tid;            /* as we see it; 0: none of the threads that the process has */
    pid_t inner;          /* as its own PID namespace shows it */
    pid_t named; /* that, as the state itself says, 0 when it does not (before 3.11); a fork behind the interpreter's
                    back, as uWSGI's, leaves its parent's there */
};
/* Lists thread states of all interpreters. Count, or a negative code (ERR_UNREADABLE when lists changed under us: try
 * again). */
int python_threads(struct python *python, struct python_thread **threads, size_t *capacity);
/* It had an interpreter and has none any more, or its memory is given back. One reading; allowed on the timed path. */
bool python_has_ended(struct python *python);
/* Where its innermost frame is, by one or two readings that prove nothing; 0: it has none, or it cannot be had. */
uint64_t python_innermost(struct python *python, const struct python_thread *thread);

struct python_frame {
    uint64_t code;    /* address of the code object */
    uint64_t address; /* of the frame */
    int32_t offset;   /* bytes into the code's instructions, of the instruction being executed; -1: not started */
    uint32_t mark;    /* of the code object when the frame was read, by the kernel sampler; else 0 */
};

/* Calls of the interpreter's loop in C, innermost first: so many frames of the stack run in each. */
enum { PYTHON_LOOPS_MAX = 64 };
struct python_loops {
    uint32_t n, open; /* `open`: frames of the one that is being counted */
    uint32_t frames[PYTHON_LOOPS_MAX];
};

struct python_stack {
    struct python_frame *frames; /* innermost first; room for PYTHON_DEPTH_MAX, the caller's */
    uint32_t depth;
    bool truncated; /* deeper than PYTHON_DEPTH_MAX */
    bool holds_gil; /* this thread holds its interpreter's GIL */
    bool attached;  /* it may run Python code without one (free-threaded builds whose GIL is off) */
    bool gil_known;
    bool gc_running;      /* a collection runs in its interpreter */
    bool exception;       /* the thread handles one, or one is on its way up; false where not known */
    int core;             /* that the thread's own code last ran on, read after all else; -1: not known */
    uint64_t gil_address; /* of the GIL, 0 unknown: a futex wait inside [address, address + size) waits for it */
    uint32_t gil_size;
    struct python_loops *loops; /* the caller's, filled with the frames; NULL: not wanted */
    struct python_task task;    /* that it belongs to; none unless the reader follows tasks */
};

/* Per-thread memory of the last read (predicted addresses, chunk image). */
struct python_reader;
struct python_reader *python_reader_new(struct python *python, const struct python_thread *thread);
void python_reader_free(struct python_reader *reader);

enum python_read_result {
    PYTHON_READ_OK,
    PYTHON_READ_UNREADABLE, /* a remote read failed */
    PYTHON_READ_INVALID,    /* frames do not form a stack (cycle, foreign code pointer, no end) */
};
/* Whether python_stack.core can be had for this thread (core_word.h). */
bool python_reader_knows_core(const struct python_reader *reader);
/* Reads it once more, after other reads; -1 as above. */
int python_read_core(struct python_reader *reader);
/* Whether readings bring it at all; as long as nobody asks they do. */
void python_reader_watch_core(struct python_reader *reader, bool watch);
/* Reads the stack. Timed path: no allocation, no lock, no /proc. depth 0 with OK: no Python frame (thread between
 * calls). */
enum python_read_result python_read_stack(struct python_reader *reader, struct python_stack *stack);

/* Several threads of one process in one call: python_read_plan writes what python_read_stack would read first (0: there
 * is no room for all of it); when all of it was read, python_read_planned says so, and the next python_read_stack takes
 * it from there. Timed path. */
size_t python_read_plan(struct python_reader *reader, struct remote_part *parts, size_t room);
void python_read_planned(struct python_reader *reader);

/* The thread state that holds the GIL of the reader's interpreter, or held it last; 0: not known. A read of its own. */
uint64_t python_read_gil_holder(const struct python_reader *reader);

/* Is the thread state still one of the thread that it was made for? False where states do not name their thread (before
 * 3.11). */
bool python_reader_owns(const struct python_reader *reader);

/* For the kernel sampler (wire/kernel_sample.h), which reads the same frames in an interrupt: how the thread is to be
 * read (false when its layout cannot be), and the stack that came of it, held to the same rules as one that is read
 * from here. */
struct wire_thread;
struct wire_sample;
struct wire_frame;
struct wire_code;
bool python_reader_wire(const struct python_reader *reader, struct wire_thread *thread);
enum python_read_result python_stack_recorded(struct python_reader *reader, const struct wire_sample *sample,
                                              const struct wire_frame *frames, struct python_stack *stack);
/* What else is known of the stack where it STAYS: its frames are those that were read before. */
void python_stack_stays(const struct python_reader *reader, const struct wire_sample *sample,
                        struct python_stack *stack);
/* Checksum and copy (as python_code_checksums and python_code_copy give them) of a code object that the kernel sampler
 * copied. */
int python_code_recorded(struct python *python, const struct wire_code *code, const uint8_t *table, uint64_t *checksum,
                         struct buf *copy);

/* The part of code objects that never changes while they live, for detecting that an address was reused: reads the
 * heads of `count` code objects in as few calls as possible and writes one checksum each (0: not readable or no code
 * object). Timed path. */
bool python_code_checksums(struct python *python, const uint64_t *codes, size_t count, uint64_t *checksums);

/* A copy of all that is needed to name a code object, taken while a frame of it is alive (a few remote reads, no
 * allocation beyond the buffer). */
int python_code_copy(struct python *python, uint64_t code, struct buf *copy);

struct python_code {
    char *name, *qualname, *file; /* UTF-8; qualname as the interpreter has it (3.11+), else the name */
    uint32_t first_line;
    bool coroutine; /* of an `async def` */
    uint8_t *lines; /* line table, format by version; read by python_code_line */
    size_t lines_size;
    int line_format;
};
int python_code_resolve(const struct python *python, const struct buf *copy, struct python_code *code);
void python_code_release(struct python_code *code);
/* The line of the instruction at `offset`; 0 when the table has none for it. Bounded on hostile tables. */
uint32_t python_code_line(const struct python_code *code, int32_t offset);

/* The expression that an instruction belongs to (3.11+). Columns are bytes of the line, counted from 0. */
struct python_position {
    uint32_t line, end_line, column, end_column;
};
/* False when the table has none for it. Bounded on hostile tables. */
bool python_code_position(const struct python_code *code, int32_t offset, struct python_position *position);

/* The name that threading.Thread has for a thread ("MainThread", "worker-3"), by reading its objects. Free read, off
 * the timed path; false when there is none or it could not be read. */
bool python_thread_name(struct python *python, const struct python_thread *thread, char *name, size_t size);

/* What the agent needs to know of 3.MINOR; `known` is 0 where calls cannot be counted. */
struct wire_agent_layout;
void python_agent_layout(int minor, struct wire_agent_layout *wire);

#endif
