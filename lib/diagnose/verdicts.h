/* What the rounds of a bench show: each variant's values, its ratio to the one it is compared with, what was unsteady,
 * and how it stands against earlier sessions and against what a recording predicted. Pure. */
#ifndef KEISOKU_DIAGNOSE_VERDICTS_H
#define KEISOKU_DIAGNOSE_VERDICTS_H

#include "data/baseline.h"
#include "diagnose/ratio.h"
#include "diagnose/summary.h"

struct variant_verdict {
    struct summary summary[BENCH_MEASURES];
    struct estimate value[BENCH_MEASURES]; /* 95 % */
    struct estimate ratio[BENCH_MEASURES]; /* to its reference; all ratios of one measure hold together in 95 of 100 */
    struct steadiness steadiness;          /* of the deciding measure */
    struct summary loops;                  /* snippets: seconds of one loop, of all values */
    /* --check */
    bool check_is_ratio;   /* the ratio to its reference was compared, not the value */
    size_t sessions;       /* that had this variant */
    struct estimate check; /* today by then */
};

/* A command that is compared with another at several combinations of parameters. */
struct mean_verdict {
    size_t number;                         /* of the command */
    size_t n;                              /* comparisons */
    struct estimate ratio[BENCH_MEASURES]; /* geometric mean; those of all commands hold together in 95 of 100 */
};

/* What a finding of a recording said that a change would gain. */
struct promise {
    const char *recording; /* NULL: not asked */
    uint32_t rank;         /* of the finding, from 1 */
    int measure;           /* index into bench_measures: what it is about */
    bool given;            /* it promises something */
    double low, high, most;
    bool kept;        /* what was achieved is in the recording now */
    const char *lost; /* why it is not; NULL: there was nothing to keep */
};

struct verdicts {
    const struct bench *bench;
    int measure;        /* index into bench_measures: what decides */
    bool claims;        /* false: a command failed, outputs differ or there are too few rounds */
    bool failed;        /* … one of the first two */
    size_t comparisons; /* variants that are compared with another */
    struct variant_verdict variants[BENCH_VARIANTS_MAX];
    struct mean_verdict means[BENCH_VARIANTS_MAX];
    size_t n_means;
    /* --check */
    size_t baselines;
    bool worse;
    struct promise promise; /* --from */
};

int verdicts_of(const struct bench *bench, int measure, const struct baseline *baselines, size_t n_baselines,
                struct verdicts *result);
/* Is a variant compared with another? */
bool verdicts_compared(const struct bench *bench, size_t variant);
/* Is that comparison one of those of which there is a mean? */
bool verdicts_in_mean(const struct bench *bench, size_t variant, size_t number);

#endif
