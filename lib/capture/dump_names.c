/*
 * Names of frames for a dump. Threads of one program run the same functions: a code object is copied once, and known
 * again by its address and the checksum that detects reuse, which one call reads for a whole stack.
 */
#include "base/map.h"
#include "capture/dump_private.h"

struct dump_code {
    struct python_code code;
    const char *function, *file;
    bool located; /* `line` is that of the instruction at `offset` */
    int32_t offset;
    uint32_t line;
};

struct code_key {
    uint64_t address, checksum;
};

enum { STILL = 1 }; /* for the checksum where no address is used again meanwhile */

/* NULL when what lies there is no code object, or memory is short. */
static struct dump_code *find(struct dumper *d, uint64_t address, uint64_t checksum)
{
    struct code_key key = {address, checksum};
    uint32_t at;
    if (checksum == 0)
        return NULL;
    if (map_get(&d->known, &key, sizeof key, &at))
        return &d->codes[at];
    bool found;
    struct dump_code made = {.located = false};
    buf_clear(&d->copy);
    if (python_code_copy(d->python, address, &d->copy) != 0 ||
        python_code_resolve(d->python, &d->copy, &made.code) != 0)
        return NULL;
    made.function = dump_keep(d, made.code.qualname);
    made.file = dump_keep(d, made.code.file);
    if (made.function == NULL || made.file == NULL ||
        mem_grow(&d->codes, &d->codes_capacity, d->n_codes + 1, sizeof *d->codes) != 0 ||
        map_put(&d->known, &key, sizeof key, (uint32_t)d->n_codes, &at, &found) != 0) {
        python_code_release(&made.code);
        return NULL;
    }
    d->codes[d->n_codes++] = made;
    return &d->codes[at];
}

/* Threads that wait stand at the same instructions. */
static uint32_t line_of(struct dump_code *code, int32_t offset)
{
    if (!code->located || code->offset != offset)
        code->line = python_code_line(&code->code, offset);
    code->located = true;
    code->offset = offset;
    return code->line;
}

void dump_name_frames(struct dumper *d, struct dump_thread *thread)
{
    uint32_t depth = d->stack.depth;
    uint64_t *sums = mem_zalloc((size_t)depth * 2 + 1, sizeof *sums), *codes = sums + depth;
    thread->frames = arena_alloc(&d->dump->arena, depth * sizeof *thread->frames);
    if (sums == NULL || thread->frames == NULL) {
        mem_free(sums);
        thread->proved = false;
        return;
    }
    for (uint32_t i = 0; i < depth; i++)
        codes[i] = d->stack.frames[i].code;
    d->in_coroutine = false;
    bool read = d->still || python_code_checksums(d->python, codes, depth, sums);
    for (uint32_t i = 0; i < depth; i++) {
        struct dump_code *code = read ? find(d, codes[i], d->still ? STILL : sums[i]) : NULL;
        if (code == NULL)
            thread->proved = false; /* what lies there is no code object */
        d->in_coroutine = d->in_coroutine || (code != NULL && code->code.coroutine);
        thread->frames[thread->n_frames++] =
            code == NULL ? (struct dump_frame){.function = "?", .file = "?"}
                         : (struct dump_frame){.function = code->function,
                                               .file = code->file,
                                               .line = line_of(code, d->stack.frames[i].offset)};
    }
    mem_free(sums);
}

void dump_names_release(struct dumper *d)
{
    for (size_t i = 0; i < d->n_codes; i++)
        python_code_release(&d->codes[i].code);
    mem_free(d->codes);
    d->codes = NULL;
    d->n_codes = d->codes_capacity = 0;
    map_release(&d->known);
    buf_release(&d->copy);
}
