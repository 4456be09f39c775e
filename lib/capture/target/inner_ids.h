/*
 * Thread ids of a process in a PID namespace of its own (a container): its memory has those of that namespace, /proc
 * and the kernel tell us those of ours.
 */
#ifndef KEISOKU_CAPTURE_INNER_IDS_H
#define KEISOKU_CAPTURE_INNER_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct inner_id {
    pid_t tid, inner; /* as we see it; as the process does, 0: not known */
};

struct inner_ids {
    bool nested;          /* its namespace is not ours; else the two are the same */
    struct inner_id *ids; /* in the order of their ids there: with thousands, each is looked up in each listing */
    size_t count;
};

/* Looks whether the process has a namespace of its own. The id of its first thread there. */
pid_t inner_ids_begin(struct inner_ids *ids, pid_t pid);
void inner_ids_release(struct inner_ids *ids);
/* The threads that it has now; those that it had the last time are not asked again. 0, or a negative code. */
int inner_ids_refresh(struct inner_ids *ids, pid_t pid);
/* Takes the list (of mem_alloc, in any order) over, in place of the one before. */
void inner_ids_take(struct inner_ids *ids, struct inner_id *list, size_t count);
/* Its thread with that id, as we see it; 0: none of those it had then. */
pid_t inner_ids_find(const struct inner_ids *ids, pid_t inner);

#endif
