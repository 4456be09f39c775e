/* Who held the GIL while a thread waited for it, as the frame below its stack says (PROFILE_HOLDER_FILE). */
#include "diagnose/ledger.h"

#include <string.h>

bool holder_names(const struct profile *profile, uint32_t function, const char **thread, const char **inside)
{
    const struct function *leaf = &profile->functions[function];
    const char *file = profile->strings[leaf->file], *name = profile->strings[leaf->name];
    static const size_t file_size = sizeof PROFILE_HOLDER_FILE - 1, name_size = sizeof PROFILE_HOLDER_NAME - 1;
    if (leaf->kind != FUNCTION_KERNEL || strncmp(file, PROFILE_HOLDER_FILE, file_size) != 0)
        return false;
    *thread = file + file_size;
    *inside = strncmp(name, PROFILE_HOLDER_NAME, name_size) == 0 ? name + name_size : "";
    return true;
}

/* Those that were waited for longest, in order. */
static void take_longest(const double *ns, const struct strata *strata, size_t n_functions,
                         struct thread_ledger *ledger)
{
    while (ledger->n_holders < HOLDERS_MAX) {
        uint32_t longest = 0;
        for (uint32_t i = 1; i < n_functions; i++) {
            bool taken = false;
            for (size_t k = 0; k < ledger->n_holders; k++)
                taken = taken || ledger->holders[k].function == i;
            if (!taken && ns[i] > ns[longest])
                longest = i;
        }
        if (longest == 0)
            return;
        ledger->holders[ledger->n_holders++] =
            (struct gil_holder){.function = longest, .share = share_of(strata, 0, ns[longest], 0)};
    }
}

int holders_fill(const struct profile *profile, size_t from, size_t to, const struct strata *strata,
                 struct thread_ledger *ledger)
{
    const struct profile_samples *samples = &profile->samples;
    double *ns = mem_zalloc(profile->n_functions + 1, sizeof *ns);
    if (ns == NULL)
        return ERR_NOMEM;
    for (size_t i = from; i < to; i++) {
        uint32_t function = profile->frames[profile->stacks[samples->stack[i]].frame].function;
        const char *thread, *inside;
        if (samples->state[i] == STATE_GIL_WAIT && holder_names(profile, function, &thread, &inside))
            ns[function] += samples->wall_ns[i];
    }
    take_longest(ns, strata, profile->n_functions, ledger);
    mem_free(ns);
    return 0;
}
