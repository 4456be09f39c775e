/*
 * Reading Python's text: lines, statements, names; past strings, comments and brackets. The text is the measured
 * program's, so anything may stand in it: what is longer than people write is not read, and nothing here takes more
 * time than a statement is long.
 */
#ifndef KEISOKU_DIAGNOSE_SOURCE_WORDS_H
#define KEISOKU_DIAGNOSE_SOURCE_WORDS_H

#include "data/profile.h"

#include <ctype.h>

struct text {
    const char *at, *end;
};

/* Part of a name. Bytes above ASCII are letters: `größe` is one name. */
static inline bool text_is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || ((unsigned char)c & 0x80) != 0;
}

/* A line of the recorded source; NULL: there is none, it is too long, or it is no text. */
const char *source_line(const struct profile *profile, uint32_t file, uint32_t line, size_t *length);

enum statement_kind {
    STATEMENT_END,  /* no text there */
    STATEMENT_NONE, /* an empty line, a comment, a string that stands for itself */
    STATEMENT_READ,
    STATEMENT_UNCLEAR /* too long, several in one line, no text */
};

struct statement {
    struct text
        text; /* without its indent; all its lines, where it goes on in brackets, a string, behind a backslash */
    size_t indent;
    uint32_t lines;
};
/* The one that begins at the line. */
enum statement_kind statement_read(const struct profile *profile, uint32_t file, uint32_t line,
                                   struct statement *statement);

/* The one that the line, its first or another of it, is of; *line becomes its first. */
enum statement_kind statement_around(const struct profile *profile, uint32_t file, uint32_t *line,
                                     struct statement *statement);

bool text_begins(struct text text, const char *with);
const char *text_find(struct text text, const char *part);
bool text_same(struct text a, struct text b);
/* Past a string or a comment that begins there, else past one byte. */
const char *text_past(const char *at, const char *end);
/* 1: a bracket opens there; -1: one closes. */
int text_bracket(char c);
/* Past the bracket that closes the one at `at`; NULL: none does. */
const char *text_past_bracket(const char *at, const char *end);
/* The next word, names of attributes and strings left out. */
bool text_next_name(struct text *left, struct text *name);
/* The next string that computes something, `f"…"`: from its quote on. */
bool text_next_formatted(struct text *left, struct text *string);
/* The next `…` in braces of such a string. */
bool text_next_field(struct text *string, struct text *field);
/* `name=`: it names an argument. */
bool text_is_keyword(struct text name, const char *end);
/* `name`, `name.part[at]`, and nothing else: what it stands for is no new thing. */
bool text_is_place(struct text text);
/* Does the line begin with `with`? */
bool source_is_with(const char *text, size_t length);
/* What a line's `with` is of, without what it is part of: `lock` of `with self.lock:`. Empty: not understood. */
struct text source_with(const char *text, size_t length);
/* `=` of an assignment; NULL: there is none. */
const char *text_assignment(struct text text);
/* Is that sign one of `+=` and its like? */
bool text_augments(struct text text, const char *sign);
/* What the interpreter does for it, roughly: an operator, an attribute, an index is a step. */
struct text_work {
    unsigned steps, calls;
    unsigned fields; /* of strings that are put together */
};
struct text_work text_work(struct text text);

#endif
