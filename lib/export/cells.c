/* See cells.h. No locale: the ranges of wide and of combining characters are those of Unicode's East Asian Width. */
#include "export/cells.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

static const struct range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},  {0x3400, 0x4dbf},
                                    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xac00, 0xd7a3},  {0xf900, 0xfaff},
                                    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f},
                                    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
static const struct range combining[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},
                                         {0x64b, 0x65f},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
                                         {0x202a, 0x202e}, {0x2060, 0x206f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f},
                                         {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}};

static bool in_ranges(const struct range *ranges, size_t n, uint32_t point)
{
    for (size_t i = 0; i < n; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    }
    return false;
}

/* One character of what buf_add_visible made (valid UTF-8): its bytes and columns. */
static size_t step(const char *text, size_t left, size_t *columns)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    if (length > left)
        length = left;
    uint32_t point = length == 1 ? bytes[0] : bytes[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++)
        point = (point << 6) | (bytes[i] & 0x3f);
    *columns = 1;
    if (point >= 0x300 && in_ranges(combining, sizeof combining / sizeof combining[0], point))
        *columns = 0;
    else if (point >= 0x1100 && in_ranges(wide, sizeof wide / sizeof wide[0], point))
        *columns = 2;
    return length;
}

size_t cells_width(const char *text, size_t length)
{
    size_t width = 0, columns;
    for (size_t i = 0; i < length;) {
        i += step(text + i, length - i, &columns);
        width += columns;
    }
    return width;
}

/* Bytes of the longest beginning that takes at most `width` columns. */
static size_t fitting(const char *text, size_t length, size_t width)
{
    size_t used = 0, columns, i = 0;
    while (i < length) {
        size_t bytes = step(text + i, length - i, &columns);
        if (used + columns > width)
            break;
        used += columns;
        i += bytes;
    }
    return i;
}

size_t cells_add(struct buf *out, const char *text, size_t length, size_t width, bool keep_end, bool pad)
{
    struct buf visible = {0};
    buf_add_visible(&visible, text, length);
    const char *shown = buf_text(&visible);
    size_t size = strlen(shown), total = cells_width(shown, size), used = total;
    if (total <= width) {
        buf_add(out, shown, size);
    } else if (width == 0) {
        used = 0;
    } else if (keep_end) {
        size_t cut = fitting(shown, size, total - width), columns;
        while (cut < size && cells_width(shown + cut, size - cut) > width - 1)
            cut += step(shown + cut, size - cut, &columns);
        buf_add_text(out, "…");
        buf_add(out, shown + cut, size - cut);
        used = 1 + cells_width(shown + cut, size - cut);
    } else {
        size_t kept = fitting(shown, size, width - 1);
        buf_add(out, shown, kept);
        buf_add_text(out, "…");
        used = 1 + cells_width(shown, kept);
    }
    if (visible.failed)
        out->failed = true;
    buf_release(&visible);
    for (; pad && used < width; used++)
        buf_add_byte(out, ' ');
    return used;
}

size_t cells_width_of(struct buf *buf)
{
    const char *text = buf_text(buf);
    return cells_width(text, strlen(text));
}

size_t cells_add_buf(struct buf *out, struct buf *text, size_t width, bool keep_end, bool pad)
{
    const char *shown = buf_text(text);
    return cells_add(out, shown, strlen(shown), width, keep_end, pad);
}

static void wrap_visible(struct buf *out, const char *indent, const char *text, size_t width, size_t *column,
                         size_t *lines)
{
    size_t left = cells_width(indent, strlen(indent));
    bool fresh = true;
    while (*text != '\0') {
        size_t length = strcspn(text, " "), word = cells_width(text, length);
        if (!fresh && *column + 1 + word > width) {
            buf_printf(out, "\n%s", indent);
            *column = left;
            (*lines)++;
        } else if (!fresh) {
            buf_add_byte(out, ' ');
            (*column)++;
        }
        while (word > width - left && width > left + 1) { /* one word longer than a line */
            size_t kept = fitting(text, length, width - *column);
            buf_add(out, text, kept);
            text += kept;
            length -= kept;
            word = cells_width(text, length);
            buf_printf(out, "\n%s", indent);
            *column = left;
            (*lines)++;
        }
        buf_add(out, text, length);
        *column += word;
        text += length;
        text += strspn(text, " ");
        fresh = false;
    }
}

size_t cells_wrap(struct buf *out, const char *first, const char *indent, const char *text, size_t width)
{
    struct buf visible = {0};
    buf_add_visible(&visible, text, strlen(text));
    size_t column = cells_width(first, strlen(first)), lines = 1;
    buf_add_text(out, first);
    wrap_visible(out, indent, buf_text(&visible), width, &column, &lines);
    buf_add_byte(out, '\n');
    out->failed = out->failed || visible.failed;
    buf_release(&visible);
    return lines;
}

void cells_percent(char *out, size_t size, double share)
{
    if (share > 0 && share < 0.005)
        snprintf(out, size, "<1 %%");
    else
        snprintf(out, size, "%.0f %%", share * 100);
}

void cells_percent_range(char *out, size_t size, double share, double low, double high)
{
    double half = fmax(high - share, share - low) * 100;
    char text[24];
    cells_percent(text, sizeof text, share);
    if (half < 0.005)
        snprintf(out, size, "%s", text);
    else
        snprintf(out, size, "%s ±%.0f", text, fmax(1, ceil(half - 0.5)));
}

void cells_count(char *out, size_t size, uint64_t value)
{
    char digits[24], text[40];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0 && n > 4)
            text[at++] = ' ';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    snprintf(out, size, "%s", text);
}

void cells_seconds(char *out, size_t size, double seconds)
{
    if (seconds >= 100)
        snprintf(out, size, "%.0f s", seconds);
    else if (seconds >= 10)
        snprintf(out, size, "%.1f s", seconds);
    else if (seconds >= 0.1 || seconds == 0)
        snprintf(out, size, "%.2f s", seconds);
    else
        snprintf(out, size, "%.1f ms", seconds * 1e3);
}

void cells_bytes(char *out, size_t size, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1000;
        unit++;
    }
    snprintf(out, size, unit > 0 && bytes < 9.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

void cells_gain(char *out, size_t size, double gain)
{
    if (gain < 9.95)
        snprintf(out, size, "%.1fx", gain);
    else if (gain < 100)
        snprintf(out, size, "%.0fx", gain);
    else
        snprintf(out, size, "over 100x");
}

void cells_padded(struct buf *out, const char *text, size_t width, bool right)
{
    size_t taken = cells_width(text, strlen(text));
    for (size_t i = taken; right && i < width; i++)
        buf_add_byte(out, ' ');
    buf_add_text(out, text);
    for (size_t i = taken; !right && i < width; i++)
        buf_add_byte(out, ' ');
}
