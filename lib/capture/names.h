/*
 * From the sampler's nodes (code address, instruction offset) to the recording's stacks (function, file, line), off the
 * timed path. Works on copies of code objects: the target may be long gone. The writer's alone.
 */
#ifndef KEISOKU_CAPTURE_NAMES_H
#define KEISOKU_CAPTURE_NAMES_H

#include "capture/measure.h"

struct names;

enum node_flags {                      /* of a whole stack */
                  NODE_IMPORT = 1,     /* the import machinery is on it */
                  NODE_IDLE_CALL = 2,  /* a place of idle.def is on it */
                  NODE_IDLE_LEAF = 4,  /* its innermost frame is one */
                  NODE_ASYNCIO = 8,    /* an event loop of asyncio runs below it */
                  NODE_COROUTINE = 16, /* a coroutine is on it */
                  NODE_LOOP_LEAF = 32  /* its innermost instruction was seen to run coroutines: one that calls a loop */
};

struct named_stack {
    uint32_t stack; /* id of the recording; 0: it could not be named */
    uint32_t flags;
};

int names_new(struct measurement *m, struct names **result);
void names_free(struct names *names);
struct named_stack names_stack(struct names *names, const struct stack_store *store, uint32_t node);
/* The function of a code object; 0: it could not be named. */
uint32_t names_function(struct names *names, const struct stack_store *store, uint32_t code);
/* Its last name; "": not known. */
const char *names_code(struct names *names, const struct stack_store *store, uint32_t code);
/* The recording gives out its ids anew (recording_trim). */
void names_restart(struct names *names);
/* All stacks of that side are named: it goes. */
void names_forget(struct stack_store *store, uint32_t side);
/* The leaves that were added are found by the recording alone. */
void names_forget_leaves(struct names *names);
/* Counts a sample with that node innermost: its expression, and what is hot gets its source text into the recording. */
void names_count(struct names *names, const struct stack_store *store, uint32_t node, uint32_t ticks);
/* The place (frame of the recording) of a node's innermost instruction; 0: it could not be named. */
uint32_t names_frame(struct names *names, const struct stack_store *store, uint32_t node);
/* The place of an instruction of code that has no node. */
uint32_t names_code_frame(struct names *names, struct tracked_process *process, const struct python_code *code,
                          int32_t offset);
/* The function that was counted under these names, which are the process's own. */
uint32_t names_counted(struct names *names, struct tracked_process *process, const char *file, const char *name,
                       uint32_t first_line);
/* The stack of a thread that waits for the GIL, with a frame that names who holds it: file "[GIL] THREAD", name
 * "held in FUNCTION" of that thread's innermost frame, or "held" where that is not known (node 0). */
uint32_t names_add_holder(struct names *names, uint32_t stack, const struct stack_store *store, uint32_t node,
                          const char *thread);
/* The stack with a frame of native code or the kernel below it. `symbol`: the function there; NULL: not known. */
uint32_t names_add_leaf(struct names *names, uint32_t stack, enum function_kind kind, const char *module,
                        const char *symbol);

#endif
