/*
 * The report as JSON, schema keisoku-report/1 (docs/report.schema.json). What was not measured is absent, never zero.
 * Text from the target is escaped by the writer.
 */
#include "export/json.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

void json_string(struct json_writer *json, const char *key, const struct profile *profile, uint32_t id)
{
    if (id != 0 && id < profile->n_strings)
        json_text_of(json, key, profile->strings[id], profile->string_lengths[id]);
}

/* Arguments joined by NUL. */
static void write_arguments(struct json_writer *json, const struct profile *profile, uint32_t id)
{
    if (id == 0 || id >= profile->n_strings)
        return;
    const char *at = profile->strings[id], *end = at + profile->string_lengths[id];
    json_open_flat(json, "command", '[');
    while (at < end) {
        size_t length = strnlen(at, (size_t)(end - at));
        json_text_of(json, NULL, at, length);
        at += length + 1;
    }
    json_close(json, ']');
}

static void write_process(struct json_writer *json, const struct profile *profile, const struct process *process)
{
    json_open_flat(json, NULL, '{');
    json_integer(json, "pid", process->pid);
    if (process->parent != 0 && process->parent < profile->n_processes)
        json_integer(json, "parent", profile->processes[process->parent].pid);
    if (process->host != 0)
        json_string(json, "host", profile, process->host);
    if (process->recording != 0)
        json_string(json, "recording", profile, process->recording);
    write_arguments(json, profile, process->command);
    json_string(json, "python", profile, process->python);
    if (process->exit_status >= 0)
        json_integer(json, "exit",
                     WIFSIGNALED(process->exit_status) ? 128 + WTERMSIG(process->exit_status)
                                                       : WEXITSTATUS(process->exit_status));
    json_close(json, '}');
}

/* What was asked for: everything in the report is of it. */
static void write_part(struct json_writer *json, const struct kei_export_options *options)
{
    json_open_flat(json, "part", '{');
    if (options->process > 0)
        json_integer(json, "process", options->process);
    if (options->thread > 0)
        json_integer(json, "thread", options->thread);
    if (options->from_s > 0)
        json_number(json, "from_s", options->from_s);
    if (options->to_s > 0)
        json_number(json, "to_s", options->to_s);
    json_close(json, '}');
}

static void write_pauses(struct json_writer *json, const struct profile *profile)
{
    json_open(json, "pauses", '[');
    for (size_t i = 0; i < profile->n_gaps; i++) {
        json_open_flat(json, NULL, '{');
        json_number(json, "at_s", (double)profile->gaps[i].time_ns / 1e9);
        json_number(json, "length_s", (double)profile->gaps[i].length_ns / 1e9);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* Of a merged recording those of its processes. */
static void write_hosts(struct json_writer *json, const struct profile *profile)
{
    bool merged = false;
    json_open_flat(json, "hosts", '[');
    for (size_t i = 1; i < profile->n_processes; i++) {
        uint32_t host = profile->processes[i].host;
        bool known = host == 0;
        for (size_t j = 1; j < i && !known; j++)
            known = profile->processes[j].host == host;
        if (!known)
            json_text_of(json, NULL, profile->strings[host], profile->string_lengths[host]);
        merged = merged || host != 0;
    }
    if (!merged && profile->host != NULL && profile->host[0] != '\0')
        json_text(json, NULL, profile->host);
    json_close(json, ']');
}

static void write_recording(struct json_writer *json, const struct profile *profile,
                            const struct kei_export_options *options)
{
    json_open(json, "recording", '{');
    json_text(json, "file", profile->path != NULL ? profile->path : "");
    json_open_flat(json, "command", '[');
    for (size_t i = 0; profile->command != NULL && profile->command[i] != NULL; i++)
        json_text(json, NULL, profile->command[i]);
    json_close(json, ']');
    char started[32];
    time_t seconds = (time_t)(profile->start_unix_ns / 1000000000u);
    struct tm when;
    if (profile->start_unix_ns != 0 && gmtime_r(&seconds, &when) != NULL &&
        strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &when) > 0)
        json_text(json, "started", started);
    json_number(json, "duration_s", (double)profile->duration_ns / 1e9);
    json_bool(json, "complete", profile->complete);
    if (profile->dropped_ns > 0)
        json_number(json, "dropped_s", (double)profile->dropped_ns / 1e9);
    if (profile->n_gaps > 0)
        write_pauses(json, profile);
    if (profile->whole != NULL)
        write_part(json, options);
    write_hosts(json, profile);
    json_open(json, "processes", '[');
    for (size_t i = 1; i < profile->n_processes; i++)
        write_process(json, profile, &profile->processes[i]);
    json_close(json, ']');
    json_open(json, "notes", '[');
    for (size_t i = 0; profile->notes != NULL && profile->notes[i] != NULL; i++)
        json_text(json, NULL, profile->notes[i]);
    json_close(json, ']');
    json_close(json, '}');
}

static void write_evidence_sources(struct json_writer *json, const char *evidence)
{
    json_open_flat(json, "evidence", '[');
    for (const char *at = evidence; at != NULL && *at != '\0';) {
        at += strspn(at, ", ");
        size_t length = strcspn(at, ",");
        if (length > 0)
            json_text_of(json, NULL, at, length);
        at += length;
    }
    json_close(json, ']');
}

static void write_trust(struct json_writer *json, const struct profile *profile, const struct trust *trust)
{
    const struct self_report *self = &profile->self;
    json_open(json, "trust", '{');
    json_integer(json, "samples", (int64_t)trust->samples);
    if (self->reads > 0)
        json_number(json, "reread_share", trust->reread_share);
    if (trust->unfollowed > 0)
        json_number(json, "unfollowed_cpu_share", trust->unfollowed);
    json_integer(json, "dropped", (int64_t)trust->dropped);
    if (self->sweeps > 0) {
        json_integer(json, "stops", (int64_t)self->stops);
        if (self->native_whole + self->native_cut > 0) {
            json_integer(json, "native_whole", (int64_t)self->native_whole);
            json_integer(json, "native_cut", (int64_t)self->native_cut);
        }
        json_number(json, "core_time_taken_s", (double)self->core_taken_ns / 1e9);
        json_number(json, "core_time_awake_s", (double)self->core_awake_ns / 1e9);
        json_integer(json, "late", (int64_t)self->late);
        if (self->waited_ns > 0)
            json_number(json, "waited_s", (double)self->waited_ns / 1e9);
    }
    if (self->page_wait_ns > 0) /* perhaps before the first sweep was done */
        json_number(json, "page_wait_s", (double)self->page_wait_ns / 1e9);
    json_open_flat(json, "lost", '{');
    for (int i = 0; i < LOSS_KIND_COUNT; i++) {
        if (profile->losses[i] > 0)
            json_integer(json, loss_name((enum loss_kind)i), (int64_t)profile->losses[i]);
    }
    json_close(json, '}');
    if (self->rate_hz > 0)
        json_number(json, "rate_hz", self->rate_hz);
    if (self->rate_asked_hz > 0)
        json_number(json, "rate_asked_hz", self->rate_asked_hz);
    if (self->own_cpu_ns > 0)
        json_number(json, "own_cpu_s", (double)self->own_cpu_ns / 1e9);
    if (self->own_rss_bytes > 0)
        json_integer(json, "own_rss_bytes", (int64_t)self->own_rss_bytes);
    if (self->sweeps > 0)
        json_number(json, "slowdown_estimate", trust->core_taken);
    json_open_flat(json, "proved_by", '{');
    for (int i = 0; i < READER_KIND_COUNT; i++) {
        if (trust->proved_by[i] > 0)
            json_integer(json, reader_kind_name((enum reader_kind)i), (int64_t)trust->proved_by[i]);
    }
    json_close(json, '}');
    write_evidence_sources(json, profile->evidence);
    json_close(json, '}');
}

static void write_place(struct json_writer *json, const struct profile *profile, const struct finding *finding)
{
    if (finding->file == 0 && finding->function == 0)
        return;
    json_open_flat(json, "place", '{');
    json_string(json, "file", profile, finding->file);
    if (finding->line != 0)
        json_integer(json, "line", finding->line);
    if (finding->line_first != 0)
        json_integer(json, "line_first", finding->line_first);
    if (finding->line_last != 0)
        json_integer(json, "line_last", finding->line_last);
    if (finding->function != 0)
        json_string(json, "function", profile, profile->functions[finding->function].name);
    json_close(json, '}');
}

static void write_evidence(struct json_writer *json, const struct evidence *evidence)
{
    json_open_flat(json, NULL, '{');
    json_text(json, "measure", evidence->measure);
    json_number(json, "value", evidence->value);
    json_text(json, "unit", evidence->unit);
    if (evidence->interval) {
        json_number(json, "low", evidence->low);
        json_number(json, "high", evidence->high);
    }
    json_close(json, '}');
}

static void write_finding(struct json_writer *json, const struct profile *profile, const struct finding *finding,
                          size_t rank)
{
    json_open(json, NULL, '{');
    json_integer(json, "rank", (int64_t)rank);
    json_text(json, "prescription", prescription_name(finding->prescription));
    json_text(json, "tag", finding->tag);
    json_text(json, "sentence", finding->sentence);
    json_number(json, "confidence", finding->confidence);
    write_place(json, profile, finding);
    json_open(json, "evidence", '[');
    for (size_t i = 0; i < finding->n_evidence; i++)
        write_evidence(json, &finding->evidence[i]);
    json_close(json, ']');
    if (finding->max_gain > 0)
        json_number(json, "max_gain", finding->max_gain);
    if (finding->gain_law[0] != '\0')
        json_text(json, "gain_law", finding->gain_law);
    if (finding->predicted_high > 0) {
        json_open_flat(json, "predicted_gain", '{');
        json_number(json, "low", finding->predicted_low);
        json_number(json, "high", finding->predicted_high);
        json_close(json, '}');
    }
    if (finding->scaled_gain > 0)
        json_number(json, "scaled_gain", finding->scaled_gain);
    json_text(json, "action", finding->action);
    json_text(json, "check_command", finding->check_command);
    if (finding->next_tells != NULL) {
        json_open_flat(json, "next_measurement", '{');
        json_text(json, "tells", finding->next_tells);
        json_text(json, "command", finding->next_command);
        json_close(json, '}');
    }
    json_open(json, "not_measured", '[');
    for (size_t i = 0; i < finding->n_not_measured; i++)
        json_text(json, NULL, finding->not_measured[i]);
    json_close(json, ']');
    json_close(json, '}');
}

static void write_findings(struct json_writer *json, const struct profile *profile, const struct diagnosis *diagnosis)
{
    if (diagnosis->n_findings > 0) {
        json_open(json, "verdict", '{');
        json_text(json, "prescription", prescription_name(diagnosis->findings[0].prescription));
        json_text(json, "sentence", diagnosis->findings[0].sentence);
        json_close(json, '}');
    }
    json_open(json, "findings", '[');
    for (size_t i = 0; i < diagnosis->n_findings; i++)
        write_finding(json, profile, &diagnosis->findings[i], i + 1);
    json_close(json, ']');
}

int export_json(const struct export_input *input, const struct sink *sink, struct err *err)
{
    struct buf buf = {0};
    struct json_writer json = {.buf = &buf};
    struct aggregate *aggregate = NULL;
    int rc = aggregate_new(input->profile, &input->filter, &aggregate);
    if (rc != 0)
        return err_set(err, rc, "writing the report: %s", err_sentence(rc));
    json_open(&json, NULL, '{');
    json_text(&json, "schema", "keisoku-report/1");
    write_recording(&json, input->profile, input->options);
    write_trust(&json, input->profile, &input->diagnosis->trust);
    write_findings(&json, input->profile, input->diagnosis);
    rc = json_states(&json, input->profile, input->diagnosis);
    json_functions(&json, input->profile, aggregate, input->options->top);
    json_lines(&json, input->profile, aggregate, input->options->top);
    if (rc == 0)
        rc = json_allocations(&json, input->profile, input->options->top);
    if (rc == 0)
        rc = json_native(&json, input->profile, aggregate);
    json_marks(&json, input->profile);
    if (rc == 0)
        rc = json_tasks(&json, input->profile);
    if (rc == 0)
        rc = json_sums(&json, input->profile, input->diagnosis);
    json_close(&json, '}');
    buf_add_byte(&buf, '\n');
    if (buf.failed)
        rc = ERR_NOMEM;
    rc = rc != 0 ? err_set(err, rc, "writing the report: %s", err_sentence(rc)) : sink_write(sink, buf.data, buf.size);
    buf_release(&buf);
    aggregate_free(aggregate);
    return rc;
}
