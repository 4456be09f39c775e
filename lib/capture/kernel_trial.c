#include "capture/kernel_trial.h"

#include "base/clock.h"

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
    uint64_t samples, wrong, took_ns;
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
    trial->samples++;
    trial->took_ns += sample->took_ns;
    trial->wrong += right ? 0 : 1;
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
    trial->wrong += code->owner == (uintptr_t)trial ? 0 : 1;
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

static double beyond_reading(double each_ns, const struct trial *trial)
{
    double ns = each_ns - (trial->samples > 0 ? (double)trial->took_ns / (double)trial->samples : 0);
    return ns > 0 && ns < INTERRUPT_MAX_NS ? ns : UNKNOWN_INTERRUPT_NS;
}

/* Samples that are not counted: the code objects are new in the first ones, which costs more. */
static void warm_up(struct kernel_sampler *sampler, struct trial *trial)
{
    kernel_sampler_period(sampler, PERIOD_NS);
    for (int i = 0; i < TRIES && trial->samples == 0; i++) {
        work_ns(WARM_ROUNDS);
        drain(sampler, trial);
    }
    trial->samples = trial->took_ns = 0;
}

/* The same work without interrupts and with them, in turns; the medians tell. */
static double measure(struct kernel_sampler *sampler, struct trial *trial)
{
    uint64_t without[SLICES], with[SLICES], rounds = 10000;
    while (work_ns(rounds) < WORK_NS && rounds < UINT64_C(1) << 40)
        rounds *= 2;
    for (int i = 0; i < SLICES; i++) {
        kernel_sampler_period(sampler, KERNEL_NEVER_NS);
        without[i] = work_ns(rounds);
        kernel_sampler_period(sampler, PERIOD_NS);
        with[i] = work_ns(rounds);
    }
    kernel_sampler_period(sampler, KERNEL_NEVER_NS);
    drain(sampler, trial);
    double bare_ns = median(without), slow_ns = median(with);
    return beyond_reading((slow_ns - bare_ns) * PERIOD_NS / slow_ns, trial);
}

int kernel_trial(struct kernel_sampler *sampler, double *interrupt_ns, bool *waits, struct err *err)
{
    struct trial trial;
    struct wire_thread thread;
    pid_t self = (pid_t)syscall(SYS_gettid);
    set_up(&trial, sampler, &thread);
    if (!kernel_sampler_watch(sampler, self, &thread))
        return err_set(err, ERR_NOT_SUPPORTED, "its table of threads cannot be written");
    warm_up(sampler, &trial);
    *interrupt_ns = measure(sampler, &trial);
    *waits = try_waits(sampler, &trial);
    kernel_sampler_unwatch(sampler, self);
    kernel_sampler_forget(sampler);
    if (trial.samples == 0)
        return err_set(err, ERR_NOT_SUPPORTED, "tried on ourselves, it read nothing");
    if (trial.wrong > 0)
        return err_set(err, ERR_NOT_SUPPORTED, "tried on ourselves, it read a wrong stack");
    return 0;
}
