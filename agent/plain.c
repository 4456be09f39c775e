/* See plain.h. */
#include "plain.h"

#include <string.h>

enum { ITEMS_MAX = 32, DEPTH_MAX = 4 };

struct look {
    uint64_t hash;
    uint32_t object_type;
    int items; /* so many more may be looked at */
};

static bool add(struct look *look, struct object *value, int depth);

static struct object *type_of(const struct look *look, struct object *value)
{
    struct object *type;
    memcpy(&type, (char *)value + look->object_type, sizeof type);
    return type;
}

static bool add_number(struct look *look, struct object *value)
{
    int overflow = 0;
    long long number = python.as_longlong(value, &overflow);
    look->hash = plain_mix(look->hash, (uint64_t)number);
    return overflow == 0; /* Python's own hash takes many a large number for one */
}

static bool add_double(struct look *look, struct object *value)
{
    double number = python.as_double(value);
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    look->hash = plain_mix(look->hash, bits);
    return true;
}

static bool add_sequence(struct look *look, struct object *value, bool is_list, int depth)
{
    intptr_t size = is_list ? python.list_size(value) : python.tuple_size(value);
    look->hash = plain_mix(look->hash, (uint64_t)size);
    if (size > look->items)
        return false;
    for (intptr_t i = 0; i < size; i++)
        if (!add(look, is_list ? python.list_item(value, i) : python.tuple_item(value, i), depth + 1))
            return false;
    return true;
}

static bool add_dict(struct look *look, struct object *value, int depth)
{
    intptr_t at = 0, size = python.dict_size(value);
    struct object *key, *item;
    look->hash = plain_mix(look->hash, (uint64_t)size);
    if (size > look->items)
        return false;
    while (python.dict_next(value, &at, &key, &item))
        if (!add(look, key, depth + 1) || !add(look, item, depth + 1))
            return false;
    return true;
}

static bool add(struct look *look, struct object *value, int depth)
{
    if (value == NULL || depth > DEPTH_MAX || look->items-- <= 0)
        return false;
    struct object *type = type_of(look, value);
    look->hash = plain_mix(look->hash, (uintptr_t)type);
    if (type == python.of.integer)
        return add_number(look, value);
    if (type == python.of.number)
        return add_double(look, value);
    if (type == python.of.text || type == python.of.bytes) {
        look->hash = plain_mix(look->hash, (uint64_t)python.hash(value));
        return true;
    }
    if (type == python.of.tuple || type == python.of.list)
        return add_sequence(look, value, type == python.of.list, depth);
    if (type == python.of.dict)
        return add_dict(look, value, depth);
    look->hash = plain_mix(look->hash, (uintptr_t)value); /* of these there is one each */
    return value == python.of.none || type == python.of.boolean || type == python.of.type || type == python.of.module;
}

bool plain_hash(struct object *value, uint32_t object_type, uint64_t *hash)
{
    struct look look = {.hash = *hash, .object_type = object_type, .items = ITEMS_MAX};
    bool plain = add(&look, value, 0);
    *hash = look.hash;
    return plain;
}
