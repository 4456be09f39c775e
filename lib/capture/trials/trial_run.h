/*
 * Runs a program once and counts what it used (data/trial.h): nothing is sampled, nothing of it is touched.
 */
#ifndef KEISOKU_CAPTURE_TRIAL_RUN_H
#define KEISOKU_CAPTURE_TRIAL_RUN_H

#include "capture/program.h"
#include "data/trial.h"

#include "keisoku.h"

#include <stdio.h>

/* `streams`: what the program's three standard streams shall be, -1: ours; NULL: all ours. `watch` hears of the start
 * and the end (NULL: nobody). After an error (ERR_NOT_FOUND, ERR_NOT_EXECUTABLE …) the program did not run. */
int trial_run(const struct program *program, const int streams[3], const struct kei_watch *watch, struct trial *trial,
              struct err *err);
/* What it takes from the text of /proc/PID/io. For tests and fuzzers. */
void trial_read_io(FILE *file, struct trial *trial);

#endif
