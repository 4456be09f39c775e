/*
 * Code objects and stacks of one process as the sampler interns them: append-only tables in chunks that never move,
 * filled by the sampler thread alone and read by the writer without a lock (an id is published by the queue that
 * carries it). Names and lines are not looked at here: a node is (outer node, code, instruction offset). Each process
 * has a store of its own, which goes when nothing of the process is needed any more.
 *
 * A program that makes new code for ever fills it: so it has two sides, one of which is filled, and an id says which
 * side it is of. When that is over a limit the sampler turns to the other (store_turn.c); nothing it does from then on
 * makes or keeps an id of the old one. When no thread has one any more and the queue has passed the last sample with
 * one, the writer empties it.
 */
#ifndef KEISOKU_CAPTURE_STACK_STORE_H
#define KEISOKU_CAPTURE_STACK_STORE_H

#include "base/buf.h"
#include "base/map.h"

#include <stdatomic.h>

struct operand_plan;
struct tracked_process;

struct code_entry {
    struct tracked_process *process;
    uint64_t address, checksum;
    struct buf copy; /* python_code_copy */
    bool copied;
    uint64_t verified_ns;                /* [S] when its checksum was last found in place */
    uint64_t stale_from_ns, stale_to_ns; /* [S] its address was found to hold other code: in between it may have held
                                          * either. 0: never */
    /* the writer's */
    void *resolved;
    uint32_t hot_ticks;        /* with it innermost, up to where it is planned */
    struct operand_plan *plan; /* W publishes it, S reads; NULL: none */
    bool of_frames;            /* W publishes it, S reads: a function of pandas, whose objects have shapes */
};

struct stack_node {
    uint32_t parent; /* 0: outermost */
    uint32_t code;   /* index into codes */
    int32_t offset;  /* bytes into the code's instructions */
    uint32_t depth;
    uint32_t child;      /* [S] of the nodes whose parent it is, the one asked for last; 0: none was */
    bool learned;        /* [S] an exact read found a stack that is this one, or passes through it; atomic */
    uint32_t recorded;   /* the writer's: stack id of the recording */
    uint32_t generation; /* the writer's: for which that holds (names.c) */
    uint32_t flags;      /* the writer's: node_flags */
};

enum { STORE_FIRST = 64, STORE_CHUNKS = 20 }; /* each chunk has twice the room of the one before */

#define STORE_SIDE_BIT 0x80000000u /* of an id that is not 0 */

struct store_side {
    struct stack_node *nodes[STORE_CHUNKS];
    struct code_entry *codes[STORE_CHUNKS];
    uint32_t n_nodes, n_codes; /* entry 0 is "none" */
    struct map node_ids, code_ids;
    struct map addresses; /* (process, address) → index into latest */
    uint32_t *latest;     /* the code last seen there */
    struct map marked;    /* (address, mark) → code, of those that the kernel sampler copied */
    size_t n_latest, latest_capacity;
    size_t bytes; /* of it, about, with what the writer keeps of its code objects */
};

enum store_turn {
    STORE_FILLS, /* the other side is empty */
    STORE_TURNS, /* threads may still have ids of the other side */
    STORE_TURNED /* none has; the queue may: the writer empties it and goes back to the first */
};

struct stack_store {
    struct store_side sides[2];
    uint32_t side;      /* [S] that is filled */
    bool free_of_old;   /* [S] no thread had anything of the other side at the last look, while it turns */
    atomic_int turn;    /* enum store_turn; S goes on to the last, W back to the first */
    uint64_t turned_at; /* of the queue: what lies before it may have ids of the other side */
};

/* So much is let into a side. */
enum { STORE_SIDE_BYTES = 24 * 1024 * 1024 };

/* Is the id one of the side that is filled? 0 is of both. */
static inline bool stack_store_is_current(const struct stack_store *store, uint32_t id)
{
    return id == 0 || id >> 31 == store->side;
}
static inline struct store_side *stack_store_filled(struct stack_store *store)
{
    return &store->sides[store->side];
}
/* From now on the other side is filled, which must be empty. */
void stack_store_turn(struct stack_store *store);
/* Empties the side that is not filled. */
void stack_store_empty_other(struct stack_store *store);

/* The code object last seen at an address of a process; 0: none. */
uint32_t stack_store_latest_code(const struct stack_store *store, const struct tracked_process *process,
                                 uint64_t address);
/* The same of the side that was filled before, while STORE_TURNS. */
uint32_t stack_store_code_before(const struct stack_store *store, const struct tracked_process *process,
                                 uint64_t address);
int stack_store_init(struct stack_store *store);
void stack_store_release(struct stack_store *store);
struct stack_node *stack_store_node(const struct stack_store *store, uint32_t id);
struct code_entry *stack_store_code(const struct stack_store *store, uint32_t id);
/* 0 when memory is short or the table is full. */
uint32_t stack_store_add_node(struct stack_store *store, uint32_t parent, uint32_t code, int32_t offset);
/* The same, but none is made; 0: there is none. */
uint32_t stack_store_find_node(struct stack_store *store, uint32_t parent, uint32_t code, int32_t offset);
/* An exact read found this stack: it may be believed where it is met again. */
void stack_store_learn(const struct stack_store *store, uint32_t node);
bool stack_store_is_learned(const struct stack_store *store, uint32_t node);
/* Finds the code object of that process, address and checksum, or adds an empty entry; *fresh tells. *replaced is the
 * other code object that was seen at the address before, 0 when there was none. 0 when memory is short. */
uint32_t stack_store_add_code(struct stack_store *store, struct tracked_process *process, uint64_t address,
                              uint64_t checksum, bool *fresh, uint32_t *replaced);

#endif
