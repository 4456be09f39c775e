#include "capture/kernel_trial.h"

#include "base/clock.h"
#include "capture/kernel_call_trial.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAMES = 3,
    SLICES = 9,
    MIDDLE = SLICES / 2,
    PERIOD_NS = 50 * 1000,
    WORK_NS = 500 * 1000, /* of one slice */
    WARM_ROUNDS = 100 * 1000,
    TRIES = 10,
    UNKNOWN_INTERRUPT_NS = 2000,
    INTERRUPT_MAX_NS = 100 * 1000,
    SLEEPS = 3,
    SLEEPS_MAX = 20,
    SLEEP_NS = 100 * 1000,
    SLEEP_MAX_NS = 1000 * 1000 * 1000
};
struct trial_frame {
    struct trial_frame *previous;
    uint64_t *code;
    uint64_t ip;
    uint64_t owner;
};
struct trial_state {
    uint64_t interpreter;
    struct trial_frame *frame;
};

struct trial {
    struct kernel_sampler *sampler;
    struct trial_state state;
    struct trial_frame frames[FRAMES];
    uint64_t codes[FRAMES][WIRE_BYTES / 8];
    struct wire_layout layout;
    struct trial_samples {
        uint64_t n, wrong, took_ns;
    } clocked, called;
    uint64_t wait_from_ns, waits_right; /* of the wait that is told of; those that were told of as they were */
};

static void set_up(struct trial *trial, struct kernel_sampler *sampler, struct wire_thread *thread)
{
    memset(trial, 0, sizeof *trial);
    trial->sampler = sampler;
    for (int i = 0; i < FRAMES; i++) {
        trial->frames[i] = (struct trial_frame){.previous = i + 1 < FRAMES ? &trial->frames[i + 1] : NULL,
                                                .code = trial->codes[i],
                                                .ip = (uintptr_t)trial->codes[i] + 16u + 2u * (unsigned)i,
                                                .owner = (unsigned)i};
        for (unsigned word = 0; word < 8; word++)
            trial->codes[i][word] = 0x1000u * (unsigned)(i + 1) + word;
    }
    trial->state = (struct trial_state){.interpreter = 42, .frame = trial->frames};
    *thread = (struct wire_thread){
        .owner = (uintptr_t)trial,
        .state = (uintptr_t)&trial->state,
        .interpreter = 42,
        .layout = {.thread_bytes = sizeof(struct trial_state),
                   .thread_interpreter = offsetof(struct trial_state, interpreter),
                   .thread_frame = offsetof(struct trial_state, frame),
                   .thread_cframe = WIRE_NONE,
                   .cframe_previous = WIRE_NONE,
                   .frame_bytes = sizeof(struct trial_frame),
                   .frame_previous = offsetof(struct trial_frame, previous),
                   .frame_code = offsetof(struct trial_frame, code),
                   .frame_ip = offsetof(struct trial_frame, ip),
                   .frame_owner = offsetof(struct trial_frame, owner),
                   .owner_mask = UINT8_MAX,
                   .frame_tlbc_index = WIRE_NONE,
                   .code_instructions = 16,
                   .code_tlbc = WIRE_NONE,
                   .code_bytes = 8 * sizeof(uint64_t),
                   .code_size = 8 * sizeof(uint64_t),
                   .code_texts = {WIRE_NONE, WIRE_NONE, WIRE_NONE},
                   .end_owner = FRAMES - 1,
                   .mark_text = WIRE_NONE,
                   .mark_words = {0, 8, 16, 24, 32, 40},
                   .mark_halves = {48, 52, 56, 60}},
    };
    trial->layout = thread->layout;
}

static void check(void *context, const struct wire_sample *sample, const struct wire_frame *frames)
{
    struct trial *trial = context;
    bool right = sample->owner == (uintptr_t)trial && sample->result == WIRE_OK && sample->depth == FRAMES;
    for (int i = 0; right && i < FRAMES; i++)
        right = frames[i].address == (uintptr_t)&trial->frames[i] && frames[i].code == (uintptr_t)trial->codes[i] &&
                frames[i].offset == 2 * i && frames[i].owner == i &&
                frames[i].mark ==
                    wire_mark(&trial->layout, (const uint8_t *)trial->codes[i], (uintptr_t)trial->codes[i], 0);
    if ((sample->flags & WIRE_WAITS) != 0) {
        trial->wait_from_ns = right && sample->call == SYS_clock_nanosleep ? sample->time_ns : 0;
        return;
    }
    struct trial_samples *of = (sample->flags & WIRE_CALLED) != 0 ? &trial->called : &trial->clocked;
    of->n++;
    of->took_ns += sample->took_ns;
    of->wrong += right ? 0 : 1;
}

static void end_wait(void *context, const struct wire_waited *waited)
{
    struct trial *trial = context;
    uint64_t length_ns = waited->time_ns - trial->wait_from_ns;
    bool right = waited->owner == (uintptr_t)trial && length_ns >= SLEEP_NS / 2 && length_ns < SLEEP_MAX_NS;
    trial->waits_right += right ? 1 : 0;
}

static void know(void *context, const struct wire_code *code, const uint8_t *table)
{
    struct trial *trial = context;
    (void)table;
    kernel_sampler_know(trial->sampler, code->mark);
    trial->clocked.wrong += code->owner == (uintptr_t)trial ? 0 : 1;
}

/* CPU time of so many rounds of a fixed work. */
static __attribute__((noinline)) uint64_t work_ns(uint64_t rounds)
{
    uint64_t start_ns = clock_thread_cpu_ns();
    for (volatile uint64_t i = 0; i < rounds; i++)
        ;
    return clock_thread_cpu_ns() - start_ns;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void drain(struct kernel_sampler *sampler, struct trial *trial)
{
    struct kernel_taker taker = {.context = trial, .sample = check, .waited = end_wait, .code = know};
    kernel_sampler_drain(sampler, &taker);
}

/* Are waits told of, with the stack and the length that they have? */
static bool try_waits(struct kernel_sampler *sampler, struct trial *trial)
{
    const struct timespec moment = {.tv_nsec = SLEEP_NS};
    if (!kernel_sampler_waits(sampler, 1))
        return false;
    /* where others want the core, a sleep may be over before it has begun */
    for (int i = 0; i < SLEEPS_MAX && trial->waits_right < SLEEPS; i++) {
        trial->wait_from_ns = 0;
        clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
        drain(sampler, trial);
    }
    kernel_sampler_waits(sampler, 0);
    return trial->waits_right == SLEEPS;
}

static double median(uint64_t *slices)
{
    qsort(slices, SLICES, sizeof slices[0], compare);
    return (double)slices[MIDDLE];
}

/* What one call takes: the middle one of the slices, each by its own calls, for where the target has the other core
 * some have few. False: too few have any. */
static bool of_each(const uint64_t *called, const unsigned *made, double bare_ns, double *each_ns)
{
    double each[SLICES];
    size_t n = 0;
    for (int i = 0; i < SLICES; i++) {
        if (made[i] > 0)
            each[n++] = ((double)called[i] - bare_ns) / made[i];
    }
    if (n <= SLICES / 2)
        return false;
    qsort(each, n, sizeof each[0], compare_doubles);
    *each_ns = each[n / 2];
    return true;
}

static double beyond_reading(double each_ns, const struct trial_samples *of)
{
    double ns = each_ns - (of->n > 0 ? (double)of->took_ns / (double)of->n : 0);
    return ns > 0 && ns < INTERRUPT_MAX_NS ? ns : UNKNOWN_INTERRUPT_NS;
}

/* Samples that are not counted: the code objects are new in the first ones, which costs more. */
static void warm_up(struct kernel_sampler *sampler, struct trial *trial)
{
    kernel_sampler_period(sampler, PERIOD_NS);
    for (int i = 0; i < TRIES && trial->clocked.n == 0; i++) {
        work_ns(WARM_ROUNDS);
        drain(sampler, trial);
    }
    trial->clocked.n = trial->clocked.took_ns = trial->called.n = trial->called.took_ns = 0;
}

/* The same work without interrupts, with those of the clock and with calls, in turns; the medians tell. */
static void measure(struct kernel_sampler *sampler, struct trial *trial, struct call_trial *calls,
                    struct kernel_cost *cost)
{
    uint64_t without[SLICES], clocked[SLICES], called[SLICES], rounds = 10000;
    unsigned made[SLICES] = {0};
    while (work_ns(rounds) < WORK_NS && rounds < UINT64_C(1) << 40)
        rounds *= 2;
    for (int i = 0; i < SLICES; i++) {
        kernel_sampler_period(sampler, KERNEL_NEVER_NS);
        without[i] = work_ns(rounds);
        if (calls != NULL) {
            unsigned before = atomic_load(&calls->made);
            call_trial_turn(calls, true);
            called[i] = work_ns(rounds);
            call_trial_turn(calls, false);
            made[i] = atomic_load(&calls->made) - before;
        }
        kernel_sampler_period(sampler, PERIOD_NS);
        clocked[i] = work_ns(rounds);
    }
    kernel_sampler_period(sampler, KERNEL_NEVER_NS);
    drain(sampler, trial);
    double bare_ns = median(without), slow_ns = median(clocked);
    cost->clock_ns = beyond_reading((slow_ns - bare_ns) * PERIOD_NS / slow_ns, &trial->clocked);
    double each_ns = 0;
    if (calls != NULL && of_each(called, made, bare_ns, &each_ns) && trial->called.n > 0 && trial->called.wrong == 0)
        cost->call_ns = beyond_reading(each_ns, &trial->called);
}

static void measure_both(struct kernel_sampler *sampler, struct trial *trial, struct kernel_cost *cost)
{
    struct call_trial calls;
    bool started = call_trial_start(&calls, sampler);
    bool learned = started && call_trial_learn(&calls);
    warm_up(sampler, trial);
    measure(sampler, trial, learned ? &calls : NULL, cost);
    if (started)
        call_trial_end(&calls);
}

int kernel_trial(struct kernel_sampler *sampler, struct kernel_cost *cost, bool *waits, struct err *err)
{
    struct trial trial;
    struct wire_thread thread;
    pid_t self = (pid_t)syscall(SYS_gettid);
    set_up(&trial, sampler, &thread);
    if (!kernel_sampler_watch(sampler, self, &thread))
        return err_set(err, ERR_NOT_SUPPORTED, "its table of threads cannot be written");
    measure_both(sampler, &trial, cost);
    *waits = try_waits(sampler, &trial);
    kernel_sampler_unwatch(sampler, self);
    kernel_sampler_forget(sampler);
    if (trial.clocked.n == 0)
        return err_set(err, ERR_NOT_SUPPORTED, "tried on ourselves, it read nothing");
    if (trial.clocked.wrong > 0)
        return err_set(err, ERR_NOT_SUPPORTED, "tried on ourselves, it read a wrong stack");
    return 0;
}
