/*
 * What tells whether two values are the same: a hash of plain ones, of which no code of the program takes part. Plain
 * are exactly int of 64 bits, float, bool, str and bytes, None, types and modules (by their address), and tuples, lists
 * and dicts of few such values. 64 bits: of a million values two are taken for one with a chance of 3e-8.
 */
#ifndef KEISOKU_AGENT_PLAIN_H
#define KEISOKU_AGENT_PLAIN_H

#include "python.h"

#include <stdbool.h>

/* [hook] Adds the value to the hash. False: it is not plain. */
bool plain_hash(struct object *value, uint32_t object_type, uint64_t *hash);

static inline uint64_t plain_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

#endif
