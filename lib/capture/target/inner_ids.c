#include "capture/target/inner_ids.h"

#include "base/mem.h"
#include "capture/target/proc.h"
#include "capture/target/proc_text.h"

#include <stdio.h>
#include <stdlib.h>

/* 0: the thread is gone. */
static pid_t read_inner(pid_t pid, pid_t tid, bool *nested)
{
    char path[64], text[4096];
    *nested = false;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = 0;
    return proc_text_inner_id(text, tid, nested);
}

pid_t inner_ids_begin(struct inner_ids *ids, pid_t pid)
{
    pid_t inner = read_inner(pid, pid, &ids->nested);
    return inner > 0 ? inner : pid;
}

void inner_ids_release(struct inner_ids *ids)
{
    mem_free(ids->ids);
    ids->ids = NULL;
    ids->count = 0;
}

static int compare_inner(const void *one, const void *other)
{
    pid_t a = ((const struct inner_id *)one)->inner, b = ((const struct inner_id *)other)->inner;
    return (a > b) - (a < b);
}

static int compare_tid(const void *one, const void *other)
{
    pid_t a = ((const struct inner_id *)one)->tid, b = ((const struct inner_id *)other)->tid;
    return (a > b) - (a < b);
}

static void sort(struct inner_ids *ids, int (*compare)(const void *, const void *))
{
    if (ids->count > 0)
        qsort(ids->ids, ids->count, sizeof(*ids->ids), compare);
}

static const struct inner_id *find(const struct inner_ids *ids, struct inner_id key,
                                   int (*compare)(const void *, const void *))
{
    return ids->count > 0 ? bsearch(&key, ids->ids, ids->count, sizeof(key), compare) : NULL;
}

void inner_ids_take(struct inner_ids *ids, struct inner_id *list, size_t count)
{
    mem_free(ids->ids);
    ids->ids = list;
    ids->count = count;
    sort(ids, compare_inner);
}

/* What is known of the thread, where they are sorted by their ids here; else it is asked. */
static pid_t inner_of(const struct inner_ids *ids, pid_t pid, pid_t tid)
{
    bool ignored;
    if (!ids->nested)
        return tid;
    const struct inner_id *known = find(ids, (struct inner_id){.tid = tid}, compare_tid);
    return known && known->inner > 0 ? known->inner : read_inner(pid, tid, &ignored);
}

int inner_ids_refresh(struct inner_ids *ids, pid_t pid)
{
    pid_t *tids = NULL;
    size_t capacity = 0;
    struct inner_id *fresh = NULL;
    int count = proc_threads(pid, &tids, &capacity), rc = count < 0 ? count : ERR_NOMEM;
    if (count >= 0)
        fresh = mem_zalloc((size_t)count + 1, sizeof(*fresh));
    if (!fresh)
        goto out;
    sort(ids, compare_tid);
    for (int i = 0; i < count; i++)
        fresh[i] = (struct inner_id){tids[i], inner_of(ids, pid, tids[i])};
    inner_ids_take(ids, fresh, (size_t)count);
    rc = 0;
out:
    mem_free(tids);
    return rc;
}

pid_t inner_ids_find(const struct inner_ids *ids, pid_t inner)
{
    const struct inner_id *id = inner > 0 ? find(ids, (struct inner_id){.inner = inner}, compare_inner) : NULL;
    return id ? id->tid : 0;
}
