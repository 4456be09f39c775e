#include "capture/trials/bench_run.h"

#include "base/clock.h"
#include "base/mem.h"
#include "capture/trials/command_line.h"
#include "capture/trials/snippet.h"
#include "capture/trials/trial_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 20, ROUNDS_ENOUGH = 8 };
static const uint64_t enough_ns = 60000000000u;

struct runner {
    struct bench *bench;
    const struct bench_plan *plan;
    const struct kei_watch *watch;
    struct program programs[BENCH_VARIANTS_MAX];
    FILE *outputs[BENCH_VARIANTS_MAX]; /* of the first run, where outputs are compared */
    struct program prepare, conclude;
    bool ran[BENCH_VARIANTS_MAX];
    int nowhere; /* /dev/null */
    uint64_t random;
};

static char label(size_t variant)
{
    return (char)('A' + variant);
}

static bool stopped(const struct runner *runner)
{
    return runner->watch != NULL && runner->watch->stop != NULL && runner->watch->stop(runner->watch->context);
}

/* ---- programs ------------------------------------------------------------------------------------------------------
 */

static int resolve_text(const char *text, struct program *program, struct err *err)
{
    struct command_line line;
    int rc = command_line_split(text, &line, err);
    if (rc == 0)
        rc = program_resolve(line.argv, program, err);
    command_line_release(&line);
    return rc;
}

/* What is not measured may be anything that a shell knows. */
static int resolve_shell(const char *text, struct program *program, struct err *err)
{
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)text, NULL};
    return program_resolve(argv, program, err);
}

static int resolve_snippet(const struct runner *runner, const struct bench_variant *variant, struct program *program,
                           struct err *err)
{
    char loops[24], values[8];
    snprintf(loops, sizeof loops, "%llu", (unsigned long long)variant->loops);
    snprintf(values, sizeof values, "%d", SNIPPET_VALUES);
    const char *interpreter = runner->plan->interpreter != NULL ? runner->plan->interpreter : "python3";
    char *argv[] = {(char *)interpreter,
                    (char *)"-c",
                    (char *)snippet_program,
                    variant->command,
                    (char *)(runner->plan->setup != NULL ? runner->plan->setup : "pass"),
                    loops,
                    values,
                    NULL};
    return program_resolve(argv, program, err);
}

static int resolve(struct runner *runner, size_t i, struct err *err)
{
    const struct bench_variant *variant = &runner->bench->variants[i];
    program_release(&runner->programs[i]);
    runner->programs[i] = (struct program){0};
    return runner->bench->python ? resolve_snippet(runner, variant, &runner->programs[i], err)
                                 : resolve_text(variant->command, &runner->programs[i], err);
}

static void runner_release(struct runner *runner)
{
    for (size_t i = 0; i < runner->bench->n; i++) {
        program_release(&runner->programs[i]);
        if (runner->outputs[i] != NULL)
            fclose(runner->outputs[i]);
    }
    program_release(&runner->prepare);
    program_release(&runner->conclude);
    if (runner->nowhere >= 0)
        close(runner->nowhere);
}

static int runner_start(struct runner *runner, struct err *err)
{
    int rc = 0;
    runner->nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (runner->nowhere < 0)
        return err_set(err, ERR_IO, "cannot open /dev/null: %s", strerror(errno));
    for (size_t i = 0; rc == 0 && i < runner->bench->n; i++)
        rc = resolve(runner, i, err);
    if (rc == 0 && runner->plan->prepare != NULL)
        rc = resolve_shell(runner->plan->prepare, &runner->prepare, err);
    if (rc == 0 && runner->plan->conclude != NULL)
        rc = resolve_shell(runner->plan->conclude, &runner->conclude, err);
    return rc;
}

/* ---- one run -------------------------------------------------------------------------------------------------------
 */

/* A file without a name, closed when the program that we start executes. */
static FILE *scratch(struct err *err)
{
    FILE *file = tmpfile();
    if (file == NULL || fcntl(fileno(file), F_SETFD, FD_CLOEXEC) != 0)
        err_set(err, ERR_IO, "cannot make a file for what a command prints: %s; free some space in /tmp",
                strerror(errno));
    return file;
}

static int run_beside(struct runner *runner, const struct program *program, const char *option, struct err *err)
{
    struct trial trial;
    const int streams[3] = {runner->nowhere, runner->nowhere, -1};
    if (program->executable == NULL)
        return 0;
    int rc = trial_run(program, streams, runner->watch, &trial, err);
    if (rc == 0 && trial.wait_status != 0)
        rc = err_set(err, ERR_GONE, "bench: the command of --%s ended with status %d; nothing was compared", option,
                     trial_exit_status(trial.wait_status));
    return rc;
}

/* The last line of what a command said on standard error, cut to fit a message. */
static void last_line(FILE *file, char *line, size_t size)
{
    char text[256] = "";
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    fseek(file, end > (long)sizeof text - 1 ? end - (long)sizeof text + 1 : 0, SEEK_SET);
    size_t length = fread(text, 1, sizeof text - 1, file);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\0'))
        length--;
    text[length] = '\0';
    const char *newline = strrchr(text, '\n');
    snprintf(line, size, "%.255s", newline != NULL ? newline + 1 : text);
}

/* Where two files differ, from byte 1 and line 1 on. False when they are equal. */
static bool files_differ(FILE *one, FILE *other, uint64_t *byte, uint64_t *line)
{
    int a, b;
    rewind(one);
    rewind(other);
    *byte = *line = 1;
    for (; (a = getc_unlocked(one)) == (b = getc_unlocked(other)); ++*byte) {
        if (a == EOF)
            return false;
        *line += a == '\n';
    }
    return true;
}

static int keep_trial(struct bench_variant *variant, const struct trial *trial)
{
    if (mem_grow(&variant->trials, &variant->capacity, variant->n + 1, sizeof *variant->trials) != 0)
        return ERR_NOMEM;
    variant->trials[variant->n++] = *trial;
    return 0;
}

/* A snippet's trial has the times of one loop. */
static int take_snippet(struct bench_variant *variant, FILE *out, bool measured, struct trial *trial, struct err *err)
{
    struct snippet_answer answer;
    double wall = 0, cpu = 0;
    if (snippet_read(out, &answer) != 0)
        return err_set(err, ERR_GONE, "bench: the statement %.100s ended its interpreter before it was timed",
                       variant->command);
    variant->loops = answer.loops;
    for (size_t i = 0; i < answer.n; i++) {
        wall += answer.wall[i] / (double)answer.n;
        cpu += answer.cpu[i] / (double)answer.n;
        if (!measured)
            continue;
        if (mem_grow(&variant->values, &variant->values_capacity, variant->n_values + 1, sizeof *variant->values) != 0)
            return ERR_NOMEM;
        variant->values[variant->n_values++] = answer.wall[i];
    }
    trial->values[MEASURE_WALL] = wall;
    trial->values[MEASURE_CPU] = cpu;
    return 0;
}

/* What a run left behind: how it ended, what it printed. */
static int take(struct runner *runner, size_t i, bool measured, struct trial *trial, FILE *files[2], struct err *err)
{
    struct bench_variant *variant = &runner->bench->variants[i];
    bool first = !runner->ran[i];
    int rc = 0;
    runner->ran[i] = true;
    if (trial->wait_status != 0) {
        char end[48], said[256];
        variant->failure = variant->failures++ == 0 ? trial->wait_status : variant->failure;
        last_line(files[1], said, sizeof said);
        if (WIFSIGNALED(trial->wait_status))
            snprintf(end, sizeof end, "signal %d", WTERMSIG(trial->wait_status));
        else
            snprintf(end, sizeof end, "exit status %d", WEXITSTATUS(trial->wait_status));
        if ((first || runner->bench->python) && !runner->bench->failures_ignored)
            return err_set(err, ERR_GONE,
                           "bench: %c (%.200s) ended with %s%s%s; --ignore-failure measures it all the same", label(i),
                           variant->command, end, said[0] != '\0' ? ": " : "", said);
    }
    if (runner->bench->python)
        rc = take_snippet(variant, files[0], measured, trial, err);
    if (runner->bench->output_compared && runner->outputs[i] != NULL) {
        uint64_t byte, line;
        variant->output_varies = variant->output_varies || files_differ(runner->outputs[i], files[0], &byte, &line);
    } else if (files[0] != NULL) {
        runner->outputs[i] = files[0];
        files[0] = NULL;
    }
    return rc == 0 && measured ? keep_trial(variant, trial) : rc;
}

static int run_variant(struct runner *runner, size_t i, bool measured, struct err *err)
{
    struct trial trial;
    bool wants_output = runner->bench->output_compared || runner->bench->python;
    FILE *files[2] = {wants_output ? scratch(err) : NULL, scratch(err)};
    int rc = files[1] == NULL || (wants_output && files[0] == NULL) ? ERR_IO : 0;
    if (rc == 0)
        rc = run_beside(runner, &runner->prepare, "prepare", err);
    if (rc == 0) {
        const int streams[3] = {runner->nowhere, files[0] != NULL ? fileno(files[0]) : runner->nowhere,
                                fileno(files[1])};
        rc = trial_run(&runner->programs[i], streams, runner->watch, &trial, err);
    }
    /* A run that Ctrl-C ended says nothing about the command. */
    if (rc == 0 && !(trial.wait_status != 0 && stopped(runner)))
        rc = take(runner, i, measured, &trial, files, err);
    if (rc == 0)
        rc = run_beside(runner, &runner->conclude, "conclude", err);
    for (int file = 0; file < 2; file++)
        if (files[file] != NULL)
            fclose(files[file]);
    return rc;
}

/* ---- rounds --------------------------------------------------------------------------------------------------------
 */

static size_t draw(struct runner *runner, size_t below)
{
    runner->random ^= runner->random << 13;
    runner->random ^= runner->random >> 7;
    runner->random ^= runner->random << 17;
    return (size_t)(runner->random % below);
}

/* Every command once. A round that was stopped in its middle is taken back: rounds are whole. */
static int run_round(struct runner *runner, bool measured, bool *whole, struct err *err)
{
    size_t order[BENCH_VARIANTS_MAX], n = runner->bench->n;
    int rc = 0;
    *whole = false;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t other = draw(runner, i), kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
    for (size_t i = 0; rc == 0 && i < n && !stopped(runner); i++) {
        rc = run_variant(runner, order[i], measured, err);
        if (rc == ERR_NOMEM)
            err_set(err, rc, "cannot keep more runs: out of memory; ask for fewer rounds");
    }
    *whole = rc == 0 && !stopped(runner);
    return rc;
}

static int warm_up(struct runner *runner, struct err *err)
{
    bool whole = true;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && whole && i < runner->plan->warmups; i++) {
        rc = run_round(runner, false, &whole, err);
        runner->bench->warmups += rc == 0 && whole;
    }
    for (size_t i = 0; rc == 0 && runner->bench->python && i < runner->bench->n; i++)
        rc = resolve(runner, i, err); /* with the loops that were found */
    return rc;
}

static int measure(struct runner *runner, struct err *err)
{
    struct bench *bench = runner->bench;
    uint64_t start_ns = clock_monotonic_ns();
    bool whole = true;
    int rc = 0;
    bench->asked = runner->plan->rounds > 0 ? runner->plan->rounds : ROUNDS;
    while (rc == 0 && bench->rounds < bench->asked) {
        if (runner->plan->rounds == 0 && bench->rounds >= ROUNDS_ENOUGH && clock_monotonic_ns() - start_ns > enough_ns)
            bench->asked = bench->rounds;
        else
            rc = run_round(runner, true, &whole, err);
        if (rc != 0 || !whole)
            break;
        bench->rounds = bench->rounds < bench->asked ? bench->rounds + 1 : bench->rounds;
        if (runner->watch != NULL && runner->watch->progress != NULL)
            runner->watch->progress(runner->watch->context, "round", bench->rounds, bench->asked);
    }
    for (size_t i = 0; i < bench->n; i++)
        bench->variants[i].n = bench->variants[i].n < bench->rounds ? bench->variants[i].n : bench->rounds;
    return rc;
}

static void compare_outputs(struct runner *runner)
{
    for (size_t i = 0; i < runner->bench->n; i++) {
        struct bench_variant *variant = &runner->bench->variants[i];
        FILE *own = runner->outputs[i], *other = runner->outputs[variant->reference];
        if (variant->reference != i && own != NULL && other != NULL)
            variant->output_differs = files_differ(other, own, &variant->differs_byte, &variant->differs_line);
    }
}

int bench_run(struct bench *bench, const struct bench_plan *plan, const struct kei_watch *watch, struct err *err)
{
    struct runner runner = {.bench = bench, .plan = plan, .watch = watch, .nowhere = -1};
    runner.random = bench->seed * 2862933555777941757u + 3037000493u;
    int rc = runner_start(&runner, err);
    if (rc == 0)
        rc = warm_up(&runner, err);
    if (rc == 0)
        rc = measure(&runner, err);
    if (rc == 0 && bench->output_compared)
        compare_outputs(&runner);
    runner_release(&runner);
    return rc;
}
