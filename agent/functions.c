/* See functions.h. All of it runs with the GIL held, or, where there is none, under the segment's lock or by locked
 * instructions. */
#include "functions.h"

#include "plain.h"
#include "segment.h"
#include "sets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
    CODE_VARIABLE = 4, /* flags of code objects: *args, **kwargs, */
    CODE_KEYWORDS = 8,
    CODE_FUNCTION = 3,      /* no module or class */
    CODE_PIECEWISE = 0x2a0, /* generators and coroutines */
    OFFSET_MAX = 1 << 16    /* in a thread's state or a frame */
};

struct wire_agent_layout layout;
bool hashing;

static bool threaded;  /* there is no GIL */
static bool counting;  /* calls are counted */
static intptr_t extra; /* our place in code objects */

/* ---- rows ----------------------------------------------------------------------------------------------------------
 */

long number_of(struct object *owner, const char *name)
{
    struct object *value = python.get_attribute(owner, name);
    long number = value != NULL ? python.as_long(value) : 0;
    python.decref(value);
    return value != NULL ? number : 0;
}

static struct object *text_of(struct object *code, const char *name, const char **text, intptr_t *length)
{
    struct object *value = python.get_attribute(code, name);
    *text = value != NULL ? python.as_text(value, length) : NULL;
    python.clear_error();
    if (*text == NULL) /* of surrogates: there is no such text in UTF-8 */
        *text = "?", *length = 1;
    return value;
}

static uint32_t traits_of(struct object *code)
{
    long flags = number_of(code, "co_flags");
    long arguments = number_of(code, "co_argcount") + number_of(code, "co_kwonlyargcount") +
                     ((flags & CODE_VARIABLE) != 0) + ((flags & CODE_KEYWORDS) != 0);
    struct object *shared = python.get_attribute(code, "co_freevars");
    bool closed =
        shared == NULL || python.tuple_size(shared) == 0; /* else its arguments are not all that it works on */
    python.decref(shared);
    if ((flags & CODE_PIECEWISE) != 0)
        return TRAIT_PIECEWISE;
    return hashing && closed && (flags & CODE_FUNCTION) == CODE_FUNCTION && arguments < TRAIT_HASHED
               ? TRAIT_HASHED | (uint32_t)arguments
               : 0;
}

/* [hook] The first call of a code object; an exception on its way is not disturbed. */
static struct wire_call_row *first_call(struct object *code)
{
    struct object *error[3] = {NULL, NULL, NULL};
    const char *file = "?", *name = "?";
    intptr_t file_length = 1, name_length = 1;
    int number = errno;
    segment_at_work++;
    python.fetch_error(&error[0], &error[1], &error[2]);
    struct object *file_object = text_of(code, "co_filename", &file, &file_length);
    struct object *name_object = text_of(code, "co_qualname", &name, &name_length);
    if (name_object == NULL)
        name_object = text_of(code, "co_name", &name, &name_length);
    uint32_t first_line = (uint32_t)number_of(code, "co_firstlineno"), traits = traits_of(code);
    if (threaded)
        segment_lock();
    struct wire_call_row *row = segment_add(file, (size_t)file_length, name, (size_t)name_length, first_line);
    if (row != segment->rows)
        row->traits = traits;
    if (threaded)
        segment_unlock();
    python.set_extra(code, extra, row);
    python.decref(file_object);
    python.decref(name_object);
    python.clear_error();
    python.restore_error(error[0], error[1], error[2]);
    segment_at_work--;
    errno = number;
    return row;
}

struct wire_call_row *row_of(struct object *code)
{
    void *row = NULL;
    python.get_extra(code, extra, &row);
    return row != NULL ? row : first_call(code);
}

/* Is there such a text in UTF-8? To ask for one that there is not makes an exception. */
static bool has_utf8(struct object *value)
{
    for (intptr_t i = python.text_length(value) - 1; i >= 0; i--) {
        uint32_t letter = python.text_at(value, i);
        if (letter >= 0xd800 && letter < 0xe000)
            return false;
    }
    return true;
}

/* As text_of, without a reference of its own. */
static void read_text(struct object *value, const char **text, intptr_t *length)
{
    *text = has_utf8(value) ? python.as_text(value, length) : NULL;
    if (*text == NULL)
        *text = "?", *length = 1;
}

struct wire_call_row *row_read(struct object *code)
{
    void *row = NULL;
    python.get_extra(code, extra, &row);
    if (row != NULL)
        return row;
    struct object *file = pointer_at((char *)code + layout.code_filename);
    struct object *name = pointer_at((char *)code + layout.code_name);
    if (file == name) /* the helper's are, both "__init__" */
        return NULL;
    if (layout.code_qualname != WIRE_AGENT_NONE)
        name = pointer_at((char *)code + layout.code_qualname);
    struct object *error[3] = {NULL, NULL, NULL};
    const char *file_text, *name_text;
    intptr_t file_length = 1, name_length = 1;
    int32_t first_line;
    memcpy(&first_line, (char *)code + layout.code_firstlineno, sizeof first_line);
    python.fetch_error(&error[0], &error[1], &error[2]);
    read_text(file, &file_text, &file_length);
    read_text(name, &name_text, &name_length);
    if (threaded)
        segment_lock();
    row = segment_add(file_text, (size_t)file_length, name_text, (size_t)name_length, (uint32_t)first_line);
    if (threaded)
        segment_unlock();
    if (!counting) /* else the first call is to find out more */
        python.set_extra(code, extra, row);
    python.clear_error();
    python.restore_error(error[0], error[1], error[2]);
    return row;
}

void count_call(struct wire_call_row *row)
{
    if (threaded)
        __atomic_fetch_add(&row->calls, 1, __ATOMIC_RELAXED);
    else
        row->calls++;
}

/* ---- arguments -----------------------------------------------------------------------------------------------------
 */

/* What a closure shares with its function lies in a cell. */
static bool hash_cell(struct object *cell, uint64_t *hash)
{
    struct object *value = python.cell_get(cell);
    bool plain = value != NULL && plain_hash(value, layout.object_type, hash);
    python.decref(value);
    return plain;
}

bool hash_arguments(const char *frame, const struct wire_call_row *row, uint64_t *hash)
{
    *hash = plain_mix(0, (uintptr_t)row);
    for (uint32_t i = 0; i < (row->traits & (TRAIT_HASHED - 1)); i++) {
        uintptr_t word = (uintptr_t)pointer_at(frame + layout.frame_locals + i * sizeof(void *));
        struct object *value = (struct object *)(word & ~layout.tag_mask);
        if (value == NULL)
            return false;
        bool cell = pointer_at((char *)value + layout.object_type) == python.of.cell;
        if (cell ? !hash_cell(value, hash) : !plain_hash(value, layout.object_type, hash))
            return false;
    }
    return true;
}

void came_back(struct wire_call_row *row, uint64_t arguments, struct object *result)
{
    uint64_t hash = 0;
    bool plain = plain_hash(result, layout.object_type, &hash);
    row->told++;
    row->gave_none += result == python.of.none;
    sets_add(row, arguments, plain, hash);
}

/* ---- beginning -----------------------------------------------------------------------------------------------------
 */

static bool read_layout(const char *directory)
{
    char path[512];
    snprintf(path, sizeof path, "%s/" WIRE_AGENT_LAYOUTS, directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = pread(fd, &layout, sizeof layout, python.minor * (off_t)sizeof layout);
    close(fd);
    return got == (ssize_t)sizeof layout && layout.known != 0 && python.minor < WIRE_AGENT_MINORS;
}

static bool find_words(uint32_t *const *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = UINT64_MAX;
        if (*fields[i] != WIRE_AGENT_NONE)
            memcpy(&value, (char *)python.runtime + (size_t)*fields[i] * sizeof value, sizeof value);
        if (value > OFFSET_MAX)
            return false;
        *fields[i] = (uint32_t)value;
    }
    return true;
}

/* Are objects as the layout says? A build for debugging may have longer heads, in frames too. */
static bool heads_fit(void)
{
    return python.of.type != NULL && python.of.integer != NULL &&
           pointer_at((char *)python.of.integer + layout.object_type) == python.of.type;
}

bool functions_begin(const char *directory, bool calls, bool hashes, bool only)
{
    counting = calls;
    threaded = strstr(python.version(), "free-threading") != NULL; /* where nothing of an object is read */
    if (!read_layout(directory))
        return false;
    uint32_t *const fields[] = {&layout.thread_frame, &layout.frame_locals,      &layout.frame_previous,
                                &layout.frame_owner,  &layout.frame_code,        &layout.frame_ip,
                                &layout.object_type,  &layout.code_instructions, &layout.code_filename,
                                &layout.code_name,    &layout.code_qualname,     &layout.code_firstlineno};
    bool placed = layout.words == 0 || (python.runtime != NULL && find_words(fields, sizeof fields / sizeof *fields));
    if (placed && !heads_fit())
        return false;
    uint32_t *const copies[] = {&layout.frame_tlbc_index, &layout.code_tlbc};
    if (!threaded || layout.words == 0 || !find_words(copies, sizeof copies / sizeof *copies))
        layout.frame_tlbc_index = layout.code_tlbc = WIRE_AGENT_NONE;
    layout.known = placed;
    hashing = hashes && placed && !threaded && sets_open() == 0;
    extra = python.new_extra(NULL);
    return extra >= 0 && segment_open(directory, hashing, only) == 0;
}
