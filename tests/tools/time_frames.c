/*
 * Loaded into a program by the tests that ask where its time goes without sampling it: every call of a Python function,
 * and every resumption of a generator, stands between two readings of the clock. The functions here take the place of
 * the interpreter's own evaluation of a frame (PEP 523), so that the program's code is what it was, and what is done
 * beside the two readings belongs to the caller, on whose behalf a sampler finds it too.
 *
 * A frame is made the innermost one after the first reading, and is so no more before the second: the time between them
 * is never less than the function's own and one reading. What it is more, some nanoseconds a call and the freeing of
 * what only the frame held, is for the user to bound.
 *
 * A stretch that is longer than one between two calls can be had another program in it, or an interrupt: of such a one
 * the thread's CPU time counts, by the clock that the scheduler keeps and that takes too long to be read at every call.
 * For one thread, and with the GIL held: begin, work, end, then the rows. CPython 3.12 to 3.14.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { ROWS = 1024 }; /* a power of two; more code objects than any of the programs has */

struct row {
    void *code; /* owned */
    uint64_t calls;
    uint64_t made; /* calls of others by this one */
    uint64_t ns;   /* between its readings, without those of what it called */
};

typedef void *evaluate_fn(void *tstate, void *frame, int throw);

static struct {
    evaluate_fn *evaluate;
    void *(*code_of)(void *frame);
    void (*drop)(void *object);
    void *(*interpreter)(void);
    void (*set)(void *interpreter, evaluate_fn *evaluate);
} python;

static struct row rows[ROWS], outside;
static struct row *current = &outside;
static uint64_t last_ns, longest_ns;
static uint64_t cpu_ns, short_ns; /* of the thread at the last look at that clock, and by the other one since then */

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Keeps the code object where it is new. Where there is no room, the call counts as one from outside. */
static struct row *row_of(void *frame)
{
    void *code = python.code_of(frame);
    size_t at = ((uintptr_t)code >> 4) * 0x9e3779b1u;
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &rows[(at + i) % ROWS];
        if (row->code == NULL) {
            row->code = code;
            return row;
        }
        if (row->code == code) {
            python.drop(code);
            return row;
        }
    }
    python.drop(code);
    return &outside;
}

/* What has passed is that row's; the clock runs for the next one from here on. */
static void charge(struct row *row)
{
    uint64_t now = now_ns(CLOCK_MONOTONIC), passed = now - last_ns;
    if (passed <= longest_ns) {
        last_ns = now;
        short_ns += passed;
        row->ns += passed;
        return;
    }
    uint64_t cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t own = cpu - cpu_ns > short_ns ? cpu - cpu_ns - short_ns : 0;
    row->ns += own < passed ? own : passed;
    cpu_ns = cpu;
    short_ns = 0;
    last_ns = now_ns(CLOCK_MONOTONIC);
}

static void *timed(void *tstate, void *frame, int throw)
{
    struct row *caller = current, *row = row_of(frame);
    caller->made++;
    row->calls++;
    current = row;
    charge(caller);
    void *result = python.evaluate(tstate, frame, throw);
    charge(row);
    current = caller;
    return result;
}

#pragma GCC visibility push(default)

int time_frames_begin(uint64_t longest);
void time_frames_end(void);
double time_frames_reading_ns(void);
const struct row *time_frames_row(size_t at);

/* Of stretches above that many nanoseconds the CPU time is asked for. 0, or -1 where the interpreter lacks what it
 * takes. */
int time_frames_begin(uint64_t longest)
{
    python.evaluate = (evaluate_fn *)dlsym(RTLD_DEFAULT, "_PyEval_EvalFrameDefault");
    python.code_of = (void *(*)(void *))dlsym(RTLD_DEFAULT, "PyUnstable_InterpreterFrame_GetCode");
    python.drop = (void (*)(void *))dlsym(RTLD_DEFAULT, "Py_DecRef");
    python.interpreter = (void *(*)(void))dlsym(RTLD_DEFAULT, "PyInterpreterState_Get");
    python.set = (void (*)(void *, evaluate_fn *))dlsym(RTLD_DEFAULT, "_PyInterpreterState_SetEvalFrameFunc");
    if (!python.evaluate || !python.code_of || !python.drop || !python.interpreter || !python.set)
        return -1;
    longest_ns = longest;
    cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    last_ns = now_ns(CLOCK_MONOTONIC);
    python.set(python.interpreter(), timed);
    return 0;
}

void time_frames_end(void)
{
    charge(current);
    python.set(python.interpreter(), python.evaluate);
}

/* What one reading takes, the mean of some. */
double time_frames_reading_ns(void)
{
    enum { READINGS = 100000 };
    uint64_t sum = 0, fast = 0;
    for (uint64_t i = 0, before = now_ns(CLOCK_MONOTONIC); i < READINGS; i++) {
        uint64_t now = now_ns(CLOCK_MONOTONIC);
        if (now - before <= longest_ns) {
            sum += now - before;
            fast++;
        }
        before = now;
    }
    return fast != 0 ? (double)sum / (double)fast : 0;
}

/* The one at that place, empty where its code is NULL; NULL behind the last one. */
const struct row *time_frames_row(size_t at)
{
    return at < ROWS ? &rows[at] : NULL;
}
