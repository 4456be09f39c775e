/* Chunks decoded side by side come in the order in which they were given, each with its own rows or its own error. */
#include "data_tests.h"

#include "base/mem.h"
#include "data/chunk_pool.h"

#include <malloc.h>
#include <stdatomic.h>

enum { CHUNKS = 60, DAMAGED = 37, ROWS = 3 };

/* Chunk `n` has n % 7 + 1 rows of thread n + 1; the damaged one is cut in the middle. */
static void give(struct chunk_pool *pool, uint32_t n)
{
    struct chunk_row rows[8] = {{0}};
    struct buf chunk = {0};
    size_t count = n % 7 + 1;
    for (size_t i = 0; i < count; i++)
        rows[i] = (struct chunk_row){.time = (100 * n + i) & CHUNK_TIME_MASK, .thread = n + 1, .stack = n, .ticks = 1};
    assert_int_equal(chunk_encode(&chunk, rows, count), 0);
    assert_int_equal(chunk_pool_give(pool, chunk.data, n == DAMAGED ? chunk.size / 2 : chunk.size), 0);
    buf_release(&chunk);
}

static void take(struct chunk_pool *pool, uint32_t n)
{
    struct chunk_taken taken;
    assert_true(chunk_pool_take(pool, &taken));
    if (n == DAMAGED) {
        assert_int_equal(taken.rc, ERR_CORRUPT);
        return;
    }
    assert_int_equal(taken.rc, 0);
    assert_int_equal(taken.count, n % 7 + 1);
    for (size_t i = 0; i < taken.count; i++) {
        assert_int_equal(taken.rows[i].thread, n + 1);
        assert_int_equal(taken.rows[i].time, 100 * n + i);
    }
}

static void chunks_come_in_their_order(void **state)
{
    (void)state;
    struct chunk_pool *pool = chunk_pool_new();
    struct chunk_taken none;
    uint32_t given = 0, taken = 0;
    assert_non_null(pool);
    assert_false(chunk_pool_take(pool, &none));
    while (taken < CHUNKS) {
        while (given < CHUNKS && !chunk_pool_full(pool))
            give(pool, given++);
        for (uint32_t some = taken % ROWS + 1; some > 0 && taken < given; some--)
            take(pool, taken++);
    }
    assert_true(chunk_pool_empty(pool));
    assert_false(chunk_pool_take(pool, &none));
    chunk_pool_free(pool);
}

static void chunks_that_nobody_takes_are_released(void **state)
{
    (void)state;
    for (uint32_t length = 0; length < CHUNKS; length++) {
        struct chunk_pool *pool = chunk_pool_new();
        assert_non_null(pool);
        for (uint32_t n = 0; n < length; n++) {
            if (chunk_pool_full(pool))
                take(pool, n - 7);
            give(pool, n);
        }
        chunk_pool_free(pool);
    }
    chunk_pool_free(NULL);
}

/* ---- memory -------------------------------------------------------------------------------------------------------
 */

static atomic_size_t live_bytes, most_bytes;

static void *counted_realloc(void *old, size_t size)
{
    size_t before = old != NULL ? malloc_usable_size(old) : 0;
    void *block = realloc(old, size);
    if (block == NULL)
        return NULL;
    size_t live = atomic_fetch_sub(&live_bytes, before) - before;
    live = atomic_fetch_add(&live_bytes, malloc_usable_size(block)) + malloc_usable_size(block);
    if (live > most_bytes)
        most_bytes = live;
    return block;
}

static void counted_free(void *block)
{
    atomic_fetch_sub(&live_bytes, block != NULL ? malloc_usable_size(block) : 0);
    free(block);
}

/* As many of that length as go in, then one out for one in; none decodes. The most bytes that this took. */
static size_t most_bytes_of(size_t size)
{
    static const struct mem_hooks hooks = {counted_realloc, counted_free};
    char *nothing = calloc(1, size);
    struct chunk_taken taken;
    assert_non_null(nothing);
    live_bytes = most_bytes = 0;
    mem_set_hooks(&hooks);
    struct chunk_pool *pool = chunk_pool_new();
    assert_non_null(pool);
    for (uint32_t given = 0; given < CHUNKS; given++) {
        while (chunk_pool_full(pool))
            assert_true(chunk_pool_take(pool, &taken) && taken.rc == ERR_CORRUPT);
        assert_int_equal(chunk_pool_give(pool, nothing, size), 0);
    }
    while (chunk_pool_take(pool, &taken))
        assert_int_equal(taken.rc, ERR_CORRUPT);
    chunk_pool_free(pool);
    mem_set_hooks(NULL);
    assert_int_equal(live_bytes, 0);
    free(nothing);
    return most_bytes;
}

/* However long they are, and whatever was in its place before. */
static void long_chunks_wait_in_bounded_memory(void **state)
{
    (void)state;
    enum { SMALL = 64 << 10, LONG = 3 << 20, NO_CHUNK = 60 << 20 };
    assert_in_range(most_bytes_of(SMALL), 7 * SMALL, 9 * SMALL);
    assert_in_range(most_bytes_of(LONG), 2 * LONG, 4 * LONG);
    assert_in_range(most_bytes_of(CHUNK_BYTES_MAX), CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + LONG);
    assert_in_range(most_bytes_of(NO_CHUNK), 1, SMALL);
}

int pool_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_come_in_their_order),
        cmocka_unit_test(chunks_that_nobody_takes_are_released),
        cmocka_unit_test(long_chunks_wait_in_bounded_memory),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
