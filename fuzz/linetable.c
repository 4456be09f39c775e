/* Line tables of all formats: byte 0 chooses the format, the rest is the table; every offset asked for must end. */
#include "capture/cpython/layout.h"
#include "capture/cpython/python.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct python_code code = {.first_line = data[1] * 1000003u,
                               .lines = (uint8_t *)(uintptr_t)(data + 1),
                               .lines_size = size - 1,
                               .line_format = data[0] % LINE_FORMATS};
    static const int32_t offsets[] = {-1, 0, 2, 100, 65536, INT32_MAX};
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        struct python_position at;
        if (python_code_position(&code, offsets[i], &at) && (at.line > INT32_MAX || at.end_line < at.line))
            __builtin_trap();
        if (python_code_line(&code, offsets[i]) > INT32_MAX)
            __builtin_trap();
    }
    return 0;
}
