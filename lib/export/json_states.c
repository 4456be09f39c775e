/* The ledgers of the JSON report: of everything, of each thread and process, of stretches of time. */
#include "diagnose/ledger.h"
#include "diagnose/ledger_parts.h"
#include "export/json.h"

void json_share(struct json_writer *json, const char *key, const struct share *share)
{
    json_open_flat(json, key, '{');
    json_number(json, "share", share->share);
    json_number(json, "low", share->low);
    json_number(json, "high", share->high);
    json_close(json, '}');
}

bool json_told_apart(const struct aggregate *aggregate)
{
    return aggregate->state_ticks[STATE_PYTHON] + aggregate->state_ticks[STATE_NATIVE] +
               aggregate->state_ticks[STATE_NATIVE_GIL] + aggregate->state_ticks[STATE_KERNEL] >
           0;
}

static bool state_measured(enum state state, bool apart)
{
    switch (state) {
    case STATE_PYTHON:
    case STATE_NATIVE:
    case STATE_NATIVE_GIL:
    case STATE_KERNEL:
        return apart;
    case STATE_ON_CPU:
    case STATE_INSTRUMENT:
    case STATE_UNKNOWN:
        return false;
    default:
        return true;
    }
}

static void write_shares(struct json_writer *json, const char *key, const struct share *shares, bool apart, bool cpu)
{
    double sum = 0;
    json_open(json, key, '{');
    for (int i = 0; i < STATE_COUNT; i++)
        sum += shares[i].share;
    for (int i = 0; i < STATE_COUNT && sum > 0; i++) {
        enum state state = (enum state)i;
        if (cpu && !state_on_cpu(state))
            continue;
        if (shares[i].share > 0 || state_measured(state, apart))
            json_share(json, state_name(state), &shares[i]);
    }
    json_close(json, '}');
}

static void write_thread_name(struct json_writer *json, const struct profile *profile, const struct thread *thread)
{
    if (thread->process != 0 && thread->process < profile->n_processes)
        json_integer(json, "pid", profile->processes[thread->process].pid);
    json_integer(json, "tid", thread->tid);
    json_string(json, "name", profile, thread->name);
}

static void write_holders(struct json_writer *json, const struct profile *profile, const struct thread_ledger *ledger)
{
    if (ledger->n_holders == 0)
        return;
    json_open(json, "gil_holders", '[');
    for (size_t i = 0; i < ledger->n_holders; i++) {
        const char *thread = "", *inside = "";
        holder_names(profile, ledger->holders[i].function, &thread, &inside);
        json_open_flat(json, NULL, '{');
        json_text(json, "thread", thread);
        if (inside[0] != '\0')
            json_text(json, "function", inside);
        json_number(json, "share", ledger->holders[i].share.share);
        json_number(json, "low", ledger->holders[i].share.low);
        json_number(json, "high", ledger->holders[i].share.high);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_place(struct json_writer *json, const struct profile *profile, uint32_t frame)
{
    const struct function *function = &profile->functions[profile->frames[frame].function];
    json_string(json, "file", profile, function->file);
    json_integer(json, "line", profile->frames[frame].line);
    json_string(json, "function", profile, function->name);
}

static void write_lock_holder(struct json_writer *json, const struct profile *profile, const struct lock_holder *holder,
                              uint64_t looks)
{
    struct share share = {.share = (double)holder->looks / (double)looks};
    wilson(share.share, (double)looks, &share.low, &share.high);
    json_open_flat(json, NULL, '{');
    json_bool(json, "readable", holder->held != 0);
    if (holder->held != 0)
        write_place(json, profile, holder->held);
    if (holder->thread != 0)
        json_string(json, "thread", profile, holder->thread);
    json_number(json, "share", share.share);
    json_number(json, "low", share.low);
    json_number(json, "high", share.high);
    json_close(json, '}');
}

/* Where locks are waited for, and who holds them: rows of one place stand together. */
static void write_locks(struct json_writer *json, const struct profile *profile)
{
    if (profile->n_lock_holders == 0)
        return;
    json_open(json, "locks", '[');
    for (size_t i = 0, end; i < profile->n_lock_holders; i = end) {
        const struct lock_holder *first = &profile->lock_holders[i];
        uint64_t looks = 0;
        for (end = i; end < profile->n_lock_holders && profile->lock_holders[end].frame == first->frame; end++)
            looks += profile->lock_holders[end].looks;
        if (looks == 0)
            continue;
        json_open(json, NULL, '{');
        write_place(json, profile, first->frame);
        json_integer(json, "looks", (int64_t)looks);
        json_open(json, "holders", '[');
        for (size_t k = i; k < end; k++)
            write_lock_holder(json, profile, &profile->lock_holders[k], looks);
        json_close(json, ']');
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void write_part(struct json_writer *json, const struct profile *profile, const struct ledger_part *part,
                       bool apart)
{
    json_open(json, NULL, '{');
    if (part->process != 0) {
        json_integer(json, "pid", profile->processes[part->process].pid);
    } else {
        json_number(json, "from_s", (double)part->from_ns / 1e9);
        json_number(json, "to_s", (double)part->to_ns / 1e9);
    }
    json_number(json, "wall_s", part->wall_ns / 1e9);
    json_number(json, "cpu_s", part->cpu_ns / 1e9);
    write_shares(json, "states", part->wall, apart, false);
    write_shares(json, "cpu", part->cpu, apart, true);
    json_close(json, '}');
}

static int write_parts(struct json_writer *json, const char *key, const struct profile *profile, bool apart,
                       int (*make)(const struct profile *profile, struct ledger_part **parts, size_t *n))
{
    struct ledger_part *parts;
    size_t n;
    int rc = make(profile, &parts, &n);
    if (rc != 0)
        return rc;
    json_open(json, key, '[');
    for (size_t i = 0; i < n; i++)
        write_part(json, profile, &parts[i], apart);
    json_close(json, ']');
    mem_free(parts);
    return 0;
}

static void write_role(struct json_writer *json, const struct thread_role *role)
{
    json_text(json, "role", role_name((enum role)role->role));
    json_bool(json, "waited_for", !role->aside);
}

int json_states(struct json_writer *json, const struct profile *profile, const struct diagnosis *diagnosis)
{
    bool apart = json_told_apart(diagnosis->aggregate);
    json_open(json, "states", '{');
    json_open_flat(json, "of", '[');
    for (size_t i = 0; i < diagnosis->n_threads; i++)
        json_integer(json, NULL, profile->threads[diagnosis->threads[i].thread].tid);
    json_close(json, ']');
    write_shares(json, "wall", diagnosis->wall, apart, false);
    write_shares(json, "cpu", diagnosis->cpu, apart, true);
    if (diagnosis->wall[STATE_IO].share > 0) {
        json_open(json, "io", '{');
        for (int kind = 0; kind < IO_KIND_COUNT; kind++)
            if (diagnosis->io[kind].share > 0)
                json_share(json, io_kind_name((enum io_kind)kind), &diagnosis->io[kind]);
        json_close(json, '}');
    }
    json_open(json, "threads", '[');
    for (size_t i = 0; i < diagnosis->n_threads; i++) {
        json_open(json, NULL, '{');
        write_thread_name(json, profile, &profile->threads[diagnosis->threads[i].thread]);
        write_role(json, &diagnosis->roles[diagnosis->threads[i].thread]);
        json_number(json, "wall_s", diagnosis->threads[i].wall_ns / 1e9);
        json_number(json, "cpu_s", diagnosis->threads[i].cpu_ns / 1e9);
        write_shares(json, "states", diagnosis->threads[i].wall, apart, false);
        write_shares(json, "cpu", diagnosis->threads[i].cpu, apart, true);
        write_holders(json, profile, &diagnosis->threads[i]);
        json_close(json, '}');
    }
    json_close(json, ']');
    write_locks(json, profile);
    int rc = write_parts(json, "processes", profile, apart, ledger_of_processes);
    if (rc == 0)
        rc = write_parts(json, "windows", profile, apart, ledger_of_windows);
    json_close(json, '}');
    return rc;
}
