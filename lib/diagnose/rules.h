/*
 * Rules: each looks at the facts and says whether its finding holds, with evidence, place and gain. The texts around
 * them, their order and their thresholds are in findings.def. docs/adding-a-finding.md has the steps.
 */
#ifndef KEISOKU_DIAGNOSE_RULES_H
#define KEISOKU_DIAGNOSE_RULES_H

#include "diagnose/facts.h"

enum limit_id {
#define FINDING(name, tag, prescription, order, rule, law, sentence, action)
#define NEXT(name, tells, command)
#define LIMIT(name, key, value, unit, text) LIMIT_##name##_##key,
#include "diagnose/findings.def"
#undef FINDING
#undef NEXT
#undef LIMIT
    LIMIT_COUNT
};
double limit_value(enum limit_id id);
#define LIMIT_OF(name, key) limit_value(LIMIT_##name##_##key)

enum finding_order { ORDER_GATE, ORDER_COMPLEXITY, ORDER_GAIN, ORDER_LAST, ORDER_AFTER };

/* What a rule fills beside the finding: the words for the templates. */
struct words {
    char share[24], gain[32], count[24], reason[160];
    char unseen[80];    /* behind a semicolon: evidence that the recording lacks; "": none */
    const char *action; /* in place of the row's; NULL: that one */
    double ease;        /* weight of the gain in the order; 1 as a rule */
    bool after;         /* holds, but a conclusion comes first */
    bool complete;      /* the recording has what the row's next measurement would tell: it is not named */
    double under, over; /* gains that are surely had by others it stands behind, or before; 0: none */
};

/* In findings.c. At most `limit` characters of `text`; longer ones lose their beginning (paths) or end. */
void words_add_cut(struct buf *out, const char *text, size_t limit, bool keep_end);
/* "9700", "12.4 million" */
void words_number(char *out, size_t size, uint64_t number);
/* Cut at a character's border; releases the text. */
void words_set_reason(struct words *words, struct buf *text);

typedef bool finding_rule(const struct facts *facts, const struct finding *earlier, size_t n_earlier,
                          struct finding *finding, struct words *words);

struct finding_row {
    const char *name, *tag;
    enum prescription prescription;
    enum finding_order order;
    finding_rule *rule;
    const char *law, *sentence, *action;
};
const struct finding_row *finding_rows(size_t *count);

#define FINDING(name, tag, prescription, order, rule, law, sentence, action) finding_rule rule;
#define NEXT(name, tells, command)
#define LIMIT(name, key, value, unit, text)
#include "diagnose/findings.def"
#undef FINDING
#undef NEXT
#undef LIMIT

/* In source_line.c: does a line of Python test membership (`in`, `not in`), and call nothing? */
bool source_tests_membership(const char *text, size_t length);
/* Does it call something, and loop over nothing? */
bool source_only_calls(const char *text, size_t length);
/* Has it a `for` or a `while`, or is it not understood? */
bool source_loops(const char *text, size_t length);
/* Is all it calls a length, or adding one thing to a collection? */
bool source_only_measures(const char *text, size_t length);
/* Does it wait for whichever comes first of many? */
bool source_waits_for_any(const char *text, size_t length);
/* Does it neither call nor loop nor wait? */
bool source_is_plain(const char *text, size_t length);
/* Does it send a query: `.execute(`? */
bool source_queries(const char *text, size_t length);

/* Does it take from or put at the front of a list, `.pop(0)`, `.insert(0, …)`, and call nothing else? */
bool source_shifts(const char *text, size_t length);
/* `x = x + …`? `x = … + x`? */
bool source_adds_to_itself(const char *text, size_t length);
bool source_adds_before_itself(const char *text, size_t length);
/* Does it search with a method and else only measure or add one? ".index(", ".count(", ".remove("; NULL: it does not.
 */
const char *source_seeks(const char *text, size_t length);
/* Does it call nothing, but range for a loop? */
bool source_only_computes(const char *text, size_t length);
/* Does it write or flush? */
bool source_writes(const char *text, size_t length);
/* Does it empty a buffer: `.flush()`, `flush=True`? */
bool source_flushes(const char *text, size_t length);
/* Does it write past every buffer, or empty one? */
bool source_writes_at_once(const char *text, size_t length);
/* Blanks that it begins with; its whole length where it has nothing else or a comment only. */
size_t source_indent(const char *text, size_t length);
/* Does it give a lock back: `.release()`? */
bool source_unlocks(const char *text, size_t length);
/* Does it take a lock? */
bool source_locks(const char *text, size_t length);

/* In check_command.c: the command that shows whether a change helped, for the finding of that rank. 0 or ERR_NOMEM. */
int finding_fill_check(const struct profile *profile, size_t rank, struct finding *finding);
/* And the one that measures what the recording has not, where the finding of that name (LEAK) has one. Likewise. */
int finding_fill_next(const struct profile *profile, const char *name, struct finding *finding);

/* For rules: evidence and its kin. */
/* A part of elapsed time: sampled as every thread was, so with the interval of that many instants. */
void finding_add_elapsed(const struct facts *facts, struct finding *finding, const char *measure, double part);
/* Time of an elapsed time, at most 1. */
struct share elapsed_part(const struct facts *facts, double ns);
/* Of the time on the CPU. */
struct share cpu_part(const struct facts *facts, double ns);
/* Of the elapsed time of which a stack is known: without a program's beginning and end, and waits for a core. */
double known_part(const struct facts *facts, double ns);
/* `sure`: the part of elapsed time that surely goes; `part`: what may; low, high: how much faster it gets. */
void finding_predict(struct finding *finding, double sure, double part, double low, double high);
/* No run is shorter than what a thread that `reach` is part of computes beside. In rules_reach.c. */
void finding_bound(const struct facts *facts, const struct reach *reach, struct finding *finding);
void finding_not_told_apart(const struct facts *facts, struct finding *finding);
/* In evidence.c. For a conclusion from what else was not found: where looks or source text are missing, says so in what
 * was not measured and takes its confidence, which must be set, down. `clause` gets the words; false: all is there. */
bool finding_unseen(const struct facts *facts, struct finding *finding, char *clause, size_t size);
void finding_place_hot(const struct facts *facts, struct finding *finding);
void finding_place_line(const struct line_sum *line, struct finding *finding);
void finding_place_frame(const struct facts *facts, uint32_t frame, struct finding *finding);
void words_percent(char *out, size_t size, double share);
/* Amdahl, for work that stays the same: 1 / (1 - part + part / factor) */
double gain_amdahl(double part, double factor);
/* Gustafson, for work that grows with the cores: 1 - part + part × cores */
double gain_gustafson(double part, double cores);
/* Of the time on the CPU, that of a line. */
struct share line_cpu(const struct facts *facts, const struct line_sum *line);
struct evidence *finding_add(struct finding *finding, const char *measure, const char *unit, double value);
void finding_add_share(struct finding *finding, const char *measure, struct share share);
void finding_not_measured(struct finding *finding, const char *what);
/* What lived at the most of what was asked for on that own line. */
void finding_add_held(const struct facts *facts, struct finding *finding, const struct held_line *line,
                      enum held_by by);
/* In rules_calls.c. How often the function was called, where that was counted; false: it was not. `ns`: CPU time in all
 * these calls, for that of one; 0: not told. */
bool finding_add_calls(struct finding *finding, const struct call_count *counts, double ns);

#endif
