/*
 * The layout of one CPython minor version: where fields are and what they mean. All knowledge of versions is in these
 * rows: versions.c holds the meanings (one row a minor), versions.inc the offsets made from the headers by
 * tools/generate-python-rows, and from 3.13 on the offsets come from the target's own table (offsets.c). The walkers
 * know fields and flags, never a version.
 */
#ifndef KEISOKU_CAPTURE_LAYOUT_H
#define KEISOKU_CAPTURE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A field that this version does not have. */
#define LAYOUT_NONE UINT32_MAX

/* X(name). Offsets in bytes into the structure that begins the name, except *_size, which are sizes.
 * The generator prints exactly these. */
#define LAYOUT_STATE_FIELDS(X)                                                                                         \
    X(runtime_size)                                                                                                    \
    X(runtime_interpreters_head)                                                                                       \
    X(runtime_tstate_current) /* thread that holds the GIL */                                                          \
    X(runtime_gil)            /* the GIL itself */                                                                     \
    X(runtime_gil_lock)       /* or a pointer to the lock that it is */                                                \
    X(runtime_gc_collecting)                                                                                           \
    X(interpreter_size)                                                                                                \
    X(interpreter_next)                                                                                                \
    X(interpreter_threads_head)                                                                                        \
    X(interpreter_gil) /* pointer to the GIL */                                                                        \
    X(interpreter_gc_collecting)                                                                                       \
    X(interpreter_modules)                                                                                             \
    X(thread_size)                                                                                                     \
    X(thread_next)                                                                                                     \
    X(thread_interpreter)                                                                                              \
    X(thread_frame)  /* innermost frame */                                                                             \
    X(thread_cframe) /* or the C frame that points to it */                                                            \
    X(thread_status)                                                                                                   \
    X(thread_pthread)                                                                                                  \
    X(thread_native_id)                                                                                                \
    X(thread_raising)  /* exception on its way up; NULL: none */                                                       \
    X(thread_handling) /* pointer to the handled exceptions */                                                         \
    X(thread_handlers) /* where these lie outside of generators */                                                     \
    X(thread_handled)  /* or the handled exception itself */                                                           \
    X(handling_value)  /* the innermost handled exception; NULL or None: none */                                       \
    X(thread_chunk)    /* newest data-stack chunk; the top pointer follows it */                                       \
    X(cframe_frame)                                                                                                    \
    X(cframe_previous)

/* Objects up to 3.10. */
#define LAYOUT_FRAME_FIELDS(X)                                                                                         \
    X(frame_size)                                                                                                      \
    X(frame_previous)                                                                                                  \
    X(frame_code)                                                                                                      \
    X(frame_ip)                                                                                                        \
    X(frame_owner)                                                                                                     \
    X(frame_tlbc_index)                                                                                                \
    X(frame_stackpointer) /* behind the innermost value of its stack */                                                \
    X(frame_stackdepth)   /* or the number of its values */                                                            \
    X(frame_values)       /* the values; up to 3.10 a pointer to them */                                               \
    X(frame_locals)       /* the local variables; the evaluation stack follows them */

#define LAYOUT_OBJECT_FIELDS(X)                                                                                        \
    X(generator_frame)  /* pointer to its frame, */                                                                    \
    X(generator_iframe) /* or the frame itself */                                                                      \
    X(generator_state)                                                                                                 \
    X(function_closure)                                                                                                \
    X(function_qualname)                                                                                               \
    X(code_size)                                                                                                       \
    X(code_argcount)                                                                                                   \
    X(code_flags)                                                                                                      \
    X(code_firstlineno)                                                                                                \
    X(code_consts)                                                                                                     \
    X(code_names)                                                                                                      \
    X(code_filename)                                                                                                   \
    X(code_name)                                                                                                       \
    X(code_qualname)                                                                                                   \
    X(code_linetable)                                                                                                  \
    X(code_instructions) /* the instructions themselves */                                                             \
    X(code_bytes)        /* or the object that holds them */                                                           \
    X(code_tlbc)                                                                                                       \
    X(code_locals) /* count; with the following two tuples' sizes before 3.11 */                                       \
    X(code_cellvars)                                                                                                   \
    X(code_freevars)                                                                                                   \
    X(code_stacksize)                                                                                                  \
    X(object_type)                                                                                                     \
    X(var_size)                                                                                                        \
    X(str_length)                                                                                                      \
    X(str_state)                                                                                                       \
    X(str_ascii_size)                                                                                                  \
    X(str_compact_size)                                                                                                \
    X(bytes_data)                                                                                                      \
    X(type_name)                                                                                                       \
    X(type_basicsize)                                                                                                  \
    X(type_flags)                                                                                                      \
    X(type_dictoffset)                                                                                                 \
    X(type_cached_keys)                                                                                                \
    X(dict_keys)                                                                                                       \
    X(dict_values)                                                                                                     \
    X(dict_mask)  /* 2.7: slots of the table - 1 */                                                                    \
    X(dict_table) /* 2.7: pointer to the slots */                                                                      \
    X(module_dict)

#define LAYOUT_KEYS_FIELDS(X)                                                                                          \
    X(keys_log2_size)       /* 3.11+ */                                                                                \
    X(keys_log2_index_size) /* 3.11+ */                                                                                \
    X(keys_kind)            /* 3.11+ */                                                                                \
    X(keys_table_size)      /* before: number of slots */                                                              \
    X(keys_entry_count)                                                                                                \
    X(keys_indices)                                                                                                    \
    X(values_array) /* from the start of an instance's values to the first */

#define LAYOUT_FIELDS(X) LAYOUT_STATE_FIELDS(X) LAYOUT_FRAME_FIELDS(X) LAYOUT_OBJECT_FIELDS(X) LAYOUT_KEYS_FIELDS(X)

enum line_format {
    LINES_FORWARD,   /* pairs of unsigned address step, unsigned line step */
    LINES_LNOTAB,    /* pairs of unsigned address step, signed line step */
    LINES_RANGES,    /* pairs of unsigned range length, signed line step, -128: no line */
    LINES_LOCATIONS, /* entries of a code byte and variable-length numbers */
    LINE_FORMATS
};

enum ip_kind {
    IP_INDEX,   /* index of the instruction; ip_scale bytes each */
    IP_POINTER, /* address inside the code object or its thread-local copy */
};

/* Where an instance keeps its attributes. */
enum instance_kind {
    INSTANCE_DICT_OFFSET,   /* tp_dictoffset leads to a dict */
    INSTANCE_VALUES_BEFORE, /* words -4 (values) and -3 (dict) before the object */
    INSTANCE_TAGGED_BEFORE, /* word -3: dict, or values pointer - 1 */
    INSTANCE_INLINE,        /* values behind the object; word -3: dict once made */
};

struct layout {
    uint8_t major, minor;
    const char *sign;              /* symbol that tells the version where there is no _PyRuntime; NULL: there is one */
    const char *thread_name_field; /* of threading.Thread */
    bool byte_strings;             /* names are byte strings */
    bool own_offsets;              /* offsets come from the target's own table */
    bool init_shim;                /* constructor calls push a thread-owned helper frame whose code is static */
    bool active_bit;               /* status holds "active" (holds the GIL, attached) */
    uint8_t ip_scale;              /* of IP_INDEX */
    uint8_t shim_owner;            /* frames with this owner or above are the interpreter's own; 0: none are */
    uint8_t code_tag_mask;         /* low bits of a code pointer that are no address */
    uint8_t line_format, ip_kind, instance_kind;
    uint8_t begin_opcode;        /* behind which a generator's frame begins; 0: it stands before all instructions */
    uint8_t code_version_before; /* a code object's own number lies so far before code_filename; 0: has none */
    /* asyncio; task_size 0: its tasks are not read by layout (before 3.8), or not only (3.14 on) */
    bool task_table;              /* _asyncio has a table of its own offsets */
    uint8_t await_opcodes[2];     /* what the instruction is before which a frame stands that awaits; 0: any */
    int8_t await_low, await_high; /* states of a generator that is suspended, of those that may await */
    int8_t created_state;         /* of one that has not begun */
    int8_t over_state;            /* of one that runs; above: it is over */
    uint8_t await_value;          /* which value it awaits, from the end of its frame's stack */
    uint16_t task_size, task_coro, task_name;
    uint8_t str_kind_shift;          /* of the kind in a string's state word; compact and ASCII flags follow it */
    uint8_t str_kind_shift_threaded; /* the same in free-threaded builds */
#define LAYOUT_MEMBER(name) uint32_t name;
    LAYOUT_FIELDS(LAYOUT_MEMBER)
#undef LAYOUT_MEMBER
};

static inline bool layout_has(uint32_t offset)
{
    return offset != LAYOUT_NONE;
}

/* The row of a version, NULL when there is none. */
const struct layout *layout_find(int major, int minor);
const struct layout *layout_newest(void);
/* Objects whose heads are so much longer than in the row. */
void layout_lengthen(struct layout *layout, uint32_t bytes);
/* The rows that have no _PyRuntime, by index; NULL behind the last. */
const struct layout *layout_without_runtime(size_t index);
/* The row whose _PyRuntime has this size; NULL when none or more than one (3.8 to 3.10 tell themselves so). */
const struct layout *layout_by_runtime_size(uint64_t size);

#endif
