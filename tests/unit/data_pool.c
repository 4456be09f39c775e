/* Chunks decoded side by side come in the order in which they were given, each with its own rows or its own error. */
#include "data_tests.h"

#include "data/chunk_pool.h"

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

int pool_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_come_in_their_order),
        cmocka_unit_test(chunks_that_nobody_takes_are_released),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
