#include "base/beside.h"

#include <signal.h>
#include <unistd.h>

static void *run(void *context)
{
    struct beside *beside = context;
    beside->rc = beside->call(beside->context);
    return NULL;
}

/* Signals are for the caller's threads. */
void beside_begin(struct beside *beside, int (*call)(void *context), void *context, bool worth)
{
    sigset_t all, before;
    *beside = (struct beside){.call = call, .context = context};
    if (!worth || sysconf(_SC_NPROCESSORS_ONLN) < 2)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    beside->runs = pthread_create(&beside->thread, NULL, run, beside) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int beside_end(struct beside *beside)
{
    if (!beside->runs)
        return beside->call(beside->context);
    pthread_join(beside->thread, NULL);
    return beside->rc;
}
