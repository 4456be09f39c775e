/*
 * When the sampler wakes: exponentially jittered instants around a rate, and the rate itself, which falls when more
 * than the budget is taken of the cores that the target runs on.
 */
#ifndef KEISOKU_CAPTURE_PACE_H
#define KEISOKU_CAPTURE_PACE_H

#include "capture/measure.h"

struct pace {
    struct measurement *m;
    uint64_t random;
    double rate_hz;       /* after the budget */
    double sample_ns;     /* what one takes of the thread that the kernel sampler interrupts; 0: not known yet */
    double more;          /* times the rate is what its clocks are asked for, so that they give it */
    double overdraft_ns;  /* taken beyond the budget so far */
    uint64_t earliest_ns; /* of the next sweep */
    uint64_t govern_busy, govern_sweeps;
    uint64_t govern_at_ns, govern_cpu_ns, govern_contested_ns, govern_awake_ns, govern_interrupt_ns;
};

/* Whom a sweep kept from the core that it was made on. */
enum pace_core {
    PACE_CORE_WANTED, /* a thread of the target that wanted to run there */
    PACE_CORE_OURS,   /* nobody: the target is read from elsewhere */
    PACE_CORE_IDLE    /* nobody that was met, but one may have waked meanwhile */
};

void pace_init(struct pace *pace, struct measurement *m, uint64_t now_ns);
/* Nanoseconds to the next instant. */
uint64_t pace_interval_ns(struct pace *pace);
/* The instant to be taken behind a sweep that was planned for `planned_ns` and lasted from `woke_ns` to `done_ns`.
 * Those that came meanwhile are taken one after the other, from pace->earliest_ns on: at once when reading free, for we
 * are in nobody's way, else when the target had its core for as long as we did, or for a quarter of that where none of
 * its threads wanted it; a sweep that seems to last longer than 20 ms was interrupted for the rest. What is older than
 * a mean interval, or than a gap that others make, is left out. All are counted as planned. */
uint64_t pace_next_ns(struct pace *pace, uint64_t planned_ns, uint64_t woke_ns, uint64_t done_ns, enum pace_core core);
/* Nanoseconds from one instant of the kernel sampler to the next, of which each stays for as long: their rates are
 * drawn evenly around that of the mean, and never so short that the thread gets no further between two of them. */
uint64_t pace_period_ns(struct pace *pace);
/* The mean of what they should give. */
double pace_mean_ns(const struct pace *pace);
/* They gave `hits` where they should have given `due`: an instant that comes while the one before is served has no
 * sample of its own, nor got the thread further. */
void pace_given(struct pace *pace, double due, double hits);
/* So many instants of the rate, a thousand a second at least, fall into that time: rounded by chance, so that on the
 * average nothing is added or lost. */
uint32_t pace_instants(struct pace *pace, double length_ns);
/* Behind a pause: what was not done in it is not made up for. */
void pace_resume(struct pace *pace, uint64_t now_ns);
/* Looks at the budget, with what the samplers' CPU time in the counts is by now. To be done when it is due, ten times a
 * second. */
bool pace_is_due(const struct pace *pace, uint64_t now_ns);
void pace_govern(struct pace *pace, uint64_t now_ns);

#endif
