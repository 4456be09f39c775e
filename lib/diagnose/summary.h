/* A row of numbers in short. Pure. */
#ifndef KEISOKU_DIAGNOSE_SUMMARY_H
#define KEISOKU_DIAGNOSE_SUMMARY_H

#include <stddef.h>

struct summary {
    size_t n;
    double mean, sd; /* sd: of the sample, 0 for one number */
    double half;     /* half the width of the mean's 95 % interval (Student's t); 0 for one number */
    double least, most, median;
};

/* 0 or ERR_NOMEM. No numbers: all of it is 0. */
int summarise(const double *values, size_t n, struct summary *summary);

/* Student's t for a two-sided interval of 95 % (within 0.2 %). */
double student_t(size_t degrees);
/* The same for `many` intervals that hold together in 95 of 100 cases (Bonferroni), to eight digits. */
double student_t_of(size_t degrees, size_t many);

/* Orders numbers from the least on, and the quantile (0 to 1, between neighbours linearly) of ordered numbers. */
void sort_numbers(double *values, size_t n);
double quantile(const double *ordered, size_t n, double part);

#endif
