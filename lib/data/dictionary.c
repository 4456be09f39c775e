#include "data/dictionary.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <string.h>

int dictionary_init(struct dictionary *dictionary, size_t most)
{
    size_t slots = 64;
    while (slots < most * 2)
        slots *= 2;
    *dictionary = (struct dictionary){.mask = slots - 1};
    dictionary->keys = mem_realloc(NULL, most, sizeof *dictionary->keys);
    dictionary->slots = mem_zalloc(slots, sizeof *dictionary->slots);
    if (dictionary->keys != NULL && dictionary->slots != NULL)
        return 0;
    dictionary_release(dictionary);
    return ERR_NOMEM;
}

uint32_t dictionary_index(struct dictionary *dictionary, uint64_t key)
{
    size_t at = hash_u64(key) & dictionary->mask;
    while (dictionary->slots[at] != 0) {
        uint32_t index = dictionary->slots[at] - 1;
        if (dictionary->keys[index] == key)
            return index;
        at = (at + 1) & dictionary->mask;
    }
    dictionary->keys[dictionary->count] = key;
    dictionary->slots[at] = (uint32_t)++dictionary->count;
    return (uint32_t)dictionary->count - 1;
}

void dictionary_release(struct dictionary *dictionary)
{
    mem_free(dictionary->keys);
    mem_free(dictionary->slots);
    memset(dictionary, 0, sizeof *dictionary);
}
