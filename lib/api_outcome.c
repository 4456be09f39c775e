/* What came out of runs of whole programs, written in a format (include/keisoku.h). */
#include "api_outcome.h"

#include "base/mem.h"
#include "base/sink.h"

#include <string.h>

int outcome_new(const struct outcome_format *formats, void *result, void (*free_result)(void *result),
                struct kei_outcome **outcome, struct err *err)
{
    *outcome = mem_zalloc(1, sizeof **outcome);
    if (*outcome == NULL)
        return err_set(err, ERR_NOMEM, "out of memory; free some memory");
    **outcome = (struct kei_outcome){formats, 0, result, free_result};
    return 0;
}

bool outcome_stop(const struct kei_watch *watch)
{
    return watch != NULL && watch->stop != NULL && watch->stop(watch->context);
}

void outcome_progress(const struct kei_watch *watch, const char *what, uint32_t done, uint32_t of)
{
    if (watch != NULL && watch->progress != NULL)
        watch->progress(watch->context, what, done, of);
}

int kei_outcome_write(const struct kei_outcome *outcome, const char *format, const struct kei_outcome_options *options,
                      int (*write)(void *context, const void *data, size_t size), void *context,
                      struct kei_error *error)
{
    struct err err = {0};
    struct buf out = {0};
    struct trials_screen screen = {options->width >= 60 ? options->width : 80, options->color};
    struct sink sink = {write, context};
    int rc = err_set(&err, ERR_BAD_INPUT, "there is no format %.100s of this", format);
    for (const struct outcome_format *row = outcome->formats; row->name != NULL; row++) {
        if (strcmp(row->name, format) != 0)
            continue;
        row->write(outcome, &screen, &out);
        rc = out.failed ? err_set(&err, ERR_NOMEM, "cannot write the result: out of memory; free some memory")
                        : sink_write(&sink, out.data, out.size);
    }
    buf_release(&out);
    return api_error(error, &err, rc);
}

int kei_outcome_status(const struct kei_outcome *outcome)
{
    return outcome->status;
}

void kei_outcome_free(struct kei_outcome *outcome)
{
    if (outcome == NULL)
        return;
    outcome->free_result(outcome->result);
    mem_free(outcome);
}
