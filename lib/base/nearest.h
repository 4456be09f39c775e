/* The candidate that a misspelt word most likely meant. */
#ifndef KEISOKU_BASE_NEAREST_H
#define KEISOKU_BASE_NEAREST_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap two neighbours) between two words; both are cut at 64 bytes. */
unsigned nearest_distance(const char *a, const char *b);
/* True when `distance` edits of a word this long still look like a slip of the finger. */
int nearest_is_close(const char *word, unsigned distance);
/* The closest of `count` candidates, NULL when none is close. */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

#endif
