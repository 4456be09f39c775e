/* A small throw-away dictionary: u64 keys → 0, 1, 2 … in the order of their first appearance. */
#ifndef KEISOKU_DATA_DICTIONARY_H
#define KEISOKU_DATA_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>

struct dictionary {
    uint64_t *keys;  /* by index */
    uint32_t *slots; /* index + 1; 0: empty */
    size_t count, mask;
};

/* Room for `most` keys. 0 or ERR_NOMEM. */
int dictionary_init(struct dictionary *dictionary, size_t most);
uint32_t dictionary_index(struct dictionary *dictionary, uint64_t key);
void dictionary_release(struct dictionary *dictionary);

#endif
