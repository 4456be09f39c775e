/*
 * See query_rows.h. A table's columns are as wide as its first rows need; the rows after those are written as they
 * come, so that an answer of any length takes little memory. Bytes that are no text, and control characters, are shown
 * as \xNN in all three forms.
 */
#include "export/query_rows.h"

#include "base/mem.h"
#include "export/cells.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_ROWS = 500, FIRST_BYTES = 4 * 1024 * 1024, NARROWEST = 4, NUMBER_BYTES = 40 };

/* ---- JSON and CSV --------------------------------------------------------------------------------------------------
 */

/* The shortest of 15 or 17 digits that is the same number. */
static void print_real(char *text, size_t size, double value)
{
    snprintf(text, size, "%.15g", value);
    double back = 0;
    if (sscanf(text, "%lf", &back) != 1 || back < value || back > value)
        snprintf(text, size, "%.17g", value);
}

static void add_value(struct buf *out, const struct query_value *value)
{
    char number[NUMBER_BYTES];
    if (value->kind == QUERY_INTEGER)
        buf_printf(out, "%lld", (long long)value->integer);
    if (value->kind == QUERY_TEXT)
        buf_add_visible(out, value->text, value->length);
    if (value->kind == QUERY_REAL) {
        print_real(number, sizeof number, value->real);
        buf_add_text(out, number);
    }
}

static void add_json_text(struct buf *out, const char *text, size_t length, struct buf *visible)
{
    buf_clear(visible);
    buf_add_visible(visible, text, length);
    const char *shown = buf_text(visible);
    buf_add_json(out, shown, strlen(shown));
}

static void add_json_row(struct buf *out, const struct query *query, struct buf *visible)
{
    for (size_t i = 0; i < query_columns(query); i++) {
        struct query_value value = query_value(query, i);
        const char *name = query_column_name(query, i);
        buf_add_text(out, i == 0 ? "{" : ", ");
        add_json_text(out, name, strlen(name), visible);
        buf_add_text(out, ": ");
        if (value.kind == QUERY_TEXT)
            add_json_text(out, value.text, value.length, visible);
        else if (value.kind == QUERY_NULL || (value.kind == QUERY_REAL && !isfinite(value.real)))
            buf_add_text(out, "null");
        else
            add_value(out, &value);
    }
    buf_add_byte(out, '}');
}

static void add_csv_field(struct buf *out, const struct query_value *value, struct buf *visible)
{
    buf_clear(visible);
    add_value(visible, value);
    const char *text = buf_text(visible);
    bool quoted = value->kind == QUERY_TEXT && (text[0] == '\0' || strpbrk(text, ",\" ") != NULL);
    if (quoted)
        buf_add_byte(out, '"');
    for (const char *at = text; *at != '\0'; at++)
        buf_add(out, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
    if (quoted)
        buf_add_byte(out, '"');
}

static void add_csv_head(struct buf *out, const struct query *query, struct buf *visible)
{
    for (size_t i = 0; i < query_columns(query); i++) {
        const char *name = query_column_name(query, i);
        struct query_value value = {.kind = QUERY_TEXT, .text = name, .length = strlen(name)};
        buf_add_text(out, i == 0 ? "" : ",");
        add_csv_field(out, &value, visible);
    }
    buf_add_text(out, "\r\n");
}

static void add_csv_row(struct buf *out, const struct query *query, struct buf *visible)
{
    for (size_t i = 0; i < query_columns(query); i++) {
        struct query_value value = query_value(query, i);
        buf_add_text(out, i == 0 ? "" : ",");
        add_csv_field(out, &value, visible);
    }
    buf_add_text(out, "\r\n");
}

/* ---- tables --------------------------------------------------------------------------------------------------------
 */

/* The first rows: texts one behind the other, each with its length and whether it is a number. */
struct cell {
    size_t at, length;
    bool number;
};
struct table {
    size_t columns, *widths;
    bool *numbers; /* by column: at the right */
    struct buf texts;
    struct cell *cells;
    size_t count, capacity;
};

static int table_init(struct table *table, size_t columns)
{
    table->columns = columns;
    table->widths = mem_zalloc(columns, sizeof *table->widths);
    table->numbers = mem_zalloc(columns, sizeof *table->numbers);
    return table->widths == NULL || table->numbers == NULL ? ERR_NOMEM : 0;
}

static void table_release(struct table *table)
{
    mem_free(table->widths);
    mem_free(table->numbers);
    mem_free(table->cells);
    buf_release(&table->texts);
}

/* For people: six digits say enough. */
static void add_table_text(struct buf *out, const struct query_value *value)
{
    if (value->kind == QUERY_REAL)
        buf_printf(out, "%.6g", value->real);
    else
        add_value(out, value);
}

static int keep_cell(struct table *table, const struct query_value *value)
{
    if (mem_grow(&table->cells, &table->capacity, table->count + 1, sizeof *table->cells) != 0)
        return ERR_NOMEM;
    size_t at = table->texts.size;
    add_table_text(&table->texts, value);
    struct cell *cell = &table->cells[table->count++];
    *cell = (struct cell){at, table->texts.size - at, value->kind == QUERY_INTEGER || value->kind == QUERY_REAL};
    return table->texts.failed ? ERR_NOMEM : 0;
}

/* Widths of the columns over the rows kept (the first of which are the names), and which hold numbers only. */
static void measure(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct cell *cell = &table->cells[i];
        size_t column = i % table->columns, width = cells_width(table->texts.data + cell->at, cell->length);
        if (width > table->widths[column])
            table->widths[column] = width;
        if (i >= table->columns && cell->length > 0)
            table->numbers[column] = cell->number && (table->numbers[column] || i < 2 * table->columns);
    }
}

/* Takes columns off the widest until all fit. */
static void narrow(struct table *table, size_t width)
{
    size_t total = 2 * (table->columns - 1);
    for (size_t i = 0; i < table->columns; i++)
        total += table->widths[i];
    while (total > width) {
        size_t widest = 0;
        for (size_t i = 1; i < table->columns; i++)
            widest = table->widths[i] > table->widths[widest] ? i : widest;
        if (table->widths[widest] <= NARROWEST)
            return;
        table->widths[widest]--;
        total--;
    }
}

/* A number is never cut: that would make another one of it. */
static void draw_cell(struct buf *out, const struct table *table, size_t column, const char *text, size_t length,
                      bool number)
{
    size_t width = table->widths[column], taken = cells_width(text, length);
    bool last = column + 1 == table->columns;
    for (size_t i = taken; table->numbers[column] && i < width; i++)
        buf_add_byte(out, ' ');
    if (number || taken <= width)
        buf_add(out, text, length);
    else
        taken = cells_add(out, text, length, width, false, false);
    for (size_t i = taken; !last && !table->numbers[column] && i < width; i++)
        buf_add_byte(out, ' ');
    buf_add_text(out, last ? "\n" : "  ");
}

static void draw_kept(struct buf *out, const struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct cell *cell = &table->cells[i];
        draw_cell(out, table, i % table->columns, table->texts.data + cell->at, cell->length, cell->number);
        if (i + 1 != table->columns)
            continue;
        for (size_t column = 0; column < table->columns; column++) { /* under the names */
            for (size_t dash = 0; dash < table->widths[column]; dash++)
                buf_add_byte(out, '-');
            buf_add_text(out, column + 1 == table->columns ? "\n" : "  ");
        }
    }
}

static void draw_row(struct buf *out, const struct table *table, const struct query *query, struct buf *text)
{
    for (size_t i = 0; i < table->columns; i++) {
        struct query_value value = query_value(query, i);
        buf_clear(text);
        add_table_text(text, &value);
        const char *shown = buf_text(text);
        draw_cell(out, table, i, shown, strlen(shown), value.kind == QUERY_INTEGER || value.kind == QUERY_REAL);
    }
}

/* Names and first rows. What query_step gave last, or ERR_NOMEM. */
static int keep_first(struct table *table, struct query *query, struct err *err)
{
    int rc = table_init(table, query_columns(query));
    for (size_t i = 0; rc == 0 && i < table->columns; i++) {
        const char *name = query_column_name(query, i);
        rc = keep_cell(table, &(struct query_value){.kind = QUERY_TEXT, .text = name, .length = strlen(name)});
    }
    if (rc != 0)
        return rc;
    for (int rows = 0; rows < FIRST_ROWS && table->texts.size < FIRST_BYTES; rows++) {
        rc = query_step(query, err);
        if (rc != 1)
            return rc;
        for (size_t i = 0; i < table->columns; i++) {
            struct query_value value = query_value(query, i);
            if (keep_cell(table, &value) != 0)
                return ERR_NOMEM;
        }
    }
    return 1;
}

/* ---- the whole -----------------------------------------------------------------------------------------------------
 */

/* Hands on what has collected. */
static int flush(struct buf *out, const struct sink *sink)
{
    int rc = out->failed ? ERR_NOMEM : sink_write(sink, out->data, out->size);
    buf_clear(out);
    return rc;
}

static int write_table(struct query *query, size_t width, const struct sink *sink, struct err *err)
{
    struct table table = {0};
    struct buf out = {0}, text = {0};
    int step = keep_first(&table, query, err), rc = step < 0 ? step : 0;
    if (rc == 0) {
        measure(&table);
        if (width > 0)
            narrow(&table, width);
        draw_kept(&out, &table);
        rc = flush(&out, sink);
    }
    while (rc == 0 && step == 1 && (step = query_step(query, err)) == 1) {
        draw_row(&out, &table, query, &text);
        rc = flush(&out, sink);
    }
    table_release(&table);
    buf_release(&text);
    buf_release(&out);
    return rc != 0 ? rc : step;
}

static int write_rows(struct query *query, bool json, const struct sink *sink, struct err *err)
{
    struct buf out = {0}, text = {0};
    int rc = 0, step = 0;
    size_t rows = 0;
    if (json)
        buf_add_byte(&out, '[');
    else
        add_csv_head(&out, query, &text);
    for (; rc == 0 && (step = query_step(query, err)) == 1; rows++) {
        if (json)
            buf_add_text(&out, rows == 0 ? "\n" : ",\n");
        if (json)
            add_json_row(&out, query, &text);
        else
            add_csv_row(&out, query, &text);
        rc = text.failed ? ERR_NOMEM : flush(&out, sink);
    }
    if (rc == 0 && step == 0) {
        buf_add_text(&out, !json ? "" : rows > 0 ? "\n]\n" : "]\n");
        rc = flush(&out, sink);
    }
    buf_release(&text);
    buf_release(&out);
    return rc != 0 ? rc : step;
}

int query_write(struct query *query, enum kei_query_format format, size_t width, const struct sink *sink,
                struct err *err)
{
    if (format == KEI_QUERY_TABLE)
        return write_table(query, width, sink, err);
    return write_rows(query, format == KEI_QUERY_JSON, sink, err);
}
