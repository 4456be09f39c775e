/* How many threads of the program want a core at once, and what for. Part of the facts. */
#ifndef KEISOKU_DIAGNOSE_CROWD_H
#define KEISOKU_DIAGNOSE_CROWD_H

#include <stddef.h>

/* Who wanted a core, all threads of the program counted, also those that nobody waits for. */
struct crowd {
    double wanted;                 /* cores' worth, on average: run time and run delay */
    double helpers;                /* of it by threads that were never seen in Python: a library started them */
    double helper_ns;              /* their run time */
    size_t n_helpers, n_processes; /* that wanted one for a good part of the time */
    double started_ns; /* on the CPU, making workers ready: their initializer, imports of processes but the first */
    double once_ns;    /* likewise, what each worker makes for itself when it first needs it */
};

struct facts;
/* 0 or ERR_NOMEM. */
int crowd_find(struct facts *facts);

#endif
