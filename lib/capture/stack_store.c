#include "capture/stack_store.h"

#include <string.h>

/* What one takes with its places in the tables, about. */
enum { NODE_BYTES = 116, CODE_BYTES = 512 };

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

static void side_init(struct store_side *side)
{
    *side = (struct store_side){.n_nodes = 1, .n_codes = 1};
}

static void side_release(struct store_side *side)
{
    for (uint32_t i = 1; i < side->n_codes; i++) {
        struct code_entry *entry = &side->codes[chunk_of(i)][i - first_of(chunk_of(i))];
        buf_release(&entry->copy);
        mem_free(entry->plan);
    }
    for (int i = 0; i < STORE_CHUNKS; i++) {
        mem_free(side->nodes[i]);
        mem_free(side->codes[i]);
    }
    map_release(&side->node_ids);
    map_release(&side->code_ids);
    map_release(&side->addresses);
    map_release(&side->marked);
    mem_free(side->latest);
}

int stack_store_init(struct stack_store *store)
{
    memset(store, 0, sizeof *store);
    side_init(&store->sides[0]);
    side_init(&store->sides[1]);
    return 0;
}

void stack_store_release(struct stack_store *store)
{
    side_release(&store->sides[0]);
    side_release(&store->sides[1]);
}

void stack_store_turn(struct stack_store *store)
{
    store->side ^= 1;
}

void stack_store_empty_other(struct stack_store *store)
{
    struct store_side *other = &store->sides[store->side ^ 1];
    side_release(other);
    side_init(other);
}

/* The id that others get of a place in the side that is filled. */
static uint32_t public_id(const struct stack_store *store, uint32_t id)
{
    return id | store->side << 31;
}

struct stack_node *stack_store_node(const struct stack_store *store, uint32_t id)
{
    uint32_t at = id & ~STORE_SIDE_BIT, k = chunk_of(at);
    return &store->sides[id >> 31].nodes[k][at - first_of(k)];
}

struct code_entry *stack_store_code(const struct stack_store *store, uint32_t id)
{
    uint32_t at = id & ~STORE_SIDE_BIT, k = chunk_of(at);
    return &store->sides[id >> 31].codes[k][at - first_of(k)];
}

/* Most often a stack goes on where the last one did: then nothing is looked up, which for deep stacks is most of the
 * work. 0: it is not so. */
static uint32_t last_child(const struct stack_store *store, const struct node_key *key)
{
    uint32_t id = key->parent != 0 ? stack_store_node(store, key->parent)->child : 0;
    if (id == 0)
        return 0;
    const struct stack_node *child = stack_store_node(store, id);
    return child->code == key->code && child->offset == key->offset ? id : 0;
}

static void note_child(const struct stack_store *store, uint32_t parent, uint32_t id)
{
    if (parent != 0)
        stack_store_node(store, parent)->child = id;
}

uint32_t stack_store_add_node(struct stack_store *store, uint32_t parent, uint32_t code, int32_t offset)
{
    struct node_key key = {parent, code, offset};
    uint32_t id = last_child(store, &key);
    bool found;
    if (id != 0)
        return id;
    struct store_side *side = stack_store_filled(store);
    struct stack_node *node = chunked((void **)side->nodes, side->n_nodes, sizeof *node);
    if (node == NULL || map_put(&side->node_ids, &key, sizeof key, public_id(store, side->n_nodes), &id, &found) != 0)
        return 0;
    if (!found) {
        uint32_t depth = parent != 0 ? stack_store_node(store, parent)->depth + 1 : 1;
        *node = (struct stack_node){.parent = parent, .code = code, .offset = offset, .depth = depth};
        side->n_nodes++;
        side->bytes += NODE_BYTES;
    }
    note_child(store, parent, id);
    return id;
}

uint32_t stack_store_find_node(struct stack_store *store, uint32_t parent, uint32_t code, int32_t offset)
{
    struct node_key key = {parent, code, offset};
    uint32_t id = last_child(store, &key);
    if (id != 0)
        return id;
    if (!map_get(&stack_store_filled(store)->node_ids, &key, sizeof key, &id))
        return 0;
    note_child(store, parent, id);
    return id;
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

static uint32_t latest_code(const struct store_side *side, const struct tracked_process *process, uint64_t address)
{
    struct code_key key = {process, address, 0};
    uint32_t slot;
    return map_get(&side->addresses, &key, offsetof(struct code_key, checksum), &slot) ? side->latest[slot] : 0;
}

uint32_t stack_store_latest_code(const struct stack_store *store, const struct tracked_process *process,
                                 uint64_t address)
{
    return latest_code(&store->sides[store->side], process, address);
}

uint32_t stack_store_code_before(const struct stack_store *store, const struct tracked_process *process,
                                 uint64_t address)
{
    if (atomic_load_explicit(&store->turn, memory_order_relaxed) != STORE_TURNS)
        return 0;
    return latest_code(&store->sides[store->side ^ 1], process, address);
}

static uint32_t find_code(struct stack_store *store, const struct code_key *key, bool *fresh)
{
    uint32_t id;
    bool found;
    struct store_side *side = stack_store_filled(store);
    struct code_entry *entry = chunked((void **)side->codes, side->n_codes, sizeof *entry);
    if (entry == NULL || map_put(&side->code_ids, key, sizeof *key, public_id(store, side->n_codes), &id, &found) != 0)
        return 0;
    *fresh = !found;
    if (!found) {
        side->n_codes++;
        side->bytes += CODE_BYTES;
    }
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
    struct store_side *side = stack_store_filled(store);
    if (mem_grow(&side->latest, &side->latest_capacity, side->n_latest + 1, sizeof *side->latest) != 0 ||
        map_put(&side->addresses, &key, offsetof(struct code_key, checksum), (uint32_t)side->n_latest, &slot, &known) !=
            0)
        return 0;
    if (!known)
        side->latest[side->n_latest++] = 0;
    uint32_t latest = side->latest[slot];
    if (latest != 0 && stack_store_code(store, latest)->checksum == checksum)
        return latest;
    uint32_t id = find_code(store, &key, fresh);
    if (id == 0)
        return 0;
    if (*fresh)
        *stack_store_code(store, id) =
            (struct code_entry){.process = process, .address = address, .checksum = checksum};
    *replaced = latest;
    side->latest[slot] = id;
    return id;
}
