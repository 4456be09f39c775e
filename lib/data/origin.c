/* Telling apart the processes of a merged recording: hosts and runs give out the same numbers. */
#include "data/profile_private.h"

#include <string.h>

static uint32_t host_of(const struct profile *profile, size_t i)
{
    return profile->processes[i].host;
}

int loader_mark_origins(struct loader *loader)
{
    struct profile *profile = loader->profile;
    struct map seen = {0};
    bool many_hosts = false;
    int rc = 0;
    for (size_t i = 2; i < profile->n_processes; i++)
        many_hosts = many_hosts || host_of(profile, i) != host_of(profile, 1);
    for (size_t i = 1; rc == 0 && i < profile->n_processes; i++) {
        struct process *process = &profile->processes[i];
        uint32_t key[] = {(uint32_t)process->pid, process->host}, first;
        bool found;
        process->tell_host = many_hosts;
        rc = map_put(&seen, key, sizeof key, (uint32_t)i, &first, &found);
        if (rc == 0 && found)
            process->tell_recording = profile->processes[first].tell_recording = true;
    }
    map_release(&seen);
    return rc == 0 ? 0 : loader_no_memory(loader);
}

static void add_string(struct buf *out, const struct profile *profile, uint32_t id)
{
    buf_add_visible(out, profile->strings[id], profile->string_lengths[id]);
}

void profile_process_name(const struct profile *profile, uint32_t id, struct buf *out)
{
    const struct process *process = &profile->processes[id];
    if (process->tell_host && process->host != 0) {
        add_string(out, profile, process->host);
        buf_add_byte(out, ':');
    }
    buf_printf(out, "%d", (int)process->pid);
    if (process->tell_recording && process->recording != 0) {
        buf_add_byte(out, '@');
        add_string(out, profile, process->recording);
    }
}
