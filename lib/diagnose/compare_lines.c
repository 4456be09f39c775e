/* See compare_lines.h. */
#include "diagnose/compare_lines.h"

#include <ctype.h>
#include <string.h>

struct source_text {
    const char *text; /* without the blanks around it; NULL: the recording does not have it */
    size_t length;
};

static struct source_text text_of(const struct profile *profile, uint32_t file, uint32_t line)
{
    struct source_text source = {0};
    source.text = profile_source_line(profile, file, line, &source.length);
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
static int match(struct line_matcher *matcher, struct comparison *comparison, int side, uint32_t function,
                 uint32_t distance, const struct source_text *source, uint32_t *index)
{
    uint32_t key[] = {function, distance}, next = (uint32_t)comparison->n_lines;
    bool found = false;
    int rc = 0;
    *index = next;
    if (source->text != NULL)
        rc = put_text(matcher, function, source, index, &found);
    if (rc != 0 || found)
        return rc;
    if (side == SIDE_A) {
        uint32_t first = next;
        return put(&matcher->by_distance, key, sizeof key, &first, &found);
    }
    uint32_t there;
    if (map_get(&matcher->by_distance, key, sizeof key, &there) &&
        (source->text == NULL || comparison->lines[there].text == NULL) && comparison->lines[there].line[side] == 0)
        *index = there;
    return 0;
}

int compare_lines_add(struct line_matcher *matcher, struct comparison *comparison, int side, uint32_t function,
                      uint32_t frame, const struct compare_time *time)
{
    const struct profile *profile = comparison->profile[side];
    const struct frame *place = &profile->frames[frame];
    const struct function *code = &profile->functions[place->function];
    uint32_t key[] = {(uint32_t)side, function, place->line}, index;
    bool found = false;
    if (place->line == 0)
        return 0;
    if (!map_get(&matcher->known, key, sizeof key, &index)) {
        struct source_text source = text_of(profile, code->file, place->line);
        int rc = match(matcher, comparison, side, function, place->line - code->first_line, &source, &index);
        if (rc == 0)
            rc = put(&matcher->known, key, sizeof key, &index, &found);
        if (rc == 0)
            rc = mem_grow(&comparison->lines, &matcher->capacity, comparison->n_lines + 1, sizeof *comparison->lines);
        if (rc != 0)
            return rc;
        if (index == comparison->n_lines)
            comparison->lines[comparison->n_lines++] = (struct compare_line){.function = function};
        struct compare_line *line = &comparison->lines[index];
        line->line[side] = line->line[side] == 0 ? place->line : line->line[side];
        if (line->text == NULL || side == SIDE_B) {
            line->text = source.text != NULL ? source.text : line->text;
            line->text_length = source.text != NULL ? source.length : line->text_length;
        }
    }
    struct compare_time *sum = &comparison->lines[index].self_time[side];
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
