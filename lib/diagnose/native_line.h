/* What compiled code a line of Python runs, as instruction pointers tell: an extension module (Cython, mypyc, Rust, C)
 * has no line of its own in a stack, so that the line that called it looks like slow Python. For the screen and for
 * findings. Pure. */
#ifndef KEISOKU_DIAGNOSE_NATIVE_LINE_H
#define KEISOKU_DIAGNOSE_NATIVE_LINE_H

#include "data/profile.h"

struct buf;

struct native_line {
    double cpu_ns, runtime_ns; /* of the line; of it in the interpreter's runtime */
    uint32_t module; /* string id: file of the module or library with most of it, the C library aside; 0: none */
    double module_ns;
};
/* Of the samples whose innermost Python frame is on that line. */
struct native_line native_line_of(const struct profile *profile, uint32_t file, uint32_t line);
/* Of the kernel's CPU time on that line, and the native function that most of it was for: the one that Python called,
 * the C library's own only where there is no other. Function 0: native stacks were not recorded (--native). */
struct native_asker {
    uint32_t function;
    double cpu_ns, kernel_ns;
};
struct native_asker native_asker_of(const struct profile *profile, uint32_t file, uint32_t line);
/* Appends "compiled: tomli._parser 24 %, runtime 70 % of its CPU time". Nothing where there is too little of it. */
void native_line_words(const struct profile *profile, uint32_t file, uint32_t line, struct buf *out);

#endif
