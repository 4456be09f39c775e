/*
 * Who holds the lock that a thread waits for: some tens of times a second the tracker takes one thread at random, and
 * where it waits for a Lock or RLock, looks for the `with` that holds it on the stacks of the others (cpython/locks.h).
 * The writer gives what was found its names. Looks are at random instants, so their shares are those of the time
 * waited.
 */
#ifndef KEISOKU_CAPTURE_LOCK_LOOKS_H
#define KEISOKU_CAPTURE_LOCK_LOOKS_H

#include "capture/cpython/python.h"

#include <pthread.h>

struct names;
struct recording;
struct tracked_process;

struct lock_place {
    struct python_code code; /* the look's own; function NULL in it: not known */
    int32_t offset;
};

struct lock_look {
    struct tracked_process *process; /* stays: the writer takes all looks before it forgets one that is over */
    struct lock_place waits, holds;
    char thread[128]; /* that holds it; "": not known */
};

enum { LOCK_LOOKS = 64 };

struct lock_queue {
    pthread_mutex_t lock;
    struct lock_look looks[LOCK_LOOKS];
    size_t count;
};

int lock_queue_init(struct lock_queue *queue);
/* [T] Takes what is in it over; when there is no room the look is dropped. */
void lock_queue_add(struct lock_queue *queue, struct lock_look *look);
void lock_look_release(struct lock_look *look);
/* [W] Writes the looks that are there. */
void lock_looks_write(struct lock_queue *queue, struct names *names, struct recording *recording);
void lock_queue_release(struct lock_queue *queue);

#endif
