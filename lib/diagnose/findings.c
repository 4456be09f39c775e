/*
 * The table of findings made into code: rules tried in the table's order, texts filled in, the result ranked. Called
 * by diagnose() once the facts are there.
 */
#include "diagnose/findings.h"

#include "base/buf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct finding_row rows[] = {
#define FINDING(name, tag, prescription, order, rule, law, sentence, action)                                           \
    {#name, tag, PRESCRIBE_##prescription, ORDER_##order, rule, law, sentence, action},
#define NEXT(name, tells, command)
#define LIMIT(name, key, value, unit, text)
#include "diagnose/findings.def"
#undef FINDING
#undef NEXT
#undef LIMIT
};

static const double limits[LIMIT_COUNT] = {
#define FINDING(name, tag, prescription, order, rule, law, sentence, action)
#define NEXT(name, tells, command)
#define LIMIT(name, key, value, unit, text) value,
#include "diagnose/findings.def"
#undef FINDING
#undef NEXT
#undef LIMIT
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

double limit_value(enum limit_id id)
{
    return limits[id];
}

const struct finding_row *finding_rows(size_t *count)
{
    *count = ROW_COUNT;
    return rows;
}

const char *prescription_name(enum prescription prescription)
{
    static const char *const names[] = {"native", "parallel", "algorithm", "already-native", "stop", "insufficient"};
    return (unsigned)prescription < sizeof names / sizeof names[0] ? names[prescription] : "insufficient";
}

bool finding_gains_memory(const struct finding *finding)
{
    return strcmp(finding->gain_law, "memory") == 0;
}

const char *diagnosis_file(const struct profile *profile, uint32_t file)
{
    const char *name = file < profile->n_strings ? profile->strings[file] : "", *directory = profile->directory;
    size_t length = directory != NULL ? strlen(directory) : 0;
    if (length > 1 && strncmp(name, directory, length) == 0 && name[length] == '/')
        return name + length + 1;
    return profile_short_file(name);
}

void words_add_cut(struct buf *out, const char *text, size_t limit, bool keep_end)
{
    size_t length = strlen(text), characters = 0;
    for (size_t i = 0; i < length; i++)
        characters += ((unsigned char)text[i] & 0xc0) != 0x80;
    if (characters <= limit) {
        buf_add(out, text, length);
        return;
    }
    size_t skip = characters - limit + 1, at = 0;
    if (keep_end) {
        buf_add_text(out, "…");
        for (size_t seen = 0; at < length && seen <= skip; at++)
            seen += ((unsigned char)text[at] & 0xc0) != 0x80;
        buf_add(out, text + at - 1, length - at + 1);
    } else {
        for (size_t seen = 0; at < length; at++) {
            seen += ((unsigned char)text[at] & 0xc0) != 0x80;
            if (seen >= limit)
                break;
        }
        buf_add(out, text, at);
        buf_add_text(out, "…");
    }
}

static void add_place(struct buf *out, const struct profile *profile, const struct finding *finding)
{
    if (finding->file == 0) {
        buf_add_text(out, "the program");
        return;
    }
    words_add_cut(out, diagnosis_file(profile, finding->file), 48, true);
    if (finding->line != 0)
        buf_printf(out, ":%u", finding->line);
}

static void add_slot(struct buf *out, const char *slot, size_t length, const struct profile *profile,
                     const struct finding *finding, const struct words *words)
{
#define SLOT(text) (length == sizeof(text) - 1 && memcmp(slot, text, length) == 0)
    if (SLOT("place"))
        add_place(out, profile, finding);
    else if (SLOT("function"))
        words_add_cut(out, finding->function != 0 ? profile->strings[profile->functions[finding->function].name] : "it",
                      40, false);
    else if (SLOT("share"))
        buf_add_text(out, words->share);
    else if (SLOT("gain"))
        buf_add_text(out, words->gain);
    else if (SLOT("count"))
        buf_add_text(out, words->count);
    else if (SLOT("reason"))
        buf_add_text(out, words->reason);
    else if (SLOT("unseen"))
        buf_printf(out, "%s%s", words->unseen[0] != '\0' ? "; " : "", words->unseen);
#undef SLOT
}

/* Cuts at a character's border; `size` counts the final zero. */
static void copy_text(char *out, size_t size, struct buf *text)
{
    const char *from = buf_text(text);
    size_t length = strlen(from);
    while (length > 0 && from[length - 1] == ' ')
        length--;
    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)from[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(out, from, length);
    out[length] = '\0';
}

void words_number(char *out, size_t size, uint64_t number)
{
    if (number < 1000000)
        snprintf(out, size, "%llu", (unsigned long long)number);
    else
        snprintf(out, size, "%.1f million", (double)number / 1e6);
}

void words_set_reason(struct words *words, struct buf *text)
{
    copy_text(words->reason, sizeof words->reason, text);
    buf_release(text);
}

static bool fill_template(char *out, size_t size, const char *template, const struct profile *profile,
                          const struct finding *finding, const struct words *words)
{
    struct buf text = {0};
    for (const char *at = template; *at != '\0';) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end != NULL) {
            add_slot(&text, at + 1, (size_t)(end - at - 1), profile, finding, words);
            at = end + 1;
        } else {
            buf_add_byte(&text, (uint8_t)*at++);
        }
    }
    copy_text(out, size, &text);
    bool done = !text.failed;
    buf_release(&text);
    return done;
}

static bool enough(const struct finding_row *row, const struct finding *finding)
{
    return (row->order != ORDER_GAIN && row->order != ORDER_COMPLEXITY) ||
           finding->predicted_low >= LIMIT_OF(FLAT, GAIN_MIN);
}

struct ranked {
    struct finding finding;
    enum finding_order order;
    double score;
};

/* Gains that are nearly alike differ from run to run: then the table's order holds, in which they come here. */
static bool before(const struct ranked *a, const struct ranked *b)
{
    if (a->order != b->order)
        return a->order < b->order;
    return a->score > b->score * LIMIT_OF(FLAT, ALIKE);
}

/* Stable insertion by rank; `n` found so far. */
static void insert(struct ranked *list, size_t n, const struct ranked *one)
{
    size_t at = n;
    while (at > 0 && before(one, &list[at - 1])) {
        list[at] = list[at - 1];
        at--;
    }
    list[at] = *one;
}

static bool is_comprehension(const char *name)
{
    size_t length = strlen(name);
    return (length >= 5 && strcmp(name + length - 5, "comp>") == 0) ||
           (length >= 8 && strcmp(name + length - 8, "genexpr>") == 0);
}

/* A comprehension is a place in the function that it stands in. */
static uint32_t function_around(const struct profile *profile, uint32_t function)
{
    const struct function *inner = &profile->functions[function];
    uint32_t best = function;
    if (function == 0 || !is_comprehension(profile->strings[inner->name]))
        return function;
    for (uint32_t i = 1; i < profile->n_functions; i++) {
        const struct function *outer = &profile->functions[i];
        if (outer->kind == FUNCTION_PYTHON && outer->file == inner->file && outer->first_line <= inner->first_line &&
            !is_comprehension(profile->strings[outer->name]) &&
            (best == function || outer->first_line > profile->functions[best].first_line))
            best = i;
    }
    return best;
}

/* 1: the finding holds; 0: it does not; or ERR_NOMEM. */
static int try_row(const struct facts *facts, const struct finding_row *row, const struct finding *earlier,
                   size_t n_earlier, struct ranked *one)
{
    struct words words = {.ease = 1};
    memset(one, 0, sizeof *one);
    struct finding *finding = &one->finding;
    finding->tag = row->tag;
    finding->prescription = row->prescription;
    finding->gain_law = row->law;
    if (!row->rule(facts, earlier, n_earlier, finding, &words) || !enough(row, finding))
        return 0;
    finding->function = function_around(facts->profile, finding->function);
    if (words.gain[0] == '\0')
        snprintf(words.gain, sizeof words.gain, "%.1fx", finding->max_gain);
    one->order = words.after ? ORDER_AFTER : row->order;
    one->score = fmax(finding->predicted_low * words.ease, words.over * LIMIT_OF(FLAT, ALIKE) * LIMIT_OF(FLAT, ALIKE));
    if (words.under > 0)
        one->score = fmin(one->score, words.under / LIMIT_OF(FLAT, ALIKE));
    bool done =
        fill_template(finding->sentence, sizeof finding->sentence, row->sentence, facts->profile, finding, &words);
    done = done && fill_template(finding->action, sizeof finding->action,
                                 words.action != NULL ? words.action : row->action, facts->profile, finding, &words);
    done = done && (words.complete || finding_fill_next(facts->profile, row->name, finding) == 0);
    return done ? 1 : ERR_NOMEM;
}

/* What was found before, if something was, is no less than what can be advised now. */
static bool was_found(const struct finding_row *row, const struct finding *before, size_t n)
{
    bool found = before == NULL || (row->order != ORDER_GAIN && row->order != ORDER_COMPLEXITY);
    for (size_t i = 0; i < n && !found; i++)
        found = strcmp(before[i].tag, row->tag) == 0;
    return found;
}

/* The rules tried in order; what holds goes to the list. */
static int try_rows(const struct facts *facts, const struct diagnosis *before, struct ranked *list,
                    struct finding *earlier, size_t *n)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct ranked one;
        if (!was_found(&rows[i], before->findings, before->n_findings))
            continue;
        int holds = try_row(facts, &rows[i], earlier, *n, &one);
        if (holds < 0)
            return holds;
        if (holds == 0)
            continue;
        earlier[*n] = one.finding;
        insert(list, (*n)++, &one);
        if (rows[i].prescription == PRESCRIBE_INSUFFICIENT)
            break; /* advice that is not measured is not given */
    }
    return 0;
}

int findings_make(const struct facts *facts, struct diagnosis *diagnosis)
{
    struct ranked *list = mem_zalloc(ROW_COUNT + 1, sizeof *list);
    struct finding *earlier = mem_zalloc(ROW_COUNT + 1, sizeof *earlier);
    struct finding *findings = mem_zalloc(ROW_COUNT + 1, sizeof *findings);
    size_t n = 0;
    int rc = ERR_NOMEM;
    if (list == NULL || earlier == NULL || findings == NULL)
        goto out;
    rc = try_rows(facts, diagnosis, list, earlier, &n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        findings[i] = list[i].finding;
        rc = finding_fill_check(facts->profile, i + 1, &findings[i]);
    }
    mem_free(diagnosis->findings);
    diagnosis->findings = findings;
    diagnosis->n_findings = n;
    findings = NULL;
out:
    mem_free(list);
    mem_free(earlier);
    mem_free(findings);
    return rc;
}
