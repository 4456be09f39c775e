/*
 * The ledger of parts of a recording: of each process, of stretches of its time, of one function or line, of threads
 * over time. Shares are as in ledger.h, each with the sampling error of its own part.
 */
#ifndef KEISOKU_DIAGNOSE_LEDGER_PARTS_H
#define KEISOKU_DIAGNOSE_LEDGER_PARTS_H

#include "diagnose/diagnose.h"

struct ledger_part {
    uint32_t process;        /* 0: of a stretch */
    uint64_t from_ns, to_ns; /* of it */
    double wall_ns, cpu_ns;  /* what its shares are of */
    struct share wall[STATE_COUNT], cpu[STATE_COUNT];
};

enum { LEDGER_WINDOWS_MAX = 20 };

/* Those of processes with any time, or of equal stretches of a second or more, in order; idle workers left out. The
 * caller frees *parts. 0 or ERR_NOMEM. */
int ledger_of_processes(const struct profile *profile, struct ledger_part **parts, size_t *n);
int ledger_of_windows(const struct profile *profile, struct ledger_part **parts, size_t *n);

/* The time in each state, ns, of `rows` groups of threads in each of `columns` equal stretches: cells[row * columns +
 * column][state]. row_of[thread id]: its group; rows and more: in none. The caller frees *cells. 0 or ERR_NOMEM. */
int ledger_of_cells(const struct profile *profile, const uint32_t *row_of, size_t rows, size_t columns,
                    double (**cells)[STATE_COUNT]);

/* States of the own time of a function or a line, wall or CPU, given by state with its samples. */
void ledger_of_own(const double state_ns[STATE_COUNT], const uint64_t state_ticks[STATE_COUNT],
                   struct share states[STATE_COUNT]);
/* The own time of a function or a line, given by state, as a share of all that is in the aggregate. */
struct share ledger_own_share(const struct aggregate *aggregate, const double state_ns[STATE_COUNT]);

#endif
