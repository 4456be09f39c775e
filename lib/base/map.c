#include "base/map.h"

#include "base/err.h"

#include <string.h>

struct map_slot {
    uint64_t hash; /* 0: empty */
    const char *key;
    uint32_t length, value;
};

uint64_t hash_bytes(const void *data, size_t length)
{
    const unsigned char *bytes = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ length;
    for (; length >= 8; length -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    for (; length > 0; length--, bytes++)
        hash = (hash ^ *bytes) * UINT64_C(0x100000001b3);
    return hash_u64(hash);
}

void map_release(struct map *map)
{
    mem_free(map->slots);
    arena_release(&map->keys);
    memset(map, 0, sizeof *map);
}

static struct map_slot *find(const struct map *map, const void *key, size_t length, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *slot = &map->slots[i];
        if (slot->hash == 0 || (slot->hash == hash && slot->length == length && memcmp(slot->key, key, length) == 0))
            return slot;
    }
}

static uint64_t slot_hash(const void *key, size_t length)
{
    uint64_t hash = hash_bytes(key, length);
    return hash != 0 ? hash : 1;
}

bool map_get(const struct map *map, const void *key, size_t length, uint32_t *value)
{
    if (map->capacity == 0)
        return false;
    const struct map_slot *slot = find(map, key, length, slot_hash(key, length));
    if (slot->hash == 0)
        return false;
    *value = slot->value;
    return true;
}

static int grow(struct map *map)
{
    size_t capacity = map->capacity == 0 ? 64 : map->capacity * 2;
    struct map_slot *slots = mem_zalloc(capacity, sizeof *slots);
    if (slots == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].hash == 0)
            continue;
        size_t j = map->slots[i].hash & (capacity - 1);
        while (slots[j].hash != 0)
            j = (j + 1) & (capacity - 1);
        slots[j] = map->slots[i];
    }
    mem_free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return 0;
}

int map_put(struct map *map, const void *key, size_t length, uint32_t value, uint32_t *result, bool *found)
{
    if (length > UINT32_MAX || (map->count * 4 >= map->capacity * 3 && grow(map) != 0))
        return ERR_NOMEM;
    uint64_t hash = slot_hash(key, length);
    struct map_slot *slot = find(map, key, length, hash);
    *found = slot->hash != 0;
    if (!*found) {
        const char *copy = arena_strndup(&map->keys, key, length);
        if (copy == NULL)
            return ERR_NOMEM;
        *slot = (struct map_slot){.hash = hash, .key = copy, .length = (uint32_t)length, .value = value};
        map->count++;
    }
    *result = slot->value;
    return 0;
}
