/*
 * One run of a program, from its start to its end, without sampling: what it used as the kernel counted it. A measure
 * that this machine cannot give has no value, which is not zero.
 */
#ifndef KEISOKU_DATA_TRIAL_H
#define KEISOKU_DATA_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum measure {
#define MEASURE(name, text, label, unit, source) MEASURE_##name,
#include "data/measures.def"
#undef MEASURE
    MEASURE_COUNT
};

enum measure_unit { UNIT_SECONDS, UNIT_BYTES, UNIT_COUNT, UNIT_RATIO };
enum measure_source { SOURCE_CLOCK, SOURCE_RUSAGE, SOURCE_PROC_IO, SOURCE_SOFTWARE, SOURCE_HARDWARE };

/* Why there is no value. */
enum measure_status { MEASURE_KNOWN, MEASURE_NOT_SUPPORTED, MEASURE_NOT_PERMITTED, MEASURE_NOT_COUNTED };

struct measure_row {
    const char *name, *label;
    enum measure_unit unit;
    enum measure_source source;
};
extern const struct measure_row measure_rows[MEASURE_COUNT];
const char *measure_status_text(enum measure_status status); /* "not supported here" */

struct trial {
    int wait_status; /* as waitpid(2) gives it */
    double values[MEASURE_COUNT];
    uint8_t status[MEASURE_COUNT]; /* enum measure_status */
    double counted[MEASURE_COUNT]; /* hardware: share of the time the counter ran; the value is scaled to all of it */
    bool user_only[MEASURE_COUNT]; /* hardware: the kernel's part was not permitted */
};

/* The exit status as a shell gives it: 128+N for a signal. */
int trial_exit_status(int wait_status);

#endif
