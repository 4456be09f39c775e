/*
 * Intervals and the ledger. The scheduler's counters give each thread's run time and run delay exactly; samples only
 * tell how the run time is split among the states on the CPU, and the rest among the states off it. A share therefore
 * carries the sampling error of its own part only, and `runnable` (the run delay) carries none.
 *
 * Instants are exponentially jittered, so the ticks that hit a part of the time are binomial whatever the program does:
 * Wilson's score interval at 95 % holds for them.
 */
#ifndef KEISOKU_DIAGNOSE_LEDGER_H
#define KEISOKU_DIAGNOSE_LEDGER_H

#include "diagnose/diagnose.h"

/* Time and ticks of what shares are taken of. */
struct strata {
    double on_ns, off_ns, exact_ns; /* on the CPU, off it, run delay */
    double on_ticks, off_ticks;
};

/* 95 % interval of a proportion seen as `share` in `ticks` instants; 0 to 1 when there were none. */
void wilson(double share, double ticks, double *low, double *high);

struct strata strata_of(const double ns[STATE_COUNT], const double ticks[STATE_COUNT]);
/* The share of a part with that much time on and off the CPU and that much run delay. */
struct share share_of(const struct strata *strata, double on_ns, double off_ns, double exact_ns);
/* Shares of all states; their sum, added in order, is exactly 1 unless nothing was measured. */
void ledger_fill(const double ns[STATE_COUNT], const double ticks[STATE_COUNT], struct share shares[STATE_COUNT]);

/* holders.c. Fills the holders of a ledger from its thread's samples, [from, to) of the profile's. 0 or ERR_NOMEM. */
int holders_fill(const struct profile *profile, size_t from, size_t to, const struct strata *strata,
                 struct thread_ledger *ledger);

/* Fills wall, cpu and threads of `diagnosis` from its aggregate and the profile. */
int ledger_make(const struct profile *profile, struct diagnosis *diagnosis);

#endif
