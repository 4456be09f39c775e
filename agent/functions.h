/*
 * Functions as they are called: their rows in the segment, which are kept with their code objects, and their arguments.
 * What both ways of being told of a call (monitor.h, frames.h) come to.
 */
#ifndef KEISOKU_AGENT_FUNCTIONS_H
#define KEISOKU_AGENT_FUNCTIONS_H

#include "python.h"
#include "wire/agent.h"

#include <stdbool.h>
#include <string.h>

enum {
    TRAIT_HASHED = 0x100,   /* of a row: its arguments are; the low bits say how many */
    TRAIT_PIECEWISE = 0x200 /* a generator's or coroutine's, which begins anew each time it goes on */
};

/* Where fields of this interpreter lie. */
extern struct wire_agent_layout layout;
/* Are arguments hashed? */
extern bool hashing;

static inline struct object *pointer_at(const char *place)
{
    struct object *pointer;
    memcpy(&pointer, place, sizeof pointer);
    return pointer;
}

/* [thread] With the GIL held, from the directory's layouts. False: nothing can be counted here. */
bool functions_begin(const char *directory, bool calls, bool hashes, bool only);
/* An attribute that is an int; 0: there is none. */
long number_of(struct object *owner, const char *name);
/* [hook] The same, in the middle of an allocation: nothing is asked of Python that makes objects. NULL: the code is no
 * function's, but a constructor's helper, which may not be written to. */
struct wire_call_row *row_read(struct object *code);
/* [hook] Never NULL. */
struct wire_call_row *row_of(struct object *code);
/* [hook] */
void count_call(struct wire_call_row *row);
/* [hook] Of a frame that begins. False: not all arguments are plain. */
bool hash_arguments(const char *frame, const struct wire_call_row *row, uint64_t *hash);
/* [hook] A call with arguments of that hash gave a result. */
void came_back(struct wire_call_row *row, uint64_t arguments, struct object *result);

#endif
