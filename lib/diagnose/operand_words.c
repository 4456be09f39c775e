#include "diagnose/operand_words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKS_LEAST = 5 };

static void print_items(double items, char *out, size_t size)
{
    if (items >= 1e6)
        snprintf(out, size, "%.0f %03.0f 000", floor(items / 1e6), floor(fmod(items, 1e6) / 1e3));
    else if (items >= 1e4)
        snprintf(out, size, "%.0f %03.0f", floor(items / 1e3), fmod(floor(items), 1e3));
    else
        snprintf(out, size, "%.0f", floor(items));
}

/* "100000 x 5" as "100 000 x 5". */
static void print_shape(const char *shape, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    while (*shape != '\0' && used < size) {
        size_t length = strspn(shape, "0123456789");
        char number[32] = "";
        if (length > 0 && length < 16) {
            print_items(strtod(shape, NULL), number, sizeof number);
        } else {
            length = length > 0 ? length : 1;
            snprintf(number, sizeof number, "%.*s", (int)(length < 31 ? length : 31), shape);
        }
        int n = snprintf(out + used, size - used, "%s", number);
        used += n > 0 ? (size_t)n : size;
        shape += length;
    }
}

const char *operand_type_words(const struct line_operand *operand)
{
    static const char *const iterators[][2] = {{"list_iterator", "list"}, {"tuple_iterator", "tuple"}};
    for (size_t i = 0; operand->sized > 0 && i < sizeof iterators / sizeof iterators[0]; i++) {
        if (strcmp(operand->type, iterators[i][0]) == 0)
            return iterators[i][1]; /* what it goes over */
    }
    return strcmp(operand->type, "numpy.ndarray") == 0 ? "array" : operand->type;
}

void operand_describe(const struct line_operand *operand, char *out, size_t size)
{
    const char *type = operand_type_words(operand);
    const char *article = *type != '\0' && strchr("aeioAEIO", *type) != NULL ? "an" : "a";
    const char *about = operand->most > operand->least ? "about " : "";
    const char *rows = strcmp(type, "DataFrame") == 0 ? " rows" : "";
    char number[32], shape[64] = "";
    print_items(operand->mean, number, sizeof number);
    if (operand->shape != NULL)
        print_shape(operand->shape, shape, sizeof shape);
    if (operand->sized == 0)
        snprintf(out, size, "%s %.40s", article, type);
    else if (operand->shape != NULL && operand->most == operand->least)
        snprintf(out, size, "%s %.40s of %s", article, type, shape);
    else if (strcmp(type, "bytes") == 0)
        snprintf(out, size, "%s%s bytes", about, number);
    else
        snprintf(out, size, "%s %.40s of %s%s%s", article, type, about, number, rows);
}

/* The operation of a line that most looks saw, and the looks at all of them. */
static const char *main_operation(const struct profile *profile, uint32_t file, uint32_t line, uint64_t *looks)
{
    const char *found = NULL;
    uint64_t most = 0;
    *looks = 0;
    for (size_t i = 0; i < profile->n_operands; i++) {
        const struct operand *one = &profile->operands[i];
        const struct frame *frame = &profile->frames[one->frame];
        const char *operation = profile->strings[one->operation];
        struct line_operand all;
        if (frame->line != line || profile->functions[frame->function].file != file || one->slot != 0)
            continue;
        *looks += one->looks;
        profile_line_operand(profile, file, line, operation, 0, &all);
        if (all.looks > most) {
            most = all.looks;
            found = operation;
        }
    }
    return found;
}

void lock_holder_place(const struct profile *profile, const struct line_holder *holder, char *out, size_t size)
{
    const struct function *function = &profile->functions[holder->function];
    const char *name = profile->strings[function->name], *dot = strrchr(name, '.');
    const char *file = profile->strings[function->file], *slash = strrchr(file, '/');
    snprintf(out, size, "`%.40s` at %.40s:%u", dot != NULL && dot[1] != '\0' ? dot + 1 : name,
             slash != NULL ? slash + 1 : file, holder->line);
}

/* Who holds the lock that the line waits for. */
static void holder_words(const struct profile *profile, uint32_t file, uint32_t line, struct buf *out)
{
    struct line_holder holder;
    if (!profile_line_holder(profile, file, line, &holder) || holder.looks < LOOKS_LEAST)
        return;
    char place[160];
    lock_holder_place(profile, &holder, place, sizeof place);
    buf_printf(out, "lock held by %s (%.0f %% of %llu looks)", place,
               floor(100 * (double)holder.held / (double)holder.looks), (unsigned long long)holder.looks);
}

void operand_words(const struct profile *profile, uint32_t file, uint32_t line, struct buf *out)
{
    struct line_operand operand;
    uint64_t looks;
    char what[160];
    const char *operation = main_operation(profile, file, line, &looks);
    if (operation == NULL || looks < LOOKS_LEAST ||
        !profile_line_operand(profile, file, line, operation, 0, &operand)) {
        holder_words(profile, file, line, out);
        return;
    }
    operand_describe(&operand, what, sizeof what);
    buf_printf(out, "`%s` on %s (%.0f %% of %llu looks)", operation, what,
               floor(100 * (double)operand.type_looks / (double)looks), (unsigned long long)looks);
}
