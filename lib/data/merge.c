/* See merge.h: what is there, on which clock, and the result's own data. merge_rows.c copies. */
#include "data/merge_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Times of a recording are bounded (CHUNK_UNITS_MAX); nothing that belongs together lies further apart. */
static const uint64_t apart_ns_max = UINT64_C(5) * 365 * 86400 * 1000000000;

/* What the inputs say of themselves, as far as they agree. */
struct summary {
    struct recording_info info;
    struct buf command, directory, hosts, evidence;
    bool commands_differ, directories_differ;
    uint64_t first_ns, last_ns; /* starts */
    struct map cores;           /* host → index in the arrays */
    uint32_t *host_cores, *host_allowed;
    double *host_quota;
    size_t n_hosts, capacity[3];
};

static void summary_release(struct summary *summary)
{
    buf_release(&summary->command);
    buf_release(&summary->directory);
    buf_release(&summary->hosts);
    buf_release(&summary->evidence);
    map_release(&summary->cores);
    mem_free(summary->host_cores);
    mem_free(summary->host_allowed);
    mem_free(summary->host_quota);
}

static bool same(const struct buf *buf, const void *data, size_t size)
{
    return buf->size == size && (size == 0 || memcmp(buf->data, data, size) == 0);
}

/* Keeps the text of the first and sees whether another differs. */
static void take_text(struct buf *buf, bool *differ, bool first, const struct buf *text)
{
    if (first)
        buf_add(buf, text->data, text->size);
    else if (!same(buf, text->data, text->size))
        *differ = true;
}

static bool has_word(struct buf *list, const char *word, size_t length)
{
    for (const char *at = buf_text(list); *at != '\0';) {
        size_t size = strcspn(at, ",");
        if (size == length && memcmp(at, word, length) == 0)
            return true;
        at += size;
        at += strspn(at, ", ");
    }
    return false;
}

static void add_words(struct buf *list, const char *words, const char *joint)
{
    for (const char *at = words; *at != '\0';) {
        size_t size = strcspn(at, ",");
        if (size > 0 && !has_word(list, at, size)) {
            buf_add_text(list, list->size > 0 ? joint : "");
            buf_add(list, at, size);
        }
        at += size;
        at += strspn(at, ", ");
    }
}

/* A host's cores are counted once, however many recordings are from it. */
static int take_host(struct summary *summary, const struct profile *profile)
{
    uint32_t host;
    bool found;
    if (map_put(&summary->cores, profile->host, strlen(profile->host), (uint32_t)summary->n_hosts, &host, &found) != 0)
        return ERR_NOMEM;
    if (mem_grow(&summary->host_cores, &summary->capacity[0], host + 1, sizeof *summary->host_cores) != 0 ||
        mem_grow(&summary->host_allowed, &summary->capacity[1], host + 1, sizeof *summary->host_allowed) != 0 ||
        mem_grow(&summary->host_quota, &summary->capacity[2], host + 1, sizeof *summary->host_quota) != 0)
        return ERR_NOMEM;
    if (!found) {
        summary->n_hosts++;
        summary->host_cores[host] = summary->host_allowed[host] = 0;
        summary->host_quota[host] = profile->cores_quota;
    }
    if (profile->cores > summary->host_cores[host])
        summary->host_cores[host] = profile->cores;
    if (profile->cores_allowed > summary->host_allowed[host])
        summary->host_allowed[host] = profile->cores_allowed;
    if (profile->cores_quota <= 0 || profile->cores_quota > summary->host_quota[host])
        summary->host_quota[host] =
            profile->cores_quota > 0 && summary->host_quota[host] > 0 ? profile->cores_quota : 0;
    return 0;
}

static int take_profile(struct summary *summary, const struct profile *profile, bool first)
{
    struct buf command = {0}, directory = {0};
    for (size_t i = 0; profile->command[i] != NULL; i++)
        buf_add(&command, profile->command[i], strlen(profile->command[i]) + 1);
    buf_add_text(&directory, profile->directory);
    take_text(&summary->command, &summary->commands_differ, first, &command);
    take_text(&summary->directory, &summary->directories_differ, first, &directory);
    add_words(&summary->hosts, profile->host, ", ");
    add_words(&summary->evidence, profile->evidence, ",");
    if (profile->self.rate_asked_hz > summary->info.rate_hz)
        summary->info.rate_hz = profile->self.rate_asked_hz;
    if (first || profile->start_unix_ns < summary->first_ns)
        summary->first_ns = profile->start_unix_ns;
    if (profile->start_unix_ns > summary->last_ns)
        summary->last_ns = profile->start_unix_ns;
    bool failed = command.failed || directory.failed;
    buf_release(&command);
    buf_release(&directory);
    return failed ? ERR_NOMEM : take_host(summary, profile);
}

/* A recording twice would count everything twice. */
static int check_new(struct merger *merger, struct merge_input *input)
{
    struct stat status;
    if (stat(input->path, &status) != 0)
        return 0; /* opening it says what is wrong */
    input->device = status.st_dev;
    input->inode = status.st_ino;
    for (struct merge_input *other = merger->inputs; other < input; other++) {
        if (other->device == input->device && other->inode == input->inode)
            return err_set(merger->err, ERR_BAD_INPUT,
                           "cannot merge %.400s: it is the same file as %.400s, and its samples would count twice",
                           input->path, other->path);
    }
    return 0;
}

static int look_at(struct merger *merger, struct merge_input *input, struct summary *summary)
{
    struct loader loader;
    int rc = check_new(merger, input);
    if (rc != 0)
        return rc;
    rc = loader_begin(&loader, input->path, merger->err);
    if (rc == 0) {
        const struct profile *profile = loader.profile;
        uint32_t host;
        bool found;
        input->start_unix_ns = profile->start_unix_ns;
        rc = take_profile(summary, profile, input == merger->inputs);
        if (rc == 0)
            rc = map_put(&merger->hosts, profile->host, strlen(profile->host), merger->n_hosts, &host, &found);
        if (rc != 0)
            rc = loader_no_memory(&loader);
        else
            merger->n_hosts += !found;
    }
    loader_end(&loader);
    return rc;
}

static int by_start(const void *a, const void *b)
{
    const struct merge_input *x = a, *y = b;
    return x->start_unix_ns < y->start_unix_ns ? -1 : x->start_unix_ns > y->start_unix_ns;
}

static int set_clock(struct merger *merger, const struct summary *summary)
{
    if (summary->last_ns - summary->first_ns > apart_ns_max)
        return err_set(merger->err, ERR_BAD_INPUT,
                       "cannot merge: the recordings began more than five years apart, so"
                       " one of the clocks was wrong; merge those that belong together");
    for (size_t i = 0; i < merger->n_inputs; i++) {
        uint64_t offset = merger->inputs[i].start_unix_ns - summary->first_ns;
        merger->inputs[i].offset_ns = (offset + CHUNK_UNIT_NS / 2) / CHUNK_UNIT_NS * CHUNK_UNIT_NS;
    }
    qsort(merger->inputs, merger->n_inputs, sizeof *merger->inputs, by_start);
    return 0;
}

/* ---- the result ----------------------------------------------------------------------------------------------------
 */

static int create(struct merger *merger, struct summary *summary)
{
    const char **words = NULL;
    size_t count = 0;
    struct recording_info *info = &summary->info;
    for (size_t i = 0; i < summary->command.size; i++)
        count += summary->command.data[i] == '\0';
    if (count > 0 && !summary->commands_differ) {
        words = mem_zalloc(count + 1, sizeof *words);
        if (words == NULL)
            return err_set(merger->err, ERR_NOMEM, "cannot merge: out of memory");
        const char *at = summary->command.data;
        for (size_t i = 0; i < count; at += strlen(at) + 1)
            words[i++] = at;
    }
    bool quotas = true;
    for (size_t i = 0; i < summary->n_hosts; i++) {
        info->cores += summary->host_cores[i];
        info->cores_allowed += summary->host_allowed[i];
        info->cores_quota += summary->host_quota[i];
        quotas = quotas && summary->host_quota[i] > 0;
    }
    info->cores_quota = quotas ? info->cores_quota : 0;
    if (summary->directory.failed || summary->hosts.failed || summary->evidence.failed || summary->command.failed) {
        mem_free(words);
        return err_set(merger->err, ERR_NOMEM, "cannot merge: out of memory");
    }
    info->command = words;
    info->directory = summary->directories_differ ? "" : buf_text(&summary->directory);
    info->host = buf_text(&summary->hosts);
    info->mode = "merge";
    info->evidence = buf_text(&summary->evidence);
    info->start_unix_ns = summary->first_ns;
    info->whole_or_nothing = true;
    int rc = recording_new(merger->output, info, &merger->recording, merger->err);
    mem_free(words);
    return rc;
}

static int add_notes(struct merger *merger, const struct summary *summary)
{
    struct buf note = {0};
    buf_printf(&note, "merged from %zu recordings, each at the wall-clock time at which it began", merger->n_inputs);
    recording_add_note(merger->recording, buf_text(&note));
    if (merger->n_hosts > 1)
        recording_add_note(merger->recording, "they are from several hosts: how far the hosts' clocks differ was not "
                                              "measured, so times of different hosts compare only as well as those");
    if (summary->commands_differ)
        recording_add_note(merger->recording, "they are of different commands");
    if (merger->sources_left_out)
        recording_add_note(merger->recording,
                           "some source text was left out: all of it was too much for one recording");
    int rc = note.failed ? err_set(merger->err, ERR_NOMEM, "cannot merge: out of memory") : 0;
    buf_release(&note);
    return rc;
}

static int finish(struct merger *merger, const struct summary *summary)
{
    if (merger->rate_seconds > 0) {
        merger->self.rate_hz /= merger->rate_seconds;
        double share = (double)merger->self.waited_ns / 1e9 / merger->rate_seconds;
        merger->self.waited_ns = (uint64_t)(share * (double)merger->end_ns);
    }
    recording_set_self(merger->recording, &merger->self);
    int rc = add_notes(merger, summary);
    merge_growths(merger);
    if (rc == 0)
        rc = recording_commit(merger->recording, merger->end_ns, merger->err);
    if (rc == 0 && recording_samples(merger->recording) != merger->samples)
        rc = err_set(merger->err, ERR_CORRUPT,
                     "cannot merge: %llu of %llu samples are not possible in a recording, so"
                     " one of the files is damaged",
                     (unsigned long long)(merger->samples - recording_samples(merger->recording)),
                     (unsigned long long)merger->samples);
    return rc == 0 ? recording_finish(merger->recording, merger->end_ns, merger->err) : rc;
}

static int merge(struct merger *merger, struct summary *summary)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < merger->n_inputs; i++)
        rc = look_at(merger, &merger->inputs[i], summary);
    if (rc == 0)
        rc = set_clock(merger, summary);
    if (rc == 0)
        rc = create(merger, summary);
    for (size_t i = 0; rc == 0 && i < merger->n_inputs; i++)
        rc = merge_rows(merger, &merger->inputs[i]);
    return rc == 0 ? finish(merger, summary) : rc;
}

int merge_recordings(const char *const *paths, size_t count, const char *output, struct merge_result *result,
                     struct err *err)
{
    struct merger merger = {.output = output, .n_inputs = count, .err = err};
    struct summary summary = {0};
    int rc;
    *result = (struct merge_result){0};
    merger.inputs = mem_zalloc(count + 1, sizeof *merger.inputs);
    for (size_t i = 0; merger.inputs != NULL && i < count; i++)
        merger.inputs[i].path = paths[i];
    rc = merger.inputs != NULL ? merge(&merger, &summary) : err_set(err, ERR_NOMEM, "cannot merge: out of memory");
    if (rc == 0) {
        snprintf(result->path, sizeof result->path, "%s", recording_path(merger.recording));
        result->samples = merger.ticks;
        result->processes = merger.n_processes;
        result->hosts = merger.n_hosts;
    }
    recording_free(merger.recording);
    summary_release(&summary);
    map_release(&merger.hosts);
    map_release(&merger.cores);
    map_release(&merger.sources);
    mem_free(merger.merged_cores);
    mem_free(merger.growths);
    mem_free(merger.inputs);
    return rc;
}
