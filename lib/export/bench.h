/* The outputs of keisoku bench. */
#ifndef KEISOKU_EXPORT_BENCH_H
#define KEISOKU_EXPORT_BENCH_H

#include "diagnose/verdicts.h"
#include "export/trials.h"

void bench_text(const struct verdicts *verdicts, const struct trials_screen *screen, struct buf *out);
void bench_json(const struct verdicts *verdicts, struct buf *out);
void bench_csv(const struct verdicts *verdicts, struct buf *out);
void bench_markdown(const struct verdicts *verdicts, struct buf *out);

/* "3.35x faster (3.28 to 3.42)", "no difference (0.98 to 1.03)", "" when nothing is claimed. */
void bench_ratio(const struct verdicts *verdicts, size_t variant, int measure, char *out, size_t size);
/* The same of any ratio. */
void bench_ratio_words(const struct estimate *ratio, int measure, char *out, size_t size);
/* Which comparisons are in a mean: "B, D and F"; or those that these are compared with. */
void bench_mean_labels(const struct verdicts *verdicts, const struct mean_verdict *mean, bool references,
                       struct buf *out);
/* Sentences, each ended by a newline: the verdict, and what stands in its way. */
void bench_sentences(const struct verdicts *verdicts, struct buf *out);
void bench_notes(const struct verdicts *verdicts, struct buf *out);
/* How the achieved gain stands to the predicted one: "as predicted" …; NULL: not known. */
const char *bench_gain_word(const struct verdicts *verdicts);

#endif
