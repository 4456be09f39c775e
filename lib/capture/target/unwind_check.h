/*
 * Whether a file's tables for unwinding may be given to libdw. It makes room for every register that a rule names, up
 * to 2 GB of them, and a copy of all at each state that is to be remembered: a file can have it take all memory. So
 * each entry is looked at beforehand, and that what leads to entries leads to these. Not on any timed path: some 7 ms
 * for 1 MB, once for a file.
 */
#ifndef KEISOKU_CAPTURE_UNWIND_CHECK_H
#define KEISOKU_CAPTURE_UNWIND_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNWIND_REGISTER_MOST = 1024, UNWIND_REMEMBERED_MOST = 64 };

/* Instructions of one entry: no register number is above the most, nor more states remembered at a time; what libdw
 * would stop at ends them too. */
bool unwind_rules_bounded(const uint8_t *at, size_t size);

/* .eh_frame, and with it .eh_frame_hdr where the file has one. False: a number is too large, or an entry begins where
 * none is. */
struct Elf;
bool unwind_tables_bounded(struct Elf *elf);

#endif
