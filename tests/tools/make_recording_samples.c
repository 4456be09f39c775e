/* The statements of make-recording that add samples and counters. */
#include "make_recording.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double uniform(void)
{
    maker.random = maker.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(maker.random >> 11) + 0.5) / 9007199254740992.0;
}

struct kind {
    double share;
    enum state state;
    uint32_t stack;
};

static struct kind parse_kind(char *text)
{
    struct kind kind = {.share = 1};
    char *percent = strchr(text, '%'), *at = strchr(text, '@');
    if (at == NULL)
        stop("%s: STATE@STACK is wanted", text);
    if (percent != NULL && percent < at) {
        *percent = '\0';
        kind.share = number(text);
        text = percent + 1;
    }
    *at = '\0';
    kind.state = state_by_name(text);
    if (kind.state == STATE_COUNT)
        stop("there is no state %s", text);
    kind.stack = strcmp(at + 1, "-") == 0 ? 0 : named("stack", at + 1);
    return kind;
}

static enum reader_kind parse_reader(const struct kind *kind)
{
    const char *name = option("reader");
    for (int i = 0; name != NULL && i < READER_KIND_COUNT; i++) {
        if (strcmp(name, reader_kind_name((enum reader_kind)i)) == 0)
            return (enum reader_kind)i;
    }
    if (kind->stack == 0)
        return READER_NONE;
    return state_on_cpu(kind->state) ? READER_CORE : READER_ASLEEP;
}

static void add_sample(uint32_t thread, const struct kind *kind, uint64_t elapsed, double delay, uint32_t ticks)
{
    struct timeline *timeline = &maker.threads[thread];
    struct sample sample = {.thread = thread, .stack = kind->stack, .ticks = ticks, .state = (uint8_t)kind->state};
    bool on_cpu = state_on_cpu(kind->state);
    sample.delay_ns = on_cpu ? (uint64_t)((double)elapsed * delay) : kind->state == STATE_RUNNABLE ? elapsed : 0;
    sample.run_ns = on_cpu ? elapsed - sample.delay_ns : 0;
    sample.reader = (uint8_t)parse_reader(kind);
    sample.marks = option("marks") != NULL ? (uint8_t)number(option("marks")) : 0;
    sample.place = option("place") != NULL ? (uint8_t)number(option("place")) : PLACE_UNKNOWN;
    sample.task = option("task") != NULL ? named("task", option("task")) : 0;
    timeline->now_ns += elapsed;
    sample.time_ns = timeline->now_ns;
    timeline->thread.run_ns += sample.run_ns;
    timeline->thread.delay_ns += sample.delay_ns;
    recording_add_sample(recording(), &sample);
    if (timeline->now_ns > maker.end_ns)
        maker.end_ns = timeline->now_ns;
}

void do_during(void)
{
    static struct kind kinds[WORDS_MAX];
    uint32_t thread = named("thread", word(1));
    uint64_t end = maker.threads[thread].now_ns + nanoseconds(word(2));
    double delay = option("delay") != NULL ? number(option("delay")) : 0, shares = 0;
    int n = 0;
    for (int i = 3; i < maker.n_words; i++) {
        if (strchr(maker.words[i], '@') == NULL)
            continue;
        kinds[n] = parse_kind(maker.words[i]);
        shares += kinds[n++].share;
    }
    if (n == 0 || delay < 0 || delay > 1)
        stop("during: a STATE@STACK and a delay of 0 to 1 are wanted");
    while (maker.threads[thread].now_ns < end) {
        uint64_t elapsed = (uint64_t)(-1e9 / maker.rate_hz * log(uniform()));
        double choice = uniform() * shares;
        int i = 0;
        while (i + 1 < n && choice >= kinds[i].share)
            choice -= kinds[i++].share;
        if (elapsed > end - maker.threads[thread].now_ns)
            elapsed = end - maker.threads[thread].now_ns;
        add_sample(thread, &kinds[i], elapsed, delay, 1);
    }
}

void do_sleep(void)
{
    uint32_t thread = named("thread", word(1));
    struct kind kind = parse_kind(word(3));
    double ticks = number(word(2)) * maker.rate_hz;
    add_sample(thread, &kind, nanoseconds(word(2)), 0, ticks >= 1 ? (uint32_t)ticks : 1);
}

void do_counter(void)
{
    struct counter counter = {.time_ns = nanoseconds(word(3)), .value = (int64_t)number(word(4)), .kind = 255};
    for (int i = 0; i < COUNTER_KIND_COUNT; i++) {
        if (strcmp(word(1), counter_name((enum counter_kind)i)) == 0)
            counter.kind = (uint8_t)i;
    }
    if (counter.kind == 255)
        stop("there is no counter %s", word(1));
    counter.subject = counter_of_core(counter.kind) ? (uint32_t)number(word(2)) : named("process", word(2));
    recording_add_counter(recording(), &counter);
}
