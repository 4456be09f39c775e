/* Parts of the text exporter: text.c puts the screen together from the blocks of text_head.c, text_verdict.c and
 * text_rows.c; text_tables.c draws the tables that are asked for. */
#ifndef KEISOKU_EXPORT_TEXT_H
#define KEISOKU_EXPORT_TEXT_H

#include "diagnose/ledger.h"
#include "export/cells.h"
#include "export/export.h"

struct screen {
    const struct export_input *input;
    const struct profile *profile;
    const struct diagnosis *diagnosis;
    struct aggregate *aggregate; /* of the filter */
    struct strata strata;        /* what its intervals come from */
    size_t width, height;
    unsigned tight; /* how much has to be left out to stay on the screen; 0: nothing */
    struct buf out;
};

/* Levels of `tight`, each with those before it: what helps least to decide goes first. */
enum {
    TIGHT_CODE = 1,
    TIGHT_ROWS,
    TIGHT_FINDINGS,
    TIGHT_CHECK,
    TIGHT_CPU,
    TIGHT_NOTES,
    TIGHT_BLANKS,
    TIGHT_BAR,
    TIGHT_MOST = TIGHT_BAR
};

/* What hangs below a word at the left ("trust", "wall") begins in this column. */
enum { TEXT_LEFT = 9 };
#define text_hang "         " /* TEXT_LEFT spaces */

void text_header(struct screen *screen);
void text_trust(struct screen *screen);
void text_verdict(struct screen *screen);
/* What to measure next for the first finding, one line; nothing where it names none. */
void text_next_measurement(struct screen *screen);
void text_ledger(struct screen *screen);
int text_functions(struct screen *screen, size_t rows);
int text_source_lines(struct screen *screen, size_t rows);
/* The rest of a row whose first 18 cells are there: the line's text, as far as it is kept, and `place`, which loses its
 * beginning where it is too long. */
void text_add_source(struct screen *screen, uint32_t file, uint32_t line, const char *place);
/* The lines that asked for what was in use at the most (--allocs). */
int text_memory(struct screen *screen, size_t rows);
/* The first findings, a line each. */
void text_finding_rows(struct screen *screen);
/* "80 % ±1  CPU time on the line" */
void text_evidence(struct buf *out, const struct evidence *evidence);
/* "2.1x to 3.3x faster, at most 3.6x"; nothing where no gain is given. */
void text_gain(struct buf *out, const struct finding *finding);
/* A command on its own lines, each but the last ended as a shell wants it, so that it can be copied. Returns the lines;
 * 0: a word does not fit. */
size_t text_command(struct buf *out, const char *command, size_t width);

/* report --lines FUNCTION, --callers, --callees */
int text_lines(struct screen *screen, const char *name, struct err *err);
/* The bar of states: their letters, as wide as the screen. */
void text_bar(struct screen *screen, const double shares[STATE_COUNT]);
/* So many letters of the state, in its colour; STATE_COUNT: blanks. */
void text_run(struct screen *screen, size_t state, size_t count);
/* In text_threads.c: threads that nobody was seen to wait for and that had a core; nothing where there are none. */
void text_aside(struct screen *screen);

/* In text_findings.c: report --findings */
void text_findings_in_full(struct screen *screen);
/* report --threads */
int text_threads(struct screen *screen);
/* Its ledgers, most CPU time first, then wall time: the one behind `last` (NULL: the first); NULL: none is. */
const struct thread_ledger *text_next_thread(const struct diagnosis *diagnosis, const struct thread_ledger *last);
/* The name of a thread, or its number. */
void text_thread_name(struct buf *out, const struct profile *profile, uint32_t id);
/* In text_strip.c: what each did when; nothing where no time was measured. */
void text_strip(struct screen *screen);
/* In text_cores.c: what they did on each core; nothing where that is not known. */
void text_cores(struct screen *screen);
/* report --tasks */
int text_tasks(struct screen *screen, struct err *err);
int text_calls(struct screen *screen, const char *name, bool callers, struct err *err);
/* Releases a buffer that was only on the way; that memory was short is kept for the end. */
void text_done(struct screen *screen, struct buf *part);
/* A place ("orders.py:41") in at most `width` columns, without its folders when they do not fit. */
void text_place(struct screen *screen, uint32_t file, uint32_t line, size_t width, bool pad);
/* Bold, faint, plain: nothing without colour. */
void text_style(struct screen *screen, const char *code);

#endif
