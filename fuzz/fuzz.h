/* What every fuzzer here defines; libFuzzer calls them. */
#ifndef KEISOKU_FUZZ_H
#define KEISOKU_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((visibility("default"))) int LLVMFuzzerInitialize(int *argc, char ***argv);

/* A property that must hold whatever the input is. */
#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

#endif
