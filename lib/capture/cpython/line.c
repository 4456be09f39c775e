/*
 * Lines of instructions. The table is a byte string of the target's: every reader below is bounded by its size and
 * gives 0 for what it does not say. Formats: Objects/lnotab_notes.txt (up to 3.10) and Objects/locations.md (3.11+)
 * of CPython.
 */
#include "capture/cpython/layout.h"
#include "capture/cpython/python.h"

/* Up to 3.9: the line at `offset` is that of the last step that begins at or before it. */
static uint32_t line_steps(struct reader *table, uint32_t first_line, uint32_t offset, bool backward)
{
    uint32_t address = 0, line = first_line;
    while (table->at < table->end) {
        address += reader_byte(table);
        uint8_t step = reader_byte(table);
        if (table->failed || address > offset)
            break;
        line += backward ? (uint32_t)(int8_t)step : step;
    }
    return line;
}

/* 2.7: lines only grow. */
static uint32_t line_forward(struct reader *table, uint32_t first_line, uint32_t offset)
{
    return line_steps(table, first_line, offset, false);
}

static uint32_t line_lnotab(struct reader *table, uint32_t first_line, uint32_t offset)
{
    return line_steps(table, first_line, offset, true);
}

/* 3.10: ranges one after the other; the step applies to the range that it stands with. */
static uint32_t line_ranges(struct reader *table, uint32_t first_line, uint32_t offset)
{
    uint32_t end = 0, line = first_line;
    while (table->at < table->end) {
        uint8_t length = reader_byte(table);
        int8_t step = (int8_t)reader_byte(table);
        if (table->failed)
            break;
        if (step != -128)
            line += (uint32_t)step;
        end += length;
        if (offset < end)
            return step == -128 ? 0 : line;
    }
    return 0;
}

/* Six bits a byte, bit 6 says that more follow. */
static uint32_t location_number(struct reader *table)
{
    uint32_t value = 0;
    for (int shift = 0; shift < 32; shift += 6) {
        uint8_t byte = reader_byte(table);
        value |= (uint32_t)(byte & 63) << shift;
        if (!(byte & 64))
            break;
    }
    return value;
}

static int32_t location_signed(struct reader *table)
{
    uint32_t value = location_number(table);
    return value & 1 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

enum { LOCATION_ONE_LINE = 10, LOCATION_NO_COLUMNS = 13, LOCATION_LONG = 14, LOCATION_NONE = 15 };

/* An entry of the table of locations. */
struct location {
    int kind;
    struct python_position at; /* columns: one more than they are, 0: none */
};

/* What follows the first byte and the line's step. */
static void location_columns(struct reader *table, struct location *location)
{
    struct python_position *at = &location->at;
    at->end_line = at->line;
    at->column = at->end_column = 0;
    if (location->kind == LOCATION_LONG) {
        at->end_line += location_number(table);
        at->column = location_number(table);
        at->end_column = location_number(table);
    } else if (location->kind < LOCATION_ONE_LINE) {
        uint8_t byte = reader_byte(table);
        at->column = ((uint32_t)location->kind << 3 | (byte >> 4 & 7)) + 1;
        at->end_column = at->column + (byte & 15);
    } else if (location->kind < LOCATION_NO_COLUMNS) {
        at->column = reader_byte(table) + 1u;
        at->end_column = reader_byte(table) + 1u;
    }
}

/* 3.11+: an entry is 0x80 | kind << 3 | units - 1, then what its kind needs. Bytes without bit 7 that are left belong
 * to the entry before; they are skipped. */
static bool find_location(struct reader *table, uint32_t first_line, uint32_t offset, struct location *location)
{
    uint32_t end = 0;
    location->at.line = first_line;
    while (table->at < table->end) {
        uint8_t head = reader_byte(table);
        if (!(head & 0x80))
            continue;
        int kind = location->kind = head >> 3 & 15;
        if (kind == LOCATION_LONG || kind == LOCATION_NO_COLUMNS)
            location->at.line += (uint32_t)location_signed(table);
        else if (kind >= LOCATION_ONE_LINE && kind < LOCATION_NO_COLUMNS)
            location->at.line += (uint32_t)(kind - LOCATION_ONE_LINE);
        if (table->failed)
            break;
        end += ((head & 7u) + 1) * 2;
        if (offset < end)
            return kind != LOCATION_NONE;
    }
    return false;
}

static uint32_t line_locations(struct reader *table, uint32_t first_line, uint32_t offset)
{
    struct location location;
    return find_location(table, first_line, offset, &location) ? location.at.line : 0;
}

bool python_code_position(const struct python_code *code, int32_t offset, struct python_position *position)
{
    if (offset < 0 || !code->lines || code->line_format != LINES_LOCATIONS)
        return false;
    struct reader table = {.at = code->lines, .end = code->lines + code->lines_size};
    struct location location;
    if (!find_location(&table, code->first_line, (uint32_t)offset, &location))
        return false;
    location_columns(&table, &location);
    *position = location.at;
    if (table.failed || position->column == 0 || position->end_column == 0 || position->line == 0 ||
        position->line > INT32_MAX || position->end_line > INT32_MAX || position->end_line < position->line)
        return false;
    position->column--;
    position->end_column--;
    return true;
}

uint32_t python_code_line(const struct python_code *code, int32_t offset)
{
    static uint32_t (*const readers[LINE_FORMATS])(struct reader *, uint32_t,
                                                   uint32_t) = {[LINES_FORWARD] = line_forward,
                                                                [LINES_LNOTAB] = line_lnotab,
                                                                [LINES_RANGES] = line_ranges,
                                                                [LINES_LOCATIONS] = line_locations};
    if (offset < 0)
        return code->first_line;
    if (!code->lines || code->line_format < 0 || code->line_format >= LINE_FORMATS)
        return 0;
    struct reader table = {.at = code->lines, .end = code->lines + code->lines_size};
    uint32_t line = readers[code->line_format](&table, code->first_line, (uint32_t)offset);
    return line <= INT32_MAX ? line : 0;
}
