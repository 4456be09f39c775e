/* An earlier bench, read back from the JSON that it saved: the runs of each variant. Input from a file: bounded. */
#ifndef KEISOKU_DATA_BASELINE_H
#define KEISOKU_DATA_BASELINE_H

#include "base/buf.h"
#include "base/err.h"
#include "data/bench.h"

struct baseline_variant {
    char *command, *parameters;
    size_t reference;
    double *runs[BENCH_MEASURES];
    size_t n[BENCH_MEASURES], capacity[BENCH_MEASURES];
};

struct baseline {
    struct baseline_variant variants[BENCH_VARIANTS_MAX];
    size_t n;
};

/* ERR_NOT_FOUND, ERR_CORRUPT … with a message that names the file. */
int baseline_read(const char *path, struct baseline *baseline, struct err *err);
/* The same of its text; `path` is what messages name. */
int baseline_parse(struct buf *text, const char *path, struct baseline *baseline, struct err *err);
void baseline_release(struct baseline *baseline);
/* The variant of that command and parameters; NULL when it has none. */
const struct baseline_variant *baseline_find(const struct baseline *baseline, const char *command,
                                             const char *parameters);

#endif
