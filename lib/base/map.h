/*
 * Hash maps that only grow: bytes → u32 (interning) and a fixed-size key → u32. Keys are copied into the map's arena;
 * values are the caller's. Not thread-safe.
 */
#ifndef KEISOKU_BASE_MAP_H
#define KEISOKU_BASE_MAP_H

#include "base/mem.h"

#include <stdbool.h>

struct map_slot;
struct map {
    struct map_slot *slots;
    size_t count, capacity;
    struct arena keys;
};

void map_release(struct map *map);
/* True and *value when the key is there. */
bool map_get(const struct map *map, const void *key, size_t length, uint32_t *value);
/* Finds the key or adds it with `value`; *found tells which, the returned *result is the value kept. 0 or ERR_NOMEM. */
int map_put(struct map *map, const void *key, size_t length, uint32_t value, uint32_t *result, bool *found);

/* The hash used (FNV-1a folded through a 64-bit finaliser); exposed for other tables. */
uint64_t hash_bytes(const void *data, size_t length);
/* The finaliser of MurmurHash3 (public domain). */
static inline uint64_t hash_u64(uint64_t value)
{
    value ^= value >> 33;
    value *= UINT64_C(0xff51afd7ed558ccd);
    value ^= value >> 33;
    value *= UINT64_C(0xc4ceb9fe1a85ec53);
    value ^= value >> 33;
    return value;
}

#endif
