/* See compare_lines.h. */
#include "diagnose/compare_lines.h"
#include "diagnose/source_words.h"

#include <ctype.h>
#include <string.h>

struct source_text {
    const char *text; /* without the blanks around it; NULL: the recording does not have it */
    size_t length;
};

static struct source_text text_of(const struct profile *profile, uint32_t file, uint32_t line)
{
    struct source_text source = {0};
    source.text = source_line(profile, file, line, &source.length);
    while (source.length > 0 && isspace((unsigned char)source.text[0])) {
        source.text++;
        source.length--;
    }
    while (source.length > 0 && isspace((unsigned char)source.text[source.length - 1]))
        source.length--;
    return source;
}

/* Puts the line that is to be under the key there; *index is what is there then. */
static int put(struct map *map, const void *key, size_t size, uint32_t *index, bool *found)
{
    return map_put(map, key, size, *index, index, found);
}

static int put_text(struct line_matcher *matcher, uint32_t function, const struct source_text *source, uint32_t *index,
                    bool *found)
{
    buf_clear(&matcher->key);
    buf_add(&matcher->key, &function, sizeof function);
    buf_add(&matcher->key, source->text, source->length);
    if (matcher->key.failed)
        return ERR_NOMEM;
    return put(&matcher->by_text, matcher->key.data, matcher->key.size, index, found);
}

/* The line that this one is: one that is there, or the next, which is not there yet. */
static int match(struct line_matcher *matcher, const struct comparison *comparison, const struct line_at *at,
                 uint32_t distance, const struct source_text *source, uint32_t *index)
{
    uint32_t key[] = {at->function, distance}, next = (uint32_t)comparison->n_lines, there = next;
    bool found = false;
    int rc = 0;
    *index = next;
    if (source->text != NULL)
        rc = put_text(matcher, at->function, source, index, &found);
    if (rc != 0 || found)
        return rc;
    rc = put(&matcher->by_distance, key, sizeof key, &there, &found);
    if (rc == 0 && found && comparison->lines[there].last_run != at->run &&
        (source->text == NULL || comparison->lines[there].text == NULL))
        *index = there;
    return rc;
}

static void see_line(struct compare_line *line, const struct line_at *at, uint32_t number,
                     const struct source_text *source)
{
    line->last_run = at->run;
    line->line[at->side] = line->line[at->side] == 0 ? number : line->line[at->side];
    if (source->text != NULL && (line->text == NULL || at->side == SIDE_B)) {
        line->text = source->text;
        line->text_length = source->length;
    }
}

int compare_lines_add(struct line_matcher *matcher, struct comparison *comparison, const struct line_at *at,
                      const struct compare_time *time)
{
    const struct frame *place = &at->profile->frames[at->frame];
    const struct function *code = &at->profile->functions[place->function];
    uint32_t key[] = {at->run, at->function, place->line}, index;
    bool found = false;
    if (place->line == 0)
        return 0;
    if (!map_get(&matcher->known, key, sizeof key, &index)) {
        struct source_text source = text_of(at->profile, code->file, place->line);
        int rc = match(matcher, comparison, at, place->line - code->first_line, &source, &index);
        if (rc == 0)
            rc = put(&matcher->known, key, sizeof key, &index, &found);
        if (rc == 0)
            rc = mem_grow(&comparison->lines, &matcher->capacity, comparison->n_lines + 1, sizeof *comparison->lines);
        if (rc != 0)
            return rc;
        if (index == comparison->n_lines)
            comparison->lines[comparison->n_lines++] = (struct compare_line){.function = at->function};
        see_line(&comparison->lines[index], at, place->line, &source);
    }
    struct compare_time *sum = &comparison->lines[index].self_sums.now;
    sum->on_ns += time->on_ns;
    sum->off_ns += time->off_ns;
    sum->ticks += time->ticks;
    return 0;
}

void compare_lines_release(struct line_matcher *matcher)
{
    map_release(&matcher->by_text);
    map_release(&matcher->by_distance);
    map_release(&matcher->known);
    buf_release(&matcher->key);
}
