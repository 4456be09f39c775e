/* Writing JSON into a buffer, with commas and indentation kept right. Nesting at most JSON_DEPTH_MAX. */
#ifndef KEISOKU_EXPORT_JSON_WRITER_H
#define KEISOKU_EXPORT_JSON_WRITER_H

#include "base/buf.h"

enum { JSON_DEPTH_MAX = 16 };

struct json_writer {
    struct buf *buf;
    unsigned depth;
    bool filled[JSON_DEPTH_MAX]; /* something stands at this depth already */
    bool flat[JSON_DEPTH_MAX];   /* on one line */
};

/* `key` is NULL in an array and at the top; keys are our own words or are escaped like any text. */
void json_open(struct json_writer *json, const char *key, char bracket);      /* '{' or '[' */
void json_open_flat(struct json_writer *json, const char *key, char bracket); /* the same, on one line */
void json_close(struct json_writer *json, char bracket);
void json_text(struct json_writer *json, const char *key, const char *text);
void json_text_of(struct json_writer *json, const char *key, const char *text, size_t length);
void json_number(struct json_writer *json, const char *key, double value); /* not a number or endless: left out */
void json_integer(struct json_writer *json, const char *key, int64_t value);
void json_bool(struct json_writer *json, const char *key, bool value);

#endif
