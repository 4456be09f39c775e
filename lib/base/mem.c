#include "base/mem.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

static const struct mem_hooks system_hooks = {realloc, free};
static struct mem_hooks active = {realloc, free};

void mem_set_hooks(const struct mem_hooks *hooks)
{
    active = hooks != NULL ? *hooks : system_hooks;
}

void *mem_realloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return active.realloc(old, bytes > 0 ? bytes : 1);
}

void *mem_alloc(size_t size)
{
    return mem_realloc(NULL, 1, size);
}

void *mem_zalloc(size_t count, size_t size)
{
    void *block = mem_realloc(NULL, count, size);
    if (block != NULL)
        memset(block, 0, count * size);
    return block;
}

char *mem_strndup(const char *text, size_t length)
{
    char *copy = mem_alloc(length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

void mem_free(void *block)
{
    if (block != NULL)
        active.free(block);
}

int mem_grow(void *array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return 0;
    size_t wanted = *capacity < 16 ? 16 : *capacity + *capacity / 2;
    if (wanted < need)
        wanted = need;
    void *old;
    memcpy(&old, array, sizeof old);
    void *grown = mem_realloc(old, wanted, size);
    if (grown == NULL)
        return ERR_NOMEM;
    memcpy(array, &grown, sizeof grown);
    *capacity = wanted;
    return 0;
}

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(16) char data[];
};

enum { ARENA_BLOCK_BYTES = 64 * 1024 };

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + 15) & ~(size_t)15;
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t capacity = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
        block = mem_alloc(sizeof *block + capacity);
        if (block == NULL)
            return NULL;
        block->used = 0;
        block->size = capacity;
        /* A block of its own goes behind the current one, whose rest stays in use. */
        struct arena_block **at =
            size > ARENA_BLOCK_BYTES && arena->blocks != NULL ? &arena->blocks->next : &arena->blocks;
        block->next = *at;
        *at = block;
    }
    void *result = block->data + block->used;
    block->used += size;
    return result;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

void arena_release(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        mem_free(arena->blocks);
        arena->blocks = next;
    }
}
