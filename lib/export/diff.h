/* A comparison of two recordings (diagnose/compare.h) as a screen, as JSON (docs/diff.schema.json) and as a page. */
#ifndef KEISOKU_EXPORT_DIFF_H
#define KEISOKU_EXPORT_DIFF_H

#include "base/err.h"
#include "base/sink.h"
#include "diagnose/compare.h"

#include "keisoku.h"

struct diff_input {
    const struct comparison *comparison;
    uint32_t top, width; /* rows of each table, columns of the screen */
    bool color;
};

int diff_text(const struct diff_input *input, const struct sink *sink, struct err *err);
int diff_json(const struct diff_input *input, const struct sink *sink, struct err *err);
int diff_html(const struct diff_input *input, const struct sink *sink, struct err *err);

/* The comparison in JSON, for diff_json and the page. */
void diff_add_json(const struct diff_input *input, struct buf *out);
/* What the comparison is of, and what may stand in its way: sentences, each ended by a newline. */
void diff_add_notes(const struct comparison *comparison, struct buf *out);

#endif
