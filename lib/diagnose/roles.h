/*
 * Who waits for a thread? A process's main thread is waited for by whoever started it, a thread that answers requests
 * by those who ask, a pool's worker by who gave it the work. Any other thread is waited for where one of these was seen
 * to wait (for a lock, for the GIL, for a result or an end) while it was busy. Advice about the rest would save
 * resources, not time: facts and findings leave it out.
 */
#ifndef KEISOKU_DIAGNOSE_ROLES_H
#define KEISOKU_DIAGNOSE_ROLES_H

#include "data/profile.h"

enum role { ROLE_OTHER, ROLE_MAIN, ROLE_REQUEST, ROLE_WORKER };
const char *role_name(enum role role); /* "main", "request", "worker", "other" */

struct thread_role {
    uint8_t role;  /* enum role */
    bool aside;    /* nobody was seen to wait for it */
    double waited; /* of its busy time (on the CPU, or in a wait for input or output): somebody waited meanwhile */
    double busy_ns;
};

/* One for each thread of the profile, on the heap; `*aside`: how many are. 0 or ERR_NOMEM. */
int roles_make(const struct profile *profile, struct thread_role **roles, size_t *aside);

#endif
