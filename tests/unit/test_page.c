/*
 * The page exporter around a template of our own: what its blocks hold, that nothing of a target becomes markup, its
 * bounds, and every allocation failing once. What the page shows of it is tested in a browser (tests/web).
 */
#include "unit.h"

#include "export/html_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "failing.h"
#include "profile_builder.h"

const unsigned char html_page_head[] = "HEAD", html_page_tail[] = "TAIL";
const size_t html_page_head_size = 4, html_page_tail_size = 4;
const char html_page_missing[] = "";

enum { MS = 1000000 };

static const struct kei_export_options no_options;

/* Two threads, three places, a second each. */
static struct built *two_threads(void)
{
    struct built *built = built_new();
    uint32_t outer = built_function(built, "outer", "/home/u/test.py", true);
    uint32_t inner = built_function(built, "</script><b>", "/home/u/</script>.py", true);
    uint32_t first = built_thread(built, 1), second = built_thread(built, 1);
    uint32_t at_outer = built_stack(built, 0, outer, 3), at_inner = built_stack(built, at_outer, inner, 7);
    for (uint64_t i = 1; i <= 1000; i++) {
        built_sample(built, i * MS, first, i % 4 == 0 ? at_outer : at_inner, STATE_PYTHON, 1, MS);
        if (i % 100 == 0)
            built_sample(built, i * MS, second, at_outer, STATE_IO, 100, 100.0 * MS);
    }
    return built;
}

static void export_to(struct built *built, struct buf *out)
{
    struct err err = {0};
    struct export_input input = {.profile = &built->profile, .options = &no_options};
    struct sink sink = sink_to_buf(out);
    assert_int_equal(export_html(&input, &sink, &err), 0);
    assert_int_equal(err.code, 0);
}

static int digit(char character)
{
    const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strchr(digits, character);
    return at != NULL && character != '\0' ? (int)(at - digits) : -1;
}

/* The inflated contents of a block, zero-terminated. */
static void read_block(struct buf *page, const char *name, struct buf *out)
{
    char tag[64];
    snprintf(tag, sizeof tag, "<script type=\"text/plain\" id=\"keisoku-%s\">", name);
    const char *at = strstr(buf_text(page), tag);
    assert_non_null(at);
    struct buf packed = {0};
    uint32_t word = 0;
    int bits = 0;
    for (at += strlen(tag); digit(*at) >= 0; at++) {
        word = word << 6 | (uint32_t)digit(*at);
        bits += 6;
        if (bits >= 8)
            buf_add_byte(&packed, (uint8_t)(word >> (bits -= 8)));
    }
    while (*at == '=')
        at++;
    assert_memory_equal(at, "</script>", 9);
    static char inflated[1 << 20];
    uLongf size = sizeof inflated;
    assert_int_equal(uncompress((Bytef *)inflated, &size, (const Bytef *)packed.data, packed.size), Z_OK);
    buf_add(out, inflated, size);
    buf_text(out);
    buf_release(&packed);
}

static void blocks_stand_between_head_and_tail(void **state)
{
    (void)state;
    struct built *built = two_threads();
    struct buf page = {0}, meta = {0}, strings = {0};
    export_to(built, &page);
    assert_memory_equal(page.data, "HEAD<script type=\"text/plain\"", 29);
    assert_memory_equal(page.data + page.size - 4, "TAIL", 4);
    read_block(&page, "meta", &meta);
    assert_non_null(strstr(buf_text(&meta), "\"samples\":2000"));
    assert_non_null(strstr(buf_text(&meta), "\"duration_ns\":1000000000"));
    assert_non_null(strstr(buf_text(&meta), "\"diagnosis\":null"));
    read_block(&page, "strings", &strings);
    assert_non_null(strstr(buf_text(&strings), "outer"));
    buf_release(&strings);
    buf_release(&meta);
    buf_release(&page);
    free(built);
}

static void no_name_is_markup(void **state)
{
    (void)state;
    struct built *built = two_threads();
    struct buf page = {0};
    built->command[0] = "</script><script>broken()</script>";
    export_to(built, &page);
    size_t opened = 0;
    for (const char *at = buf_text(&page); (at = strchr(at, '<')) != NULL; at++) {
        bool ours = strncmp(at, "<script type=\"text/plain\" id=\"keisoku-", 38) == 0;
        opened += ours;
        assert_true(ours || strncmp(at, "</script>\n", 10) == 0);
    }
    assert_int_equal(opened, 5);
    buf_release(&page);
    free(built);
}

static double sum_wall(const struct page *page, uint32_t thread, double *ticks)
{
    double wall = 0;
    *ticks = 0;
    for (size_t i = 0; i < page->n_cells; i++)
        if (page->cells[i].thread == thread) {
            wall += page->cells[i].wall_ns;
            *ticks += page->cells[i].ticks;
        }
    return wall;
}

static void cells_add_up_and_reach_over_buckets(void **state)
{
    (void)state;
    struct built *built = two_threads();
    struct page *page = NULL;
    double ticks, in_bucket[300] = {0};
    assert_int_equal(page_new(&built->profile, &page_bounds, &page), 0);
    assert_int_equal(page->n_nodes, 3);
    assert_true(fabs(sum_wall(page, 1, &ticks) - 1e9) < 1);
    assert_true(ticks == 1000);
    assert_true(fabs(sum_wall(page, 2, &ticks) - 1e9) < 1);
    assert_true(ticks == 1000);
    for (size_t i = 0; i < page->n_cells; i++)
        if (page->cells[i].thread == 2)
            in_bucket[page->cells[i].bucket] += page->cells[i].wall_ns;
    for (size_t i = 0; i < page->buckets; i++) /* a wait of 100 ms is in every bucket of it */
        assert_true(fabs(in_bucket[i] - 1e9 / (double)page->buckets) < 1e3);
    page_free(page);
    free(built);
}

/* Ten functions called by one, the n-th for n ms. */
static struct built *ten_leaves(void)
{
    struct built *built = built_new();
    uint32_t root = built_stack(built, 0, built_function(built, "root", "/home/u/r.py", true), 1);
    uint32_t thread = built_thread(built, 1);
    static char names[10][8];
    uint64_t at = 0;
    for (uint32_t i = 0; i < 10; i++) {
        snprintf(names[i], sizeof names[i], "leaf%u", i);
        uint32_t leaf = built_stack(built, root, built_function(built, names[i], "/home/u/r.py", true), i + 2);
        for (uint32_t n = 0; n <= i; n++)
            built_sample(built, at += MS, thread, leaf, STATE_PYTHON, 1, MS);
    }
    return built;
}

static void small_places_are_counted_at_their_callers(void **state)
{
    (void)state;
    struct built *built = ten_leaves();
    struct page_bounds bounds = {.nodes = 5, .cells = 1000, .buckets_least = 1, .buckets_most = 1, .bucket_ticks = 1};
    struct page *page = NULL;
    double ticks;
    assert_int_equal(page_new(&built->profile, &bounds, &page), 0);
    assert_int_equal(page->n_nodes, 5); /* the root, its function, the three largest leaves */
    assert_true(fabs(page->folded_ns - 28e6) < 1);
    assert_true(fabs(sum_wall(page, 1, &ticks) - 55e6) < 1);
    assert_true(ticks == 55);
    page_free(page);
    free(built);
}

static void too_many_cells_mean_fewer_buckets_then_fewer_places(void **state)
{
    (void)state;
    struct built *built = ten_leaves();
    struct page_bounds bounds = {.nodes = 100, .cells = 16, .buckets_least = 2, .buckets_most = 40, .bucket_ticks = 1};
    struct page *page = NULL;
    assert_int_equal(page_new(&built->profile, &bounds, &page), 0);
    assert_true(page->buckets < 40 && page->n_cells <= 16);
    assert_int_equal(page->n_nodes, 12);
    page_free(page);
    bounds.cells = 3;
    assert_int_equal(page_new(&built->profile, &bounds, &page), 0);
    assert_true(page->n_nodes < 12 && page->n_cells <= 3);
    page_free(page);
    free(built);
}

static void ids_out_of_range_are_none(void **state)
{
    (void)state;
    struct built *built = two_threads();
    struct buf page = {0};
    built->thread[0] = 99;
    built->stack[1] = 9999;
    built->state[2] = 250;
    built->frames[1].function = 777;
    built->stacks[2].parent = 2; /* its own parent */
    built->functions[2].name = 12345;
    built->time_ns[3] = UINT64_MAX;
    built->wall_ns[4] = NAN;
    export_to(built, &page);
    assert_true(page.size > 0);
    buf_release(&page);
    free(built);
}

static void nothing_measured_is_a_page(void **state)
{
    (void)state;
    struct built *built = built_new();
    struct buf page = {0}, cells = {0};
    export_to(built, &page);
    read_block(&page, "cells", &cells);
    assert_int_equal(cells.size, 1);
    assert_int_equal(cells.data[0], 0);
    buf_release(&cells);
    buf_release(&page);
    free(built);
}

static int export_scenario(void *context)
{
    struct built *built = context;
    struct buf out = {0};
    struct err err = {0};
    struct export_input input = {.profile = &built->profile, .options = &no_options};
    struct sink sink = sink_to_buf(&out);
    int rc = export_html(&input, &sink, &err);
    buf_release(&out);
    return rc;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct built *built = ten_leaves();
    assert_true(failing_each(export_scenario, built, false) > 20);
    free(built);
}

static int broken_write(void *context, const void *data, size_t size)
{
    size_t *left = context;
    (void)data;
    if (*left < size)
        return ERR_FULL;
    *left -= size;
    return 0;
}

static void a_full_disk_is_passed_on(void **state)
{
    (void)state;
    struct built *built = two_threads();
    struct export_input input = {.profile = &built->profile, .options = &no_options};
    for (size_t room = 0; room < 2000; room += 97) {
        size_t left = room;
        struct err err = {0};
        assert_int_equal(export_html(&input, &(struct sink){broken_write, &left}, &err), ERR_FULL);
        assert_non_null(strstr(err.text, "no space left"));
    }
    free(built);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_stand_between_head_and_tail),
        cmocka_unit_test(no_name_is_markup),
        cmocka_unit_test(cells_add_up_and_reach_over_buckets),
        cmocka_unit_test(small_places_are_counted_at_their_callers),
        cmocka_unit_test(too_many_cells_mean_fewer_buckets_then_fewer_places),
        cmocka_unit_test(ids_out_of_range_are_none),
        cmocka_unit_test(nothing_measured_is_a_page),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_full_disk_is_passed_on),
    };
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
