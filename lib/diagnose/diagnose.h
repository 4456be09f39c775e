/*
 * From a profile to an answer: ledger (shares of states with intervals), findings (rules over it, one table:
 * findings.def), verdict (the first finding's prescription in one sentence). Pure: no I/O, no clock.
 */
#ifndef KEISOKU_DIAGNOSE_H
#define KEISOKU_DIAGNOSE_H

#include "data/aggregate.h"
#include "diagnose/roles.h"

enum prescription {
    PRESCRIBE_NATIVE,
    PRESCRIBE_PARALLEL,
    PRESCRIBE_ALGORITHM,
    PRESCRIBE_ALREADY_NATIVE,
    PRESCRIBE_STOP,
    PRESCRIBE_INSUFFICIENT
};
const char *prescription_name(enum prescription prescription);

struct share {
    double share, low, high; /* 0–1; 95 % interval */
};

struct evidence {
    char measure[80]; /* "share of wall on this line" */
    double value, low, high;
    char unit[16]; /* "share", "s", "1", "cores" */
    bool interval; /* low and high are given */
};

enum { EVIDENCE_MAX = 8, NOT_MEASURED_MAX = 6 };

struct finding {
    const char *tag; /* of interface.md */
    enum prescription prescription;
    char sentence[256];                                   /* the headline: what to do and where */
    char action[256];                                     /* for a beginner: the next step */
    double confidence;                                    /* 0–1 */
    uint32_t function, file, line, line_first, line_last; /* ids and numbers; 0: no one place */
    struct evidence evidence[EVIDENCE_MAX];
    size_t n_evidence;
    double max_gain;                      /* at most that many times faster; 0: not given */
    const char *gain_law;                 /* "Amdahl", "overlap" …; "" */
    double scaled_gain;                   /* Gustafson: so many times the work in the same time; 0: not given */
    double predicted_low, predicted_high; /* 0: not given */
    char check_command[512];              /* for a shell, on one line */
    const char *not_measured[NOT_MEASURED_MAX];
    size_t n_not_measured;
    const char *next_tells; /* what another measurement would tell, which this recording has not; NULL: none is named */
    char next_command[640]; /* that one, for a shell, on one line */
};

/* Its gains are times less peak memory, not times faster. */
bool finding_gains_memory(const struct finding *finding);

/* What the trust line says, from the samples and the recorder's own report. */
struct trust {
    uint64_t samples;                      /* instants of a thread that were measured */
    uint64_t proved_by[READER_KIND_COUNT]; /* of them, by reader */
    uint64_t exact, unproved, no_stack;    /* sums of the above */
    uint64_t dropped;                      /* stacks that could not be read or proved; not among samples */
    uint64_t lost;                         /* everything else of the losses */
    double core_taken; /* our time on cores that the target wanted, as a share of a core's (or of its CPU) time */
    double reread_share;
    double unfollowed; /* of the CPU time of its Python processes: that of threads that were not followed */
    bool held_off;     /* we waited for a core for so long that this is why */
};

/* Who held the GIL while a thread waited for it: the thread and the function it was in ("": not known), by the function
 * id of the frame that says so. False for any other function. */
struct gil_holder {
    uint32_t function;
    struct share share; /* of the waiting thread's wall time */
};
bool holder_names(const struct profile *profile, uint32_t function, const char **thread, const char **inside);
enum { HOLDERS_MAX = 3 };

struct thread_ledger {
    uint32_t thread;
    struct gil_holder holders[HOLDERS_MAX]; /* waited for longest first */
    size_t n_holders;
    double wall_ns, cpu_ns; /* what its shares are of */
    struct share wall[STATE_COUNT], cpu[STATE_COUNT];
};

/* What waits of state `io` are for, in the order of io_kind_name. */
enum io_kind { IO_DISK, IO_NETWORK, IO_PIPE, IO_SUBPROCESS, IO_OTHER, IO_KIND_COUNT };
const char *io_kind_name(enum io_kind kind); /* "disk" …, "other": not known */

struct diagnosis {
    struct aggregate *aggregate;                      /* of the whole recording, idle workers left out */
    struct share wall[STATE_COUNT], cpu[STATE_COUNT]; /* sum of .share is 1 (0 when nothing was measured) */
    struct share io[IO_KIND_COUNT];                   /* of wall time; their sum is that of its state `io` */
    struct thread_ledger *threads;
    size_t n_threads;              /* those the shares are of */
    struct thread_role *roles;     /* by thread id */
    size_t aside;                  /* threads that nobody was seen to wait for: facts and findings leave them out */
    double cores_used, cores_free; /* averages over the recording */
    bool cores_measured;           /* cores_free is from the cores' own counters, not only from our use */
    struct trust trust;
    struct finding *findings; /* by rank; never empty */
    size_t n_findings;
};

/* How a file is named to a reader: from the program's working directory on, else its last two parts. */
const char *diagnosis_file(const struct profile *profile, uint32_t file);

int diagnose(const struct profile *profile, struct diagnosis **result);
void diagnosis_free(struct diagnosis *diagnosis);

#endif
