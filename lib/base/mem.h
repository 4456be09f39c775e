/*
 * Memory. All allocation of the library goes through these functions, so that a test can make the n-th one fail.
 * They return NULL when memory is short; sizes that overflow count as short. mem_free accepts NULL.
 */
#ifndef KEISOKU_BASE_MEM_H
#define KEISOKU_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

struct mem_hooks {
    void *(*realloc)(void *old, size_t size); /* size > 0; old may be NULL */
    void (*free)(void *block);
};

/* Replaces the allocator (tests only, before any other call); NULL restores realloc and free. */
void mem_set_hooks(const struct mem_hooks *hooks);

void *mem_alloc(size_t size);                /* uninitialised */
void *mem_zalloc(size_t count, size_t size); /* zeroed */
void *mem_realloc(void *old, size_t count, size_t size);
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t length);
void mem_free(void *block);

/* Grows `*array` (elements of `size` bytes, `*capacity` of them) so that it holds at least `need`. 0 or ERR_NOMEM. */
int mem_grow(void *array, size_t *capacity, size_t need, size_t size);

/* Bump allocation, freed all at once. */
struct arena {
    struct arena_block *blocks;
};
void *arena_alloc(struct arena *arena, size_t size);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
void arena_release(struct arena *arena);

#endif
