/* Shared by the files of the data room's test program. Each *_tests runs one group and returns how many failed. */
#ifndef KEISOKU_TESTS_DATA_TESTS_H
#define KEISOKU_TESTS_DATA_TESTS_H

#include "data/aggregate.h"
#include "data/part.h"
#include "synthetic.h"

#include <sys/stat.h>

int profile_tests(void);
int crash_tests(void);
int hostile_tests(void);
int weight_tests(void);
int merge_tests(void);
int window_tests(void);
int recall_tests(void);
int pool_tests(void);

extern char directory[64];             /* where the tests' files go; removed at the end */
const char *path_of(const char *name); /* in it; the last four answers stay valid */
struct profile *load(const char *path);
/* Writes a whole synthetic recording and loads it; its size goes to *size unless NULL. */
struct profile *make(struct synthetic *synthetic, const char *name, off_t *size);
void assert_close(double a, double b, double relative);
/* Loading fails with this code and a one-line message that names the file. */
void assert_load_fails(const char *path, int code);
size_t count_ticks_of(const struct profile *profile);

#endif
