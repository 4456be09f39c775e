/* The score of predictions (data/gain.h) as text and JSON. */
#ifndef KEISOKU_EXPORT_GAINS_H
#define KEISOKU_EXPORT_GAINS_H

#include "data/gain.h"
#include "export/trials.h"

struct gains_input {
    const char *const *paths; /* recordings */
    const struct gains *gains;
    size_t n;
};
/* `failed` of the buffer: memory was short. */
void gains_text(const struct gains_input *input, const struct trials_screen *screen, struct buf *out);
void gains_json(const struct gains_input *input, struct buf *out);

#endif
