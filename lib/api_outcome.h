/* What api_stat.c, api_bench.c and api_scale.c share: the outcome that they make and api_outcome.c writes. */
#ifndef KEISOKU_API_OUTCOME_H
#define KEISOKU_API_OUTCOME_H

#include "api_error.h"
#include "base/err.h"
#include "export/trials.h"

#include "keisoku.h"

struct outcome_format {
    const char *name;
    void (*write)(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out);
};

struct kei_outcome {
    const struct outcome_format *formats; /* ended by one without a name */
    int status;
    void *result; /* of the kind that made it */
    void (*free_result)(void *result);
};

int outcome_new(const struct outcome_format *formats, void *result, void (*free_result)(void *result),
                struct kei_outcome **outcome, struct err *err);
bool outcome_stop(const struct kei_watch *watch);
void outcome_progress(const struct kei_watch *watch, const char *what, uint32_t done, uint32_t of);

#endif
