/* What code had the CPU, in words, for the screen and the page. */
#ifndef KEISOKU_EXPORT_CODE_WORDS_H
#define KEISOKU_EXPORT_CODE_WORDS_H

#include "data/aggregate.h"

/* Name in the JSON report: "loop", "runtime". */
const char *code_kind_name(enum code_kind kind);
/* Do instruction pointers tell anything? */
bool code_is_known(const struct aggregate *aggregate);
/* Appends "loop 61 %, runtime 22 %, zlib 10 % (deflate_fast 9 %), kernel 3 %": parts of the CPU time, those of the
 * interpreter first, as many as fit in `width` bytes. Returns false when memory is short. */
bool code_words(const struct profile *profile, const struct aggregate *aggregate, size_t width, struct buf *out);
/* Of the samples on the CPU with an instruction pointer, the part that came with the stack from the kernel sampler; the
 * others have the nearest of the kernel's software clock. */
double code_share_kernel(const struct profile *profile);
/* "kernel sampler", "perf clock", or both with their parts. */
void code_evidence(const struct profile *profile, struct buf *out);

#endif
