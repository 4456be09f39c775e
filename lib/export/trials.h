/*
 * What the commands that run whole programs show (stat, bench, scale): a screen, JSON (docs/stat.schema.json and its
 * like), CSV and Markdown. Each writer adds to a buffer, whose `failed` says that memory was short.
 */
#ifndef KEISOKU_EXPORT_TRIALS_H
#define KEISOKU_EXPORT_TRIALS_H

#include "base/buf.h"
#include "data/trial.h"

struct trials_screen {
    uint32_t width; /* columns */
    bool color;
};

/* Runs of one program, one after the other. */
struct stat_input {
    char *const *command; /* NULL-terminated */
    const struct trial *trials;
    size_t n, asked;     /* runs done, and how many were wanted */
    uint64_t page_bytes; /* what page faults are of */
};
void stat_text(const struct stat_input *input, const struct trials_screen *screen, struct buf *out);
void stat_json(const struct stat_input *input, struct buf *out);
void stat_csv(const struct stat_input *input, struct buf *out);

/* ---- pieces --------------------------------------------------------------------------------------------------------
 */

/* "1.84 s", "48 MB", "12 345", "0.98"; with what they are of. */
void trials_value(char *out, size_t size, enum measure_unit unit, double value);
/* Bold ("1"), faint ("2"), plain ("0"): nothing without colour. */
void trials_style(struct buf *out, const struct trials_screen *screen, const char *code);
/* The words of a command, those that need it in quotes as a shell reads them. */
void trials_command(struct buf *out, char *const *command);
/* One field of a CSV line, in quotes where it needs them. */
void trials_csv_text(struct buf *out, const char *text);
/* "exit status 3", "signal 9 (killed)". */
void trials_end(char *out, size_t size, int wait_status);

#endif
