/*
 * What crosses between the agent (agent/), which runs in the measured program, and the collector: downwards where
 * fields of an interpreter lie, a file with one row for each minor version; upwards a segment for each process, a file
 * in shared memory that the agent alone writes and that outlives it. Fixed widths, host byte order.
 */
#ifndef KEISOKU_WIRE_CALLS_H
#define KEISOKU_WIRE_CALLS_H

#include <stdint.h>

/* Environment that the agent takes out again: "FLAGS:PID:DIRECTORY". PID: the first process; 0: it is this one. */
#define WIRE_CALLS_VARIABLE "KEISOKU_AGENT"
#define WIRE_CALLS_LAYOUTS  "layouts"  /* its files in that directory: rows of struct wire_calls_layout, */
#define WIRE_CALLS_AGENT    "agent.so" /* the agent itself, and PID.N, segments of processes */

enum {
    WIRE_CALLS_HASHES = 'h', /* flags: arguments are hashed too; */
    WIRE_CALLS_FIRST = 'o',  /* only in the first process that runs with the agent, whatever it executes */
    WIRE_CALLS_MINORS = 16,  /* layouts, by minor version of Python 3 */
    WIRE_CALLS_ROWS = 1 << 14,
    WIRE_CALLS_TEXT = 3 << 19, /* bytes of all names */
    WIRE_CALLS_NAME = 4096,    /* of one; a longer one is cut */
    WIRE_CALLS_SEGMENTS = 64   /* of one PID */
};

#define WIRE_CALLS_MAGIC 0x31736c6c61634b49u
#define WIRE_CALLS_NONE  UINT32_MAX

/* Offsets in bytes; with `words` numbers of words in the interpreter's own table of offsets. */
struct wire_calls_layout {
    uint32_t known, words;
    uint32_t thread_frame, thread_cframe, cframe_frame;
    uint32_t frame_code, frame_ip, frame_locals;
    uint32_t object_type;
    uint32_t first_opcode; /* behind which a generator's frame begins; 0: its index of instructions is -1 then */
    uint64_t tag_mask;     /* low bits of a value that are no address */
};

struct wire_call_row {
    uint64_t calls, told, repeats, gave_none, compared, changed; /* as struct call_count of data/types.h */
    uint32_t file, name;                                         /* where they begin in the text; each ends in a 0 */
    uint32_t first_line;
    uint32_t traits; /* the agent's own */
};

struct wire_calls {
    uint64_t magic;
    uint64_t opened_ns;      /* CLOCK_MONOTONIC */
    uint32_t hashes;         /* arguments are hashed */
    uint32_t over;           /* the collector's word: nothing need be counted any more */
    uint32_t n_rows, n_text; /* written; row 0 counts what found no room */
    struct wire_call_row rows[WIRE_CALLS_ROWS];
    char text[WIRE_CALLS_TEXT];
};

#endif
