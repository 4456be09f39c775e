/*
 * Inside of the page exporter: the template that the web build leaves, and the data that goes between its two halves.
 * html.c asks page_new for the columns, page_meta for the JSON, and writes both as deflated base64 blocks, which
 * web/src/data.ts reads back. The format is private to the two: a page carries its own reader.
 */
#ifndef KEISOKU_EXPORT_HTML_PAGE_H
#define KEISOKU_EXPORT_HTML_PAGE_H

#include "export/export.h"

/* The built page, cut where the data goes; sizes 0 when it was not built, and then html_page_missing says why. Made at
 * build time by web/build.mjs, or taken from html_none.c. */
extern const unsigned char html_page_head[], html_page_tail[];
extern const size_t html_page_head_size, html_page_tail_size;
extern const char html_page_missing[];

enum {
    PAGE_STRING_MAX = 600,        /* bytes of one name */
    PAGE_SOURCE_MAX = 600 * 1024, /* bytes of source text */
    PAGE_SOURCE_LINE_MAX = 300,
    PAGE_SOURCE_AROUND = 4 /* lines kept before and after one that has time */
};

/* Bounds of one page. A recording that needs more is shown with fewer time buckets, then with its smallest places
 * counted at their callers; the page says so. */
struct page_bounds {
    size_t nodes, cells;
    size_t buckets_least, buckets_most;
    size_t bucket_ticks; /* samples of the busiest thread in a bucket, where there are that many */
};
extern const struct page_bounds page_bounds; /* keeps the page of 600 000 samples all over the place under 3 MB */

/* Time of one thread at one place in one state in one stretch of the recording: the page sums these under whatever
 * filter is set. */
struct page_cell {
    uint32_t thread, node; /* profile's thread id; index of page.nodes */
    uint16_t bucket, state;
    double wall_ns, cpu_ns, ticks;
};

struct page {
    uint32_t *nodes;         /* stack id of each node; node 0 is the root (stack 0). Parents come first */
    uint32_t *node_of_stack; /* the node that stands for a stack (its nearest kept ancestor) */
    size_t n_nodes;
    uint32_t *functions; /* function ids in use, by page index */
    uint32_t *index_of_function;
    size_t n_functions;
    uint32_t *strings, *index_of_string; /* likewise; page string 0 is "" */
    size_t n_strings;
    struct page_cell *cells; /* by thread, node, state, bucket */
    size_t n_cells, cells_capacity, cells_most;
    size_t buckets;
    double folded_ns; /* wall time shown at a caller because its own place was too small to keep */
};

int page_new(const struct profile *profile, const struct page_bounds *bounds, struct page **result);
void page_free(struct page *page);
/* The page's number for a string, taken into its table when new. */
uint32_t page_string(struct page *page, uint32_t string);

/* Blocks of the page, each appended to `out` (whose `failed` tells of short memory). */
void page_add_meta(struct buf *out, struct page *page, const struct export_input *input);
/* One JSON object: "cores_busy" and "rss_bytes", a value for each bucket. */
void page_add_series(struct buf *out, const struct page *page, const struct profile *profile);
void page_add_source(struct buf *out, struct page *page, const struct profile *profile);
void page_add_strings(struct buf *out, const struct page *page, const struct profile *profile);
void page_add_nodes(struct buf *out, struct page *page, const struct profile *profile);
void page_add_cells(struct buf *out, const struct page *page);

/* A script block of that name, as deflated base64, for web/src/data.ts. */
int page_write_block(const struct sink *sink, const char *name, const struct buf *data);

int export_html(const struct export_input *input, const struct sink *sink, struct err *err);

#endif
