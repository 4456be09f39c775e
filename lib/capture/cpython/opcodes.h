/*
 * What the instructions of a code object work on: for each instruction of interest where its operands lie, counted from
 * the frame's first local variable. A pass over the instructions follows the depth of the evaluation stack, from one
 * table of stack effects per minor (opcodes.inc, made by tools/generate-opcode-rows). Pure: bytes in, rows out; the
 * bytes are a target's and are trusted in nothing.
 */
#ifndef KEISOKU_CAPTURE_OPCODES_H
#define KEISOKU_CAPTURE_OPCODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, "text"). Those from ADD on are in the order of the interpreter's own list of binary operations. */
#define OPERATION_LIST(X)                                                                                              \
    X(NONE, "")                                                                                                        \
    X(IN, "in")                                                                                                        \
    X(COMPARE, "compare")                                                                                              \
    X(CALL, "call")                                                                                                    \
    X(ITERATE, "for")                                                                                                  \
    X(STORE, "[]=")                                                                                                    \
    X(ADD, "+")                                                                                                        \
    X(AND, "&")                                                                                                        \
    X(FLOOR_DIVIDE, "//")                                                                                              \
    X(LSHIFT, "<<")                                                                                                    \
    X(MATRIX_MULTIPLY, "@")                                                                                            \
    X(MULTIPLY, "*")                                                                                                   \
    X(REMAINDER, "%")                                                                                                  \
    X(OR, "|")                                                                                                         \
    X(POWER, "**")                                                                                                     \
    X(RSHIFT, ">>")                                                                                                    \
    X(SUBTRACT, "-")                                                                                                   \
    X(TRUE_DIVIDE, "/")                                                                                                \
    X(XOR, "^")                                                                                                        \
    X(INPLACE_ADD, "+=")                                                                                               \
    X(INPLACE_AND, "&=")                                                                                               \
    X(INPLACE_FLOOR_DIVIDE, "//=")                                                                                     \
    X(INPLACE_LSHIFT, "<<=")                                                                                           \
    X(INPLACE_MATRIX_MULTIPLY, "@=")                                                                                   \
    X(INPLACE_MULTIPLY, "*=")                                                                                          \
    X(INPLACE_REMAINDER, "%=")                                                                                         \
    X(INPLACE_OR, "|=")                                                                                                \
    X(INPLACE_POWER, "**=")                                                                                            \
    X(INPLACE_RSHIFT, ">>=")                                                                                           \
    X(INPLACE_SUBTRACT, "-=")                                                                                          \
    X(INPLACE_TRUE_DIVIDE, "/=")                                                                                       \
    X(INPLACE_XOR, "^=")                                                                                               \
    X(SUBSCRIPT, "[]")

enum operation {
#define X(name, text) OPERATION_##name,
    OPERATION_LIST(X)
#undef X
        OPERATION_COUNT,
    OPERATION_BINARY = OPERATION_COUNT /* of the table only: the argument says which */
};
const char *operation_text(enum operation operation);

enum { OPERANDS = 2, NO_SLOT = UINT16_MAX, INSTRUCTION_BYTES_MAX = 64 << 10 };

/* One instruction. slot 0: what is worked on (searched, extended, called on, iterated over); slot 1: what with (looked
 * for, added, first argument). */
struct operand_row {
    int32_t offset; /* bytes into the instructions; of its prefix too, where an interpreter may say that */
    uint16_t slot[OPERANDS];
    uint16_t method; /* slot 0 counts only if this one is not empty; NO_SLOT: it always counts */
    uint8_t operation;
};

/* Rows in order of offset, to be freed by the caller; the count, or a negative code. 0 where the version has no table.
 * `locals`: slots before the evaluation stack; `stack`: slots that it has. */
int operand_rows(int minor, const uint8_t *code, size_t size, uint32_t locals, uint32_t stack,
                 struct operand_row **rows);

/* What one instruction finds on the evaluation stack. */
struct operand_depth {
    uint32_t depth;          /* values on it, at most */
    uint16_t self, callable; /* slots: of a call, of what and what; else the top one and NO_SLOT */
};
/* Of the instruction that the offset lies in, or in whose caches. False: not known. */
bool operand_depth(int minor, const uint8_t *code, size_t size, uint32_t locals, uint32_t stack, int32_t offset,
                   struct operand_depth *found);

#endif
