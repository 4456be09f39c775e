/*
 * Code that the interpreter's own compiler (JIT) made at run time: it lies in memory without a file, and runs a Python
 * function's instructions in the loop's place. Called by the writer, off any timed path, about addresses that no file
 * explains. The process is hostile input, and may be gone.
 */
#ifndef KEISOKU_CAPTURE_MADE_CODE_H
#define KEISOKU_CAPTURE_MADE_CODE_H

#include "capture/cpython/python.h"
#include "capture/target/proc.h"

/* Was that compiler switched on when the program was started? By its environment, for no build makes it the default. */
bool made_code_switched_on(pid_t pid, const struct python_info *info);

/* Does the mapping hold such code, where the compiler is on? Not told (false) where a library that makes code of its
 * own (LLVM's, by Numba) is loaded too, unless the kernel has the mapping's name (CONFIG_ANON_VMA_NAME, 3.15). */
bool made_code_has(const struct proc_maps *maps, const struct proc_map *map);

#endif
