/*
 * A small shared object, made here: a table of exported symbols with its hash, a full one, code of no meaning, and
 * tables for unwinding as given. For the fuzzers of what reads such files; in the file everything lies at its address.
 */
#ifndef KEISOKU_FUZZ_IMAGE_H
#define KEISOKU_FUZZ_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum {
    IMAGE_TEXT = 0x400, /* where its code lies, and how long it is */
    IMAGE_TEXT_BYTES = 0x400,
    IMAGE_FRAMES = 0x800, /* .eh_frame, and what fits there */
    IMAGE_FRAMES_MAX = 0x800,
    IMAGE_BYTES = 0x2000
};

/* Exported: `known` at IMAGE_TEXT + 16; in the full table only: `work` at IMAGE_TEXT + 64, 32 bytes. */
void image_make(uint8_t image[IMAGE_BYTES], const uint8_t *frames, size_t size);

/* A file in memory of these bytes, opened again for each call with the same number; its inode goes to *inode, and under
 * `path` every process of ours finds it. */
void image_publish(const uint8_t *bytes, size_t size, char path[64], uint64_t *inode);

#endif
