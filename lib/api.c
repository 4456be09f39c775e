/*
 * The C interface of include/keisoku.h over the rooms of the library: recordings, exports, files, doctor. Measuring
 * (kei_run, kei_attach, kei_session_*, kei_dump) is in lib/capture.
 */
#include "api_error.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "capture/doctor.h"
#include "data/merge.h"
#include "data/part.h"
#include "data/query.h"
#include "data/task_stacks.h"
#include "diagnose/compare.h"
#include "diagnose/diagnose.h"
#include "export/diff.h"
#include "export/export.h"
#include "export/query_rows.h"

#include "keisoku.h"

#include <stdio.h>
#include <string.h>

/* An error of the library is one of the interface: same numbers, same text. */
#define SAME(name) _Static_assert((int)KEI_##name == (int)name, #name)
SAME(ERR_NOMEM);
SAME(ERR_IO);
SAME(ERR_FULL);
SAME(ERR_CORRUPT);
SAME(ERR_VERSION);
SAME(ERR_GONE);
SAME(ERR_PERMISSION);
SAME(ERR_NOT_PYTHON);
SAME(ERR_BAD_INPUT);
SAME(ERR_NOT_FOUND);
SAME(ERR_NOT_SUPPORTED);
SAME(ERR_UNREADABLE);
SAME(ERR_NOT_EXECUTABLE);
_Static_assert(sizeof(((struct kei_error *)0)->text) == sizeof(((struct err *)0)->text), "text");

enum { FORMATS_MAX = 64 };

const char *kei_version(void)
{
    return KEISOKU_VERSION;
}

/* ---- recordings ----------------------------------------------------------------------------------------------------
 */

struct kei_recording {
    struct profile *profile;
    struct diagnosis *diagnosis;
};

int kei_open(const char *path, struct kei_recording **recording, struct kei_error *error)
{
    struct err err = {0};
    *recording = NULL;
    struct kei_recording *made = mem_zalloc(1, sizeof *made);
    int rc = made == NULL ? ERR_NOMEM : profile_load(path, &made->profile, &err);
    if (rc == 0)
        rc = diagnose(made->profile, &made->diagnosis);
    if (rc != 0) {
        kei_close(made);
        return api_error(error, &err, rc);
    }
    *recording = made;
    return 0;
}

void kei_close(struct kei_recording *recording)
{
    if (recording == NULL)
        return;
    diagnosis_free(recording->diagnosis);
    profile_free(recording->profile);
    mem_free(recording);
}

/* ---- exports -------------------------------------------------------------------------------------------------------
 */

const struct kei_format *kei_formats(size_t *count)
{
    static struct kei_format formats[FORMATS_MAX];
    size_t n_exporters;
    const struct exporter *exporters = exporter_table(&n_exporters);
    *count = n_exporters < FORMATS_MAX ? n_exporters : FORMATS_MAX;
    for (size_t i = 0; i < *count; i++)
        formats[i] = exporters[i].format;
    return formats;
}

static uint64_t seconds_to_ns(double seconds)
{
    return seconds <= 0 ? 0 : seconds >= 1e9 ? UINT64_MAX : (uint64_t)(seconds * 1e9);
}

static int list_known_processes(const struct profile *profile, int32_t wanted, struct err *err)
{
    struct buf known = {0};
    for (size_t i = 1; i < profile->n_processes && i <= 20; i++)
        buf_printf(&known, " %d", (int)profile->processes[i].pid);
    err_set(err, ERR_BAD_INPUT, "process %d is not in %s; it has%s", (int)wanted, profile->path, buf_text(&known));
    buf_release(&known);
    return ERR_BAD_INPUT;
}

static int list_known_threads(const struct profile *profile, int32_t wanted, struct err *err)
{
    struct buf known = {0};
    for (size_t i = 1; i < profile->n_threads && i <= 20; i++)
        buf_printf(&known, " %d", (int)profile->threads[i].tid);
    err_set(err, ERR_BAD_INPUT, "thread %d is not in %s; it has%s", (int)wanted, profile->path, buf_text(&known));
    buf_release(&known);
    return ERR_BAD_INPUT;
}

/* A merged recording has processes of one number that have nothing to do with each other. */
static int refuse_unclear(const struct profile *profile, uint32_t one, uint32_t other, struct err *err)
{
    struct buf names = {0};
    profile_process_name(profile, one, &names);
    buf_add_text(&names, ", ");
    profile_process_name(profile, other, &names);
    err_set(err, ERR_BAD_INPUT, "%s was merged and has several processes %d (%s): ask the recording that you mean",
            profile->path, (int)profile->processes[one].pid, buf_text(&names));
    buf_release(&names);
    return ERR_BAD_INPUT;
}

/* Process and thread numbers become ids of the recording. */
static int find_part(const struct profile *profile, const struct kei_export_options *options, struct part_of *of,
                     struct err *err)
{
    *of = (struct part_of){.from_ns = seconds_to_ns(options->from_s), .to_ns = seconds_to_ns(options->to_s)};
    for (uint32_t i = 1; options->process > 0 && i < profile->n_processes; i++) {
        if (profile->processes[i].pid != options->process)
            continue;
        if (of->process != 0 && profile->processes[i].recording != profile->processes[of->process].recording)
            return refuse_unclear(profile, of->process, i, err);
        of->process = of->process != 0 ? of->process : i;
    }
    for (size_t i = 1; options->thread > 0 && i < profile->n_threads && of->thread == 0; i++)
        if (profile->threads[i].tid == options->thread &&
            (of->process == 0 || profile->threads[i].process == of->process))
            of->thread = (uint32_t)i;
    if (options->process > 0 && of->process == 0)
        return list_known_processes(profile, options->process, err);
    if (options->thread > 0 && of->thread == 0)
        return list_known_threads(profile, options->thread, err);
    if (of->from_ns > 0 && of->from_ns >= profile->duration_ns)
        return err_set(err, ERR_BAD_INPUT, "nothing from %.3g s on: %s ends after %.3g s", options->from_s,
                       profile->path, (double)profile->duration_ns / 1e9);
    return 0;
}

static int write_export(const struct exporter *exporter, const struct export_input *input, const struct sink *sink,
                        struct err *err)
{
    struct task_stacks *stacks = NULL;
    struct export_input with_tasks = *input;
    int rc = exporter->tasks ? task_stacks_new(input->profile, &stacks) : 0;
    if (rc != 0)
        return err_set(err, rc, "telling tasks apart: %s; %s", err_sentence(rc), err_hint(rc));
    if (stacks != NULL)
        with_tasks.profile = task_stacks_profile(stacks);
    rc = exporter->write(&with_tasks, sink, err);
    task_stacks_free(stacks);
    return rc;
}

/* Writes a part of the recording: what is found is found in the part alone. */
static int export_part(const struct exporter *exporter, const struct part_of *of, struct export_input *input,
                       const struct sink *sink, struct err *err)
{
    struct profile *part = NULL;
    struct diagnosis *diagnosis = NULL;
    int rc = part_new(input->profile, of, &part);
    if (rc == 0)
        rc = diagnose(part, &diagnosis);
    if (rc == 0) {
        input->profile = part;
        input->diagnosis = diagnosis;
        rc = write_export(exporter, input, sink, err);
    }
    diagnosis_free(diagnosis);
    part_free(part);
    return rc;
}

int kei_export(struct kei_recording *recording, const char *format, const struct kei_export_options *options,
               int (*write)(void *context, const void *data, size_t size), void *context, struct kei_error *error)
{
    static const struct kei_export_options none;
    struct err err = {0};
    const struct exporter *exporter = exporter_by_name(format);
    struct export_input input = {recording->profile, recording->diagnosis, options != NULL ? options : &none, {0}};
    struct sink sink = {write, context};
    struct part_of of;
    int rc;
    if (exporter == NULL)
        rc = err_set(&err, ERR_BAD_INPUT, "there is no format %.100s; keisoku export --format help lists them", format);
    else
        rc = find_part(input.profile, input.options, &of, &err);
    if (exporter != NULL && rc == 0)
        rc = part_wanted(&of) ? export_part(exporter, &of, &input, &sink, &err)
                              : write_export(exporter, &input, &sink, &err);
    return api_error(error, &err, rc);
}

int kei_query(const char *path, const char *sql, enum kei_query_format format, uint32_t width,
              int (*write)(void *context, const void *data, size_t size), void *context, struct kei_error *error)
{
    struct err err = {0};
    struct query *query = NULL;
    struct sink sink = {write, context};
    int rc = query_new(path, sql, &query, &err);
    if (rc == 0)
        rc = query_write(query, format, width, &sink, &err);
    query_free(query);
    return api_error(error, &err, rc);
}

_Static_assert((int)KEI_PER_RUN == (int)PER_RUN && (int)KEI_PER_CPU_SECOND == (int)PER_CPU_SECOND, "per");

/* The profiles of one side, which compare_new wants by constant pointers. */
struct side_runs {
    struct profile **profiles;
    size_t count;
};

static int load_side(const char *const *paths, struct side_runs *side, struct err *err)
{
    size_t count = 0;
    while (paths[count] != NULL)
        count++;
    if (count == 0)
        return err_set(err, ERR_BAD_INPUT, "a comparison needs a recording of each side; name one");
    side->profiles = mem_zalloc(count, sizeof *side->profiles);
    if (side->profiles == NULL)
        return err_set(err, ERR_NOMEM, "cannot compare: out of memory");
    int rc = 0;
    for (; rc == 0 && side->count < count; side->count += rc == 0)
        rc = profile_load(paths[side->count], &side->profiles[side->count], err);
    return rc;
}

static void release_side(struct side_runs *side)
{
    for (size_t i = 0; i < side->count; i++)
        profile_free(side->profiles[i]);
    mem_free(side->profiles);
}

static int write_diff(const struct comparison *comparison, const char *format, const struct kei_diff_options *options,
                      const struct sink *sink, struct err *err)
{
    static const struct {
        const char *name;
        int (*write)(const struct diff_input *input, const struct sink *sink, struct err *err);
    } formats[] = {{"text", diff_text}, {"json", diff_json}, {"html", diff_html}};
    struct diff_input input = {comparison, options->top, options->width, options->color};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, format) == 0)
            return formats[i].write(&input, sink, err);
    return err_set(err, ERR_BAD_INPUT, "a comparison is no %.100s; it is text, json or html", format);
}

int kei_diff_runs(const char *const *a, const char *const *b, const char *format,
                  const struct kei_diff_options *options, int (*write)(void *context, const void *data, size_t size),
                  void *context, struct kei_error *error)
{
    struct err err = {0};
    struct side_runs sides[SIDES] = {0};
    struct comparison *comparison = NULL;
    struct sink sink = {write, context};
    int rc = load_side(a, &sides[SIDE_A], &err);
    if (rc == 0)
        rc = load_side(b, &sides[SIDE_B], &err);
    if (rc == 0) {
        const struct compare_runs runs[SIDES] = {
            {(const struct profile *const *)sides[SIDE_A].profiles, sides[SIDE_A].count},
            {(const struct profile *const *)sides[SIDE_B].profiles, sides[SIDE_B].count}};
        rc = compare_new(runs, (enum compare_per)options->per, options->cpu_clock, &comparison);
    }
    if (rc == 0)
        rc = write_diff(comparison, format, options, &sink, &err);
    compare_free(comparison);
    release_side(&sides[SIDE_A]);
    release_side(&sides[SIDE_B]);
    return api_error(error, &err, rc);
}

int kei_diff(const char *a, const char *b, const char *format, const struct kei_diff_options *options,
             int (*write)(void *context, const void *data, size_t size), void *context, struct kei_error *error)
{
    const char *const before[] = {a, NULL}, *const after[] = {b, NULL};
    return kei_diff_runs(before, after, format, options, write, context, error);
}

int kei_merge(const char *const *paths, size_t count, const char *output, struct kei_merged *merged,
              struct kei_error *error)
{
    struct err err = {0};
    struct merge_result result;
    int rc = merge_recordings(paths, count, output, &result, &err);
    memcpy(merged->path, result.path, sizeof merged->path);
    merged->samples = result.samples;
    merged->processes = result.processes;
    merged->hosts = result.hosts;
    return api_error(error, &err, rc);
}

int kei_create_file(const char *path, char *taken, size_t taken_size, struct kei_error *error)
{
    struct err err = {0};
    return api_error(error, &err, file_create(path, taken, taken_size, &err));
}

/* ---- doctor and small help -----------------------------------------------------------------------------------------
 */

int kei_doctor(pid_t pid, struct kei_check *checks, size_t capacity, struct kei_error *error)
{
    struct err err = {0};
    return api_error(error, &err, doctor_check(pid, checks, capacity, &err));
}

static size_t copy_out(struct buf *buf, char *out, size_t size)
{
    const char *text = buf_text(buf);
    size_t length = strlen(text);
    if (size > 0)
        snprintf(out, size, "%s", text);
    buf_release(buf);
    return length;
}

size_t kei_visible_text(const char *text, char *out, size_t size)
{
    struct buf buf = {0};
    buf_add_visible(&buf, text, strlen(text));
    return copy_out(&buf, out, size);
}

size_t kei_json_text(const char *text, char *out, size_t size)
{
    struct buf buf = {0};
    buf_add_json(&buf, text, strlen(text));
    return copy_out(&buf, out, size);
}

const char *kei_nearest_word(const char *word, const char *const *candidates, size_t count)
{
    return nearest_word(word, candidates, count);
}
