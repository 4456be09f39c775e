#include "capture/target/inner_ids.h"

#include "base/mem.h"
#include "capture/target/proc.h"
#include "capture/target/proc_text.h"

#include <stdio.h>

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

/* What was known of the thread. The two lists are mostly in one order: the search begins behind the last one found. */
static pid_t known_inner(const struct inner_ids *ids, pid_t tid, size_t *at)
{
    for (size_t i = 0; i < ids->count; i++) {
        const struct inner_id *id = &ids->ids[(*at + i) % ids->count];
        if (id->tid == tid) {
            *at = (*at + i + 1) % ids->count;
            return id->inner;
        }
    }
    return 0;
}

int inner_ids_refresh(struct inner_ids *ids, pid_t pid)
{
    pid_t *tids = NULL;
    size_t capacity = 0, at = 0;
    bool ignored;
    struct inner_id *fresh = NULL;
    int count = proc_threads(pid, &tids, &capacity), rc = count < 0 ? count : ERR_NOMEM;
    if (count >= 0)
        fresh = mem_zalloc((size_t)count + 1, sizeof(*fresh));
    if (!fresh)
        goto out;
    for (int i = 0; i < count; i++) {
        pid_t inner = ids->nested ? known_inner(ids, tids[i], &at) : tids[i];
        fresh[i] = (struct inner_id){tids[i], inner > 0 ? inner : read_inner(pid, tids[i], &ignored)};
    }
    mem_free(ids->ids);
    ids->ids = fresh;
    ids->count = (size_t)count;
    rc = 0;
out:
    mem_free(tids);
    return rc;
}

pid_t inner_ids_find(const struct inner_ids *ids, pid_t inner)
{
    for (size_t i = 0; i < ids->count && inner > 0; i++) {
        if (ids->ids[i].inner == inner)
            return ids->ids[i].tid;
    }
    return 0;
}
