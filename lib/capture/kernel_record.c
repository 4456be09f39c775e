#include "capture/kernel_record.h"

static bool give_code(const struct kernel_taker *taker, const struct wire_code *code, size_t size)
{
    if (taker->code == NULL || size < sizeof *code || size - sizeof *code < code->table_bytes)
        return false;
    taker->code(taker->context, code, (const void *)(code + 1));
    return true;
}

static bool give_sample(const struct kernel_taker *taker, const struct wire_sample *sample, size_t size)
{
    if (size < sizeof *sample || (size - sizeof *sample) / sizeof(struct wire_frame) < sample->depth)
        return false;
    taker->sample(taker->context, sample, (const void *)(sample + 1));
    return true;
}

/* Those of one length. */
#define GIVE(name)                                                                                                     \
    do {                                                                                                               \
        if (taker->name == NULL || size < sizeof(struct wire_##name))                                                  \
            return false;                                                                                              \
        taker->name(taker->context, data);                                                                             \
        return true;                                                                                                   \
    } while (0)

bool kernel_record_give(const struct kernel_taker *taker, const void *data, size_t size)
{
    const uint32_t *kind = data; /* every record begins with it */
    if (size < sizeof *kind)
        return false;
    switch (*kind) {
    case WIRE_SAMPLE:
        return give_sample(taker, data, size);
    case WIRE_CODE:
        return give_code(taker, data, size);
    case WIRE_WAITED:
        GIVE(waited);
    case WIRE_DELAYED:
        GIVE(delayed);
    case WIRE_NATIVE:
        GIVE(native);
    case WIRE_TASK:
        GIVE(task);
    case WIRE_OPERANDS_OF:
        GIVE(operands);
    default:
        return false;
    }
}
