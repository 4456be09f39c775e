/*
 * The comparison as a page: the template of the recording's page with two other blocks, from which web/src/diff.tsx
 * draws. Call paths beyond NODES_MOST, the smallest, are left out: their time stays in their callers' totals.
 */
#include "export/diff.h"
#include "export/html_page.h"

#include <stdlib.h>

enum { NODES_MOST = 20000, ROWS_MOST = 400 };

struct kept {
    uint32_t index;
    double size;
};

static int by_size(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index; /* callers before what they call */
}

static int by_index(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* The largest nodes, in their order. A caller has at least the time of what it calls, so it is kept with it. */
static size_t choose(const struct comparison *comparison, struct kept *kept)
{
    for (uint32_t i = 0; i < comparison->n_nodes; i++) {
        const struct change *total = &comparison->nodes[i].total;
        kept[i] = (struct kept){i, total->value[SIDE_A] + total->value[SIDE_B]};
    }
    size_t count = comparison->n_nodes;
    if (count > NODES_MOST) {
        qsort(kept, count, sizeof *kept, by_size);
        count = NODES_MOST;
        qsort(kept, count, sizeof *kept, by_index);
    }
    return count;
}

static void add_codes(struct buf *out, const struct comparison *comparison)
{
    buf_add_text(out, "\"codes\":[[\"all\",\"\",0,true,0]");
    for (uint32_t i = 1; i < comparison->n_functions; i++) {
        struct compare_place place = compare_place(comparison, i);
        const struct profile *profile = place.profile;
        size_t name = profile->string_lengths[place.name], file = profile->string_lengths[place.file];
        buf_add_text(out, ",[");
        buf_add_json(out, profile->strings[place.name], name < PAGE_STRING_MAX ? name : PAGE_STRING_MAX);
        buf_add_byte(out, ',');
        buf_add_json(out, profile->strings[place.file], file < PAGE_STRING_MAX ? file : PAGE_STRING_MAX);
        buf_printf(out, ",%u,%s,%u]", place.line, place.own ? "true" : "false", place.kind);
    }
    buf_add_byte(out, ']');
}

static void add_changes(struct buf *out, const struct change *change)
{
    buf_printf(out, "%.6g,%.6g,%.6g,%.6g,%d", change->value[SIDE_A], change->value[SIDE_B], change->low, change->high,
               (int)change->kind);
}

/* Each node: parent, function, total and own time (A, B, low, high, kind). */
static int add_nodes(struct buf *out, const struct comparison *comparison)
{
    struct kept *kept = mem_alloc(comparison->n_nodes * sizeof *kept);
    uint32_t *index_of = mem_zalloc(comparison->n_nodes, sizeof *index_of);
    if (kept == NULL || index_of == NULL) {
        mem_free(kept);
        mem_free(index_of);
        return ERR_NOMEM;
    }
    size_t count = choose(comparison, kept);
    buf_printf(out, "{\"left_out\":%zu,", comparison->n_nodes - count);
    add_codes(out, comparison);
    buf_add_text(out, ",\"nodes\":[");
    for (size_t i = 0; i < count; i++) {
        const struct compare_node *node = &comparison->nodes[kept[i].index];
        index_of[kept[i].index] = (uint32_t)i;
        buf_printf(out, "%s[%u,%u,", i == 0 ? "" : ",", index_of[node->parent], node->function);
        add_changes(out, &node->total);
        buf_add_byte(out, ',');
        add_changes(out, &node->self);
        buf_add_byte(out, ']');
    }
    buf_add_text(out, "]}");
    mem_free(kept);
    mem_free(index_of);
    return out->failed ? ERR_NOMEM : 0;
}

int diff_html(const struct diff_input *input, const struct sink *sink, struct err *err)
{
    struct buf block = {0};
    struct diff_input bounded = *input;
    bounded.top = input->top > 0 && input->top < ROWS_MOST ? input->top : ROWS_MOST;
    if (html_page_head_size == 0)
        return err_set(err, ERR_NOT_SUPPORTED, "the page was not built: %s", html_page_missing);
    diff_add_json(&bounded, &block);
    int rc = sink_write(sink, html_page_head, html_page_head_size);
    if (rc == 0)
        rc = page_write_block(sink, "diff", &block);
    buf_clear(&block);
    if (rc == 0)
        rc = add_nodes(&block, input->comparison);
    if (rc == 0)
        rc = page_write_block(sink, "diff-tree", &block);
    if (rc == 0)
        rc = sink_write(sink, html_page_tail, html_page_tail_size);
    buf_release(&block);
    return rc == 0 ? 0 : err_set(err, rc, "writing the page failed: %s; %s", err_sentence(rc), err_hint(rc));
}
