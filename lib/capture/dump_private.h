/* What dump.c (threads), dump_names.c (their frames) and dump_tasks.c (asyncio's tasks) share. */
#ifndef KEISOKU_CAPTURE_DUMP_PRIVATE_H
#define KEISOKU_CAPTURE_DUMP_PRIVATE_H

#include "base/map.h"
#include "capture/cpython/python.h"
#include "capture/dump.h"
#include "capture/proof.h"
#include "capture/schedule.h"

struct dumper {
    struct dump *dump;
    struct python *python;
    struct python_stack stack;
    struct buf copy; /* of the code object at hand */
    struct map known;
    struct dump_code *codes;
    size_t n_codes, codes_capacity;
    struct python_asyncio asyncio;
};

/* Into the dump's arena; NULL when memory is short. */
char *dump_keep(struct dumper *d, const char *text);
/* Fills the frames from the stack at hand; a thread of which one cannot be named is not proved. */
void dump_name_frames(struct dumper *d, struct dump_thread *thread);
void dump_names_release(struct dumper *d);
/* Names the instruction at `offset` of a copied code object. */
bool dump_name_copy(struct dumper *d, const struct buf *copy, int32_t offset, struct dump_frame *named);
/* The tasks of a thread that runs asyncio. */
void dump_tasks(struct dumper *d, const struct python_thread *state, const struct proc_thread *files,
                struct dump_thread *thread);

#endif
