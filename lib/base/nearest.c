#include "base/nearest.h"

#include <string.h>

enum { WORD_MAX = 64 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned nearest_distance(const char *a, const char *b)
{
    size_t rows = strnlen(a, WORD_MAX), columns = strnlen(b, WORD_MAX);
    unsigned before[WORD_MAX + 1], above[WORD_MAX + 1], current[WORD_MAX + 1];
    for (size_t j = 0; j <= columns; j++)
        above[j] = (unsigned)j;
    memcpy(before, above, sizeof before);
    for (size_t i = 1; i <= rows; i++) {
        current[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            current[j] = least(above[j], current[j - 1]) + 1;
            current[j] = least(current[j], above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = least(current[j], before[j - 2] + 1);
        }
        memcpy(before, above, sizeof before);
        memcpy(above, current, sizeof above);
    }
    return above[columns];
}

int nearest_is_close(const char *word, unsigned distance)
{
    size_t length = strlen(word);
    return distance <= (length < 6 ? 1 : length < 9 ? 2 : 3);
}

const char *nearest_word(const char *word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    unsigned best_distance = ~0u;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = nearest_distance(word, candidates[i]);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidates[i];
        }
    }
    return best != NULL && nearest_is_close(word, best_distance) ? best : NULL;
}
