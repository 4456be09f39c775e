/* The outputs of keisoku scale. */
#ifndef KEISOKU_EXPORT_SCALE_H
#define KEISOKU_EXPORT_SCALE_H

#include "diagnose/scaling.h"
#include "export/trials.h"

enum { SCALE_PREDICT_MAX = 32 };

struct scale_input {
    const struct scaling *scaling;
    char *const *command; /* NULL-terminated, {n} in it; empty: recordings were read */
    const char *function; /* that was asked for; NULL: all */
    double predict[SCALE_PREDICT_MAX];
    size_t n_predict;
};

void scale_text(const struct scale_input *input, const struct trials_screen *screen, struct buf *out);
void scale_json(const struct scale_input *input, struct buf *out);
void scale_csv(const struct scale_input *input, struct buf *out);
/* The answer in one sentence. */
void scale_sentence(const struct scale_input *input, struct buf *out);
/* Is it among those that were asked for? Why it has no fit. */
bool scale_asked_for(const struct scale_input *input, const struct scaling_function *function);
const char *scale_doubt_text(enum scaling_doubt doubt);
/* Do its calls follow the size? */
bool scale_calls_grow(const struct scaling_function *function);
/* The function whose calls grow fastest, of own code if there is one; NULL: none do. */
const struct scaling_function *scale_most_called(const struct scale_input *input);
/* With the size, surely. */
bool scale_falls(const struct growth *growth);
/* "n²"; all that are likely where it is not decided, "n or n log n". */
void scale_curves(const struct growth *growth, char *out, size_t size);
extern const char scale_calls_missing[]; /* why its calls have no fit */

#endif
