/* See diagnose.h: aggregate with trust and roles beside it, ledger, facts, findings, in that order. */
#include "diagnose/diagnose.h"

#include "base/beside.h"
#include "diagnose/findings.h"
#include "diagnose/ledger.h"
#include "diagnose/unfollowed.h"

static int make_trust(const struct profile *profile, struct trust *trust)
{
    const struct profile_samples *samples = &profile->samples;
    for (size_t i = 0; i < samples->count; i++) {
        uint8_t reader = samples->reader[i] < READER_KIND_COUNT ? samples->reader[i] : READER_NONE;
        trust->samples += samples->ticks[i];
        trust->proved_by[reader] += samples->ticks[i];
    }
    trust->unproved = trust->proved_by[READER_FREE];
    trust->no_stack = trust->proved_by[READER_NONE];
    trust->exact = trust->samples - trust->unproved - trust->no_stack;
    for (int i = 0; i < LOSS_KIND_COUNT; i++) {
        bool stack = i == LOSS_RAN_MEANWHILE || i == LOSS_UNREADABLE || i == LOSS_INVALID_STACK ||
                     i == LOSS_OTHER_CORE || i == LOSS_UNLEARNED || i == LOSS_NOT_STOPPED;
        *(stack ? &trust->dropped : &trust->lost) += profile->losses[i];
    }
    double run_ns = 0;
    const struct profile *whole = profile->whole != NULL ? profile->whole : profile;
    for (size_t i = 1; i < whole->n_threads; i++)
        run_ns += (double)whole->threads[i].run_ns;
    double of_ns = run_ns > (double)whole->duration_ns ? run_ns : (double)whole->duration_ns;
    trust->core_taken = of_ns > 0 ? (double)profile->self.core_taken_ns / of_ns : 0;
    trust->held_off = (double)profile->self.waited_ns > WAITED_TOLD * (double)whole->duration_ns;
    trust->reread_share = profile->self.reads > 0 ? (double)profile->self.rereads / (double)profile->self.reads : 0;
    return unfollowed_part(whole, &trust->unfollowed);
}

/* Of the profile without the threads that stand aside: these are left out as idle workers are. */
static int find_waited_for(const struct profile *profile, struct diagnosis *diagnosis)
{
    struct profile waited_for = *profile;
    struct aggregate *aggregate = NULL;
    struct facts facts = {0};
    waited_for.thread_idle = mem_alloc(profile->n_threads * sizeof *profile->thread_idle);
    if (waited_for.thread_idle == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < profile->n_threads; i++)
        waited_for.thread_idle[i] = profile->thread_idle[i] || diagnosis->roles[i].aside;
    int rc = aggregate_new(&waited_for, NULL, &aggregate);
    if (rc == 0)
        rc = facts_make(&waited_for, aggregate, diagnosis, &facts);
    if (rc == 0)
        rc = findings_make(&facts, diagnosis);
    facts_release(&facts);
    aggregate_free(aggregate);
    mem_free(waited_for.thread_idle);
    return rc;
}

/* Advice is about time that somebody waits for. It has to hold with the threads that stand aside, and without them. */
static int find(const struct profile *profile, struct diagnosis *diagnosis)
{
    struct facts facts;
    int rc = facts_make(profile, diagnosis->aggregate, diagnosis, &facts);
    if (rc == 0)
        rc = findings_make(&facts, diagnosis);
    facts_release(&facts);
    return rc == 0 && diagnosis->aside > 0 ? find_waited_for(profile, diagnosis) : rc;
}

struct making {
    const struct profile *profile;
    struct diagnosis *diagnosis;
};

static int make_aggregate(void *context)
{
    struct filter all = {0};
    struct making *making = context;
    return aggregate_new(making->profile, &all, &making->diagnosis->aggregate);
}

int diagnose(const struct profile *profile, struct diagnosis **result)
{
    struct beside sums;
    *result = NULL;
    struct diagnosis *diagnosis = mem_zalloc(1, sizeof *diagnosis);
    if (diagnosis == NULL)
        return ERR_NOMEM;
    struct making making = {profile, diagnosis};
    beside_begin(&sums, make_aggregate, &making, profile->samples.count >= BESIDE_SAMPLES);
    int rc = make_trust(profile, &diagnosis->trust);
    if (rc == 0)
        rc = roles_make(profile, &diagnosis->roles, &diagnosis->aside);
    int sums_rc = beside_end(&sums);
    rc = rc == 0 ? sums_rc : rc;
    if (rc == 0)
        rc = ledger_make(profile, diagnosis);
    if (rc == 0)
        rc = find(profile, diagnosis);
    if (rc == 0)
        *result = diagnosis;
    else
        diagnosis_free(diagnosis);
    return rc;
}

void diagnosis_free(struct diagnosis *diagnosis)
{
    if (diagnosis == NULL)
        return;
    aggregate_free(diagnosis->aggregate);
    mem_free(diagnosis->threads);
    mem_free(diagnosis->roles);
    mem_free(diagnosis->findings);
    mem_free(diagnosis);
}
