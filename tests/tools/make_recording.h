/* What the files of make-recording share. */
#ifndef KEISOKU_TESTS_MAKE_RECORDING_H
#define KEISOKU_TESTS_MAKE_RECORDING_H

#include "base/map.h"
#include "data/recording.h"

enum { WORDS_MAX = 4096, NAMED_MAX = 4096 };

struct timeline {
    struct thread thread;
    uint64_t now_ns;
};

struct maker {
    const char *description, *output;
    unsigned line;
    char *words[WORDS_MAX];
    int n_words;
    struct recording *recording;
    struct recording_info info;
    struct map names; /* "kind NAME" → id */
    struct timeline threads[NAMED_MAX];
    struct process processes[NAMED_MAX];
    uint64_t random, end_ns;
    double rate_hz;
    struct self_report self;
    bool unfinished;
};

extern struct maker maker;

/* Ends the program with a message about the current line. */
__attribute__((noreturn, format(printf, 1, 2))) void stop(const char *format, ...);
char *word(int i); /* of the line; stops when there is none */
double number(const char *text);
uint64_t nanoseconds(const char *text); /* of seconds */
const char *option(const char *key);    /* the value of KEY=… among the words; NULL when it is not there */
uint32_t named(const char *kind, const char *name);
struct recording *recording(void);

void do_during(void);
void do_sleep(void);
void do_counter(void);

#endif
