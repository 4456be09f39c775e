/*
 * What crosses between the kernel sampler (bpf/) and the collector: where a thread's Python state is and how its fields
 * lie, downwards; one sample each time a thread was interrupted, upwards. Fixed widths, host byte order: both ends run
 * on one machine. Offsets are in bytes; those of a frame count from frame_low, of a thread's state from thread_low.
 */
#ifndef KEISOKU_WIRE_KERNEL_SAMPLE_H
#define KEISOKU_WIRE_KERNEL_SAMPLE_H

#include <stdint.h>

/* A field that this version of the interpreter does not have. */
#define WIRE_NONE UINT32_MAX

enum {
    WIRE_FIELDS_BYTES = 256, /* the part of a frame, and of a code object, that is read at most */
    WIRE_BYTES = WIRE_FIELDS_BYTES + 8,
    WIRE_MARK_WORDS = 6,
    WIRE_MARK_HALVES = 4,
    WIRE_MARK_TEXT = 6, /* words of a name, at most */
    WIRE_TEXTS = 3,     /* of a code object: file, name, qualified name */
    WIRE_TEXT_BYTES = 512,
    WIRE_TABLE_BYTES = 16384,
    WIRE_NEW_CODES = 32,    /* copied with one sample at most; the others come with the next */
    WIRE_FRAMES_MAX = 8192, /* deeper stacks are cut */
    WIRE_THREADS_MAX = 16384,
    WIRE_GILS_MAX = 4096,  /* at a time; of others nothing is known */
    WIRE_NAME_BYTES = 216, /* of a task's name */
    WIRE_CALL_ARGUMENTS = 2,
    WIRE_REGISTERS = 33, /* by their DWARF numbers */
    WIRE_STACK_PAGE = 4096,
    WIRE_STACK_PAGES = 8,
    WIRE_WANTED = 8, /* instructions whose operands are wanted at a time */
    WIRE_OPERANDS = 2,
    WIRE_SLOTS = WIRE_OPERANDS + 1,
    WIRE_HEAD_BYTES = 64,                 /* of an operand */
    WIRE_CORES = 4096,                    /* a number above shares the place of another */
    WIRE_LONG_WAIT_NS = 10 * 1000 * 1000, /* the end of such a wait is always told of */
    WIRE_KNOWN_SLOTS = 16384              /* of marks that the collector knows, two for each value of their low bits */
};

struct wire_layout {
    uint32_t thread_low, thread_bytes;
    uint32_t thread_interpreter, thread_frame, thread_cframe, thread_status;
    uint32_t cframe_frame, cframe_previous;
    uint32_t frame_low, frame_bytes;
    uint32_t frame_previous, frame_code, frame_ip, frame_owner, frame_tlbc_index;
    uint32_t owner_mask; /* of its bytes; 0: there is no owner */
    uint32_t code_instructions, code_tlbc;
    uint32_t code_low, code_bytes, code_size;
    uint32_t code_texts[WIRE_TEXTS], code_table; /* addresses in the code object; WIRE_NONE: it has no such text */
    uint32_t table_size;                         /* where a bytes object says how long it is */
    uint32_t table_head;                         /* and what stands before its bytes */
    uint16_t mark_words[WIRE_MARK_WORDS], mark_halves[WIRE_MARK_HALVES]; /* fields from code_low on; may repeat */
    uint32_t mark_text; /* address of its file's name, from code_low on; WIRE_NONE: it has a number that tells it */
    uint32_t text_length, text_state;   /* fields of that name; WIRE_NONE: it is bytes, which have no state */
    uint32_t text_ascii, text_start[2]; /* bits of the state; where the name begins if they are set, and if not */
    uint32_t code_tag_mask;
    uint32_t end_owner;    /* owner from which on frames end a stack; 0: the entry of a loop does */
    uint32_t ip_scale;     /* the frame holds an index of so many bytes each; 0: an address */
    uint32_t status_holds; /* bits of the status that say "holds the GIL"; 0: `holder` tells */
};

/* What the program remembers of a thread between its switches. */
struct wire_switches {
    uint64_t left_ns;   /* since when it waits; 0: it does not, as far as is known */
    uint64_t delay_ns;  /* the scheduler's counters then: of its run delay, */
    uint64_t switches;  /* and of the times it was switched in */
    uint64_t seen_ns;   /* beginning of the last wait */
    uint64_t credit_ns; /* a wait that is told of costs an interval of it */
    uint64_t spent_ns;  /* on its switches, not told yet */
    uint64_t told;      /* the present one was */
    uint64_t known_ns;  /* of its run delay, by the last record */
    uint64_t stays_ns;  /* time of the last record with its stack, if it has not had the GIL since; 0: it may have */
    uint64_t gil_count; /* of the GIL's changes of hands, the newest seen when it last came to a core behind a wait */
};

/* The beginning of the GIL's structure, 3.7 on, where there is a GIL. */
struct wire_gil {
    uint64_t interval, holder; /* the thread state that has it, or had it last */
    uint32_t locked, padding;
    uint64_t count; /* of the threads that took it, each after another one */
};

/* Where the running task of asyncio is told, and what of it is told of. */
struct wire_tasks {
    uint64_t current; /* dict of loop and task, before 3.14; 0: the thread state tells */
    uint32_t running; /* field of it; 0: tasks are not told of */
    uint32_t dict_keys, keys_log2_size, keys_table_size, keys_count, keys_entries; /* fields; WIRE_NONE as below */
    uint32_t coroutine, name;
    uint32_t frame, frame_inside; /* field of a coroutine: its frame, or a pointer to it */
};

/* A thread to be read, by its id in the collector's own PID namespace. */
struct wire_thread {
    uint64_t owner; /* the collector's own, given back with each sample */
    uint64_t state, interpreter;
    uint64_t gc, holder; /* addresses of the collection flag, of the pointer to the GIL's holder; 0: none */
    uint64_t gil;        /* of the GIL, as wire_gil says it; 0: not known, or there is none */
    uint32_t process;
    struct wire_layout layout;
    struct wire_tasks tasks;
    struct wire_switches switches; /* the program's own; zero at first */
};

/* GONE: there is no thread state of that interpreter any more where it was. */
enum wire_result { WIRE_OK, WIRE_UNREADABLE, WIRE_INVALID, WIRE_GONE };
enum { WIRE_OWNED_BY_GENERATOR = 1 }; /* FRAME_OWNED_BY_GENERATOR, 3.11 on */
/* IN_DOUBT: its links may not be those of a stack; the collector is waked to look at the thread itself.
 * WAITS: it was not interrupted, it leaves its core to wait for something. STAYS: its stack is what it was, no frames
 * follow. */
enum wire_flags {
    WIRE_HOLDS_GIL = 1,
    WIRE_GC_RUNNING = 2,
    WIRE_TRUNCATED = 4,
    WIRE_NEW_CODE = 8,
    WIRE_IN_DOUBT = 16,
    WIRE_WAITS = 32,
    WIRE_STAYS = 64
};

struct wire_frame {
    uint64_t address, code;
    int32_t offset; /* into the instructions; INT32_MIN: makes no sense */
    uint32_t mark;  /* of the code object: a checksum of fields that never change while it lives */
    uint8_t owner, entry, reserved[6];
};

enum wire_kind {
    WIRE_SAMPLE,
    WIRE_CODE,
    WIRE_WAITED,
    WIRE_CORE,
    WIRE_NATIVE,
    WIRE_TASK,
    WIRE_OPERANDS_OF,
    WIRE_DELAYED
};

/* A code object that the collector had no name for, copied while a frame of it stood still. It comes before the sample
 * of that frame. Images are the first bytes of the objects as they were, as far as they fit and were there. */
struct wire_code {
    uint32_t kind, mark;
    uint64_t owner, address;
    uint32_t text_bytes[WIRE_TEXTS], table_bytes; /* of each image */
    uint64_t text_addresses[WIRE_TEXTS];
    uint8_t head[WIRE_FIELDS_BYTES];
    uint8_t texts[WIRE_TEXTS][WIRE_TEXT_BYTES];
    /* the line table's object follows */
};

struct wire_sample {
    uint32_t kind;
    uint32_t took_ns; /* the reading itself, and the switches of the thread since its last record */
    uint64_t owner;
    uint64_t time_ns;          /* CLOCK_MONOTONIC */
    uint64_t run_ns, delay_ns; /* the scheduler's counters, as of its last accounting */
    uint64_t switches;         /* likewise: times it was switched in */
    uint64_t left[2];          /* times it left its core: to wait, and preempted */
    uint64_t ip, user_ip;      /* where it was interrupted; where in user space it goes on */
    uint64_t entry_frame;      /* frame of the outermost call of the interpreter loop, where C frames are chained */
    uint64_t stays_ns;         /* where it STAYS: since then its stack is what it was */
    int64_t call;              /* of a wait: number of the system call, -1: none */
    uint64_t call_arguments[WIRE_CALL_ARGUMENTS];
    uint32_t stands_for; /* so many waits of the thread: the others are left out, by chance */
    uint8_t result, flags;
    uint8_t task_state; /* of a wait: TASK_INTERRUPTIBLE 1, TASK_UNINTERRUPTIBLE 2, stopped 4 and 8 */
    uint8_t reserved;
    uint32_t depth; /* frames that follow, innermost first */
    uint32_t core;  /* that it is on */
};

/* Of a thread, where it left user space. */
struct wire_registers {
    uint64_t ip;
    uint64_t registers[WIRE_REGISTERS]; /* 0: one that this processor does not have */
};

/* What native frames are found by: the registers of the thread in user space and the innermost piece of its stack, from
 * the page of its stack pointer on. It comes before the sample that it was read with. */
struct wire_native {
    uint32_t kind, reserved;
    uint64_t owner, time_ns; /* those of the sample */
    struct wire_registers user;
    uint64_t start;          /* address of the first byte */
    uint32_t pages, padding; /* so many pages could be read */
    uint8_t bytes[WIRE_STACK_PAGES * WIRE_STACK_PAGE];
};

/* The task that the interpreter calls running and whose coroutine's frame is on the stack, with the first bytes of the
 * object that is its name, as far as they were there. It comes before the sample that it was read with. */
struct wire_task {
    uint32_t kind, name_bytes;
    uint64_t owner, time_ns; /* those of the sample */
    uint64_t address, coroutine, frame, name_address;
    uint8_t name[WIRE_NAME_BYTES];
};

/* An instruction whose operands are wanted, of one frame that stands there. */
struct wire_wanted {
    uint32_t mark; /* of its code object; 0: none is wanted */
    int32_t offset;
    uint32_t slots[WIRE_SLOTS]; /* of the frame, in bytes from its address: the operands and what says that the first is
                                   one; WIRE_NONE: it has none such */
};

/* What stood in the slots, and the first bytes of the operands. It comes before the sample that it was read with. */
struct wire_operands {
    uint32_t kind, read;     /* bits: which operands could be read */
    uint64_t owner, time_ns; /* those of the sample */
    uint64_t values[WIRE_SLOTS];
    uint8_t bytes[WIRE_OPERANDS][WIRE_HEAD_BYTES];
};

/* A wait is over. Those that were not told of come as well, where they were long. */
struct wire_waited {
    uint32_t kind, reserved;
    uint64_t owner;
    uint64_t time_ns;  /* when the thread was waked; it may not have had a core at once */
    uint64_t switches; /* of its thread while it waited */
};

/* A thread gets the core that it has wanted for long: so much its counter of run delay has from now on. It may end
 * before it is sampled again. */
struct wire_delayed {
    uint32_t kind, reserved;
    uint64_t owner, time_ns, delay_ns;
};

/* A watched thread came to a core that has no clock. */
struct wire_core_wanted {
    uint32_t kind, core;
};

/* A core, in memory that both ends see. */
struct wire_core {
    uint64_t seen_ns; /* a watched thread was switched in, or interrupted, there */
    uint32_t on;      /* the collector's: it has the clock */
    uint32_t asked;   /* the program asked for it */
};

static inline uint64_t wire_mix(uint64_t mark, uint64_t value)
{
    mark = (mark ^ value) * 0x9e3779b97f4a7c15u;
    return mark ^ mark >> 29;
}

/* The mark of the code object at `address` whose bytes from code_low on are at `bytes`, a buffer of WIRE_BYTES. */
static inline uint32_t wire_mark(const struct wire_layout *layout, const uint8_t *bytes, uint64_t address,
                                 uint32_t process)
{
    uint64_t mark = address ^ (uint64_t)process << 40;
    for (int i = 0; i < WIRE_MARK_WORDS; i++)
        mark = wire_mix(mark, *(const uint64_t *)(bytes + (layout->mark_words[i] & (WIRE_FIELDS_BYTES - 1))));
    for (int i = 0; i < WIRE_MARK_HALVES; i++)
        mark = wire_mix(mark, *(const uint32_t *)(bytes + (layout->mark_halves[i] & (WIRE_FIELDS_BYTES - 1))));
    return (uint32_t)(mark >> 32);
}

/* That mark, with the length of its file's name and what that begins with: nothing else of a text stays as it is. */
static inline uint32_t wire_mark_text(uint32_t mark, uint64_t length, const uint64_t *image)
{
    uint64_t mixed = wire_mix(mark, length);
    for (int i = 0; i < WIRE_MARK_TEXT; i++)
        mixed = wire_mix(mixed, image[i]);
    return (uint32_t)(mixed >> 32);
}

#endif
