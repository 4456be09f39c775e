/* See json_writer.h. Failures of memory stay in the buffer (`failed`). */
#include "export/json_writer.h"

#include <math.h>
#include <string.h>

static void newline(struct json_writer *json)
{
    buf_add_byte(json->buf, '\n');
    for (unsigned i = 0; i < json->depth; i++)
        buf_add_text(json->buf, "  ");
}

static void begin(struct json_writer *json, const char *key)
{
    if (json->filled[json->depth])
        buf_add_text(json->buf, json->flat[json->depth] ? ", " : ",");
    if (json->depth > 0 && !json->flat[json->depth])
        newline(json);
    json->filled[json->depth] = true;
    if (key != NULL) {
        buf_add_json(json->buf, key, strlen(key));
        buf_add_text(json->buf, ": ");
    }
}

static void enter(struct json_writer *json, const char *key, char bracket, bool flat)
{
    begin(json, key);
    buf_add_byte(json->buf, (uint8_t)bracket);
    bool inside_flat = json->flat[json->depth];
    if (json->depth + 1 < JSON_DEPTH_MAX)
        json->depth++;
    json->filled[json->depth] = false;
    json->flat[json->depth] = flat || inside_flat;
}

void json_open(struct json_writer *json, const char *key, char bracket)
{
    enter(json, key, bracket, false);
}

void json_open_flat(struct json_writer *json, const char *key, char bracket)
{
    enter(json, key, bracket, true);
}

void json_close(struct json_writer *json, char bracket)
{
    bool line = json->filled[json->depth] && !json->flat[json->depth];
    if (json->depth > 0)
        json->depth--;
    if (line)
        newline(json);
    buf_add_byte(json->buf, (uint8_t)bracket);
}

void json_text_of(struct json_writer *json, const char *key, const char *text, size_t length)
{
    begin(json, key);
    buf_add_json(json->buf, text, length);
}

void json_text(struct json_writer *json, const char *key, const char *text)
{
    json_text_of(json, key, text, strlen(text));
}

void json_number(struct json_writer *json, const char *key, double value)
{
    if (!isfinite(value))
        return;
    begin(json, key);
    buf_printf(json->buf, "%.9g", value);
}

void json_integer(struct json_writer *json, const char *key, int64_t value)
{
    begin(json, key);
    buf_printf(json->buf, "%lld", (long long)value);
}

void json_bool(struct json_writer *json, const char *key, bool value)
{
    begin(json, key);
    buf_add_text(json->buf, value ? "true" : "false");
}
