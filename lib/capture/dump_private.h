/* What dump.c (threads), dump_names.c (their frames), dump_tasks.c (asyncio's tasks), dump_greenlets.c and
 * dump_native.c share. */
#ifndef KEISOKU_CAPTURE_DUMP_PRIVATE_H
#define KEISOKU_CAPTURE_DUMP_PRIVATE_H

#include "base/map.h"
#include "capture/cpython/greenlet.h"
#include "capture/cpython/python.h"
#include "capture/dump.h"
#include "capture/greenlets.h"
#include "capture/proof.h"
#include "capture/schedule.h"

struct greenlets {
    bool sought, mapped;
    uint64_t *addresses;
    size_t count, capacity;
    struct proc_maps maps; /* of the process then */
};

struct dumper {
    struct dump *dump;
    struct python *python;
    struct python_stack stack;
    bool in_coroutine;            /* one of its frames is a coroutine's */
    struct python_thread *states; /* of the interpreter, and the kernel's threads */
    pid_t *tids;
    size_t states_capacity, tids_capacity;
    int n_states, n_tids;
    bool no_descriptors;        /* were left for some thread */
    bool still;                 /* nothing changes while it is read */
    struct remote_pages *pages; /* then, and for names */
    struct buf copy;            /* of the code object at hand */
    struct map known;
    struct dump_code *codes;
    size_t n_codes, codes_capacity;
    struct python_asyncio asyncio;
    struct greenlets greenlets;
    struct dump_natives *natives; /* NULL: none are wanted */
};

/* Into the dump's arena; NULL when memory is short. */
char *dump_keep(struct dumper *d, const char *text);
/* Fills the frames from the stack at hand; a thread of which one cannot be named is not proved. */
void dump_name_frames(struct dumper *d, struct dump_thread *thread);
void dump_names_release(struct dumper *d);
/* Names the instruction at `offset` of a copied code object. */
bool dump_name_copy(struct dumper *d, const struct buf *copy, int32_t offset, struct dump_frame *named);
/* How many greenlets the process has that may be waiting. Looks for them at the first call. */
size_t dump_find_greenlets(struct dumper *d, struct python_reader *reader);
/* Does the address lie on the C stack of that thread? */
bool dump_is_on_stack(const struct dumper *d, uint64_t address, pid_t tid, uint64_t pthread);
/* Is the event loop of that name loaded? Its frames are not Python's. */
bool dump_has_uvloop(struct dumper *d);
void dump_forget_greenlets(struct dumper *d);
/* The tasks of a thread that runs asyncio, and its greenlets that do not run. */
void dump_tasks(struct dumper *d, const struct python_thread *state, const struct proc_thread *files,
                struct dump_thread *thread);

/* Native frames: what of them is copied for a thread goes into its frames. Without them these do nothing. */
int dump_natives_new(struct dumper *d, struct err *err);
void dump_natives_free(struct dumper *d);
void dump_natives_begin(struct dumper *d, pid_t tid);
/* Where it sleeps; between the beginning and the end of the proof. */
void dump_natives_copy(struct dumper *d, pid_t tid, const struct proof *proof);
/* Instead, where it runs: makes the stack at hand that of a sample by the kernel, which is exact. */
bool dump_natives_sample(struct dumper *d, pid_t tid, struct python_reader *reader);
void dump_natives_merge(struct dumper *d, struct dump_thread *thread);

#endif
