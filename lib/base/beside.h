/*
 * One call beside the caller's own work, on a thread of its own. Where none is worth it or can be had, the call is made
 * when its result is asked for.
 */
#ifndef KEISOKU_BASE_BESIDE_H
#define KEISOKU_BASE_BESIDE_H

#include <pthread.h>
#include <stdbool.h>

/* The caller's storage; must stay where it is until beside_end. */
struct beside {
    int (*call)(void *context); /* 0 or a negative code */
    void *context;
    pthread_t thread;
    bool runs;
    int rc;
};

/* `worth`: there is enough to do for a thread. The call and the caller must not write what the other one looks at. */
void beside_begin(struct beside *beside, int (*call)(void *context), void *context, bool worth);
/* Waits for it; what the call returned. */
int beside_end(struct beside *beside);

#endif
