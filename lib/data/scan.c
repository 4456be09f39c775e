#include "data/scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int scan_read(const char *text, struct scan *scan, struct err *err)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0' || memchr(text, '{', (size_t)(equals - text)) != NULL)
        return err_set(err, ERR_BAD_INPUT, "bench: --scan %.100s is not usable: give NAME=VALUE,VALUE,… for {NAME}",
                       text);
    *scan = (struct scan){text, equals + 1, (size_t)(equals - text), 1, 0};
    for (const char *at = scan->values; *at != '\0'; at++)
        scan->count += *at == ',';
    return 0;
}

const char *scan_value(const struct scan *scan, size_t *length)
{
    const char *at = scan->values;
    for (size_t i = 0; i < scan->at; i++)
        at += strcspn(at, ",") + 1;
    *length = strcspn(at, ",");
    return at;
}

static bool names_scan(const struct scan *scan, const char *at)
{
    return strncmp(at, scan->name, scan->name_length) == 0 && at[scan->name_length] == '}';
}

void scan_fill(const char *text, const struct scan *scans, size_t n, struct buf *out)
{
    while (*text != '\0') {
        size_t i = 0, length;
        while (i < n && !(*text == '{' && names_scan(&scans[i], text + 1)))
            i++;
        if (i == n) {
            buf_add_byte(out, (uint8_t)*text++);
            continue;
        }
        const char *value = scan_value(&scans[i], &length);
        buf_add(out, value, length);
        text += scans[i].name_length + 2;
    }
}

bool scan_next(struct scan *scans, size_t n)
{
    size_t turn = n;
    while (turn > 0 && ++scans[turn - 1].at == scans[turn - 1].count)
        scans[--turn].at = 0;
    return turn > 0;
}

int scan_size(const char *text, size_t length, double *size, struct err *err)
{
    char word[64], *end;
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), text);
    *size = strtod(word, &end);
    if (length == 0 || length >= sizeof word || strspn(word, "0123456789.") == 0 || *end != '\0' ||
        strpbrk(word, "xX") != NULL || !isfinite(*size) || *size <= 0)
        return err_set(err, ERR_BAD_INPUT, "scale: size %.60s is not usable: give numbers above 0, as 1000,2000,4000",
                       word);
    return 0;
}
