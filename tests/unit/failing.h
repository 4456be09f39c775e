/*
 * Fails the n-th allocation. failing_each(scenario, …) runs the scenario with its first allocation failing, then
 * the second, and so on until it succeeds without a failure being met. A scenario must return a negative code for each
 * failure and leave nothing allocated (counted here, and watched by ASan in the sanitizer build).
 */
#ifndef KEISOKU_TESTS_FAILING_H
#define KEISOKU_TESTS_FAILING_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static size_t failing_at, failing_count, failing_live;

static void *failing_realloc(void *old, size_t size)
{
    failing_count++;
    if (failing_count == failing_at)
        return NULL;
    void *block = realloc(old, size);
    if (block != NULL && old == NULL)
        failing_live++;
    return block;
}

static void failing_free(void *block)
{
    failing_live--;
    free(block);
}

/* Returns how many failures were met on the way. `tolerated`: the scenario may survive a failure (a note, a cache). */
static inline size_t failing_each(int (*scenario)(void *context), void *context, bool tolerated)
{
    static const struct mem_hooks hooks = {failing_realloc, failing_free};
    size_t failures = 0;
    for (failing_at = 1;; failing_at++) {
        failing_count = failing_live = 0;
        mem_set_hooks(&hooks);
        int rc = scenario(context);
        mem_set_hooks(NULL);
        assert_int_equal(failing_live, 0);
        if (failing_count < failing_at) {
            assert_int_equal(rc, 0);
            return failures;
        }
        if (!tolerated)
            assert_true(rc < 0);
        failures++;
    }
}

#endif
