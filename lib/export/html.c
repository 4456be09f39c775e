/*
 * The page: one self-contained HTML file. The template (web/, built into html_page_head and html_page_tail) holds the
 * program; this file writes the recording between its halves as script blocks of deflated base64. Whatever a target
 * named is inside those blocks only: it is data to the page and never markup.
 *
 * May fail: ERR_NOT_SUPPORTED when the page was not built, ERR_NOMEM, and whatever the sink answers.
 */
#include "export/html_page.h"

#include <zlib.h>

enum { CHUNK = 48 * 1024 }; /* a multiple of 3: base64 of a chunk needs no padding */

static void *zlib_alloc(void *context, unsigned count, unsigned size)
{
    (void)context;
    return mem_zalloc(count, size);
}

static void zlib_release(void *context, void *block)
{
    (void)context;
    mem_free(block);
}

static size_t base64(char *out, const unsigned char *in, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t word = (uint32_t)in[i] << 16;
        if (i + 1 < size)
            word |= (uint32_t)in[i + 1] << 8;
        if (i + 2 < size)
            word |= in[i + 2];
        out[n++] = digits[word >> 18];
        out[n++] = digits[word >> 12 & 63];
        out[n++] = i + 1 < size ? digits[word >> 6 & 63] : '=';
        out[n++] = i + 2 < size ? digits[word & 63] : '=';
    }
    return n;
}

/* Deflates all of `data` into the sink as base64. `work` holds CHUNK bytes and their base64. */
static int write_deflated(const struct sink *sink, z_stream *stream, const struct buf *data, unsigned char *work)
{
    char *text = (char *)work + CHUNK;
    stream->next_in = (unsigned char *)data->data;
    stream->avail_in = (unsigned)data->size;
    int status = Z_OK;
    while (status != Z_STREAM_END) {
        stream->next_out = work;
        stream->avail_out = CHUNK;
        status = deflate(stream, Z_FINISH);
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            return ERR_NOMEM;
        int rc = sink_write(sink, text, base64(text, work, CHUNK - stream->avail_out));
        if (rc != 0)
            return rc;
    }
    return 0;
}

int page_write_block(const struct sink *sink, const char *name, const struct buf *data)
{
    if (data->failed || data->size > UINT32_MAX)
        return ERR_NOMEM;
    z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_release};
    unsigned char *work = mem_alloc(CHUNK + CHUNK / 3 * 4);
    struct buf tag = {0};
    int rc = ERR_NOMEM;
    if (work == NULL || deflateInit(&stream, 6) != Z_OK)
        goto out;
    buf_printf(&tag, "<script type=\"text/plain\" id=\"keisoku-%s\">", name);
    if (tag.failed)
        goto out_stream;
    rc = sink_write(sink, tag.data, tag.size);
    if (rc == 0)
        rc = write_deflated(sink, &stream, data, work);
    if (rc == 0)
        rc = sink_write(sink, "</script>\n", 10);
out_stream:
    deflateEnd(&stream);
out:
    buf_release(&tag);
    mem_free(work);
    return rc;
}

/* Blocks that name strings come before the strings: they decide which are in the table. */
static int write_blocks(const struct export_input *input, struct page *page, const struct sink *sink)
{
    struct buf block = {0};
    page_add_meta(&block, page, input);
    int rc = page_write_block(sink, "meta", &block);
    buf_clear(&block);
    if (rc == 0) {
        page_add_nodes(&block, page, input->profile);
        rc = page_write_block(sink, "nodes", &block);
        buf_clear(&block);
    }
    if (rc == 0) {
        page_add_source(&block, page, input->profile);
        rc = page_write_block(sink, "source", &block);
        buf_clear(&block);
    }
    if (rc == 0) {
        page_add_strings(&block, page, input->profile);
        rc = page_write_block(sink, "strings", &block);
        buf_clear(&block);
    }
    if (rc == 0) {
        page_add_cells(&block, page);
        rc = page_write_block(sink, "cells", &block);
    }
    buf_release(&block);
    return rc;
}

int export_html(const struct export_input *input, const struct sink *sink, struct err *err)
{
    if (html_page_head_size == 0)
        return err_set(err, ERR_NOT_SUPPORTED, "the page was not built: %s", html_page_missing);
    struct page *page = NULL;
    int rc = page_new(input->profile, &page_bounds, &page);
    if (rc == 0)
        rc = sink_write(sink, html_page_head, html_page_head_size);
    if (rc == 0)
        rc = write_blocks(input, page, sink);
    if (rc == 0)
        rc = sink_write(sink, html_page_tail, html_page_tail_size);
    page_free(page);
    if (rc == ERR_NOMEM)
        return err_set(err, rc, "writing the page: out of memory; free some and run keisoku report --html again");
    return rc == 0 ? 0 : err_set(err, rc, "writing the page failed: %s; %s", err_sentence(rc), err_hint(rc));
}
