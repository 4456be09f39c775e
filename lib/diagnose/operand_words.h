/* What a line works on, in words: types and sizes of operands, or whose lock it waits for; for findings, the screen and
 * the page. Pure. */
#ifndef KEISOKU_DIAGNOSE_OPERAND_WORDS_H
#define KEISOKU_DIAGNOSE_OPERAND_WORDS_H

#include "data/profile.h"

/* "a list of about 48 000" */
void operand_describe(const struct line_operand *operand, char *out, size_t size);
/* Appends "`in` on a list of about 48 000 (94 % of 161 looks)": the operation that most looks at the line saw. Where
 * there is none, "lock held by `hold` at store.py:30 (93 % of 41 looks)". Nothing where there were too
 * few looks to say. */
void operand_words(const struct profile *profile, uint32_t file, uint32_t line, struct buf *out);
/* As a reader calls its type: "array" for numpy.ndarray, "list" for an iterator over one. */
const char *operand_type_words(const struct line_operand *operand);

/* "`hold` at store.py:30" */
void lock_holder_place(const struct profile *profile, const struct line_holder *holder, char *out, size_t size);

#endif
