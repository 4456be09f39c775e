/*
 * Was there what most rules on better algorithms ask: looks at what lines work on, and the source text? A recording
 * made without them (--no-operands, --no-source, a Python whose operands are not read) leaves those rules silent, which
 * is no sign that they have nothing to say. A conclusion drawn beside says so. evidence_find is used by facts.c,
 * finding_unseen by the rules.
 */
#include "diagnose/rules.h"
#include "diagnose/source_words.h"

#include <stdio.h>
#include <string.h>

/* Does the stack lead through a function that a look fell on? A stack's parent comes before it. */
static void mark_looked_at(const struct profile *profile, bool *functions, bool *stacks)
{
    for (size_t i = 0; i < profile->n_operands; i++)
        functions[profile->frames[profile->operands[i].frame].function] = true;
    for (uint32_t i = 1; i < profile->n_stacks; i++)
        stacks[i] = stacks[profile->stacks[i].parent] || functions[profile->frames[profile->stacks[i].frame].function];
}

/* Looks are of whole recordings, and one of several processes may be of a Python that they are not known of: asked is
 * the one of the busiest thread. */
static int find_looks(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    uint32_t process = profile->threads[facts->busiest].process;
    bool *functions = mem_zalloc(profile->n_functions + 1, sizeof *functions);
    bool *stacks = mem_zalloc(profile->n_stacks + 1, sizeof *stacks);
    int rc = functions != NULL && stacks != NULL ? 0 : ERR_NOMEM;
    /* A thread that mostly waits computes too little to be looked at. */
    facts->looked_at = facts->busiest == 0 || facts->active < LIMIT_OF(HOT_LOOP, ACTIVE_MIN);
    if (rc == 0)
        mark_looked_at(profile, functions, stacks);
    for (size_t i = 0; rc == 0 && i < profile->samples.count && !facts->looked_at; i++)
        facts->looked_at = stacks[profile->samples.stack[i]] && sample_counts(profile, i) &&
                           profile->threads[profile->samples.thread[i]].process == process;
    mem_free(functions);
    mem_free(stacks);
    return rc;
}

int evidence_find(struct facts *facts)
{
    const struct profile *profile = facts->profile;
    const struct line_sum *line = facts->hottest;
    size_t length = 0;
    /* What is the library's need not be kept; own code is. */
    bool own = line != NULL && line->line != 0 && profile->function_own[line->function];
    facts->text_kept =
        own ? profile_source_line(profile, line->file, line->line, &length) != NULL : profile->n_sources > 0;
    facts->text_kept = facts->text_kept || facts->active < LIMIT_OF(HOT_LOOP, ACTIVE_MIN); /* nor is its text read */
    return find_looks(facts);
}

bool finding_unseen(const struct facts *facts, struct finding *finding, char *clause, size_t size)
{
    bool looks = facts->looked_at, text = facts->text_kept;
    if (looks && text)
        return false;
    if (!looks && facts->profile->whole != NULL && facts->profile->whole->n_operands > 0)
        finding_not_measured(finding, "what its lines work on: looks at it are of a whole recording, not of a part");
    else if (!looks)
        finding_not_measured(finding, "what its lines work on: no look saw it (--no-operands, Python before 3.8, "
                                      "a very short run)");
    if (!text)
        finding_not_measured(finding, "what its source text says: it was not kept (--no-source), or not found");
    finding->confidence *= looks || text ? LIMIT_OF(FLAT, UNSEEN) : LIMIT_OF(FLAT, UNSEEN) * LIMIT_OF(FLAT, UNSEEN);
    snprintf(clause, size, "%s",
             looks  ? "its source text was not kept"
             : text ? "nothing was seen of what its lines work on"
                    : "neither its source text nor what its lines work on was seen");
    return true;
}
