#include "capture/task_store.h"

#include <string.h>

static struct task_entry *make_room(struct task_store *store, uint32_t id)
{
    struct task_entry **chunk = &store->chunks[id / TASK_CHUNK];
    if (*chunk == NULL)
        *chunk = mem_zalloc(TASK_CHUNK, sizeof **chunk);
    return *chunk != NULL ? &(*chunk)[id % TASK_CHUNK] : NULL;
}

struct task_store *task_store_new(void)
{
    struct task_store *store = mem_zalloc(1, sizeof *store);
    if (store != NULL && make_room(store, 0) == NULL) {
        mem_free(store);
        return NULL;
    }
    if (store != NULL)
        store->count = 2;
    return store;
}

void task_store_free(struct task_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < TASKS_MAX / TASK_CHUNK; i++)
        mem_free(store->chunks[i]);
    map_release(&store->ids);
    map_release(&store->type_ids);
    mem_free(store);
}

uint32_t task_store_add(struct task_store *store, const struct python_task *task, uint32_t code)
{
    uint64_t key = python_task_key(task);
    uint32_t id;
    bool found;
    if (map_get(&store->ids, &key, sizeof key, &id)) {
        struct task_entry *known = task_store_entry(store, id);
        if (code != 0 && known->code == 0) /* it was met as an awaiter */
            __atomic_store_n(&known->code, code, __ATOMIC_RELEASE);
        return id;
    }
    if (store->count == TASKS_MAX)
        return 1;
    struct task_entry *entry = make_room(store, store->count);
    if (entry == NULL || map_put(&store->ids, &key, sizeof key, store->count, &id, &found) != 0)
        return 0;
    *entry = (struct task_entry){.task = *task, .code = code};
    if (task->greenlet)
        entry->task.number = ++store->n_greenlets;
    return store->count++;
}

struct task_entry *task_store_entry(const struct task_store *store, uint32_t id)
{
    return &store->chunks[id / TASK_CHUNK][id % TASK_CHUNK];
}

uint8_t task_store_type(struct task_store *store, const char *name)
{
    uint32_t id;
    bool found;
    if (name[0] == '\0')
        return 0;
    if (map_get(&store->type_ids, name, strlen(name), &id))
        return (uint8_t)id;
    if (store->n_types == TASK_TYPES_MAX ||
        map_put(&store->type_ids, name, strlen(name), store->n_types + 1, &id, &found) != 0)
        return 0;
    strncpy(store->types[++store->n_types], name, TASK_TYPE_BYTES - 1);
    return (uint8_t)id;
}
