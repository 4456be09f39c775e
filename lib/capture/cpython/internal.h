/* What the files of this room share. Not seen outside of it. */
#ifndef KEISOKU_CAPTURE_CPYTHON_INTERNAL_H
#define KEISOKU_CAPTURE_CPYTHON_INTERNAL_H

#include "capture/cpython/layout.h"
#include "capture/cpython/python.h"
#include "capture/cpython/tasks.h"
#include "capture/cpython/view.h"
#include "capture/target/inner_ids.h"

#include <string.h>

enum {
    STATIC_CODES = 4096, /* slots of the table of static code objects; a power of two */
    KEY_HINTS = 16,
    INTERPRETERS_MAX = 1024,
    THREADS_MAX = 1 << 16,
};

struct python {
    struct remote remote;
    struct python_info info;
    struct layout layout;
    uint64_t runtime;                /* address of _PyRuntime, or of the first of the variables that it once was */
    uint64_t image_start, image_end; /* the interpreter's file in memory, data included */
    uint64_t code_type;              /* address of the type "code", 0 until seen */
    uint64_t none;                   /* address of None, 0 not known */
    uint64_t main_interpreter;       /* the oldest: the list begins with the newest; 0 until threads were listed */
    uint64_t active_threads;         /* its threading._active, 0 until found */
    struct inner_ids ids;            /* of its threads, as they were listed last */
    pid_t main_tid;                  /* of the main thread, as the target's own PID namespace shows it */
    bool knows_cores;                /* core_offset is known */
    int64_t core_offset;             /* core_word.h */
    uint32_t tid_offset;             /* of the kernel's id in the pthread structure, 0 until found (before 3.11) */
    /* Code objects inside the interpreter's image that were looked at, a hash table of STATIC_CODES slots: address,
     * with bit 0 set for a helper that no traceback shows. Written and read by several sampler threads, one word at a
     * time. */
    uint64_t *static_codes;
    uint64_t key_hints[KEY_HINTS]; /* addresses of names of attributes, by a hash of their text; likewise */
};

static inline uint64_t load_u64(const void *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t load_u32(const void *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

/* An address that an object may have: user space, aligned, not in the first pages. */
static inline bool plausible(uint64_t address)
{
    return address >= 4096 && address < UINT64_C(1) << 56 && (address & 7) == 0;
}

enum {
    THREAD_BYTES_MAX = 1024,
    KNOWN_TYPES = 64,
    STATUS_ACTIVE = 1 << 4 /* of a thread state's bits, where it has them: it holds the GIL */
};

/* A static type of the interpreter that was met, and what its objects are (object_kind.c). */
struct known_type {
    uint64_t address;
    uint8_t kind;
};

struct window {
    uint32_t low, high;
};

struct python_reader {
    struct python *python;
    struct python_thread thread;
    struct view *view;
    struct window thread_window, frame_window;
    uint64_t gc_address, holder_address, gil_address; /* 0: not known */
    uint32_t gil_size;
    uint32_t gc_collecting;
    uint64_t holder;
    uint32_t gil_enabled;  /* free-threaded builds can do without */
    uint64_t core_address; /* 0: not known */
    int32_t core;
    struct python_asyncio asyncio; /* known: tasks are read too */
    uint64_t running_task;         /* as the thread state says (3.14+) */
    struct known_type types[KNOWN_TYPES];
    uint8_t thread_bytes[THREAD_BYTES_MAX];
};

/* True when the object at `address` is a code object; learns the type's address by its name at the first one. */
bool python_is_code(struct python *python, uint64_t type);
/* True for a code object of the interpreter's own that stands for no Python function (a constructor call's helper). */
bool python_is_shim_code(struct python *python, uint64_t code);

/* code.c: the fields of a code object that the kernel sampler reads. False when they lie too far apart. */
struct wire_layout;
bool python_wire_code(const struct layout *row, struct wire_layout *wire);

/* text.c: strings of the target. */
enum { TEXT_HEAD_MAX = 144 };
struct text_part {
    uint64_t address; /* of the characters */
    uint32_t kind;    /* bytes a character; 0: none */
    uint32_t length;  /* characters */
};
/* Of a string's state word: set where all of it is ASCII. */
uint32_t text_ascii_bits(const struct layout *row);
/* What the head (str_ascii_size bytes) of the string at `address` says, cut after `limit` characters. */
struct text_part text_part_of(const struct layout *row, uint64_t address, const uint8_t *head, uint32_t limit);
/* Is it the ASCII text `wanted`? Of the string at `address`, str_ascii_size and as many bytes are in `head`. */
bool text_is(const struct layout *row, uint64_t address, const uint8_t *head, const char *wanted);
/* Appends characters of `kind` bytes each as UTF-8; what is no character becomes U+FFFD. Where strings are bytes, they
 * are taken for UTF-8 themselves. */
void text_to_utf8(const struct layout *row, struct buf *buf, const uint8_t *data, uint32_t kind, uint32_t length);
/* Reads the first `limit` characters of a string object; false when it is none. Adds a zero behind. */
bool text_read(struct python *python, uint64_t address, uint32_t limit, struct buf *buf);

/* stack.c: one frame, read as the walk does it. */
bool python_frame_at(struct python_reader *reader, uint64_t address, struct python_frame *frame);
/* The frames of a stack that no thread runs, from `frame` outwards; the interpreter's own lie on a C stack, of which a
 * part was copied away. */
struct moved_stack {
    uint64_t start, size, copy;
};
bool python_frames_from(struct python_reader *reader, uint64_t frame, const struct moved_stack *moved,
                        struct python_stack *stack);

/* object_kind.c: what kind of object this is, by the name of its type or of a type that it inherits from. */
enum object_kind {
    OBJECT_OTHER,
    OBJECT_COROUTINE, /* or a generator: has a frame */
    OBJECT_ASEND,     /* begins with its generator */
    OBJECT_WRAPPER,   /* begins with its coroutine */
    OBJECT_AWAITING,  /* begins with its future */
    OBJECT_FUTURE,
    OBJECT_TASK,
    OBJECT_WAKEUP, /* begins with its task */
    OBJECT_BUILTIN,
    OBJECT_METHOD,
    OBJECT_FUNCTION,
    OBJECT_PARTIAL,
    OBJECT_TASK_GROUP,
    OBJECT_CELL,
    OBJECT_TUPLE,
    OBJECT_LIST,
    OBJECT_SET,
    OBJECT_STR,
    OBJECT_INT,
};
enum object_kind object_kind(struct python_reader *reader, uint64_t object);
/* The same of objects of that type. */
enum object_kind object_kind_of(struct python_reader *reader, uint64_t type);
/* operands.c: where a code object's instructions are, and how many slots its frames have: locals, evaluation stack. */
struct instructions {
    uint64_t address;
    size_t size;
    uint32_t locals, stack;
};
bool python_instructions(struct python *python, uint64_t code, struct instructions *found);
enum { REFERENCE_INTEGER = 3 }; /* low bits of a reference that is a number, where references have such bits */
/* The object that a slot of a frame refers to; 0: none. */
static inline uint64_t object_of_slot(const struct layout *row, uint64_t reference)
{
    if (row->code_tag_mask && (reference & REFERENCE_INTEGER) == REFERENCE_INTEGER)
        return 0;
    uint64_t address = reference & ~(uint64_t)row->code_tag_mask;
    return plausible(address) ? address : 0;
}

/* task.c: the number of an int object, by its size and digits, that a task is called after. */
uint64_t task_number(uint64_t tag, const uint8_t *digits);
/* The name of its type without the module; "" not readable. */
void object_type_name(struct python_reader *reader, uint64_t object, char *name, size_t size);
/* Through the reader's view, not aligned ones and those of the first pages refused; 0 when not readable. */
uint64_t object_word(struct python_reader *reader, uint64_t address);
/* The fields of an object begin behind this. */
static inline uint32_t object_head(const struct python_reader *reader)
{
    return reader->python->layout.object_type + 8;
}

/* task.c */
bool task_read_name(struct python_reader *reader, uint64_t address, struct python_task *task);
/* The task of the stack that was just read, in the same reading. */
void task_of_stack(struct python_reader *reader, bool generators, struct python_stack *stack);
/* The frame of a coroutine; 0: it has none any more. */
uint64_t task_frame_of(struct python_reader *reader, uint64_t coroutine);

/* task_awaiter.c: a task that waits for this one; 0: none. */
uint64_t task_awaiter(struct python_reader *reader, uint64_t task);

/* name.c: objects by name. Addresses, 0: none. */
uint64_t python_module_member(struct python *python, uint64_t interpreter, const char *module, const char *name);
uint64_t python_attribute(struct python *python, uint64_t object, const char *name);

/* task_find.c: a number that is not negative and has at most 60 bits. */
bool python_read_int(struct python *python, uint64_t address, int64_t *value);

/* find.c: where _PyRuntime is, and what version. */
int python_find(struct python *python, bool *maybe, struct err *err);

/* find_symbols.c: the same without a _PyRuntime. Fills the layout; true when the file is such an interpreter's. */
struct elf;
bool python_find_symbols(struct python *python, struct elf *elf);
/* The address that a short function at `address` loads its result from; 0: none seen. */
uint64_t loaded_address(const uint8_t *code, size_t size, uint64_t address);

#endif
