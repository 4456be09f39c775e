/*
 * Looks at many threads of one process. Each look is what proof.h says; what they share is the remote read: first the
 * counters of every thread, and where it is; then all stacks in one vectored call; then each stack's frames, and its
 * counters again. So the number of remote reads does not grow with the number of threads. Those that ran meanwhile make
 * the next round, and are read singly in the end. Timed path: no allocation.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/sampler_private.h"

#include <string.h>

enum {
    MEMBERS_MAX = 64, /* the longer it takes, the more of them run meanwhile */
    ROUNDS = 3
};

struct member {
    struct tracked_thread *t;
    struct proof proof;
    enum look look;
    size_t parts; /* of the plan up to its last */
};

struct sampler_batch {
    struct remote_part parts[REMOTE_PARTS_MAX];
    struct member members[MEMBERS_MAX];
    struct tracked_thread *again[MEMBERS_MAX]; /* ran meanwhile */
    size_t n, n_parts, n_again;
};

struct sampler_batch *sampler_batch_new(void)
{
    return mem_zalloc(1, sizeof(struct sampler_batch));
}

static void look_singly(struct sampler *s, struct tracked_thread *t)
{
    sampler_looked(s, t, sampler_look_at(s, t));
}

static void settle(struct sampler *s, struct tracked_thread *t, enum look look)
{
    struct sampler_batch *batch = s->batch;
    if (look != LOOK_AGAIN) {
        sampler_looked(s, t, look);
    } else if (batch->n_again == MEMBERS_MAX) {
        look_singly(s, t);
    } else {
        atomic_fetch_add_explicit(&s->m->counts.rereads, 1, memory_order_relaxed);
        batch->again[batch->n_again++] = t;
    }
}

/* The stacks of all members. */
static void read_all(struct sampler *s)
{
    struct sampler_batch *batch = s->batch;
    struct remote *remote = batch->n > 0 ? python_remote(batch->members[0].t->process->python) : NULL;
    uint64_t read_ns = clock_monotonic_ns();
    size_t got = remote != NULL ? remote_read_parts(remote, batch->parts, batch->n_parts) : 0;
    for (size_t i = 0; i < batch->n; i++) { /* at once: what was read can wait */
        struct member *member = &batch->members[i];
        if (member->parts > got) /* it reads for itself */
            continue;
        member->look = proof_end(&member->t->files, &member->proof);
        member->proof.read_ns = read_ns;
    }
    for (size_t i = 0; i < batch->n; i++) {
        struct member *member = &batch->members[i];
        if (member->proof.ended && member->look == LOOK_DONE)
            python_read_planned(member->t->reader);
        settle(s, member->t, sampler_look_end(s, member->t, &member->proof, member->look));
    }
    batch->n = batch->n_parts = 0;
}

/* Takes the thread up when the plan of its stack has room. */
static bool join(struct sampler *s, struct tracked_thread *t, const struct proof *proof)
{
    struct sampler_batch *batch = s->batch;
    if (t->reader == NULL || sampler_has_others(t))
        return false;
    sampler_follow_tasks(t);
    size_t parts = 0;
    for (int tries = 0; tries < 2 && parts == 0; tries++) {
        if (tries > 0)
            read_all(s);
        parts = python_read_plan(t->reader, batch->parts + batch->n_parts, REMOTE_PARTS_MAX - batch->n_parts);
    }
    if (parts == 0)
        return false;
    batch->n_parts += parts;
    batch->members[batch->n++] = (struct member){t, *proof, LOOK_DONE, batch->n_parts};
    return true;
}

void sampler_batch_add(struct sampler *s, struct tracked_thread *t)
{
    struct sampler_batch *batch = s->batch;
    struct proof proof = {0};
    bool over;
    if (batch->n == MEMBERS_MAX || (batch->n > 0 && batch->members[0].t->process != t->process))
        read_all(s);
    s->reads_later = true;
    enum look look = sampler_look_begin(s, t, &proof, &over);
    s->reads_later = false;
    if (!over && join(s, t, &proof))
        return;
    settle(s, t, over ? look : sampler_look_end(s, t, &proof, look));
}

void sampler_batch_end(struct sampler *s)
{
    struct sampler_batch *batch = s->batch;
    read_all(s);
    for (int round = 1; round < ROUNDS && batch->n_again > 0; round++) {
        struct tracked_thread *again[MEMBERS_MAX];
        size_t n = batch->n_again;
        memcpy(again, batch->again, n * sizeof *again);
        batch->n_again = 0;
        for (size_t i = 0; i < n; i++)
            sampler_batch_add(s, again[i]);
        read_all(s);
    }
    for (size_t i = 0; i < batch->n_again; i++)
        look_singly(s, batch->again[i]);
    batch->n_again = 0;
}
