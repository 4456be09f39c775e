/*
 * What crosses between the agent (agent/), which runs in the measured program, and the collector: downwards where
 * fields of an interpreter lie, a file with one row for each minor version; upwards a segment for each process, a file
 * in shared memory that the agent alone writes and that outlives it. Fixed widths, host byte order.
 */
#ifndef KEISOKU_WIRE_AGENT_H
#define KEISOKU_WIRE_AGENT_H

#include <stdint.h>

/* Environment that the agent takes out again: "FLAGS:PID:DIRECTORY". PID: the first process; 0: it is this one. */
#define WIRE_AGENT_VARIABLE "KEISOKU_AGENT"
#define WIRE_AGENT_LAYOUTS  "layouts"  /* its files in that directory: rows of struct wire_agent_layout, */
#define WIRE_AGENT_FILE     "agent.so" /* the agent itself, and PID.N, segments of processes */

enum {
    WIRE_AGENT_CALLS = 'c',  /* flags: calls are counted; */
    WIRE_AGENT_HASHES = 'h', /* their arguments are hashed too; */
    WIRE_AGENT_ALLOCS = 'a', /* allocations are sampled; */
    WIRE_AGENT_FIRST = 'o',  /* only in the first process that runs with the agent, whatever it executes */
    WIRE_AGENT_MINORS = 16,  /* layouts, by minor version of Python 3 */
    WIRE_AGENT_ROWS = 1 << 14,
    WIRE_AGENT_TEXT = 3 << 19, /* bytes of all names */
    WIRE_AGENT_NAME = 4096,    /* of one; a longer one is cut */
    WIRE_AGENT_SEGMENTS = 64,  /* of one PID */
    WIRE_AGENT_PLACES = 1 << 14,
    WIRE_AGENT_DEPTH = 128,      /* callers of a place that are told */
    WIRE_AGENT_BLOCK_PART = 1024 /* blocks are told in such parts of one */
};

#define WIRE_AGENT_MAGIC 0x31736c6c61634b49u
#define WIRE_AGENT_NONE  UINT32_MAX

/* Offsets in bytes; with `words` numbers of words in the interpreter's own table of offsets. */
struct wire_agent_layout {
    uint32_t known, words;
    uint32_t thread_frame, thread_cframe, cframe_frame;
    uint32_t frame_code, frame_ip, frame_locals;
    uint32_t frame_previous, frame_owner;
    uint32_t frame_tlbc_index, code_tlbc; /* of free-threaded builds; none: threads share their instructions */
    uint32_t code_instructions, code_filename, code_name, code_qualname, code_firstlineno;
    uint32_t object_type;
    uint32_t ip_scale;     /* bytes of each instruction that frame_ip counts; 0: it is an address */
    uint32_t shim_owner;   /* frames with this owner or above are the interpreter's own; 0: none are */
    uint32_t first_opcode; /* behind which a generator's frame begins; 0: its index of instructions is -1 then */
    uint64_t tag_mask;     /* low bits of a value that are no address */
};

struct wire_call_row {
    uint64_t calls, told, repeats, gave_none, compared, changed; /* as struct call_count of data/types.h */
    uint32_t file, name;                                         /* where they begin in the text; each ends in a 0 */
    uint32_t first_line;
    uint32_t traits; /* the agent's own */
};

/* A place where memory was asked for: a line, and how it was come to. Numbers are estimates, from sampled bytes. */
struct wire_alloc_place {
    uint32_t caller; /* its place, before it; 0: none */
    uint32_t row;    /* its function */
    uint32_t line;
    uint32_t unused;
    uint64_t blocks, bytes;           /* asked for here */
    uint64_t live_blocks, live_bytes; /* of these, not given back */
    uint64_t most_blocks, most_bytes; /* likewise, when the process had most of all, if that was before */
};

struct wire_segment {
    uint64_t magic;
    uint64_t opened_ns;      /* CLOCK_MONOTONIC */
    uint32_t hashes;         /* arguments are hashed */
    uint32_t over;           /* the collector's word: nothing need be counted any more */
    uint32_t n_rows, n_text; /* written; row 0 counts what found no room */
    uint32_t n_places;       /* likewise; place 0 is where no Python ran, or no room was */
    uint32_t unplaced;       /* blocks that were met at a place for which there was no room */
    uint64_t unsampled;      /* blocks that were to be sampled, for which there was no room */
    struct wire_call_row rows[WIRE_AGENT_ROWS];
    struct wire_alloc_place places[WIRE_AGENT_PLACES];
    char text[WIRE_AGENT_TEXT];
};

#endif
