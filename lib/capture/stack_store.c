#include "capture/stack_store.h"

#include <string.h>

struct node_key {
    uint32_t parent, code;
    int32_t offset;
};

struct code_key {
    const struct tracked_process *process;
    uint64_t address, checksum;
};

/* Chunk k holds the ids from (2^k - 1) * STORE_FIRST on. */
static uint32_t chunk_of(uint32_t id)
{
    return 31 - (uint32_t)__builtin_clz(id / STORE_FIRST + 1);
}

static uint32_t first_of(uint32_t chunk)
{
    return ((1u << chunk) - 1) * STORE_FIRST;
}

static void *chunked(void **chunks, uint32_t id, size_t size)
{
    uint32_t k = chunk_of(id);
    if (k >= STORE_CHUNKS)
        return NULL;
    if (chunks[k] == NULL)
        chunks[k] = mem_zalloc((size_t)STORE_FIRST << k, size);
    return chunks[k] == NULL ? NULL : (char *)chunks[k] + (id - first_of(k)) * size;
}

int stack_store_init(struct stack_store *store)
{
    memset(store, 0, sizeof *store);
    store->n_nodes = store->n_codes = 1;
    return 0;
}

void stack_store_release(struct stack_store *store)
{
    for (uint32_t i = 1; i < store->n_codes; i++) {
        buf_release(&stack_store_code(store, i)->copy);
        mem_free(stack_store_code(store, i)->plan);
    }
    for (int i = 0; i < STORE_CHUNKS; i++) {
        mem_free(store->nodes[i]);
        mem_free(store->codes[i]);
    }
    map_release(&store->node_ids);
    map_release(&store->code_ids);
    map_release(&store->addresses);
    map_release(&store->marked);
    mem_free(store->latest);
}

struct stack_node *stack_store_node(const struct stack_store *store, uint32_t id)
{
    uint32_t k = chunk_of(id);
    return &store->nodes[k][id - first_of(k)];
}

struct code_entry *stack_store_code(const struct stack_store *store, uint32_t id)
{
    uint32_t k = chunk_of(id);
    return &store->codes[k][id - first_of(k)];
}

uint32_t stack_store_add_node(struct stack_store *store, uint32_t parent, uint32_t code, int32_t offset)
{
    struct node_key key = {parent, code, offset};
    uint32_t id;
    bool found;
    struct stack_node *node = chunked((void **)store->nodes, store->n_nodes, sizeof *node);
    if (node == NULL || map_put(&store->node_ids, &key, sizeof key, store->n_nodes, &id, &found) != 0)
        return 0;
    if (!found) {
        uint32_t depth = parent != 0 ? stack_store_node(store, parent)->depth + 1 : 1;
        *node = (struct stack_node){.parent = parent, .code = code, .offset = offset, .depth = depth};
        store->n_nodes++;
    }
    return id;
}

uint32_t stack_store_find_node(struct stack_store *store, uint32_t parent, uint32_t code, int32_t offset)
{
    struct node_key key = {parent, code, offset};
    uint32_t id;
    return map_get(&store->node_ids, &key, sizeof key, &id) ? id : 0;
}

/* A frame stands for a moment at each of its calls with nothing above it: the outer parts of a true stack are true. */
void stack_store_learn(const struct stack_store *store, uint32_t node)
{
    while (node != 0 && !stack_store_is_learned(store, node)) {
        struct stack_node *entry = stack_store_node(store, node);
        __atomic_store_n(&entry->learned, true, __ATOMIC_RELAXED);
        node = entry->parent;
    }
}

bool stack_store_is_learned(const struct stack_store *store, uint32_t node)
{
    return __atomic_load_n(&stack_store_node(store, node)->learned, __ATOMIC_RELAXED);
}

uint32_t stack_store_latest_code(const struct stack_store *store, const struct tracked_process *process,
                                 uint64_t address)
{
    struct code_key key = {process, address, 0};
    uint32_t slot;
    return map_get(&store->addresses, &key, offsetof(struct code_key, checksum), &slot) ? store->latest[slot] : 0;
}

static uint32_t find_code(struct stack_store *store, const struct code_key *key, bool *fresh)
{
    uint32_t id;
    bool found;
    struct code_entry *entry = chunked((void **)store->codes, store->n_codes, sizeof *entry);
    if (entry == NULL || map_put(&store->code_ids, key, sizeof *key, store->n_codes, &id, &found) != 0)
        return 0;
    *fresh = !found;
    if (!found)
        store->n_codes++;
    return id;
}

uint32_t stack_store_add_code(struct stack_store *store, struct tracked_process *process, uint64_t address,
                              uint64_t checksum, bool *fresh, uint32_t *replaced)
{
    struct code_key key = {process, address, checksum};
    uint32_t slot;
    bool known;
    *fresh = false;
    *replaced = 0;
    if (mem_grow(&store->latest, &store->latest_capacity, store->n_latest + 1, sizeof *store->latest) != 0 ||
        map_put(&store->addresses, &key, offsetof(struct code_key, checksum), (uint32_t)store->n_latest, &slot,
                &known) != 0)
        return 0;
    if (!known)
        store->latest[store->n_latest++] = 0;
    uint32_t latest = store->latest[slot];
    if (latest != 0 && stack_store_code(store, latest)->checksum == checksum)
        return latest;
    uint32_t id = find_code(store, &key, fresh);
    if (id == 0)
        return 0;
    if (*fresh)
        *stack_store_code(store, id) =
            (struct code_entry){.process = process, .address = address, .checksum = checksum};
    *replaced = latest;
    store->latest[slot] = id;
    return id;
}
