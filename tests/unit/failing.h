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

/* One run with the n-th allocation failing. True when it was met; `tolerated`: the scenario may survive it. */
static inline bool failing_once(int (*scenario)(void *context), void *context, size_t n, bool tolerated)
{
    static const struct mem_hooks hooks = {failing_realloc, failing_free};
    failing_at = n;
    failing_count = failing_live = 0;
    mem_set_hooks(&hooks);
    int rc = scenario(context);
    mem_set_hooks(NULL);
    assert_int_equal(failing_live, 0);
    if (failing_count < failing_at)
        assert_int_equal(rc, 0);
    else
        assert_true(rc < 0 || (tolerated && rc == 0));
    return failing_count >= failing_at;
}

/* Each allocation in turn. Returns how many failures were met on the way. */
static inline size_t failing_each(int (*scenario)(void *context), void *context, bool tolerated)
{
    size_t n = 1;
    while (failing_once(scenario, context, n, tolerated))
        n++;
    return n - 1;
}

/* For scenarios of many allocations: steps grow by one for each `part` allocations passed. */
static inline size_t failing_some(int (*scenario)(void *context), void *context, size_t part)
{
    size_t failures = 0;
    for (size_t n = 1; failing_once(scenario, context, n, true); n += 1 + n / part)
        failures++;
    return failures;
}

#endif
