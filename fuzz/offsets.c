/* The debug-offset table of a hostile target. What is accepted must keep the bounds that the walkers rely on. */
#include "capture/cpython/offsets.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[OFFSETS_BYTES_MAX] = OFFSETS_COOKIE;
    struct offset_head head;
    struct layout layout;
    size_t room = sizeof(bytes) - 8, taken = size < room ? size : room;
    memcpy(bytes + 8, data, taken);
    if (!offsets_parse_head(bytes, taken + 8, &head) || !offsets_parse(bytes, taken + 8, &head, &layout))
        return 0;
    if (layout.frame_size > 4096 || layout.frame_ip >= layout.frame_size || layout.code_name >= layout.code_size ||
        layout.thread_frame >= layout.thread_size || layout.str_ascii_size > 128)
        __builtin_trap();
    return 0;
}
