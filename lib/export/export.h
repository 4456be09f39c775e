/*
 * Exporters: one file and one row of export.def each. An exporter starts from one const profile (and the diagnosis made
 * from it) and writes to a sink; it never reads files, environment or clocks (the text asks for the sizes of the files
 * that it names, nothing more).
 */
#ifndef KEISOKU_EXPORT_H
#define KEISOKU_EXPORT_H

#include "base/err.h"
#include "base/sink.h"
#include "diagnose/diagnose.h"

#include "keisoku.h"

struct export_input {
    const struct profile *profile;
    const struct diagnosis *diagnosis;
    const struct kei_export_options *options; /* never NULL */
    struct filter filter;                     /* of the profile, which is the wanted part already (data/part.h) */
};

struct exporter {
    struct kei_format format;
    bool tasks; /* it knows stacks only: those of its profile tell tasks apart (data/task_stacks.h) */
    int (*write)(const struct export_input *input, const struct sink *sink, struct err *err);
};

/* The functions of the table's rows. */
#define X(function, name, summary, extension, foreign, tasks)                                                          \
    int function(const struct export_input *input, const struct sink *sink, struct err *err);
#include "export/export.def"
#undef X

/* The table (export.def); NULL when there is none of that name. */
const struct exporter *exporter_by_name(const char *name);
const struct exporter *exporter_table(size_t *count);

#endif
