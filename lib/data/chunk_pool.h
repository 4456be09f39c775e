/*
 * Chunks of samples decoded side by side, by a thread for each core, and taken in the order in which they were given.
 * A few of them need no thread: then, and where none can be had, whoever takes a chunk decodes it.
 */
#ifndef KEISOKU_DATA_CHUNK_POOL_H
#define KEISOKU_DATA_CHUNK_POOL_H

#include "data/chunk.h"

struct chunk_pool;

/* What came of one chunk. `rows` are the pool's, until the next is taken. */
struct chunk_taken {
    const struct chunk_row *rows;
    size_t count;
    int rc; /* 0, ERR_CORRUPT or ERR_NOMEM */
};

/* NULL: no memory. */
struct chunk_pool *chunk_pool_new(void);
/* Also with chunks in it. NULL is fine. */
void chunk_pool_free(struct chunk_pool *pool);
/* As many were given as there is room for, or as many bytes: one must be taken first. */
bool chunk_pool_full(const struct chunk_pool *pool);
bool chunk_pool_empty(const struct chunk_pool *pool);
/* Copies the bytes, if they can be a chunk. 0 or ERR_NOMEM. */
int chunk_pool_give(struct chunk_pool *pool, const void *data, size_t size);
/* The oldest one, decoded. False: none is left. */
bool chunk_pool_take(struct chunk_pool *pool, struct chunk_taken *taken);

#endif
