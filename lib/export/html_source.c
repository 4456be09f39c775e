/*
 * The page's source block: for every file whose text the recording has, the lines that have time and a few around them,
 * own code first, within a budget.
 *
 * May fail: short memory, told by the buffer's `failed`.
 */
#include "export/html_page.h"

#include <stdlib.h>
#include <string.h>

struct place {
    uint32_t file, line;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* Every place of a kept node in own (or other) code, in order of file and line. */
static struct place *places_of(const struct page *page, const struct profile *profile, bool own, size_t *count)
{
    struct place *places = mem_alloc(page->n_nodes * sizeof *places);
    *count = 0;
    for (size_t i = 1; i < page->n_nodes && places != NULL; i++) {
        uint32_t frame = profile->stacks[page->nodes[i]].frame;
        if (frame >= profile->n_frames)
            continue;
        uint32_t function = profile->frames[frame].function, line = profile->frames[frame].line;
        if (function < profile->n_functions && line > 0 && profile->function_own[function] == own)
            places[(*count)++] = (struct place){profile->functions[function].file, line};
    }
    if (places != NULL)
        qsort(places, *count, sizeof *places, by_place);
    return places;
}

/* Appends lines `from` to `to` of a source as one run: {"file":…,"first":…,"lines":[…]}. */
static void add_run(struct buf *out, uint32_t file, const struct profile_source *source, uint32_t from, uint32_t to,
                    bool *any)
{
    const char *at = source->text, *end = at + source->length;
    for (uint32_t line = source->first_line; at != NULL && line < from; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline != NULL ? newline + 1 : NULL;
    }
    if (at == NULL || at >= end)
        return;
    buf_printf(out, "%s{\"file\":%u,\"first\":%u,\"lines\":[", *any ? "," : "", file, from);
    *any = true;
    for (uint32_t line = from; line <= to && at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline != NULL ? newline : end) - at);
        if (line > from)
            buf_add_byte(out, ',');
        buf_add_json(out, at, length < PAGE_SOURCE_LINE_MAX ? length : PAGE_SOURCE_LINE_MAX);
        at = newline != NULL ? newline + 1 : end;
    }
    buf_add_text(out, "]}");
}

static void add_source(struct buf *out, struct page *page, const struct profile_source *source,
                       const struct place *places, size_t count, bool *any)
{
    size_t i = 0;
    while (i < count && places[i].file < source->file)
        i++;
    while (i < count && places[i].file == source->file && out->size < PAGE_SOURCE_MAX) {
        uint32_t to = places[i].line + PAGE_SOURCE_AROUND;
        uint32_t from = places[i].line > PAGE_SOURCE_AROUND ? places[i].line - PAGE_SOURCE_AROUND : 1;
        for (i++; i < count && places[i].file == source->file && places[i].line <= to + PAGE_SOURCE_AROUND + 1; i++)
            to = places[i].line + PAGE_SOURCE_AROUND;
        if (from < source->first_line)
            from = source->first_line;
        if (to >= from)
            add_run(out, page_string(page, source->file), source, from, to, any);
    }
}

void page_add_source(struct buf *out, struct page *page, const struct profile *profile)
{
    bool any = false;
    buf_add_byte(out, '[');
    for (int own = 1; own >= 0; own--) {
        size_t count;
        struct place *places = places_of(page, profile, own, &count);
        if (places == NULL) {
            out->failed = true;
            return;
        }
        for (size_t i = 0; i < profile->n_sources; i++)
            if (profile->sources[i].file < profile->n_strings)
                add_source(out, page, &profile->sources[i], places, count, &any);
        mem_free(places);
    }
    buf_add_byte(out, ']');
}
